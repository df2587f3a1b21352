/* Budgets: see budget.h. */
#include "kernel/core/state.h"

#include <string.h>

#define CHANNELS_DEFAULT 256u
#define LIMITS (offsetof(struct grove_budget, reserved) / sizeof(uint64_t))

const struct grove_budget budget_none;

/* In the order of the fields. */
static const uint32_t resources[LIMITS] = {BUDGET_MEMORY,        BUDGET_PROCESSOR, BUDGET_PROCESSES,
                                           BUDGET_DESCRIPTORS,   BUDGET_FILE_SIZE, BUDGET_SCRATCH_SIZE,
                                           BUDGET_SCRATCH_FILES, BUDGET_SHARED,    BUDGET_CHANNELS};

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

/* ---- promises ---- */

static uint64_t weight_of(const struct project *project, size_t field) {
    uint64_t limits[LIMITS];
    load(&project->budget, limits);
    return limits[field] != 0 || field >= PROJECT_PROMISES ? limits[field] : project->promised[field];
}

static void weigh(const struct project *project, struct grove_budget *weights) {
    uint64_t all[LIMITS] = {0};
    for (size_t i = 0; i < LIMITS; i++)
        all[i] = weight_of(project, i);
    memset(weights, 0, sizeof(*weights));
    memcpy(weights, all, sizeof(all));
}

static int exceed(const struct core *core, const struct project *project, size_t field, uint64_t asked,
                  uint64_t promised, struct grove_overcommitted *excess) {
    uint64_t limits[LIMITS];
    load(&project->budget, limits);
    memset(excess, 0, sizeof(*excess));
    text_to_name(&core->texts, project->name, &excess->project);
    excess->resource = resources[field];
    excess->asked = asked;
    excess->promised = promised;
    excess->limit = limits[field];
    return GROVE_EXHAUSTED;
}

/* Up to the first project with a limit of its own: for those above, nothing changes then. */
static int check_field(const struct core *core, uint32_t index, size_t field, uint64_t before, uint64_t after,
                       struct grove_overcommitted *excess) {
    uint64_t limits[LIMITS];
    for (const struct project *project = pool_at(&core->projects, index); project != NULL && after > before;
         project = pool_at(&core->projects, project->parent)) {
        uint64_t others = field < PROJECT_PROMISES ? project->promised[field] - before : 0;
        load(&project->budget, limits);
        if (limits[field] != 0)
            return after > limits[field] || others > limits[field] - after
                       ? exceed(core, project, field, after, others, excess)
                       : GROVE_OK;
        before += others;
        after += others;
    }
    return GROVE_OK;
}

int budget_check(const struct core *core, uint32_t project, const struct grove_budget *before,
                 const struct grove_budget *after, struct grove_overcommitted *excess) {
    uint64_t old[LIMITS];
    uint64_t new[LIMITS];
    int status = GROVE_OK;
    load(before, old);
    load(after, new);
    for (size_t i = 0; status == GROVE_OK && i < LIMITS; i++)
        status = check_field(core, project, i, old[i], new[i], excess);
    return status;
}

void budget_promise(struct core *core, uint32_t index, const struct grove_budget *before,
                    const struct grove_budget *after) {
    uint64_t old[LIMITS];
    uint64_t new[LIMITS];
    load(before, old);
    load(after, new);
    for (size_t i = 0; i < PROJECT_PROMISES; i++) {
        for (struct project *project = pool_at(&core->projects, index); project != NULL && old[i] != new[i];
             project = pool_at(&core->projects, project->parent)) {
            uint64_t weight = weight_of(project, i);
            project->promised[i] += new[i] - old[i];
            new[i] = weight_of(project, i);
            old[i] = weight;
        }
    }
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

/* A smaller limit must still hold what is promised to the members. */
static int check_promised(struct request *request, const struct grove_budget *budget) {
    const struct project *project = request->project;
    uint64_t limits[LIMITS];
    load(budget, limits);
    for (size_t i = 0; i < PROJECT_PROMISES; i++) {
        struct grove_overcommitted *excess = &request->reply.message.body.overcommitted;
        if (limits[i] == 0 || project->promised[i] <= limits[i])
            continue;
        (void)exceed(request->core, project, i, 0, project->promised[i], excess);
        excess->limit = limits[i];
        return GROVE_EXHAUSTED;
    }
    return GROVE_OK;
}

static int check_project_budget(struct request *request, const struct grove_budget *budget) {
    struct core *core = request->core;
    struct grove_budget before;
    struct grove_budget after;
    struct project changed = *request->project;
    if (changed.is_doomed)
        return GROVE_STALE_HANDLE;
    changed.budget = *budget;
    weigh(request->project, &before);
    weigh(&changed, &after);
    int status = check_promised(request, budget);
    return status < 0 ? status
                      : budget_check(core, changed.parent, &before, &after, &request->reply.message.body.overcommitted);
}

int budget_set_check(struct request *request) {
    const struct grove_budget_set *body = &request->message->body.budget_set;
    struct capability *entry = NULL;
    if (capability_find_object(request->core, request->caller, body->container, GROVE_CAP_PROJECT, GROVE_RIGHT_CONTROL,
                               &entry) == GROVE_OK) {
        request->project = pool_find(&request->core->projects, entry->as.object);
        return request->project == NULL ? GROVE_STALE_HANDLE : check_project_budget(request, &body->budget);
    }
    int status = request_find_container(request, body->container, NULL);
    return status < 0 ? status
                      : budget_check(request->core, request->container->project, &request->container->budget,
                                     &body->budget, &request->reply.message.body.overcommitted);
}

static int apply(struct core *core, const struct container *container) {
    struct grove_budget effective;
    budget_effective(core, container, &effective);
    return container->has_instance ? machine_container_budget(pool_index(container), &effective) : GROVE_OK;
}

static bool is_inside(const struct core *core, uint32_t index, const struct project *outer) {
    const struct project *project = pool_at(&core->projects, index);
    while (project != NULL && project != outer)
        project = pool_at(&core->projects, project->parent);
    return project != NULL;
}

/* The first failure is told; the limit holds for whatever is started from now on in any case. */
static int set_project(struct request *request) {
    struct core *core = request->core;
    struct project *project = request->project;
    struct grove_budget before;
    struct grove_budget after;
    int status = GROVE_OK;
    weigh(project, &before);
    project->budget = request->message->body.budget_set.budget;
    weigh(project, &after);
    budget_promise(core, project->parent, &before, &after);
    for (uint32_t index = 1; index < core->containers.touched; index++) {
        const struct container *container = core_container(core, index);
        if (container == NULL || !container->has_instance || !is_inside(core, container->project, project))
            continue;
        int applied = apply(core, container);
        status = status < 0 ? status : applied;
    }
    return status;
}

int budget_set_invoke(struct request *request) {
    struct container *container = request->container;
    if (container == NULL)
        return set_project(request);
    struct grove_budget before = container->budget;
    container->budget = request->message->body.budget_set.budget;
    int status = apply(request->core, container);
    if (status < 0)
        container->budget = before;
    else
        budget_promise(request->core, container->project, &before, &container->budget);
    return status;
}
