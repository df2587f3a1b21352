/*
 * Processors as the firmware's tables tell of them: ACPI 6.5, sections 5.2.5 to 5.2.8 and 5.2.12.
 *
 * Tables are input: every length, checksum and address is checked before it is followed, nothing is written, and the
 * amount of work is bounded by ACPI_TABLES_MAX and ACPI_TABLE_BYTES_MAX whatever they say.
 */
#ifndef GROVE_BARE_ACPI_H
#define GROVE_BARE_ACPI_H

#include "kernel/machine/bare/boot/physical.h"

#include <stdbool.h>
#include <stdint.h>

#define ACPI_PROCESSORS_MAX 64u
#define ACPI_TABLES_MAX 256u
#define ACPI_TABLE_BYTES_MAX (1u << 20)

struct acpi_processors {
    uint32_t count;
    bool is_cut; /* there are more than ACPI_PROCESSORS_MAX; the rest is left out */
    uint32_t apic_ids[ACPI_PROCESSORS_MAX]; /* each once, in the firmware's order */
    uint64_t local_apic_address;
};

/*
 * The processors that may be started. `root_pointer` is where the boot loader says the RSDP lies; 0 to look for it
 * where a PC's firmware puts it. GROVE_NOT_FOUND: no RSDP, or no MADT; GROVE_INVALID: a table is damaged.
 */
int acpi_read_processors(const struct physical_memory *memory, uint64_t root_pointer,
                         struct acpi_processors *processors);

#endif
