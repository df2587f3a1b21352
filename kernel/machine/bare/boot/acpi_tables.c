/*
 * ACPI's way to a table: root pointer (RSDP), then root table (RSDT or XSDT). See acpi_tables.h.
 *
 * A table is looked at twice: its header for the length, then all of it. Both looks go through `view`, so that a length
 * that reaches beyond memory is noticed there.
 */
#include "kernel/machine/bare/boot/acpi_tables.h"

#include "grove/abi/status.h"

#include <stdbool.h>
#include <string.h>

#define ROOT_POINTER_BYTES 20u /* of revision 0, which later ones begin with */
#define ROOT_POINTER_LONG_BYTES 36u
#define HEADER_BYTES ACPI_HEADER_BYTES
#define SEARCH_START UINT64_C(0xe0000)
#define SEARCH_END UINT64_C(0x100000)

static bool sums_to_zero(const uint8_t *bytes, size_t count) {
    uint8_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum = (uint8_t)(sum + bytes[i]);
    return sum == 0;
}

static const uint8_t *view(const struct physical_memory *memory, uint64_t address, size_t size) {
    if (address == 0 || address > UINT64_MAX - size)
        return NULL;
    return memory->view(memory->context, address, size);
}

static bool is_root_pointer(const uint8_t *bytes) {
    return bytes != NULL && memcmp(bytes, "RSD PTR ", 8) == 0 && sums_to_zero(bytes, ROOT_POINTER_BYTES);
}

static int find_root_pointer(const struct physical_memory *memory, uint64_t *address) {
    if (*address != 0)
        return is_root_pointer(view(memory, *address, ROOT_POINTER_BYTES)) ? 0 : GROVE_INVALID;
    for (uint64_t at = SEARCH_START; at < SEARCH_END; at += 16) {
        if (is_root_pointer(view(memory, at, ROOT_POINTER_BYTES))) {
            *address = at;
            return 0;
        }
    }
    return GROVE_NOT_FOUND;
}

int acpi_open_table(const struct physical_memory *memory, uint64_t address, struct acpi_table *table) {
    const uint8_t *header = view(memory, address, HEADER_BYTES);
    uint32_t size = header != NULL ? acpi_read32(header + 4) : 0;
    if (size < HEADER_BYTES || size > ACPI_TABLE_BYTES_MAX)
        return GROVE_INVALID;
    const uint8_t *bytes = view(memory, address, size);
    if (bytes == NULL || !sums_to_zero(bytes, size))
        return GROVE_INVALID;
    *table = (struct acpi_table){bytes, size};
    return 0;
}

/* The XSDT where the root pointer has one, else the RSDT; `entry_bytes` is the size of an address in it. */
static int open_root_table(const struct physical_memory *memory, uint64_t pointer, struct acpi_table *root,
                           uint32_t *entry_bytes) {
    const uint8_t *bytes = view(memory, pointer, ROOT_POINTER_BYTES);
    const uint8_t *longer = bytes != NULL && bytes[15] >= 2 ? view(memory, pointer, ROOT_POINTER_LONG_BYTES) : NULL;
    if (bytes == NULL)
        return GROVE_INVALID;
    bool is_long = longer != NULL && sums_to_zero(longer, ROOT_POINTER_LONG_BYTES) && acpi_read64(longer + 24) != 0;
    *entry_bytes = is_long ? 8 : 4;
    int status = acpi_open_table(memory, is_long ? acpi_read64(longer + 24) : acpi_read32(bytes + 16), root);
    if (status == 0 && memcmp(root->bytes, is_long ? "XSDT" : "RSDT", 4) != 0)
        return GROVE_INVALID;
    return status;
}

/* The first whole table with this signature; damaged ones of other kinds do not matter. */
static int find_table(const struct physical_memory *memory, const struct acpi_table *root, uint32_t entry_bytes,
                      const char *signature, struct acpi_table *found) {
    uint32_t count = (root->size_bytes - HEADER_BYTES) / entry_bytes;
    if (count > ACPI_TABLES_MAX)
        count = ACPI_TABLES_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = root->bytes + HEADER_BYTES + (size_t)i * entry_bytes;
        uint64_t address = entry_bytes == 8 ? acpi_read64(entry) : acpi_read32(entry);
        const uint8_t *header = view(memory, address, HEADER_BYTES);
        if (header != NULL && memcmp(header, signature, 4) == 0)
            return acpi_open_table(memory, address, found);
    }
    return GROVE_NOT_FOUND;
}

int acpi_find_table(const struct physical_memory *memory, uint64_t root_pointer, const char *signature,
                    struct acpi_table *table) {
    struct acpi_table root = {0}, found = {0};
    uint32_t entry_bytes = 0;
    int status = find_root_pointer(memory, &root_pointer);
    if (status == 0)
        status = open_root_table(memory, root_pointer, &root, &entry_bytes);
    if (status == 0)
        status = find_table(memory, &root, entry_bytes, signature, &found);
    if (status == 0)
        *table = found;
    return status;
}
