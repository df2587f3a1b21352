/*
 * Deliveries: whose turn it is, what comes back, and what is due. queues.c has the picture.
 *
 * In order: of one subject at most one delivery of a queue is under way; those behind it wait until it is done or dead.
 * Finding that costs a look at what is under way, which is bounded by the subscription's in_flight and what is delayed.
 */
#include "servers/bus/points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MAX 4096u /* deliveries looked at to find one that may go */

uint64_t delivery_token(const struct bus *bus, const struct delivery *delivery) {
    uint32_t index = delivery->event->index;
    return (uint64_t)bus->state.events[index].serial << 32 | index;
}

struct delivery *delivery_find(const struct bus *bus, const struct queue *queue, uint64_t token) {
    uint32_t index = (uint32_t)token;
    struct event *event = index < STATE_EVENTS ? bus->events[index] : NULL;
    if (event == NULL || bus->state.events[index].serial != token >> 32)
        return NULL;
    for (uint32_t at = 0; at < bus->state.events[index].deliveries; at++)
        if (event->deliveries[at].queue == queue && event->deliveries[at].list != NULL)
            return &event->deliveries[at];
    return NULL;
}

/* ---- whose turn it is ---- */

static void mark_busy(const struct delivery_list *list, uint64_t look) {
    for (const struct delivery *at = list->first; at != NULL; at = at->next)
        at->event->subject->stamp = look;
}

static struct delivery *first_in_order(struct bus *bus, struct queue *queue, uint64_t now_ns) {
    uint64_t look = ++bus->looks;
    unsigned looked = 0;
    mark_busy(&queue->out, look);
    for (struct delivery *at = queue->delayed.first; at != NULL; at = at->next)
        if (at->due_ns <= now_ns && at->event->subject->stamp != look)
            return at;
    mark_busy(&queue->delayed, look);
    for (struct delivery *at = queue->waiting.first; at != NULL && looked++ < LOOK_MAX; at = at->next)
        if (at->event->subject->stamp != look)
            return at;
    return NULL;
}

struct delivery *queue_next(struct bus *bus, struct queue *queue, struct member *member, uint64_t now_ns) {
    if ((member->saved->flags & MEMBER_PAUSED) != 0 || member->out >= queue->saved->in_flight)
        return NULL;
    if (queue->saved->in_order)
        return first_in_order(bus, queue, now_ns);
    struct delivery *delayed = queue->delayed.first;
    return delayed != NULL && delayed->due_ns <= now_ns ? delayed : queue->waiting.first;
}

void delivery_out(struct bus *bus, struct delivery *delivery, struct member *member, uint64_t now_ns) {
    struct queue *queue = delivery->queue;
    struct grove_subscription_metrics *metrics = &member->saved->metrics;
    delivery->saved->attempts++;
    metrics->delivered++;
    metrics->last_sequence = state_image(&bus->state, delivery->event->index)->sequence;
    bus->state.head->counters.delivered++;
    if (delivery->saved->attempts > 1) {
        metrics->retried++;
        bus->state.head->counters.retried++;
    }
    state_store(&delivery->saved->state, DELIVERY_OUT);
    delivery->member = member;
    member->out++;
    delivery->due_ns = now_ns + queue->saved->timeout_ns;
    delivery_move(delivery, &queue->out);
    bus_due(bus, delivery->due_ns);
}

/* ---- what comes back ---- */

static void take_back(struct bus *bus, struct delivery *delivery) {
    (void)bus;
    if (delivery->member != NULL)
        delivery->member->out--;
    delivery->member = NULL;
    delivery->is_redelivered = true;
    state_store(&delivery->saved->state, DELIVERY_QUEUED);
    delivery_move(delivery, &delivery->queue->waiting);
}

static uint64_t backoff_ns(const struct saved_queue *queue, uint32_t attempts) {
    uint64_t wait_ns = queue->backoff_first_ns;
    for (uint32_t i = 1; i < attempts && wait_ns < queue->backoff_cap_ns; i++)
        wait_ns = wait_ns > queue->backoff_cap_ns / (queue->backoff_factor | 1u) ? queue->backoff_cap_ns
                                                                                 : wait_ns * queue->backoff_factor;
    return wait_ns < queue->backoff_cap_ns ? wait_ns : queue->backoff_cap_ns;
}

