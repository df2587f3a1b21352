/* The table of requests, and the way of one packet through it. */
#include "kernel/core/state.h"

#include <string.h>

struct operation {
    int (*check)(struct request *request);
    int (*invoke)(struct request *request);
    uint32_t objects_min, objects_max;
    bool is_one_way_allowed; /* sequence 0: no reply wanted */
};

#define OPERATION(number, name, min, max) [GROVE_REQUEST_##number] = {name##_check, name##_invoke, min, max, false}
#define ONE_WAY(number, name) [GROVE_REQUEST_##number] = {name##_check, name##_invoke, 0, 0, true}
static const struct operation operations[GROVE_REQUEST_END] = {
    OPERATION(CAPABILITY_READ, capability_read, 0, 0),
    OPERATION(CAPABILITY_DERIVE, capability_derive, 0, 0),
    OPERATION(CAPABILITY_GRANT, capability_grant, 0, 0),
    OPERATION(CAPABILITY_REVOKE, capability_revoke, 0, 0),
    OPERATION(CHANNEL_CONNECT, channel_connect, 0, 0),
    OPERATION(CHANNEL_ATTACHED, channel_attached, 0, 0),
    OPERATION(CHANNEL_CLOSE, channel_close, 0, 0),
    OPERATION(ENDPOINT_CREATE, endpoint_create, 0, 0),
    OPERATION(ENDPOINT_DESTROY, endpoint_destroy, 0, 0),
    OPERATION(ENDPOINT_READ, endpoint_read, 0, 0),
    OPERATION(REGION_CREATE, region_create, 0, 0),
    OPERATION(REGION_ATTACHED, region_attached, 0, 0),
    OPERATION(REGION_GRANT, region_grant, 0, 0),
    OPERATION(REGION_DESTROY, region_destroy, 0, 0),
    OPERATION(CONTAINER_CREATE, container_create, 1, 1),
    OPERATION(CONTAINER_START, container_start, 0, 3),
    OPERATION(CONTAINER_CONTROL, container_control, 0, 0),
    OPERATION(CONTAINER_READ, container_read, 0, 0),
    OPERATION(CONTAINER_STREAMS, container_streams, 0, 0),
    OPERATION(PROJECT_CREATE, project_create, 0, 0),
    OPERATION(PROJECT_DESTROY, project_destroy, 0, 0),
    OPERATION(BUDGET_SET, budget_set, 0, 0),
    OPERATION(SCHEDULE_SET, schedule_set, 0, 0),
    OPERATION(AUDIT_READ, audit_read, 0, 0),
    ONE_WAY(STATE_REPORT, state_report),
    ONE_WAY(TRACE_EMIT, trace_emit),
    OPERATION(TRACE_READ, trace_read, 0, 0),
    OPERATION(KERNEL_READ, kernel_read, 0, 0),
    OPERATION(STATE_REGION, state_region, 0, 0),
    OPERATION(SWAP, swap, 0, 4),
    OPERATION(CONTAINER_LIST, container_list, 0, 0),
};

static const struct operation *find_operation(const struct grove_message *message) {
    if (message->operation >= GROVE_REQUEST_END || operations[message->operation].check == NULL)
        return NULL;
    return &operations[message->operation];
}

static int check_form(const struct request *request, const struct operation *operation) {
    if (request->message->version != GROVE_PORT_VERSION)
        return GROVE_VERSION;
    if (operation == NULL)
        return GROVE_UNSUPPORTED;
    if (request->object_count < operation->objects_min || request->object_count > operation->objects_max)
        return GROVE_INVALID;
    if (request->message->sequence == 0 && !operation->is_one_way_allowed)
        return GROVE_INVALID;
    return GROVE_OK;
}

static int run(struct request *request, const struct operation *operation) {
    int status = check_form(request, operation);
    if (status == GROVE_OK)
        status = operation->check(request);
    return status == GROVE_OK ? operation->invoke(request) : status;
}

static void reply(struct request *request, const struct operation *operation, int status) {
    struct grove_message *message = &request->reply.message;
    if (status == REQUEST_LATER)
        return;
    if (operation != NULL && operation->is_one_way_allowed && request->message->sequence == 0)
        return;
    message->operation = request->message->operation;
    message->sequence = request->message->sequence;
    message->status = status;
    port_post(request->core, request->caller, &request->reply);
}

void request_run(struct core *core, struct container *caller, const struct grove_message *message,
                 const machine_object *objects, uint32_t count) {
    struct request request;
    memset(&request, 0, sizeof(request));
    request.core = core;
    request.caller = caller;
    request.message = message;
    request.object_count = count;
    for (uint32_t i = 0; i < GROVE_PORT_OBJECTS; i++)
        request.objects[i] = i < count ? objects[i] : MACHINE_OBJECT_NONE;
    const struct operation *operation = find_operation(message);
    reply(&request, operation, run(&request, operation));
    for (uint32_t i = 0; i < GROVE_PORT_OBJECTS; i++) {
        if (request.objects[i] != MACHINE_OBJECT_NONE)
            machine_object_close(request.objects[i]);
    }
}

