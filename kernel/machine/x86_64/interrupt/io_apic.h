/*
 * The I/O APICs, through which lines of devices interrupt: Intel's 82093AA data sheet. All lines go to the processor that
 * booted, each with a vector of its own; those that nobody claimed are masked.
 *
 * Also what kernel/machine/bare/drivers/interrupt.h wants of a machine.
 */
#ifndef GROVE_X86_64_IO_APIC_H
#define GROVE_X86_64_IO_APIC_H

#include "kernel/machine/bare/boot/acpi.h"
#include "kernel/machine/bare/drivers/interrupt.h"

/* Map those of the table, which stays where it is, and mask all lines. Once, on the processor that booted. */
void io_apic_init(const struct acpi_processors *table);
/* A vector of a device: call who claimed it. False: nobody did. */
bool interrupt_deliver(uint64_t vector);

#endif
