/*
 * Queues: events that are kept until somebody has handled them.
 *
 *     waiting --(queue_next)--> out --(done)-----------------------------> gone
 *        ^                       |--(failed, or no word in time)--> delayed --(due)--> out
 *        |                       |--(failed too often)--> dead letter --> gone
 *        +--(its member is gone)-+
 *
 * In front of `waiting` a queue may spill what it has no room for: overflow.h.
 *
 * Each step is stored in the state region before it has an effect outside: what is out is stored as out before the event is
 * sent, what is done as done before anybody is told. So after a crash an event is where it was, or a step before; what was
 * out then goes out again, marked as redelivered, and a subscriber's library knows those that it has handled.
 *
 * An event's room is free when no queue needs it any more.
 */
#include "servers/bus/dlq.h"
#include "servers/bus/durable.h"
#include "servers/bus/overflow.h"
#include "servers/bus/points.h"

#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

static void unlink_delivery(struct delivery *delivery) {
    struct delivery_list *list = delivery->list;
    if (delivery->previous != NULL)
        delivery->previous->next = delivery->next;
    else
        list->first = delivery->next;
    if (delivery->next != NULL)
        delivery->next->previous = delivery->previous;
    else
        list->last = delivery->previous;
    list->count--;
    if (list == &delivery->queue->spilling)
        delivery->queue->spilling_bytes -= delivery->event->size_bytes;
    if (delivery->queue->unasked == delivery)
        delivery->queue->unasked = delivery->next;
    delivery->list = NULL;
}

/* Behind `after`, or first. */
static void link_delivery(struct delivery_list *list, struct delivery *after, struct delivery *delivery) {
    struct delivery *next = after != NULL ? after->next : list->first;
    delivery->previous = after;
    delivery->next = next;
    *(after != NULL ? &after->next : &list->first) = delivery;
    *(next != NULL ? &next->previous : &list->last) = delivery;
    delivery->list = list;
    list->count++;
    if (list == &delivery->queue->spilling)
        delivery->queue->spilling_bytes += delivery->event->size_bytes;
}

/* In which order they are: in the log, whose numbers outlive the kernel, or else in the bus, whose numbers do not. */
static uint64_t number_of(const struct delivery *delivery) {
    const struct grove_bus_image *image = state_image(&delivery->queue->bus->state, delivery->event->index);
    return delivery->queue->saved->quality == GROVE_BUS_DURABLE ? image->durable_sequence : image->sequence;
}

void delivery_move(struct delivery *delivery, struct delivery_list *list) {
    unlink_delivery(delivery);
    struct delivery *after = list->last;
    if (list == &delivery->queue->waiting || list == &delivery->queue->asking || list == &delivery->queue->spilling)
        while (after != NULL && number_of(after) > number_of(delivery))
            after = after->previous;
    else
        while (after != NULL && after->due_ns > delivery->due_ns)
            after = after->previous;
    link_delivery(list, after, delivery);
}

/* ---- life ---- */

static struct queue *make(struct bus *bus, uint32_t index) {
    struct queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return NULL;
    queue->kind = TARGET_QUEUE;
    queue->index = index;
    queue->saved = &bus->state.queues[index];
    queue->bus = bus;
    if (trie_add(&bus->patterns, queue->saved->pattern, &queue->kind) < 0) {
        free(queue);
        return NULL;
    }
    bus->queues[index] = queue;
    subjects_changed(bus);
    return queue;
}

void queue_set(struct queue *queue, const struct grove_bus_subscription *wanted) {
    struct saved_queue *saved = queue->saved;
    saved->quality = wanted->quality;
    saved->slow = wanted->slow;
    saved->in_order = wanted->in_order;
    saved->max_retries = wanted->max_retries;
    saved->backoff_factor = wanted->backoff_factor;
    saved->queue_events = wanted->queue_events;
    saved->in_flight = wanted->in_flight;
    saved->timeout_ns = wanted->timeout_ns;
    saved->backoff_first_ns = wanted->backoff_first_ns;
    saved->backoff_cap_ns = wanted->backoff_cap_ns;
    saved->block_ns = wanted->block_ns;
    saved->spill_bytes = wanted->spill_bytes;
    overflow_count_anew(queue->bus);
}

int queue_make(struct bus *bus, const struct grove_bus_subscription *wanted, struct queue **made) {
    uint32_t index = 0;
    int status = state_new_queue(&bus->state, &index);
    if (status < 0)
        return status;
    struct saved_queue *saved = &bus->state.queues[index];
    memcpy(saved->pattern, wanted->pattern, sizeof saved->pattern);
    memcpy(saved->group, wanted->group, sizeof saved->group);
    memcpy(saved->name, wanted->name, sizeof saved->name);
    struct queue *queue = make(bus, index);
    if (queue == NULL)
        return GROVE_EXHAUSTED;
    queue_set(queue, wanted);
    state_store(&saved->state, STATE_USED);
    *made = queue;
    return 0;
}

