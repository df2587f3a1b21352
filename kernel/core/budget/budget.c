/* Budgets: see budget.h. */
#include "kernel/core/state.h"

#include <string.h>

#define CHANNELS_DEFAULT 256u
#define WARNING_REST_NS UINT64_C(1000000000)
#define LIMITS (sizeof(struct grove_budget) / sizeof(uint64_t))

const struct grove_budget budget_none;

/* In the order of the fields. */
static const uint32_t resources[LIMITS] = {
    GROVE_RESOURCE_MEMORY,    GROVE_RESOURCE_PROCESSOR,    GROVE_RESOURCE_PROCESSES,     GROVE_RESOURCE_DESCRIPTORS,
    GROVE_RESOURCE_FILE_SIZE, GROVE_RESOURCE_SCRATCH_SIZE, GROVE_RESOURCE_SCRATCH_FILES, GROVE_RESOURCE_SHARED,
    GROVE_RESOURCE_CHANNELS,  GROVE_RESOURCE_DISK,         GROVE_RESOURCE_NETWORK,       GROVE_RESOURCE_NETWORK_TOTAL};

/* A budget is a row of amounts of 64 bits in which 0 means "no limit of its own". */
static uint64_t limit_of(const struct grove_budget *budget, size_t field) {
    uint64_t limit;
    memcpy(&limit, (const char *)budget + field * sizeof(limit), sizeof(limit));
    return limit;
}

static void set_limit(struct grove_budget *budget, size_t field, uint64_t limit) {
    memcpy((char *)budget + field * sizeof(limit), &limit, sizeof(limit));
}

void budget_narrow(const struct grove_budget *outer, struct grove_budget *inner) {
    for (size_t i = 0; i < LIMITS; i++) {
        uint64_t above = limit_of(outer, i);
        uint64_t own = limit_of(inner, i);
        if (above != 0 && (own == 0 || own > above))
            set_limit(inner, i, above);
    }
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
    uint64_t limit = limit_of(&project->budget, field);
    return limit != 0 || field >= PROJECT_PROMISES ? limit : project->promised[field];
}

static struct grove_budget weigh(const struct project *project) {
    struct grove_budget weights = budget_none;
    for (size_t i = 0; i < LIMITS; i++)
        set_limit(&weights, i, weight_of(project, i));
    return weights;
}

static int exceed(const struct core *core, const struct project *project, size_t field, uint64_t asked,
                  uint64_t promised, struct grove_overcommitted *excess) {
    memset(excess, 0, sizeof(*excess));
    text_to_name(&core->texts, project->name, &excess->project);
    excess->resource = resources[field];
    excess->asked = asked;
    excess->promised = promised;
    excess->limit = limit_of(&project->budget, field);
    return GROVE_EXHAUSTED;
}

/* Up to the first project with a limit of its own: for those above, nothing changes then. */
static int check_field(const struct core *core, uint32_t index, size_t field, uint64_t before, uint64_t after,
                       struct grove_overcommitted *excess) {
    for (const struct project *project = pool_at(&core->projects, index); project != NULL && after > before;
         project = pool_at(&core->projects, project->parent)) {
        uint64_t others = field < PROJECT_PROMISES ? project->promised[field] - before : 0;
        uint64_t limit = limit_of(&project->budget, field);
        if (limit != 0)
            return after > limit || others > limit - after ? exceed(core, project, field, after, others, excess)
                                                           : GROVE_OK;
        before += others;
        after += others;
    }
    return GROVE_OK;
}

int budget_check(const struct core *core, uint32_t project, const struct grove_budget *before,
                 const struct grove_budget *after, struct grove_overcommitted *excess) {
    int status = GROVE_OK;
    for (size_t i = 0; status == GROVE_OK && i < LIMITS; i++)
        status = check_field(core, project, i, limit_of(before, i), limit_of(after, i), excess);
    return status;
}

