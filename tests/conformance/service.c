/*
 * The service under test, built once as a static program for every machine. Its first argument is its role:
 *
 *   server    answers the methods of service.h on the endpoint "conformance.server"
 *   client    calls the server for ever with numbered requests, each of which must be applied once, and tells how far
 *             it is on its own endpoint; it is killed meanwhile
 *   idle      provides nothing
 */
#include "tests/conformance/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_MAGIC 0x636f6e66u
#define ORDER_MAX 64

struct server_state {
    uint32_t magic;
    struct counts counts;
    uint64_t sum, sum_next; /* METHOD_ADD: numbers below sum_next are in the sum */
    uint64_t added; /* the number being added + 1, with the sum after it: applied as one by sum_after */
    uint64_t sum_after;
};

static struct server_state *state;
static char order[ORDER_MAX];
static uint32_t swallowed;
static struct grove_region *shared;

/* ---- server ---- */

static int on_echo(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, grove_request_data(request), grove_request_bytes(request));
}

static int on_fail(struct grove_request *request, void *context) {
    (void)context;
    return grove_fail(request, GROVE_FULL, "the feeder list is full: remove one first");
}

static int on_count(struct grove_request *request, void *context) {
    (void)context;
    struct numbered numbered;
    if (grove_request_bytes(request) != sizeof numbered)
        return GROVE_INVALID;
    memcpy(&numbered, grove_request_data(request), sizeof numbered);
    struct counts *counts = &state->counts;
    if (numbered.number < counts->next) {
        if (grove_request_is_redelivered(request))
            counts->marked++;
        else
            counts->unmarked++;
    } else {
        counts->lost += numbered.number - counts->next;
        counts->next = numbered.number + 1; /* the one store that counts it */
    }
    for (volatile uint64_t i = 0; i < numbered.value; i++)
        continue; /* so that messages pile up, and a kill hits a message that is counted and not completed */
    return 0;
}

static int on_counts(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, &state->counts, sizeof state->counts);
}

/* Adds once for each number, whatever crashes: the new sum and its number become visible by one store of sum_next. */
static int on_add(struct grove_request *request, void *context) {
    (void)context;
    struct numbered numbered;
    if (grove_request_bytes(request) != sizeof numbered)
        return GROVE_INVALID;
    memcpy(&numbered, grove_request_data(request), sizeof numbered);
    if (state->added == state->sum_next && state->added != 0)
        state->sum = state->sum_after;
    if (numbered.number >= state->sum_next) {
        __atomic_store_n(&state->added, numbered.number + 1,
                         __ATOMIC_SEQ_CST); /* first: sum_after is not to be used now */
        __atomic_store_n(&state->sum_after, state->sum + numbered.value, __ATOMIC_SEQ_CST);
        __atomic_store_n(&state->sum_next, numbered.number + 1, __ATOMIC_SEQ_CST);
        state->sum = state->sum_after;
    }
    return grove_reply(request, &state->sum, sizeof state->sum);
}

static int on_lend(struct grove_request *request, void *context) {
    (void)context;
    size_t bytes = 0;
    struct grove_loan loan;
    const uint8_t *slice = grove_request_slice(request, &bytes);
    if (slice == NULL || grove_request_loan(request, bytes, GROVE_SECOND, &loan) < 0)
        return grove_fail(request, GROVE_INVALID, "no slice came, or no loan was free: %s", grove_last_error());
    uint8_t *own = loan.data;
    for (size_t i = 0; i < bytes; i++)
        own[i] = (uint8_t)(slice[i] + 1);
    return grove_reply_loan(request, NULL, 0, &loan);
}

static int on_part(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply_slice(request, NULL, 0, 100, 50);
}

static int on_never(struct grove_request *request, void *context) {
    (void)context;
    return grove_request_defer(request);
}

static int on_order(struct grove_request *request, void *context) {
    (void)context;
    size_t length = strlen(order);
    if (length < ORDER_MAX - 1)
        order[length] = "HML"[grove_request_lane(request)];
    return 0;
}

static int on_ordered(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, order, strlen(order));
}

static int on_who(struct grove_request *request, void *context) {
    (void)context;
    struct who who = {.ring = grove_request_client_ring(request)};
    snprintf(who.client, sizeof who.client, "%s", grove_request_client(request));
    return grove_reply(request, &who, sizeof who);
}

static int on_generation(struct grove_request *request, void *context) {
    struct grove_service *service = *(struct grove_service **)context;
    uint32_t generation = grove_session_identity(grove_service_session(service))->generation;
    return grove_reply(request, &generation, sizeof generation);
}