struct queue *queue_of_group(const struct bus *bus, const char *pattern, const char *group) {
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        struct queue *queue = bus->queues[i];
        if (queue != NULL && strcmp(queue->saved->group, group) == 0 && strcmp(queue->saved->pattern, pattern) == 0)
            return queue;
    }
    return NULL;
}

void queue_add_member(struct queue *queue, struct member *member) {
    struct member **place = &queue->members;
    while (*place != NULL)
        place = &(*place)->next_in_owner;
    *place = member;
    member->next_in_owner = NULL;
    member->queue = queue;
}

/* ---- done ---- */

static void event_let_go(struct bus *bus, struct event *event) {
    struct client *publisher = event->publisher;
    state_free_event(&bus->state, event->index);
    bus->events[event->index] = NULL;
    event->subject->users--;
    if (publisher != NULL) {
        publisher->kept_bytes -= event->size_bytes;
        client_let_go(bus, publisher);
    }
    free(event);
}

void delivery_done(struct bus *bus, struct delivery *delivery) {
    struct event *event = delivery->event;
    if (delivery->member != NULL)
        delivery->member->out--;
    delivery->queue->bytes -= event->size_bytes;
    unlink_delivery(delivery);
    free(delivery->changed);
    delivery->changed = NULL;
    state_store(&delivery->saved->state, DELIVERY_DONE);
    if (--event->left == 0)
        event_let_go(bus, event);
}

void delivery_bury(struct bus *bus, struct delivery *delivery, int status, const char *error) {
    const struct queue *queue = delivery->queue;
    struct member *member = delivery->member != NULL ? delivery->member : queue->members;
    dlq_add(bus, &(struct dead_letter){.image = state_image(&bus->state, delivery->event->index),
                                       .queue = queue->saved,
                                       .subscriber = member != NULL ? member->saved->client_name.text : "",
                                       .attempts = delivery->saved->attempts,
                                       .status = status,
                                       .error = error});
    bus->state.head->counters.dead++;
    if (member != NULL)
        member->saved->metrics.dead++;
    delivery_done(bus, delivery);
}

void delivery_push_out(struct bus *bus, struct delivery *delivery) {
    struct queue *queue = delivery->queue;
    for (struct member *member = queue->members; member != NULL; member = member->next_in_owner) {
        member->missed++;
        member->saved->metrics.dropped++;
    }
    bus->state.head->counters.dropped++;
    if (queue->saved->quality == GROVE_BUS_AT_MOST_ONCE)
        delivery_done(bus, delivery);
    else
        delivery_bury(bus, delivery, GROVE_EXHAUSTED, "the queue of the subscription was full: it does not keep up");
}

static struct delivery *oldest(const struct queue *queue) {
    return queue->waiting.first != NULL   ? queue->waiting.first
           : queue->asking.first != NULL  ? queue->asking.first
           : queue->delayed.first != NULL ? queue->delayed.first
           : queue->out.first != NULL     ? queue->out.first
                                          : queue->spilling.first;
}

unsigned queue_count(const struct queue *queue) {
    return queue->waiting.count + queue->asking.count + queue->delayed.count + queue->out.count;
}

bool queue_blocks(const struct queue *queue) {
    if (queue_spills(queue))
        return overflow_is_full(queue);
    return queue->saved->slow == GROVE_BUS_BLOCK && queue_count(queue) >= queue->saved->queue_events;
}

void queue_push_out(struct bus *bus, struct queue *queue) {
    if (oldest(queue) != NULL)
        delivery_push_out(bus, oldest(queue));
}

void queue_make_room(struct bus *bus, struct queue *queue) {
    if (queue_spills(queue)) {
        overflow_make_room(bus, queue);
        return;
    }
    while (queue_count(queue) >= queue->saved->queue_events && oldest(queue) != NULL)
        queue_push_out(bus, queue);
}

bool queues_drop_largest(struct bus *bus) {
    struct queue *largest = NULL;
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++)
        if (bus->queues[i] != NULL && (largest == NULL || bus->queues[i]->bytes > largest->bytes))
            largest = bus->queues[i];
    if (largest == NULL || oldest(largest) == NULL)
        return false;
    if (largest->spilling.count == 0 || !overflow_move(bus, largest))
        queue_push_out(bus, largest);
    return true;
}

