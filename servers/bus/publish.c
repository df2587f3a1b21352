/*
 * Publications: to whom they go, their numbers, and what happens where there is no room.
 *
 * Accepted means that the event is in every ring and, for queues, kept in the state region; the record leaves the
 * publisher's lane after that. A crash in between leaves both: the record comes again, and `doubt` in the state says that
 * its event is there already. What is published at most once and comes again is dropped, as nobody knows whether it was seen.
 *
 * Where a queue is full and its policy is to wait, or the room of all queues is used up, or this publisher keeps more than
 * its share of it, a publication that is to be delivered at least once stays in its lane, uncompleted, with all that its
 * publisher sends after it. It waits as long as the policy says; then the oldest event of a queue makes room.
 */
#include "servers/bus/durable.h"
#include "servers/bus/overflow.h"
#include "servers/bus/points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PUBLISHER_SHARE 4u /* of the arena */
#define ROOM_WAIT_NS GROVE_SECOND
#define HELD_MAX 65536u

struct held {
    struct held *next;
    struct grove_request *request;
    struct client *client;
    struct verdict *verdict;
    struct grove_trace_context span; /* trace 0: it is not traced */
    uint64_t due_ns; /* 0: it waits behind others of its client's, and its own time has not begun */
};

uint64_t wall_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

/* All that the bus takes without a rest in between has one time: looking at the clock is a tenth of an event. */
static uint64_t taken_ns(struct bus *bus) {
    if (bus->taken_ns == 0)
        bus->taken_ns = wall_ns();
    return bus->taken_ns;
}

/* ---- the event ---- */

static uint32_t image_bytes(const struct incoming *incoming, uint32_t publisher_bytes) {
    uint32_t texts = incoming->subject_bytes + publisher_bytes + incoming->reply_bytes + 3u;
    uint32_t before = (uint32_t)sizeof(struct grove_bus_image) + texts + incoming->headers_bytes;
    uint32_t trace_bytes = incoming->trace.trace != 0 ? (uint32_t)sizeof incoming->trace : 0u;
    return ((((before + 7u) & ~7u) + incoming->data_bytes + 15u) & ~15u) + trace_bytes;
}

/* Field by field: clearing the whole structure first would be a good part of an event. */
static void fill_head(struct bus *bus, const struct client *client, const struct subject *subject,
                      const struct incoming *incoming, uint32_t flags, struct grove_bus_image *head) {
    head->size_bytes = image_bytes(incoming, client->name_bytes);
    head->flags = (uint16_t)(flags | (incoming->trace.trace != 0 ? GROVE_BUS_IMAGE_TRACED : 0u));
    head->subject_bytes = incoming->subject_bytes;
    head->publisher_bytes = client->name_bytes;
    head->reply_bytes = incoming->reply_bytes;
    head->headers_bytes = incoming->headers_bytes;
    head->data_bytes = incoming->data_bytes;
    head->publisher_ring = client->ring;
    head->attempt = 1;
    head->member = 0;
    head->publisher_id = client->id;
    head->time_ns = taken_ns(bus);
    head->sequence = bus->state.head->sequence + 1;
    head->subject_sequence = subject->saved->sequence + 1;
    head->durable_sequence = head->token = head->missed = 0;
}

void image_resize(struct grove_bus_image *head, const struct incoming *incoming) {
    head->data_bytes = incoming->data_bytes;
    head->size_bytes = image_bytes(incoming, head->publisher_bytes);
}

static void write_to_rings(struct bus *bus, const struct subject *subject, const struct grove_bus_image *head,
                           const struct incoming *incoming, const char *publisher) {
    unsigned left = subject->feed_count;
    for (unsigned i = 0; left > 0 && i < subject->target_count; i++) {
        if (*subject->targets[i] != TARGET_FEED)
            continue;
        struct feed *feed = (struct feed *)(void *)subject->targets[i];
        if (!incoming->is_in_ring || !feed->is_direct)
            feed_write(bus, feed, head, incoming, publisher);
        left--;
    }
}

