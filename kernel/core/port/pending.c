/* Requests that are answered later: see port.h. */
#include "kernel/core/state.h"

int pending_create(struct request *request, enum pending_kind kind, struct pending **out) {
    if (request->caller->pending_count >= PORT_QUEUE_MAX)
        return GROVE_EXHAUSTED;
    struct pending *pending = pool_take(&request->core->pending);
    if (pending == NULL)
        return GROVE_EXHAUSTED;
    pending->kind = kind;
    pending->operation = request->message->operation;
    pending->sequence = request->message->sequence;
    pending->requester = pool_identity(request->caller);
    pending->requester_generation = request->caller->generation;
    request->caller->pending_count++;
    *out = pending;
    return GROVE_OK;
}

void pending_destroy(struct core *core, struct pending *pending) {
    struct container *requester = pool_find(&core->containers, pending->requester);
    if (requester != NULL)
        requester->pending_count--;
    list_remove(&pending->link);
    timer_cancel(&core->timers, &pending->timer);
    list_remove(&pending->work.link);
    pool_give_back(&core->pending, pending);
}

void pending_reply(struct core *core, struct pending *pending, int status, const struct packet *body) {
    struct container *requester = pool_find(&core->containers, pending->requester);
    bool is_waiting = requester != NULL && requester->generation == pending->requester_generation;
    struct packet reply = {0};
    if (body != NULL)
        reply = *body;
    reply.message.operation = pending->operation;
    reply.message.sequence = pending->sequence;
    reply.message.status = status;
    pending_destroy(core, pending);
    if (is_waiting)
        port_post(core, requester, &reply);
}

void pending_reply_all(struct core *core, struct container *container, enum pending_kind kind, uint64_t value,
                       int status) {
    struct list *link = container->waiters.next;
    while (link != &container->waiters) {
        struct pending *pending = list_item(link, struct pending, link);
        link = link->next;
        if (kind != PENDING_PACKET && (pending->kind != kind || (kind == PENDING_PING && pending->value != value)))
            continue;
        struct packet reply = {0};
        container_fill_reply(container, pending->handle, &reply.message.body.container);
        pending_reply(core, pending, status, &reply);
    }
}
