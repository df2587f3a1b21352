/*
 * Processors and interrupt controllers as the firmware's tables tell of them: ACPI 6.5, section 5.2.12. What is true of all
 * tables stands in acpi_tables.h.
 */
#ifndef GROVE_BARE_ACPI_H
#define GROVE_BARE_ACPI_H

#include "kernel/machine/bare/boot/physical.h"

#include <stdbool.h>
#include <stdint.h>

#define ACPI_PROCESSORS_MAX 64u
#define ACPI_IO_APICS_MAX 8u
#define ACPI_OLD_INTERRUPTS 16u

struct acpi_io_apic {
    uint64_t address; /* physical, of its registers */
    uint32_t first_line; /* the number of its first input, among those of all */
};

/* Where an interrupt of the PC's old controllers arrives today. */
struct acpi_old_interrupt {
    uint32_t line; /* among the inputs of all I/O APICs */
    uint16_t flags; /* polarity in bits 0 and 1, trigger mode in bits 2 and 3; 0: as the bus has it */
};

struct acpi_processors {
    uint32_t count;
    bool is_cut; /* there are more than ACPI_PROCESSORS_MAX; the rest is left out */
    uint32_t apic_ids[ACPI_PROCESSORS_MAX]; /* each once, in the firmware's order */
    uint64_t local_apic_address;
    uint32_t io_apics_count; /* those beyond ACPI_IO_APICS_MAX are left out */
    struct acpi_io_apic io_apics[ACPI_IO_APICS_MAX];
    struct acpi_old_interrupt old_interrupts[ACPI_OLD_INTERRUPTS];
};

/*
 * The processors that may be started. `root_pointer` is where the boot loader says the RSDP lies; 0 to look for it
 * where a PC's firmware puts it. GROVE_NOT_FOUND: no RSDP, or no MADT; GROVE_INVALID: a table is damaged.
 */
int acpi_read_processors(const struct physical_memory *memory, uint64_t root_pointer,
                         struct acpi_processors *processors);

#endif