/* As hooks have made it, if they have. */
static void give_to_rings(struct bus *bus, const struct subject *subject, const struct grove_bus_image *head,
                          const struct incoming *incoming, const char *publisher) {
    const struct verdict *verdict = bus->verdict;
    struct grove_bus_image changed_head = *head;
    struct incoming changed;
    if (verdict != NULL && verdict->is_ring_vetoed)
        return;
    if (verdict != NULL && verdict->ring_data != NULL) {
        changed = *incoming;
        changed.data = verdict->ring_data;
        changed.data_bytes = verdict->ring_bytes;
        image_resize(&changed_head, &changed);
        head = &changed_head;
        incoming = &changed;
    }
    write_to_rings(bus, subject, head, incoming, publisher);
    points_tell(bus, GROVE_HOOK_AFTER_DELIVER, subject, NULL, incoming);
}

static void give_to_queues(struct bus *bus, struct subject *subject) {
    subject->users++; /* an answer may finish the event, and offer may look at many */
    for (unsigned i = 0; i < subject->target_count; i++)
        if (*subject->targets[i] == TARGET_QUEUE)
            queue_offer(bus, (struct queue *)(void *)subject->targets[i]);
    subject->users--;
}

static void make_room(struct bus *bus, struct subject *subject) {
    subject->users++; /* what comes back from disk may bring other subjects in */
    for (unsigned i = 0; i < subject->target_count; i++)
        if (*subject->targets[i] == TARGET_QUEUE)
            queue_make_room(bus, (struct queue *)(void *)subject->targets[i]);
    subject->users--;
}

static int keep(struct bus *bus, struct client *client, const char *publisher, struct subject *subject,
                const struct grove_bus_image *head, const struct incoming *incoming) {
    if (subject->queue_count == 0)
        return 0;
    make_room(bus, subject);
    return event_keep(bus, subject, head, incoming, client, publisher);
}

static void take_number(struct bus *bus, struct subject *subject, const struct grove_bus_image *head) {
    struct state_head *state = bus->state.head;
    state->sequence = head->sequence;
    subject->saved->sequence = head->subject_sequence;
    state->counters.published++;
    state->counters.bytes_published += head->data_bytes;
}

/* To all who are to get it; it has its number, and is kept for the queues. */
static void give(struct bus *bus, const char *publisher, struct subject *subject, const struct grove_bus_image *head,
                 const struct incoming *incoming) {
    if (subject->target_count == 0)
        bus->state.head->counters.unmatched++;
    if (subject->feed_count > 0)
        give_to_rings(bus, subject, head, incoming, publisher);
    points_tell(bus, GROVE_HOOK_AFTER_PUBLISH, subject, publisher, incoming);
    if (subject->queue_count > 0)
        give_to_queues(bus, subject);
}

static void look_at_rights(struct bus *bus, struct subject *subject) {
    if (!rights_have_changed(bus))
        return;
    rights_look_again(bus);
    (void)subject_refresh(bus, subject);
}

int publish_event(struct bus *bus, struct client *client, struct subject *subject, const struct incoming *incoming,
                  uint32_t flags) {
    struct grove_bus_image head;
    look_at_rights(bus, subject);
    fill_head(bus, client, subject, incoming, flags, &head);
    int status = keep(bus, client, client->name.text, subject, &head, incoming);
    if (status < 0)
        return status;
    take_number(bus, subject, &head);
    give(bus, client->name.text, subject, &head, incoming);
    return 0;
}

void publish_number(struct bus *bus, const struct client *client, struct subject *subject,
                    const struct incoming *incoming, uint32_t flags, struct grove_bus_image *head) {
    fill_head(bus, client, subject, incoming, flags, head);
    take_number(bus, subject, head);
}

