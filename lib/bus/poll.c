/*
 * What the bus has for us, and what we say of it.
 *
 * Reading goes in turns of a few events, so that a service's own messages get theirs in between. A lane whose subscriptions
 * have nothing left polls: that one call says what was done with what came, and how far each ring was read. Its answer
 * brings events of queues, a new ring, or only that there is more to read.
 */
#include "lib/bus/bus.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "lib/service/service.h"

#define EVENTS_A_TURN 32u
#define RUN_IS_STREAM 16u
#define YIELDS_MAX 16u
#define POLL_TIMEOUT_NS (600 * GROVE_SECOND)
/* A subscription and its place, for one poll. */
#define PLACES_MAX 512u

void bus_wake(struct bus_client *client) {
    client->is_busy = true;
}

static bool may_run(const struct bus_client *client) {
    const struct grove_session *session = client->session;
    return session->host == NULL || ((const struct grove_service *)session->host_context)->state == SERVICE_RUNNING;
}

/* ---- rings ---- */

static void count_missed(struct grove_subscription *subscription, const struct grove_bus_image *head) {
    if (subscription->count != UINT64_MAX && head->token > subscription->count) {
        subscription->missed += head->token - subscription->count;
        subscription->local.dropped += head->token - subscription->count;
        bus_sources_begin_all(subscription);
    }
    subscription->count = head->token + 1;
}

static void end_by(struct grove_subscription *subscription) {
    fprintf(stderr, "grove: the subscription to %s has ended: %s\n", subscription->wanted.pattern, grove_last_error());
    subscription->is_over = true;
}

/* What the ring says of direct ones. False: it is to be read on later. */
static bool apply_control(struct grove_subscription *subscription) {
    struct bus_client *client = subscription->client;
    if (bus_source_control(subscription, &subscription->held)) {
        subscription->is_held = subscription->is_asked = false;
        return true;
    }
    if (!subscription->is_asked) { /* which ring is that? The poll that is under way may have been answered before */
        subscription->is_asked = true;
        client->lanes[subscription->wanted.lane].replaced += client->lanes[subscription->wanted.lane].is_polling;
        client->lanes[subscription->wanted.lane].is_polling = false;
        bus_wake(client);
    }
    return false;
}

static int take_control(struct grove_subscription *subscription, const struct grove_bus_image *image) {
    if (image->size_bytes < sizeof *image + sizeof subscription->held)
        return error_set(GROVE_CORRUPT, "the bus's ring makes no sense");
    memcpy(&subscription->held, image + 1, sizeof subscription->held);
    subscription->is_held = true;
    count_missed(subscription, image);
    return 0;
}

static bool deliver_next(struct grove_subscription *subscription) {
    const struct grove_bus_image *image = NULL;
    struct grove_event event;
    bool is_control = false;
    if (subscription->is_held && !apply_control(subscription))
        return false;
    int status = bus_ring_take(subscription->client, &subscription->ring, &image);
    if (status == GROVE_AGAIN)
        return false;
    if (status == 0)
        is_control = (image->flags & GROVE_BUS_IMAGE_CONTROL) != 0;
    if (status == 0)
        status = is_control ? take_control(subscription, image) : bus_image_describe(image, &event);
    if (status < 0) {
        end_by(subscription);
        return false;
    }
    if (is_control)
        return true;
    count_missed(subscription, image);
    bus_deliver(subscription, image, &event, false);
    return true;
}

/* At the end of a ring that the bus writes no more. */
static bool change_ring(struct grove_subscription *subscription) {
    if (subscription->next_ring.id == 0 || (subscription->is_held && !apply_control(subscription)))
        return false;
    if (subscription->next_ring.instance != subscription->ring.instance) {
        subscription->count = UINT64_MAX;
        bus_sources_orphan(subscription, subscription->next_ring.instance);
    }
    bus_ring_close(&subscription->ring);
    subscription->ring = subscription->next_ring;
    subscription->next_ring = (struct bus_ring){0};
    return true;
}

/*
 * Direct rings first. Those of a bus that has died come before anything by the next one, so what its ring has is read only as
 * far as it was before they were looked at.
 */
