/*
 * The client's side of system.health: reading, and hearing of changes by long poll.
 *
 * The long poll goes on over a restart of system.health: the channel stays, and the next instance's numbers are higher, so
 * that it tells everything once more; the handler hears of each service again.
 */
#include "grove/health.h"

#include "lib/session/session.h"

#include <stdlib.h>
#include <string.h>

#define READ_TIMEOUT_NS (5 * GROVE_SECOND)
#define WAIT_MS GROVE_HEALTH_WAIT_MS_MAX
#define WAIT_TIMEOUT_NS (WAIT_MS * GROVE_MILLISECOND + 10 * GROVE_SECOND)
#define AGAIN_NS (200 * GROVE_MILLISECOND)

/* ---- reading ---- */

/* The page's head and as many whole structures as are there and have room. */
static int take_page(const struct grove_answer *answer, struct grove_health_page *page,
                     struct grove_health_record *records, unsigned room) {
    if (answer->length_bytes < sizeof *page)
        return error_set(GROVE_CORRUPT, "system.health answered with too little");
    memcpy(page, answer->data, sizeof *page);
    size_t there = (answer->length_bytes - sizeof *page) / sizeof *records;
    if (page->version != GROVE_HEALTH_VERSION || page->count > there)
        return error_set(GROVE_VERSION, "system.health is of another version than this library");
    page->count = page->count < room ? page->count : room;
    for (uint32_t index = 0; index < page->count; index++) {
        memcpy(&records[index], (const char *)answer->data + sizeof *page + index * sizeof *records, sizeof *records);
        records[index].name.text[GROVE_NAME_MAX] = '\0';
        records[index].reason[GROVE_HEALTH_SENTENCE_BYTES - 1] = '\0';
    }
    return 0;
}

int grove_health_read(struct grove_session *session, const struct grove_health_query *query,
                      struct grove_health_page *page, struct grove_health_record *records, unsigned room) {
    struct grove_health_query asked = {.version = GROVE_HEALTH_VERSION};
    struct grove_connect_options options = {.session = session};
    struct grove_channel *channel;
    struct grove_answer answer;
    struct grove_call call = {.method = GROVE_HEALTH_QUERY, .data = &asked, .length_bytes = sizeof asked};
    int status = grove_connect_with(GROVE_HEALTH_ENDPOINT, &options, &channel);
    if (status < 0)
        return status;
    if (query != NULL)
        asked = *query;
    asked.version = GROVE_HEALTH_VERSION;
    call.timeout_ns = READ_TIMEOUT_NS;
    status = grove_call(channel, &call, &answer);
    if (status == 0) {
        status = take_page(&answer, page, records, room);
        grove_answer_release(&answer);
    }
    grove_channel_close(channel);
    return status;
}

/* ---- subscriptions ---- */

struct grove_health_subscription {
    struct grove_service *service;
    struct grove_channel *channel;
    struct grove_name pattern;
    uint64_t sequence;
    grove_health_handler *handler;
    void *context;
    uint32_t timer;
    bool is_waiting; /* for an answer */
    bool is_telling, is_over;
    struct grove_health_record records[GROVE_HEALTH_PAGE_RECORDS];
};

static void ask(struct grove_health_subscription *subscription);

static void ask_again(struct grove_service *service, void *context) {
    struct grove_health_subscription *subscription = context;
    (void)service;
    subscription->timer = 0;
    ask(subscription);
}

/* A handler may end the subscription. */
static void tell(struct grove_health_subscription *subscription, const struct grove_health_page *page) {
    subscription->is_telling = true;
    for (uint32_t index = 0; index < page->count && !subscription->is_over; index++)
        subscription->handler(&subscription->records[index], subscription->context);
    subscription->is_telling = false;
}

static void on_page(int status, const struct grove_answer *answer, void *context) {
    struct grove_health_subscription *subscription = context;
    struct grove_health_page page;
    subscription->is_waiting = false;
    if (subscription->is_over) {
        free(subscription);
        return;
    }
    if (status == 0)
        status = take_page(answer, &page, subscription->records, GROVE_HEALTH_PAGE_RECORDS);
    if (status == 0) {
        subscription->sequence = page.sequence;
        tell(subscription, &page);
    }
    if (subscription->is_over)
        free(subscription);
    else if (status == 0)
        ask(subscription);
    else if (grove_service_after(subscription->service, AGAIN_NS, ask_again, subscription, &subscription->timer) < 0)
        ask(subscription);
}

static void ask(struct grove_health_subscription *subscription) {
    struct grove_health_watch watch = {.version = GROVE_HEALTH_VERSION,
                                       .wait_ms = WAIT_MS,
                                       .sequence = subscription->sequence,
                                       .name = subscription->pattern};
    struct grove_call call = {
        .method = GROVE_HEALTH_WATCH, .data = &watch, .length_bytes = sizeof watch, .timeout_ns = WAIT_TIMEOUT_NS};
    subscription->is_waiting = grove_call_start(subscription->channel, &call, on_page, subscription) == 0;
    if (!subscription->is_waiting)
        (void)grove_service_after(subscription->service, AGAIN_NS, ask_again, subscription, &subscription->timer);
}

int grove_health_subscribe(struct grove_service *service, const char *pattern, grove_health_handler *handler,
                           void *context, struct grove_health_subscription **subscription) {
    struct grove_connect_options options = {
        .session = grove_service_session(service), .tag = GROVE_HEALTH_WATCH, .arena_bytes = GROVE_ARENA_NONE};
    if (handler == NULL || pattern == NULL || strlen(pattern) > GROVE_NAME_MAX)
        return error_set(GROVE_INVALID, "a subscription needs a handler, and a pattern of at most %u bytes",
                         GROVE_NAME_MAX);
    struct grove_health_subscription *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a subscription");
    made->service = service;
    made->handler = handler;
    made->context = context;
    memcpy(made->pattern.text, pattern, strlen(pattern) + 1);
    int status = grove_connect_with(GROVE_HEALTH_ENDPOINT, &options, &made->channel);
    if (status < 0) {
        free(made);
        return status;
    }
    *subscription = made;
    ask(made);
    return 0;
}

void grove_health_unsubscribe(struct grove_health_subscription *subscription) {
    if (subscription == NULL)
        return;
    subscription->is_over = true;
    if (subscription->timer != 0)
        grove_service_cancel(subscription->service, subscription->timer);
    bool is_in_use = subscription->is_waiting || subscription->is_telling;
    grove_channel_close(subscription->channel); /* ends a call that waits, which frees the subscription */
    if (!is_in_use)
        free(subscription);
}
