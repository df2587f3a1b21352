/* Regions and the requests about them: see region.h. */
#include "kernel/core/state.h"

#define REGION_BYTES_MAX (UINT64_C(1) << 40)
#define REGIONS_PER_CONTAINER 1024u
#define ANNOUNCED_MAX 4096u

/* ---- life ---- */

void region_destroy(struct core *core, struct region *region) {
    struct container *container = core_container(core, region->container);
    list_remove(&region->link);
    container->region_count--;
    if (region->is_state)
        container->state_region = 0;
    budget_release(core, container, container->project, region->size_bytes, 0);
    machine_object_close(region->memory);
    capability_drop(core, &region->handle);
    pool_give_back(&core->regions, region);
}

void region_handle_lost(struct core *core, struct region *region) {
    region->handle = GROVE_HANDLE_NONE;
    if (!region->is_state)
        region_destroy(core, region);
}

static int make_handle(struct core *core, struct container *owner, struct capability *parent, struct region *region) {
    struct capability *handle = NULL;
    uint16_t rights = GROVE_RIGHT_READ | GROVE_RIGHT_WRITE | GROVE_RIGHT_GRANT | GROVE_RIGHT_CONTROL;
    int status =
        capability_create_object(core, owner, parent, GROVE_CAP_REGION, rights, pool_identity(region), &handle);
    if (status == GROVE_OK)
        region->handle = capability_handle(handle);
    return status;
}

static int make_region(struct core *core, struct container *owner, struct capability *parent, uint64_t size_bytes,
                       struct region **out) {
    struct region *region = owner->region_count < REGIONS_PER_CONTAINER ? pool_take(&core->regions) : NULL;
    if (region == NULL)
        return GROVE_EXHAUSTED;
    int status = budget_charge(core, owner, size_bytes, 0);
    if (status < 0) {
        pool_give_back(&core->regions, region);
        return status;
    }
    region->size_bytes = size_bytes;
    region->container = pool_index(owner);
    list_append(&owner->regions, &region->link);
    owner->region_count++;
    region->memory = MACHINE_OBJECT_NONE;
    status = machine_memory_create(size_bytes, region->container, &region->memory);
    if (status == GROVE_OK)
        status = make_handle(core, owner, parent, region);
    if (status < 0)
        region_destroy(core, region);
    else
        *out = region;
    return status;
}

static void fill_reply(const struct region *region, grove_handle handle, uint32_t rights,
                       struct grove_region_reply *reply) {
    reply->region = handle;
    reply->id = pool_identity(region);
    reply->size_bytes = region->size_bytes;
    reply->tag = region->tag;
    reply->rights = rights;
}

static void attach_memory(const struct region *region, struct packet *packet) {
    packet->objects[0] = (struct port_object){.kind = PORT_OBJECT_REGION, .id = pool_identity(region)};
}

static void reply_writable(struct request *request, const struct region *region) {
    fill_reply(region, region->handle, GROVE_RIGHT_READ | GROVE_RIGHT_WRITE, &request->reply.message.body.region);
    attach_memory(region, &request->reply);
}

/* ---- REGION_CREATE ---- */

int region_create_check(struct request *request) {
    uint64_t size_bytes = request->message->body.region_create.size_bytes;
    if (size_bytes == 0)
        return GROVE_INVALID;
    if (size_bytes > REGION_BYTES_MAX)
        return GROVE_TOO_LARGE;
    struct grove_capability wanted = {.kind = GROVE_CAP_SHM_CREATE, .rights = GROVE_RIGHT_USE};
    wanted.argument.kind = GROVE_ARGUMENT_QUANTITY;
    wanted.argument.value.quantity = size_bytes;
    return request_permit(request, &wanted);
}

int region_create_invoke(struct request *request) {
    const struct grove_region_create *body = &request->message->body.region_create;
    struct region *region = NULL;
    int status = make_region(request->core, request->caller, request->capability, body->size_bytes, &region);
    if (status < 0)
        return status;
    region->tag = body->tag;
    reply_writable(request, region);
    return GROVE_OK;
}

/* ---- REGION_ATTACHED ---- */

static int find_region(struct request *request, grove_handle handle, uint16_t rights) {
    int status = request_find(request, handle, GROVE_CAP_REGION, rights);
    request->region = request->object;
    return status;
}

