/* Job control: stopping, going on, what the parent is told, groups that nobody would continue. */
#include "kernel/services/posix/test/world.h"

#define NO_HANG 1u
#define STOPPED 2u
#define CONTINUED 8u

static int32_t child;
static int32_t told; /* what wait4 said while the child was stopped */

static int32_t status_of(uint64_t options) {
    int32_t status = -1;
    if (posix_do(system_call_wait4, UINT64_MAX, POSIX_DATA, options | NO_HANG, 0) <= 0)
        return -1;
    assert_true(process_read(&status, POSIX_DATA, sizeof(status)));
    return status;
}

static void parent_continues_it(struct posix_world *world) {
    struct posix_way_out before = world->exit;
    world->on_sleep = NULL;
    posix_become(1);
    told = status_of(STOPPED);
    assert_int_equal(status_of(STOPPED), -1); /* told once */
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGCONT, 0, 0), 0);
    world->exit = before;
}

static void a_stopped_process_goes_on(void **state) {
    (void)state;
    posix_begin();
    child = posix_fork();
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGSTOP, 0, 0), 0);
    posix_become(child);
    posix_world.on_sleep = parent_continues_it;
    assert_true(posix_go_to_user());
    assert_int_equal(posix_world.sleeps, 1);
    assert_int_equal(told, LINUX_SIGSTOP << 8 | 0x7f);
    posix_become(1);
    assert_int_equal(status_of(CONTINUED), 0xffff);
    assert_int_equal(status_of(CONTINUED), -1);
    posix_end();
}

static void parent_kills_it(struct posix_world *world) {
    struct posix_way_out before = world->exit;
    world->on_sleep = NULL;
    posix_become(1);
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGKILL, 0, 0), 0);
    world->exit = before;
}

static void a_stopped_process_can_be_killed(void **state) {
    (void)state;
    posix_begin();
    child = posix_fork();
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGSTOP, 0, 0), 0);
    posix_become(child);
    posix_world.on_sleep = parent_kills_it;
    assert_false(posix_go_to_user());
    posix_become(1);
    assert_int_equal(status_of(0), LINUX_SIGKILL);
    posix_end();
}

/* A stop by a terminal does nothing where nobody is there to continue it. */
static void an_orphaned_group_is_not_stopped_by_a_terminal(void **state) {
    (void)state;
    posix_begin();
    child = posix_fork();
    posix_become(child);
    assert_int_equal(posix_do(system_call_setsid, 0, 0, 0, 0), child);
    assert_true(group_is_orphaned(child));
    posix_become(1);
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGTSTP, 0, 0), 0);
    posix_become(child);
    assert_true(posix_go_to_user());
    assert_int_equal(posix_world.sleeps, 0);
    posix_become(1);
    posix_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_process_goes_on),
        cmocka_unit_test(a_stopped_process_can_be_killed),
        cmocka_unit_test(an_orphaned_group_is_not_stopped_by_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
