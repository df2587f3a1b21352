/* What the fixed table and MCFG tell: see acpi_machine.h. */
#include "kernel/machine/bare/boot/acpi_machine.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/boot/acpi_tables.h"

#include <stddef.h>
#include <string.h>

/* Where the fields of the fixed table lie; an older table is shorter. */
#define FIXED_DSDT 40u
#define FIXED_CONTROL_A 64u
#define FIXED_CONTROL_B 68u
#define FIXED_CENTURY 108u
#define FIXED_ARCHITECTURE 109u
#define FIXED_FLAGS 112u
#define FIXED_RESET 116u
#define FIXED_RESET_VALUE 128u
#define FIXED_DSDT_LONG 140u
#define FIXED_SLEEP_CONTROL 244u
#define REGISTER_BYTES 12u /* space, width, offset, access size, address */

#define FLAG_RESET (1u << 10)
#define FLAG_HARDWARE_REDUCED (1u << 20)
#define ARCHITECTURE_NO_CLOCK (1u << 5)

/* Of a control register: sleep type, and the bit that begins the sleep. */
#define CONTROL_TYPE_SHIFT 10u
#define CONTROL_BEGIN (1u << 13)
#define SLEEP_TYPE_SHIFT 2u /* of the sleep control register */
#define SLEEP_BEGIN (1u << 5)
#define SLEEP_TYPE_MAX 7u

#define PCI_FIXED_BYTES 44u
#define PCI_RANGE_BYTES 16u

static bool has(const struct acpi_table *table, uint32_t offset, uint32_t size) {
    return table->size_bytes >= offset + size;
}

static uint32_t field32(const struct acpi_table *table, uint32_t offset) {
    return has(table, offset, 4) ? acpi_read32(table->bytes + offset) : 0;
}

static struct acpi_register field_register(const struct acpi_table *table, uint32_t offset) {
    struct acpi_register found = {0};
    if (!has(table, offset, REGISTER_BYTES))
        return found;
    const uint8_t *bytes = table->bytes + offset;
    if (bytes[0] == ACPI_SPACE_MEMORY || bytes[0] == ACPI_SPACE_PORTS)
        found = (struct acpi_register){.space = bytes[0], .address = acpi_read64(bytes + 4)};
    return found;
}

/* ---- sleep types: Name (_S5, Package {a, b, ...}) in the machine's own byte code, ACPI 6.5, sections 7.4.2 and 20.2 ---- */

#define CODE_NAME 0x08u
#define CODE_PACKAGE 0x12u
#define CODE_BYTE 0x0au
#define CODE_ONE 0x01u
#define CODE_ZERO 0x00u

/* A small constant at *at, which is moved behind it. */
static bool read_constant(const struct acpi_table *code, uint32_t *at, uint8_t *value) {
    if (*at + 2 > code->size_bytes)
        return false;
    uint8_t kind = code->bytes[*at];
    bool is_byte = kind == CODE_BYTE;
    *value = is_byte ? code->bytes[*at + 1] : kind;
    *at += is_byte ? 2 : 1;
    return (is_byte || kind == CODE_ZERO || kind == CODE_ONE) && *value <= SLEEP_TYPE_MAX;
}

/* What follows the name: a package, its length in one to four bytes, the number of its elements, and these. */
static bool read_sleep_types(const struct acpi_table *code, uint32_t at, uint8_t types[2]) {
    if (at + 4 > code->size_bytes || code->bytes[at] != CODE_PACKAGE)
        return false;
    at += 2u + (code->bytes[at + 1] >> 6);
    if (at >= code->size_bytes || code->bytes[at] == 0)
        return false;
    uint8_t elements = code->bytes[at++];
    if (!read_constant(code, &at, &types[0]))
        return false;
    if (elements < 2 || !read_constant(code, &at, &types[1]))
        types[1] = types[0];
    return true;
}

/* The byte code is not run: the name is looked for, as it can stand there for nothing else behind a name's own code. */
static bool find_sleep_types(const struct acpi_table *code, uint8_t types[2]) {
    for (uint32_t at = ACPI_HEADER_BYTES + 1; at + 4 < code->size_bytes; at++) {
        bool is_name =
            code->bytes[at - 1] == CODE_NAME || (code->bytes[at - 1] == '\\' && code->bytes[at - 2] == CODE_NAME);
        if (is_name && memcmp(code->bytes + at, "_S5_", 4) == 0)
            return read_sleep_types(code, at + 4, types);
    }
    return false;
}

static void read_power_off(const struct acpi_table *fixed, const struct acpi_table *code,
                           struct acpi_machine *machine) {
    uint8_t types[2];
    if (!find_sleep_types(code, types))
        return;
    if ((field32(fixed, FIXED_FLAGS) & FLAG_HARDWARE_REDUCED) != 0) {
        machine->power_off[0] =
            (struct acpi_command){.target = field_register(fixed, FIXED_SLEEP_CONTROL),
                                  .value = (uint16_t)((uint32_t)types[0] << SLEEP_TYPE_SHIFT | SLEEP_BEGIN),
                                  .is_byte = true};
        return;
    }
    for (uint32_t i = 0; i < 2; i++)
        machine->power_off[i] =
            (struct acpi_command){.target = {.space = ACPI_SPACE_PORTS,
                                             .address = field32(fixed, i == 0 ? FIXED_CONTROL_A : FIXED_CONTROL_B)},
                                  .value = (uint16_t)((uint32_t)types[i] << CONTROL_TYPE_SHIFT | CONTROL_BEGIN)};
}

