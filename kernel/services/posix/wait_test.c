/* Waiting for children: what is told, once, of whom; what becomes of children that nobody waits for. */
#include "kernel/services/posix/test/world.h"

#define NO_HANG 1u
#define EXITED 4u
#define KEEP 0x01000000u
#define ANY UINT64_MAX

static int32_t wait4(uint64_t whom, uint64_t options, int32_t *status) {
    int32_t number = (int32_t)posix_do(system_call_wait4, whom, POSIX_DATA, options, 0);
    assert_true(process_read(status, POSIX_DATA, sizeof(*status)));
    return number;
}

static void a_status_is_told_once(void **state) {
    int32_t status = 0;
    (void)state;
    posix_begin();
    assert_int_equal(wait4(ANY, 0, &status), -LINUX_ECHILD);
    int32_t child = posix_fork();
    assert_int_equal(wait4(ANY, NO_HANG, &status), 0);
    posix_exit(child, 7);
    assert_int_equal(posix_do(system_call_waitid, 1, (uint64_t)child, POSIX_DATA + 64, EXITED | KEEP), 0);
    struct signal_info info;
    assert_true(process_read(&info, POSIX_DATA + 64, sizeof(info)));
    assert_int_equal(info.child.process, child);
    assert_int_equal(info.code, LINUX_CLD_EXITED);
    assert_int_equal(info.child.status, 7);
    assert_int_equal(wait4((uint64_t)child, 0, &status), child);
    assert_int_equal(status, 7 << 8);
    assert_int_equal(wait4(ANY, 0, &status), -LINUX_ECHILD);
    assert_null(process_find(child));
    posix_end();
}

static void child_exits(struct posix_world *world) {
    world->on_sleep = NULL;
    posix_exit(2, 1);
}

static void waiting_ends_with_a_child(void **state) {
    int32_t status = 0;
    (void)state;
    posix_begin();
    (void)posix_fork();
    posix_world.on_sleep = child_exits;
    assert_int_equal(wait4(ANY, 0, &status), 2);
    assert_int_equal(status, 1 << 8);
    posix_end();
}

static void whom_one_waits_for(void **state) {
    int32_t status = 0;
    (void)state;
    posix_begin();
    int32_t first = posix_fork(), second = posix_fork();
    assert_int_equal(posix_do(system_call_setpgid, (uint64_t)second, 0, 0, 0), 0);
    posix_exit(first, 0);
    posix_exit(second, 0);
    assert_int_equal(wait4((uint64_t)(int64_t)-second, 0, &status), second);
    assert_int_equal(wait4((uint64_t)(int64_t)-second, 0, &status), -LINUX_ECHILD);
    assert_int_equal(wait4(0, 0, &status), first);
    assert_int_equal(posix_do(system_call_waitid, 0, 0, 0, 0), -LINUX_EINVAL);
    assert_int_equal(posix_do(system_call_waitid, 9, 0, 0, EXITED), -LINUX_EINVAL);
    assert_int_equal(posix_do(system_call_wait4, ANY, 0, 0x10, 0), -LINUX_EINVAL);
    posix_end();
}

static void orphans_go_to_process_1_or_a_subreaper(void **state) {
    int32_t status = 0;
    (void)state;
    posix_begin();
    int32_t reaper = posix_fork();
    posix_become(reaper);
    assert_int_equal(posix_do(system_call_prctl, 36, 1, 0, 0), 0);
    int32_t parent = posix_fork();
    posix_become(parent);
    int32_t orphan = posix_fork();
    posix_become(reaper);
    posix_exit(parent, 0);
    posix_become(orphan);
    assert_int_equal(posix_do(system_call_getppid, 0, 0, 0, 0), reaper);
    posix_become(1);
    posix_exit(reaper, 0);
    posix_become(orphan);
    assert_int_equal(posix_do(system_call_getppid, 0, 0, 0, 0), 1);
    posix_become(1);
    assert_int_equal(wait4(ANY, 0, &status), reaper);
    posix_exit(orphan, 3);
    assert_int_equal(wait4(ANY, 0, &status), parent); /* a zombie that was passed on twice */
    assert_int_equal(wait4(ANY, 0, &status), orphan);
    posix_end();
}

static void nobody_waits_for_ignored_children(void **state) {
    int32_t status = 0;
    (void)state;
    posix_begin();
    posix_handle(LINUX_SIGCHLD, SIGNAL_IGNORE, 0);
    posix_exit(posix_fork(), 0);
    assert_int_equal(processes.count, 1);
    assert_int_equal(wait4(ANY, 0, &status), -LINUX_ECHILD);
    posix_handle(LINUX_SIGCHLD, 0x1000, LINUX_SA_NOCLDWAIT);
    posix_exit(posix_fork(), 0);
    assert_int_equal(processes.count, 1);
    assert_true(posix_go_to_user());
    assert_int_equal(posix_world.current->frames[0].info.signal, LINUX_SIGCHLD);
    posix_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_is_told_once),
        cmocka_unit_test(waiting_ends_with_a_child),
        cmocka_unit_test(whom_one_waits_for),
        cmocka_unit_test(orphans_go_to_process_1_or_a_subreaper),
        cmocka_unit_test(nobody_waits_for_ignored_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
