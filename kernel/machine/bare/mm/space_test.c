/* Spaces, their pages and what shares them, on a machine of the test's own. */
#include "kernel/machine/bare/mm/space_look.h"
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

/* ---- private memory ---- */

static void memory_is_zero_and_then_what_was_written(void **state) {
    (void)state;
    struct space space;
    uint8_t value;
    begin(&space);
    assert_int_equal(memory_world_map(&space, PAGE(0), 4, RW, FIXED), PAGE(0));
    assert_int_equal(space.resident, 0);
    assert_int_equal(memory_world_byte(&space, PAGE(1) + 7), 0);
    memory_world_put(&space, PAGE(1) + 7, 9);
    assert_int_equal(memory_world_byte(&space, PAGE(1) + 7), 9);
    assert_int_equal(space.resident, 1);
    assert_int_equal(memory_world_read(&space, PAGE(4), &value), -LINUX_EFAULT);
    assert_int_equal(space_protect(&space, PAGE(1), PAGE(2), AREA_READ), 0);
    assert_int_equal(memory_world_write(&space, PAGE(1), 1), -LINUX_EACCES);
    assert_int_equal(memory_world_byte(&space, PAGE(1) + 7), 9);
    assert_int_equal(space_protect(&space, PAGE(1), PAGE(2), 0), 0);
    assert_int_equal(memory_world_read(&space, PAGE(1), &value), -LINUX_EACCES);
    assert_int_equal(space_protect(&space, PAGE(1), PAGE(2), RW), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(1) + 7), 9);
    assert_int_equal(space.areas.count, 1); /* they became one again */
    assert_int_equal(space_remove(&space, PAGE(1), PAGE(2)), 0);
    assert_int_equal(space.areas.count, 2);
    assert_int_equal(memory_world_read(&space, PAGE(1), &value), -LINUX_EFAULT);
    assert_int_equal(space.resident, 0);
    end(&space);
}

static void nothing_is_writable_and_executable(void **state) {
    (void)state;
    struct space space;
    begin(&space);
    assert_int_equal(memory_world_map(&space, PAGE(0), 1, AREA_ALL, FIXED), -LINUX_EACCES);
    assert_int_equal(memory_world_map(&space, PAGE(0), 1, RW, FIXED), PAGE(0));
    memory_world_put(&space, PAGE(0), 1);
    assert_int_equal(memory_world_map(&space, PAGE(0), 1, AREA_ALL, FIXED), -LINUX_EACCES);
    assert_int_equal(memory_world_byte(&space, PAGE(0)), 1); /* nothing was taken away for it */
    assert_int_equal(memory_call_protect(&space, PAGE(0), 1, AREA_WRITE | AREA_EXECUTE), -LINUX_EACCES);
    assert_int_equal(memory_call_protect(&space, PAGE(0), 1, AREA_READ | AREA_EXECUTE), 0);
    assert_int_equal(memory_world_write(&space, PAGE(0), 2), -LINUX_EACCES);
    end(&space);
}

static void a_stack_grows_to_its_limit(void **state) {
    (void)state;
    struct space space;
    uint64_t top = PAGE(2000);
    begin(&space);
    space.limits.stack_bytes = 600 * PAGE_BYTES;
    assert_int_equal(memory_world_map(&space, top - PAGE_BYTES, 1, RW, FIXED | LINUX_MAP_GROWSDOWN), top - PAGE_BYTES);
    memory_world_put(&space, top - 100 * PAGE_BYTES, 1);
    assert_int_equal(areas_find(&space.areas, top - 1)->start, top - 100 * PAGE_BYTES);
    assert_int_equal(memory_world_write(&space, top - 601 * PAGE_BYTES, 1), -LINUX_EFAULT);
    /* Something that comes too close stops it. */
    assert_int_equal(memory_world_map(&space, top - 400 * PAGE_BYTES, 1, RW, FIXED), top - 400 * PAGE_BYTES);
    assert_int_equal(memory_world_write(&space, top - 200 * PAGE_BYTES, 1), -LINUX_EFAULT);
    memory_world_put(&space, top - 143 * PAGE_BYTES, 1);
    end(&space);
}

/* ---- looking in from outside ---- */

