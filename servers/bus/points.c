/*
 * The points of the bus: hooks may look before and after an event is published, and delivered. Here are publications, and
 * rings; delivery_points.c has what is delivered by queue.
 *
 *     taken off the lane -> before-publish -> before-deliver, for those who read rings -> published as usual
 *                                |-> veto: refused with the hook's reason
 *
 * A publication that hooks look at stays in its lane, uncompleted, until they have: after a crash it comes again and they are
 * asked again. What its client publishes meanwhile waits behind it, so the order stays. All of a client's that wait are asked
 * about at once. Where the hooks have more questions than they take, publications wait as they do for room (law 10). Rings
 * have many readers and one copy, so there one question stands for all of them, and names no subscriber.
 *
 * Not shown: answers to requests, which are no events; the subjects of the service of hooks itself; what the bus says of
 * itself. Where no hook is set all this is one load for a publication.
 */
#include "servers/bus/points.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_PERIOD_NS GROVE_SECOND
/* What the hooks took no more of is asked with the next answer; if none is to come, after so long. */
#define RETRY_NS (20 * GROVE_MILLISECOND)
/* bus.vetoed is said of a client so often at most. */
#define SAY_PERIOD_NS GROVE_SECOND

enum step { STEP_NONE, STEP_PUBLISH, STEP_RINGS, STEP_OVER };

struct asked {
    struct asked *next; /* of the client's, in the order in which they came */
    struct bus *bus;
    struct client *client;
    struct subject *subject;
    struct grove_request *request; /* NULL: its client is gone, only the answer is waited for */
    grove_handler *handler;
    enum step step;
    bool is_waiting; /* for an answer */
    bool is_vetoed;
    bool is_traced;
    struct grove_trace_context span;
    struct verdict *verdict; /* NULL: nothing was changed */
    char reason[GROVE_HOOK_REASON_MAX + 1];
};

/* ---- opening ---- */

void points_open(struct bus *bus) {
    static const uint32_t none;
    bus->points = &none;
    bus->hooks_tried_ns = grove_now_ns();
    if (bus->hooks == NULL && grove_hooks_open(bus->session, &bus->hooks) < 0)
        bus->hooks = NULL;
    if (bus->hooks != NULL)
        bus->points = grove_hooks_mask(bus->hooks);
}

void points_try(struct bus *bus) {
    if (bus->hooks == NULL && grove_now_ns() - bus->hooks_tried_ns > OPEN_PERIOD_NS)
        points_open(bus);
}

/* ---- telling ---- */

bool points_mean(const struct subject *subject) {
    return !subject->is_inbox && strncmp(subject->saved->text, "hook.", 5) != 0;
}

void points_tell(struct bus *bus, enum grove_hook_point point, const struct subject *subject, const char *who,
                 const struct incoming *incoming) {
    if (!point_is_set(bus, point) || !points_mean(subject))
        return;
    const struct grove_hook_question told = {.point = point,
                                             .subject = subject->saved->text,
                                             .who = who,
                                             .data = incoming->data,
                                             .length_bytes = incoming->data_bytes};
    (void)grove_hooks_run(bus->hooks, &told, NULL, NULL); /* more than the hooks take is not told */
}

/* ---- verdicts ---- */

void verdict_free(struct verdict *verdict) {
    if (verdict == NULL)
        return;
    free(verdict->data);
    free(verdict->ring_data);
    free(verdict);
}

uint8_t *points_copy(const struct grove_hook_outcome *outcome) {
    uint8_t *copy = malloc(outcome->length_bytes + 1); /* also of nothing there is a copy */
    if (copy != NULL && outcome->length_bytes > 0)
        memcpy(copy, outcome->data, outcome->length_bytes);
    return copy;
}

/* False: there is no memory for what it says. */
static bool note(struct asked *asked, const struct grove_hook_outcome *outcome) {
    bool is_veto = outcome->result == GROVE_HOOK_VETO;
    if (outcome->result == GROVE_HOOK_CONTINUE)
        return true;
    if (is_veto && asked->step == STEP_PUBLISH) {
        asked->is_vetoed = true;
        (void)snprintf(asked->reason, sizeof asked->reason, "%s", outcome->reason);
        return true;
    }
    if (asked->verdict == NULL)
        asked->verdict = calloc(1, sizeof *asked->verdict);
    if (asked->verdict == NULL)
        return false;
    if (is_veto) {
        asked->verdict->is_ring_vetoed = true;
        return true;
    }
    uint8_t **data = asked->step == STEP_PUBLISH ? &asked->verdict->data : &asked->verdict->ring_data;
    *data = points_copy(outcome);
    *(asked->step == STEP_PUBLISH ? &asked->verdict->data_bytes : &asked->verdict->ring_bytes) =
        (uint32_t)outcome->length_bytes;
    return *data != NULL;
}

