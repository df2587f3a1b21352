/*
 * Subscriptions: asked for, delivered to, ended.
 *
 * By queue an event may come again although it was handled: its acknowledgement was on the way when the bus died, or came too
 * late. The numbers handled of late are kept, so that the handler of one instance sees it once.
 */
#include "lib/bus/bus.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/service/service.h"

struct grove_subscription *bus_subscription(const struct bus_client *client, uint32_t member) {
    struct grove_subscription *at = client->subscriptions;
    while (at != NULL && (at->member != member || at->is_over))
        at = at->next;
    return member != 0 ? at : NULL;
}

static void free_subscription(struct grove_subscription *subscription) {
    bus_ring_close(&subscription->ring);
    bus_ring_close(&subscription->next_ring);
    bus_sources_close(subscription);
    free(subscription);
}

void bus_sweep(struct bus_client *client) {
    for (struct grove_subscription **place = &client->subscriptions; *place != NULL;) {
        struct grove_subscription *at = *place;
        if (!at->is_over || at->depth > 0 || at->is_asking) {
            place = &at->next;
            continue;
        }
        *place = at->next;
        if (client->turn == at)
            client->turn = NULL;
        free_subscription(at);
    }
}

void bus_subscriptions_end(struct bus_client *client) {
    while (client->subscriptions != NULL) {
        struct grove_subscription *at = client->subscriptions;
        client->subscriptions = at->next;
        free_subscription(at);
    }
    client->turn = NULL;
}

/* ---- asking ---- */

static int copy_name(char *field, size_t room_bytes, const char *name, const char *what) {
    if (name == NULL)
        return 0;
    size_t length_bytes = strlen(name);
    if (length_bytes >= room_bytes)
        return error_set(GROVE_INVALID, "the %s \"%.80s\" is longer than %zu bytes", what, name, room_bytes - 1);
    memcpy(field, name, length_bytes + 1);
    return 0;
}

static int describe(const struct grove_session *session, const struct grove_subscribe *from,
                    struct grove_bus_subscription *wanted) {
    *wanted = (struct grove_bus_subscription){.version = GROVE_BUS_PROTOCOL_VERSION,
                                              .generation = session->identity.generation,
                                              .quality = from->quality,
                                              .slow = from->slow,
                                              .start = from->start,
                                              .in_order = from->in_order,
                                              .is_paused = from->is_paused,
                                              .max_retries = from->max_retries,
                                              .backoff_factor = from->backoff_factor,
                                              .queue_events = from->queue_events,
                                              .in_flight = from->in_flight,
                                              .timeout_ns = from->timeout_ns,
                                              .backoff_first_ns = from->backoff_first_ns,
                                              .backoff_cap_ns = from->backoff_cap_ns,
                                              .block_ns = from->block_ns,
                                              .spill_bytes = from->spill_bytes,
                                              .start_sequence = from->start_sequence,
                                              .start_time_ns = from->start_time_ns};
    if ((unsigned)from->priority > GROVE_PRIORITY_LOW)
        return error_set(GROVE_INVALID, "there is no priority %u", (unsigned)from->priority);
    wanted->lane =
        from->priority == GROVE_PRIORITY_INHERIT ? GROVE_LANE_MEDIUM : (uint32_t)(from->priority - GROVE_PRIORITY_HIGH);
    int status = grove_pattern_check(from->pattern);
    if (status == 0)
        status = copy_name(wanted->pattern, sizeof wanted->pattern, from->pattern, "pattern");
    if (status == 0)
        status = copy_name(wanted->group, sizeof wanted->group, from->group, "group");
    if (status == 0)
        status = copy_name(wanted->name, sizeof wanted->name, from->name, "name");
    return status;
}

/* What the bus said of a subscription: by ring the region has been granted before. */
static int accept(struct grove_subscription *subscription, const struct grove_bus_subscribed *told) {
    if (told->version != GROVE_BUS_PROTOCOL_VERSION || told->member == 0)
        return error_set(GROVE_CORRUPT, "the bus gave an answer that makes no sense");
    bus_ring_close(&subscription->ring);
    bus_ring_close(&subscription->next_ring);
    if (told->ring != 0) {
        int status = bus_ring_open(subscription->client, told->ring, told->position, &subscription->ring);
        if (status < 0)
            return status;
        subscription->count = UINT64_MAX; /* known with the first event */
    }
    /* Those of this bus are shown anew, from where the subscription begins; those of an earlier one are read to their end. */
    bus_sources_renew(subscription, subscription->is_by_bus || told->ring == 0 ? 0 : subscription->ring.instance);
    subscription->member = told->member;
    subscription->kernel_version = told->kernel_version;
    return 0;
}

