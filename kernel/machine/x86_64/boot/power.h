/* Switching off and resetting: power_switch_off and power_reset of kernel/machine/bare/boot/power.h. */
#ifndef GROVE_X86_64_POWER_H
#define GROVE_X86_64_POWER_H

#include "kernel/machine/bare/boot/acpi_machine.h"
#include "kernel/machine/bare/boot/power.h"

/* `machine` stays where it is. Once the kernel's own tables are in use. */
void power_init(const struct acpi_machine *machine);

#endif
