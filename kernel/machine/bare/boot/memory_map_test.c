/* The memory map against one flag for each page. */
#include "kernel/machine/bare/boot/memory_map.h"

#include "kernel/core/test/unit.h"

#include <string.h>

#define PAGES 64u
#define PAGE MEMORY_PAGE_BYTES

static void check_against(const struct memory_map *map, const bool *is_usable) {
    bool found[PAGES] = {false};
    uint64_t last = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        assert_true(map->ranges[i].start < map->ranges[i].end);
        assert_true(i == 0 || map->ranges[i].start > last);
        last = map->ranges[i].end;
        for (uint64_t page = map->ranges[i].start / PAGE; page < last / PAGE; page++)
            found[page] = true;
    }
    assert_memory_equal(found, is_usable, sizeof(found));
}

static void it_agrees_with_one_flag_for_each_page(void **state) {
    (void)state;
    uint32_t random = 3;
    for (uint32_t round = 0; round < 200; round++) {
        struct memory_map map = {0};
        bool is_usable[PAGES] = {false};
        for (uint32_t step = 0; step < 40; step++) {
            random = random * 1664525 + 1013904223;
            uint64_t start = (random >> 8) % (PAGES * PAGE), size = (random >> 20) % (PAGES * PAGE - start + 1);
            bool is_added = (random >> 4) % 2 == 0;
            if (is_added)
                memory_map_add(&map, start, size);
            else
                memory_map_remove(&map, start, size);
            for (uint64_t page = 0; page < PAGES; page++) {
                if (is_added && page * PAGE >= start && (page + 1) * PAGE <= start + size)
                    is_usable[page] = true;
                if (!is_added && size > 0 && page * PAGE < start + size && (page + 1) * PAGE > start)
                    is_usable[page] = false;
            }
            check_against(&map, is_usable);
        }
    }
}

static void a_list_that_is_nonsense_harms_nothing(void **state) {
    (void)state;
    struct memory_map map = {0};
    memory_map_add(&map, UINT64_MAX - 100, 50);
    memory_map_add(&map, UINT64_MAX - PAGE, UINT64_MAX);
    memory_map_add(&map, 100, 200);
    memory_map_add(&map, 0, 0);
    assert_int_equal(map.count, 0);
    assert_int_equal(memory_map_end(&map), 0);
    memory_map_add(&map, 0, 8 * PAGE);
    memory_map_remove(&map, 4 * PAGE, UINT64_MAX);
    assert_int_equal(memory_map_bytes(&map), 4 * PAGE);
    assert_int_equal(memory_map_end(&map), 4 * PAGE);
}

static void too_many_ranges_are_left_out(void **state) {
    (void)state;
    struct memory_map map = {0};
    for (uint64_t i = 0; i < MEMORY_MAP_MAX; i++)
        memory_map_add(&map, 2 * i * PAGE, PAGE);
    assert_false(map.is_cut);
    memory_map_add(&map, PAGE * 2 * MEMORY_MAP_MAX, PAGE);
    assert_true(map.is_cut);
    assert_int_equal(map.count, MEMORY_MAP_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_agrees_with_one_flag_for_each_page),
        cmocka_unit_test(a_list_that_is_nonsense_harms_nothing),
        cmocka_unit_test(too_many_ranges_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