static void others_can_look_in(void **state) {
    (void)state;
    struct space space;
    struct space_sums sums;
    struct area area;
    uint8_t got[6] = {9, 9, 9, 9, 9, 9};
    begin(&space);
    assert_int_equal(memory_world_map(&space, PAGE(0), 3, RW, FIXED), PAGE(0));
    assert_int_equal(memory_world_map(&space, PAGE(5), 1, AREA_READ, FIXED), PAGE(5));
    memory_world_put(&space, PAGE(1) - 1, 7);
    assert_int_equal(space_read(&space, PAGE(1) - 3, got, sizeof(got)), 0); /* over a page that is not there yet */
    assert_memory_equal(got, ((uint8_t[]){0, 0, 7, 0, 0, 0}), sizeof(got));
    assert_int_equal(space_count_present(&space, PAGE(0), PAGE(6)), 2);
    assert_int_equal(space_read(&space, PAGE(3) - 3, got, sizeof(got)), -LINUX_EFAULT);
    assert_int_equal(space_read(&space, UINT64_MAX - 2, got, 6), -LINUX_EFAULT);
    assert_true(space_look(&space, 0, &area));
    assert_int_equal(area.start, PAGE(0));
    assert_int_equal(area.protection, RW);
    assert_true(space_look(&space, area.end, &area));
    assert_int_equal(area.start, PAGE(5));
    assert_false(space_look(&space, area.end, &area));
    space_sums(&space, &sums);
    assert_int_equal(sums.bytes, 4 * PAGE_BYTES);
    assert_int_equal(sums.data_bytes, 3 * PAGE_BYTES);
    assert_true(sums.resident_bytes >= 2 * PAGE_BYTES);
    end(&space);
}

/* ---- fork ---- */

static void others_can_write_in(void **state) {
    (void)state;
    struct space space, child;
    size_t done;
    begin(&space);
    assert_int_equal(memory_world_map(&space, PAGE(0), 3, RW, FIXED), PAGE(0));
    assert_int_equal(memory_world_map(&space, PAGE(3), 1, AREA_READ, FIXED), PAGE(3));
    memory_world_put(&space, PAGE(1), 7);
    assert_int_equal(space_fork(&space, &child), 0);
    assert_int_equal(space_write(&child, PAGE(1) - 2, "abcd", 4, &done),
                     0); /* a page that is not there, and one that is shared */
    assert_int_equal(done, 4);
    assert_int_equal(memory_world_byte(&child, PAGE(1) - 2), 'a');
    assert_int_equal(memory_world_byte(&child, PAGE(1)), 'c');
    assert_int_equal(memory_world_byte(&space, PAGE(1)), 7);
    assert_int_equal(memory_world_byte(&space, PAGE(1) - 2), 0);
    assert_int_equal(space_write(&child, PAGE(3) - 2, "abcd", 4, &done), -LINUX_EACCES);
    assert_int_equal(done, 2);
    assert_int_equal(memory_world_byte(&child, PAGE(3) - 1), 'b');
    assert_int_equal(space_write(&child, PAGE(4), "a", 1, &done), -LINUX_EFAULT);
    assert_int_equal(space_write(&child, UINT64_MAX - 2, "abcdef", 6, &done), -LINUX_EFAULT);
    assert_int_equal(done, 0);
    space_destroy(&child);
    end(&space);
}

static void a_child_has_what_its_parent_had(void **state) {
    (void)state;
    struct space parent, child, grandchild;
    begin(&parent);
    assert_int_equal(memory_world_map(&parent, PAGE(0), 600, RW, FIXED), PAGE(0));
    for (unsigned i = 0; i < 600; i += 100)
        memory_world_put(&parent, PAGE(i), (uint8_t)i);
    uint64_t before = memory_world.frames;
    assert_int_equal(space_fork(&parent, &child), 0);
    assert_true(memory_world.frames - before <= 3); /* tables, and no page of memory */
    assert_int_equal(child.resident, 6);
    memory_world_put(&parent, PAGE(100), 1);
    assert_int_equal(memory_world_byte(&child, PAGE(100)), 100);
    memory_world_put(&child, PAGE(200), 2);
    assert_int_equal(memory_world_byte(&parent, PAGE(200)), 200);
    assert_int_equal(space_fork(&child, &grandchild), 0);
    memory_world_put(&child, PAGE(300), 3);
    assert_int_equal(memory_world_byte(&parent, PAGE(300)), 300 % 256);
    assert_int_equal(memory_world_byte(&grandchild, PAGE(300)), 300 % 256);
    assert_int_equal(memory_world_byte(&grandchild, PAGE(200)), 2);
    space_destroy(&child);
    space_destroy(&grandchild);
    before = memory_world.frames;
    for (unsigned i = 0; i < 600; i += 100) /* the parent is alone again: nothing is copied */
        memory_world_put(&parent, PAGE(i), 7);
    assert_int_equal(memory_world.frames, before);
    end(&parent);
}