/* An event may go with its delivery, but never with the next one: the queue has one delivery of each. */
static void drop_all(struct bus *bus, const struct delivery_list *list) {
    struct delivery *next;
    for (struct delivery *delivery = list->first; delivery != NULL; delivery = next) {
        next = delivery->next;
        bus->state.head->counters.dropped++;
        delivery_done(bus, delivery);
    }
}

void queue_end(struct bus *bus, struct queue *queue, const char *subscriber) {
    replay_end(bus, queue, subscriber);
    overflow_end(bus, queue);
    drop_all(bus, &queue->waiting);
    drop_all(bus, &queue->asking);
    drop_all(bus, &queue->delayed);
    drop_all(bus, &queue->out);
    drop_all(bus, &queue->spilling);
    trie_remove(&bus->patterns, queue->saved->pattern, &queue->kind);
    subjects_changed(bus);
    state_store(&queue->saved->state, STATE_FREE);
    bus->queues[queue->index] = NULL;
    free(queue);
    overflow_count_anew(bus);
}

void queue_remove_member(struct bus *bus, struct queue *queue, struct member *member) {
    struct member **place = &queue->members;
    queue_take_back(bus, member);
    while (*place != member)
        place = &(*place)->next_in_owner;
    *place = member->next_in_owner;
    if (queue->turn == member)
        queue->turn = NULL;
    member->queue = NULL;
    if (queue->members != NULL)
        queue_offer(bus, queue);
    else
        queue_end(bus, queue, member->saved->client_name.text);
}

/* ---- keeping ---- */

static struct event *make_event(struct bus *bus, uint32_t index, struct subject *subject, struct client *publisher) {
    struct saved_event *saved = &bus->state.events[index];
    struct event *event = calloc(1, sizeof *event + saved->deliveries * sizeof *event->deliveries);
    if (event == NULL)
        return NULL;
    event->index = index;
    event->subject = subject;
    event->publisher = publisher;
    event->size_bytes = saved->size_bytes;
    subject->users++;
    if (publisher != NULL)
        publisher->kept_bytes += event->size_bytes;
    bus->events[index] = event;
    return event;
}

static void enter(struct bus *bus, struct event *event, unsigned at, struct queue *queue) {
    struct delivery *delivery = &event->deliveries[at];
    *delivery =
        (struct delivery){.event = event, .queue = queue, .saved = &state_deliveries(&bus->state, event->index)[at]};
    struct delivery_list *list = delivery->saved->state == DELIVERY_SPILLING ? &queue->spilling : &queue->waiting;
    link_delivery(list, list->last, delivery);
    queue->bytes += event->size_bytes;
    event->left++;
}

/* Hooks are to look at it before anybody gets it. */
static void look_first(struct delivery *delivery) {
    struct queue *queue = delivery->queue;
    delivery->look = LOOK_WANTED;
    delivery_move(delivery, &queue->asking);
    if (queue->unasked == NULL)
        queue->unasked = delivery;
}

void delivery_queue(const struct bus *bus, struct delivery *delivery) {
    const struct queue *queue = delivery->queue;
    bool is_hooked = point_is_set(bus, GROVE_HOOK_BEFORE_DELIVER) && points_mean(delivery->event->subject);
    if (is_hooked || queue->asking.count > 0)
        look_first(delivery);
    else
        delivery_move(delivery, &delivery->queue->waiting);
}

/* ---- what an earlier instance left ---- */

static void restore_delivery(struct bus *bus, struct delivery *delivery) {
    struct saved_delivery *saved = delivery->saved;
    if (saved->state == DELIVERY_SPILLING) {
        delivery_move(delivery, &delivery->queue->spilling);
        return;
    }
    bool is_new = saved->state == DELIVERY_QUEUED && saved->attempts == 0;
    delivery->is_redelivered = !is_new && saved->state != DELIVERY_LOOKED;
    if (is_new && point_is_set(bus, GROVE_HOOK_BEFORE_DELIVER) && points_mean(delivery->event->subject)) {
        look_first(delivery);
        return;
    }
    saved->state = is_new ? DELIVERY_QUEUED : DELIVERY_LOOKED;
    delivery_move(delivery, &delivery->queue->waiting);
}

