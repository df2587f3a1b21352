/* Signals: queues and their limits, masks, handlers, what is ignored, who may send, calls that are made again. */
#include "kernel/services/posix/deliver.h"

#include "kernel/services/posix/test/world.h"

#define HANDLER 0x1000u
#define REAL_TIME 40

static int64_t send(int signal) {
    return posix_do(system_call_kill, 1, (uint64_t)signal, 0, 0);
}

static void block(uint64_t set) {
    assert_true(process_write(POSIX_DATA + 128, &set, sizeof(set)));
    assert_int_equal(posix_do(system_call_rt_sigprocmask, 2, POSIX_DATA + 128, 0, 8), 0);
}

static void handlers_run_and_return(void **state) {
    (void)state;
    posix_begin();
    posix_handle(LINUX_SIGUSR1, HANDLER, 0);
    assert_int_equal(send(LINUX_SIGUSR1), 0);
    struct posix_thread *self = posix_world.current;
    assert_int_equal(self->frame_count, 1);
    assert_int_equal(self->frames[0].info.signal, LINUX_SIGUSR1);
    assert_int_equal(self->frames[0].info.from.process, 1);
    assert_int_equal(process_thread_current()->blocked, SIGNAL_BIT(LINUX_SIGUSR1));
    assert_int_equal(send(LINUX_SIGUSR1), 0); /* waits until the handler returns */
    assert_int_equal(self->frame_count, 1);
    assert_int_equal(posix_do(system_call_rt_sigreturn, 0, 0, 0, 0), 7);
    assert_int_equal(self->frame_count, 1); /* of the second */
    assert_int_equal(posix_do(system_call_rt_sigreturn, 0, 0, 0, 0), 7);
    assert_int_equal(process_thread_current()->blocked, 0);
    posix_end();
}

static void ordinary_ones_wait_once_and_real_time_ones_are_counted(void **state) {
    (void)state;
    posix_begin();
    posix_handle(LINUX_SIGUSR1, HANDLER, 0);
    posix_handle(REAL_TIME, HANDLER, 0);
    block(SIGNAL_BIT(LINUX_SIGUSR1) | SIGNAL_BIT(REAL_TIME));
    process_current()->limits.of[LIMIT_SIGNALS].soft = 3;
    for (int i = 0; i < 2; i++)
        assert_int_equal(send(LINUX_SIGUSR1), 0);
    struct signal_info info = {.code = LINUX_SI_QUEUE};
    assert_true(process_write(POSIX_DATA + 256, &info, sizeof(info)));
    for (int i = 0; i < 2; i++)
        assert_int_equal(posix_do(system_call_rt_sigqueueinfo, 1, REAL_TIME, POSIX_DATA + 256, 0), 0);
    assert_int_equal(posix_do(system_call_rt_sigqueueinfo, 1, REAL_TIME, POSIX_DATA + 256, 0), -LINUX_EAGAIN);
    block(0);
    const struct posix_thread *self = posix_world.current;
    assert_int_equal(self->frame_count, 2); /* the second of the real-time ones is blocked by the first's handler */
    assert_int_equal(self->frames[0].info.signal, LINUX_SIGUSR1);
    assert_int_equal(self->frames[1].info.signal, REAL_TIME);
    posix_end();
}

static void the_lowest_number_goes_first_and_faults_before_it(void **state) {
    struct signal_info info;
    (void)state;
    posix_begin();
    block(UINT64_MAX);
    (void)send(REAL_TIME);
    (void)send(LINUX_SIGTERM);
    (void)send(LINUX_SIGINT);
    processes_lock();
    struct process_thread *part = process_thread_current();
    struct signal_info fault = {.code = LINUX_SEGV_MAPERR};
    assert_int_equal(signal_send_locked(part->process, part, LINUX_SIGSEGV, &fault), 0);
    assert_int_equal(signal_take(part, UINT64_MAX, &info), LINUX_SIGSEGV);
    assert_int_equal(info.code, LINUX_SEGV_MAPERR);
    assert_int_equal(signal_take(part, UINT64_MAX, &info), LINUX_SIGINT);
    assert_int_equal(signal_take(part, UINT64_MAX, &info), LINUX_SIGTERM);
    assert_int_equal(signal_take(part, UINT64_MAX, &info), REAL_TIME);
    assert_int_equal(signal_take(part, UINT64_MAX, &info), 0);
    processes_unlock();
    posix_end();
}

static void process_1_ends_by_nothing_but_itself_and_faults(void **state) {
    (void)state;
    posix_begin();
    assert_int_equal(send(LINUX_SIGTERM), 0);
    assert_int_equal(send(LINUX_SIGKILL), 0);
    assert_int_equal(process_current()->state, PROCESS_LIVES);
    struct signal_info info = {.code = LINUX_SEGV_MAPERR};
    signal_force(LINUX_SIGSEGV, &info);
    assert_false(posix_go_to_user());
    assert_true(posix_world.has_ended);
    assert_int_equal(posix_world.end_status, LINUX_SIGSEGV);
    posix_end();
}

