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
#include <sys/syscall.h>
#include <unistd.h>

/* Policies of linux/sched.h; that header and sched.h exclude each other. */
static const uint32_t policies[] = {
    [GROVE_SCHEDULE_FAIR] = 0,     [GROVE_SCHEDULE_FIXED] = 1, [GROVE_SCHEDULE_ROUND_ROBIN] = 2,
    [GROVE_SCHEDULE_DEADLINE] = 6, [GROVE_SCHEDULE_IDLE] = 5,
};

static void schedule_fill(const struct grove_schedule *schedule, struct plan_schedule *plan) {
    *plan = (struct plan_schedule){.size = sizeof *plan, .policy = policies[schedule->class]};
    if (schedule->class == GROVE_SCHEDULE_FAIR)
        plan->nice = schedule->priority;
    if (schedule->class == GROVE_SCHEDULE_FIXED || schedule->class == GROVE_SCHEDULE_ROUND_ROBIN)
        plan->priority = (uint32_t)schedule->priority;
    if (schedule->class == GROVE_SCHEDULE_DEADLINE) {
        plan->runtime = schedule->runtime_ns;
        plan->deadline = schedule->deadline_ns;
        plan->period = schedule->period_ns;
    }
}

bool schedule_plan(const struct grove_schedule *schedule, struct plan_schedule *plan) {
    if (schedule->class == GROVE_SCHEDULE_FAIR && schedule->priority == 0)
        return false;
    if (schedule->class >= sizeof policies / sizeof *policies)
        return false;
    schedule_fill(schedule, plan);
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

int schedule_apply(pid_t process, const struct grove_schedule *schedule) {
    struct plan_schedule plan;
    char path[64];
    int result = GROVE_OK;
    if (schedule->class >= sizeof policies / sizeof *policies)
        return GROVE_INVALID;
    schedule_fill(schedule, &plan);
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
