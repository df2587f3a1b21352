/* Budgets: see budget.h. */
#include "kernel/core/state.h"

#include <string.h>

#define CHANNELS_DEFAULT 256u
#define LIMITS (offsetof(struct grove_budget, reserved) / sizeof(uint64_t))

/* All fields of a budget are amounts of 64 bits in which 0 means "no limit of its own". */
static void load(const struct grove_budget *budget, uint64_t limits[LIMITS]) {
    memcpy(limits, budget, LIMITS * sizeof(uint64_t));
}

void budget_narrow(const struct grove_budget *outer, struct grove_budget *inner) {
    uint64_t above[LIMITS];
    uint64_t own[LIMITS];
    load(outer, above);
    load(inner, own);
    for (size_t i = 0; i < LIMITS; i++) {
        if (above[i] != 0 && (own[i] == 0 || own[i] > above[i]))
            own[i] = above[i];
    }
    memcpy(inner, own, sizeof(own));
}

bool budget_fits(const struct grove_budget *outer, const struct grove_budget *inner) {
    uint64_t above[LIMITS];
    uint64_t own[LIMITS];
    load(outer, above);
    load(inner, own);
    for (size_t i = 0; i < LIMITS; i++) {
        if (above[i] != 0 && own[i] > above[i])
            return false;
    }
    return true;
}

void budget_of_project(const struct core *core, uint32_t index, struct grove_budget *budget) {
    memset(budget, 0, sizeof(*budget));
    for (const struct project *project = pool_at(&core->projects, index); project != NULL;
         project = pool_at(&core->projects, project->parent))
        budget_narrow(&project->budget, budget);
}

void budget_effective(const struct core *core, const struct container *container, struct grove_budget *budget) {
    budget_of_project(core, container->project, budget);
    struct grove_budget own = container->budget;
    budget_narrow(budget, &own);
    *budget = own;
}

/* ---- what the core gives out ---- */

void budget_warn(struct core *core, struct container *container, enum budget_resource resource, uint64_t used,
                 uint64_t limit) {
    struct packet packet;
    memset(&packet, 0, sizeof(packet));
    packet.message.body.budget_warning =
        (struct grove_notice_budget){.resource = resource, .used = used, .limit = limit};
    audit_life(core, container, GROVE_AUDIT_BUDGET, resource, GROVE_EXHAUSTED);
    port_notice(core, container, GROVE_NOTICE_BUDGET_WARNING, &packet);
}

static bool is_over(uint64_t used, uint64_t more, uint64_t limit) {
    return limit != 0 && (used > limit || more > limit - used);
}

static int check_own(struct core *core, struct container *container, uint64_t shared_bytes, uint32_t channels) {
    uint64_t channel_limit = container->budget.channels != 0 ? container->budget.channels : CHANNELS_DEFAULT;
    if (is_over(container->channel_count, channels, channel_limit)) {
        budget_warn(core, container, BUDGET_CHANNELS, container->channel_count, channel_limit);
        return GROVE_EXHAUSTED;
    }
    if (is_over(container->shared_bytes, shared_bytes, container->budget.shared_bytes)) {
        budget_warn(core, container, BUDGET_SHARED, container->shared_bytes, container->budget.shared_bytes);
        return GROVE_EXHAUSTED;
    }
    return GROVE_OK;
}

static int check_project(struct core *core, struct container *container, const struct project *project,
                         uint64_t shared_bytes, uint32_t channels) {
    if (is_over(project->channels, channels, project->budget.channels)) {
        budget_warn(core, container, BUDGET_CHANNELS, project->channels, project->budget.channels);
        return GROVE_EXHAUSTED;
    }
    if (is_over(project->shared_bytes, shared_bytes, project->budget.shared_bytes)) {
        budget_warn(core, container, BUDGET_SHARED, project->shared_bytes, project->budget.shared_bytes);
        return GROVE_EXHAUSTED;
    }
    return GROVE_OK;
}

int budget_charge(struct core *core, struct container *container, uint64_t shared_bytes, uint32_t channels) {
    int status = check_own(core, container, shared_bytes, channels);
    struct project *project = pool_at(&core->projects, container->project);
    for (; status == GROVE_OK && project != NULL; project = pool_at(&core->projects, project->parent))
        status = check_project(core, container, project, shared_bytes, channels);
    if (status < 0)
        return status;
    container->shared_bytes += shared_bytes;
    container->channel_count += channels;
    for (project = pool_at(&core->projects, container->project); project != NULL;
         project = pool_at(&core->projects, project->parent)) {
        project->shared_bytes += shared_bytes;
        project->channels += channels;
    }
    return GROVE_OK;
}

void budget_release(struct core *core, struct container *container, uint32_t index, uint64_t shared_bytes,
                    uint32_t channels) {
    if (container != NULL) {
        container->shared_bytes -= shared_bytes;
        container->channel_count -= channels;
    }
    for (struct project *project = pool_at(&core->projects, index); project != NULL;
         project = pool_at(&core->projects, project->parent)) {
        project->shared_bytes -= shared_bytes;
        project->channels -= channels;
    }
}

void core_container_over_budget(struct core *core, machine_container index, uint32_t resource, uint64_t used,
                                uint64_t limit) {
    struct container *container = core_container(core, index);
    if (container != NULL)
        budget_warn(core, container, (enum budget_resource)resource, used, limit);
}

/* ---- BUDGET_SET ---- */

int budget_set_check(struct request *request) {
    const struct grove_budget_set *body = &request->message->body.budget_set;
    int status = request_find_container(request, body->container, NULL);
    if (status < 0)
        return status;
    struct grove_budget limit;
    budget_of_project(request->core, request->container->project, &limit);
    return budget_fits(&limit, &body->budget) ? GROVE_OK : GROVE_EXHAUSTED;
}

int budget_set_invoke(struct request *request) {
    struct container *container = request->container;
    struct grove_budget before = container->budget;
    struct grove_budget effective;
    container->budget = request->message->body.budget_set.budget;
    budget_effective(request->core, container, &effective);
    int status = container->has_instance ? machine_container_budget(pool_index(container), &effective) : GROVE_OK;
    if (status < 0)
        container->budget = before;
    return status;
}