void incoming_of_image(const struct grove_bus_image *image, struct incoming *incoming, const char **publisher) {
    const uint8_t *at = (const uint8_t *)(image + 1);
    *incoming = (struct incoming){.subject_bytes = image->subject_bytes,
                                  .reply_bytes = image->reply_bytes,
                                  .headers_bytes = image->headers_bytes,
                                  .data_bytes = image->data_bytes};
    memcpy(incoming->subject, at, image->subject_bytes);
    at += image->subject_bytes + 1u;
    *publisher = (const char *)at;
    at += image->publisher_bytes + 1u;
    memcpy(incoming->reply_to, at, image->reply_bytes);
    at += image->reply_bytes + 1u;
    incoming->headers = at;
    at += image->headers_bytes;
    incoming->data = at + (-(uintptr_t)(at - (const uint8_t *)image) & 7u);
    if ((image->flags & GROVE_BUS_IMAGE_TRACED) != 0)
        memcpy(&incoming->trace, (const uint8_t *)image + image->size_bytes - sizeof incoming->trace,
               sizeof incoming->trace);
    incoming->hash = subject_hash(incoming->subject, incoming->subject_bytes);
}

void publish_image(struct bus *bus, struct client *client, struct subject *subject, const struct grove_bus_image *image,
                   uint64_t durable_sequence, uint32_t flags) {
    struct grove_bus_image head = *image;
    struct incoming incoming;
    const char *publisher;
    int status;
    head.durable_sequence = durable_sequence;
    head.flags |= (uint16_t)flags;
    incoming_of_image(image, &incoming, &publisher);
    look_at_rights(bus, subject);
    (void)subject_refresh(bus, subject);
    while ((status = keep(bus, client, publisher, subject, &head, &incoming)) == GROVE_EXHAUSTED &&
           queues_drop_largest(bus))
        continue;
    if (status < 0)
        bus->state.head->counters.dropped++;
    else
        give(bus, publisher, subject, &head, &incoming);
}

/* ---- once ---- */

static void acceptance_begin(struct bus *bus, const struct grove_request *request) {
    struct state_doubt *doubt = &bus->state.head->doubt;
    state_store(&doubt->is_done, 0);
    doubt->channel = grove_request_channel(request);
    doubt->number = grove_request_number(request);
    doubt->method = grove_request_method(request);
    doubt->sequence = bus->state.head->sequence + 1;
}

static void acceptance_end(struct bus *bus) {
    state_store(&bus->state.head->doubt.is_done, 1);
}

static bool is_kept(const struct bus *bus, uint64_t sequence) {
    for (uint32_t i = 0; i < bus->state.head->events_used; i++)
        if (bus->events[i] != NULL && state_image(&bus->state, i)->sequence == sequence)
            return true;
    return false;
}

static const struct state_doubt *doubt_of(const struct bus *bus, const struct grove_request *request) {
    for (unsigned i = 0; i < STATE_DOUBTS; i++) {
        const struct state_doubt *doubt = &bus->state.head->earlier[i];
        if (doubt->channel == grove_request_channel(request) && doubt->number == grove_request_number(request) &&
            doubt->method == grove_request_method(request))
            return doubt;
    }
    return NULL;
}

/*
 * A publication that comes again after a crash: was it accepted? One that only rings are to get may have been seen there or
 * not; it is taken for accepted, as they get it at most once. With queues, they come first.
 */
static bool was_accepted(const struct bus *bus, const struct grove_request *request, const struct subject *subject) {
    if (!grove_request_is_redelivered(request))
        return false;
    const struct state_doubt *doubt = doubt_of(bus, request);
    return doubt != NULL && (doubt->is_done != 0 || subject->queue_count == 0 || is_kept(bus, doubt->sequence));
}

bool publish_is_known(const struct bus *bus, const struct grove_request *request, const struct subject *subject) {
    uint32_t doubt = 0;
    return was_accepted(bus, request, subject) || doubt_find(&bus->state, request, &doubt) != 0;
}

/* ---- who and what ---- */

/* A publication that is looked at more than once says once what its sender dropped. */
static void count_dropped(struct bus *bus, const struct grove_request *request, const struct incoming *incoming) {
    if (bus->counted != request)
        bus->state.head->counters.dropped_by_publishers += incoming->dropped;
    bus->counted = NULL;
}

