/*
 * Alarms: alarm(2), setitimer(2) for real time. One thread of the kernel waits for the earliest and sends the signals, so
 * that nothing goes off in the middle of anything else.
 */
#include "kernel/services/posix/alarm.h"
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/timers.h"
#include "kernel/services/posix/user_value.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define NS_PER_US UINT64_C(1000)
#define US_PER_SECOND 1000000
#define SECONDS_MAX INT64_C(4000000000)
#define TIMER_REAL 0u

void alarm_set(struct process *process, uint64_t when_ns, uint64_t interval_ns) {
    list_remove(&process->in_alarms);
    struct list *link = processes.alarms.next;
    process->alarm_ns = when_ns;
    process->alarm_interval_ns = interval_ns;
    if (when_ns == 0)
        return;
    while (link != &processes.alarms && list_item(link, struct process, in_alarms)->alarm_ns <= when_ns)
        link = link->next;
    list_insert_between(&process->in_alarms, link->previous, link);
    if (processes.alarms.next == &process->in_alarms)
        wait_wake(&processes.alarms_changed);
}

/* Locked. */
static void go_off(struct process *process, uint64_t now_ns) {
    static const struct signal_info info = {.signal = LINUX_SIGALRM, .code = LINUX_SI_KERNEL};
    uint64_t next_ns = 0;
    if (process->alarm_interval_ns != 0) {
        uint64_t missed = (now_ns - process->alarm_ns) / process->alarm_interval_ns;
        next_ns = process->alarm_ns + (missed + 1) * process->alarm_interval_ns;
    }
    alarm_set(process, next_ns, process->alarm_interval_ns);
    (void)signal_send_locked(process, NULL, LINUX_SIGALRM, &info);
}

void alarms_run(void *unused) {
    (void)unused;
    processes_lock();
    for (;;) {
        struct process *process = list_first_item(&processes.alarms, struct process, in_alarms);
        uint64_t now_ns = clock_now_ns();
        if (process != NULL && process->alarm_ns <= now_ns)
            go_off(process, now_ns);
        else if (timers_next_ns() <= now_ns)
            timers_look(now_ns);
        else
            (void)thread_sleep(&processes.alarms_changed, &processes.lock,
                               process != NULL && process->alarm_ns < timers_next_ns() ? process->alarm_ns
                                                                                       : timers_next_ns());
    }
}

/* ---- calls ---- */

struct timer_value {
    int64_t interval_s, interval_us, value_s, value_us;
};

/* Locked. How long until it goes off, 0: it does not. */
static uint64_t left_of(const struct process *process) {
    uint64_t now_ns = clock_now_ns();
    if (process->alarm_ns == 0)
        return 0;
    return process->alarm_ns > now_ns ? process->alarm_ns - now_ns : NS_PER_US;
}

static struct timer_value value_of(uint64_t left_ns, uint64_t interval_ns) {
    return (struct timer_value){.interval_s = (int64_t)(interval_ns / NS_PER_SECOND),
                                .interval_us = (int64_t)(interval_ns % NS_PER_SECOND / NS_PER_US),
                                .value_s = (int64_t)(left_ns / NS_PER_SECOND),
                                .value_us = (int64_t)(left_ns % NS_PER_SECOND / NS_PER_US)};
}

static int64_t to_ns(int64_t seconds, int64_t microseconds, uint64_t *ns) {
    if (seconds < 0 || microseconds < 0 || microseconds >= US_PER_SECOND)
        return -LINUX_EINVAL;
    seconds = seconds < SECONDS_MAX ? seconds : SECONDS_MAX;
    *ns = (uint64_t)seconds * NS_PER_SECOND + (uint64_t)microseconds * NS_PER_US;
    return 0;
}

/* One of those of processor time, which `which` says; the same for these. */
static uint64_t set_own(uint32_t which, uint64_t in_ns, uint64_t interval_ns, uint64_t *interval_before_ns) {
    struct process_timer *timer = &process_current()->own_timers[which];
    processes_lock();
    uint64_t left_ns = process_timer_left(timer);
    *interval_before_ns = timer->interval;
    process_timer_set(timer, in_ns != 0 ? process_timer_now(timer) + in_ns : 0, interval_ns);
    processes_unlock();
    return left_ns;
}

static uint64_t set(uint64_t in_ns, uint64_t interval_ns, uint64_t *interval_before_ns) {
    struct process *process = process_current();
    processes_lock();
    uint64_t left_ns = left_of(process);
    *interval_before_ns = process->alarm_interval_ns;
    alarm_set(process, in_ns != 0 ? clock_now_ns() + in_ns : 0, interval_ns);
    processes_unlock();
    return left_ns;
}

/* Whole seconds, up, as Linux rounds them: never 0 for one that is set. */
int64_t system_call_alarm(const uint64_t arguments[6]) {
    uint64_t unused;
    uint64_t left_ns = set((uint64_t)(uint32_t)arguments[0] * NS_PER_SECOND, 0, &unused);
    uint64_t seconds = (left_ns + NS_PER_SECOND / 2) / NS_PER_SECOND;
    return left_ns > 0 && seconds == 0 ? 1 : (int64_t)seconds;
}

int64_t system_call_setitimer(const uint64_t arguments[6]) {
    struct timer_value value = {0};
    uint64_t in_ns = 0, interval_ns = 0, interval_before_ns;
    const uint32_t which = (uint32_t)arguments[0];
    if (arguments[1] != 0 && !process_read(&value, arguments[1], sizeof(value)))
        return -LINUX_EFAULT;
    int64_t status = to_ns(value.value_s, value.value_us, &in_ns);
    if (status == 0)
        status = to_ns(value.interval_s, value.interval_us, &interval_ns);
    if (status < 0)
        return status;
    if (which > TIMER_REAL + 2)
        return -LINUX_EINVAL;
    uint64_t left_ns = which == TIMER_REAL ? set(in_ns, interval_ns, &interval_before_ns)
                                           : set_own(which - 1, in_ns, interval_ns, &interval_before_ns);
    struct timer_value before = value_of(left_ns, interval_before_ns);
    return user_write_wanted(arguments[2], &before, sizeof(before));
}

int64_t system_call_getitimer(const uint64_t arguments[6]) {
    struct process *process = process_current();
    const uint32_t which = (uint32_t)arguments[0];
    if (which > TIMER_REAL + 2)
        return -LINUX_EINVAL;
    processes_lock();
    const struct process_timer *own = &process->own_timers[which != TIMER_REAL ? which - 1 : 0];
    struct timer_value value = which == TIMER_REAL ? value_of(left_of(process), process->alarm_interval_ns)
                                                   : value_of(process_timer_left(own), own->interval);
    processes_unlock();
    return user_write(arguments[1], &value, sizeof(value));
}
