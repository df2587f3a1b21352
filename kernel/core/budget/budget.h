/*
 * Budgets: limits and what is charged against them.
 *
 * The machine enforces limits on memory, processor, processes and files; the core hands it the effective ones. What the
 * core itself gives out, shared memory and channels, is charged here before it is made, to the container that caused it
 * and to every project above.
 *
 * The machine holds each container to its limits, and the members of a project to the project's limits of memory,
 * processor and processes together. So that members do not have limits on paper that their project cannot honour, the
 * core keeps promises: what the members of a project have as limits of their own adds up to at most the project's. A
 * member without a limit gets the project's, and is promised nothing: it has what the others leave.
 *
 * Invariant: `promised` of a project is the sum of the weights of its living containers (their own limits) and of its
 * child projects (their own limit, or what is promised in them where they have none).
 */
#ifndef GROVE_CORE_BUDGET_H
#define GROVE_CORE_BUDGET_H

#include "grove/abi/port.h"

struct core;
struct container;

/* What the core gave out, to a container or to all members of a project. */
struct charge {
    uint64_t shared_bytes;
    uint64_t channels;
};

/* Each limit of `inner`, or that of `outer` where it has none or a larger one. */
void budget_narrow(const struct grove_budget *outer, struct grove_budget *inner);
/*
 * May a member of `project` have the limits `after` where it had `before` (all 0: it is new)? GROVE_EXHAUSTED, with the
 * project, the resource and the numbers in *excess.
 */
int budget_check(const struct core *core, uint32_t project, const struct grove_budget *before,
                 const struct grove_budget *after, struct grove_overcommitted *excess);
/* A member of `project` has the limits `after` where it had `before`: change what is promised in it and above. */
void budget_promise(struct core *core, uint32_t project, const struct grove_budget *before,
                    const struct grove_budget *after);
/* The limits of nobody: all 0. */
extern const struct grove_budget budget_none;
/* A container's own limits narrowed by its projects'. */
void budget_effective(const struct core *core, const struct container *container, struct grove_budget *budget);
/* Those of a project narrowed by the projects above it. */
void budget_of_project(const struct core *core, uint32_t project, struct grove_budget *budget);
/* GROVE_EXHAUSTED, audited and told to the container, if a limit would be passed; nothing is charged then. */
int budget_charge(struct core *core, struct container *container, uint64_t shared_bytes, uint32_t channels);
/* `container` may be NULL when it is gone: its projects are still relieved. */
void budget_release(struct core *core, struct container *container, uint32_t project, uint64_t shared_bytes,
                    uint32_t channels);
#endif
