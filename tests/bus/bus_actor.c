/*
 * One small native service in several roles, for the tests of the bus: `bus-actor ROLE SUBJECT [OPTION...]`.
 *
 *   source    publishes the numbers 1, 2, ... under SUBJECT, never the same twice, and knows how many were accepted
 *   sink      subscribes to SUBJECT and knows which numbers came, how often one came twice, and how often out of order
 *   failer    fails each event as often as it is told to, and counts attempts
 *   answerer  answers requests on SUBJECT with what it was asked
 *
 * Options: reliable, durable, first (from the oldest durable event on), name=NAME, group=NAME, order, period=MICROSECONDS, slow=MILLISECONDS, fail=TIMES, retries=COUNT, backoff=MILLISECONDS, queue=EVENTS,
 * flight=EVENTS, block=MILLISECONDS, timeout=MILLISECONDS, patience=MILLISECONDS (of a
 * source, which then says nothing when it had to give up), size=BYTES (of an event), drop, spill, spill=KIBIBYTES,
 * hang (never finish an event), direct (a source: by a ring of its own, of ring=KIBIBYTES), late (which it opens when it is asked how it is). What it knows lies in its state region.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "grove/bus.h"

#define NUMBERS_MAX (1u << 20)
#define SOURCES_MAX 8u
#define SIZE_MAX_BYTES (256u << 10)

enum method { METHOD_TOLD = 1, METHOD_COUNT = 2, METHOD_STOP = 3, METHOD_PAUSE = 4, METHOD_RING = 5 };

struct kept {
    uint64_t told; /* source: numbers 1..told were accepted, or one more (the one under way) */
    uint64_t count, doubled, disordered, attempts, missed, direct;
    struct {
        char name[64];
        uint64_t last;
        unsigned char seen[NUMBERS_MAX / 8];
    } sources[SOURCES_MAX];
};
static struct kept *kept;

struct options {
    const char *role, *subject, *group, *name;
    bool is_reliable, is_durable, is_first, is_in_order, hangs, drops, spills, is_direct, is_late;
    unsigned period_us, slow_ms, fail_times, retries, backoff_ms, queue, flight, block_ms, timeout_ms, patience_ms,
        spill_kib, size, ring_kib;
};
static struct options options;
static struct grove_subscription *subscription;
static bool is_stopped;

static enum grove_bus_quality quality(void) {
    return options.is_durable    ? GROVE_BUS_DURABLE
           : options.is_reliable ? GROVE_BUS_AT_LEAST_ONCE
                                 : GROVE_BUS_AT_MOST_ONCE;
}

/* ---- source ---- */

static void tell(struct grove_service *service, void *context) {
    (void)service;
    (void)context;
    uint64_t number = kept->told + 1;
    if (is_stopped || number >= NUMBERS_MAX)
        return;
    static unsigned char data[SIZE_MAX_BYTES];
    memcpy(data, &number, sizeof number);
    const struct grove_publish publish = {.subject = options.subject,
                                          .data = data,
                                          .length_bytes = options.size > sizeof number ? options.size : sizeof number,
                                          .quality = quality(),
                                          .timeout_ns = (options.patience_ms > 0 ? options.patience_ms : 20000) *
                                                        GROVE_MILLISECOND};
    int status = grove_bus_publish(&publish);
    if (status == 0)
        __atomic_store_n(&kept->told, number, __ATOMIC_RELEASE);
    else if (options.patience_ms == 0)
        fprintf(stderr, "number %llu was not published: %s\n", (unsigned long long)number, grove_last_error());
}

/* ---- sinks ---- */

static unsigned source_of(const char *name) {
    unsigned at = 0;
    while (at + 1 < SOURCES_MAX && kept->sources[at].name[0] != '\0' && strcmp(kept->sources[at].name, name) != 0)
        at++;
    if (kept->sources[at].name[0] == '\0')
        snprintf(kept->sources[at].name, sizeof kept->sources[at].name, "%s", name);
    return at;
}

static void say_doubled(const struct grove_event *event, uint64_t number) {
    kept->doubled++;
    fprintf(stderr, "number %llu of %s came again: sequence %llu, attempt %u, flags %u\n", (unsigned long long)number,
            event->publisher, (unsigned long long)event->sequence, event->attempt, event->flags);
}

