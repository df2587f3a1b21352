/*
 * Hooks that look before and after a delivery by queue.
 *
 *     kept --(a hook is set)--> asking --(continue)-------------------> waiting
 *                                  |--(change)--> a copy, looked at --> waiting
 *                                  |--(veto)--> done, and counted as dropped
 *
 * What waits for an answer stays in the order in which it came: an answer counts when all before it have theirs. The event is
 * kept meanwhile as any other; that it was looked at is stored (DELIVERY_LOOKED), so that after a crash only those are asked
 * about again that were not.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/bus/points.h"

/* The queue and the event may be gone when the answer comes. */
struct look {
    struct bus *bus;
    uint32_t queue, queue_serial;
    uint64_t token;
};

static const char *subscriber_of(const struct queue *queue) {
    return queue->members != NULL ? queue->members->saved->client_name.text : NULL;
}

static void answered(const struct grove_hook_outcome *outcome, void *context);

static int ask(struct bus *bus, struct delivery *delivery) {
    struct queue *queue = delivery->queue;
    struct incoming incoming;
    const char *publisher;
    struct look *look = malloc(sizeof *look);
    if (look == NULL)
        return GROVE_NO_MEMORY;
    *look = (struct look){.bus = bus,
                          .queue = queue->index,
                          .queue_serial = queue->saved->serial,
                          .token = delivery_token(bus, delivery)};
    incoming_of_image(state_image(&bus->state, delivery->event->index), &incoming, &publisher);
    const struct grove_hook_question question = {.point = GROVE_HOOK_BEFORE_DELIVER,
                                                 .subject = incoming.subject,
                                                 .who = subscriber_of(queue),
                                                 .data = incoming.data,
                                                 .length_bytes = incoming.data_bytes};
    int status = grove_hooks_run(bus->hooks, &question, answered, look);
    if (status < 0)
        free(look);
    return status;
}

/* Those behind the first that was not asked about. False: the hooks take no more for now. */
static bool ask_queue(struct bus *bus, struct queue *queue) {
    while (queue->unasked != NULL) {
        struct delivery *delivery = queue->unasked;
        bool is_meant = point_is_set(bus, GROVE_HOOK_BEFORE_DELIVER) && points_mean(delivery->event->subject);
        int status = is_meant ? ask(bus, delivery) : GROVE_NOT_FOUND;
        if (status == GROVE_EXHAUSTED)
            return false;
        delivery->look = status == 0 ? LOOK_ASKED : LOOK_CONTINUE;
        queue->unasked = delivery->next;
    }
    return true;
}

/* ---- what they say ---- */

static void let_through(struct delivery *delivery) {
    state_store(&delivery->saved->state, DELIVERY_LOOKED);
    delivery->look = LOOK_NONE;
    delivery_move(delivery, &delivery->queue->waiting);
}

static void drop(struct bus *bus, struct delivery *delivery) {
    for (struct member *member = delivery->queue->members; member != NULL; member = member->next_in_owner)
        member->saved->metrics.dropped++;
    delivery_done(bus, delivery);
}

/* As a new event that is kept for this queue alone. It has the number of the one that it replaces. */
static int replace(struct bus *bus, struct delivery *delivery) {
    struct grove_bus_image head = *state_image(&bus->state, delivery->event->index);
    struct incoming incoming;
    const char *publisher;
    incoming_of_image(state_image(&bus->state, delivery->event->index), &incoming, &publisher);
    incoming.data = delivery->changed;
    incoming.data_bytes = delivery->changed_bytes;
    image_resize(&head, &incoming);
    int status = event_keep_looked(bus, delivery->queue, delivery->event->subject, &head, &incoming, publisher);
    if (status == 0)
        delivery_done(bus, delivery);
    return status;
}

/* Where there is no room for the changed event, others make it, as for any that is published. */
static void change(struct bus *bus, struct queue *queue, struct delivery *delivery) {
    uint64_t token = delivery_token(bus, delivery);
    int status;
    while ((status = replace(bus, delivery)) == GROVE_EXHAUSTED) {
        bool is_dropped = queues_drop_largest(bus);
        delivery = delivery_find(bus, queue, token);
        if (!is_dropped || delivery == NULL)
            break;
    }
    if (status < 0 && delivery != NULL)
        delivery_bury(bus, delivery, status, "there was no room for what a hook made of it");
}

static void release(struct bus *bus, struct queue *queue) {
    struct delivery *delivery;
    while ((delivery = queue->asking.first) != NULL && delivery->look >= LOOK_CONTINUE) {
        if (delivery->look == LOOK_CONTINUE)
            let_through(delivery);
        else if (delivery->look == LOOK_VETO)
            drop(bus, delivery);
        else
            change(bus, queue, delivery);
    }
}

static void take(struct delivery *delivery, const struct grove_hook_outcome *outcome) {
    delivery->look = LOOK_CONTINUE;
    if (outcome->result == GROVE_HOOK_VETO)
        delivery->look = LOOK_VETO;
    if (outcome->result != GROVE_HOOK_CHANGE)
        return;
    delivery->changed = points_copy(outcome);
    delivery->changed_bytes = (uint32_t)outcome->length_bytes;
    delivery->look = delivery->changed != NULL ? LOOK_CHANGE : LOOK_VETO; /* never as it was */
}

static void answered(const struct grove_hook_outcome *outcome, void *context) {
    struct look look = *(struct look *)context;
    struct bus *bus = look.bus;
    struct queue *queue = bus->queues[look.queue];
    free(context);
    struct delivery *delivery =
        queue != NULL && queue->saved->serial == look.queue_serial ? delivery_find(bus, queue, look.token) : NULL;
    if (delivery != NULL && delivery->list == &queue->asking && delivery->look == LOOK_ASKED) {
        take(delivery, outcome);
        release(bus, queue);
        queue_offer(bus, queue);
    }
    points_ask_more(bus);
    held_retry(bus); /* there may be more room */
}

/* ---- asked for ---- */

void points_ask_queue(struct bus *bus, struct queue *queue) {
    if (!ask_queue(bus, queue))
        points_are_full(bus);
    release(bus, queue);
}

void points_ask_queues(struct bus *bus) {
    for (uint32_t i = 0; i < bus->state.head->queues_used && !bus->are_points_full; i++)
        if (bus->queues[i] != NULL && bus->queues[i]->unasked != NULL)
            queue_offer(bus, bus->queues[i]);
}

void points_resume(struct bus *bus) {
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++)
        if (bus->queues[i] != NULL)
            bus->queues[i]->unasked = bus->queues[i]->asking.first;
    points_ask_queues(bus);
}

void points_delivered(struct bus *bus, const struct delivery *delivery) {
    struct incoming incoming;
    const char *publisher;
    if (!point_is_set(bus, GROVE_HOOK_AFTER_DELIVER))
        return;
    incoming_of_image(state_image(&bus->state, delivery->event->index), &incoming, &publisher);
    points_tell(bus, GROVE_HOOK_AFTER_DELIVER, delivery->event->subject,
                delivery->member != NULL ? delivery->member->saved->client_name.text : subscriber_of(delivery->queue),
                &incoming);
}
