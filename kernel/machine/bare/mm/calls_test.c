/* What the calls on memory do, on a machine of the test's own. */
#include "kernel/machine/bare/mm/test/memory_world.h"

#define RW (AREA_READ | AREA_WRITE)
#define FIXED (LINUX_MAP_PRIVATE | LINUX_MAP_FIXED)
#define PAGE(number) (WORLD_BASE + (uint64_t)(number)*PAGE_BYTES)

static void begin(struct space *space) {
    memory_world_begin();
    assert_int_equal(space_create(space), 0);
}

static void end(struct space *space) {
    space_destroy(space);
    memory_world_end();
}

static void memory_moves_with_its_contents(void **state) {
    (void)state;
    struct space space;
    uint8_t value;
    begin(&space);
    assert_int_equal(memory_world_map(&space, PAGE(0), 4, RW, FIXED), PAGE(0));
    for (unsigned i = 0; i < 4; i++)
        memory_world_put(&space, PAGE(i), (uint8_t)(i + 1));
    assert_int_equal(memory_call_remap(&space, PAGE(0), 4 * PAGE_BYTES, 2 * PAGE_BYTES, 0, 0), PAGE(0));
    assert_int_equal(memory_world_read(&space, PAGE(2), &value), -LINUX_EFAULT);
    assert_int_equal(memory_call_remap(&space, PAGE(0), 2 * PAGE_BYTES, 6 * PAGE_BYTES, 0, 0), PAGE(0));
    assert_int_equal(memory_world_byte(&space, PAGE(1)), 2);
    assert_int_equal(memory_world_byte(&space, PAGE(5)), 0);
    assert_int_equal(memory_world_map(&space, PAGE(6), 1, AREA_READ, FIXED), PAGE(6));
    assert_int_equal(memory_call_remap(&space, PAGE(0), 6 * PAGE_BYTES, 7 * PAGE_BYTES, 0, 0), -LINUX_ENOMEM);
    int64_t moved = memory_call_remap(&space, PAGE(0), 6 * PAGE_BYTES, 7 * PAGE_BYTES, LINUX_MREMAP_MAYMOVE, 0);
    assert_true(moved > 0 && moved != (int64_t)PAGE(0));
    assert_int_equal(memory_world_byte(&space, (uint64_t)moved + PAGE_BYTES), 2);
    assert_int_equal(memory_world_read(&space, PAGE(0), &value), -LINUX_EFAULT);
    uint64_t flags = LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_FIXED;
    assert_int_equal(memory_call_remap(&space, (uint64_t)moved, 2 * PAGE_BYTES, 2 * PAGE_BYTES, flags, PAGE(6)),
                     PAGE(6));
    assert_int_equal(memory_world_byte(&space, PAGE(7)), 2);
    memory_world_put(&space, PAGE(7), 3);
    assert_int_equal(memory_call_remap(&space, PAGE(6), 2 * PAGE_BYTES, 2 * PAGE_BYTES, flags, PAGE(7)), -LINUX_EINVAL);
    flags = LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_DONTUNMAP;
    moved = memory_call_remap(&space, PAGE(6), 2 * PAGE_BYTES, 2 * PAGE_BYTES, flags, 0);
    assert_int_equal(memory_world_byte(&space, (uint64_t)moved + PAGE_BYTES), 3);
    assert_int_equal(memory_world_byte(&space, PAGE(7)), 0);
    end(&space);
}

static void a_heap_grows_and_shrinks(void **state) {
    (void)state;
    struct space space;
    begin(&space);
    space.break_start = space.break_end = PAGE(0) + 100;
    assert_int_equal(memory_call_break(&space, 0), PAGE(0) + 100);
    assert_int_equal(memory_call_break(&space, PAGE(5) + 1), PAGE(5) + 1);
    memory_world_put(&space, PAGE(5), 1);
    assert_int_equal(memory_call_break(&space, PAGE(8)), PAGE(8));
    assert_int_equal(space.areas.count, 1);
    assert_int_equal(memory_call_break(&space, PAGE(3)), PAGE(3));
    assert_int_equal(memory_call_break(&space, PAGE(6)), PAGE(6));
    assert_int_equal(memory_world_byte(&space, PAGE(5)), 0);
    space.limits.data_bytes = 10 * PAGE_BYTES;
    assert_int_equal(memory_call_break(&space, PAGE(40)), PAGE(6));
    end(&space);
}

