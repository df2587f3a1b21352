/*
 * Scheduling parameters by sched_setattr(2), which knows all classes. Changes to a running container reach every thread
 * of every process that its cgroup lists at that moment; what is started later inherits from its parent.
 */
#include "kernel/machine/linux/container/schedule.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Policies of linux/sched.h; that header and sched.h exclude each other. */
static const uint32_t policies[] = {
    [GROVE_SCHEDULE_FAIR] = 0,     [GROVE_SCHEDULE_FIXED] = 1, [GROVE_SCHEDULE_ROUND_ROBIN] = 2,
    [GROVE_SCHEDULE_DEADLINE] = 6, [GROVE_SCHEDULE_IDLE] = 5,
};

/*
 * How long a native service of the fair class runs at a stretch while others want the processor. Shorter than what Linux
 * gives other programs (1.4 ms and more), so that a service that is woken by a call runs at once, on the processor and in
 * place of its caller, and has answered before the caller would have gone to sleep. From Linux 6.12 on; others ignore it.
 */
#define SERVICE_SLICE_NS UINT64_C(300000)

static void schedule_fill(const struct grove_schedule *schedule, bool is_native, struct plan_schedule *plan) {
    *plan = (struct plan_schedule){.size = sizeof *plan, .policy = policies[schedule->class]};
    if (schedule->class == GROVE_SCHEDULE_FAIR) {
        /* A kernel that was made nicer may not take that back for its services. */
        int own = getpriority(PRIO_PROCESS, 0);
        plan->nice = schedule->priority != 0 ? schedule->priority : own;
        plan->runtime = is_native ? SERVICE_SLICE_NS : 0;
    }
    if (schedule->class == GROVE_SCHEDULE_FIXED || schedule->class == GROVE_SCHEDULE_ROUND_ROBIN)
        plan->priority = (uint32_t)schedule->priority;
    if (schedule->class == GROVE_SCHEDULE_DEADLINE) {
        plan->runtime = schedule->runtime_ns;
        plan->deadline = schedule->deadline_ns;
        plan->period = schedule->period_ns;
    }
}

bool schedule_plan(const struct grove_schedule *schedule, bool is_native, struct plan_schedule *plan) {
    if (schedule->class == GROVE_SCHEDULE_FAIR && schedule->priority == 0 && !is_native)
        return false;
    if (schedule->class >= sizeof policies / sizeof *policies)
        return false;
    schedule_fill(schedule, is_native, plan);
    return true;
}

static int schedule_status(int error) {
    switch (error) {
    case EPERM:
        return GROVE_DENIED;
    case EBUSY:
        return GROVE_EXHAUSTED;
    case ESRCH:
        return GROVE_OK; /* the thread ended meanwhile */
    default:
        return GROVE_INVALID;
    }
}

int schedule_apply(pid_t process, const struct grove_schedule *schedule, bool is_native) {
    struct plan_schedule plan;
    char path[64];
    int result = GROVE_OK;
    if (schedule->class >= sizeof policies / sizeof *policies)
        return GROVE_INVALID;
    schedule_fill(schedule, is_native, &plan);
    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    DIR *threads = opendir(path);
    if (threads == NULL)
        return GROVE_OK;
    for (struct dirent *entry; result == GROVE_OK && (entry = readdir(threads)) != NULL;) {
        long thread = strtol(entry->d_name, NULL, 10);
        if (thread > 0 && syscall(SYS_sched_setattr, thread, &plan, 0) < 0)
            result = schedule_status(errno);
    }
    (void)closedir(threads);
    return result;
}