/* What the bus would serve by its ring can be read from those of publishers as well. */
static uint32_t method_of(const struct grove_subscription *subscription) {
    const struct grove_bus_subscription *wanted = &subscription->wanted;
    bool is_plain = wanted->quality == GROVE_BUS_AT_MOST_ONCE && wanted->group[0] == '\0' && wanted->name[0] == '\0';
    return is_plain && !subscription->is_by_bus ? GROVE_BUS_SUBSCRIBE_DIRECT : GROVE_BUS_SUBSCRIBE;
}

static int ask(struct grove_subscription *subscription) {
    struct grove_bus_subscribed told = {0};
    int status = session_expect_regions(subscription->client->session, GROVE_BUS_ENDPOINT);
    if (status == 0)
        status = bus_call(subscription->client, method_of(subscription), &subscription->wanted,
                          sizeof subscription->wanted, &told, sizeof told, 0);
    return status < 0 ? status : accept(subscription, &told);
}

/* A poll that is under way does not name the new one: another poll takes its place. */
static void poll_anew(struct bus_client *client, uint32_t lane) {
    client->lanes[lane].replaced += client->lanes[lane].is_polling;
    client->lanes[lane].is_polling = false;
    bus_wake(client);
}

static int tell(const struct grove_subscription *subscription, uint32_t method, uint64_t value);

/*
 * Opened here, so that who has no room for it is told and does not wait for events in vain; and only when the bus knows of
 * this instance, and has taken back what the one before had: answers to that one's polls would be taken off the channel by
 * somebody who does not know what they are.
 */
static int open_events(const struct grove_subscription *subscription) {
    struct grove_channel *channel = NULL;
    int status = bus_channel(subscription->client, BUS_EVENTS, &channel);
    if (status == 0)
        return 0;
    char sentence[256]; /* which telling may write over */
    (void)snprintf(sentence, sizeof sentence, "%s", grove_last_error());
    (void)tell(subscription, GROVE_BUS_UNSUBSCRIBE, 0);
    return error_set(status, "%s", sentence);
}

int grove_bus_subscribe(struct grove_service *service, const struct grove_subscribe *subscribe,
                        grove_event_handler *handler, void *context, struct grove_subscription **subscription) {
    struct bus_client *client = NULL;
    if (handler == NULL)
        return error_set(GROVE_INVALID, "a subscription needs a handler");
    int status = bus_client_of(service != NULL ? grove_service_session(service) : subscribe->session, &client);
    struct grove_subscription *made = status == 0 ? calloc(1, sizeof *made) : NULL;
    if (made == NULL)
        return status < 0 ? status : error_set(GROVE_NO_MEMORY, "no memory is left for a subscription");
    made->client = client;
    made->handler = handler;
    made->context = context;
    made->is_paused = subscribe->is_paused;
    status = describe(client->session, subscribe, &made->wanted);
    if (status == 0)
        status = ask(made);
    if (status == 0)
        status = open_events(made);
    if (status < 0) {
        free_subscription(made);
        return status;
    }
    struct grove_subscription **place = &client->subscriptions;
    while (*place != NULL)
        place = &(*place)->next;
    *place = made;
    poll_anew(client, made->wanted.lane);
    if (subscription != NULL)
        *subscription = made;
    return 0;
}

/* ---- again ---- */

static void asked_again(int status, const struct grove_answer *answer, void *context) {
    struct grove_subscription *subscription = context;
    struct bus_client *client = subscription->client;
    struct grove_bus_subscribed told;
    subscription->is_asking = false;
    if (status == 0 && answer->length_bytes >= sizeof told && !subscription->is_over) {
        memcpy(&told, answer->data, sizeof told);
        status = accept(subscription, &told);
    }
    if (status == GROVE_TIMED_OUT && !subscription->is_over)
        bus_subscribe_again(subscription);
    else if (status < 0 && !subscription->is_over) {
        fprintf(stderr, "grove: the subscription to %s has ended: %s\n", subscription->wanted.pattern,
                grove_last_error());
        subscription->is_over = true;
    }
    poll_anew(client, subscription->wanted.lane);
    bus_sweep(client);
}