static void what_ends_a_process(void **state) {
    (void)state;
    posix_begin();
    int32_t child = posix_fork();
    posix_become(child);
    posix_handle(LINUX_SIGUSR1, SIGNAL_IGNORE, 0);
    posix_become(1);
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGUSR1, 0, 0), 0);
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGCHLD, 0, 0), 0);
    posix_become(child);
    assert_true(posix_go_to_user());
    posix_become(1);
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGTERM, 0, 0), 0);
    posix_become(child);
    assert_false(posix_go_to_user());
    posix_become(1);
    assert_int_equal(posix_do(system_call_wait4, UINT64_MAX, POSIX_DATA, 0, 0), child);
    int32_t status;
    assert_true(process_read(&status, POSIX_DATA, sizeof(status)));
    assert_int_equal(status, LINUX_SIGTERM);
    posix_end();
}

static void a_frame_that_cannot_be_laid_ends_the_process(void **state) {
    (void)state;
    posix_begin();
    int32_t child = posix_fork();
    posix_become(child);
    posix_handle(LINUX_SIGUSR1, HANDLER, 0);
    posix_handle(LINUX_SIGSEGV, HANDLER, 0);
    posix_world.refuses_frames = true;
    int64_t result;
    const uint64_t arguments[6] = {(uint64_t)child, LINUX_SIGUSR1};
    assert_false(posix_call(system_call_kill, RESTART_NEVER, arguments, &result));
    posix_world.refuses_frames = false;
    posix_become(1);
    assert_int_equal(posix_do(system_call_wait4, UINT64_MAX, POSIX_DATA, 0, 0), child);
    posix_end();
}

static void who_may_send(void **state) {
    (void)state;
    posix_begin();
    int32_t child = posix_fork(), other = posix_fork();
    posix_become(child);
    assert_int_equal(posix_do(system_call_setuid, 1000, 0, 0, 0), 0);
    assert_int_equal(posix_do(system_call_kill, 1, 0, 0, 0), -LINUX_EPERM);
    assert_int_equal(posix_do(system_call_kill, (uint64_t)other, LINUX_SIGCONT, 0, 0), 0); /* the same session */
    assert_int_equal(posix_do(system_call_kill, (uint64_t)other, LINUX_SIGTERM, 0, 0), -LINUX_EPERM);
    assert_int_equal(posix_do(system_call_kill, 99, LINUX_SIGTERM, 0, 0), -LINUX_ESRCH);
    assert_int_equal(posix_do(system_call_kill, 1, 65, 0, 0), -LINUX_EINVAL);
    posix_become(other);
    assert_int_equal(posix_do(system_call_setuid, 1000, 0, 0, 0), 0);
    assert_int_equal(posix_do(system_call_tgkill, (uint64_t)child, (uint64_t)child, 0, 0), 0);
    assert_int_equal(posix_do(system_call_tgkill, 1, (uint64_t)child, 0, 0), -LINUX_ESRCH);
    struct signal_info info = {.code = LINUX_SI_USER};
    assert_true(process_write(POSIX_DATA, &info, sizeof(info)));
    assert_int_equal(posix_do(system_call_rt_sigqueueinfo, (uint64_t)child, 10, POSIX_DATA, 0), -LINUX_EPERM);
    posix_become(1);
    posix_end();
}

/* ---- calls that are interrupted ---- */

static int64_t interrupted(const uint64_t arguments[6]) {
    (void)arguments;
    return -LINUX_EINTR;
}

static int64_t answer_nine(const uint64_t arguments[6]) {
    return (int64_t)arguments[0];
}

static int64_t interrupted_sleep(const uint64_t arguments[6]) {
    (void)arguments;
    const uint64_t again[6] = {9};
    return process_restart_with(answer_nine, again);
}

static bool is_made_again(system_call *call, int64_t rule, int64_t *result) {
    const uint64_t arguments[6] = {0};
    struct posix_thread *self = posix_world.current;
    thread_interrupt(&self->thread);
    assert_true(posix_call(call, rule, arguments, result));
    return self->registers.is_again;
}