static int read_ring(struct grove_subscription *subscription) {
    unsigned count = 0;
    bool has_orphans = bus_sources_have_orphans(subscription);
    uint64_t ring = subscription->ring.id, limit = UINT64_MAX;
    if (has_orphans)
        limit = __atomic_load_n(&subscription->ring.head->written, __ATOMIC_ACQUIRE);
    subscription->depth++;
    if (subscription->sources != NULL)
        count += (unsigned)bus_sources_read(subscription, EVENTS_A_TURN);
    while (count < EVENTS_A_TURN && !subscription->is_over && !subscription->is_paused &&
           !(has_orphans && (bus_orphans_have_more(subscription) || ring != subscription->ring.id ||
                             subscription->ring.position >= limit)) &&
           (deliver_next(subscription) || (!subscription->is_over && change_ring(subscription))))
        count++;
    subscription->depth--;
    return (int)count;
}

/* ---- acknowledgements ---- */

static uint32_t padded(uint32_t bytes) {
    return (bytes + 7u) & ~7u;
}

/* If they cannot be sent, the bus hears nothing in time and delivers again. */
static void send_acknowledgements(struct bus_client *client, unsigned count, const uint8_t *bytes,
                                  uint32_t used_bytes) {
    struct grove_channel *channel = NULL;
    const struct grove_bus_poll head = {.version = GROVE_BUS_PROTOCOL_VERSION,
                                        .generation = client->session->identity.generation,
                                        .acknowledgements = count};
    const struct bus_part parts[2] = {{&head, sizeof head}, {bytes, used_bytes}};
    if (count > 0 && bus_channel(client, BUS_MAIN, &channel) == 0)
        (void)bus_send(channel, GROVE_LANE_HIGH, GROVE_BUS_ACKNOWLEDGE, parts, 2, GROVE_SECOND, NULL);
}

void bus_acknowledge_now(struct bus_client *client, uint32_t lane) {
    struct bus_lane *at = &client->lanes[lane];
    send_acknowledgements(client, at->acknowledgements, at->bytes, at->used_bytes);
    at->acknowledgements = at->used_bytes = 0;
}

void bus_acknowledge_all(struct bus_client *client, uint32_t lane) {
    struct bus_lane *at = &client->lanes[lane];
    send_acknowledgements(client, at->polled, at->polled_with, at->polled_bytes);
    at->polled = at->polled_bytes = 0;
    bus_acknowledge_now(client, lane);
}

void bus_acknowledge(struct grove_subscription *subscription, uint64_t token, int status, const char *sentence) {
    struct bus_lane *lane = &subscription->client->lanes[subscription->wanted.lane];
    struct grove_bus_acknowledgement told = {
        .token = token,
        .member = subscription->member,
        .status = status > 0 ? 0 : status,
        .sentence_bytes = status < 0 && sentence != NULL ? (uint32_t)strnlen(sentence, GROVE_BUS_ERROR_MAX) : 0};
    uint32_t size_bytes = (uint32_t)sizeof told + padded(told.sentence_bytes);
    if (size_bytes > sizeof lane->bytes - lane->used_bytes)
        bus_acknowledge_now(subscription->client, subscription->wanted.lane);
    uint8_t *place = lane->bytes + lane->used_bytes;
    memset(place, 0, size_bytes);
    memcpy(place, &told, sizeof told);
    if (told.sentence_bytes > 0)
        memcpy(place + sizeof told, sentence, told.sentence_bytes);
    lane->used_bytes += size_bytes;
    lane->acknowledgements++;
}

/* ---- the answer ---- */

static void on_ring(struct bus_client *client, const struct grove_bus_place *place) {
    struct grove_subscription *subscription = bus_subscription(client, place->member);
    struct bus_ring ring;
    if (subscription == NULL || bus_ring_open(client, place->ring, place->position, &ring) < 0)
        return; /* the next poll says what we have, and the bus answers again */
    if (ring.instance != subscription->ring.instance)
        subscription->is_held = false; /* nobody knows any more what it was about */
    bus_ring_close(&subscription->next_ring);
    subscription->next_ring = ring;
}

static int on_event(struct bus_client *client, const uint8_t *bytes, size_t length_bytes) {
    struct grove_bus_image head;
    struct grove_event event;
    /* The answer lies in the bus's memory: what decides anything is read from a copy of our own. */
    uint8_t *copy = length_bytes >= sizeof head ? malloc(length_bytes) : NULL;
    if (copy == NULL)
        return length_bytes >= sizeof head ? GROVE_NO_MEMORY : GROVE_CORRUPT;
    memcpy(copy, bytes, length_bytes);
    memcpy(&head, copy, sizeof head);
    int status = bus_image_read(copy, length_bytes, &event);
    struct grove_subscription *subscription = status == 0 ? bus_subscription(client, head.member) : NULL;
    if (subscription != NULL)
        bus_deliver(subscription, &head, &event, true);
    free(copy);
    return status;
}

