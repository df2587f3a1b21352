/* System calls that wait for signals. */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/signal_mask.h"
#include "kernel/services/posix/user_value.h"

#define SET_BYTES 8u
#define UNTOUCHABLE (SIGNAL_BIT(LINUX_SIGKILL) | SIGNAL_BIT(LINUX_SIGSTOP))
#define NS_PER_SECOND INT64_C(1000000000)

void signal_mask_begin(uint64_t blocked) {
    struct process_thread *part = process_thread_current();
    processes_lock();
    part->blocked_before = part->blocked;
    part->has_blocked_before = true;
    signals_block(part, blocked);
    processes_unlock();
}

bool signal_mask_is_other(void) {
    return process_thread_current()->has_blocked_before;
}

/* Until something is to be done on the way to user mode. */
static int64_t wait_for_any(void) {
    struct process *process = process_current();
    while (thread_sleep(&process->signals_changed, NULL, WAIT_FOREVER) != -LINUX_EINTR)
        continue;
    return -LINUX_EINTR;
}

int64_t system_call_pause(const uint64_t arguments[6]) {
    (void)arguments;
    return wait_for_any();
}

int64_t system_call_rt_sigsuspend(const uint64_t arguments[6]) {
    uint64_t blocked;
    if (arguments[1] != SET_BYTES)
        return -LINUX_EINVAL;
    if (!process_read(&blocked, arguments[0], sizeof(blocked)))
        return -LINUX_EFAULT;
    signal_mask_begin(blocked);
    return wait_for_any(); /* the mask is set back on the way to user mode, behind the handler's frame */
}

uint64_t signals_waiting_of(uint64_t wanted) {
    processes_lock();
    uint64_t waiting = signals_waiting(process_thread_current()) & wanted;
    processes_unlock();
    return waiting;
}

static int wait_for(struct process_thread *part, uint64_t awaited, uint64_t until_ns, struct signal_info *info) {
    processes_lock();
    int signal = signal_take(part, awaited, info), status = 0;
    part->awaited = awaited;
    while (signal == 0 && status == 0) {
        status = thread_sleep(&part->process->signals_changed, &processes.lock, until_ns);
        signal = signal_take(part, awaited, info);
    }
    part->awaited = 0;
    processes_unlock();
    if (signal != 0)
        return signal;
    return status == -LINUX_ETIMEDOUT ? -LINUX_EAGAIN : status;
}

static int64_t read_timeout(uint64_t at, uint64_t *until_ns) {
    int64_t time[2];
    *until_ns = WAIT_FOREVER;
    if (at == 0)
        return 0;
    if (!process_read(time, at, sizeof(time)))
        return -LINUX_EFAULT;
    if (time[0] < 0 || time[1] < 0 || time[1] >= NS_PER_SECOND)
        return -LINUX_EINVAL;
    if (time[0] < INT64_MAX / NS_PER_SECOND / 2)
        *until_ns = process_call_began_ns() + (uint64_t)(time[0] * NS_PER_SECOND + time[1]);
    return 0;
}

int64_t user_write_signal_info(uint64_t to, const struct signal_info *info) {
    uint8_t bytes[SIGNAL_INFO_BYTES] = {0};
    for (size_t i = 0; i < sizeof(*info); i++)
        bytes[i] = ((const uint8_t *)info)[i];
    return user_write(to, bytes, sizeof(bytes));
}

int64_t system_call_rt_sigtimedwait(const uint64_t arguments[6]) {
    struct signal_info info;
    uint64_t awaited, until_ns;
    if (arguments[3] != SET_BYTES)
        return -LINUX_EINVAL;
    if (!process_read(&awaited, arguments[0], sizeof(awaited)))
        return -LINUX_EFAULT;
    int64_t status = read_timeout(arguments[2], &until_ns);
    if (status < 0)
        return status;
    int signal = wait_for(process_thread_current(), awaited & ~UNTOUCHABLE, until_ns, &info);
    if (signal > 0 && arguments[1] != 0)
        status = user_write_signal_info(arguments[1], &info);
    return status < 0 ? status : signal;
}