/* What must not be published unchanged, and cannot be changed, is not published. */
static void take(struct asked *asked, const struct grove_hook_outcome *outcome) {
    if (note(asked, outcome))
        return;
    asked->is_vetoed = true;
    (void)snprintf(asked->reason, sizeof asked->reason, "the bus has no memory for what a hook made of it");
}

/* ---- asking ---- */

static void answered(const struct grove_hook_outcome *outcome, void *context);

static bool has_step(const struct asked *asked) {
    const struct bus *bus = asked->bus;
    return asked->step == STEP_PUBLISH ? point_is_set(bus, GROVE_HOOK_BEFORE_PUBLISH)
                                       : point_is_set(bus, GROVE_HOOK_BEFORE_DELIVER) && asked->subject->feed_count > 0;
}

static int put(struct asked *asked) {
    struct incoming incoming;
    const char *reason;
    struct incoming_bytes bytes = {.data = grove_request_data(asked->request),
                                   .length_bytes = grove_request_bytes(asked->request)};
    bytes.slice = grove_request_slice(asked->request, &bytes.slice_bytes);
    int status = incoming_decode(&bytes, asked->subject, &incoming, &reason);
    if (status < 0)
        return status; /* the sender has changed it since: it is refused when it is its turn */
    bool is_publish = asked->step == STEP_PUBLISH;
    bool is_changed = asked->verdict != NULL && asked->verdict->data != NULL;
    return grove_hooks_run(
        asked->bus->hooks,
        &(struct grove_hook_question){.point = is_publish ? GROVE_HOOK_BEFORE_PUBLISH : GROVE_HOOK_BEFORE_DELIVER,
                                      .subject = asked->subject->saved->text,
                                      .who = is_publish ? asked->client->name.text : NULL,
                                      .data = is_changed ? asked->verdict->data : incoming.data,
                                      .length_bytes = is_changed ? asked->verdict->data_bytes : incoming.data_bytes},
        answered, asked);
}

/* Put the next question, or find that it is over. False: the hooks take no more for now. */
static bool ask(struct asked *asked) {
    while (!asked->is_waiting && asked->step < STEP_OVER) {
        asked->step++;
        if (asked->is_vetoed)
            asked->step = STEP_OVER;
        if (asked->step == STEP_OVER || !has_step(asked))
            continue;
        int status = put(asked);
        if (status == GROVE_EXHAUSTED) {
            asked->step--;
            return false;
        }
        asked->is_waiting = status == 0;
    }
    return true;
}

/* Those of a client's that have not been asked, in their order. False: the hooks take no more for now. */
static bool ask_all(struct client *client) {
    for (struct asked *asked = client->asked; asked != NULL; asked = asked->next)
        if (!ask(asked))
            return false;
    return true;
}

/* ---- their turn ---- */

static void free_asked(struct asked *asked) {
    asked->subject->users--;
    verdict_free(asked->verdict);
    free(asked);
}

static int refuse(struct asked *asked) {
    struct bus *bus = asked->bus;
    struct client *client = asked->client;
    uint64_t now_ns = grove_now_ns();
    bus->state.head->counters.refused++;
    client->vetoes++;
    if (client->vetoes == 1 || now_ns - client->veto_said_ns > SAY_PERIOD_NS) {
        client->veto_said_ns = now_ns;
        say_vetoed(bus, client, asked->subject->saved->text, asked->reason);
    }
    return grove_fail(asked->request, GROVE_DENIED, "%s was not published: %s", asked->subject->saved->text,
                      asked->reason);
}

/* As if it came only now. Whoever answers it later takes it over with request_defer. */
static void run(struct asked *asked) {
    struct bus *bus = asked->bus;
    struct grove_request *request = asked->request;
    bus->released = bus->counted = request;
    if (!asked->is_vetoed) {
        bus->verdict = asked->verdict;
        asked->verdict = NULL;
    }
    grove_trace_enter(bus->session, asked->is_traced ? &asked->span : NULL);
    int status = asked->is_vetoed ? refuse(asked) : asked->handler(request, bus);
    grove_trace_enter(bus->session, NULL);
    if (bus->released == request) {
        if (status < 0)
            (void)grove_fail(request, status, "%s", grove_last_error()); /* unless it has been told already */
        grove_request_finish(request);
    }
    bus->released = bus->counted = NULL;
    verdict_free(bus->verdict);
    bus->verdict = NULL;
    free_asked(asked);
}