static int on_capabilities(struct grove_request *request, void *context) {
    struct grove_session *session = grove_service_session(*(struct grove_service **)context);
    struct grove_capability_entry entry;
    uint32_t cursor = 0, count = 0;
    while (grove_capability_list(session, &cursor, &entry) == 0)
        count += entry.capability.kind == GROVE_CAP_FS_READ;
    return grove_reply(request, &count, sizeof count);
}

static int on_swallow(struct grove_request *request, void *context) {
    (void)request;
    (void)context;
    swallowed++;
    return 0;
}

static int on_swallowed(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, &swallowed, sizeof swallowed);
}

/* Shares a region with a service of the caller's choice: the payload is the endpoint to grant it through. */
static int on_share(struct grove_request *request, void *context) {
    struct grove_session *session = grove_service_session(*(struct grove_service **)context);
    char endpoint[GROVE_NAME_MAX + 1] = "";
    size_t bytes = grove_request_bytes(request);
    if (bytes == 0 || bytes >= sizeof endpoint)
        return grove_fail(request, GROVE_INVALID, "the payload is the endpoint to share with");
    memcpy(endpoint, grove_request_data(request), bytes);
    struct grove_channel *channel;
    int status = shared == NULL ? grove_region_create(session, 65536, &shared) : 0;
    if (status == 0)
        status = grove_connect_with(endpoint, &(struct grove_connect_options){.session = session}, &channel);
    if (status == 0)
        status = grove_region_grant(shared, channel);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : grove_reply(request, NULL, 0);
}

static int on_write(struct grove_request *request, void *context) {
    (void)context;
    if (shared == NULL || grove_request_bytes(request) != sizeof(uint32_t))
        return GROVE_WRONG_STATE;
    memcpy(grove_region_data(shared, NULL), grove_request_data(request), sizeof(uint32_t));
    return 0;
}

/* ---- what a client may do ---- */

static int on_may(struct grove_request *request, void *context) {
    (void)context;
    struct question question;
    if (grove_request_bytes(request) != sizeof question)
        return GROVE_INVALID;
    memcpy(&question, grove_request_data(request), sizeof question);
    question.text[sizeof question.text - 1] = '\0';
    int status = grove_request_client_may(request, (uint16_t)question.kind, question.text);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : 0;
}

static int on_ask(struct grove_request *request, void *context) {
    struct grove_session *session = grove_service_session(*(struct grove_service **)context);
    static struct grove_channel *server;
    struct grove_call call = {
        .method = METHOD_MAY, .data = grove_request_data(request), .length_bytes = grove_request_bytes(request)};
    int status =
        server == NULL ? grove_connect_with("server", &(struct grove_connect_options){.session = session}, &server) : 0;
    if (status == 0)
        status = grove_call(server, &call, NULL);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : 0;
}

static struct warned warned;
static volatile char *held; /* the last of what METHOD_HOLD took; none is given back */

static void on_warning(const struct grove_message *notice, const int *objects, unsigned count, void *context) {
    (void)objects;
    (void)count;
    (void)context;
    const struct grove_notice_budget *warning = &notice->body.budget_warning;
    if (notice->operation == GROVE_NOTICE_BUDGET_WARNING)
        warned = (struct warned){warned.count + 1, warning->resource, warning->used, warning->limit};
}

static int on_warned(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, &warned, sizeof warned);
}

static int on_hold(struct grove_request *request, void *context) {
    (void)context;
    uint64_t bytes;
    if (grove_request_bytes(request) != sizeof bytes)
        return GROVE_INVALID;
    memcpy(&bytes, grove_request_data(request), sizeof bytes);
    held = malloc(bytes);
    if (held == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "there is no memory");
    for (uint64_t at = 0; at < bytes; at += 4096)
        held[at] = 1;
    return 0;
}

static int open_state(struct grove_session *session) {
    struct grove_region *region;
    bool is_fresh;
    int status = grove_region_state(session, sizeof *state, &region, &is_fresh);
    if (status < 0)
        return status;
    state = grove_region_data(region, NULL);
    if (is_fresh || state->magic == 0) /* 0: an earlier instance died before it got here */
        state->magic = SERVER_MAGIC;
    return state->magic == SERVER_MAGIC ? 0 : GROVE_CORRUPT;
}

static const struct {
    uint32_t method;
    grove_handler *handler;
} server_methods[] = {
    {METHOD_ECHO, on_echo},
    {METHOD_FAIL, on_fail},
    {METHOD_COUNT, on_count},
    {METHOD_COUNTS, on_counts},
    {METHOD_LEND, on_lend},
    {METHOD_PART, on_part},
    {METHOD_NEVER, on_never},
    {METHOD_ORDER, on_order},
    {METHOD_ORDERED, on_ordered},
    {METHOD_WHO, on_who},
    {METHOD_ADD, on_add},
    {METHOD_GENERATION, on_generation},
    {METHOD_WRITE, on_write},
    {METHOD_SHARE, on_share},
    {METHOD_SWALLOW, on_swallow},
    {METHOD_SWALLOWED, on_swallowed},
    {METHOD_CAPABILITIES, on_capabilities},
    {METHOD_HOLD, on_hold},
    {METHOD_WARNED, on_warned},
    {METHOD_MAY, on_may},
    {METHOD_ASK, on_ask},
};

