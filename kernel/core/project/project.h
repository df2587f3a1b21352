/*
 * Projects: the tree along which budgets are divided. A container's limits are the smallest of its own and those of the
 * projects above it; shared memory and channels are also added up along the tree, and so are promises (budget.h).
 *
 * A project whose handle is gone is doomed: its name is free at once, and it ends with its last member.
 */
#ifndef GROVE_CORE_PROJECT_H
#define GROVE_CORE_PROJECT_H

#include "grove/abi/port.h"
#include "kernel/core/budget/budget.h"
#include "kernel/core/pool/pool.h"
#include "kernel/core/text/text.h"

struct core;

#define PROJECT_PROMISES 3u /* the first fields of a budget: memory, processor, processes */

struct project {
    struct pool_item item;
    text_id name;
    uint32_t parent; /* pool index; 0: the root */
    uint32_t members; /* containers and child projects */
    bool is_doomed; /* freed with its last member */
    struct charge charged;
    uint64_t promised[PROJECT_PROMISES];
    grove_object_id owner; /* who made it, and its handle there */
    grove_handle owner_handle;
    struct grove_budget budget;
};

int project_create(struct core *core, const struct grove_name *name, uint32_t parent, const struct grove_budget *budget,
                   struct project **project);
void project_member_left(struct core *core, uint32_t project);
/* Its name is free now; it is freed with its last member. */
void project_handle_lost(struct core *core, struct project *project);

#endif
