/* ACPI tables made here in a small physical memory, whole and with each of their bytes damaged. */
#include "kernel/machine/bare/boot/acpi.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_START UINT64_C(0xe0000)
#define MEMORY_BYTES 1024u
#define ROOT_POINTER 0x20u
#define ROOT_TABLE 0x80u
#define OTHER_TABLE 0x100u
#define INTERRUPTS 0x180u

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

static void set_sum(uint8_t *bytes, size_t count, size_t at) {
    uint8_t sum = 0;
    bytes[at] = 0;
    for (size_t i = 0; i < count; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)-sum;
}

static void finish_table(uint8_t *table, const char *signature, uint32_t size) {
    memcpy(table, signature, 4);
    put32(table + 4, size);
    set_sum(table, size, 9);
}

static void make_root(struct memory *memory, bool is_long) {
    static const uint8_t signature[8] = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '};
    uint8_t *pointer = memory->bytes + ROOT_POINTER, *table = memory->bytes + ROOT_TABLE;
    uint32_t entry_bytes = is_long ? 8 : 4;
    memcpy(pointer, signature, sizeof(signature));
    pointer[15] = is_long ? 2 : 0;
    put32(pointer + (is_long ? 24 : 16), (uint32_t)MEMORY_START + ROOT_TABLE);
    put32(pointer + 20, is_long ? 36 : 0);
    set_sum(pointer, 20, 8);
    set_sum(pointer, 36, 32);
    put32(table + 36, (uint32_t)MEMORY_START + OTHER_TABLE);
    put32(table + 36 + entry_bytes, (uint32_t)MEMORY_START + INTERRUPTS);
    finish_table(table, is_long ? "XSDT" : "RSDT", 36 + 2 * entry_bytes);
}

/* Four processors, of which one may not be used and one stands there twice; an address of the local APIC of its own. */
static struct memory example(bool is_long) {
    struct memory memory = {{0}};
    static const uint8_t entries[] = {
        0, 8,  0, 0, 1, 0, 0,    0, /* processor 0 */
        0, 8,  1, 5, 1, 0, 0,    0, /* processor 5 */
        0, 8,  2, 6, 0, 0, 0,    0, /* processor 6, which is not there */
        1, 12, 3, 0, 0, 0, 0xc0, 0xfe, 24, 0, 0, 0, /* an I/O APIC */
        2, 10, 0, 9, 5, 0, 0,    0,    13, 0, /* old interrupt 9 arrives at 5 */
        9, 16, 0, 0, 0, 1, 0,    0,    1,  0, 0, 0, 0, 0, 0, 0, /* processor 256 */
        9, 16, 0, 0, 5, 0, 0,    0,    1,  0, 0, 0, 0, 0, 0, 0, /* processor 5 again */
        5, 12, 0, 0, 0, 0, 0xe1, 0xfe, 0,  0, 0, 0,
    };
    make_root(&memory, is_long);
    finish_table(memory.bytes + OTHER_TABLE, "FACP", 40);
    memcpy(memory.bytes + INTERRUPTS + 44, entries, sizeof(entries));
    put32(memory.bytes + INTERRUPTS + 36, 0xfee00000);
    finish_table(memory.bytes + INTERRUPTS, "APIC", 44 + sizeof(entries));
    return memory;
}

static int read_all(struct memory *memory, uint64_t pointer, struct acpi_processors *processors) {
    struct physical_memory access = {.view = view, .context = memory};
    return acpi_read_processors(&access, pointer, processors);
}

static void processors_are_found_by_both_root_tables(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct memory memory = example(i % 2 == 1);
        struct acpi_processors processors;
        assert_int_equal(read_all(&memory, i < 2 ? 0 : MEMORY_START + ROOT_POINTER, &processors), 0);
        assert_int_equal(processors.count, 3);
        assert_int_equal(processors.apic_ids[0], 0);
        assert_int_equal(processors.apic_ids[1], 5);
        assert_int_equal(processors.apic_ids[2], 256);
        assert_int_equal(processors.local_apic_address, 0xfee10000);
        assert_int_equal(processors.io_apics_count, 1);
        assert_int_equal(processors.io_apics[0].address, 0xfec00000);
        assert_int_equal(processors.io_apics[0].first_line, 24);
        assert_int_equal(processors.old_interrupts[9].line, 5);
        assert_int_equal(processors.old_interrupts[9].flags, 13);
        assert_int_equal(processors.old_interrupts[4].line, 4);
    }
}

static void without_tables_nothing_is_found(void **state) {
    (void)state;
    struct memory memory = {{0}};
    struct acpi_processors processors = {.count = 7};
    assert_int_equal(read_all(&memory, 0, &processors), GROVE_NOT_FOUND);
    assert_int_equal(read_all(&memory, MEMORY_START, &processors), GROVE_INVALID);
    assert_int_equal(read_all(&memory, UINT64_MAX - 4, &processors), GROVE_INVALID);
    assert_int_equal(processors.count, 7);
}

/* A sum notices each single bit that is wrong in a table that is read. */
static void damaged_tables_are_refused(void **state) {
    (void)state;
    struct acpi_processors processors;
    for (size_t at = INTERRUPTS + 4; at < INTERRUPTS + 100; at++) {
        struct memory memory = example(true);
        memory.bytes[at] ^= 0x40;
        assert_int_equal(read_all(&memory, 0, &processors), GROVE_INVALID);
    }
}

static void entries_that_do_not_end_are_refused(void **state) {
    (void)state;
    static const uint8_t sizes[] = {0, 1, 255};
    for (unsigned i = 0; i < ITEMS(sizes); i++) {
        struct memory memory = example(false);
        struct acpi_processors processors;
        memory.bytes[INTERRUPTS + 45] = sizes[i];
        set_sum(memory.bytes + INTERRUPTS, memory.bytes[INTERRUPTS + 4], 9);
        assert_int_equal(read_all(&memory, 0, &processors), GROVE_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processors_are_found_by_both_root_tables),
        cmocka_unit_test(without_tables_nothing_is_found),
        cmocka_unit_test(damaged_tables_are_refused),
        cmocka_unit_test(entries_that_do_not_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
