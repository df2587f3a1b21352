/* The fixed table, its byte code and MCFG, made here: whole, short, and with every byte damaged. */
#include "kernel/machine/bare/boot/acpi_machine.h"

#include "kernel/core/test/unit.h"

#include <string.h>

#define MEMORY_START UINT64_C(0xe0000)
#define MEMORY_BYTES 2048u
#define ROOT_TABLE 0x80u
#define FIXED 0x100u
#define FIXED_BYTES 276u
#define CODE 0x300u
#define PCI 0x400u
#define PCI_BYTES 76u

struct memory {
    uint8_t bytes[MEMORY_BYTES];
};

static const uint8_t *view(void *context, uint64_t address, size_t size) {
    struct memory *memory = context;
    if (address < MEMORY_START || size > MEMORY_BYTES || address - MEMORY_START > MEMORY_BYTES - size)
        return NULL;
    return memory->bytes + (address - MEMORY_START);
}

static void put32(uint8_t *to, uint32_t value) {
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void mend(uint8_t *bytes, size_t count, size_t at) {
    uint8_t sum = 0;
    bytes[at] = 0;
    for (size_t i = 0; i < count; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

static void finish(struct memory *memory, size_t at, const char *signature, uint32_t size) {
    memcpy(memory->bytes + at, signature, 4);
    put32(memory->bytes + at + 4, size);
    mend(memory->bytes + at, size, 9);
}

static void make_root(struct memory *memory) {
    memcpy(memory->bytes, "RSD PTR ", 8);
    put32(memory->bytes + 16, (uint32_t)MEMORY_START + ROOT_TABLE);
    mend(memory->bytes, 20, 8);
    put32(memory->bytes + ROOT_TABLE + 36, (uint32_t)MEMORY_START + FIXED);
    put32(memory->bytes + ROOT_TABLE + 40, (uint32_t)MEMORY_START + PCI);
    finish(memory, ROOT_TABLE, "RSDT", 44);
}

/* As QEMU's q35 has it; `code` is put into the machine's byte code. */
static struct memory example(const uint8_t *code, size_t size) {
    struct memory memory = {{0}};
    uint8_t *fixed = memory.bytes + FIXED, *pci = memory.bytes + PCI;
    make_root(&memory);
    put32(fixed + 40, (uint32_t)MEMORY_START + CODE);
    put32(fixed + 64, 0x604);
    fixed[108] = 0x32;
    put32(fixed + 112, 1u << 10);
    fixed[116] = ACPI_SPACE_PORTS;
    put32(fixed + 120, 0xcf9);
    fixed[128] = 0x0f;
    fixed[244] = ACPI_SPACE_MEMORY;
    put32(fixed + 248, 0xfea00000);
    finish(&memory, FIXED, "FACP", FIXED_BYTES);
    memcpy(memory.bytes + CODE + 36, code, size);
    finish(&memory, CODE, "DSDT", 36 + (uint32_t)size);
    put32(pci + 44, 0xb0000000);
    pci[55] = 0xff;
    put32(pci + 60, 0xc0000000);
    pci[68] = 1;
    pci[70] = 9; /* ends before it begins */
    finish(&memory, PCI, "MCFG", PCI_BYTES);
    return memory;
}

static const uint8_t whole_code[] = {0x10, 0, 0x08, '_', 'S', '5', '_', 0x12, 0x06, 4, 0x0a, 5, 1, 0, 0, 0, 0, 0};

static struct acpi_machine read_all(struct memory *memory) {
    struct physical_memory access = {.view = view, .context = memory};
    struct acpi_machine machine;
    acpi_read_machine(&access, 0, &machine);
    return machine;
}

static void a_whole_machine_is_read(void **state) {
    (void)state;
    struct memory memory = example(whole_code, sizeof(whole_code));
    struct acpi_machine machine = read_all(&memory);
    assert_int_equal(machine.reset.target.space, ACPI_SPACE_PORTS);
    assert_int_equal(machine.reset.target.address, 0xcf9);
    assert_int_equal(machine.reset.value, 0x0f);
    assert_int_equal(machine.power_off[0].target.address, 0x604);
    assert_int_equal(machine.power_off[0].value, 5u << 10 | 1u << 13);
    assert_int_equal(machine.power_off[1].target.address, 0);
    assert_int_equal(machine.century_register, 0x32);
    assert_false(machine.has_no_cmos_clock);
    assert_int_equal(machine.pci_ranges_count, 1);
    assert_int_equal(machine.pci_ranges[0].address, 0xb0000000);
    assert_int_equal(machine.pci_ranges[0].last_bus, 0xff);
}

static void reduced_hardware_sleeps_by_a_register_of_its_own(void **state) {
    (void)state;
    struct memory memory = example(whole_code, sizeof(whole_code));
    put32(memory.bytes + FIXED + 112, 1u << 20);
    memory.bytes[FIXED + 109] = 1u << 5;
    finish(&memory, FIXED, "FACP", FIXED_BYTES);
    struct acpi_machine machine = read_all(&memory);
    assert_int_equal(machine.reset.target.address, 0);
    assert_int_equal(machine.power_off[0].target.space, ACPI_SPACE_MEMORY);
    assert_int_equal(machine.power_off[0].target.address, 0xfea00000);
    assert_int_equal(machine.power_off[0].value, 5u << 2 | 1u << 5);
    assert_true(machine.power_off[0].is_byte);
    assert_true(machine.has_no_cmos_clock);
}

static void sleep_types_that_are_none_are_refused(void **state) {
    (void)state;
    for (size_t size = 0; size < 12; size++) { /* cut anywhere */
        struct memory memory = example(whole_code, size);
        assert_int_equal(read_all(&memory).power_off[0].target.address, 0);
    }
    for (size_t at = 2; at < 11; at++) { /* changed anywhere but in what is skipped */
        uint8_t code[sizeof(whole_code)];
        memcpy(code, whole_code, sizeof(code));
        code[at] = at == 9 ? 0 : 0xfe;
        struct memory memory = example(code, sizeof(code));
        if (at != 8)
            assert_int_equal(read_all(&memory).power_off[0].target.address, 0);
    }
}

static void virtio_devices_are_found_by_their_name(void **state) {
    static const uint8_t device[] = {
        0x0d, 'L',  'N', 'R', 'O', '0', '0',  '0',  '5',  0,    0x08, '_', 'C', 'R',
        'S',  0x86, 9,   0,   1,   0,   0x10, 0xb0, 0xfe, 0,    2,    0,   0, /* at 0xfeb01000 */
        0x89, 6,    0,   3,   1,   23,  0,    0,    0,    0x79, 0};
    (void)state;
    struct memory memory = example(device, sizeof(device));
    struct acpi_machine machine = read_all(&memory);
    assert_int_equal(machine.virtio_count, 1);
    assert_int_equal(machine.virtio[0].address, 0xfeb01000);
    assert_int_equal(machine.virtio[0].size_bytes, 512);
    assert_int_equal(machine.virtio[0].line, 23);
    for (size_t size = 0; size < 36; size++) {
        memory = example(device, size);
        assert_int_equal(read_all(&memory).virtio_count, 0);
    }
}

static void an_old_or_damaged_table_tells_less(void **state) {
    (void)state;
    for (uint32_t size = 36; size < FIXED_BYTES; size++) {
        struct memory memory = example(whole_code, sizeof(whole_code));
        finish(&memory, FIXED, "FACP", size);
        struct acpi_machine machine = read_all(&memory);
        assert_int_equal(machine.reset.target.address, size > 128 ? 0xcf9 : 0);
        assert_int_equal(machine.century_register, size >= 111 ? 0x32 : 0);
    }
    for (size_t at = FIXED + 4; at < FIXED + FIXED_BYTES; at++) {
        struct memory memory = example(whole_code, sizeof(whole_code));
        memory.bytes[at] ^= 0x10;
        struct acpi_machine machine = read_all(&memory);
        assert_int_equal(machine.power_off[0].target.address, 0);
        assert_int_equal(machine.pci_ranges_count, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_machine_is_read),
        cmocka_unit_test(reduced_hardware_sleeps_by_a_register_of_its_own),
        cmocka_unit_test(sleep_types_that_are_none_are_refused),
        cmocka_unit_test(virtio_devices_are_found_by_their_name),
        cmocka_unit_test(an_old_or_damaged_table_tells_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