int region_attached_check(struct request *request) {
    int status = find_region(request, request->message->body.handle.handle, GROVE_RIGHT_WRITE);
    if (status < 0)
        return status;
    return request->region->is_sealed ? GROVE_WRONG_STATE : GROVE_OK;
}

int region_attached_invoke(struct request *request) {
    int status = machine_memory_seal(request->region->memory);
    if (status < 0)
        return status;
    request->region->is_sealed = true;
    return GROVE_OK;
}

/* ---- REGION_GRANT ---- */

int region_grant_check(struct request *request) {
    const struct grove_region_grant *body = &request->message->body.region_grant;
    bool is_move = body->flags == GROVE_REGION_MOVE;
    if (!is_move && (body->flags & ~(uint32_t)GROVE_REGION_ONWARD) != 0)
        return GROVE_INVALID;
    int status = request_find_receiver(request, body->channel);
    if (status == GROVE_OK)
        status = find_region(request, body->region, is_move ? GROVE_RIGHT_WRITE : GROVE_RIGHT_GRANT);
    if (status < 0)
        return status;
    if (request->region->is_state)
        return GROVE_UNSUPPORTED;
    if (is_move && !request->container->has_port)
        return GROVE_WRONG_STATE;
    return request->region->is_sealed != is_move ? GROVE_OK : GROVE_WRONG_STATE;
}

static void notify(struct core *core, const struct region *region, grove_handle handle, uint32_t rights,
                   const struct container *from, struct container *to) {
    struct packet packet;
    packet_init(&packet, GROVE_NOTICE_REGION_GRANTED);
    fill_reply(region, handle, rights, &packet.message.body.region_granted.region);
    container_name(core, from, &packet.message.body.region_granted.from);
    attach_memory(region, &packet);
    port_notice(core, to, &packet);
}

static int grant_read(struct request *request) {
    struct core *core = request->core;
    struct container *receiver = request->container;
    bool is_onward = request->message->body.region_grant.flags == GROVE_REGION_ONWARD;
    struct grove_capability capability = {.kind = GROVE_CAP_REGION,
                                          .rights = GROVE_RIGHT_READ | (is_onward ? GROVE_RIGHT_GRANT : 0)};
    struct capability_new new = {.container = receiver,
                                 .parent = request->capability,
                                 .capability = &capability,
                                 .object = pool_identity(request->region)};
    struct capability *child = NULL;
    int status = capability_create(core, &new, &child);
    if (status < 0)
        return status;
    notify(core, request->region, capability_handle(child), GROVE_RIGHT_READ, request->caller, receiver);
    request->reply.message.body.handle_reply.handle = capability_handle(child);
    return GROVE_OK;
}

/* The new owner is charged and gets the primary entry; the old one's entry is gone. */
static int move_region(struct request *request) {
    struct core *core = request->core;
    struct region *region = request->region;
    struct container *from = request->caller;
    struct container *to = request->container;
    grove_handle old = region->handle;
    int status = budget_charge(core, to, region->size_bytes, 0);
    if (status < 0)
        return status;
    status = to->region_count < REGIONS_PER_CONTAINER ? make_handle(core, to, NULL, region) : GROVE_EXHAUSTED;
    if (status < 0) {
        budget_release(core, to, to->project, region->size_bytes, 0);
        return status;
    }
    request->capability->is_primary = false;
    capability_condemn(core, pool_find(&core->capabilities, old));
    budget_release(core, from, from->project, region->size_bytes, 0);
    list_remove(&region->link);
    list_append(&to->regions, &region->link);
    from->region_count--;
    to->region_count++;
    region->container = pool_index(to);
    notify(core, region, region->handle, GROVE_RIGHT_READ | GROVE_RIGHT_WRITE, from, to);
    request->reply.message.body.handle_reply.handle = region->handle;
    return GROVE_OK;
}

int region_grant_invoke(struct request *request) {
    bool is_move = request->message->body.region_grant.flags == GROVE_REGION_MOVE;
    int status = is_move ? move_region(request) : grant_read(request);
    if (status < 0)
        return status;
    struct grove_capability capability = {.kind = GROVE_CAP_REGION,
                                          .rights = is_move ? GROVE_RIGHT_WRITE : GROVE_RIGHT_READ};
    request->reply.message.body.handle_reply.id = pool_identity(request->region);
    audit_request(request, GROVE_AUDIT_GRANT, request->container->name, 0, &capability);
    return GROVE_OK;
}