static void advice_and_locks_are_as_on_linux(void **state) {
    (void)state;
    struct space space;
    uint8_t there[4];
    begin(&space);
    assert_int_equal(memory_world_map(&space, PAGE(0), 4, RW, FIXED), PAGE(0));
    memory_world_put(&space, PAGE(1), 1);
    assert_int_equal(memory_call_in_core(&space, PAGE(0), there, 4), 0);
    assert_int_equal(there[0] | there[1] << 1 | there[2] << 2, 2);
    assert_int_equal(memory_call_in_core(&space, PAGE(3), there, 2), -LINUX_ENOMEM);
    assert_int_equal(memory_call_advise(&space, PAGE(0), 4 * PAGE_BYTES, 4), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(1)), 0);
    assert_int_equal(memory_call_advise(&space, PAGE(3), 2 * PAGE_BYTES, 4), -LINUX_ENOMEM);
    assert_int_equal(memory_call_advise(&space, PAGE(0) + 1, 1, 4), -LINUX_EINVAL);
    assert_int_equal(memory_call_advise(&space, PAGE(0), 1, 9), -LINUX_EINVAL);
    space.limits.locked_bytes = 2 * PAGE_BYTES;
    assert_int_equal(memory_call_lock(&space, PAGE(0) + 5, 2 * PAGE_BYTES, 0), -LINUX_ENOMEM);
    assert_int_equal(memory_call_lock(&space, PAGE(0) + 5, PAGE_BYTES, 0), 0);
    assert_int_equal(memory_call_lock(&space, PAGE(0), 2 * PAGE_BYTES, 0), 0); /* counted once */
    assert_int_equal(space.locked_bytes, 2 * PAGE_BYTES);
    assert_int_equal(memory_call_in_core(&space, PAGE(0), there, 1), 0);
    assert_int_equal(there[0], 1);
    assert_int_equal(memory_call_advise(&space, PAGE(0), PAGE_BYTES, 4), -LINUX_EINVAL);
    assert_int_equal(memory_call_sync(&space, PAGE(0), PAGE_BYTES, LINUX_MS_SYNC | LINUX_MS_INVALIDATE), -LINUX_EBUSY);
    assert_int_equal(memory_call_sync(&space, PAGE(0), PAGE_BYTES, LINUX_MS_SYNC), 0);
    assert_int_equal(memory_call_unlock(&space, PAGE(0), PAGE_BYTES), 0);
    assert_int_equal(space.locked_bytes, PAGE_BYTES);
    assert_int_equal(memory_call_lock_all(&space, LINUX_MCL_CURRENT), -LINUX_ENOMEM);
    space.limits.locked_bytes = UINT64_MAX;
    assert_int_equal(memory_call_lock_all(&space, LINUX_MCL_CURRENT | LINUX_MCL_FUTURE), 0);
    assert_int_equal(space.resident, 4);
    assert_int_equal(memory_call_unlock_all(&space), 0);
    assert_int_equal(space.locked_bytes, 0);
    end(&space);
}

static void words_are_read_where_they_lie(void **state) {
    (void)state;
    struct space space;
    begin(&space);
    const struct futex_memory *words = space.futex.memory;
    uint32_t value = 1, expected = 0;
    uint64_t both = 1;
    assert_int_equal(memory_world_map(&space, PAGE(0), 2, RW, FIXED), PAGE(0));
    assert_int_equal(words->load(&space.futex, PAGE(0), &value), -10); /* GROVE_WRONG_STATE */
    assert_int_equal(words->touch(&space.futex, PAGE(0)), 0);
    assert_int_equal(words->load(&space.futex, PAGE(0), &value), 0);
    assert_int_equal(words->exchange(&space.futex, PAGE(0), &expected, 77), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(0)), 77);
    assert_int_equal(words->load_long(&space.futex, PAGE(1) - 4, &both), 0);
    assert_int_equal(both, 0);
    assert_int_equal(words->touch(&space.futex, PAGE(2)), -1); /* GROVE_INVALID */
    assert_int_equal(space_protect(&space, PAGE(0), PAGE(2), AREA_READ), 0);
    assert_int_equal(words->exchange(&space.futex, PAGE(0), &expected, 1), -10);
    assert_int_equal(words->touch(&space.futex, PAGE(0)), -1);
    assert_int_equal(words->load(&space.futex, PAGE(0), &value), 0);
    assert_int_equal(value, 77);
    end(&space);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_moves_with_its_contents),
        cmocka_unit_test(a_heap_grows_and_shrinks),
        cmocka_unit_test(advice_and_locks_are_as_on_linux),
        cmocka_unit_test(words_are_read_where_they_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
