/* Pipes: order, atomic writes, both ends' errors, waiting, names, and what poll says. */
#include "kernel/services/vfs/pipe.h"

#include "kernel/services/vfs/stand_in.h"
#include "kernel/services/vfs/test/world.h"

#include <string.h>

static const struct tmpfs_limits no_limits = {.mode = 0755};

struct ends {
    struct open_file *reading, *writing;
};

static struct ends make(struct world *world, uint32_t flags) {
    struct ends ends;
    world_begin(world, &no_limits);
    assert_int_equal(pipe_create(&world->vfs, flags, &ends.reading, &ends.writing), 0);
    return ends;
}

static void bytes_come_in_order(void **state) {
    (void)state;
    struct world world;
    struct ends ends = make(&world, LINUX_O_NONBLOCK);
    static uint8_t bytes[7000];
    uint8_t next_in = 0, next_out = 0;
    uint32_t random = 11, left = 0;
    for (unsigned step = 0; step < 4000; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t size = 1 + (random >> 8) % sizeof(bytes);
        bool is_filling = (step / 50) % 2 == 0; /* mostly writes, until it is full; then mostly reads */
        if ((random >> 30 == 0) != is_filling && left + size <= PIPE_BYTES) {
            for (uint32_t i = 0; i < size; i++)
                bytes[i] = next_in++;
            assert_int_equal(world_write_file(&world, ends.writing, bytes, size), size);
            left += size;
        } else if (left > 0) {
            int64_t done = world_read_file(ends.reading, bytes, size);
            assert_int_equal(done, size < left ? size : left);
            for (int64_t i = 0; i < done; i++)
                assert_int_equal(bytes[i], next_out++);
            left -= (uint32_t)done;
        }
        assert_int_equal(pipe_filled(ends.reading), left);
    }
    file_unref(ends.reading);
    file_unref(ends.writing);
    world_end(&world);
}

/* By the place that stands for it: with its other end gone nobody is waited for, and each end counts. */
static void one_without_a_name_is_opened_again(void **state) {
    (void)state;
    struct world world;
    struct ends ends = make(&world, LINUX_O_NONBLOCK);
    struct open_file *again, *writing;
    struct path place;
    char got[4];
    vfs_lock(&world.vfs);
    assert_int_equal(stand_in_make(ends.reading, world.caller.root.mount, 5, 6, &place), 0);
    assert_true(stand_in_is(&place));
    assert_int_equal(place.dentry->inode->user, 5);
    path_ref(&place);
    path_ref(&place);
    vfs_unlock(&world.vfs);
    assert_int_equal(world_write_file(&world, ends.writing, "ab", 2), 2);
    file_unref(ends.writing);
    assert_int_equal(file_open_path(&world.vfs, &place, LINUX_O_RDONLY, &again), 0); /* there is no writer */
    file_unref(ends.reading);
    assert_int_equal(world_read_file(again, got, 1), 1);
    assert_int_equal(file_open_path(&world.vfs, &place, LINUX_O_WRONLY, &writing), 0);
    assert_int_equal(world_write_file(&world, writing, "c", 1), 1);
    file_unref(writing);
    assert_int_equal(world_read_file(again, got, 4), 2);
    assert_memory_equal(got, "bc", 2);
    assert_int_equal(world_read_file(again, got, 4), 0);
    file_unref(again);
    vfs_lock(&world.vfs);
    path_unref(&place);
    vfs_unlock(&world.vfs);
    world_end(&world);
}

static void small_writes_are_whole_or_not_at_all(void **state) {
    (void)state;
    struct world world;
    struct ends ends = make(&world, LINUX_O_NONBLOCK);
    static uint8_t bytes[2 * PIPE_BYTES];
    struct wait_queue *queues[FILE_QUEUES];
    assert_int_equal(world_write_file(&world, ends.writing, bytes, PIPE_BYTES - 100), PIPE_BYTES - 100);
    assert_int_equal(file_poll(ends.writing, queues), 0);
    assert_int_equal(world_write_file(&world, ends.writing, bytes, 101), -LINUX_EAGAIN);
    assert_int_equal(world_write_file(&world, ends.writing, bytes, PIPE_ATOMIC + 1), 100); /* a large one, in part */
    assert_int_equal(world_write_file(&world, ends.writing, bytes, sizeof(bytes)), -LINUX_EAGAIN);
    assert_int_equal(world_read_file(ends.reading, bytes, sizeof(bytes)), PIPE_BYTES);
    assert_int_equal(world_read_file(ends.reading, bytes, 1), -LINUX_EAGAIN);
    assert_int_equal(file_poll(ends.writing, queues), LINUX_POLLOUT | LINUX_POLLWRNORM);
    file_unref(ends.reading);
    file_unref(ends.writing);
    world_end(&world);
}