/* ---- REGION_DESTROY: drop the handle, and the region with its owner's ---- */

int region_destroy_check(struct request *request) {
    return find_region(request, request->message->body.handle.handle, 0);
}

int region_destroy_invoke(struct request *request) {
    capability_condemn(request->core, request->capability);
    return GROVE_OK;
}

/* ---- STATE_REGION ---- */

int state_region_check(struct request *request) {
    uint64_t size_bytes = request->message->body.state_region.size_bytes;
    const struct container *caller = request->caller;
    request->region = pool_find(&request->core->regions, caller->state_region);
    if (size_bytes == 0)
        return GROVE_INVALID;
    if (size_bytes > REGION_BYTES_MAX)
        return GROVE_TOO_LARGE;
    if (request->region == NULL)
        return GROVE_OK;
    /* Once sealed, this instance cannot be given a writable mapping again. */
    bool is_own = request->region->generation == caller->generation;
    return is_own && request->region->is_sealed ? GROVE_WRONG_STATE : GROVE_OK;
}

static int make_state(struct request *request) {
    uint64_t size_bytes = request->message->body.state_region.size_bytes;
    struct region *region = NULL;
    int status = make_region(request->core, request->caller, NULL, size_bytes, &region);
    if (status < 0)
        return status;
    region->is_state = true;
    request->caller->state_region = pool_identity(region);
    request->region = region;
    return GROVE_OK;
}

/* A copy for the next instance, larger if it asks for more; what is there is never cut off. */
static int renew_state(struct request *request) {
    struct core *core = request->core;
    struct container *owner = request->caller;
    struct region *region = request->region;
    uint64_t wanted = request->message->body.state_region.size_bytes;
    uint64_t size_bytes = wanted > region->size_bytes ? wanted : region->size_bytes;
    uint64_t more = size_bytes - region->size_bytes;
    if (!region->is_sealed && more == 0)
        return GROVE_OK;
    int status = budget_charge(core, owner, more, 0);
    if (status < 0)
        return status;
    machine_object memory = MACHINE_OBJECT_NONE;
    status = machine_memory_clone(region->memory, size_bytes, pool_index(owner), &memory);
    if (status < 0) {
        budget_release(core, owner, owner->project, more, 0);
        return status;
    }
    machine_object_close(region->memory);
    region->memory = memory;
    region->size_bytes = size_bytes;
    region->is_sealed = false;
    return GROVE_OK;
}

static int ensure_handle(struct request *request) {
    struct region *region = request->region;
    if (pool_find(&request->core->capabilities, region->handle) != NULL)
        return GROVE_OK;
    return make_handle(request->core, request->caller, NULL, region);
}

int state_region_invoke(struct request *request) {
    bool is_fresh = request->region == NULL;
    int status = is_fresh ? make_state(request) : ensure_handle(request);
    if (status == GROVE_OK && !is_fresh)
        status = renew_state(request);
    if (status < 0)
        return status;
    struct region *region = request->region;
    if (!is_fresh && region->generation != request->caller->generation)
        region->tag = 1;
    region->generation = request->caller->generation;
    reply_writable(request, region);
    return GROVE_OK;
}

/* ---- the next instance ---- */

/*
 * A region is mapped by an instance, but held by its container: a new one is told of all that is sealed, to read it. The first one,
 * too: somebody may have granted it before there was a port to say so.
 */
void region_announce(struct core *core, struct container *to) {
    uint32_t left = ANNOUNCED_MAX;
    for (struct list *link = to->table.next; link != &to->table && left > 0; link = link->next) {
        const struct capability *entry = list_item(link, struct capability, table);
        left--;
        if (entry->kind != GROVE_CAP_REGION || !capability_is_alive(core, entry) || !port_has_share(to))
            continue;
        const struct region *region = pool_find(&core->regions, entry->as.object);
        const struct container *owner = region != NULL ? core_container(core, region->container) : NULL;
        if (owner != NULL && region->is_sealed && !region->is_state)
            notify(core, region, capability_handle(entry), GROVE_RIGHT_READ, owner, to);
    }
}
