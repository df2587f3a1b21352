/* The buddy allocator and its caches, against one owner for each frame. */
#include "kernel/machine/bare/mm/buddy.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"

#include <string.h>

#define FRAMES 1024u
#define HELD 128u

static struct frame table[FRAMES];

/* No block overlaps another, no two free buddies exist, and the count of free frames is right. */
static void check(const struct buddy *buddy) {
    uint64_t free = 0;
    for (uint32_t i = 0; i < buddy->count; i++) {
        if (buddy->frames[i].state != FRAME_FREE)
            continue;
        unsigned order = buddy->frames[i].order;
        assert_int_equal(i % (1u << order), 0);
        free += UINT64_C(1) << order;
        for (uint32_t j = i + 1; j < i + (1u << order); j++)
            assert_int_equal(buddy->frames[j].state, FRAME_INSIDE);
        uint32_t other = i ^ (1u << order);
        if (order + 1 < BUDDY_ORDERS && other < buddy->count)
            assert_false(buddy->frames[other].state == FRAME_FREE && buddy->frames[other].order == order);
    }
    assert_int_equal(free, buddy->free);
}

static void blocks_never_overlap(void **state) {
    (void)state;
    struct buddy buddy;
    uint32_t held[HELD], owner[FRAMES] = {0}, random = 5;
    buddy_init(&buddy, table, FRAMES);
    buddy_add(&buddy, 3, 700); /* neither end is aligned, and the rest stays reserved */
    check(&buddy);
    memset(held, 0xff, sizeof(held));
    for (uint32_t step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t i = (random >> 16) % HELD;
        if (held[i] != FRAME_NONE) {
            for (uint32_t j = 0; j < 1u << table[held[i]].order; j++) {
                assert_int_equal(owner[held[i] + j], i + 1);
                owner[held[i] + j] = 0;
            }
            buddy_give_back(&buddy, held[i]);
            held[i] = FRAME_NONE;
        } else if (buddy_take(&buddy, (random >> 8) % 6, &held[i]) == 0) {
            for (uint32_t j = 0; j < 1u << table[held[i]].order; j++) {
                assert_true(held[i] + j >= 3 && held[i] + j < 703);
                assert_int_equal(owner[held[i] + j], 0);
                owner[held[i] + j] = i + 1;
            }
        }
        if (step % 64 == 0)
            check(&buddy);
    }
    for (uint32_t i = 0; i < HELD; i++)
        if (held[i] != FRAME_NONE)
            buddy_give_back(&buddy, held[i]);
    check(&buddy);
    assert_int_equal(buddy.free, 700);
}

static void what_is_whole_again_can_be_had_at_once(void **state) {
    (void)state;
    struct buddy buddy;
    uint32_t frames[512], block;
    buddy_init(&buddy, table, FRAMES);
    buddy_add(&buddy, 512, 512);
    for (uint32_t i = 0; i < 512; i++)
        assert_int_equal(buddy_take(&buddy, 0, &frames[i]), 0);
    assert_int_equal(buddy_take(&buddy, 0, &block), GROVE_NO_MEMORY);
    for (uint32_t i = 0; i < 512; i++)
        buddy_give_back(&buddy, frames[(i * 37) % 512]);
    assert_int_equal(buddy_take(&buddy, 9, &block), 0);
    assert_int_equal(block, 512);
    assert_int_equal(buddy_take(&buddy, BUDDY_ORDERS, &block), GROVE_NO_MEMORY);
}

static void caches_hold_frames_and_give_them_back(void **state) {
    (void)state;
    struct buddy buddy;
    struct frame_cache cache = {.count = 0};
    uint32_t frames[FRAMES], count = 0, frame;
    buddy_init(&buddy, table, FRAMES);
    buddy_add(&buddy, 0, 300);
    while (frame_cache_take(&cache, &buddy, &frames[count]) == 0) {
        assert_int_equal(table[frames[count]].state, FRAME_USED);
        table[frames[count]].references = 7;
        count++;
    }
    assert_int_equal(count, 300);
    for (uint32_t i = 0; i < count; i++) {
        frame_cache_give_back(&cache, &buddy, frames[i]);
        assert_true(cache.count <= FRAME_CACHE_MAX);
    }
    assert_int_equal(buddy.free + cache.count, 300);
    assert_int_equal(frame_cache_take(&cache, &buddy, &frame), 0);
    assert_int_equal(table[frame].references, 0);
    frame_cache_give_back(&cache, &buddy, frame);
    frame_cache_flush(&cache, &buddy);
    assert_int_equal(buddy.free, 300);
    check(&buddy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_never_overlap),
        cmocka_unit_test(what_is_whole_again_can_be_had_at_once),
        cmocka_unit_test(caches_hold_frames_and_give_them_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
