/* fork and its kin: what a child has of its parent, numbers told, vfork, limits, memory that runs out. */
#include "kernel/services/posix/clone.h"

#include "kernel/services/posix/pid_file.h"
#include "kernel/services/posix/test/memory.h"
#include "kernel/services/posix/test/world.h"

#include <string.h>

static void a_child_has_copies(void **state) {
    uint32_t word = 1, seen = 0;
    (void)state;
    posix_begin();
    assert_true(process_write(POSIX_DATA, &word, sizeof(word)));
    int32_t child = posix_fork();
    assert_int_equal(child, 2);
    word = 2;
    assert_true(process_write(POSIX_DATA, &word, sizeof(word)));
    posix_become(child);
    assert_int_equal(posix_world.current->registers.result, 0);
    assert_true(posix_world.current->is_started);
    assert_true(process_read(&seen, POSIX_DATA, sizeof(seen)));
    assert_int_equal(seen, 1);
    assert_int_equal(posix_do(system_call_getpid, 0, 0, 0, 0), 2);
    assert_int_equal(posix_do(system_call_getppid, 0, 0, 0, 0), 1);
    assert_int_equal(posix_do(system_call_getpgrp, 0, 0, 0, 0), 1);
    posix_become(1);
    posix_end();
}

static int64_t clone3(const struct clone_plan *plan) {
    assert_true(process_write(POSIX_DATA + 4096, plan, sizeof(*plan)));
    return posix_do(system_call_clone3, POSIX_DATA + 4096, sizeof(*plan), 0, 0);
}

static void numbers_are_told(void **state) {
    int32_t seen = 0;
    (void)state;
    posix_begin();
    struct clone_plan plan = {.flags =
                                  LINUX_CLONE_PARENT_SETTID | LINUX_CLONE_CHILD_SETTID | LINUX_CLONE_CHILD_CLEARTID,
                              .parent_number = POSIX_DATA,
                              .child_number = POSIX_DATA + 8,
                              .exit_signal = LINUX_SIGCHLD};
    int64_t child = clone3(&plan);
    assert_int_equal(child, 2);
    assert_true(process_read(&seen, POSIX_DATA, sizeof(seen)));
    assert_int_equal(seen, 2);
    assert_true(process_read(&seen, POSIX_DATA + 8, sizeof(seen)));
    assert_int_equal(seen, 0);
    posix_become(2);
    assert_true(posix_go_to_user());
    assert_true(process_read(&seen, POSIX_DATA + 8, sizeof(seen)));
    assert_int_equal(seen, 2);
    assert_int_equal(thread_current()->clear_at, POSIX_DATA + 8);
    posix_become(1);
    posix_end();
}

static void a_thread_belongs_to_its_process(void **state) {
    (void)state;
    posix_begin();
    struct clone_plan plan = {.flags = LINUX_CLONE_VM | LINUX_CLONE_SIGHAND | LINUX_CLONE_THREAD | LINUX_CLONE_FS |
                                       LINUX_CLONE_FILES | LINUX_CLONE_SETTLS,
                              .stack = POSIX_DATA,
                              .stack_bytes = 4096,
                              .pointer = 77};
    int64_t number = clone3(&plan);
    assert_int_equal(number, 2);
    assert_int_equal(posix_world.first->thread_count, 2);
    posix_become(2);
    assert_int_equal(posix_world.current->registers.pointer, 77);
    assert_int_equal(posix_do(system_call_getpid, 0, 0, 0, 0), 1);
    int64_t unused;
    const uint64_t none[6] = {0};
    assert_false(posix_call(system_call_exit, 0, none, &unused));
    assert_int_equal(posix_world.first->thread_count, 1);
    posix_become(1);
    assert_null(process_thread_of(posix_world.first, 2));
    posix_end();
}

static int vfork_steps;
static void child_of_vfork_exits(struct posix_world *world) {
    (void)world;
    vfork_steps++;
    posix_exit(2, 3);
}

static void vfork_waits(void **state) {
    (void)state;
    posix_begin();
    vfork_steps = 0;
    posix_world.on_sleep = child_of_vfork_exits;
    struct process *self = process_current();
    uint32_t memory_before = self->memory->references;
    assert_int_equal(posix_do(system_call_vfork, 0, 0, 0, 0), 2);
    assert_int_equal(vfork_steps, 1);
    assert_int_equal(self->memory->references, memory_before);
    posix_world.on_sleep = NULL;
    assert_int_equal(posix_do(system_call_wait4, UINT64_MAX, POSIX_DATA, 0, 0), 2);
    posix_end();
}

static void limits_hold(void **state) {
    (void)state;
    posix_begin();
    processes.count_max = 3;
    assert_int_equal(posix_fork(), 2);
    assert_int_equal(posix_fork(), 3);
    assert_int_equal(posix_fork(), -LINUX_EAGAIN);
    processes.count_max = 64;
    posix_become(2);
    struct credentials *credentials = &process_current()->credentials;
    assert_int_equal(posix_do(system_call_setuid, 1000, 0, 0, 0), 0);
    assert_int_equal(credentials->effective, 0);
    process_current()->limits.of[LIMIT_PROCESSES].soft = 2;
    assert_true(posix_fork() > 0);
    assert_int_equal(posix_fork(), -LINUX_EAGAIN);
    posix_become(1);
    posix_end();
}

