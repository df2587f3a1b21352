/* The processors and interrupt controllers of ACPI's interrupt table (MADT): see acpi.h. */
#include "kernel/machine/bare/boot/acpi.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/boot/acpi_tables.h"

#define INTERRUPTS_FIXED_BYTES 44u /* the header, the local APIC's address and flags */
#define ENTRY_PROCESSOR 0u
#define ENTRY_IO_APIC 1u
#define ENTRY_OVERRIDE 2u
#define ENTRY_LOCAL_APIC_ADDRESS 5u
#define ENTRY_PROCESSOR_LONG 9u
#define PROCESSOR_ENABLED 1u
#define PROCESSOR_MAY_BE_ENABLED 2u

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

static void add_io_apic(struct acpi_processors *processors, const uint8_t *entry) {
    if (processors->io_apics_count < ACPI_IO_APICS_MAX)
        processors->io_apics[processors->io_apics_count++] =
            (struct acpi_io_apic){.address = acpi_read32(entry + 4), .first_line = acpi_read32(entry + 8)};
}

static void read_entry(struct acpi_processors *processors, const uint8_t *entry, uint32_t size) {
    if (entry[0] == ENTRY_PROCESSOR && size >= 8)
        add_processor(processors, entry[3], acpi_read32(entry + 4));
    else if (entry[0] == ENTRY_PROCESSOR_LONG && size >= 16)
        add_processor(processors, acpi_read32(entry + 4), acpi_read32(entry + 8));
    else if (entry[0] == ENTRY_LOCAL_APIC_ADDRESS && size >= 12)
        processors->local_apic_address = acpi_read64(entry + 4);
    else if (entry[0] == ENTRY_IO_APIC && size >= 12)
        add_io_apic(processors, entry);
    else if (entry[0] == ENTRY_OVERRIDE && size >= 10 && entry[2] == 0 && entry[3] < ACPI_OLD_INTERRUPTS)
        processors->old_interrupts[entry[3]] =
            (struct acpi_old_interrupt){.line = acpi_read32(entry + 4), .flags = (uint16_t)(entry[8] | entry[9] << 8)};
}

static int read_interrupt_table(const struct acpi_table *table, struct acpi_processors *processors) {
    if (table->size_bytes < INTERRUPTS_FIXED_BYTES)
        return GROVE_INVALID;
    processors->local_apic_address = acpi_read32(table->bytes + ACPI_HEADER_BYTES);
    for (uint32_t i = 0; i < ACPI_OLD_INTERRUPTS; i++)
        processors->old_interrupts[i].line = i;
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
    struct acpi_table interrupts = {0};
    int status = acpi_find_table(memory, root_pointer, "APIC", &interrupts);
    if (status == 0)
        status = read_interrupt_table(&interrupts, &found);
    if (status == 0)
        *processors = found;
    return status;
}
