/*
 * The firmware's tables: ACPI 6.5, sections 5.2.5 to 5.2.8.
 *
 * Tables are input: every length, checksum and address is checked before it is followed, nothing is written, and the
 * amount of work is bounded by ACPI_TABLES_MAX and ACPI_TABLE_BYTES_MAX whatever they say.
 */
#ifndef GROVE_BARE_ACPI_TABLES_H
#define GROVE_BARE_ACPI_TABLES_H

#include "kernel/machine/bare/boot/physical.h"

#include <stdint.h>

#define ACPI_TABLES_MAX 256u
#define ACPI_TABLE_BYTES_MAX (1u << 20)
#define ACPI_HEADER_BYTES 36u

/* A whole table, its header included; its checksum is right. */
struct acpi_table {
    const uint8_t *bytes;
    uint32_t size_bytes; /* at least ACPI_HEADER_BYTES */
};

/*
 * The first table with these four letters. `root_pointer` is where the boot loader says the RSDP lies; 0 to look for it
 * where a PC's firmware puts it. GROVE_NOT_FOUND: there is no RSDP, or no such table; GROVE_INVALID: one is damaged.
 */
int acpi_find_table(const struct physical_memory *memory, uint64_t root_pointer, const char *signature,
                    struct acpi_table *table);
/* The table at an address. GROVE_INVALID. */
int acpi_open_table(const struct physical_memory *memory, uint64_t address, struct acpi_table *table);

/* Little-endian numbers at any alignment. */
static inline uint32_t acpi_read32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static inline uint64_t acpi_read64(const uint8_t *bytes) {
    return acpi_read32(bytes) | (uint64_t)acpi_read32(bytes + 4) << 32;
}

#endif
