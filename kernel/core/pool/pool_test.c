/* Pools, the heap, interned texts and timers, each against the simplest thing that could be right. */
#include "kernel/core/test/world.h"

#include "kernel/core/test/unit.h"

#include <stdlib.h>
#include <string.h>

struct thing {
    struct pool_item item;
    uint64_t value;
};

static void identities_are_never_reused(void **state) {
    (void)state;
    static struct thing memory[4];
    struct pool pool;
    pool_init(&pool, memory, sizeof(memory[0]), 4);
    struct thing *first = pool_take(&pool);
    uint64_t identity = pool_identity(first);
    assert_true(identity != 0 && (uint32_t)identity != 0);
    assert_ptr_equal(pool_find(&pool, identity), first);
    first->value = 5;
    pool_give_back(&pool, first);
    assert_null(pool_find(&pool, identity));
    struct thing *again = pool_take(&pool);
    assert_ptr_equal(again, first);
    assert_int_equal(again->value, 0);
    assert_null(pool_find(&pool, identity));
    assert_null(pool_find(&pool, 0));
    assert_null(pool_find(&pool, UINT64_MAX));
    assert_non_null(pool_take(&pool));
    assert_non_null(pool_take(&pool));
    assert_null(pool_take(&pool));
    assert_int_equal(pool.used, 3);
}

static void an_item_without_generations_is_retired(void **state) {
    (void)state;
    static struct thing memory[2];
    struct pool pool;
    pool_init(&pool, memory, sizeof(memory[0]), 2);
    struct thing *thing = pool_take(&pool);
    thing->item.generation = UINT32_MAX - 2;
    pool_give_back(&pool, thing);
    assert_null(pool_take(&pool));
    assert_int_equal(pool.used, 0);
}

static void untouched_items_stay_untouched(void **state) {
    (void)state;
    static struct thing memory[64];
    struct pool pool;
    memset(memory, 0, sizeof(memory));
    memset(&memory[3], 0xee, sizeof(memory) - 3 * sizeof(memory[0]));
    pool_init(&pool, memory, sizeof(memory[0]), 64);
    pool_give_back(&pool, pool_take(&pool));
    pool_take(&pool);
    assert_int_equal(pool.touched, 2);
    assert_int_equal(((uint8_t *)&memory[3])[0], 0xee);
}

/* ---- heap: random blocks, each filled with its own number; none may change another ---- */

#define BLOCKS 64u
#define HEAP_BYTES 16384u

static void heap_blocks_do_not_overlap(void **state) {
    (void)state;
    static _Alignas(64) uint8_t memory[HEAP_BYTES];
    static uint8_t marks[HEAP_BYTES / 32];
    struct heap heap;
    uint8_t *blocks[BLOCKS] = {NULL};
    size_t sizes[BLOCKS] = {0};
    uint32_t random = 1;
    heap_init(&heap, memory, HEAP_BYTES, marks, 32);
    for (uint32_t step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t i = random >> 26;
        if (blocks[i] != NULL) {
            for (size_t byte = 0; byte < sizes[i]; byte++)
                assert_int_equal(blocks[i][byte], i);
            heap_give_back(&heap, blocks[i]);
            blocks[i] = NULL;
            continue;
        }
        sizes[i] = 1 + (random >> 8) % 700;
        blocks[i] = heap_take(&heap, sizes[i]);
        if (blocks[i] != NULL)
            memset(blocks[i], (int)i, sizes[i]);
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        if (blocks[i] != NULL)
            heap_give_back(&heap, blocks[i]);
    }
    assert_int_equal(heap.used, 0);
    /* All of it is one piece again: half of it can be had at once. */
    assert_non_null(heap_take(&heap, HEAP_BYTES / 2));
    assert_null(heap_take(&heap, HEAP_BYTES));
}

/* ---- timers: against a linear search ---- */

#define TIMERS 50u

static void timers_come_in_order(void **state) {
    (void)state;
    struct timer *places[TIMERS + 1];
    struct timer timer[TIMERS];
    struct timers timers = {.heap = places};
    uint32_t random = 7;
    memset(timer, 0, sizeof(timer));
    for (uint32_t step = 0; step < 5000; step++) {
        random = random * 1664525 + 1013904223;
        struct timer *chosen = &timer[(random >> 10) % TIMERS];
        if ((random >> 28) < 4)
            timer_cancel(&timers, chosen);
        else
            timer_set(&timers, chosen, TIMER_WAIT, random >> 20);
        uint64_t earliest = UINT64_MAX;
        for (uint32_t i = 0; i < TIMERS; i++) {
            if (timer[i].position != 0 && timer[i].deadline_ns < earliest)
                earliest = timer[i].deadline_ns;
        }
        assert_true(timers_earliest_ns(&timers) == earliest);
    }
    uint64_t last = 0;
    for (struct timer *due = timers_take_due(&timers, UINT64_MAX); due != NULL;
         due = timers_take_due(&timers, UINT64_MAX)) {
        assert_true(due->deadline_ns >= last);
        last = due->deadline_ns;
    }
    assert_int_equal(timers.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities_are_never_reused),    cmocka_unit_test(an_item_without_generations_is_retired),
        cmocka_unit_test(untouched_items_stay_untouched), cmocka_unit_test(heap_blocks_do_not_overlap),
        cmocka_unit_test(timers_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