static void each_end_sees_the_other_go(void **state) {
    (void)state;
    struct world world;
    struct ends ends = make(&world, 0);
    struct wait_queue *queues[FILE_QUEUES];
    int64_t at;
    char byte;
    assert_int_equal(world_write_file(&world, ends.writing, "x", 1), 1);
    assert_int_equal(world_read_file(ends.writing, &byte, 1), -LINUX_EBADF);
    assert_int_equal(file_seek(ends.reading, 0, LINUX_SEEK_SET, &at), -LINUX_ESPIPE);
    file_ref(ends.writing);
    file_unref(ends.writing);
    assert_int_equal(file_poll(ends.reading, queues), LINUX_POLLIN | LINUX_POLLRDNORM);
    file_unref(ends.writing);
    assert_int_equal(file_poll(ends.reading, queues), LINUX_POLLIN | LINUX_POLLRDNORM | LINUX_POLLHUP);
    assert_int_equal(world_read_file(ends.reading, &byte, 1), 1);
    assert_int_equal(world_read_file(ends.reading, &byte, 1), 0);
    file_unref(ends.reading);
    assert_int_equal(pipe_create(&world.vfs, 0, &ends.reading, &ends.writing), 0);
    file_unref(ends.reading);
    assert_int_equal(world_write_file(&world, ends.writing, "x", 1), -LINUX_EPIPE);
    assert_int_equal(file_poll(ends.writing, queues) & LINUX_POLLERR, LINUX_POLLERR);
    file_unref(ends.writing);
    world_end(&world);
}

/* What the others do while somebody waits. */
static struct ends shared;
static uint32_t rounds;

static void write_meanwhile(struct world *world) {
    rounds++;
    assert_int_equal(world_write_file(world, shared.writing, "later", 5), 5);
}

static void read_meanwhile(struct world *world) {
    static uint8_t bytes[3000];
    (void)world;
    rounds++;
    assert_true(world_read_file(shared.reading, bytes, sizeof(bytes)) > 0);
}

static void who_waits_goes_on(void **state) {
    (void)state;
    struct world world;
    static uint8_t bytes[PIPE_BYTES + 20000];
    shared = make(&world, 0);
    assert_int_equal(world_read_file(shared.reading, bytes, 8), -LINUX_EINTR);
    world.on_sleep = write_meanwhile;
    assert_int_equal(world_read_file(shared.reading, bytes, 8), 5);
    world.on_sleep = read_meanwhile;
    rounds = 0;
    assert_int_equal(world_write_file(&world, shared.writing, bytes, sizeof(bytes)), sizeof(bytes));
    assert_true(rounds >= 6);
    world.on_sleep = NULL;
    file_unref(shared.reading);
    file_unref(shared.writing);
    world_end(&world);
}

static void open_writer_meanwhile(struct world *world) {
    world->on_sleep = NULL;
    shared.writing = world_open(world, "p", LINUX_O_WRONLY);
}

static void a_named_pipe_waits_for_its_other_end(void **state) {
    (void)state;
    struct world world;
    struct walk_path path = world_at("p");
    struct open_file *file;
    char text[4] = "";
    world_begin(&world, &no_limits);
    assert_int_equal(vfs_make_node(&world.caller, &path, LINUX_S_IFIFO | 0644, 0), 0);
    assert_int_equal(file_open(&world.caller, &path, LINUX_O_WRONLY | LINUX_O_NONBLOCK, 0, &file), -LINUX_ENXIO);
    assert_int_equal(file_open(&world.caller, &path, LINUX_O_WRONLY, 0, &file), -LINUX_EINTR);
    assert_int_equal(file_open(&world.caller, &path, LINUX_O_RDONLY, 0, &file), -LINUX_EINTR);
    world.on_sleep = open_writer_meanwhile;
    shared.reading = world_open(&world, "p", LINUX_O_RDONLY);
    assert_int_equal(world_write_file(&world, shared.writing, "abc", 3), 3);
    assert_int_equal(world_read_file(shared.reading, text, 4), 3);
    assert_string_equal(text, "abc");
    file_unref(shared.writing);
    file_unref(shared.reading);
    shared.reading = world_open(&world, "p", LINUX_O_RDWR); /* both ends: nobody is waited for */
    file_unref(shared.reading);
    world_end(&world);
}

static void without_memory_there_is_no_pipe(void **state) {
    (void)state;
    struct ends ends;
    int status = -LINUX_ENOMEM;
    for (uint64_t left = 0; status != 0; left++) {
        struct world world;
        world_begin(&world, &no_limits);
        world.requests_left = left;
        status = pipe_create(&world.vfs, 0, &ends.reading, &ends.writing);
        if (status == 0) {
            assert_int_equal(world_write_file(&world, ends.writing, "x", 1), -LINUX_ENOMEM);
            file_unref(ends.reading);
            file_unref(ends.writing);
        }
        world_end(&world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_without_a_name_is_opened_again),
        cmocka_unit_test(bytes_come_in_order),
        cmocka_unit_test(small_writes_are_whole_or_not_at_all),
        cmocka_unit_test(each_end_sees_the_other_go),
        cmocka_unit_test(who_waits_goes_on),
        cmocka_unit_test(a_named_pipe_waits_for_its_other_end),
        cmocka_unit_test(without_memory_there_is_no_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
