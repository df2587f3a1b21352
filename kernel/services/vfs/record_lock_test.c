/* Record locks: against a plain table of bytes, ranges, owners, waiting, and circles. */
#include "kernel/services/vfs/record_lock.h"

#include "kernel/services/vfs/descriptors.h"
#include "kernel/services/vfs/test/world.h"

#include <string.h>

#define OWNERS 3u
#define BYTES 40u

static const struct tmpfs_limits no_limits = {.mode = 0755};
static const char owners[OWNERS]; /* only their addresses count */

static struct record_owner owner_of(unsigned number) {
    return (struct record_owner){.owner = &owners[number], .process = (int32_t)number + 100};
}

static int set(struct open_file *file, unsigned owner, enum record_kind kind, int64_t first, int64_t last, bool waits) {
    struct record_range range = {.first = first, .last = last};
    struct record_owner who = owner_of(owner);
    return record_lock_set(file, &who, kind, &range, waits);
}

/* Random locks, and for each byte and owner what it has. */
static void every_byte_is_locked_as_asked(void **state) {
    (void)state;
    struct world world;
    enum record_kind table[OWNERS][BYTES];
    uint32_t random = 17;
    for (unsigned i = 0; i < OWNERS * BYTES; i++)
        table[i / BYTES][i % BYTES] = RECORD_NONE;
    world_begin(&world, &no_limits);
    struct open_file *file = world_open(&world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    for (unsigned step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        unsigned owner = (random >> 8) % OWNERS, first = (random >> 12) % BYTES, size = (random >> 18) % 12;
        unsigned last = first + size < BYTES ? first + size : BYTES - 1;
        enum record_kind kind = (enum record_kind)((random >> 26) % 3);
        bool is_free = true;
        for (unsigned i = first; i <= last; i++)
            for (unsigned o = 0; o < OWNERS; o++)
                if (o != owner && kind != RECORD_NONE && table[o][i] != RECORD_NONE)
                    is_free = is_free && kind == RECORD_READ && table[o][i] == RECORD_READ;
        assert_int_equal(set(file, owner, kind, first, last, false), is_free ? 0 : -LINUX_EAGAIN);
        for (unsigned i = first; is_free && i <= last; i++)
            table[owner][i] = kind;
        assert_true(file->inode->record_lock_count <= OWNERS * BYTES / 2 + OWNERS);
    }
    for (unsigned o = 0; o < OWNERS; o++)
        record_locks_release(&world.vfs, file->inode, &owners[o]);
    assert_int_equal(file->inode->record_lock_count, 0);
    file_unref(file);
    world_end(&world);
}

static void ranges_are_counted_from_three_places(void **state) {
    (void)state;
    static const struct {
        uint32_t whence;
        int64_t start, length;
        int status;
        int64_t first, last;
    } cases[] = {
        {LINUX_SEEK_SET, 5, 0, 0, 5, INT64_MAX},
        {LINUX_SEEK_SET, 5, 3, 0, 5, 7},
        {LINUX_SEEK_SET, 5, -3, 0, 2, 4},
        {LINUX_SEEK_SET, 5, -6, -LINUX_EINVAL, 0, 0},
        {LINUX_SEEK_CUR, -2, 1, 0, 2, 2},
        {LINUX_SEEK_END, 0, -1, 0, 9, 9},
        {LINUX_SEEK_END, -11, 1, -LINUX_EINVAL, 0, 0},
        {LINUX_SEEK_SET, 2, INT64_MAX, -LINUX_EOVERFLOW, 0, 0},
        {LINUX_SEEK_END, INT64_MAX, 1, -LINUX_EOVERFLOW, 0, 0},
        {LINUX_SEEK_DATA, 0, 1, -LINUX_EINVAL, 0, 0},
    };
    struct world world;
    int64_t at;
    world_begin(&world, &no_limits);
    struct open_file *file = world_open(&world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    assert_int_equal(world_write_file(&world, file, "0123456789", 10), 10);
    assert_int_equal(file_seek(file, 4, LINUX_SEEK_SET, &at), 0);
    for (unsigned i = 0; i < ITEMS(cases); i++) {
        struct record_range range = {.first = 0, .last = 0};
        assert_int_equal(record_range(file, cases[i].whence, cases[i].start, cases[i].length, &range), cases[i].status);
        assert_int_equal(range.first, cases[i].first);
        assert_int_equal(range.last, cases[i].last);
    }
    file_unref(file);
    world_end(&world);
}

static void locks_go_with_their_owner(void **state) {
    (void)state;
    struct world world;
    struct descriptors table;
    struct record_lock found;
    struct record_range all = {.first = 0, .last = INT64_MAX};
    struct record_owner other = owner_of(0);
    uint32_t first, second;
    world_begin(&world, &no_limits);
    descriptors_init(&table, &world.vfs, 16);
    struct open_file *file = world_open(&world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    struct open_file *again = world_open(&world, "f", LINUX_O_RDONLY);
    assert_int_equal(descriptors_add(&table, file, 0, false, &first), 0);
    assert_int_equal(descriptors_add(&table, again, 0, false, &second), 0);
    struct record_owner process = {.owner = &table, .process = 7}, open = {.owner = file, .process = -1};
    assert_int_equal(record_lock_set(again, &process, RECORD_WRITE, &all, false), -LINUX_EBADF);
    assert_int_equal(record_lock_set(file, &process, RECORD_WRITE, &all, false), 0);
    assert_int_equal(record_lock_set(file, &open, RECORD_READ, &all, false), -LINUX_EAGAIN);
    assert_int_equal(record_lock_test(file, &other, RECORD_READ, &all, &found), 0);
    assert_int_equal(found.owner.process, 7);
    assert_int_equal(found.kind, RECORD_WRITE);
    assert_int_equal(descriptors_close(&table, second), 0); /* any descriptor of the file, as POSIX has it */
    assert_int_equal(record_lock_test(file, &other, RECORD_WRITE, &all, &found), 0);
    assert_int_equal(found.kind, RECORD_NONE);
    assert_int_equal(record_lock_set(file, &open, RECORD_READ, &all, false), 0);
    struct open_file *watcher = world_open(&world, "f", LINUX_O_RDWR);
    assert_int_equal(descriptors_close(&table, first), 0);
    assert_int_equal(record_lock_test(watcher, &other, RECORD_WRITE, &all, &found), 0);
    assert_int_equal(found.kind, RECORD_NONE);
    file_unref(watcher);
    descriptors_deinit(&table);
    world_end(&world);
}

/* What happens while the first owner waits for the second, in both tests. */
static struct open_file *shared;
static int seen;

static void unlock_meanwhile(struct world *world) {
    (void)world;
    assert_int_equal(set(shared, 1, RECORD_NONE, 0, 9, false), 0);
}

static void who_waits_gets_the_lock(void **state) {
    (void)state;
    struct world world;
    world_begin(&world, &no_limits);
    shared = world_open(&world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    assert_int_equal(set(shared, 1, RECORD_WRITE, 0, 9, false), 0);
    assert_int_equal(set(shared, 0, RECORD_READ, 5, 5, true), -LINUX_EINTR);
    world.on_sleep = unlock_meanwhile;
    assert_int_equal(set(shared, 0, RECORD_READ, 5, 5, true), 0);
    assert_int_equal(set(shared, 1, RECORD_WRITE, 5, 5, false), -LINUX_EAGAIN);
    record_locks_release(&world.vfs, shared->inode, &owners[0]);
    file_unref(shared);
    world_end(&world);
}

/* 0 waits for 1, which waits for 2, which now asks for what 0 has. */
static void third_waits(struct world *world) {
    world->on_sleep = unlock_meanwhile;
    seen = set(shared, 2, RECORD_WRITE, 0, 0, true);
    assert_int_equal(set(shared, 2, RECORD_NONE, 20, 20, false), 0);
}

static void second_waits(struct world *world) {
    world->on_sleep = third_waits;
    assert_int_equal(set(shared, 1, RECORD_WRITE, 20, 20, true), 0);
    world->on_sleep = unlock_meanwhile;
    assert_int_equal(set(shared, 1, RECORD_NONE, 10, 20, false), 0);
}

static void a_circle_is_refused(void **state) {
    (void)state;
    struct world world;
    world_begin(&world, &no_limits);
    shared = world_open(&world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    assert_int_equal(set(shared, 0, RECORD_WRITE, 0, 0, false), 0);
    assert_int_equal(set(shared, 1, RECORD_WRITE, 10, 10, false), 0);
    assert_int_equal(set(shared, 2, RECORD_WRITE, 20, 20, false), 0);
    world.on_sleep = second_waits;
    assert_int_equal(set(shared, 0, RECORD_WRITE, 10, 10, true), 0);
    assert_int_equal(seen, -LINUX_EDEADLK);
    for (unsigned o = 0; o < OWNERS; o++)
        record_locks_release(&world.vfs, shared->inode, &owners[o]);
    file_unref(shared);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_locked_as_asked), cmocka_unit_test(ranges_are_counted_from_three_places),
        cmocka_unit_test(locks_go_with_their_owner),     cmocka_unit_test(who_waits_gets_the_lock),
        cmocka_unit_test(a_circle_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