static int on_item(struct bus_client *client, enum grove_bus_item_kind kind, const uint8_t *content,
                   size_t length_bytes, const struct grove_answer *answer) {
    struct grove_bus_place place;
    struct grove_bus_ended ended;
    struct grove_bus_direct_shown shown;
    struct grove_bus_direct_over over;
    switch (kind) {
    case GROVE_BUS_ITEM_EVENT:
        return on_event(client, content, length_bytes);
    case GROVE_BUS_ITEM_LARGE:
        return answer->slice != NULL ? on_event(client, answer->slice, answer->slice_bytes) : GROVE_CORRUPT;
    case GROVE_BUS_ITEM_RING:
        if (length_bytes < sizeof place)
            return GROVE_CORRUPT;
        memcpy(&place, content, sizeof place);
        on_ring(client, &place);
        return 0;
    case GROVE_BUS_ITEM_ENDED:
        if (length_bytes < sizeof ended)
            return GROVE_CORRUPT;
        memcpy(&ended, content, sizeof ended);
        if (bus_subscription(client, ended.member) != NULL)
            bus_subscribe_again(bus_subscription(client, ended.member));
        return 0;
    case GROVE_BUS_ITEM_DIRECT:
        if (length_bytes < sizeof shown)
            return GROVE_CORRUPT;
        memcpy(&shown, content, sizeof shown);
        if (bus_subscription(client, shown.member) != NULL)
            bus_source_show(bus_subscription(client, shown.member), &shown);
        return 0;
    case GROVE_BUS_ITEM_DIRECT_OVER:
        if (length_bytes < sizeof over)
            return GROVE_CORRUPT;
        memcpy(&over, content, sizeof over);
        if (bus_subscription(client, over.member) != NULL)
            bus_source_over(bus_subscription(client, over.member), over.id);
        return 0;
    }
    return 0; /* of a later version: it is about something that this one does not ask for */
}

static int read_items(struct bus_client *client, const struct grove_answer *answer) {
    const uint8_t *at = answer->data;
    size_t left = answer->length_bytes;
    int status = 0;
    while (status == 0 && left >= sizeof(struct grove_bus_item)) {
        struct grove_bus_item item;
        memcpy(&item, at, sizeof item);
        if (item.size_bytes < sizeof item || item.size_bytes > left || item.size_bytes % 8 != 0)
            return GROVE_CORRUPT;
        status = on_item(client, item.kind, at + sizeof item, item.size_bytes - sizeof item, answer);
        at += item.size_bytes;
        left -= item.size_bytes;
    }
    return status;
}

static void answered(int status, const struct grove_answer *answer, void *context) {
    struct bus_lane *lane = context;
    struct bus_client *client = lane->client;
    if (lane->replaced > 0)
        lane->replaced--; /* another poll is under way that has taken its place */
    else
        lane->is_polling = false;
    if (!lane->is_polling)
        lane->polled = lane->polled_bytes = 0;
    bus_sources_woken(client, (uint32_t)(lane - client->lanes));
    if (status == 0 && read_items(client, answer) == GROVE_CORRUPT)
        fprintf(stderr, "grove: the bus gave an answer that makes no sense\n");
    if (lane->is_polling) /* another poll is under way: there is none that these could go with */
        bus_acknowledge_now(client, (uint32_t)(lane - client->lanes));
    bus_sweep(client);
    bus_wake(client);
}

/* ---- asking ---- */

struct question {
    struct grove_bus_poll head;
    uint8_t bytes[BUS_ACKNOWLEDGEMENTS_BYTES + PLACES_MAX * sizeof(struct grove_bus_place)];
};

static uint32_t add_places(const struct bus_client *client, uint32_t lane, uint8_t *bytes) {
    bool is_by_bell = session_sleeps_by_bell(client->session);
    uint32_t count = 0;
    for (struct grove_subscription *at = client->subscriptions; at != NULL && count < PLACES_MAX; at = at->next) {
        if (at->is_over || at->member == 0 || at->wanted.lane != lane || (at->is_paused && at->ring.id != 0))
            continue;
        const struct grove_bus_place place = {.ring = at->ring.id, .position = at->ring.position, .member = at->member};
        memcpy(bytes + count * sizeof place, &place, sizeof place);
        count++;
        if (is_by_bell && !at->is_paused)
            count += bus_sources_places(at, bytes + count * sizeof place, PLACES_MAX - count);
        if (!at->is_held || count == PLACES_MAX)
            continue;
        const struct grove_bus_place asked = {
            .ring = at->held.id, .member = at->member, .reserved = GROVE_BUS_PLACE_ASKS};
        memcpy(bytes + count * sizeof asked, &asked, sizeof asked);
        count++;
    }
    return count;
}