void budget_promise(struct core *core, uint32_t index, const struct grove_budget *before,
                    const struct grove_budget *after) {
    for (size_t i = 0; i < PROJECT_PROMISES; i++) {
        uint64_t old = limit_of(before, i);
        uint64_t new = limit_of(after, i);
        for (struct project *project = pool_at(&core->projects, index); project != NULL && old != new;
             project = pool_at(&core->projects, project->parent)) {
            uint64_t weight = weight_of(project, i);
            project->promised[i] += new - old;
            new = weight_of(project, i);
            old = weight;
        }
    }
}

/* ---- what the core gives out ---- */

/* The audit log has every one; the owner is not told more often than it can be expected to read. */
static void tell_owner(struct core *core, struct container *container, const struct grove_notice_budget *warning) {
    struct container *owner = pool_find(&core->containers, container->owner);
    uint64_t now = machine_clock_ns();
    if (owner == NULL || container->owner_handle == GROVE_HANDLE_NONE ||
        (container->owner_warned_ns != 0 && now < container->owner_warned_ns + WARNING_REST_NS))
        return;
    struct packet packet;
    packet_init(&packet, GROVE_NOTICE_CONTAINER_BUDGET);
    struct grove_notice_container_budget *notice = &packet.message.body.container_budget;
    notice->container = container->owner_handle;
    notice->id = pool_identity(container);
    container_name(core, container, &notice->name);
    notice->warning = *warning;
    container->owner_warned_ns = now;
    port_notice(core, owner, &packet);
}

static void warn(struct core *core, struct container *container, int status,
                 const struct grove_notice_budget *warning) {
    struct packet packet;
    packet_init(&packet, GROVE_NOTICE_BUDGET_WARNING);
    packet.message.body.budget_warning = *warning;
    audit_write(core, &(struct audit_event){.event = GROVE_AUDIT_BUDGET,
                                            .who = container,
                                            .object = container->name,
                                            .generation = container->generation,
                                            .cause = warning->resource,
                                            .detail = status,
                                            .budget = warning});
    port_notice(core, container, &packet);
    tell_owner(core, container, warning);
}

/* Would `more` take what is used over the limit? The container that asks is told. */
static bool is_over(struct core *core, struct container *container, enum grove_resource resource, uint64_t used,
                    uint64_t more, uint64_t limit) {
    if (limit == 0 || (used <= limit && more <= limit - used))
        return false;
    warn(core, container, GROVE_EXHAUSTED,
         &(struct grove_notice_budget){.resource = resource, .used = used, .limit = limit});
    return true;
}

static int check_charge(struct core *core, struct container *container, const struct charge *charged,
                        const struct charge *more, const struct grove_budget *limit) {
    if (is_over(core, container, GROVE_RESOURCE_CHANNELS, charged->channels, more->channels, limit->channels) ||
        is_over(core, container, GROVE_RESOURCE_SHARED, charged->shared_bytes, more->shared_bytes, limit->shared_bytes))
        return GROVE_EXHAUSTED;
    return GROVE_OK;
}

/* Sums of 64 bits wrap, so that a negative amount takes away. */
static void add(struct charge *charged, const struct charge *more) {
    charged->shared_bytes += more->shared_bytes;
    charged->channels += more->channels;
}

static void add_to_projects(struct core *core, uint32_t index, const struct charge *more) {
    for (struct project *project = pool_at(&core->projects, index); project != NULL;
         project = pool_at(&core->projects, project->parent))
        add(&project->charged, more);
}

int budget_charge(struct core *core, struct container *container, uint64_t shared_bytes, uint32_t channels) {
    struct charge more = {.shared_bytes = shared_bytes, .channels = channels};
    struct grove_budget own = container->budget;
    if (own.channels == 0)
        own.channels = CHANNELS_DEFAULT;
    int status = check_charge(core, container, &container->charged, &more, &own);
    for (const struct project *project = pool_at(&core->projects, container->project);
         status == GROVE_OK && project != NULL; project = pool_at(&core->projects, project->parent))
        status = check_charge(core, container, &project->charged, &more, &project->budget);
    if (status < 0)
        return status;
    add(&container->charged, &more);
    add_to_projects(core, container->project, &more);
    return GROVE_OK;
}

void budget_release(struct core *core, struct container *container, uint32_t project, uint64_t shared_bytes,
                    uint32_t channels) {
    struct charge less = {.shared_bytes = -shared_bytes, .channels = -(uint64_t)channels};
    if (container != NULL)
        add(&container->charged, &less);
    add_to_projects(core, project, &less);
}

