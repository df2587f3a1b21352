/* What both boot protocols tell, made here in a small physical memory: whole, cut and wrong. */
#include "kernel/machine/x86_64/boot/facts.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"
#include "kernel/machine/x86_64/boot/layout.h"

#include <string.h>

#define MEMORY_START UINT64_C(0x1000)
#define MIB (UINT64_C(1) << 20)

struct memory {
    uint8_t bytes[1024];
    size_t size;
};

static const uint8_t *view(void *context, uint64_t address, size_t size) {
    struct memory *memory = context;
    if (address < MEMORY_START || size > memory->size || address - MEMORY_START > memory->size - size)
        return NULL;
    return memory->bytes + (address - MEMORY_START);
}

static void put32(struct memory *memory, uint32_t value) {
    memcpy(memory->bytes + memory->size, &value, sizeof(value));
    memory->size += sizeof(value);
}

static void put64(struct memory *memory, uint64_t value) {
    memcpy(memory->bytes + memory->size, &value, sizeof(value));
    memory->size += sizeof(value);
}

static void put_map_entry(struct memory *memory, uint64_t start, uint64_t size, uint32_t kind) {
    put64(memory, start);
    put64(memory, size);
    put32(memory, kind);
    put32(memory, 0);
}

/* A map of 16 MiB with a hole that is also said to be usable, and an initramfs in it. */
static void put_map(struct memory *memory) {
    put_map_entry(memory, 4 * MIB, 4 * MIB, 2);
    put_map_entry(memory, 0, 16 * MIB, 1);
}

static struct memory pvh_example(void) {
    struct memory memory = {.size = 0};
    put32(&memory, BOOT_PVH);
    put32(&memory, 1);
    put32(&memory, 0);
    put32(&memory, 1); /* modules */
    put64(&memory, MEMORY_START + 56);
    put64(&memory, MEMORY_START + 88);
    put64(&memory, 0xf0000);
    put64(&memory, MEMORY_START + 104);
    put32(&memory, 2);
    put32(&memory, 0);
    put64(&memory, 12 * MIB); /* the module */
    put64(&memory, 5000);
    put64(&memory, 0);
    put64(&memory, 0);
    memcpy(memory.bytes + memory.size, "run=/init quiet", 16);
    memory.size += 16;
    put_map(&memory);
    return memory;
}

static void put_tag(struct memory *memory, uint32_t kind, const void *bytes, uint32_t size) {
    put32(memory, kind);
    put32(memory, size + 8);
    memcpy(memory->bytes + memory->size, bytes, size);
    memory->size = (memory->size + size + 7) & ~(size_t)7;
}

static struct memory multiboot_example(void) {
    static const char root_pointer[20] = "RSD PTR ";
    struct memory memory = {.size = 0}, map = {.size = 0}, module = {.size = 0};
    put32(&map, 24);
    put32(&map, 0);
    put_map(&map);
    put32(&module, 12 * MIB);
    put32(&module, 12 * MIB + 5000);
    put64(&memory, 0);
    put_tag(&memory, 3, module.bytes, (uint32_t)module.size);
    put_tag(&memory, 1, "run=/init quiet", 16);
    put_tag(&memory, 14, root_pointer, sizeof(root_pointer));
    put_tag(&memory, 6, map.bytes, (uint32_t)map.size);
    put_tag(&memory, 0, "", 0);
    memcpy(memory.bytes, &memory.size, 4);
    return memory;
}

static int read(struct memory *memory, bool is_pvh, struct boot_facts *facts) {
    struct physical_memory access = {.view = view, .context = memory};
    memset(facts, 0, sizeof(*facts));
    return (is_pvh ? facts_read_pvh : facts_read_multiboot)(&access, MEMORY_START, facts);
}

static void both_protocols_tell_the_same(void **state) {
    (void)state;
    for (unsigned is_pvh = 0; is_pvh < 2; is_pvh++) {
        struct memory memory = is_pvh ? pvh_example() : multiboot_example();
        struct boot_facts facts;
        assert_int_equal(read(&memory, is_pvh, &facts), 0);
        assert_string_equal(facts.command_line, "run=/init quiet");
        assert_int_equal(facts.initramfs, 12 * MIB);
        assert_int_equal(facts.initramfs_bytes, 5000);
        assert_true(facts.root_pointer != 0);
        /* The hole and the two pages of the initramfs are not there; Multiboot2's tags lie in usable memory too. */
        assert_int_equal(memory_map_bytes(&facts.memory), 12 * MIB - UINT64_C(2) * 4096 - (is_pvh ? 0 : 4096));
    }
}

static void a_root_pointer_lies_in_its_tag(void **state) {
    (void)state;
    struct memory memory = multiboot_example();
    struct boot_facts facts;
    assert_int_equal(read(&memory, false, &facts), 0);
    assert_memory_equal(memory.bytes + (facts.root_pointer - MEMORY_START), "RSD PTR ", 8);
}

static void what_is_cut_is_refused(void **state) {
    (void)state;
    for (unsigned is_pvh = 0; is_pvh < 2; is_pvh++) {
        struct memory whole = is_pvh ? pvh_example() : multiboot_example();
        for (size_t size = 0; size < whole.size; size++) {
            struct memory memory = whole;
            struct boot_facts facts;
            memory.size = size;
            assert_int_equal(read(&memory, is_pvh, &facts), GROVE_INVALID);
        }
    }
}

static void a_long_command_line_is_cut(void **state) {
    (void)state;
    struct boot_facts facts = {.initramfs = 0};
    char text[FACTS_COMMAND_LINE_BYTES + 10];
    memset(text, 'x', sizeof(text));
    facts_set_command_line(&facts, text, sizeof(text));
    assert_int_equal(strlen(facts.command_line), FACTS_COMMAND_LINE_BYTES - 1);
    assert_true(facts.is_command_line_cut);
    facts_set_command_line(&facts, text, 3);
    assert_string_equal(facts.command_line, "xxx");
    assert_false(facts.is_command_line_cut);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_protocols_tell_the_same),
        cmocka_unit_test(a_root_pointer_lies_in_its_tag),
        cmocka_unit_test(what_is_cut_is_refused),
        cmocka_unit_test(a_long_command_line_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