static void count(const struct grove_event *event) {
    uint64_t number = 0;
    unsigned source = source_of(event->publisher);
    if (event->length_bytes >= sizeof number)
        memcpy(&number, event->data, sizeof number);
    if (number >= NUMBERS_MAX)
        return;
    unsigned char bit = (unsigned char)(1u << number % 8);
    if ((kept->sources[source].seen[number / 8] & bit) != 0)
        say_doubled(event, number);
    else
        kept->count++;
    kept->sources[source].seen[number / 8] |= bit;
    if (number < kept->sources[source].last)
        kept->disordered++;
    else
        kept->sources[source].last = number;
}

static int on_event(const struct grove_event *event, void *context) {
    (void)context;
    kept->attempts++;
    kept->missed += event->missed;
    kept->direct += (event->flags & GROVE_EVENT_DIRECT) != 0;
    if (options.hangs) {
        struct grove_event_ticket ticket;
        return grove_event_defer(event, &ticket);
    }
    if (event->attempt <= options.fail_times)
        return grove_event_fail(event, GROVE_HANDLER_FAILED, "attempt %u is meant to fail", event->attempt);
    if (options.slow_ms > 0) {
        struct timespec wait = {.tv_sec = options.slow_ms / 1000, .tv_nsec = 1000000L * (options.slow_ms % 1000)};
        nanosleep(&wait, NULL);
    }
    if (event->reply_to != NULL)
        return grove_bus_reply(event, event->data, event->length_bytes);
    count(event);
    return 0;
}

/* ---- asked ---- */

static int on_told(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, &kept->told, sizeof kept->told);
}

static int on_count(struct grove_request *request, void *context) {
    const uint64_t answer[] = {kept->count,    kept->doubled, kept->disordered,
                               kept->attempts, kept->missed,  kept->direct};
    (void)context;
    return grove_reply(request, answer, sizeof answer);
}

static int on_stop(struct grove_request *request, void *context) {
    (void)context;
    is_stopped = true;
    if (grove_bus_flush(NULL, 20 * GROVE_SECOND) < 0)
        return grove_fail(request, GROVE_TIMED_OUT, "not all was taken: %s", grove_last_error());
    return grove_reply(request, &kept->told, sizeof kept->told);
}

static int on_pause(struct grove_request *request, void *context) {
    uint64_t value = 0;
    (void)context;
    if (grove_request_bytes(request) == sizeof value)
        memcpy(&value, grove_request_data(request), sizeof value);
    return value != 0 ? grove_bus_pause(subscription) : grove_bus_resume(subscription);
}

/* ---- set-up ---- */

/* Without it everything goes by the bus, and it says why. */
static void open_ring(void) {
    const struct grove_direct wanted = {.pattern = options.subject, .ring_bytes = (uint64_t)options.ring_kib << 10};
    if (grove_bus_direct(&wanted) < 0)
        fprintf(stderr, "there is no ring: %s\n", grove_last_error());
}

static int on_ring(struct grove_request *request, void *context) {
    struct grove_direct_metrics metrics;
    (void)context;
    int status = grove_bus_direct_metrics(NULL, options.subject, &metrics);
    if (status == GROVE_NOT_FOUND && options.is_late) {
        open_ring();
        status = grove_bus_direct_metrics(NULL, options.subject, &metrics);
    }
    if (status < 0)
        return grove_fail(request, status, "%s", grove_last_error());
    const uint64_t answer[] = {metrics.written, metrics.by_bus, metrics.wakes, metrics.is_used, metrics.is_also_by_bus};
    return grove_reply(request, answer, sizeof answer);
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct grove_region *region;
    bool is_fresh;
    uint32_t timer;
    (void)reason;
    (void)context;
    int status = grove_region_state(grove_service_session(service), sizeof *kept, &region, &is_fresh);
    if (status < 0)
        return status;
    kept = grove_region_data(region, NULL);
    if (options.is_direct && !options.is_late)
        open_ring();
    if (strcmp(options.role, "source") == 0)
        return grove_service_every(service, options.period_us * GROVE_MICROSECOND, tell, NULL, &timer);
    struct grove_subscribe wanted = {.pattern = options.subject,
                                     .group = options.group,
                                     .name = options.name,
                                     .quality = quality(),
                                     .start = options.is_first ? GROVE_BUS_START_FIRST : GROVE_BUS_START_NEW,
                                     .in_order = options.is_in_order,
                                     .max_retries = options.retries,
                                     .backoff_first_ns = options.backoff_ms * GROVE_MILLISECOND,
                                     .queue_events = options.queue,
                                     .in_flight = options.flight,
                                     .slow = options.spills  ? GROVE_BUS_SPILL
                                             : options.drops ? GROVE_BUS_DROP_OLDEST
                                                             : GROVE_BUS_SLOW_USUAL,
                                     .spill_bytes = (uint64_t)options.spill_kib << 10,
                                     .block_ns = options.block_ms * GROVE_MILLISECOND,
                                     .timeout_ns = options.timeout_ms * GROVE_MILLISECOND};
    return grove_bus_subscribe(service, &wanted, on_event, NULL, &subscription);
}