static void areas_may_be_left_out_of_a_fork_or_wiped(void **state) {
    (void)state;
    struct space parent, child;
    uint8_t value;
    begin(&parent);
    assert_int_equal(memory_world_map(&parent, PAGE(0), 3, RW, FIXED), PAGE(0));
    for (unsigned i = 0; i < 3; i++)
        memory_world_put(&parent, PAGE(i), 5);
    assert_int_equal(memory_call_advise(&parent, PAGE(1), PAGE_BYTES, 10), 0); /* DONTFORK */
    assert_int_equal(memory_call_advise(&parent, PAGE(2), PAGE_BYTES, 18), 0); /* WIPEONFORK */
    assert_int_equal(memory_call_lock(&parent, PAGE(0), PAGE_BYTES, 0), 0);
    assert_int_equal(space_fork(&parent, &child), 0);
    assert_int_equal(memory_world_byte(&child, PAGE(0)), 5);
    assert_int_equal(memory_world_read(&child, PAGE(1), &value), -LINUX_EFAULT);
    assert_int_equal(memory_world_byte(&child, PAGE(2)), 0);
    assert_int_equal(memory_world_byte(&parent, PAGE(2)), 5);
    assert_int_equal(child.locked_bytes, 0);
    assert_int_equal(parent.locked_bytes, PAGE_BYTES);
    space_destroy(&child);
    end(&parent);
}

static void every_processor_sees_the_copy(void **state) {
    (void)state;
    struct space parent, child;
    begin(&parent);
    assert_int_equal(memory_world_map(&parent, PAGE(0), 1, RW, FIXED), PAGE(0));
    memory_world_put(&parent, PAGE(0), 1);
    memory_world_processor = 1;
    memory_world_put(&parent, PAGE(0), 2); /* and remembers that it may write */
    memory_world_processor = 0;
    assert_int_equal(space_fork(&parent, &child), 0);
    memory_world_processor = 1;
    memory_world_put(&parent, PAGE(0), 3);
    assert_int_equal(memory_world_byte(&child, PAGE(0)), 2);
    assert_int_equal(memory_world_byte(&parent, PAGE(0)), 3);
    memory_world_processor = 2;
    assert_int_equal(memory_world_byte(&child, PAGE(0)), 2); /* remembers the page that is the child's alone now */
    space_destroy(&child);
    assert_int_equal(space_fork(&parent, &child), 0);
    assert_int_equal(memory_world_byte(&parent, PAGE(0)), 3); /* remembers the page that both have */
    memory_world_processor = 1;
    memory_world_put(&parent, PAGE(0), 4);
    memory_world_processor = 2;
    assert_int_equal(memory_world_byte(&parent, PAGE(0)), 4);
    space_destroy(&child);
    end(&parent);
}

/* ---- objects ---- */

static struct memory_call_file file_of(struct memory_object *object, bool can_write) {
    return (struct memory_call_file){.object = object, .can_read = true, .can_write = can_write};
}

static void shared_memory_is_the_same_everywhere(void **state) {
    (void)state;
    struct space parent, child;
    begin(&parent);
    assert_int_equal(memory_world_map(&parent, PAGE(0), 3, RW, LINUX_MAP_SHARED | LINUX_MAP_FIXED), PAGE(0));
    memory_world_put(&parent, PAGE(0), 1);
    assert_int_equal(space_fork(&parent, &child), 0);
    memory_world_put(&child, PAGE(0), 2);
    memory_world_put(&child, PAGE(2), 3);
    assert_int_equal(memory_world_byte(&parent, PAGE(0)), 2);
    assert_int_equal(memory_world_byte(&parent, PAGE(2)), 3);
    struct futex_key ours, theirs;
    assert_int_equal(parent.futex.memory->identify(&parent.futex, PAGE(1) + 4, &ours), 0);
    assert_int_equal(child.futex.memory->identify(&child.futex, PAGE(1) + 4, &theirs), 0);
    assert_true(ours.object == theirs.object && ours.offset == theirs.offset);
    space_destroy(&parent);
    assert_int_equal(memory_world_byte(&child, PAGE(2)), 3);
    end(&child);
}

