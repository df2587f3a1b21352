/*
 * Scheduling parameters: from a spec's schedule to what sched_setattr takes.
 */
#ifndef GROVE_LINUX_SCHEDULE_H
#define GROVE_LINUX_SCHEDULE_H

#include "kernel/machine/linux/container/plan.h"

/*
 * False when there is nothing to set: the fair class with no nice value for a program that knows nothing of Grove, which
 * is what a child inherits. A native service gets a short time slice in the fair class.
 */
bool schedule_plan(const struct grove_schedule *schedule, bool is_native, struct plan_schedule *plan);
/*
 * Apply to a process and all its threads. GROVE_DENIED when this kernel may not (real-time classes need CAP_SYS_NICE or
 * RLIMIT_RTPRIO), GROVE_INVALID for parameters it refuses, GROVE_EXHAUSTED when the deadline class has no room.
 */
int schedule_apply(pid_t process, const struct grove_schedule *schedule, bool is_native);

#endif