static bool number_of(const char *text, const char *name, unsigned *value) {
    size_t length = strlen(name);
    if (strncmp(text, name, length) != 0 || text[length] != '=')
        return false;
    *value = (unsigned)strtoul(text + length + 1, NULL, 10);
    return true;
}

static bool read_option(const char *text) {
    const struct {
        const char *name;
        unsigned *value;
    } numbers[] = {
        {"period", &options.period_us},     {"slow", &options.slow_ms},       {"fail", &options.fail_times},
        {"retries", &options.retries},      {"backoff", &options.backoff_ms}, {"queue", &options.queue},
        {"flight", &options.flight},        {"block", &options.block_ms},     {"timeout", &options.timeout_ms},
        {"patience", &options.patience_ms}, {"spill", &options.spill_kib},    {"size", &options.size},
        {"ring", &options.ring_kib}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (number_of(text, numbers[i].name, numbers[i].value))
            return options.size <= SIZE_MAX_BYTES;
    if (strncmp(text, "group=", 6) == 0)
        options.group = text + 6;
    else if (strncmp(text, "name=", 5) == 0)
        options.name = text + 5;
    else if (strcmp(text, "durable") == 0)
        options.is_durable = true;
    else if (strcmp(text, "first") == 0)
        options.is_first = true;
    else if (strcmp(text, "reliable") == 0)
        options.is_reliable = true;
    else if (strcmp(text, "order") == 0)
        options.is_in_order = true;
    else if (strcmp(text, "drop") == 0)
        options.drops = true;
    else if (strcmp(text, "spill") == 0)
        options.spills = true;
    else if (strcmp(text, "direct") == 0)
        options.is_direct = true;
    else if (strcmp(text, "late") == 0)
        options.is_late = true;
    else if (strcmp(text, "hang") == 0)
        options.hangs = true;
    else
        return false;
    return true;
}

int main(int argument_count, char **arguments) {
    struct grove_service *service;
    options = (struct options){.role = "", .period_us = 2000};
    if (argument_count < 4) {
        fprintf(stderr, "usage: bus-actor ENDPOINT ROLE SUBJECT [OPTION...]\n");
        return 2;
    }
    options.role = arguments[2];
    options.subject = arguments[3];
    for (int i = 4; i < argument_count; i++)
        if (!read_option(arguments[i])) {
            fprintf(stderr, "bus-actor: there is no option %s\n", arguments[i]);
            return 2;
        }
    struct grove_service_options made = {.on_init = on_init};
    if (grove_service_create(&made, &service) < 0 ||
        grove_service_on(service, arguments[1], METHOD_TOLD, on_told, NULL) < 0 ||
        grove_service_on(service, arguments[1], METHOD_COUNT, on_count, NULL) < 0 ||
        grove_service_on(service, arguments[1], METHOD_STOP, on_stop, NULL) < 0 ||
        grove_service_on(service, arguments[1], METHOD_PAUSE, on_pause, NULL) < 0 ||
        grove_service_on(service, arguments[1], METHOD_RING, on_ring, NULL) < 0)
        return grove_report("bus-actor");
    return grove_service_run(service) < 0 ? grove_report("bus-actor") : 0;
}
