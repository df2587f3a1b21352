/* Endpoints and the requests about them: see endpoint.h. */
#include "kernel/core/state.h"

#include <string.h>

struct endpoint *endpoint_find(const struct core *core, const struct grove_name *name) {
    return pool_at(&core->endpoints, text_bound(&core->texts, name, TEXT_ENDPOINT));
}

/* ---- the end ---- */

void endpoint_destroy(struct core *core, struct endpoint *endpoint) {
    if (endpoint->is_dying)
        return;
    endpoint->is_dying = true;
    endpoint->container = 0;
    text_unbind(&core->texts, endpoint->name, TEXT_ENDPOINT, pool_index(endpoint));
    list_remove(&endpoint->container_link);
    list_remove(&endpoint->wanted.link);
    capability_drop(core, &endpoint->owner_handle);
    work_queue(core, &endpoint->work, WORK_ENDPOINT);
}

bool endpoint_work(struct core *core, struct work *work) {
    struct endpoint *endpoint = list_item(work, struct endpoint, work);
    for (uint32_t i = 0; i < WORK_STEP && !list_is_empty(&endpoint->channels); i++) {
        struct channel *channel = list_item(endpoint->channels.next, struct channel, endpoint_link);
        list_remove(&channel->endpoint_link);
        channel->endpoint = 0;
        channel_close_side(core, channel, &channel->sides[GROVE_ROLE_SERVER], GROVE_CLOSED);
    }
    if (!list_is_empty(&endpoint->channels))
        return true;
    text_unref(&core->texts, endpoint->name);
    text_unref(&core->texts, endpoint->wanted_by);
    pool_give_back(&core->endpoints, endpoint);
    return false;
}

/* ---- activation ---- */

/* The endpoint's owner starts the container; if the service named itself, the owner of its container does. */
static struct container *who_starts(const struct core *core, const struct endpoint *endpoint) {
    const struct container *server = core_container(core, endpoint->container);
    grove_object_id id = endpoint->owner == pool_identity(server) ? server->owner : endpoint->owner;
    return pool_find(&core->containers, id);
}

void endpoint_want(struct core *core, struct endpoint *endpoint, const struct container *client) {
    struct container *owner = who_starts(core, endpoint);
    if (owner == NULL)
        return;
    text_unref(&core->texts, endpoint->wanted_by);
    endpoint->wanted_by = text_ref(&core->texts, client->name);
    attention_raise(core, owner, &endpoint->wanted, ATTENTION_WANTED);
}

bool endpoint_next_notice(const struct core *core, const struct endpoint *endpoint, const struct container *to,
                          struct packet *packet) {
    const struct container *server = core_container(core, endpoint->container);
    if (server == NULL || server->has_instance)
        return false;
    struct grove_notice_endpoint *notice = &packet->message.body.endpoint_wanted;
    packet->message.operation = GROVE_NOTICE_ENDPOINT_WANTED;
    if (endpoint->owner == pool_identity(to))
        notice->endpoint = endpoint->owner_handle;
    if (server->owner == pool_identity(to))
        notice->container = server->owner_handle;
    text_to_name(&core->texts, endpoint->name, &notice->name);
    text_to_name(&core->texts, endpoint->wanted_by, &notice->client);
    return true;
}

/* ---- ENDPOINT_CREATE ---- */

/* The container that will serve it must itself be allowed to accept under this name. */
static int check_server(struct request *request, const struct grove_endpoint_create *body) {
    struct grove_capability wanted;
    request->container = request->caller;
    if (body->container == GROVE_HANDLE_NONE)
        return GROVE_OK;
    int status = request_find_container(request, body->container, NULL);
    if (status < 0)
        return status;
    capability_for_name(GROVE_CAP_IPC_RECV, &body->name, &wanted);
    return capability_find(request->core, request->container, &wanted, GROVE_RIGHT_USE) != NULL
               ? GROVE_OK
               : request_refuse(request, &wanted);
}

int endpoint_check_name(struct request *request, const struct grove_name *name) {
    int status = request_permit_name(request, GROVE_CAP_IPC_RECV, name);
    if (status < 0)
        return status;
    /* One whose container is being destroyed no longer stands in the way of its name. */
    struct endpoint *existing = endpoint_find(request->core, name);
    const struct container *server = existing != NULL ? core_container(request->core, existing->container) : NULL;
    if (existing != NULL && (server == NULL || server->is_dying))
        endpoint_destroy(request->core, existing);
    else if (existing != NULL)
        return GROVE_EXISTS;
    return GROVE_OK;
}

int endpoint_create_check(struct request *request) {
    const struct grove_endpoint_create *body = &request->message->body.endpoint_create;
    int status = endpoint_check_name(request, &body->name);
    struct capability *permission = request->capability;
    if (status == GROVE_OK)
        status = check_server(request, body);
    request->capability = permission;
    return status;
}

int endpoint_make(struct request *request, const struct grove_name *name, struct grove_version version) {
    struct core *core = request->core;
    struct capability *handle = NULL;
    struct endpoint *endpoint = pool_take(&core->endpoints);
    if (endpoint == NULL)
        return GROVE_EXHAUSTED;
    int status = text_from_name(&core->texts, name, &endpoint->name);
    if (status == GROVE_OK)
        status = capability_create_object(core, request->caller, request->capability, GROVE_CAP_ENDPOINT,
                                          GROVE_RIGHTS_ALL, pool_identity(endpoint), &handle);
    if (status < 0) {
        text_unref(&core->texts, endpoint->name);
        pool_give_back(&core->endpoints, endpoint);
        return status;
    }
    endpoint->owner_handle = capability_handle(handle);
    endpoint->owner = pool_identity(request->caller);
    endpoint->version = version;
    endpoint->container = pool_index(request->container);
    list_init(&endpoint->channels);
    list_append(&request->container->endpoints, &endpoint->container_link);
    text_bind(&core->texts, endpoint->name, TEXT_ENDPOINT, pool_index(endpoint));
    request->reply.message.body.handle_reply.handle = endpoint->owner_handle;
    request->reply.message.body.handle_reply.id = pool_identity(endpoint);
    return GROVE_OK;
}

int endpoint_create_invoke(struct request *request) {
    const struct grove_endpoint_create *body = &request->message->body.endpoint_create;
    return endpoint_make(request, &body->name, body->version);
}

/* ---- ENDPOINT_DESTROY ---- */

int endpoint_destroy_check(struct request *request) {
    return request_find(request, request->message->body.handle.handle, GROVE_CAP_ENDPOINT, GROVE_RIGHT_CONTROL);
}

int endpoint_destroy_invoke(struct request *request) {
    endpoint_destroy(request->core, request->object);
    return GROVE_OK;
}

/* ---- ENDPOINT_READ ---- */

int endpoint_read_check(struct request *request) {
    const struct grove_name *name = &request->message->body.endpoint_read.name;
    int status = request_permit_name(request, GROVE_CAP_IPC_SEND, name);
    if (status < 0)
        return status;
    request->endpoint = endpoint_find(request->core, name);
    return request->endpoint != NULL ? GROVE_OK : GROVE_NOT_FOUND;
}

int endpoint_read_invoke(struct request *request) {
    const struct endpoint *endpoint = request->endpoint;
    const struct container *server = core_container(request->core, endpoint->container);
    struct grove_endpoint_record *record = &request->reply.message.body.endpoint_record;
    record->name = request->message->body.endpoint_read.name;
    record->version = endpoint->version;
    record->container = pool_identity(server);
    record->container_state = server->state;
    record->channels = endpoint->channel_count;
    container_name(request->core, server, &record->service);
    return GROVE_OK;
}
