/* Page tables in a small memory of the test's own. */
#include "kernel/machine/x86_64/mm/page_table.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"

#include <string.h>

#define TABLES 64u
#define UPPER UINT64_C(0xffff800000000000)
#define TABLE_START UINT64_C(0x100000)

struct source {
    _Alignas(4096) uint64_t tables[TABLES][PAGE_TABLE_ENTRIES];
    bool is_used[TABLES];
    uint32_t used, limit, pages_released;
};

static struct source source;

static int take(void *context, uint64_t *physical) {
    struct source *from = context;
    for (uint32_t i = 0; i < from->limit; i++) {
        if (!from->is_used[i]) {
            from->is_used[i] = true;
            from->used++;
            memset(from->tables[i], 0, sizeof(from->tables[i]));
            *physical = TABLE_START + i * PAGE_BYTES;
            return 0;
        }
    }
    return GROVE_NO_MEMORY;
}

static void give_back(void *context, uint64_t physical) {
    struct source *from = context;
    uint64_t i = (physical - TABLE_START) / PAGE_BYTES;
    assert_true(from->is_used[i]);
    from->is_used[i] = false;
    from->used--;
}

static uint64_t *view(void *context, uint64_t physical) {
    struct source *from = context;
    assert_true(physical >= TABLE_START && physical < TABLE_START + TABLES * PAGE_BYTES);
    return from->tables[(physical - TABLE_START) / PAGE_BYTES];
}

static void release(uint64_t physical) {
    (void)physical;
    source.pages_released++;
}

static const struct page_table_memory memory = {.take = take, .give_back = give_back, .view = view};

static struct page_tables open(void) {
    struct page_tables tables = {.memory = &memory, .context = &source};
    memset(&source, 0, sizeof(source));
    source.limit = TABLES;
    assert_int_equal(take(&source, &tables.root), 0);
    return tables;
}

static void pages_are_as_large_as_they_may_be(void **state) {
    (void)state;
    struct page_tables tables = open();
    struct page_mapping found;
    /* From one page before 1 GiB to one page and 2 MiB behind 2 GiB. */
    uint64_t start = PAGE_BYTES_HUGE - PAGE_BYTES, size = PAGE_BYTES_HUGE + PAGE_BYTES_LARGE + 2 * PAGE_BYTES;
    assert_int_equal(page_map(&tables, UPPER + start, start, size, PAGE_WRITE | PAGE_GLOBAL, PAGE_BYTES_HUGE), 0);
    static const struct {
        uint64_t address, page_bytes;
    } expected[] = {
        {PAGE_BYTES_HUGE - 1, PAGE_BYTES},
        {PAGE_BYTES_HUGE, PAGE_BYTES_HUGE},
        {2 * PAGE_BYTES_HUGE - 1, PAGE_BYTES_HUGE},
        {2 * PAGE_BYTES_HUGE + 5, PAGE_BYTES_LARGE},
        {2 * PAGE_BYTES_HUGE + PAGE_BYTES_LARGE + 7, PAGE_BYTES},
    };
    for (unsigned i = 0; i < ITEMS(expected); i++) {
        assert_true(page_find(&tables, UPPER + expected[i].address, &found));
        assert_int_equal(found.physical, expected[i].address);
        assert_int_equal(found.page_bytes, expected[i].page_bytes);
        assert_int_equal(found.flags, PAGE_WRITE | PAGE_GLOBAL);
    }
    assert_false(page_find(&tables, UPPER + start - 1, &found));
    assert_false(page_find(&tables, UPPER + start + size, &found));
    assert_false(page_find(&tables, start, &found));
    assert_int_equal(page_map(&tables, UPPER + PAGE_BYTES_HUGE, 0, PAGE_BYTES, 0, PAGE_BYTES), GROVE_EXISTS);
}

static void no_page_is_writable_and_executable(void **state) {
    (void)state;
    struct page_tables tables = open();
    struct page_mapping found;
    assert_int_equal(page_map(&tables, 0, 0, PAGE_BYTES, PAGE_WRITE | PAGE_EXECUTE, PAGE_BYTES), GROVE_DENIED);
    assert_int_equal(page_map(&tables, 0, 0, PAGE_BYTES, PAGE_EXECUTE | PAGE_USER, PAGE_BYTES), 0);
    assert_true(page_find(&tables, 0, &found));
    assert_int_equal(found.flags, PAGE_EXECUTE | PAGE_USER);
    assert_int_equal(page_map(&tables, 0, 0, PAGE_BYTES, 0, PAGE_BYTES), GROVE_EXISTS);
    assert_false(page_protect(&tables, 0, PAGE_WRITE | PAGE_EXECUTE));
    assert_false(page_protect(&tables, PAGE_BYTES, PAGE_WRITE));
    assert_true(page_protect(&tables, 0, PAGE_WRITE));
    assert_true(page_find(&tables, 0, &found));
    assert_int_equal(found.flags, PAGE_WRITE);
}

