/* What processes used: getrusage(2), times(2). */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/posix/usage.h"
#include "kernel/services/posix/user_value.h"

#define NS_PER_SECOND UINT64_C(1000000000)
#define NS_PER_US UINT64_C(1000)

enum { OF_SELF = 0, OF_CHILDREN = -1, OF_THREAD = 1 };

struct usage_value {
    int64_t user_s, user_us, system_s, system_us;
    int64_t resident_max_kib, shared, data, stack, minor_faults, major_faults;
    int64_t swaps, blocks_in, blocks_out, sent, received, signals, waits, preemptions;
};

int64_t usage_write(uint64_t to, const struct process_usage *usage) {
    const struct usage_value value = {.user_s = (int64_t)(usage->user_ns / NS_PER_SECOND),
                                      .user_us = (int64_t)(usage->user_ns % NS_PER_SECOND / NS_PER_US),
                                      .system_s = (int64_t)(usage->system_ns / NS_PER_SECOND),
                                      .system_us = (int64_t)(usage->system_ns % NS_PER_SECOND / NS_PER_US),
                                      .minor_faults = (int64_t)usage->minor_faults,
                                      .major_faults = (int64_t)usage->major_faults};
    return user_write(to, &value, sizeof(value));
}

void process_usage_now(struct process *process, struct process_usage *usage) {
    *usage = process->usage;
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next)
        usage->user_ns += machine_thread_time(list_item(link, struct process_thread, link)->thread);
}

int64_t system_call_getrusage(const uint64_t arguments[6]) {
    struct process *process = process_current();
    struct process_usage usage = {0};
    int32_t whose = (int32_t)arguments[0];
    processes_lock();
    if (whose == OF_SELF)
        process_usage_now(process, &usage);
    else if (whose == OF_CHILDREN)
        usage = process->children_usage;
    else if (whose == OF_THREAD)
        usage.user_ns = machine_thread_time(thread_current());
    processes_unlock();
    if (whose != OF_SELF && whose != OF_CHILDREN && whose != OF_THREAD)
        return -LINUX_EINVAL;
    return usage_write(arguments[1], &usage);
}

int64_t system_call_times(const uint64_t arguments[6]) {
    struct process *process = process_current();
    struct process_usage usage;
    processes_lock();
    process_usage_now(process, &usage);
    const uint64_t times[4] = {usage.user_ns / TICK_NS, usage.system_ns / TICK_NS,
                               process->children_usage.user_ns / TICK_NS, process->children_usage.system_ns / TICK_NS};
    processes_unlock();
    if (arguments[0] != 0 && !process_write(arguments[0], times, sizeof(times)))
        return -LINUX_EFAULT;
    return (int64_t)(clock_now_ns() / TICK_NS);
}
