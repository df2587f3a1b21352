/*
 * CAPABILITY_CHECK: a service asks what its client may do, and how long the answer holds.
 *
 * Answers are cached by who asks, so a revocation must reach the askers before it is answered. A container that asks is
 * put into the list of checkers, and the number `rights_epoch` in its kernel page is changed by every revocation: one store
 * for each of at most GROVE_CHECKERS_MAX. Half of the places are kept for ring 1. Who finds no place is told 0 and may
 * keep nothing, so a crowd of checkers costs itself a request each time and nobody else anything.
 */
#include "kernel/core/state.h"

#define CHECKERS_OF_ALL (GROVE_CHECKERS_MAX / 2)

/* 0 would say that nothing may be kept. */
static uint32_t next_epoch(uint32_t epoch) {
    return epoch == UINT32_MAX ? 1 : epoch + 1;
}

static void show_epoch(const struct core *core, const struct container *container) {
    /* Pairs with the load of a library that looks whether a kept answer still holds. */
    __atomic_store_n(&container->page->rights_epoch, core->rights_epoch, __ATOMIC_RELEASE);
}

void capability_rights_changed(struct core *core) {
    core->rights_epoch = next_epoch(core->rights_epoch);
    for (struct list *link = core->checkers.next; link != &core->checkers; link = link->next)
        show_epoch(core, list_item(link, struct container, checker));
}

void container_stops_checking(struct core *core, struct container *container) {
    if (!list_is_linked(&container->checker))
        return;
    list_remove(&container->checker);
    core->checker_count--;
}

static void enlist(struct core *core, struct container *container) {
    uint32_t places = container->ring == 1 ? GROVE_CHECKERS_MAX : CHECKERS_OF_ALL;
    if (list_is_linked(&container->checker) || container->page == NULL || core->checker_count >= places)
        return;
    list_append(&core->checkers, &container->checker);
    core->checker_count++;
    show_epoch(core, container);
}

int capability_check_check(struct request *request) {
    const struct grove_capability_check *body = &request->message->body.check;
    struct core *core = request->core;
    if (!capability_is_valid(&body->capability) || body->capability.kind >= GROVE_CAP_KIND_COUNT)
        return GROVE_INVALID;
    int status = request_find_channel(request, body->channel);
    if (status < 0)
        return status;
    if (request->side != GROVE_ROLE_SERVER)
        return GROVE_INVALID;
    struct container *client = pool_find(&core->containers, request->channel->client_id);
    if (client == NULL || client->is_dying)
        return GROVE_CLOSED;
    request->capability = capability_find(core, client, &body->capability, GROVE_RIGHT_USE);
    return request->capability != NULL ? GROVE_OK : request_refuse_to(request, client, &body->capability);
}

int capability_check_invoke(struct request *request) {
    struct container *caller = request->caller;
    enlist(request->core, caller);
    request->reply.message.body.checked.rights_epoch =
        list_is_linked(&caller->checker) ? request->core->rights_epoch : 0;
    return GROVE_OK;
}