static void tables_are_given_back(void **state) {
    (void)state;
    struct page_tables tables = open();
    assert_int_equal(page_map(&tables, UPPER, 0, PAGE_BYTES, PAGE_WRITE, PAGE_BYTES), 0);
    uint32_t kept = source.used;
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(page_map(&tables, i << 30, i * PAGE_BYTES, 2 * PAGE_BYTES, PAGE_USER, PAGE_BYTES), 0);
    assert_int_equal(page_unmap(&tables, UINT64_C(3) << 30), 3 * PAGE_BYTES);
    assert_int_equal(page_unmap(&tables, UINT64_C(3) << 30), 0);
    page_clear_lower_half(&tables, release);
    assert_int_equal(source.used, kept);
    assert_int_equal(source.pages_released, 39);
}

static void what_is_missing_is_passed_over(void **state) {
    (void)state;
    struct page_tables tables = open();
    static const uint64_t pages[] = {3 * PAGE_BYTES, 4 * PAGE_BYTES, PAGE_BYTES_LARGE, PAGE_BYTES_HUGE * 700};
    uint64_t end = UINT64_C(1) << 47, at = 0;
    for (unsigned i = 0; i < ITEMS(pages); i++)
        assert_int_equal(page_map(&tables, pages[i], 0, PAGE_BYTES, PAGE_USER, PAGE_BYTES), 0);
    for (unsigned i = 0; i < ITEMS(pages); i++) {
        at = page_next(&tables, at, end);
        assert_int_equal(at, pages[i]);
        at += PAGE_BYTES;
    }
    assert_true(page_next(&tables, at, end) == end);
    assert_int_equal(page_next(&tables, 0, PAGE_BYTES), PAGE_BYTES);
}

static void without_memory_it_is_said(void **state) {
    (void)state;
    struct page_tables tables = open();
    source.limit = 3;
    assert_int_equal(page_map(&tables, 0, 0, PAGE_BYTES, 0, PAGE_BYTES), GROVE_NO_MEMORY);
    page_clear_lower_half(&tables, NULL);
    assert_int_equal(source.used, 1);
}

/* ---- many pages at once ---- */

#define FIRST (PAGE_BYTES_LARGE - 3 * PAGE_BYTES) /* three pages before the next table */

/* Six pages from FIRST on at physical addresses 1 to 6, the fourth missing, the fifth kept. */
static struct page_tables open_with_pages(void) {
    struct page_tables tables = open();
    for (uint64_t i = 0; i < 6; i++)
        if (i != 3)
            assert_int_equal(page_map_one(&tables, FIRST + i * PAGE_BYTES, (i + 1) * PAGE_BYTES,
                                          PAGE_USER | PAGE_WRITE | (i == 4 ? PAGE_KEPT : 0u)),
                             0);
    return tables;
}

static void pages_are_taken_out_a_batch_at_a_time(void **state) {
    (void)state;
    struct page_tables tables = open_with_pages();
    struct page_batch batch = {.count = PAGE_BATCH - 2};
    uint64_t end = FIRST + 100 * PAGE_BYTES, at = page_unmap_some(&tables, FIRST, end, &batch);
    assert_int_equal(at, FIRST + 2 * PAGE_BYTES);
    assert_int_equal(batch.count, PAGE_BATCH);
    batch = (struct page_batch){.count = 0};
    assert_true(page_unmap_some(&tables, at, end, &batch) == end);
    assert_int_equal(batch.count, 2); /* the kept one is not among them */
    assert_int_equal(batch.pages[1], 6 * PAGE_BYTES);
    assert_true(batch.is_changed);
    batch = (struct page_batch){.count = 0};
    assert_true(page_unmap_some(&tables, 0, end, &batch) == end);
    assert_false(batch.is_changed);
}

static bool is_odd(uint64_t physical) {
    return physical / PAGE_BYTES % 2 != 0;
}