static void a_private_mapping_changes_no_object(void **state) {
    (void)state;
    struct space space;
    struct memory_object *object;
    begin(&space);
    assert_int_equal(memory_shared_create(NULL, 1000, &object), 0);
    struct memory_call_file file = file_of(object, true);
    int64_t shared = memory_call_map(&space, 0, 4 * PAGE_BYTES, RW, LINUX_MAP_SHARED, &file, 600 * PAGE_BYTES);
    int64_t private = memory_call_map(&space, 0, 4 * PAGE_BYTES, RW, LINUX_MAP_PRIVATE, &file, 600 * PAGE_BYTES);
    assert_true(shared > 0 && private > 0);
    assert_int_equal(object->writers, 1);
    for (unsigned i = 0; i < 4; i++)
        memory_world_put(&space, (uint64_t)shared + i * PAGE_BYTES, (uint8_t)(10 + i));
    assert_int_equal(memory_world_byte(&space, (uint64_t) private), 10);
    memory_world_put(&space, (uint64_t)shared, 20);
    assert_int_equal(memory_world_byte(&space, (uint64_t) private), 20); /* not its own yet */
    memory_world_put(&space, (uint64_t) private, 30);
    memory_world_put(&space, (uint64_t) private + PAGE_BYTES, 31);
    assert_int_equal(memory_world_byte(&space, (uint64_t)shared), 20);
    assert_int_equal(memory_world_byte(&space, (uint64_t)shared + PAGE_BYTES), 11);
    assert_int_equal(memory_world_byte(&space, (uint64_t) private + 2 * PAGE_BYTES), 12);
    memory_object_unref(object);
    end(&space);
}

static void how_a_file_is_open_says_what_may_be_mapped(void **state) {
    (void)state;
    struct space space;
    struct memory_object *object;
    uint8_t value;
    begin(&space);
    assert_int_equal(memory_shared_create(NULL, 2, &object), 0);
    struct memory_call_file readable = file_of(object, false), none = {.can_read = true, .can_write = true};
    struct memory_call_file writable = {.object = object, .can_write = true}, bad = {.status = -LINUX_EBADF};
    assert_int_equal(memory_call_map(&space, 0, PAGE_BYTES, RW, LINUX_MAP_SHARED, &readable, 0), -LINUX_EACCES);
    assert_int_equal(memory_call_map(&space, 0, PAGE_BYTES, AREA_READ, LINUX_MAP_SHARED, &writable, 0), -LINUX_EACCES);
    assert_int_equal(memory_call_map(&space, 0, PAGE_BYTES, AREA_READ, LINUX_MAP_SHARED, &none, 0), -LINUX_ENODEV);
    assert_int_equal(memory_call_map(&space, 0, PAGE_BYTES, AREA_READ, LINUX_MAP_SHARED, &bad, 0), -LINUX_EBADF);
    assert_int_equal(memory_call_map(&space, 0, PAGE_BYTES, AREA_READ, LINUX_MAP_SHARED, &readable, 7), -LINUX_EINVAL);
    int64_t at = memory_call_map(&space, 0, 3 * PAGE_BYTES, AREA_READ, LINUX_MAP_SHARED, &readable, 0);
    assert_true(at > 0);
    assert_int_equal(memory_call_protect(&space, (uint64_t)at, PAGE_BYTES, RW), -LINUX_EACCES);
    assert_int_equal(object->writers, 0);
    assert_int_equal(memory_world_byte(&space, (uint64_t)at + PAGE_BYTES), 0);
    assert_int_equal(memory_world_read(&space, (uint64_t)at + 2 * PAGE_BYTES, &value),
                     -LINUX_ENXIO); /* behind the end */
    memory_object_unref(object);
    end(&space);
}

static void pages_that_an_object_loses_are_gone_everywhere(void **state) {
    (void)state;
    struct space space, other;
    struct memory_object *object;
    begin(&space);
    assert_int_equal(memory_shared_create(NULL, 8, &object), 0);
    struct memory_call_file file = file_of(object, true);
    assert_int_equal(
        memory_call_map(&space, PAGE(0), 4 * PAGE_BYTES, RW, LINUX_MAP_SHARED | LINUX_MAP_FIXED, &file, 2 * PAGE_BYTES),
        PAGE(0));
    assert_int_equal(space_fork(&space, &other), 0);
    assert_int_equal(memory_call_map(&other, PAGE(8), 8 * PAGE_BYTES, RW, FIXED, &file, 0), PAGE(8));
    for (unsigned i = 0; i < 4; i++)
        memory_world_put(&space, PAGE(i), 1);
    for (unsigned i = 0; i < 8; i++)
        memory_world_put(&other, PAGE(8 + i), 2);
    memory_object_cut(object, 4, UINT64_MAX);
    assert_int_equal(space.resident, 2);
    assert_int_equal(other.resident, 4);
    assert_int_equal(memory_world_byte(&other, PAGE(8)), 2);
    assert_int_equal(memory_world_byte(&other, PAGE(8 + 4)),
                     1); /* not the copy any more; the object has still got it */
    space_destroy(&other);
    memory_object_unref(object);
    end(&space);
}

