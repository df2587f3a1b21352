/*
 * Watching a group's limits: a handler is called when one is near or in the way, once for each time (crossing.h).
 *
 * Linux says when something happens: version 2 by memory.events (memory.high is set to nine tenths until it was passed),
 * pids.events and a trigger on cpu.pressure; version 1 by thresholds and pressure levels through cgroup.event_control,
 * and pids.events. While nothing happens nothing runs. After each event groved looks away for a moment, at most ten
 * times a second and less often when they keep coming, so that a container cannot keep it busy. Only a group that is over
 * nine tenths of its memory is looked at again by a timer, because Linux does not say when version 2 falls: after a second,
 * then less and less often.
 *
 * Version 1 does not tell of a processor that is waited for, nor, since Linux 6.11, of refused forks: these are looked at
 * when somebody reads the usage.
 */
#ifndef GROVE_LINUX_CGROUP_WATCH_H
#define GROVE_LINUX_CGROUP_WATCH_H

#include "kernel/machine/linux/cgroup/cgroup.h"

struct cgroup_watch;

/* Called from the loop, never from inside a function of this header but cgroup_watch_over. */
typedef void cgroup_warning(void *context, enum grove_resource resource, uint64_t used, uint64_t limit);

/* NULL without memory. */
struct cgroup_watch *cgroup_watch_create(cgroup_warning *handler, void *context);
void cgroup_watch_destroy(struct cgroup_watch *watch);
/*
 * Watch this group with these limits of memory, processes and processor, and no other from now on; NULL: none. What
 * cannot be watched is not, and holds all the same.
 */
void cgroup_watch_set(struct cgroup_watch *watch, const struct cgroup *group, const struct grove_budget *budget);
/* Somebody is looking at its usage anyway: have its limits looked at in a moment. */
void cgroup_watch_look(struct cgroup_watch *watch);
/* This limit ended something: say so now, unless it was said. */
void cgroup_watch_over(struct cgroup_watch *watch, enum grove_resource resource);

#endif
