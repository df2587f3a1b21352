/* The requests about capabilities: read a table, derive, grant, revoke. */
#include "kernel/core/state.h"

#include <string.h>

/* ---- CAPABILITY_READ ---- */

int capability_read_check(struct request *request) {
    const struct grove_capability_read *body = &request->message->body.capability_read;
    request->container = request->caller;
    if (body->container == GROVE_HANDLE_NONE && body->name.text[0] == '\0')
        return GROVE_OK;
    return request_find_container(request, body->container, &body->name);
}

/* The cursor is the slot of the next entry; if that one went away meanwhile, the reader has to begin again. */
static struct capability *entry_at(struct core *core, const struct container *container, uint32_t cursor) {
    if (cursor == 0)
        return list_first_item(&container->table, struct capability, table);
    struct capability *entry = pool_at(&core->capabilities, cursor);
    return entry != NULL && entry->container == pool_index(container) ? entry : NULL;
}

int capability_read_invoke(struct request *request) {
    struct core *core = request->core;
    struct container *container = request->container;
    uint32_t cursor = request->message->body.capability_read.cursor;
    struct capability *entry = entry_at(core, container, cursor);
    if (entry == NULL)
        return cursor == 0 ? GROVE_NOT_FOUND : GROVE_STALE_HANDLE;
    struct grove_capability_entry *reply = &request->reply.message.body.capability_entry;
    struct list *next = entry->table.next;
    reply->cursor = next == &container->table ? 0 : pool_index(list_item(next, struct capability, table));
    reply->depth = entry->depth;
    reply->handle = capability_handle(entry);
    reply->object = entry->kind < GROVE_CAP_KIND_COUNT ? 0 : entry->as.object;
    capability_describe(core, entry, &reply->capability);
    if (!capability_is_alive(core, entry))
        reply->capability.rights = 0;
    return GROVE_OK;
}

/* ---- CAPABILITY_DERIVE and CAPABILITY_GRANT ---- */

/* The source allows what is asked for, and the table it goes into may hold it. */
static int check_child(struct request *request, grove_handle source, const struct grove_capability *wanted,
                       uint16_t right, const struct container *receiver) {
    if (!capability_is_valid(wanted))
        return GROVE_INVALID;
    struct capability *entry = NULL;
    int status = capability_find_handle(request->core, request->caller, source, &entry);
    if (status < 0)
        return status;
    if (entry->kind != wanted->kind)
        return GROVE_INVALID;
    if (entry->kind == GROVE_CAP_CHANNEL || entry->kind == GROVE_CAP_REGION)
        return GROVE_UNSUPPORTED; /* a channel has two ends; regions go by REGION_GRANT, with their memory */
    if ((entry->rights & right) == 0 || (wanted->rights & ~entry->rights) != 0 ||
        !capability_covers(request->core, entry, &wanted->argument))
        return request_refuse(request, wanted);
    if (receiver->ring == CONTAINER_RING_EXTERNAL && (wanted->rights & GROVE_RIGHT_EXTERNAL) == 0)
        return request_refuse(request, wanted);
    request->capability = entry;
    return GROVE_OK;
}

static int make_child(struct request *request, const struct grove_capability *wanted, struct container *receiver,
                      enum grove_audit_event event, struct capability **child) {
    struct capability *source = request->capability;
    struct capability_new new = {.container = receiver, .parent = source, .capability = wanted};
    if (source->kind >= GROVE_CAP_KIND_COUNT)
        new.object = source->as.object;
    int status = capability_create(request->core, &new, child);
    if (status < 0)
        return status;
    request->reply.message.body.handle_reply.handle = capability_handle(*child);
    request->reply.message.body.handle_reply.id = new.object;
    audit_request(request, event, receiver->name, 0, wanted);
    return GROVE_OK;
}

int capability_derive_check(struct request *request) {
    const struct grove_capability_derive *body = &request->message->body.derive;
    return check_child(request, body->source, &body->capability, GROVE_RIGHT_DERIVE, request->caller);
}

int capability_derive_invoke(struct request *request) {
    struct capability *child = NULL;
    return make_child(request, &request->message->body.derive.capability, request->caller, GROVE_AUDIT_DERIVE, &child);
}

int capability_grant_check(struct request *request) {
    const struct grove_capability_grant *body = &request->message->body.grant;
    int status = request_find_receiver(request, body->channel);
    return status < 0 ? status
                      : check_child(request, body->source, &body->capability, GROVE_RIGHT_GRANT, request->container);
}

int capability_grant_invoke(struct request *request) {
    const struct grove_capability *wanted = &request->message->body.grant.capability;
    struct container *receiver = request->container;
    struct capability *child = NULL;
    int status = make_child(request, wanted, receiver, GROVE_AUDIT_GRANT, &child);
    if (status < 0)
        return status;
    struct packet packet;
    packet_init(&packet, GROVE_NOTICE_CAPABILITY_GRANTED);
    struct grove_notice_capability *notice = &packet.message.body.capability_granted;
    notice->handle = capability_handle(child);
    notice->capability = *wanted;
    container_name(request->core, request->caller, &notice->from);
    port_notice(request->core, receiver, &packet);
    return GROVE_OK;
}

/* ---- CAPABILITY_REVOKE ---- */

int capability_revoke_check(struct request *request) {
    const struct grove_capability_revoke *body = &request->message->body.revoke;
    if (body->itself > 1)
        return GROVE_INVALID;
    return capability_find_handle(request->core, request->caller, body->handle, &request->capability);
}

int capability_revoke_invoke(struct request *request) {
    struct core *core = request->core;
    struct pending *pending = NULL;
    int status = pending_create(request, PENDING_REVOKE, &pending);
    if (status < 0)
        return status;
    struct grove_capability capability;
    capability_describe(core, request->capability, &capability);
    audit_request(request, GROVE_AUDIT_REVOKE, 0, 0, &capability);
    list_init(&pending->condemned);
    if (request->message->body.revoke.itself == 1)
        capability_cut(request->capability, &pending->condemned);
    else
        capability_cut_children(request->capability, &pending->condemned);
    if (capability.kind < GROVE_CAP_KIND_COUNT)
        capability_rights_changed(core);
    work_queue(core, &pending->work, WORK_REVOKE);
    return REQUEST_LATER;
}

bool revoke_work(struct core *core, struct work *work) {
    struct pending *pending = list_item(work, struct pending, work);
    pending->value += capability_sweep(core, &pending->condemned, WORK_STEP);
    if (!list_is_empty(&pending->condemned))
        return true;
    struct packet body = {.message.body.count.count = pending->value};
    pending_reply(core, pending, GROVE_OK, &body);
    return false;
}