static int serve(const char *endpoint) {
    struct grove_service *service;
    int status = grove_service_create(NULL, &service);
    for (size_t i = 0; i < sizeof server_methods / sizeof server_methods[0] && status == 0; i++)
        status = grove_service_on(service, endpoint, server_methods[i].method, server_methods[i].handler, &service);
    if (status == 0)
        status = open_state(grove_service_session(service));
    if (status == 0)
        grove_session_on_notice(grove_service_session(service), on_warning, NULL);
    if (status == 0)
        status = grove_service_run(service);
    return status < 0 ? grove_report("server") : 0;
}

/* ---- client ---- */

/*
 * Its state region says which number is under way. An answer is applied by one store of `applied`; an answer that comes
 * as an orphan, to the instance before, counts the same way, and so does the repeated call of a number that the server
 * has added already.
 */
static struct progress *progress;
static struct grove_region *seen;

static void apply(uint64_t number, const struct grove_answer *answer) {
    if (number != progress->applied || answer->length_bytes != sizeof progress->sum)
        return;
    memcpy(&progress->sum, answer->data, sizeof progress->sum);
    progress->applied = number + 1;
}

static void on_turn(struct grove_service *service, void *context) {
    (void)service;
    struct grove_channel *channel = *(struct grove_channel **)context;
    for (int i = 0; i < 10; i++) {
        struct numbered numbered = {.number = progress->applied, .value = progress->applied};
        struct grove_answer answer;
        if (progress->sent <= numbered.number)
            progress->sent = numbered.number + 1;
        struct grove_call call = {
            .method = METHOD_ADD, .data = &numbered, .length_bytes = sizeof numbered, .timeout_ns = 5 * GROVE_SECOND};
        if (grove_call(channel, &call, &answer) < 0)
            return;
        apply(numbered.number, &answer);
        grove_answer_release(&answer);
    }
}

static int on_progress(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, progress, sizeof *progress);
}

/* -> what the region granted by the server says: u32 value, u32 writable, u32 whether writing was possible. */
static int on_seen(struct grove_request *request, void *context) {
    (void)context;
    uint32_t reply[2] = {0};
    if (seen == NULL)
        return grove_fail(request, GROVE_NOT_FOUND, "no region was granted yet");
    memcpy(&reply[0], grove_region_data(seen, NULL), sizeof reply[0]);
    reply[1] = grove_region_is_writable(seen);
    return grove_reply(request, reply, sizeof reply);
}

static void on_notice(const struct grove_message *notice, const int *objects, unsigned count, void *context) {
    if (notice->operation == GROVE_NOTICE_REGION_GRANTED && count == 1 && seen == NULL)
        grove_region_accept(context, notice, objects[0], &seen);
}

static int drive(const char *endpoint) {
    struct grove_service *service;
    struct grove_session *session;
    struct grove_region *region;
    struct grove_channel *channel;
    bool is_fresh;
    int status = grove_service_create(NULL, &service);
    if (status < 0)
        return grove_report("client");
    session = grove_service_session(service);
    grove_session_on_notice(session, on_notice, session);
    status = grove_region_state(session, sizeof *progress, &region, &is_fresh);
    if (status == 0)
        status = grove_connect("server", &channel);
    if (status != 0)
        return grove_report("client");
    progress = grove_region_data(region, NULL);
    progress->resumed += grove_channel_is_resumed(channel);
    grove_service_on(service, endpoint, METHOD_PROGRESS, on_progress, NULL);
    grove_service_on(service, endpoint, METHOD_WRITE, on_seen, NULL);
    grove_service_every(service, GROVE_MILLISECOND, on_turn, &channel, NULL);
    return grove_service_run(service) < 0 ? grove_report("client") : 0;
}

static int idle(const char *endpoint) {
    (void)endpoint;
    struct grove_service *service;
    if (grove_service_create(NULL, &service) < 0)
        return grove_report("idle");
    return grove_service_run(service) < 0 ? grove_report("idle") : 0;
}

int main(int argument_count, char **arguments) {
    static const struct {
        const char *name;
        int (*run)(const char *endpoint);
    } roles[] = {{"server", serve}, {"client", drive}, {"idle", idle}};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0] && argument_count == 3; i++)
        if (strcmp(arguments[1], roles[i].name) == 0)
            return roles[i].run(arguments[2]);
    fprintf(stderr, "usage: %s server|client|idle ENDPOINT\n", arguments[0]);
    return 2;
}