/* ---- virtio: a device's name, and not far behind it its registers and its line, ACPI 6.5, sections 6.4.3.4 and 6.4.3.6 ---- */

#define VIRTIO_NAME "LNRO0005"
#define VIRTIO_NAME_BYTES 9u /* with its end */
#define RESOURCES_DISTANCE_MAX 128u
#define MEMORY_BYTES 12u
#define LINE_BYTES 9u

/* Fixed memory of 32 bits (read and write), then one interrupt. */
static bool is_resources(const uint8_t *bytes) {
    static const uint8_t memory[] = {0x86, 0x09, 0x00}, line[] = {0x89, 0x06, 0x00};
    return memcmp(bytes, memory, sizeof(memory)) == 0 && memcmp(bytes + MEMORY_BYTES, line, sizeof(line)) == 0 &&
           bytes[MEMORY_BYTES + 4] == 1;
}

static void read_virtio(const struct acpi_table *code, uint32_t name, struct acpi_machine *machine) {
    uint32_t at = name + VIRTIO_NAME_BYTES, end = at + RESOURCES_DISTANCE_MAX;
    for (; at < end && at + MEMORY_BYTES + LINE_BYTES <= code->size_bytes; at++) {
        const uint8_t *bytes = code->bytes + at;
        if (!is_resources(bytes))
            continue;
        machine->virtio[machine->virtio_count++] = (struct acpi_virtio){.address = acpi_read32(bytes + 4),
                                                                        .size_bytes = acpi_read32(bytes + 8),
                                                                        .line = acpi_read32(bytes + MEMORY_BYTES + 5)};
        return;
    }
}

static void find_virtio(const struct acpi_table *code, struct acpi_machine *machine) {
    for (uint32_t at = ACPI_HEADER_BYTES; at + VIRTIO_NAME_BYTES <= code->size_bytes; at++)
        if (machine->virtio_count < ACPI_VIRTIO_MAX && memcmp(code->bytes + at, VIRTIO_NAME, VIRTIO_NAME_BYTES) == 0)
            read_virtio(code, at, machine);
}

static void read_code(const struct physical_memory *memory, const struct acpi_table *fixed,
                      struct acpi_machine *machine) {
    struct acpi_table code;
    uint64_t address = has(fixed, FIXED_DSDT_LONG, 8) ? acpi_read64(fixed->bytes + FIXED_DSDT_LONG) : 0;
    if (address == 0)
        address = field32(fixed, FIXED_DSDT);
    if (acpi_open_table(memory, address, &code) < 0 || memcmp(code.bytes, "DSDT", 4) != 0)
        return;
    read_power_off(fixed, &code, machine);
    find_virtio(&code, machine);
}

static void read_fixed(const struct physical_memory *memory, const struct acpi_table *fixed,
                       struct acpi_machine *machine) {
    if ((field32(fixed, FIXED_FLAGS) & FLAG_RESET) != 0 && has(fixed, FIXED_RESET_VALUE, 1))
        machine->reset = (struct acpi_command){
            .target = field_register(fixed, FIXED_RESET), .value = fixed->bytes[FIXED_RESET_VALUE], .is_byte = true};
    if (has(fixed, FIXED_ARCHITECTURE, 2)) {
        machine->century_register = fixed->bytes[FIXED_CENTURY];
        machine->has_no_cmos_clock = (fixed->bytes[FIXED_ARCHITECTURE] & ARCHITECTURE_NO_CLOCK) != 0;
    }
    read_code(memory, fixed, machine);
}

static void read_pci_ranges(const struct acpi_table *table, struct acpi_machine *machine) {
    for (uint32_t at = PCI_FIXED_BYTES; has(table, at, PCI_RANGE_BYTES); at += PCI_RANGE_BYTES) {
        const uint8_t *bytes = table->bytes + at;
        struct acpi_pci_range range = {.address = acpi_read64(bytes),
                                       .segment = (uint16_t)(bytes[8] | bytes[9] << 8),
                                       .first_bus = bytes[10],
                                       .last_bus = bytes[11]};
        if (range.first_bus <= range.last_bus && machine->pci_ranges_count < ACPI_PCI_RANGES_MAX)
            machine->pci_ranges[machine->pci_ranges_count++] = range;
    }
}

void acpi_read_machine(const struct physical_memory *memory, uint64_t root_pointer, struct acpi_machine *machine) {
    struct acpi_table table;
    *machine = (struct acpi_machine){0};
    if (acpi_find_table(memory, root_pointer, "FACP", &table) == 0)
        read_fixed(memory, &table, machine);
    if (acpi_find_table(memory, root_pointer, "MCFG", &table) == 0)
        read_pci_ranges(&table, machine);
}