/* An object that loses its page while it is asked for it, the first time. */
static uint32_t asked;

static int lose_page(struct memory_object *object, uint64_t index, bool is_write, uint64_t *physical) {
    (void)index;
    (void)is_write;
    asked++;
    assert_int_equal(page_take(NULL, PAGE_ZEROED, physical), 0);
    *(uint8_t *)memory_view(*physical) = (uint8_t)asked;
    if (asked == 1)
        memory_object_cut(object, 0, 1);
    return 0;
}

static void leave(struct memory_object *object) {
    (void)object;
}

static void a_page_that_was_lost_on_the_way_is_asked_for_again(void **state) {
    static const struct memory_object_operations operations = {.get_page = lose_page, .release = leave};
    struct memory_object object;
    struct space space;
    (void)state;
    begin(&space);
    asked = 0;
    memory_object_init(&object, &operations, 0);
    assert_int_equal(space_map(&space, PAGE(0), PAGE(1), RW, AREA_SHARED, &object, 0), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(0)), 2);
    assert_int_equal(asked, 2);
    end(&space);
}

static void an_image_is_followed_by_zeros(void **state) {
    (void)state;
    static const uint8_t image[PAGE_BYTES + 5] = {[0] = 1, [PAGE_BYTES + 4] = 2};
    struct space space, child;
    begin(&space);
    assert_int_equal(space_add(&space, PAGE(0), PAGE(4), RW, image, sizeof(image)), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(0)), 1);
    assert_int_equal(memory_world_byte(&space, PAGE(1) + 4), 2);
    assert_int_equal(memory_world_byte(&space, PAGE(1) + 5), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(3)), 0);
    memory_world_put(&space, PAGE(0), 9);
    assert_int_equal(image[0], 1);
    assert_int_equal(space_fork(&space, &child), 0);
    assert_int_equal(memory_world_byte(&child, PAGE(0)), 9);
    memory_world_put(&child, PAGE(2), 1);
    space_destroy(&child);
    end(&space);
}

static void memory_that_is_there_anyway_is_not_counted(void **state) {
    (void)state;
    struct space space;
    struct memory_object *object;
    uint64_t physical;
    begin(&space);
    assert_int_equal(memory_take_zeroed_frame(&physical), 0);
    assert_int_equal(memory_fixed_create(physical, 1, 0, &object), 0);
    assert_int_equal(space_map(&space, PAGE(0), PAGE(1), AREA_READ, AREA_SHARED, object, 0), 0);
    assert_int_equal(space_map(&space, PAGE(1), PAGE(2), RW, 0, object, 0), 0);
    memory_object_unref(object);
    *(uint8_t *)memory_view(physical) = 5;
    assert_int_equal(memory_world_byte(&space, PAGE(0)), 5);
    assert_int_equal(space.resident, 0);
    memory_world_put(&space, PAGE(1), 6); /* a copy */
    assert_int_equal(memory_world_byte(&space, PAGE(0)), 5);
    assert_int_equal(space_remove(&space, PAGE(0), PAGE(2)), 0);
    memory_give_frame_back(physical);
    end(&space);
}

/* ---- budgets ---- */