static int poll_lane(struct bus_client *client, uint32_t lane) {
    static const uint32_t answer_bytes[GROVE_LANES] = {16000, 32000, 16000};
    struct bus_lane *at = &client->lanes[lane];
    struct grove_channel *channel = NULL;
    struct question question;
    int status = bus_channel(client, BUS_EVENTS, &channel);
    if (status < 0)
        return status;
    memcpy(question.bytes, at->bytes, at->used_bytes);
    question.head = (struct grove_bus_poll){.version = GROVE_BUS_PROTOCOL_VERSION,
                                            .generation = client->session->identity.generation,
                                            .acknowledgements = at->acknowledgements,
                                            .places = add_places(client, lane, question.bytes + at->used_bytes),
                                            .answer_bytes = answer_bytes[lane]};
    size_t length_bytes = sizeof question.head + at->used_bytes + question.head.places * sizeof(struct grove_bus_place);
    at->is_polling = true;
    status = grove_call_start(channel,
                              &(struct grove_call){.method = GROVE_BUS_POLL,
                                                   .priority = (enum grove_priority)(lane + GROVE_PRIORITY_HIGH),
                                                   .data = &question,
                                                   .length_bytes = length_bytes,
                                                   .timeout_ns = POLL_TIMEOUT_NS},
                              answered, at);
    if (status < 0) {
        at->is_polling = false;
        bus_sources_woken(client, lane);
        return status;
    }
    memcpy(at->polled_with, at->bytes, at->used_bytes);
    at->polled = at->acknowledgements;
    at->polled_bytes = at->used_bytes;
    at->acknowledgements = at->used_bytes = 0;
    return 0;
}

static bool is_wanted(const struct bus_client *client, uint32_t lane) {
    for (const struct grove_subscription *at = client->subscriptions; at != NULL; at = at->next)
        if (!at->is_over && at->member != 0 && at->wanted.lane == lane)
            return true;
    return false;
}

static bool has_more(const struct bus_client *client) {
    for (const struct grove_subscription *at = client->subscriptions; at != NULL; at = at->next)
        if (!at->is_over && !at->is_paused &&
            (bus_ring_has_more(&at->ring) || at->next_ring.id != 0 || bus_sources_have_more(at)))
            return true;
    return false;
}

/* Every subscription once, beginning behind the one that was served last. */
static int read_rings(struct bus_client *client) {
    struct grove_subscription *first = client->turn != NULL ? client->turn->next : client->subscriptions;
    first = first != NULL ? first : client->subscriptions;
    struct grove_subscription *at = first;
    do {
        int count = at->ring.id != 0 && !at->is_over && !at->is_paused ? read_ring(at) : 0;
        client->turn = at;
        if (count > 0)
            return count;
        at = at->next != NULL ? at->next : client->subscriptions;
    } while (at != first);
    return 0;
}

/*
 * In a stream of events it is cheaper to let the others run a few times, and then to find many, than to sleep and be woken
 * for each few. Whoever got only a few since the last sleep goes to sleep at once.
 */
static bool lingers(struct bus_client *client) {
    if (client->run < RUN_IS_STREAM || client->yields >= YIELDS_MAX) {
        client->run = client->yields = 0;
        return false;
    }
    client->yields++;
    sched_yield();
    return true;
}

int bus_work(struct grove_session *session) {
    struct bus_client *client = session->bus;
    if (client->subscriptions == NULL || !may_run(client))
        return 0;
    if (!client->is_busy && !has_more(client))
        return 0;
    int count = read_rings(client);
    bus_sweep(client);
    if (count > 0 || client->subscriptions == NULL) {
        client->run += (unsigned)count;
        client->yields = 0;
        return count;
    }
    if (lingers(client))
        return 1;
    client->is_busy = false;
    for (uint32_t lane = 0; lane < GROVE_LANES; lane++)
        if (!client->lanes[lane].is_polling && is_wanted(client, lane) && poll_lane(client, lane) < 0)
            client->is_busy = false; /* the channel says when there is a bus again, or the kernel when there is none */
    return 0;
}