/* Whichever request for memory fails, nothing is left over and the next fork works. */
static void memory_runs_out(void **state) {
    (void)state;
    for (uint64_t requests = 0;; requests++) {
        posix_begin();
        posix_world.files.requests_left = requests;
        int32_t child = posix_fork();
        posix_world.files.requests_left = UINT64_MAX;
        if (child > 0) {
            assert_int_equal(processes.count, 2);
            posix_end();
            assert_true(requests > 2);
            return;
        }
        assert_int_equal(child, -LINUX_ENOMEM);
        assert_int_equal(processes.count, 1);
        assert_true(posix_fork() > 0);
        posix_end();
    }
}

static void a_descriptor_stands_for_a_process(void **state) {
    struct wait_queue *queues[FILE_QUEUES] = {NULL};
    struct open_file *file;
    int32_t number;
    (void)state;
    posix_begin();
    int32_t child = posix_fork();
    int64_t descriptor = posix_do(system_call_pidfd_open, (uint64_t)child, 0, 0, 0);
    assert_int_equal(descriptor, 0);
    assert_int_equal(pid_file_number(0, &number), 0);
    assert_int_equal(number, child);
    assert_int_equal(descriptors_get(&process_current()->descriptors, 0, &file), 0);
    assert_int_equal(file_poll(file, queues), 0);
    posix_exit(child, 0);
    assert_int_equal(file_poll(file, queues), LINUX_POLLIN | LINUX_POLLRDNORM);
    assert_int_equal(posix_do(system_call_wait4, UINT64_MAX, 0, 0, 0), child);
    assert_int_equal(posix_do(system_call_pidfd_send_signal, 0, LINUX_SIGTERM, 0, 0), -LINUX_ESRCH);
    file_unref(file);
    posix_end();
}

static void files_are_taken_of_whom_one_may_reach(void **state) {
    (void)state;
    posix_begin();
    int32_t child = posix_fork();
    assert_int_equal(posix_do(system_call_pidfd_open, (uint64_t)child, 0, 0, 0), 0);
    assert_int_equal(posix_do(system_call_pidfd_getfd, 0, 0, 0, 0), -LINUX_EBADF); /* the child has none */
    posix_become(child);
    assert_int_equal(posix_do(system_call_pidfd_open, 1, 0, 0, 0), 0);
    assert_int_equal(posix_do(system_call_pidfd_getfd, 0, 0, 0, 0), 1); /* that of the child, which process 1 has */
    assert_int_equal(posix_do(system_call_pidfd_getfd, 0, 0, 1, 0), -LINUX_EINVAL);
    assert_int_equal(posix_do(system_call_pidfd_getfd, 9, 0, 0, 0), -LINUX_EBADF);
    assert_int_equal(posix_do(system_call_setresuid, 7, 7, 7, 0), 0);
    assert_int_equal(posix_do(system_call_pidfd_getfd, 0, 0, 0, 0), -LINUX_EPERM);
    assert_int_equal(posix_do(system_call_pidfd_getfd, 1, 0, 0, 0), 2); /* its own */
    posix_become(1);
    posix_exit(child, 0);
    assert_int_equal(posix_do(system_call_wait4, UINT64_MAX, 0, 0, 0), child);
    assert_int_equal(posix_do(system_call_pidfd_getfd, 0, 0, 0, 0), -LINUX_ESRCH);
    posix_end();
}

static void barriers_are_asked_for_first(void **state) {
    (void)state;
    posix_begin();
    posix_barriers = 0;
    assert_int_equal(posix_do(system_call_membarrier, 0, 0, 0, 0), 25);
    assert_int_equal(posix_do(system_call_membarrier, 0, 1, 0, 0), -LINUX_EINVAL);
    assert_int_equal(posix_do(system_call_membarrier, 9, 0, 0, 0), -LINUX_EINVAL);
    assert_int_equal(posix_do(system_call_membarrier, 8, 0, 0, 0), -LINUX_EPERM);
    assert_int_equal(posix_do(system_call_membarrier, 16, 0, 0, 0), 0);
    assert_int_equal(posix_barriers, 0);
    assert_int_equal(posix_do(system_call_membarrier, 8, 0, 0, 0), 0);
    assert_int_equal(posix_do(system_call_membarrier, 1, 0, 0, 0), 0);
    assert_int_equal(posix_barriers, 2);
    posix_end();
}

static void flags_that_make_no_sense(void **state) {
    (void)state;
    posix_begin();
    struct clone_plan plan = {.flags = LINUX_CLONE_THREAD};
    assert_int_equal(clone3(&plan), -LINUX_EINVAL);
    plan.flags = LINUX_CLONE_FILES;
    assert_int_equal(clone3(&plan), -LINUX_EINVAL);
    plan = (struct clone_plan){.exit_signal = 65};
    assert_int_equal(clone3(&plan), -LINUX_EINVAL);
    assert_int_equal(posix_do(system_call_clone3, POSIX_DATA, 63, 0, 0), -LINUX_EINVAL);
    assert_int_equal(posix_do(system_call_clone3, POSIX_DATA, 5000, 0, 0), -LINUX_E2BIG);
    assert_int_equal(posix_do(system_call_clone3, 16, 64, 0, 0), -LINUX_EFAULT);
    posix_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_has_copies),
        cmocka_unit_test(numbers_are_told),
        cmocka_unit_test(a_thread_belongs_to_its_process),
        cmocka_unit_test(vfork_waits),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(a_descriptor_stands_for_a_process),
        cmocka_unit_test(files_are_taken_of_whom_one_may_reach),
        cmocka_unit_test(barriers_are_asked_for_first),
        cmocka_unit_test(flags_that_make_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