void bus_subscribe_again(struct grove_subscription *subscription) {
    struct grove_channel *channel = NULL;
    if (subscription->is_asking || subscription->is_over)
        return;
    subscription->member = 0;
    const struct grove_call call = {.method = method_of(subscription),
                                    .priority = GROVE_PRIORITY_HIGH,
                                    .data = &subscription->wanted,
                                    .length_bytes = sizeof subscription->wanted};
    int status = bus_channel(subscription->client, BUS_MAIN, &channel);
    if (status == 0)
        status = grove_call_start(channel, &call, asked_again, subscription);
    subscription->is_asking = status == 0;
    if (status < 0)
        fprintf(stderr, "grove: the subscription to %s could not be renewed: %s\n", subscription->wanted.pattern,
                grove_last_error());
}

/* ---- delivering ---- */

/*
 * By which an event is known when it comes again: its number in the log, which outlives the kernel, if the subscription reads
 * the log. Numbers of the bus begin anew with the kernel, so two events of a log may have the same.
 */
static uint64_t number_of(const struct grove_subscription *subscription, const struct grove_event *event) {
    return subscription->wanted.quality == GROVE_BUS_DURABLE ? event->durable_sequence : event->sequence;
}

static bool is_handled(const struct grove_subscription *subscription, uint64_t number) {
    for (unsigned i = 0; i < BUS_RECENT; i++)
        if (subscription->recent[i] == number)
            return true;
    return false;
}

static struct bus_pending *find_pending(struct grove_subscription *subscription, uint64_t number) {
    for (unsigned i = 0; i < subscription->pending_count; i++)
        if (subscription->pending[i].number == number)
            return &subscription->pending[i];
    return NULL;
}

static void note_handled(struct grove_subscription *subscription, uint64_t number) {
    subscription->recent[subscription->recent_next++ % BUS_RECENT] = number;
}

static int run_handler(struct grove_subscription *subscription, struct grove_event *event, uint64_t token) {
    event->kernel_version = subscription->kernel_version;
    event->internal[EVENT_SUBSCRIPTION] = subscription;
    event->internal[EVENT_TOKEN] = (void *)(uintptr_t)token;
    event->missed += subscription->missed;
    subscription->missed = 0;
    subscription->token = token;
    subscription->is_deferred = false;
    subscription->sentence[0] = '\0';
    subscription->local.delivered++;
    subscription->local.last_sequence = event->sequence;
    subscription->depth++;
    const struct bus_traced traced = bus_trace_begin(subscription->client, event);
    int status = subscription->handler(event, subscription->context);
    bus_trace_end(subscription->client, &traced);
    subscription->depth--;
    return status;
}

static void deliver_by_queue(struct grove_subscription *subscription, const struct grove_bus_image *head,
                             struct grove_event *event) {
    uint64_t number = number_of(subscription, event);
    bool may_be_known = (event->flags & GROVE_EVENT_REDELIVERED) != 0 && number != 0;
    struct bus_pending *pending = may_be_known ? find_pending(subscription, number) : NULL;
    if (pending != NULL) {
        pending->token = head->token; /* it is being worked on, and acknowledged under its new token */
        return;
    }
    if (may_be_known && is_handled(subscription, number)) {
        bus_acknowledge(subscription, head->token, 0, NULL);
        return;
    }
    int status = run_handler(subscription, event, head->token);
    if (subscription->is_deferred && status >= 0 && subscription->pending_count < BUS_RECENT) {
        subscription->pending[subscription->pending_count++] =
            (struct bus_pending){.number = number, .token = head->token};
        return;
    }
    if (status >= 0)
        note_handled(subscription, number);
    bus_acknowledge(subscription, head->token, status, subscription->sentence);
}

