/*
 * ACPI's way to the processors: root pointer (RSDP), root table (RSDT or XSDT), interrupt table (MADT). See acpi.h.
 *
 * A table is looked at twice: its header for the length, then all of it. Both looks go through `view`, so that a length
 * that reaches beyond memory is noticed there.
 */
#include "kernel/machine/bare/boot/acpi.h"

#include "grove/abi/status.h"

#include <string.h>

#define ROOT_POINTER_BYTES 20u /* of revision 0, which later ones begin with */
#define ROOT_POINTER_LONG_BYTES 36u
#define HEADER_BYTES 36u
#define SEARCH_START UINT64_C(0xe0000)
#define SEARCH_END UINT64_C(0x100000)

#define INTERRUPTS_FIXED_BYTES 44u /* the header, the local APIC's address and flags */
#define ENTRY_PROCESSOR 0u
#define ENTRY_LOCAL_APIC_ADDRESS 5u
#define ENTRY_PROCESSOR_LONG 9u
#define PROCESSOR_ENABLED 1u
#define PROCESSOR_MAY_BE_ENABLED 2u

struct table {
    const uint8_t *bytes;
    uint32_t size_bytes;
};

/* Little-endian numbers at any alignment. */
static uint32_t read32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t read64(const uint8_t *bytes) {
    return read32(bytes) | (uint64_t)read32(bytes + 4) << 32;
}

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

static int open_table(const struct physical_memory *memory, uint64_t address, struct table *table) {
    const uint8_t *header = view(memory, address, HEADER_BYTES);
    uint32_t size = header != NULL ? read32(header + 4) : 0;
    if (size < HEADER_BYTES || size > ACPI_TABLE_BYTES_MAX)
        return GROVE_INVALID;
    const uint8_t *bytes = view(memory, address, size);
    if (bytes == NULL || !sums_to_zero(bytes, size))
        return GROVE_INVALID;
    *table = (struct table){bytes, size};
    return 0;
}

/* The XSDT where the root pointer has one, else the RSDT; `entry_bytes` is the size of an address in it. */
static int open_root_table(const struct physical_memory *memory, uint64_t pointer, struct table *root,
                           uint32_t *entry_bytes) {
    const uint8_t *bytes = view(memory, pointer, ROOT_POINTER_BYTES);
    const uint8_t *longer = bytes != NULL && bytes[15] >= 2 ? view(memory, pointer, ROOT_POINTER_LONG_BYTES) : NULL;
    if (bytes == NULL)
        return GROVE_INVALID;
    bool is_long = longer != NULL && sums_to_zero(longer, ROOT_POINTER_LONG_BYTES) && read64(longer + 24) != 0;
    *entry_bytes = is_long ? 8 : 4;
    int status = open_table(memory, is_long ? read64(longer + 24) : read32(bytes + 16), root);
    if (status == 0 && memcmp(root->bytes, is_long ? "XSDT" : "RSDT", 4) != 0)
        return GROVE_INVALID;
    return status;
}

/* The first whole table with this signature; damaged ones of other kinds do not matter. */
static int find_table(const struct physical_memory *memory, const struct table *root, uint32_t entry_bytes,
                      const char *signature, struct table *found) {
    uint32_t count = (root->size_bytes - HEADER_BYTES) / entry_bytes;
    if (count > ACPI_TABLES_MAX)
        count = ACPI_TABLES_MAX;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = root->bytes + HEADER_BYTES + (size_t)i * entry_bytes;
        uint64_t address = entry_bytes == 8 ? read64(entry) : read32(entry);
        const uint8_t *header = view(memory, address, HEADER_BYTES);
        if (header != NULL && memcmp(header, signature, 4) == 0)
            return open_table(memory, address, found);
    }
    return GROVE_NOT_FOUND;
}

static void add_processor(struct acpi_processors *processors, uint32_t apic_id, uint32_t flags) {
    if ((flags & (PROCESSOR_ENABLED | PROCESSOR_MAY_BE_ENABLED)) == 0)
        return;
    for (uint32_t i = 0; i < processors->count; i++)
        if (processors->apic_ids[i] == apic_id)
            return;
    if (processors->count == ACPI_PROCESSORS_MAX)
        processors->is_cut = true;
    else
        processors->apic_ids[processors->count++] = apic_id;
}

static void read_entry(struct acpi_processors *processors, const uint8_t *entry, uint32_t size) {
    if (entry[0] == ENTRY_PROCESSOR && size >= 8)
        add_processor(processors, entry[3], read32(entry + 4));
    else if (entry[0] == ENTRY_PROCESSOR_LONG && size >= 16)
        add_processor(processors, read32(entry + 4), read32(entry + 8));
    else if (entry[0] == ENTRY_LOCAL_APIC_ADDRESS && size >= 12)
        processors->local_apic_address = read64(entry + 4);
}

static int read_interrupt_table(const struct table *table, struct acpi_processors *processors) {
    if (table->size_bytes < INTERRUPTS_FIXED_BYTES)
        return GROVE_INVALID;
    processors->local_apic_address = read32(table->bytes + HEADER_BYTES);
    for (uint32_t at = INTERRUPTS_FIXED_BYTES; at < table->size_bytes;) {
        uint32_t left = table->size_bytes - at;
        uint32_t size = left >= 2 ? table->bytes[at + 1] : 0;
        if (size < 2 || size > left)
            return GROVE_INVALID;
        read_entry(processors, table->bytes + at, size);
        at += size;
    }
    return 0;
}

int acpi_read_processors(const struct physical_memory *memory, uint64_t root_pointer,
                         struct acpi_processors *processors) {
    struct acpi_processors found = {0};
    struct table root = {0}, interrupts = {0};
    uint32_t entry_bytes = 0;
    int status = find_root_pointer(memory, &root_pointer);
    if (status == 0)
        status = open_root_table(memory, root_pointer, &root, &entry_bytes);
    if (status == 0)
        status = find_table(memory, &root, entry_bytes, "APIC", &interrupts);
    if (status == 0)
        status = read_interrupt_table(&interrupts, &found);
    if (status == 0)
        *processors = found;
    return status;
}