static void release(struct bus *bus, struct client *client) {
    while (client->asked != NULL && !client->asked->is_waiting && client->asked->step == STEP_OVER) {
        struct asked *asked = client->asked;
        client->asked = asked->next;
        run(asked);
    }
    client_let_go(bus, client);
}

static void retry(struct grove_service *service, void *context) {
    struct bus *bus = context;
    (void)service;
    bus->is_retry_set = false;
    points_ask_more(bus);
}

void points_are_full(struct bus *bus) {
    uint32_t timer = 0;
    bus->are_points_full = true;
    if (!bus->is_retry_set)
        bus->is_retry_set = grove_service_after(bus->service, RETRY_NS, retry, bus, &timer) == 0;
}

/* What was accepted first, so that what is published waits and not what is delivered. */
void points_ask_more(struct bus *bus) {
    if (!bus->are_points_full)
        return;
    bus->are_points_full = false;
    points_ask_queues(bus);
    for (unsigned bucket = 0; bucket < 256 && !bus->are_points_full; bucket++)
        for (struct client *client = bus->clients[bucket], *next; client != NULL && !bus->are_points_full;
             client = next) {
            next = client->next;
            if (!ask_all(client))
                points_are_full(bus);
            release(bus, client);
        }
}

static void answered(const struct grove_hook_outcome *outcome, void *context) {
    struct asked *asked = context;
    struct bus *bus = asked->bus;
    asked->is_waiting = false;
    if (asked->request == NULL) {
        free_asked(asked);
    } else {
        take(asked, outcome);
        if (!ask(asked))
            points_are_full(bus);
        release(bus, asked->client);
    }
    points_ask_more(bus);
}

/* ---- held ---- */

static bool is_wanted(const struct bus *bus, const struct client *client, const struct subject *subject) {
    return client->asked != NULL || point_is_set(bus, GROVE_HOOK_BEFORE_PUBLISH) ||
           (point_is_set(bus, GROVE_HOOK_BEFORE_DELIVER) && subject->feed_count > 0);
}

static int hold(struct bus *bus, struct grove_request *request, grove_handler *handler, struct client *client,
                struct subject *subject) {
    struct asked *asked = calloc(1, sizeof *asked);
    struct asked **place = &client->asked;
    bool is_behind = false;
    if (asked == NULL || grove_request_defer(request) < 0) {
        free(asked);
        return GROVE_NO_MEMORY;
    }
    *asked = (struct asked){.bus = bus, .client = client, .subject = subject, .request = request, .handler = handler};
    asked->is_traced = grove_trace_current(bus->session, &asked->span);
    subject->users++;
    for (; *place != NULL; place = &(*place)->next)
        is_behind |= (*place)->step == STEP_NONE;
    *place = asked;
    if (is_behind || !ask(asked))
        points_are_full(bus);
    release(bus, client);
    return 0;
}

bool points_hold(struct bus *bus, struct grove_request *request, grove_handler *handler, int *status) {
    struct incoming incoming;
    struct client *client = client_of(bus, request);
    struct subject *subject;
    if (bus->released == request || client == NULL || (client->asked == NULL && !points_are_set(bus)))
        return false;
    *status = publish_begin(bus, request, &incoming, &client, &subject);
    if (*status < 0)
        return true;
    bus->counted = request;
    if (!points_mean(subject) || !is_wanted(bus, client, subject) || publish_is_known(bus, request, subject))
        return false;
    *status = hold(bus, request, handler, client, subject);
    return *status == 0; /* else it goes on without being looked at: hooks are a wish */
}

int request_defer(struct bus *bus, struct grove_request *request) {
    int status = grove_request_defer(request);
    if (status == 0 && bus->released == request)
        bus->released = NULL;
    return status;
}

void points_drop(struct client *client) {
    while (client->asked != NULL) {
        struct asked *asked = client->asked;
        client->asked = asked->next;
        grove_request_finish(asked->request);
        asked->request = NULL;
        asked->client = NULL;
        if (!asked->is_waiting)
            free_asked(asked);
    }
}