void bus_deliver(struct grove_subscription *subscription, const struct grove_bus_image *head, struct grove_event *event,
                 bool is_by_queue) {
    bool is_acknowledged = is_by_queue && subscription->wanted.quality != GROVE_BUS_AT_MOST_ONCE;
    if (subscription->is_over)
        return;
    if (is_acknowledged) {
        deliver_by_queue(subscription, head, event);
        return;
    }
    int status = run_handler(subscription, event, 0);
    *(status < 0 ? &subscription->local.failed : &subscription->local.completed) += 1;
}

/* ---- in a handler ---- */

int grove_event_defer(const struct grove_event *event, struct grove_event_ticket *ticket) {
    struct grove_subscription *subscription = event->internal[EVENT_SUBSCRIPTION];
    if (subscription == NULL || subscription->depth == 0)
        return error_set(GROVE_WRONG_STATE, "an event can be deferred in its handler only");
    if (subscription->pending_count == BUS_RECENT)
        return error_set(GROVE_EXHAUSTED, "%u events of this subscription are deferred already", BUS_RECENT);
    subscription->is_deferred = true;
    ticket->internal[0] = subscription->client;
    ticket->internal[1] = subscription;
    ticket->number = number_of(subscription, event);
    return 0;
}

static struct grove_subscription *of_ticket(const struct grove_event_ticket *ticket) {
    const struct bus_client *client = ticket->internal[0];
    struct grove_subscription *at = client->subscriptions;
    while (at != NULL && (at != ticket->internal[1] || at->is_over))
        at = at->next;
    return at;
}

void grove_event_finish(const struct grove_event_ticket *ticket, int status) {
    struct grove_subscription *subscription = of_ticket(ticket);
    struct bus_pending *pending = subscription != NULL ? find_pending(subscription, ticket->number) : NULL;
    if (pending == NULL)
        return;
    uint64_t token = pending->token;
    *pending = subscription->pending[--subscription->pending_count];
    if (status >= 0)
        note_handled(subscription, ticket->number);
    bus_acknowledge(subscription, token, status, NULL);
    bus_acknowledge_now(subscription->client, subscription->wanted.lane);
}

int grove_event_fail(const struct grove_event *event, int status, const char *sentence, ...) {
    struct grove_subscription *subscription = event->internal[EVENT_SUBSCRIPTION];
    va_list arguments;
    va_start(arguments, sentence);
    vsnprintf(subscription->sentence, sizeof subscription->sentence, sentence, arguments);
    va_end(arguments);
    return status < 0 ? status : GROVE_HANDLER_FAILED;
}

/* ---- ending, pausing ---- */

static void nothing(int status, const struct grove_answer *answer, void *context) {
    (void)status;
    (void)answer;
    (void)context;
}

static int tell(const struct grove_subscription *subscription, uint32_t method, uint64_t value) {
    const struct grove_bus_member told = {
        .version = GROVE_BUS_PROTOCOL_VERSION, .member = subscription->member, .value = value};
    struct grove_channel *channel = NULL;
    int status = bus_channel(subscription->client, BUS_MAIN, &channel);
    return status < 0
               ? status
               : grove_call_start(
                     channel,
                     &(struct grove_call){
                         .method = method, .priority = GROVE_PRIORITY_HIGH, .data = &told, .length_bytes = sizeof told},
                     nothing, NULL);
}

void grove_bus_unsubscribe(struct grove_subscription *subscription) {
    if (subscription == NULL || subscription->is_over)
        return;
    bus_acknowledge_all(subscription->client, subscription->wanted.lane);
    subscription->is_over = true;
    if (subscription->member != 0)
        (void)tell(subscription, GROVE_BUS_UNSUBSCRIBE, 0);
    bus_sweep(subscription->client);
}

static int set_paused(struct grove_subscription *subscription, bool is_paused) {
    subscription->is_paused = is_paused;
    subscription->wanted.is_paused = is_paused;
    int status = subscription->member != 0 ? tell(subscription, GROVE_BUS_PAUSE, is_paused) : 0;
    poll_anew(subscription->client, subscription->wanted.lane);
    return status;
}

int grove_bus_pause(struct grove_subscription *subscription) {
    return set_paused(subscription, true);
}

int grove_bus_resume(struct grove_subscription *subscription) {
    return set_paused(subscription, false);
}
