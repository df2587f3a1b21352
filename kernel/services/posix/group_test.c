/* Groups, sessions and terminals: who may move whom, and what the end of a session's leader does. */
#include "kernel/services/posix/test/world.h"

static struct terminal *const some_terminal = (struct terminal *)&posix_world;

static int64_t set_group(int32_t process, int32_t group) {
    return posix_do(system_call_setpgid, (uint64_t)process, (uint64_t)group, 0, 0);
}

static void processes_move_between_groups_of_a_session(void **state) {
    (void)state;
    posix_begin();
    int32_t first = posix_fork(), second = posix_fork();
    assert_int_equal(set_group(first, 0), 0);
    assert_int_equal(set_group(second, first), 0);
    assert_int_equal(posix_do(system_call_getpgid, (uint64_t)second, 0, 0, 0), first);
    assert_int_equal(set_group(second, 77), -LINUX_EPERM); /* no such group */
    assert_int_equal(set_group(second, -1), -LINUX_EINVAL);
    assert_int_equal(set_group(99, 0), -LINUX_ESRCH);
    assert_int_equal(set_group(1, 0), -LINUX_EPERM); /* it leads a session */
    posix_become(first);
    assert_int_equal(set_group(second, 0), -LINUX_ESRCH); /* no child of its */
    assert_int_equal(posix_do(system_call_setsid, 0, 0, 0, 0), -LINUX_EPERM); /* it leads a group */
    posix_become(second);
    assert_int_equal(posix_do(system_call_setsid, 0, 0, 0, 0), second);
    assert_int_equal(posix_do(system_call_getsid, 0, 0, 0, 0), second);
    posix_become(1);
    assert_int_equal(set_group(second, 0), -LINUX_EPERM); /* another session */
    processes_lock();
    process_find_locked(first)->has_executed = true;
    processes_unlock();
    assert_int_equal(set_group(first, 0), -LINUX_EACCES);
    posix_end();
}

/* A group keeps its number while anybody is in it. */
static void a_group_outlives_its_leader(void **state) {
    (void)state;
    posix_begin();
    int32_t leader = posix_fork(), member = posix_fork();
    assert_int_equal(set_group(leader, 0), 0);
    assert_int_equal(set_group(member, leader), 0);
    posix_exit(leader, 0);
    assert_int_equal(posix_do(system_call_wait4, (uint64_t)leader, 0, 0, 0), leader);
    assert_int_equal(posix_do(system_call_kill, (uint64_t)(int64_t)-leader, 0, 0, 0), 0);
    assert_true(group_is_in_session(leader, 1));
    processes_lock();
    assert_non_null(number_find(leader));
    processes_unlock();
    posix_exit(member, 0);
    assert_int_equal(posix_do(system_call_wait4, (uint64_t)member, 0, 0, 0), member);
    assert_int_equal(posix_do(system_call_kill, (uint64_t)(int64_t)-leader, 0, 0, 0), -LINUX_ESRCH);
    posix_end();
}

static int32_t front;
static int32_t session_ended(struct terminal *terminal) {
    assert_ptr_equal(terminal, some_terminal);
    return front;
}

static void the_end_of_a_leader_hangs_up(void **state) {
    (void)state;
    posix_begin();
    processes.session_ended = session_ended;
    int32_t leader = posix_fork();
    posix_become(leader);
    assert_int_equal(session_set_terminal(some_terminal), -LINUX_EPERM); /* it leads no session */
    assert_int_equal(posix_do(system_call_setsid, 0, 0, 0, 0), leader);
    assert_int_equal(session_set_terminal(some_terminal), 0);
    int32_t member = posix_fork();
    assert_int_equal(set_group(member, 0), 0);
    front = member;
    posix_become(member);
    assert_ptr_equal(process_terminal(process_current()), some_terminal);
    posix_handle(LINUX_SIGHUP, 0x1000, 0);
    posix_become(1);
    posix_exit(leader, 0);
    posix_become(member);
    assert_true(posix_go_to_user());
    assert_int_equal(posix_world.current->frames[0].info.signal, LINUX_SIGHUP);
    assert_null(process_terminal(process_current()));
    posix_become(1);
    posix_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_move_between_groups_of_a_session),
        cmocka_unit_test(a_group_outlives_its_leader),
        cmocka_unit_test(the_end_of_a_leader_hangs_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