static void failed(struct bus *bus, struct delivery *delivery, int status, const char *sentence) {
    struct queue *queue = delivery->queue;
    uint32_t attempts = delivery->saved->attempts, allowed = queue->saved->max_retries;
    if (delivery->member != NULL)
        delivery->member->saved->metrics.failed++;
    if (allowed == GROVE_BUS_NO_RETRY || attempts > allowed) {
        delivery_bury(bus, delivery, status, sentence);
        return;
    }
    if (delivery->member != NULL)
        delivery->member->out--;
    delivery->member = NULL;
    delivery->is_redelivered = true;
    delivery->due_ns = grove_now_ns() + backoff_ns(queue->saved, attempts);
    state_store(&delivery->saved->state, DELIVERY_DELAYED);
    delivery_move(delivery, &queue->delayed);
    bus_due(bus, delivery->due_ns);
}

void delivery_result(struct bus *bus, struct delivery *delivery, int status, const char *sentence) {
    if (status < 0) {
        failed(bus, delivery, status, sentence != NULL && *sentence != '\0' ? sentence : grove_status_text(status));
        return;
    }
    if (delivery->member != NULL)
        delivery->member->saved->metrics.completed++;
    points_delivered(bus, delivery);
    delivery_done(bus, delivery);
}

void queue_take_back(struct bus *bus, struct member *member) {
    struct delivery *next;
    for (struct delivery *at = member->queue->out.first; at != NULL; at = next) {
        next = at->next;
        if (at->member == member)
            take_back(bus, at);
    }
    queue_offer(bus, member->queue);
}

/* ---- what is due ---- */

static void time_out(struct bus *bus, struct queue *queue, uint64_t now_ns) {
    while (queue->out.first != NULL && queue->out.first->due_ns <= now_ns) {
        struct delivery *delivery = queue->out.first;
        char sentence[96];
        if (delivery->member != NULL)
            delivery->member->saved->metrics.timed_out++;
        (void)snprintf(sentence, sizeof sentence, "the handler did not finish within %llu ms",
                       (unsigned long long)(queue->saved->timeout_ns / GROVE_MILLISECOND));
        failed(bus, delivery, GROVE_TIMED_OUT, sentence);
    }
}

/* When the first of a list is due that is not due already: that one waits for somebody to take it, not for the clock. */
static uint64_t due_after(const struct delivery_list *list, uint64_t now_ns, uint64_t limit_ns) {
    const struct delivery *at = list->first;
    while (at != NULL && at->due_ns <= now_ns)
        at = at->next;
    return at != NULL && at->due_ns < limit_ns ? at->due_ns : limit_ns;
}

static void on_timer(struct grove_service *service, void *context) {
    struct bus *bus = context;
    uint64_t now_ns = grove_now_ns(), next_ns = GROVE_FOREVER;
    (void)service;
    bus->timer_ns = 0;
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        struct queue *queue = bus->queues[i];
        if (queue == NULL)
            continue;
        time_out(bus, queue, now_ns);
        queue_offer(bus, queue);
        next_ns = due_after(&queue->out, now_ns, due_after(&queue->delayed, now_ns, next_ns));
    }
    held_retry(bus);
    uint64_t held_ns = held_due_ns(bus);
    next_ns = held_ns < next_ns ? held_ns : next_ns;
    if (next_ns != GROVE_FOREVER)
        bus_due(bus, next_ns);
}

void bus_due(struct bus *bus, uint64_t due_ns) {
    if (bus->timer_ns != 0 && bus->timer_ns <= due_ns)
        return;
    uint64_t now_ns = grove_now_ns();
    if (bus->timer_ns != 0)
        grove_service_cancel(bus->service, bus->timer);
    uint64_t delay_ns = due_ns > now_ns ? due_ns - now_ns : 0;
    bool is_set = grove_service_after(bus->service, delay_ns, on_timer, bus, &bus->timer) == 0;
    bus->timer_ns = is_set ? due_ns : 0;
}

/* ---- whoever waits ---- */

static bool may_have(const struct queue *queue, const struct member *member) {
    return (member->saved->flags & MEMBER_PAUSED) == 0 && member->out < queue->saved->in_flight &&
           member->client->polls[member->saved->lane].request != NULL;
}

void queue_offer(struct bus *bus, struct queue *queue) {
    unsigned members = 0;
    if (queue->unasked != NULL)
        points_ask_queue(bus, queue);
    for (const struct member *member = queue->members; member != NULL; member = member->next_in_owner)
        members++;
    /* Each member once, beginning with the one whose turn it is. */
    struct member *member = queue->turn != NULL ? queue->turn : queue->members;
    for (; members > 0 && queue->waiting.count + queue->delayed.count > 0; members--) {
        struct member *next = member->next_in_owner != NULL ? member->next_in_owner : queue->members;
        if (may_have(queue, member)) {
            poll_answer(bus, member->client, member->saved->lane, false);
            queue->turn = next;
        }
        member = next;
    }
}