void core_request(struct core *core, machine_container index, const struct grove_message *message,
                  uint32_t message_bytes, const machine_object *objects, uint32_t count) {
    struct container *caller = core_container(core, index);
    /* A private copy: the whole message, or its beginning with the rest zero. */
    struct grove_message copy;
    memset(&copy, 0, sizeof(copy));
    bool is_whole = message_bytes == sizeof(copy) && count <= GROVE_PORT_OBJECTS;
    memcpy(&copy, message, message_bytes < sizeof(copy) ? message_bytes : sizeof(copy));
    if (caller != NULL && !caller->is_dying && caller->has_port && is_whole) {
        request_run(core, caller, &copy, objects, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        machine_object_close(objects[i]);
    if (caller != NULL && !is_whole) {
        struct packet reply = {.message = {.operation = copy.operation, .sequence = copy.sequence}};
        reply.message.status = GROVE_INVALID;
        port_post(core, caller, &reply);
    }
}

/* ---- what many checks need ---- */

int request_refuse(struct request *request, const struct grove_capability *missing) {
    struct grove_refused *refused = &request->reply.message.body.refused;
    memset(refused, 0, sizeof(*refused));
    refused->missing = *missing;
    container_name(request->core, request->caller, &refused->who);
    request->caller->refusals++;
    audit_write(request->core, &(struct audit_event){.event = GROVE_AUDIT_REFUSE,
                                                     .who = request->caller,
                                                     .object = request->caller->name,
                                                     .operation = request->message->operation,
                                                     .detail = GROVE_DENIED,
                                                     .capability = missing});
    return GROVE_DENIED;
}

int request_permit(struct request *request, const struct grove_capability *wanted, uint16_t rights,
                   struct capability **entry) {
    struct capability *found = capability_find(request->core, request->caller, wanted, rights);
    if (found == NULL)
        return request_refuse(request, wanted);
    *entry = found;
    return GROVE_OK;
}

static int find_by_name(struct request *request, const struct grove_name *name) {
    if (name == NULL || !name_is_valid(name))
        return GROVE_INVALID;
    struct grove_capability wanted;
    struct capability *entry = NULL;
    capability_for_name(GROVE_CAP_PROC_CONTROL, name, &wanted);
    int status = request_permit(request, &wanted, GROVE_RIGHT_USE, &entry);
    if (status < 0)
        return status;
    struct core *core = request->core;
    text_id text = text_find_name(&core->texts, name);
    struct container *found = core_container(core, text_bound(&core->texts, text, TEXT_CONTAINER));
    if (found == NULL)
        return GROVE_NOT_FOUND;
    request->container = found;
    return GROVE_OK;
}

int request_find_container(struct request *request, grove_handle handle, const struct grove_name *name) {
    if (handle == GROVE_HANDLE_NONE)
        return find_by_name(request, name);
    struct capability *entry = NULL;
    int status = capability_find_object(request->core, request->caller, handle, GROVE_CAP_CONTAINER,
                                        GROVE_RIGHT_CONTROL, &entry);
    if (status == GROVE_DENIED) {
        struct grove_capability missing = {.kind = GROVE_CAP_CONTAINER, .rights = GROVE_RIGHT_CONTROL};
        return request_refuse(request, &missing);
    }
    if (status < 0)
        return status;
    struct container *found = pool_find(&request->core->containers, entry->as.object);
    if (found == NULL || found->is_dying)
        return GROVE_STALE_HANDLE;
    request->container = found;
    request->capability = entry;
    return GROVE_OK;
}

int request_find_channel(struct request *request, grove_handle handle) {
    struct capability *entry = NULL;
    int status = capability_find_object(request->core, request->caller, handle, GROVE_CAP_CHANNEL, 0, &entry);
    if (status < 0)
        return status;
    struct channel *channel = pool_find(&request->core->channels, entry->as.object);
    if (channel == NULL || channel->sides[entry->side].is_done)
        return GROVE_STALE_HANDLE;
    request->channel = channel;
    request->side = entry->side;
    request->capability = entry;
    return GROVE_OK;
}

int request_find_peer(struct request *request, struct container **peer) {
    struct channel *channel = request->channel;
    const struct channel_side *other = &channel->sides[1 - request->side];
    struct container *found = core_container(request->core, other->container);
    if (found == NULL || found->is_dying || other->is_done)
        return GROVE_CLOSED;
    *peer = found;
    return GROVE_OK;
}
