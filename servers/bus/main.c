/*
 * bus: carries events from whoever publishes to whoever subscribes. bus.h is the map.
 *
 * What a crash leaves: the state region holds subscriptions, numbers and every event that was accepted and is not done
 * with; the publishers' lanes hold what was not accepted; rings are read to their end by who has them. The next instance
 * lays its tables over the region and goes on.
 */
#include "servers/bus/directs.h"
#include "servers/bus/dlq.h"
#include "servers/bus/durable.h"
#include "servers/bus/overflow.h"
#include "servers/bus/points.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_TIMEOUT_NS (5 * GROVE_SECOND)
#define ARENA_MEBIBYTES_MAX 1024u

static const struct {
    uint32_t method;
    grove_handler *handler;
} methods[] = {
    {GROVE_BUS_EMIT, on_emit},
    {GROVE_BUS_PUBLISH, on_publish},
    {GROVE_BUS_PUBLISH_DURABLE, on_publish_durable},
    {GROVE_BUS_REQUEST, on_request},
    {GROVE_BUS_MAY_PUBLISH, on_may_publish},
    {GROVE_BUS_SUBSCRIBE, on_subscribe},
    {GROVE_BUS_UNSUBSCRIBE, on_unsubscribe},
    {GROVE_BUS_PAUSE, on_pause},
    {GROVE_BUS_POLL, on_poll},
    {GROVE_BUS_ACKNOWLEDGE, on_acknowledge},
    {GROVE_BUS_METRICS, on_metrics},
    {GROVE_BUS_SUBSCRIPTION_METRICS, on_subscription_metrics},
    {GROVE_BUS_SUBSCRIPTION_NEXT, on_subscription_next},
    {GROVE_BUS_DEAD_LETTER_NEXT, on_dead_letter_next},
    {GROVE_BUS_DEAD_LETTER_DATA, on_dead_letter_data},
    {GROVE_BUS_DEAD_LETTER_REPLAY, on_dead_letter_replay},
    {GROVE_BUS_DEAD_LETTER_PURGE, on_dead_letter_purge},
    {GROVE_BUS_STREAM_SET, on_stream_set},
    {GROVE_BUS_STREAM_NEXT, on_stream_next},
    {GROVE_BUS_STREAM_REMOVE, on_stream_remove},
    {GROVE_BUS_SUBSCRIBE_DIRECT, on_subscribe},
    {GROVE_BUS_DIRECT_OPEN, on_direct_open},
    {GROVE_BUS_DIRECT_BEGIN, on_direct_begin},
    {GROVE_BUS_DIRECT_END, on_direct_end},
    {GROVE_BUS_DIRECT_SLEEP, on_direct_sleep},
    {GROVE_BUS_DIRECT_WAKE, on_direct_wake},
    {GROVE_BUS_DIRECT_CLOSE, on_direct_close},
    {GROVE_BUS_DIRECT_NEXT, on_direct_next},
};

/* Rings of an earlier instance come back as regions to read, which this one has no use for. */
static void on_notice(const struct grove_message *notice, const int *objects, unsigned object_count, void *context) {
    const struct bus *bus = context;
    struct grove_region *region = NULL;
    if (notice->operation != GROVE_NOTICE_REGION_GRANTED || object_count != 1)
        return;
    if (grove_region_accept(bus->session, notice, objects[0], &region) == 0)
        grove_region_close(region);
}

static int read_kernel_version(struct bus *bus) {
    struct grove_message message = {.operation = GROVE_REQUEST_KERNEL_READ};
    int status = grove_kernel_request(bus->session, &message, NULL, 0, NULL, NULL, KERNEL_TIMEOUT_NS);
    if (status == 0)
        bus->kernel_version = message.body.kernel.version;
    return status;
}

