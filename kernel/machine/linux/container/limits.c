/*
 * Resource limits of a container's processes: what the kernel counts for each process, and, where no cgroup can be
 * written, what it would count for all of them.
 *
 * The number of processes is limited by user id, so it only makes sense for an id that nobody else has.
 */
#include "kernel/machine/linux/container/container.h"

#include <sys/resource.h>

#define LIMITS_DESCRIPTORS 1024u

/*
 * Without root a limit cannot be raised: where the user has less than the budget allows, that is what there is to give.
 * Some systems let a user have 4096 descriptors, which is no reason to start nothing.
 */
static void limits_add(struct plan *plan, int resource, uint64_t value) {
    struct rlimit own;
    if (linux_machine->rootless && getrlimit((unsigned)resource, &own) == 0 && own.rlim_max < value)
        value = own.rlim_max;
    plan->limits[plan->limit_count++] =
        (struct plan_limit){.resource = resource, .limit = {.rlim_cur = value, .rlim_max = value}};
}

void limits_plan(const struct container *container, struct plan *plan) {
    const struct grove_budget *budget = &container->budget;
    bool has_own_user = !linux_machine->rootless && container->user != linux_machine->user &&
                        (container->spec->flags & (GROVE_SPEC_CALLER_IDENTITY | GROVE_SPEC_LEARN)) == 0;
    limits_add(plan, RLIMIT_CORE, 0);
    limits_add(plan, RLIMIT_NOFILE, budget->descriptors != 0 ? budget->descriptors : LIMITS_DESCRIPTORS);
    if (budget->file_bytes != 0)
        limits_add(plan, RLIMIT_FSIZE, budget->file_bytes);
    /* Where both would refuse a fork, the group's refusal is the one that can be heard of. */
    if (budget->processes != 0 && has_own_user && container->cgroup == NULL)
        limits_add(plan, RLIMIT_NPROC, budget->processes);
    if (budget->memory_bytes != 0 && container->cgroup == NULL)
        limits_add(plan, RLIMIT_DATA, budget->memory_bytes);
}

/* ---- disk and network, which groved's own processes hold ---- */

bool limits_network(const struct grove_budget *budget) {
    return budget->network_rate != 0 || budget->network_total != 0;
}

/* What is made already does not go another way: a first limit holds from the next instance on. */
bool limits_can_change(const struct container *container, const struct grove_budget *budget) {
    bool is_first_of_disk = budget->disk_bytes != 0 && container->budget.disk_bytes == 0;
    bool is_first_of_network = limits_network(budget) && !limits_network(&container->budget);
    return !is_first_of_disk && !is_first_of_network;
}

void limits_change(const struct container *container, const struct grove_budget *budget) {
    if (container->quota != NULL)
        quota_set(container->quota, budget->disk_bytes != 0 ? budget->disk_bytes : UINT64_MAX);
    if (container->traffic_account != NULL)
        traffic_set(container->traffic_account, budget->network_rate, budget->network_total);
}

int limits_begin_traffic(struct container *container, const char *name) {
    if (container->traffic_account == NULL)
        container->traffic_account = traffic_account_create();
    if (container->traffic_account == NULL)
        return GROVE_NO_MEMORY;
    limits_change(container, &container->budget);
    return traffic_create(container->index, name, container->traffic_account, &container->traffic);
}

void limits_usage(const struct container *container, struct grove_usage *usage) {
    if (container->quota != NULL)
        quota_usage(container->quota, usage);
    if (container->traffic != NULL)
        traffic_usage(container->traffic, usage);
}

void limits_end(struct container *container) {
    struct grove_usage usage = {0};
    limits_usage(container, &usage);
    container->processor_before_ns += usage.processor_ns;
    quota_end(container->quota);
    traffic_end(container->traffic);
    container->quota = NULL;
    container->traffic = NULL;
}
