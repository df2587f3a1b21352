/* The pages of a file: against a plain table, at the highest numbers, and with memory that runs out. */
#include "kernel/services/vfs/page_tree.h"

#include "kernel/services/vfs/test/world.h"

#include <stdlib.h>
#include <string.h>

#define NUMBERS 5000u

static void the_tree_holds_what_a_table_holds(void **state) {
    (void)state;
    struct world world;
    static void *table[NUMBERS];
    struct page_tree tree = {.root = NULL};
    uint32_t random = 3;
    uint64_t count = 0;
    world_begin(&world, &(struct tmpfs_limits){.mode = 0755});
    for (uint32_t step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t number = (random >> 10) % NUMBERS;
        if (random >> 29 == 0) { /* everything from a number on, in pieces */
            while (page_tree_remove(&tree, &world.machine, number, 7) > 0)
                continue;
            for (uint32_t i = number; i < NUMBERS; i++) {
                count -= table[i] != NULL;
                table[i] = NULL;
            }
        } else if (table[number] == NULL) {
            table[number] = world.machine.take_page(&world);
            assert_int_equal(page_tree_add(&tree, &world.machine, number, table[number]), 0);
            count++;
        }
        assert_ptr_equal(page_tree_find(&tree, number), table[number]);
        uint64_t found = UINT64_MAX, next = number;
        while (next < NUMBERS && table[next] == NULL)
            next++;
        assert_int_equal(page_tree_next(&tree, number, &found), next < NUMBERS);
        if (next < NUMBERS)
            assert_int_equal(found, next);
        assert_int_equal(tree.count, count);
    }
    while (page_tree_remove(&tree, &world.machine, 0, 100) > 0)
        continue;
    assert_null(tree.root);
    world_end(&world);
}

static void the_highest_numbers_have_a_place(void **state) {
    (void)state;
    static const uint64_t numbers[] = {UINT64_MAX, INT64_MAX / VFS_PAGE_BYTES, 1, 0, UINT64_C(1) << 60};
    struct world world;
    struct page_tree tree = {.root = NULL};
    uint64_t found;
    world_begin(&world, &(struct tmpfs_limits){.mode = 0755});
    for (unsigned i = 0; i < ITEMS(numbers); i++)
        assert_int_equal(page_tree_add(&tree, &world.machine, numbers[i], world.machine.take_page(&world)), 0);
    for (unsigned i = 0; i < ITEMS(numbers); i++)
        assert_non_null(page_tree_find(&tree, numbers[i]));
    assert_true(page_tree_next(&tree, 2, &found));
    assert_int_equal(found, numbers[1]);
    assert_true(page_tree_next(&tree, (UINT64_C(1) << 60) + 1, &found));
    assert_int_equal(found, UINT64_MAX);
    assert_int_equal(page_tree_remove(&tree, &world.machine, 0, 100), 5);
    assert_null(tree.root);
    world_end(&world);
}

/* Whatever request fails, the tree holds what it held and gives back all it took. */
static void without_memory_nothing_changes(void **state) {
    (void)state;
    for (uint64_t left = 0; left < 14; left++) {
        struct world world;
        struct page_tree tree = {.root = NULL};
        world_begin(&world, &(struct tmpfs_limits){.mode = 0755});
        void *first = world.machine.take_page(&world), *second = world.machine.take_page(&world);
        assert_int_equal(page_tree_add(&tree, &world.machine, 0, first), 0);
        world.requests_left = left;
        int status = page_tree_add(&tree, &world.machine, UINT64_C(1) << 30, second);
        assert_int_equal(status, left < 11 ? -LINUX_ENOMEM : 0); /* six levels of nodes, and five of another branch */
        assert_ptr_equal(page_tree_find(&tree, 0), first);
        assert_ptr_equal(page_tree_find(&tree, UINT64_C(1) << 30), status == 0 ? second : NULL);
        if (status != 0)
            world.machine.give_page_back(&world, second);
        page_tree_remove(&tree, &world.machine, 0, 2);
        world_end(&world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tree_holds_what_a_table_holds),
        cmocka_unit_test(the_highest_numbers_have_a_place),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