void core_container_over_budget(struct core *core, machine_container index, enum grove_resource resource, uint64_t used,
                                uint64_t limit) {
    struct container *container = core_container(core, index);
    if (container != NULL)
        warn(core, container, GROVE_OK,
             &(struct grove_notice_budget){.resource = resource, .used = used, .limit = limit});
}

static bool is_inside(const struct core *core, uint32_t index, const struct project *outer) {
    const struct project *project = pool_at(&core->projects, index);
    while (project != NULL && project != outer)
        project = pool_at(&core->projects, project->parent);
    return project != NULL;
}

/* The next container with an instance in this project or below it, from *index on; NULL when there is none. */
static struct container *next_running(const struct core *core, const struct project *project, uint32_t *index) {
    while (*index < core->containers.touched) {
        struct container *container = core_container(core, (*index)++);
        if (container != NULL && container->has_instance && is_inside(core, container->project, project))
            return container;
    }
    return NULL;
}

void core_project_over_budget(struct core *core, machine_project project, enum grove_resource resource, uint64_t used,
                              uint64_t limit) {
    uint32_t index = 1;
    for (struct container *member = next_running(core, pool_at(&core->projects, project), &index); member != NULL;
         member = next_running(core, pool_at(&core->projects, project), &index))
        warn(core, member, GROVE_OK, &(struct grove_notice_budget){.resource = resource, .used = used, .limit = limit});
}

/* ---- BUDGET_SET ---- */

/* A smaller limit must still hold what is promised to the members. */
static int check_project(struct request *request, const struct grove_budget *budget) {
    struct core *core = request->core;
    struct grove_overcommitted *excess = &request->reply.message.body.overcommitted;
    struct project changed = *request->project;
    if (changed.is_doomed)
        return GROVE_STALE_HANDLE;
    changed.budget = *budget;
    for (size_t i = 0; i < PROJECT_PROMISES; i++) {
        uint64_t limit = limit_of(budget, i);
        if (limit != 0 && changed.promised[i] > limit)
            return exceed(core, &changed, i, 0, changed.promised[i], excess);
    }
    struct grove_budget before = weigh(request->project);
    struct grove_budget after = weigh(&changed);
    return budget_check(core, changed.parent, &before, &after, excess);
}

int budget_set_check(struct request *request) {
    const struct grove_budget_set *body = &request->message->body.budget_set;
    int status = request_find(request, body->container, GROVE_CAP_PROJECT, GROVE_RIGHT_CONTROL);
    request->project = request->object;
    if (status != GROVE_INVALID)
        return status < 0 ? status : check_project(request, &body->budget);
    status = request_find_container(request, body->container, NULL);
    return status < 0 ? status
                      : budget_check(request->core, request->container->project, &request->container->budget,
                                     &body->budget, &request->reply.message.body.overcommitted);
}

static int apply(struct core *core, const struct container *container) {
    struct grove_budget effective;
    budget_effective(core, container, &effective);
    return container->has_instance ? machine_container_budget(pool_index(container), &effective) : GROVE_OK;
}

/*
 * The first failure is told; the limit holds for whatever is started from now on in any case. A machine may refuse a
 * project less than a member has, and a member more than its project, so the project is tried on both sides of them.
 */
static int set_project(struct request *request) {
    struct core *core = request->core;
    struct project *project = request->project;
    struct grove_budget before = weigh(project);
    int status = GROVE_OK;
    project->budget = request->message->body.budget_set.budget;
    struct grove_budget after = weigh(project);
    budget_promise(core, project->parent, &before, &after);
    int shared = machine_project_set(pool_index(project), project->parent, &project->budget);
    uint32_t index = 1;
    for (const struct container *member = next_running(core, project, &index); member != NULL;
         member = next_running(core, project, &index)) {
        int applied = apply(core, member);
        status = status < 0 ? status : applied;
    }
    if (shared < 0)
        shared = machine_project_set(pool_index(project), project->parent, &project->budget);
    return status < 0 ? status : shared;
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
