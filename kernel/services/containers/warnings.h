/*
 * Warnings before a limit: what accounts and scheduler groups tell of a container or project goes to the core, which tells the
 * container, its owner and the audit log. What the marks are is as on linux (kernel/machine/linux/cgroup/crossing.h):
 *
 *     memory       nine tenths are used; again only after less than eight tenths were
 *     processes    one more was refused
 *     processor    somebody waited a tenth of a second, in all, for a share that was used up
 *
 * at most once a second each; the last two again only after half a minute without. A limit of memory or of the processor that a
 * container has only from its project is watched where it is counted, in the project's allowance.
 *
 * While nothing happens nothing runs. What tells is disarmed by that, and armed again by the kernel's thread a moment later, so nobody
 * keeps it busy. While memory is near its limit the thread looks from time to time whether it still is.
 */
#ifndef GROVE_CONTAINERS_WARNINGS_H
#define GROVE_CONTAINERS_WARNINGS_H

#include "grove/abi/spec.h"
#include "kernel/services/containers/news.h"

struct allowance;
struct container_record;

struct warning_spot {
    bool is_over;
    uint64_t warned_ns, event_ns; /* 0: never */
    uint64_t counted; /* of its events, when last looked at */
};

/* Guarded by the lock of containers, but for the news. */
struct warnings {
    struct news news;
    struct list looking; /* in containers.looking, while look_ns is not 0 */
    uint64_t look_ns;
    uint64_t again_ns; /* how long after the last look at memory that was near its limit */
    bool of_project;
    uint32_t index; /* of the container or project */
    struct allowance *allowance; /* NULL: nothing is watched */
    struct grove_budget budget; /* 0: not watched */
    struct warning_spot memory, processes, processor;
};

void warnings_init(struct warnings *warnings, bool of_project, uint32_t index);
/* Watch this allowance with these limits of memory, processes and processor from now on. */
void warnings_set(struct warnings *warnings, struct allowance *allowance, const struct grove_budget *budget);
/* The same for a container with what it has now, but for what its projects watch. */
void warnings_watch(struct container_record *record);
/* The core has heard that the container runs, and now hears what happened before. */
void warnings_begin(struct warnings *warnings);
/* Nothing is watched any more, before the allowance ends. */
void warnings_end(struct warnings *warnings);

/* By the thread: what was noted, off the queue; and all looks that are due. */
void warnings_deliver(struct warnings *warnings);
void warnings_look(void);

#endif
