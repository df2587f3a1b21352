/*
 * Budgets: limits and what is charged against them.
 *
 * The machine enforces limits on memory, processor, processes and files; the core hands it the effective ones. What the
 * core itself gives out, shared memory and channels, is charged here before it is made, to the container that caused it
 * and to every project above.
 */
#ifndef GROVE_CORE_BUDGET_H
#define GROVE_CORE_BUDGET_H

#include "grove/abi/port.h"

struct core;
struct container;

enum budget_resource { BUDGET_MEMORY = 1, BUDGET_PROCESSES = 2, BUDGET_SHARED = 3, BUDGET_CHANNELS = 4 };

/* Each limit of `inner`, or that of `outer` where it has none or a larger one. */
void budget_narrow(const struct grove_budget *outer, struct grove_budget *inner);
/* True if no limit of `inner` is larger than that of `outer`. */
bool budget_fits(const struct grove_budget *outer, const struct grove_budget *inner);
/* A container's own limits narrowed by its projects'. */
void budget_effective(const struct core *core, const struct container *container, struct grove_budget *budget);
/* Those of a project narrowed by the projects above it. */
void budget_of_project(const struct core *core, uint32_t project, struct grove_budget *budget);
/* GROVE_EXHAUSTED, audited and told to the container, if a limit would be passed; nothing is charged then. */
int budget_charge(struct core *core, struct container *container, uint64_t shared_bytes, uint32_t channels);
/* `container` may be NULL when it is gone: its projects are still relieved. */
void budget_release(struct core *core, struct container *container, uint32_t project, uint64_t shared_bytes,
                    uint32_t channels);
/* GROVE_EXHAUSTED was met: tell the container. */
void budget_warn(struct core *core, struct container *container, enum budget_resource resource, uint64_t used,
                 uint64_t limit);

#endif
