/* What a container or project may use: see allowance.h. */
#include "kernel/services/containers/allowance.h"

#include "grove/abi/status.h"
#include "kernel/core/list.h"
#include "kernel/services/vfs/constants.h"

/* As long as a period of Linux's control groups: a container that has used up its share waits no longer than that. */
#define PERIOD_NS UINT64_C(100000000)

static uint64_t or_unlimited(uint64_t limit) {
    return limit != 0 ? limit : MEMORY_UNLIMITED;
}

static uint64_t pages_of(const struct grove_budget *budget) {
    return or_unlimited(budget->memory_bytes / VFS_PAGE_BYTES + (budget->memory_bytes % VFS_PAGE_BYTES != 0));
}

/* Of a period. A share that no machine has is no limit. */
static uint64_t quota_of(const struct grove_budget *budget) {
    uint64_t most = SCHED_PROCESSORS_MAX * UINT64_C(1000000);
    return budget->processor_ppm <= most ? budget->processor_ppm * (PERIOD_NS / UINT64_C(1000000)) : 0;
}

/* The last page that was charged, and allowance_end was called. */
static void release_memory(struct memory_account *memory) {
    struct allowance *allowance = list_item(memory, struct allowance, memory);
    const struct vfs_machine *machine = allowance->machine;
    machine_give_back(machine, allowance, sizeof(*allowance));
}

static void release_processes(struct memory_account *processes) {
    memory_account_unref(&list_item(processes, struct allowance, processes)->memory);
}

int allowance_create(const struct vfs_machine *machine, struct scheduler *scheduler, struct allowance *parent,
                     const struct grove_budget *budget, struct allowance **made) {
    struct allowance *allowance = machine_take(machine, sizeof(*allowance));
    if (allowance == NULL)
        return GROVE_NO_MEMORY;
    allowance->machine = machine;
    allowance->warnings = NULL;
    int status = sched_group_init(scheduler, &allowance->group, parent != NULL ? &parent->group : NULL,
                                  quota_of(budget), PERIOD_NS);
    if (status < 0) {
        machine_give_back(machine, allowance, sizeof(*allowance));
        return status;
    }
    memory_account_init(&allowance->memory, parent != NULL ? &parent->memory : NULL, pages_of(budget));
    memory_account_init(&allowance->processes, parent != NULL ? &parent->processes : NULL,
                        or_unlimited(budget->processes));
    /* `processes` is one of the holders of `memory`, so that the one structure goes when both are done. */
    memory_account_ref(&allowance->memory);
    allowance->memory.release = release_memory;
    allowance->processes.release = release_processes;
    *made = allowance;
    return GROVE_OK;
}

void allowance_set(struct scheduler *scheduler, struct allowance *allowance, const struct grove_budget *budget) {
    memory_account_limit(&allowance->memory, pages_of(budget));
    memory_account_limit(&allowance->processes, or_unlimited(budget->processes));
    uint64_t quota_ns = quota_of(budget);
    if (quota_ns != allowance->group.quota_ns)
        (void)sched_group_set(scheduler, &allowance->group, quota_ns, PERIOD_NS);
}

void allowance_end(struct scheduler *scheduler, struct allowance *allowance) {
    if (allowance == NULL)
        return;
    sched_group_deinit(scheduler, &allowance->group);
    memory_account_unref(&allowance->processes);
    memory_account_unref(&allowance->memory);
}

void allowance_usage(struct scheduler *scheduler, struct allowance *allowance, struct grove_usage *usage) {
    sched_account(scheduler);
    *usage = (struct grove_usage){
        .processor_ns = allowance->group.used_ns,
        .memory_bytes = __atomic_load_n(&allowance->memory.used, __ATOMIC_RELAXED) * VFS_PAGE_BYTES,
        .memory_peak_bytes = __atomic_load_n(&allowance->memory.peak, __ATOMIC_RELAXED) * VFS_PAGE_BYTES,
        .processes = __atomic_load_n(&allowance->processes.used, __ATOMIC_RELAXED)};
}
