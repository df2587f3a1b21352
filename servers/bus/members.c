/*
 * Subscriptions: made, taken over, paused, ended.
 *
 * At most once and alone, a subscription reads the ring of its pattern; in a group, or at least once, it has a queue.
 * Where no more rings are to be had it has a queue as well.
 */
#include "servers/bus/directs.h"
#include "servers/bus/durable.h"
#include "servers/bus/overflow.h"
#include "servers/bus/points.h"

#include <stdlib.h>
#include <string.h>

#define QUEUE_EVENTS_MAX 65536u
#define IN_FLIGHT_MAX 256u

#define INDEX_BITS 12u

uint32_t member_id(const struct member *member) {
    return member->saved->serial << INDEX_BITS | member->index;
}

struct member *member_find(const struct bus *bus, const struct client *client, uint32_t id) {
    struct member *member = bus->members[id % STATE_MEMBERS];
    return member != NULL && member_id(member) == id && member->client == client ? member : NULL;
}

/* ---- made ---- */

static struct member *enter(struct bus *bus, struct client *client, uint32_t index) {
    struct member *member = calloc(1, sizeof *member);
    if (member == NULL)
        return NULL;
    member->index = index;
    member->saved = &bus->state.members[index];
    member->client = client;
    member->next_in_client = client->members;
    client->members = member;
    bus->members[index] = member;
    return member;
}

static void leave(struct bus *bus, struct member *member) {
    struct client *client = member->client;
    struct member **place = &client->members;
    while (*place != member)
        place = &(*place)->next_in_client;
    *place = member->next_in_client;
    state_store(&member->saved->state, STATE_FREE);
    bus->members[member->index] = NULL;
    free(member);
}

void member_end(struct bus *bus, struct member *member) {
    struct client *client = member->client;
    uint32_t lane = member->saved->lane;
    directs_leave(bus, member);
    if (member->feed != NULL)
        feed_leave(bus, member);
    else if (member->queue != NULL)
        queue_remove_member(bus, member->queue, member);
    leave(bus, member);
    poll_answer(bus, client, lane, true); /* its next poll finds that this subscription is no more */
}

static void join_feed(struct feed *feed, struct member *member) {
    member->first_count = feed->writer.count;
    member->feed = feed;
    member->next_in_owner = feed->members;
    feed->members = member;
}

static bool wants_ring(const struct grove_bus_subscription *wanted) {
    return wanted->quality == GROVE_BUS_AT_MOST_ONCE && wanted->group[0] == '\0' && wanted->name[0] == '\0' &&
           wanted->start == GROVE_BUS_START_NEW;
}

static int attach(struct bus *bus, struct member *member, const struct grove_bus_subscription *wanted,
                  struct grove_request *request) {
    struct feed *feed = NULL;
    struct queue *queue = wanted->group[0] != '\0' ? queue_of_group(bus, wanted->pattern, wanted->group) : NULL;
    bool is_direct = grove_request_method(request) == GROVE_BUS_SUBSCRIBE_DIRECT;
    if (wants_ring(wanted) && feed_find(bus, wanted->pattern, wanted->lane, is_direct, &feed) == 0) {
        member->saved->flags |= is_direct ? MEMBER_DIRECT : 0;
        join_feed(feed, member);
        directs_join(bus, member);
        return feed_show(feed, member, request);
    }
    bool is_new = queue == NULL;
    int status = is_new ? queue_make(bus, wanted, &queue) : 0;
    if (status < 0)
        return status;
    if (is_new)
        status = replay_begin(bus, queue, wanted, member->client->name.text);
    if (status < 0) {
        queue_end(bus, queue, NULL);
        return status;
    }
    queue_add_member(queue, member);
    member->saved->queue = queue->index + 1;
    return 0;
}

static int make(struct bus *bus, struct client *client, const struct grove_bus_subscription *wanted,
                struct grove_request *request, struct member **made) {
    uint32_t index = 0;
    if (state_new_member(&bus->state, &index) < 0)
        return grove_fail(request, GROVE_EXHAUSTED, "the bus has as many subscriptions as it takes (%u)",
                          STATE_MEMBERS);
    struct member *member = enter(bus, client, index);
    if (member == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "the bus has no memory for another subscription");
    struct saved_member *saved = member->saved;
    saved->lane = wanted->lane;
    saved->generation = wanted->generation;
    saved->ring = client->ring;
    saved->flags = wanted->is_paused ? MEMBER_PAUSED : 0;
    saved->client = client->id;
    saved->client_name = client->name;
    saved->metrics.id = member_id(member);
    memcpy(saved->pattern, wanted->pattern, sizeof saved->pattern);
    int status = attach(bus, member, wanted, request);
    if (status < 0) {
        member_end(bus, member);
        return grove_fail(request, status, "the bus has no room for another subscription: %s",
                          grove_status_text(status));
    }
    state_store(&saved->state, STATE_USED);
    *made = member;
    return 0;
}