static void what_is_had_is_charged_exactly(void **state) {
    (void)state;
    struct memory_account all, part;
    struct space space, child;
    memory_world_begin();
    memory_account_init(&all, NULL, 40);
    memory_account_init(&part, &all, 20);
    assert_int_equal(space_create_charged(&space, &part), 0);
    assert_int_equal(memory_world_map(&space, PAGE(0), 100, RW, FIXED), PAGE(0));
    unsigned written = 0;
    while (memory_world_write(&space, PAGE(written), 1) == 0)
        written++;
    assert_int_equal(part.used, 20); /* pages and tables */
    assert_int_equal(all.used, 20);
    assert_true(written == 18 && part.refusals > 0 && all.refusals == 0);
    assert_int_equal(space_fork(&space, &child), -LINUX_ENOMEM);
    assert_int_equal(part.used, 20);
    part.limit = 23;
    assert_int_equal(space_fork(&space, &child), 0);
    assert_int_equal(part.used, 22);
    memory_world_put(&child, PAGE(0), 2);
    assert_int_equal(memory_world_write(&child, PAGE(1), 2), -LINUX_ENOMEM);
    assert_int_equal(memory_world_byte(&child, PAGE(1)), 1);
    space_destroy(&space); /* the pages that both had stay charged */
    assert_int_equal(part.used, 20);
    space_destroy(&child);
    assert_int_equal(part.used, 0);
    assert_int_equal(all.used, 0);
    assert_int_equal(part.peak, 23);
    assert_int_equal(part.holders, 1);
    memory_account_unref(&part);
    assert_int_equal(all.holders, 1);
    memory_world_end();
}

/* Everything once, with memory that ends after `count` requests. Returns whether it was enough. */
static bool do_everything(uint64_t count) {
    struct space space, child;
    struct memory_object *object;
    memory_world_begin();
    memory_world.requests_left = count;
    if (space_create(&space) != 0)
        return false;
    bool is_good = memory_world_map(&space, PAGE(0), 20, RW, FIXED) == (int64_t)PAGE(0) &&
                   memory_world_write(&space, PAGE(3), 1) == 0;
    is_good &= memory_world_map(&space, PAGE(30), 5, RW, LINUX_MAP_SHARED | LINUX_MAP_FIXED) == (int64_t)PAGE(30);
    is_good &= memory_world_write(&space, PAGE(31), 1) == 0;
    is_good &= memory_call_protect(&space, PAGE(5), PAGE_BYTES, AREA_READ) == 0;
    is_good &= memory_call_remap(&space, PAGE(2), 2 * PAGE_BYTES, 4 * PAGE_BYTES, 3, PAGE(1600)) == (int64_t)PAGE(1600);
    is_good &= memory_call_remap(&space, PAGE(31), PAGE_BYTES, 2 * PAGE_BYTES, 1, 0) > 0;
    is_good &= memory_call_advise(&space, PAGE(1600), PAGE_BYTES, 10) == 0;
    is_good &= memory_call_unmap(&space, PAGE(7), PAGE_BYTES) == 0;
    if (memory_shared_create(NULL, 8, &object) == 0) {
        struct memory_call_file file = file_of(object, true);
        is_good &= memory_call_map(&space, PAGE(40), 4 * PAGE_BYTES, RW, FIXED, &file, 0) == (int64_t)PAGE(40);
        is_good &= memory_world_write(&space, PAGE(41), 1) == 0;
        memory_object_unref(object);
    }
    if (space_fork(&space, &child) == 0) {
        is_good &= memory_world_write(&child, PAGE(1601), 1) == 0;
        space_destroy(&child);
    } else {
        is_good = false;
    }
    end(&space);
    return is_good;
}

static void without_memory_nothing_is_left_over(void **state) {
    (void)state;
    uint64_t count = 0;
    while (!do_everything(count)) {
        memory_world_end();
        count++;
    }
    assert_true(count > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zero_and_then_what_was_written),
        cmocka_unit_test(nothing_is_writable_and_executable),
        cmocka_unit_test(a_stack_grows_to_its_limit),
        cmocka_unit_test(others_can_look_in),
        cmocka_unit_test(others_can_write_in),
        cmocka_unit_test(a_child_has_what_its_parent_had),
        cmocka_unit_test(areas_may_be_left_out_of_a_fork_or_wiped),
        cmocka_unit_test(every_processor_sees_the_copy),
        cmocka_unit_test(a_page_that_was_lost_on_the_way_is_asked_for_again),
        cmocka_unit_test(shared_memory_is_the_same_everywhere),
        cmocka_unit_test(a_private_mapping_changes_no_object),
        cmocka_unit_test(how_a_file_is_open_says_what_may_be_mapped),
        cmocka_unit_test(pages_that_an_object_loses_are_gone_everywhere),
        cmocka_unit_test(an_image_is_followed_by_zeros),
        cmocka_unit_test(memory_that_is_there_anyway_is_not_counted),
        cmocka_unit_test(what_is_had_is_charged_exactly),
        cmocka_unit_test(without_memory_nothing_is_left_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