static int restore_event(struct bus *bus, uint32_t index) {
    struct saved_event *saved = &bus->state.events[index];
    const struct grove_bus_image *image = state_image(&bus->state, index);
    struct client *publisher = client_find(bus, image->publisher_id);
    struct event *event = make_event(bus, index, bus->subjects[saved->subject], publisher);
    if (event == NULL)
        return GROVE_NO_MEMORY;
    for (unsigned at = 0; at < saved->deliveries; at++) {
        struct saved_delivery *delivery = &state_deliveries(&bus->state, index)[at];
        struct queue *queue = delivery->queue < STATE_QUEUES ? bus->queues[delivery->queue] : NULL;
        if (delivery->state == DELIVERY_DONE || queue == NULL || queue->saved->serial != delivery->queue_serial) {
            event->deliveries[at].list = NULL;
            continue;
        }
        enter(bus, event, at, queue);
        restore_delivery(bus, &event->deliveries[at]);
    }
    /* It was numbered; whether the numbers were stored as well, before the crash, nobody knows. */
    if (image->sequence > bus->state.head->sequence)
        bus->state.head->sequence = image->sequence;
    if (image->subject_sequence > event->subject->saved->sequence)
        event->subject->saved->sequence = image->subject_sequence;
    if (event->left == 0)
        event_let_go(bus, event);
    return 0;
}

int queues_open(struct bus *bus) {
    struct state_head *head = bus->state.head;
    for (uint32_t i = 0; i < head->queues_used; i++)
        if (bus->state.queues[i].state == STATE_USED && make(bus, i) == NULL)
            return GROVE_NO_MEMORY;
    return 0;
}

int events_open(struct bus *bus) {
    int status = 0;
    for (uint32_t i = 0; status == 0 && i < bus->state.head->events_used; i++)
        if (bus->state.events[i].state == STATE_USED)
            status = restore_event(bus, i);
    return status;
}

/* The deliveries of an event that was just made: for `only`, or for each queue among the subject's targets. */
static void enter_all(struct bus *bus, struct event *event, const struct subject *subject, struct queue *only,
                      bool is_looked) {
    unsigned at = 0;
    bool is_hooked = !is_looked && point_is_set(bus, GROVE_HOOK_BEFORE_DELIVER) && points_mean(subject);
    for (unsigned i = 0; i < (only != NULL ? 1 : subject->target_count); i++) {
        if (only == NULL && *subject->targets[i] != TARGET_QUEUE)
            continue;
        struct queue *queue = only != NULL ? only : (struct queue *)(void *)subject->targets[i];
        bool is_spilled = only == NULL && queue_spills(queue);
        state_deliveries(&bus->state, event->index)[at] =
            (struct saved_delivery){.queue = queue->index,
                                    .queue_serial = queue->saved->serial,
                                    .state = is_spilled  ? DELIVERY_SPILLING
                                             : is_looked ? DELIVERY_LOOKED
                                                         : DELIVERY_QUEUED};
        enter(bus, event, at, queue);
        if (is_spilled) { /* hooks look at it when it comes back */
            at++;
            continue;
        }
        if (is_hooked || (!is_looked && queue->asking.count > 0)) /* it overtakes none that hooks look at */
            look_first(&event->deliveries[at]);
        else if (is_looked)
            delivery_move(&event->deliveries[at], &queue->waiting); /* those behind it were let through before it */
        at++;
    }
}

static int keep(struct bus *bus, struct subject *subject, const struct grove_bus_image *head,
                const struct incoming *incoming, struct client *client, const char *publisher, struct queue *only,
                bool is_looked) {
    uint32_t index = 0;
    int status = state_new_event(&bus->state, only != NULL ? 1 : subject->queue_count, head->size_bytes, &index);
    if (status < 0)
        return status;
    bus->state.events[index].subject = subject->index;
    struct event *event = make_event(bus, index, subject, client);
    if (event == NULL) {
        state_free_event(&bus->state, index);
        return GROVE_NO_MEMORY;
    }
    image_fill((uint8_t *)(void *)state_image(&bus->state, index), head, incoming, publisher);
    enter_all(bus, event, subject, only, is_looked);
    state_commit_event(&bus->state, index);
    return 0;
}

int event_keep(struct bus *bus, struct subject *subject, const struct grove_bus_image *head,
               const struct incoming *incoming, struct client *client, const char *publisher) {
    return keep(bus, subject, head, incoming, client, publisher, NULL, false);
}

int event_keep_for(struct bus *bus, struct queue *queue, struct subject *subject, const struct grove_bus_image *head,
                   const struct incoming *incoming, const char *publisher) {
    return keep(bus, subject, head, incoming, NULL, publisher, queue, false);
}

int event_keep_looked(struct bus *bus, struct queue *queue, struct subject *subject, const struct grove_bus_image *head,
                      const struct incoming *incoming, const char *publisher) {
    return keep(bus, subject, head, incoming, NULL, publisher, queue, true);
}