static int open_state(struct bus *bus, uint64_t arena_bytes) {
    struct grove_region *region = NULL;
    uint64_t size_bytes = state_bytes(arena_bytes);
    bool is_fresh = true;
    int status = grove_region_state(bus->session, size_bytes, &region, &is_fresh);
    if (status == 0)
        status = state_open(&bus->state, grove_region_data(region, NULL), size_bytes, is_fresh);
    if (status != GROVE_VERSION)
        return status;
    (void)fprintf(stderr, "bus: what an earlier version kept cannot be read, and is dropped\n");
    return 0;
}

static bool on_rest(struct grove_service *service, void *context) {
    struct bus *bus = context;
    (void)service;
    bus->taken_ns = 0;
    directs_update(bus);
    bool is_stored = durable_rest(bus), is_kept = dlq_rest(bus), is_moved = overflow_rest(bus);
    return feeds_rest(bus) || is_stored || is_kept || is_moved;
}

static void on_stop(struct grove_service *service, void *context) {
    (void)service;
    dlq_close(context);
    overflow_close(context);
    durable_close(context);
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct bus *bus = context;
    (void)reason;
    bus->service = service;
    grove_service_on_rest(service, on_rest, bus);
    bus->session = grove_service_session(service);
    bus->pattern_epoch = 1;
    bus->held_tail = &bus->held;
    bus->started_ns = wall_ns();
    grove_session_on_notice(bus->session, on_notice, bus);
    settings_begin(bus);
    points_open(bus); /* before anything that hooks may look at */
    int status = read_kernel_version(bus);
    if (status == 0)
        status = open_state(bus, bus->arena_bytes);
    if (status == 0)
        status = trie_init(&bus->patterns, BUS_TOKENS_NODES_MAX);
    if (status == 0)
        status = subjects_open(bus);
    if (status == 0)
        status = queues_open(bus);
    if (status == 0)
        status = members_open(bus);
    if (status == 0)
        status = overflow_open(bus, bus->folder);
    if (status == 0)
        status = events_open(bus);
    if (status == 0)
        points_resume(bus);
    if (status == 0)
        status = dlq_open(bus, bus->folder); /* first: opening the log may deliver, and what is delivered may die */
    if (status == 0)
        status = durable_open(bus, bus->folder);
    if (status == 0)
        overflow_restore(bus);
    grove_service_on_rest(service, on_rest, bus);
    if (status == 0 && bus->client_count > 0)
        clients_sweep_later(bus);
    if (status == 0)
        settings_follow(bus);
    return status;
}

static uint64_t arena_of(const char *text) {
    char *end = NULL;
    unsigned long mebibytes = strtoul(text, &end, 10);
    return *end == '\0' && mebibytes > 0 && mebibytes <= ARENA_MEBIBYTES_MAX ? (uint64_t)mebibytes << 20 : 0;
}

int main(int argument_count, char **arguments) {
    static struct bus bus;
    struct grove_service *service = NULL;
    uint64_t arena_bytes = argument_count == 2 || argument_count == 3 ? arena_of(arguments[1]) : 0;
    if (arena_bytes == 0) {
        (void)fprintf(stderr, "usage: bus MEBIBYTES [STATE-FOLDER] (for events in queues, and on disk; started by "
                              "init, see manifest.yaml)\n");
        return 2;
    }
    (void)signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like any other */
    bus.arena_bytes = arena_bytes;
    bus.folder = argument_count == 3 ? arguments[2] : NULL;
    struct grove_service_options options = {.on_init = on_init, .on_stop = on_stop, .context = &bus};
    int status = grove_service_create(&options, &service);
    for (size_t i = 0; status == 0 && i < sizeof methods / sizeof methods[0]; i++)
        status = grove_service_on(service, GROVE_BUS_ENDPOINT, methods[i].method, methods[i].handler, &bus);
    if (status == 0)
        status = grove_service_on_client(service, GROVE_BUS_ENDPOINT, client_changed, &bus);
    if (status == 0)
        metrics_serve(&bus, service);
    if (status == 0)
        status = grove_service_run(service);
    return status < 0 ? grove_report("bus") : 0;
}