int publish_begin(struct bus *bus, struct grove_request *request, struct incoming *incoming, struct client **client,
                  struct subject **subject) {
    const char *reason;
    struct incoming_bytes bytes = {.data = grove_request_data(request), .length_bytes = grove_request_bytes(request)};
    bytes.slice = grove_request_slice(request, &bytes.slice_bytes);
    int status = incoming_decode(&bytes, bus->last_subject, incoming, &reason);
    if (status < 0)
        return grove_fail(request, status, "%s", reason);
    (void)grove_trace_current(bus->session, &incoming->trace);
    *client = client_of(bus, request);
    if (*client == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "the bus has as many clients as it takes");
    count_dropped(bus, request, incoming);
    status = subject_find(bus, incoming->subject, incoming->subject_bytes, incoming->hash, subject);
    if (status < 0)
        return grove_fail(request, status, "the bus keeps no more subjects in mind than it does (%u), all in use",
                          STATE_SUBJECTS);
    status = rights_publish(bus, request, *subject);
    if (status < 0)
        bus->state.head->counters.refused++;
    if (bus->verdict != NULL && bus->verdict->data != NULL) {
        incoming->data = bus->verdict->data;
        incoming->data_bytes = bus->verdict->data_bytes;
    }
    return status;
}

/* ---- EMIT ---- */

int on_emit(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct incoming incoming;
    struct client *client;
    struct subject *subject;
    int status = 0;
    if (points_hold(bus, request, on_emit, &status))
        return 0;
    status = publish_begin(bus, request, &incoming, &client, &subject);
    if (status < 0)
        return 0; /* counted, and where it was refused in the audit log; a sentence for each would flood the log */
    if (was_accepted(bus, request, subject) || request_answered(bus, client, &incoming))
        return 0;
    acceptance_begin(bus, request);
    if (publish_event(bus, client, subject, &incoming, 0) < 0)
        bus->state.head->counters.dropped++;
    acceptance_end(bus);
    return 0;
}

/* ---- PUBLISH ---- */

static bool is_over_share(const struct bus *bus, const struct client *client, const struct incoming *incoming) {
    uint64_t share_bytes = bus->state.granules * STATE_GRANULE / PUBLISHER_SHARE;
    return client->kept_bytes > 0 && client->kept_bytes + incoming->data_bytes > share_bytes;
}

/* How long this publication has to wait for room at most; 0: it need not. */
static uint64_t wait_ns(const struct bus *bus, const struct client *client, const struct subject *subject,
                        const struct incoming *incoming) {
    uint64_t longest_ns = subject->queue_count > 0 && is_over_share(bus, client, incoming) ? ROOM_WAIT_NS : 0;
    for (unsigned i = 0; i < subject->target_count; i++) {
        const struct queue *queue = (const struct queue *)(const void *)subject->targets[i];
        if (*subject->targets[i] == TARGET_QUEUE && queue_blocks(queue) && queue->saved->block_ns > longest_ns)
            longest_ns = queue->saved->block_ns;
    }
    return longest_ns;
}

/* Without regard to who waits: the oldest of what is kept makes room. */
static int publish_by_force(struct bus *bus, struct client *client, struct subject *subject,
                            const struct incoming *incoming) {
    while (is_over_share(bus, client, incoming) && queues_drop_largest(bus))
        continue;
    int status;
    while ((status = publish_event(bus, client, subject, incoming, 0)) == GROVE_EXHAUSTED && queues_drop_largest(bus))
        continue;
    return status;
}

/* GROVE_AGAIN: it has to wait, for *longest_ns. */
static int publish_once(struct bus *bus, struct grove_request *request, bool is_due, uint64_t *longest_ns) {
    struct incoming incoming;
    struct client *client;
    struct subject *subject;
    int status = publish_begin(bus, request, &incoming, &client, &subject);
    if (status != 0 || was_accepted(bus, request, subject) || request_answered(bus, client, &incoming))
        return status;
    overflow_move_first(bus, subject);
    *longest_ns = is_due ? 0 : wait_ns(bus, client, subject, &incoming);
    if (*longest_ns > 0)
        return GROVE_AGAIN;
    acceptance_begin(bus, request);
    status =
        is_due ? publish_by_force(bus, client, subject, &incoming) : publish_event(bus, client, subject, &incoming, 0);
    if (status == GROVE_EXHAUSTED && !is_due) {
        *longest_ns = ROOM_WAIT_NS;
        return GROVE_AGAIN;
    }
    acceptance_end(bus);
    return status;
}

