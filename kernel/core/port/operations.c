/* The table of requests, and the way of one packet through it. */
#include "kernel/core/state.h"

#include <string.h>

struct operation {
    int (*check)(struct request *request);
    int (*invoke)(struct request *request);
    uint32_t objects_min, objects_max;
    bool is_one_way_allowed; /* sequence 0: no reply wanted */
};

#define OPERATION(number, check, invoke, min, max, is_one_way_allowed) \
    [GROVE_REQUEST_##number] = {check, invoke, min, max, is_one_way_allowed},
static const struct operation operations[GROVE_REQUEST_END] = {PORT_REQUESTS(OPERATION)};

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

static void take(struct core *core, struct container *caller, const struct grove_message *message,
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
    for (uint32_t i = 0; i < GROVE_PORT_OBJECTS; i++)
        machine_object_close(request.objects[i]);
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
        take(core, caller, &copy, objects, count);
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

int request_is_free(struct request *request) {
    (void)request;
    return GROVE_OK;
}

int request_refuse_to(struct request *request, struct container *who, const struct grove_capability *missing) {
    struct grove_refused *refused = &request->reply.message.body.refused;
    memset(refused, 0, sizeof(*refused));
    refused->missing = *missing;
    container_name(request->core, who, &refused->who);
    who->refusals++;
    audit_write(request->core, &(struct audit_event){.event = GROVE_AUDIT_REFUSE,
                                                     .who = who,
                                                     .object = request->caller->name,
                                                     .operation = request->message->operation,
                                                     .detail = GROVE_DENIED,
                                                     .capability = missing});
    return GROVE_DENIED;
}

int request_refuse(struct request *request, const struct grove_capability *missing) {
    return request_refuse_to(request, request->caller, missing);
}

int request_permit(struct request *request, const struct grove_capability *wanted) {
    request->capability = capability_find(request->core, request->caller, wanted, GROVE_RIGHT_USE);
    return request->capability != NULL ? GROVE_OK : request_refuse(request, wanted);
}

int request_permit_name(struct request *request, uint16_t kind, const struct grove_name *name) {
    struct grove_capability wanted;
    if (!name_is_valid(name))
        return GROVE_INVALID;
    capability_for_name(kind, name, &wanted);
    return request_permit(request, &wanted);
}

int request_find(struct request *request, grove_handle handle, uint16_t kind, uint16_t rights) {
    struct core *core = request->core;
    request->object = NULL;
    int status = capability_find_object(core, request->caller, handle, kind, rights, &request->capability);
    if (status == GROVE_DENIED) {
        struct grove_capability missing = {.kind = kind, .rights = rights};
        return request_refuse(request, &missing);
    }
    if (status < 0)
        return status;
    request->object = capability_object(core, kind, request->capability->as.object);
    return request->object != NULL ? GROVE_OK : GROVE_STALE_HANDLE;
}

static int find_by_name(struct request *request, const struct grove_name *name) {
    struct core *core = request->core;
    int status = name != NULL ? request_permit_name(request, GROVE_CAP_PROC_CONTROL, name) : GROVE_INVALID;
    if (status < 0)
        return status;
    request->container = core_container(core, text_bound(&core->texts, name, TEXT_CONTAINER));
    return request->container != NULL ? GROVE_OK : GROVE_NOT_FOUND;
}

int request_find_container(struct request *request, grove_handle handle, const struct grove_name *name) {
    if (handle == GROVE_HANDLE_NONE)
        return find_by_name(request, name);
    int status = request_find(request, handle, GROVE_CAP_CONTAINER, GROVE_RIGHT_CONTROL);
    if (status < 0)
        return status;
    request->container = request->object;
    return request->container->is_dying ? GROVE_STALE_HANDLE : GROVE_OK;
}

int request_find_channel(struct request *request, grove_handle handle) {
    int status = request_find(request, handle, GROVE_CAP_CHANNEL, 0);
    if (status < 0)
        return status;
    request->channel = request->object;
    request->side = request->capability->side;
    return request->channel->sides[request->side].is_done ? GROVE_STALE_HANDLE : GROVE_OK;
}

int request_find_project(struct request *request, grove_handle handle, uint16_t rights) {
    request->object = pool_at(&request->core->projects, request->caller->project);
    int status = handle != GROVE_HANDLE_NONE ? request_find(request, handle, GROVE_CAP_PROJECT, rights) : GROVE_OK;
    if (status < 0)
        return status;
    request->project = request->object;
    return request->project->is_doomed ? GROVE_STALE_HANDLE : GROVE_OK;
}

int request_find_receiver(struct request *request, grove_handle channel) {
    int status = request_find_channel(request, channel);
    if (status < 0)
        return status;
    const struct channel_side *other = &request->channel->sides[1 - request->side];
    struct container *receiver = core_container(request->core, other->container);
    if (receiver == NULL || receiver->is_dying || other->is_done)
        return GROVE_CLOSED;
    request->container = receiver;
    return receiver->has_port && !port_has_share(receiver) ? GROVE_EXHAUSTED : GROVE_OK;
}
