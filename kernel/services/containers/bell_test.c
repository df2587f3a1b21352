/* Doorbells: rung at one end, heard at the other, and what is left when one of them goes. */
#include "kernel/services/containers/bell.h"

#include "kernel/services/vfs/test/world.h"

static struct world world;
static struct open_file *ends[2];

static int set_up(void **state) {
    const struct tmpfs_limits limits = {.mode = 0755};
    (void)state;
    world_begin(&world, &limits);
    return bell_create(&world.vfs, ends);
}

static int tear_down(void **state) {
    (void)state;
    for (unsigned i = 0; i < 2; i++)
        if (ends[i] != NULL)
            file_unref(ends[i]);
    ends[0] = ends[1] = NULL;
    world_end(&world);
    return 0;
}

static bool is_rung(struct open_file *end) {
    struct wait_queue *queues[FILE_QUEUES];
    return (file_poll(end, queues) & LINUX_POLLIN) != 0;
}

static void ring_is_heard_at_the_other_end_only(void **state) {
    char bytes[8];
    (void)state;
    assert_int_equal(world_read_file(ends[1], bytes, sizeof(bytes)), -LINUX_EAGAIN);
    assert_int_equal(world_write_file(&world, ends[0], "x", 1), 1);
    assert_false(is_rung(ends[0]));
    assert_true(is_rung(ends[1]));
    assert_int_equal(world_write_file(&world, ends[0], "xyz", 3), 3);
    assert_int_equal(world_read_file(ends[1], bytes, sizeof(bytes)), 2);
    assert_false(is_rung(ends[1]));
}

static void full_bell_says_so_and_rings_again(void **state) {
    struct wait_queue *queues[FILE_QUEUES];
    char byte;
    (void)state;
    for (uint32_t i = 0; i < BELL_RINGS; i++)
        assert_int_equal(world_write_file(&world, ends[1], "x", 1), 1);
    assert_int_equal(world_write_file(&world, ends[1], "x", 1), -LINUX_EAGAIN);
    assert_int_equal(file_poll(ends[1], queues) & LINUX_POLLOUT, 0);
    uint32_t wakes = world.wakes;
    assert_int_equal(world_read_file(ends[0], &byte, 1), 1);
    assert_true(world.wakes > wakes);
    assert_int_equal(world_write_file(&world, ends[1], "x", 1), 1);
}

static void lost_end_is_told_to_who_rings(void **state) {
    char byte;
    (void)state;
    assert_int_equal(world_write_file(&world, ends[0], "x", 1), 1);
    file_unref(ends[0]);
    ends[0] = NULL;
    assert_int_equal(world_read_file(ends[1], &byte, 1), 1);
    assert_int_equal(world_read_file(ends[1], &byte, 1), -LINUX_EAGAIN);
    assert_int_equal(world_write_file(&world, ends[1], "x", 1), -LINUX_ECONNREFUSED);
}

static void ring_while_waiting(struct world *in) {
    in->on_sleep = NULL;
    assert_int_equal(world_write_file(in, ends[1], "x", 1), 1);
}

static void who_asks_for_it_waits(void **state) {
    char byte;
    (void)state;
    assert_int_equal(file_change_flags(&world.caller, ends[0], 0), 0);
    assert_int_equal(world_read_file(ends[0], &byte, 1), -LINUX_EINTR);
    world.on_sleep = ring_while_waiting;
    assert_int_equal(world_read_file(ends[0], &byte, 1), 1);
}

static void nothing_is_left_without_memory(void **state) {
    struct open_file *made[2];
    (void)state;
    uint64_t taken = world.taken;
    for (uint64_t requests = 0;; requests++) {
        world.requests_left = requests;
        if (bell_create(&world.vfs, made) == 0)
            break;
        assert_int_equal(world.taken, taken);
    }
    world.requests_left = UINT64_MAX;
    file_unref(made[0]);
    file_unref(made[1]);
    assert_int_equal(world.taken, taken);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ring_is_heard_at_the_other_end_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_bell_says_so_and_rings_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_end_is_told_to_who_rings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_asks_for_it_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_left_without_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