/* What an earlier instance of this client left, and this one asks for again. */
static struct member *left_behind(const struct client *client, const struct grove_bus_subscription *wanted) {
    for (struct member *member = client->members; member != NULL; member = member->next_in_client) {
        const struct saved_queue *saved = member->queue != NULL ? member->queue->saved : NULL;
        if (member->saved->is_left && saved != NULL && member->saved->lane == wanted->lane &&
            strcmp(saved->pattern, wanted->pattern) == 0 && strcmp(saved->group, wanted->group) == 0 &&
            strcmp(saved->name, wanted->name) == 0)
            return member;
    }
    return NULL;
}

static void set_paused(const struct member *member, bool is_paused) {
    uint32_t *flags = &member->saved->flags;
    *flags = is_paused ? *flags | MEMBER_PAUSED : *flags & ~(uint32_t)MEMBER_PAUSED;
}

static void take_over(struct member *member, const struct grove_bus_subscription *wanted) {
    member->saved->is_left = 0;
    member->saved->generation = wanted->generation;
    set_paused(member, wanted->is_paused != 0);
    if (wanted->group[0] == '\0')
        queue_set(member->queue, wanted);
}

/* ---- asked for ---- */

static void set_defaults(const struct bus_settings *settings, struct grove_bus_subscription *wanted) {
    if (wanted->max_retries == 0)
        wanted->max_retries = (uint32_t)settings->max_retries;
    if (wanted->timeout_ns == 0)
        wanted->timeout_ns = settings->timeout_ns;
    if (wanted->backoff_first_ns == 0)
        wanted->backoff_first_ns = settings->backoff_first_ns;
    if (wanted->backoff_cap_ns == 0)
        wanted->backoff_cap_ns = settings->backoff_cap_ns;
    if (wanted->backoff_factor == 0)
        wanted->backoff_factor = 2;
    if (wanted->queue_events == 0)
        wanted->queue_events = (uint32_t)settings->queue_events;
    if (wanted->in_flight == 0)
        wanted->in_flight = (uint32_t)settings->in_flight;
    if (wanted->slow == GROVE_BUS_SLOW_USUAL)
        wanted->slow = wanted->quality == GROVE_BUS_AT_MOST_ONCE ? GROVE_BUS_DROP_OLDEST : GROVE_BUS_BLOCK;
    if (wanted->block_ns == 0)
        wanted->block_ns = settings->block_ns;
    if (wanted->spill_bytes == 0)
        wanted->spill_bytes = 64u << 20;
    if (wanted->timeout_ns > 3600 * GROVE_SECOND)
        wanted->timeout_ns = 3600 * GROVE_SECOND;
    if (wanted->block_ns > 60 * GROVE_SECOND)
        wanted->block_ns = 60 * GROVE_SECOND;
}

static const char *problem_of(const struct grove_bus_subscription *wanted) {
    if (!pattern_is_valid(wanted->pattern, strlen(wanted->pattern)))
        return "the pattern is not one: tokens between dots, \"*\" for one token, a last \">\" for one or more";
    if (wanted->quality > GROVE_BUS_DURABLE || wanted->lane >= GROVE_LANES || wanted->slow > GROVE_BUS_SPILL ||
        wanted->start > GROVE_BUS_START_TIME)
        return "the quality, priority, policy or start is not one that there is";
    if (wanted->quality == GROVE_BUS_AT_MOST_ONCE && wanted->slow > GROVE_BUS_DROP_OLDEST)
        return "at most once drops what is too much; to wait or to spill, subscribe at least once";
    if (wanted->queue_events > QUEUE_EVENTS_MAX || wanted->in_flight > IN_FLIGHT_MAX)
        return "queue_events is at most 65536, and in_flight at most 256";
    return NULL;
}