static void a_held_page_keeps_its_place(void **state) {
    (void)state;
    struct page_tables tables = open_with_pages();
    struct page_mapping found;
    uint64_t end = FIRST + 6 * PAGE_BYTES;
    assert_true(page_protect_range(&tables, FIRST, end, PAGE_HELD, is_odd));
    assert_true(page_find(&tables, FIRST, &found));
    assert_int_equal(found.flags & (PAGE_HELD | PAGE_USER | PAGE_WRITE), PAGE_HELD);
    assert_int_equal(page_next(&tables, 0, end), FIRST);
    assert_int_equal(page_map_one(&tables, FIRST, 0, PAGE_USER), GROVE_EXISTS);
    assert_false(page_protect_range(&tables, FIRST, end, PAGE_USER | PAGE_WRITE, is_odd));
    for (uint64_t i = 0; i < 6; i++) {
        assert_int_equal(page_find(&tables, FIRST + i * PAGE_BYTES, &found), i != 3);
        if (i == 3)
            continue;
        assert_int_equal(found.physical, (i + 1) * PAGE_BYTES);
        assert_int_equal((found.flags & PAGE_WRITE) != 0, i == 0 || i == 2); /* the fifth is odd, but kept */
        assert_int_equal((found.flags & PAGE_KEPT) != 0, i == 4);
    }
}

static uint64_t copies;

static void count_copy(uint64_t physical) {
    copies += physical / PAGE_BYTES;
}

static void a_copy_shares_the_pages(void **state) {
    (void)state;
    struct page_tables tables = open_with_pages(), other = {.memory = &memory, .context = &source};
    struct page_mapping found, copy;
    uint64_t count = 0;
    copies = 0;
    assert_int_equal(take(&source, &other.root), 0);
    assert_int_equal(page_copy_range(&tables, &other, 0, FIRST + 6 * PAGE_BYTES, count_copy, &count), 0);
    assert_int_equal(copies, 1 + 2 + 3 + 6);
    assert_int_equal(count, 4);
    for (uint64_t i = 0; i < 6; i++) {
        assert_int_equal(page_find(&other, FIRST + i * PAGE_BYTES, &copy), i != 3);
        if (i == 3)
            continue;
        assert_true(page_find(&tables, FIRST + i * PAGE_BYTES, &found));
        assert_int_equal(copy.physical, (i + 1) * PAGE_BYTES);
        assert_int_equal(found.physical, copy.physical);
        assert_int_equal(copy.flags, PAGE_USER | (i == 4 ? PAGE_KEPT : 0u));
        assert_int_equal(found.flags, copy.flags);
    }
    source.limit = source.used; /* no table for a third */
    struct page_tables third = {.root = other.root, .memory = &memory, .context = &source};
    page_clear_lower_half(&third, NULL);
    source.limit = source.used;
    assert_int_equal(page_copy_range(&tables, &third, 0, FIRST + 6 * PAGE_BYTES, count_copy, &count), GROVE_NO_MEMORY);
}

static void pages_move_with_all_that_is_theirs(void **state) {
    (void)state;
    struct page_tables tables = open_with_pages();
    struct page_mapping found;
    uint64_t target = PAGE_BYTES_HUGE + 5 * PAGE_BYTES;
    assert_int_equal(page_move_range(&tables, FIRST, target, 6 * PAGE_BYTES), 0);
    assert_int_equal(page_next(&tables, 0, PAGE_BYTES_HUGE), PAGE_BYTES_HUGE);
    for (uint64_t i = 0; i < 6; i++) {
        assert_int_equal(page_find(&tables, target + i * PAGE_BYTES, &found), i != 3);
        if (i == 3)
            continue;
        assert_int_equal(found.physical, (i + 1) * PAGE_BYTES);
        assert_int_equal(found.flags, PAGE_USER | PAGE_WRITE | (i == 4 ? PAGE_KEPT : 0u));
    }
    page_replace(&tables, target, 77 * PAGE_BYTES, PAGE_USER);
    assert_true(page_find(&tables, target + 1, &found));
    assert_int_equal(found.physical, 77 * PAGE_BYTES + 1);
    page_clear_lower_half(&tables, release);
    assert_int_equal(source.pages_released, 4);
    assert_int_equal(source.used, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_as_large_as_they_may_be),
        cmocka_unit_test(no_page_is_writable_and_executable),
        cmocka_unit_test(tables_are_given_back),
        cmocka_unit_test(what_is_missing_is_passed_over),
        cmocka_unit_test(without_memory_it_is_said),
        cmocka_unit_test(pages_are_taken_out_a_batch_at_a_time),
        cmocka_unit_test(a_held_page_keeps_its_place),
        cmocka_unit_test(a_copy_shares_the_pages),
        cmocka_unit_test(pages_move_with_all_that_is_theirs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