static void calls_are_made_again_by_their_rules(void **state) {
    int64_t result;
    (void)state;
    posix_begin();
    assert_false(is_made_again(interrupted, RESTART_NEVER, &result));
    assert_int_equal(result, -LINUX_EINTR);
    assert_true(is_made_again(interrupted, RESTART_UNLESS_HANDLED, &result));
    assert_true(is_made_again(interrupted, RESTART_IF_ASKED, &result));
    assert_true(is_made_again(interrupted_sleep, RESTART_NEVER, &result));
    assert_true(posix_world.current->registers.is_restarted);
    assert_int_equal(posix_do(system_call_restart_syscall, 0, 0, 0, 0), 9);
    for (int asks = 0; asks < 2; asks++) {
        posix_handle(LINUX_SIGUSR1, HANDLER, LINUX_SA_NODEFER | (asks ? LINUX_SA_RESTART : 0));
        static const int64_t rules[] = {RESTART_NEVER, RESTART_UNLESS_HANDLED, RESTART_IF_ASKED};
        for (size_t i = 0; i < ITEMS(rules); i++) {
            posix_world.current->frame_count = 0;
            assert_int_equal(signal_send_process(process_current(), LINUX_SIGUSR1, NULL), 0);
            assert_int_equal(is_made_again(interrupted, rules[i], &result), asks && rules[i] == RESTART_IF_ASKED);
        }
        assert_int_equal(signal_send_process(process_current(), LINUX_SIGUSR1, NULL), 0);
        assert_false(is_made_again(interrupted_sleep, RESTART_NEVER, &result));
        assert_int_equal(result, -LINUX_EINTR);
    }
    posix_world.current->frame_count = 0;
    posix_end();
}

static void another_mask_while_a_call_waits(void **state) {
    uint64_t none = 0;
    (void)state;
    posix_begin();
    posix_handle(LINUX_SIGUSR1, HANDLER, 0);
    block(SIGNAL_BIT(LINUX_SIGUSR1));
    assert_int_equal(send(LINUX_SIGUSR1), 0);
    assert_true(process_write(POSIX_DATA, &none, sizeof(none)));
    assert_int_equal(posix_do(system_call_rt_sigsuspend, POSIX_DATA, 8, 0, 0), -LINUX_EINTR);
    assert_int_equal(posix_world.current->frame_count, 1);
    assert_int_equal(posix_world.current->frames[0].blocked, SIGNAL_BIT(LINUX_SIGUSR1));
    posix_end();
}

static void waiting_for_a_signal_takes_it(void **state) {
    uint64_t set = SIGNAL_BIT(LINUX_SIGUSR1);
    struct signal_info info;
    (void)state;
    posix_begin();
    block(set);
    assert_int_equal(send(LINUX_SIGUSR1), 0);
    assert_true(process_write(POSIX_DATA, &set, sizeof(set)));
    assert_int_equal(posix_do(system_call_rt_sigtimedwait, POSIX_DATA, POSIX_DATA + 256, 0, 8), LINUX_SIGUSR1);
    assert_true(process_read(&info, POSIX_DATA + 256, sizeof(info)));
    assert_int_equal(info.from.process, 1);
    assert_int_equal(posix_do(system_call_rt_sigtimedwait, POSIX_DATA, 0, 0, 8), -LINUX_EAGAIN);
    posix_end();
}

static void alarms_are_set_and_asked_for(void **state) {
    (void)state;
    posix_begin();
    assert_int_equal(posix_do(system_call_alarm, 10, 0, 0, 0), 0);
    assert_int_equal(posix_do(system_call_alarm, 0, 0, 0, 0), 10);
    assert_int_equal(posix_do(system_call_alarm, 0, 0, 0, 0), 0);
    int64_t value[4] = {1, 0, 2, 0};
    assert_true(process_write(POSIX_DATA, value, sizeof(value)));
    assert_int_equal(posix_do(system_call_setitimer, 0, POSIX_DATA, 0, 0), 0);
    assert_int_equal(posix_do(system_call_getitimer, 0, POSIX_DATA, 0, 0), 0);
    assert_true(process_read(value, POSIX_DATA, sizeof(value)));
    assert_int_equal(value[0], 1);
    assert_int_equal(value[2], 1);
    assert_true(value[3] > 900000);
    value[1] = 1000000;
    assert_true(process_write(POSIX_DATA, value, sizeof(value)));
    assert_int_equal(posix_do(system_call_setitimer, 0, POSIX_DATA, 0, 0), -LINUX_EINVAL);
    posix_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handlers_run_and_return),
        cmocka_unit_test(ordinary_ones_wait_once_and_real_time_ones_are_counted),
        cmocka_unit_test(the_lowest_number_goes_first_and_faults_before_it),
        cmocka_unit_test(process_1_ends_by_nothing_but_itself_and_faults),
        cmocka_unit_test(what_ends_a_process),
        cmocka_unit_test(a_frame_that_cannot_be_laid_ends_the_process),
        cmocka_unit_test(who_may_send),
        cmocka_unit_test(calls_are_made_again_by_their_rules),
        cmocka_unit_test(another_mask_while_a_call_waits),
        cmocka_unit_test(waiting_for_a_signal_takes_it),
        cmocka_unit_test(alarms_are_set_and_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
