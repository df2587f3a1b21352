/*
 * The whole state of the core: pools, tables and queues, in one structure that core_create lays out.
 *
 * One thread uses it at a time (docs/locks.md). There is no other state in kernel/core.
 */
#ifndef GROVE_CORE_STATE_H
#define GROVE_CORE_STATE_H

#include "kernel/core/audit/audit.h"
#include "kernel/core/budget/budget.h"
#include "kernel/core/cap/capability.h"
#include "kernel/core/channel/channel.h"
#include "kernel/core/container/container.h"
#include "kernel/core/core.h"
#include "kernel/core/endpoint/endpoint.h"
#include "kernel/core/port/port.h"
#include "kernel/core/project/project.h"
#include "kernel/core/region/region.h"
#include "kernel/core/sched/schedule.h"
#include "kernel/core/trace/trace.h"

#define LEARNED_SLOTS 4096u

struct core {
    uint64_t boot_id, boot_ns;
    uint64_t key[2]; /* of all hashes */
    struct pool containers, endpoints, channels, regions, projects, capabilities, pending;
    struct texts texts;
    struct heap specs;
    struct timers timers;
    struct audit_log audit;
    struct trace_log trace;
    struct list work;
    struct list condemned; /* subtrees of capabilities that end with their objects */
    struct work condemned_work;
    struct list checkers; /* containers whose kernel pages show the number that follows */
    uint32_t checker_count;
    uint32_t rights_epoch; /* never 0 */
    uint32_t root_project;
    uint32_t table_max; /* entries in one table, ring 1 excepted */

    grove_object_id init; /* 0: none was booted */
    struct timer boot_timer;
    uint64_t boot_delay_ns; /* before the next start of init; 0: at once */
    bool is_shutting_down;
    uint32_t instances; /* that the machine was told to start and has not reported ended */
    struct timer shut_down_timer;

    uint64_t *learned; /* LEARNED_SLOTS hashes of what was told already; 0: free */
    uint64_t *spec_buffer; /* GROVE_SPEC_BYTES_MAX: a spec on its way in, before it is checked */
};

/* An instance is gone. If it was init's, the next one is started, sooner or later. */
void core_instance_ended(struct core *core, const struct container *container);

static inline uint32_t core_table_limit(const struct core *core, const struct container *container) {
    return container->ring == 1 ? core->capabilities.capacity : core->table_max;
}

static inline struct container *core_container(const struct core *core, uint32_t index) {
    return pool_at(&core->containers, index);
}

#endif
