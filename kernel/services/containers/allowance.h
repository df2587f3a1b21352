/*
 * What a container or project may use: memory, processes and processor time, within what the project around it may.
 *
 * The accounts are atomic and may be charged in any context. Pages that were charged may outlive whom they were charged for
 * (memory shared with others), so an allowance is freed when the last page is given back; its scheduler group ends with
 * allowance_end, when nothing runs in it.
 */
#ifndef GROVE_CONTAINERS_ALLOWANCE_H
#define GROVE_CONTAINERS_ALLOWANCE_H

#include "grove/abi/request.h"
#include "kernel/machine/bare/mm/account.h"
#include "kernel/machine/bare/sched/sched.h"
#include "kernel/services/vfs/machine.h"

struct allowance {
    struct memory_account memory; /* in pages */
    struct memory_account processes; /* each is one */
    struct sched_group group;
    const struct vfs_machine *machine;
    struct warnings
        *warnings; /* who wants to know when a limit is near (warnings.h); NULL: nobody. Guarded by the lock of news */
};

/* Within `parent` (NULL: the whole machine). GROVE_NO_MEMORY; GROVE_TOO_LARGE: projects lie too deep in each other. */
int allowance_create(const struct vfs_machine *machine, struct scheduler *scheduler, struct allowance *parent,
                     const struct grove_budget *budget, struct allowance **allowance);
/* From now on; 0 in a budget is no limit. What is used beyond a smaller one stays used. */
void allowance_set(struct scheduler *scheduler, struct allowance *allowance, const struct grove_budget *budget);
/* Nothing runs in it, and no other allowance within it runs anything. Does nothing for NULL. */
void allowance_end(struct scheduler *scheduler, struct allowance *allowance);
/* What was used: processor time, memory and processes. */
void allowance_usage(struct scheduler *scheduler, struct allowance *allowance, struct grove_usage *usage);

#endif
