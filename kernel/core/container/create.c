/* Making containers: from a spec for a service, without one for a shell. */
#include "kernel/core/state.h"

#include <string.h>

static void init_lists(struct container *container) {
    list_init(&container->table);
    for (uint32_t kind = 0; kind < GROVE_CAP_KIND_COUNT; kind++)
        list_init(&container->kinds[kind].entries);
    list_init(&container->endpoints);
    list_init(&container->client_sides);
    list_init(&container->server_sides);
    list_init(&container->unprepared);
    list_init(&container->ended_sides);
    list_init(&container->regions);
    list_init(&container->queue);
    list_init(&container->waiters);
    list_init(&container->attention);
}

/* The name and what the spec says. What was taken before a failure is given back by container_give_back. */
static int take_spec(struct core *core, const struct container_new *new, struct container *container) {
    const struct grove_spec *spec = new->spec;
    if (spec == NULL)
        return text_from_name(&core->texts, &new->name, &container->name);
    int status =
        text_intern(&core->texts, grove_spec_text(spec, spec->name), spec->name.length_bytes, &container->name);
    if (status == GROVE_OK)
        status = text_intern(&core->texts, grove_spec_text(spec, spec->project), spec->project.length_bytes,
                             &container->project_name);
    if (status < 0)
        return status;
    container->spec = heap_take(&core->specs, spec->total_bytes);
    if (container->spec == NULL)
        return GROVE_EXHAUSTED;
    memcpy(container->spec, spec, spec->total_bytes);
    container->is_native = (spec->flags & GROVE_SPEC_NATIVE) != 0;
    container->ring = spec->ring;
    container->budget = spec->budget;
    container->schedule = spec->schedule;
    return GROVE_OK;
}

void container_give_back(struct core *core, struct container *container) {
    if (container->spec != NULL)
        heap_give_back(&core->specs, container->spec);
    text_unref(&core->texts, container->name);
    text_unref(&core->texts, container->project_name);
    pool_give_back(&core->containers, container);
}

int container_create(struct core *core, const struct container_new *new, struct container **out) {
    struct container *container = pool_take(&core->containers);
    if (container == NULL)
        return GROVE_EXHAUSTED;
    init_lists(container);
    container->is_client = new->spec == NULL;
    container->ring = CONTAINER_RING_EXTERNAL; /* a shell's; a spec says its own */
    int status = take_spec(core, new, container);
    if (status < 0) {
        container_give_back(core, container);
        return status;
    }
    container->project = new->project;
    container->owner = new->owner != NULL ? pool_identity(new->owner) : 0;
    container->page_memory = MACHINE_OBJECT_NONE;
    struct project *project = pool_at(&core->projects, new->project);
    project->members++;
    budget_promise(core, new->project, &budget_none, &container->budget);
    if (!container->is_client)
        text_bind(&core->texts, container->name, TEXT_CONTAINER, pool_index(container));
    *out = container;
    return GROVE_OK;
}

/* ---- CONTAINER_CREATE ---- */

static int read_spec(struct request *request) {
    struct core *core = request->core;
    uint64_t bytes = request->message->body.container_create.spec_bytes;
    if (bytes > GROVE_SPEC_BYTES_MAX)
        return GROVE_TOO_LARGE;
    int status = machine_blob_read(request->objects[0], core->spec_buffer, bytes);
    if (status < 0)
        return status;
    return grove_spec_check(core->spec_buffer, (size_t)bytes, NULL);
}

static const struct grove_spec *incoming(const struct core *core) {
    return (const struct grove_spec *)core->spec_buffer;
}

/* A name of the spec, or of what it provides. */
static void name_of_spec(const struct grove_spec *spec, struct grove_span span, struct grove_name *name) {
    memset(name, 0, sizeof(*name));
    memcpy(name->text, grove_spec_text(spec, span), span.length_bytes);
}

/* A shell makes services of ring 2; nobody makes anything closer to the kernel than itself. */
static bool ring_is_allowed(const struct container *caller, uint8_t ring) {
    uint8_t floor = caller->ring < 2 ? caller->ring : 2;
    return ring >= floor;
}

static int check_name(struct request *request) {
    struct core *core = request->core;
    const struct grove_spec *spec = incoming(core);
    struct grove_name name;
    name_of_spec(spec, spec->name, &name);
    int status = request_permit_name(request, GROVE_CAP_PROC_SPAWN, &name);
    if (status < 0)
        return status;
    if (!ring_is_allowed(request->caller, spec->ring)) {
        struct grove_capability wanted;
        capability_for_name(GROVE_CAP_PROC_SPAWN, &name, &wanted);
        return request_refuse(request, &wanted);
    }
    return text_bound(&core->texts, &name, TEXT_CONTAINER) != 0 ? GROVE_EXISTS : GROVE_OK;
}

static int check_project(struct request *request) {
    int status = request_find_project(request, request->message->body.container_create.project, GROVE_RIGHT_USE);
    return status < 0 ? status
                      : budget_check(request->core, pool_index(request->project), &budget_none,
                                     &incoming(request->core)->budget, &request->reply.message.body.overcommitted);
}

/* Every capability of the spec must be covered by one that the caller may grant. */
static struct capability *source_of(const struct core *core, const struct container *giver,
                                    const struct grove_capability *wanted) {
    return capability_find(core, giver, wanted, wanted->rights | GROVE_RIGHT_GRANT);
}