static int hold(struct bus *bus, struct grove_request *request, struct client *client, uint64_t longest_ns) {
    struct held *held = bus->held_count < HELD_MAX ? malloc(sizeof *held) : NULL;
    if (held == NULL || request_defer(bus, request) < 0) {
        free(held);
        return GROVE_NO_MEMORY;
    }
    *held = (struct held){.request = request, .client = client, .verdict = bus->verdict};
    (void)grove_trace_current(bus->session, &held->span);
    bus->verdict = NULL;
    held->due_ns = longest_ns > 0 ? grove_now_ns() + longest_ns : 0;
    *bus->held_tail = held;
    bus->held_tail = &held->next;
    bus->held_count++;
    client->held++;
    if (held->due_ns != 0)
        bus_due(bus, held->due_ns);
    return 0;
}

int on_publish(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct client *client = client_of(bus, request);
    uint64_t longest_ns = 0;
    int status = 0;
    if (points_hold(bus, request, on_publish, &status))
        return 0;
    bool must_follow = client != NULL && client->held > 0; /* what it sent before waits */
    status = must_follow ? GROVE_AGAIN : publish_once(bus, request, false, &longest_ns);
    if (status == GROVE_AGAIN && (client == NULL || hold(bus, request, client, longest_ns) < 0))
        (void)publish_once(bus, request, true, &longest_ns); /* accepted is delivered, if not in its turn */
    return 0; /* a refusal is counted, and in the audit log; a sentence for each would flood the log */
}

/* ---- what waits ---- */

static struct held *take_held(struct bus *bus, struct held **place) {
    struct held *held = *place;
    *place = held->next;
    if (bus->held_tail == &held->next)
        bus->held_tail = place;
    bus->held_count--;
    held->client->held--;
    return held;
}

static void finish_held(struct held *held) {
    grove_request_finish(held->request);
    verdict_free(held->verdict);
    free(held);
}

static int try_held(struct bus *bus, struct held *held, bool is_due, uint64_t *longest_ns) {
    struct grove_trace_context handled = {0}; /* it is somebody else's message that made room */
    (void)grove_trace_current(bus->session, &handled);
    bus->verdict = held->verdict;
    bus->counted = held->request;
    grove_trace_enter(bus->session, &held->span);
    int status = publish_once(bus, held->request, is_due, longest_ns);
    grove_trace_enter(bus->session, &handled);
    bus->verdict = NULL;
    bus->counted = NULL;
    return status;
}

void held_retry(struct bus *bus) {
    static bool is_at_work; /* what is published here may be acknowledged, or make room, on the way */
    if (bus->held_count == 0 || is_at_work)
        return;
    is_at_work = true;
    uint64_t now_ns = grove_now_ns(), longest_ns = 0;
    uint64_t look = ++bus->looks;
    for (struct held **place = &bus->held; *place != NULL;) {
        struct held *held = *place;
        bool is_behind = held->client->held_look == look; /* an earlier one of its own still waits */
        bool is_due = held->due_ns != 0 && held->due_ns <= now_ns;
        int status = is_behind ? GROVE_AGAIN : try_held(bus, held, is_due, &longest_ns);
        if (status == GROVE_AGAIN) {
            if (!is_behind && held->due_ns == 0) {
                held->due_ns = now_ns + longest_ns;
                bus_due(bus, held->due_ns);
            }
            held->client->held_look = look;
            place = &held->next;
            continue;
        }
        finish_held(take_held(bus, place));
    }
    is_at_work = false;
}

void held_drop(struct bus *bus, struct client *client) {
    for (struct held **place = &bus->held; *place != NULL;) {
        if ((*place)->client != client) {
            place = &(*place)->next;
            continue;
        }
        finish_held(take_held(bus, place));
    }
}

uint64_t held_due_ns(const struct bus *bus) {
    uint64_t due_ns = GROVE_FOREVER;
    for (const struct held *held = bus->held; held != NULL; held = held->next)
        due_ns = held->due_ns != 0 && held->due_ns < due_ns ? held->due_ns : due_ns;
    return due_ns;
}