static int read_wanted(const struct bus *bus, struct grove_request *request, struct grove_bus_subscription *wanted) {
    if (grove_request_bytes(request) < sizeof *wanted)
        return grove_fail(request, GROVE_INVALID, "the message is too short for a subscription");
    memcpy(wanted, grove_request_data(request), sizeof *wanted);
    if (wanted->version != GROVE_BUS_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the bus speaks version %u of its protocol, not %u",
                          GROVE_BUS_PROTOCOL_VERSION, wanted->version);
    wanted->pattern[GROVE_SUBJECT_MAX] = wanted->group[GROVE_BUS_GROUP_MAX] = '\0';
    wanted->name[GROVE_BUS_GROUP_MAX] = '\0';
    const char *problem = problem_of(wanted);
    if (problem != NULL)
        return grove_fail(request, GROVE_INVALID, "%s", problem);
    set_defaults(&bus->settings, wanted);
    return 0;
}

int on_subscribe(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct grove_bus_subscription wanted;
    struct client *client = client_of(bus, request);
    if (client == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "the bus has as many clients as it takes");
    int status = read_wanted(bus, request, &wanted);
    if (status == 0)
        status = rights_subscribe(bus, request, wanted.pattern);
    if (status == 0)
        status = durable_subscribe(bus, request, &wanted);
    if (status == 0 && wanted.slow == GROVE_BUS_SPILL && wanted.quality == GROVE_BUS_AT_LEAST_ONCE)
        status = overflow_allow(bus, request); /* what is durable waits on disk anyhow */
    if (status < 0)
        return status;
    points_try(bus);
    client_is_instance(bus, client, wanted.generation);
    client->main_channel = grove_request_channel(request);
    struct member *member = left_behind(client, &wanted);
    if (member != NULL)
        take_over(member, &wanted);
    else
        status = make(bus, client, &wanted, request, &member);
    if (status < 0)
        return status;
    directs_update(bus); /* before the answer: what is published after it comes */
    struct grove_bus_subscribed answer = {.version = GROVE_BUS_PROTOCOL_VERSION,
                                          .member = member_id(member),
                                          .ring = member->ring,
                                          .position = member->feed != NULL ? member->feed->writer.written : 0,
                                          .kernel_version = bus->kernel_version};
    return grove_reply(request, &answer, sizeof answer);
}

int member_of_request(struct bus *bus, struct grove_request *request, struct member **member, uint64_t *value) {
    struct grove_bus_member told;
    struct client *client = client_of(bus, request);
    int status = request_take(request, &told, sizeof told);
    if (status < 0)
        return status;
    *value = told.value;
    *member = client != NULL ? member_find(bus, client, told.member) : NULL;
    if (*member == NULL)
        return grove_fail(request, GROVE_NOT_FOUND, "%s has no such subscription", grove_request_client(request));
    return 0;
}

int on_unsubscribe(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct member *member = NULL;
    uint64_t value = 0;
    int status = member_of_request(bus, request, &member, &value);
    if (status == 0)
        member_end(bus, member);
    return status;
}

int on_pause(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct member *member = NULL;
    uint64_t value = 0;
    int status = member_of_request(bus, request, &member, &value);
    if (status < 0)
        return status;
    set_paused(member, value != 0);
    if (member->queue != NULL)
        queue_offer(bus, member->queue);
    return 0;
}

/* ---- what an earlier instance left ---- */

static int restore(struct bus *bus, uint32_t index) {
    struct saved_member *saved = &bus->state.members[index];
    struct client *client = client_find(bus, saved->client);
    if (client == NULL)
        client = client_make(bus, saved->client, saved->client_name.text, saved->ring);
    struct member *member = client != NULL ? enter(bus, client, index) : NULL;
    if (member == NULL)
        return GROVE_NO_MEMORY;
    if (saved->generation > client->generation)
        client->generation = saved->generation;
    if (saved->queue != 0 && bus->queues[saved->queue - 1] != NULL) {
        queue_add_member(bus->queues[saved->queue - 1], member);
        return 0;
    }
    struct feed *feed = NULL;
    if (saved->queue != 0 ||
        feed_find(bus, saved->pattern, saved->lane, (saved->flags & MEMBER_DIRECT) != 0, &feed) < 0) {
        member_end(bus, member); /* its client finds that with its next poll, and subscribes again */
        return 0;
    }
    join_feed(feed, member);
    return 0;
}

int members_open(struct bus *bus) {
    int status = 0;
    for (uint32_t i = 0; status == 0 && i < bus->state.head->members_used; i++)
        if (bus->state.members[i].state == STATE_USED)
            status = restore(bus, i);
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++)
        if (bus->queues[i] != NULL && bus->queues[i]->members == NULL)
            queue_end(bus, bus->queues[i], NULL); /* a crash between the two: nobody is behind it */
    return status;
}
