/* What day it is when the kernel begins. */
#ifndef GROVE_X86_64_WALL_H
#define GROVE_X86_64_WALL_H

#include "kernel/machine/bare/boot/acpi_machine.h"

/*
 * Set the wall clock: by `time=SECONDS` (since 1970) of the command line, else by the PC's clock, else to 1970. Says which on
 * the console. After clock_init.
 */
void wall_init(const struct acpi_machine *machine, const char *command_line);

#endif