static void capability_of_spec(const struct grove_spec *spec, uint32_t index, struct grove_capability *wanted) {
    grove_spec_capability(spec, index, wanted, NULL);
    if (spec->ring == CONTAINER_RING_EXTERNAL)
        wanted->rights |= GROVE_RIGHT_EXTERNAL;
}

static int check_capabilities(struct request *request) {
    const struct grove_spec *spec = incoming(request->core);
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability wanted;
        capability_of_spec(spec, i, &wanted);
        if (source_of(request->core, request->caller, &wanted) == NULL)
            return request_refuse(request, &wanted);
    }
    return GROVE_OK;
}

/* What its schedule and its endpoints need must be among the spec's own capabilities. */
static int check_holds(struct request *request, const struct grove_capability *needed) {
    const struct grove_spec *spec = incoming(request->core);
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability held;
        grove_spec_capability(spec, i, &held, NULL);
        if (held.kind == needed->kind && (held.rights & needed->rights) == needed->rights &&
            grove_argument_covers(&held.argument, &needed->argument))
            return GROVE_OK;
    }
    return request_refuse(request, needed);
}

static int check_schedule(struct request *request) {
    struct grove_capability needed;
    return schedule_needs(&incoming(request->core)->schedule, &needed) ? check_holds(request, &needed) : GROVE_OK;
}

int container_create_check(struct request *request) {
    static int (*const checks[])(struct request *) = {read_spec, check_name, check_project, check_capabilities,
                                                      check_schedule};
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        int status = checks[i](request);
        if (status < 0)
            return status;
    }
    return GROVE_OK;
}

static int derive_capabilities(struct request *request, struct container *container) {
    const struct grove_spec *spec = container->spec;
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability wanted;
        capability_of_spec(spec, i, &wanted);
        struct capability *entry = NULL;
        struct capability_new new = {.container = container,
                                     .parent = source_of(request->core, request->caller, &wanted),
                                     .capability = &wanted};
        int status = capability_create(request->core, &new, &entry);
        if (status < 0)
            return status;
        audit_request(request, GROVE_AUDIT_GRANT, container->name, 0, &wanted);
    }
    return GROVE_OK;
}

int container_create_invoke(struct request *request) {
    struct core *core = request->core;
    struct container_new new = {
        .spec = incoming(core), .owner = request->caller, .project = pool_index(request->project)};
    struct container *container = NULL;
    struct capability *handle = NULL;
    int status = container_create(core, &new, &container);
    if (status < 0)
        return status;
    status = derive_capabilities(request, container);
    if (status == GROVE_OK)
        status = capability_create_object(core, request->caller, NULL, GROVE_CAP_CONTAINER, GROVE_RIGHTS_ALL,
                                          pool_identity(container), &handle);
    if (status < 0) {
        container_destroy(core, container);
        return status;
    }
    container->owner_handle = capability_handle(handle);
    request->container = container;
    audit_request(request, GROVE_AUDIT_CREATE, container->name, 0, NULL);
    container_fill_reply(container, container->owner_handle, &request->reply.message.body.container);
    return GROVE_OK;
}

/* ---- CONTAINER_LAUNCH ---- */

/*
 * Check, or make, an endpoint for each interface that the spec provides. A name is checked once more when it is made,
 * because the spec may provide the same one twice.
 */
static int each_endpoint(struct request *request, const struct grove_spec *spec, bool is_made) {
    int status = GROVE_OK;
    for (uint32_t i = 0; i < spec->provides.count && status == GROVE_OK; i++) {
        const struct grove_spec_interface *provided = grove_spec_provided(spec, i);
        struct grove_name name;
        struct grove_capability wanted;
        name_of_spec(spec, provided->name, &name);
        status = endpoint_check_name(request, &name);
        capability_for_name(GROVE_CAP_IPC_RECV, &name, &wanted);
        if (status == GROVE_OK)
            status = is_made ? endpoint_make(request, &name, provided->version) : check_holds(request, &wanted);
    }
    return status;
}

int container_launch_check(struct request *request) {
    const struct grove_container_launch *body = &request->message->body.container_launch;
    bool is_started = body->flags == GROVE_LAUNCH_START;
    if ((body->flags != 0 && !is_started) || body->reserved != 0)
        return GROVE_INVALID;
    int status = container_create_check(request);
    if (status < 0)
        return status;
    const struct grove_spec *spec = incoming(request->core);
    if (is_started && request->core->is_shutting_down)
        return GROVE_WRONG_STATE;
    if (request->object_count != 1 + (is_started ? container_streams_wanted(spec) : 0))
        return GROVE_INVALID;
    return each_endpoint(request, spec, false);
}

int container_launch_invoke(struct request *request) {
    struct grove_container_reply *reply = &request->reply.message.body.container;
    machine_object streams[3];
    int status = container_create_invoke(request);
    if (status < 0)
        return status;
    struct container *container = request->container;
    status = each_endpoint(request, container->spec, true);
    if (status == GROVE_OK && request->message->body.container_launch.flags == GROVE_LAUNCH_START) {
        container_take_streams(request, 1, streams);
        status = container_start(request->core, container, GROVE_START_FRESH, streams);
    }
    if (status < 0)
        container_destroy(request->core, container);
    if (status != GROVE_DENIED)
        container_fill_reply(container, container->owner_handle, reply);
    return status;
}
