/*
 * Acquisition: polls every feeder in each cycle and passes the readings on.
 *
 *     acquire --config FILE [--device NAME=IPV4:PORT] [--probe]
 *
 * A reading goes to protect at once, over a channel, and in each cycle to the bus as a durable event, for the historian and
 * whoever wants it; each through an outbox in the state region (common/outbox.h), so that a kill at any instruction loses
 * none that was numbered. Protection wants the newest: its outbox forgets the oldest when it is full. The historian wants
 * all: the other outbox refuses when it is full, and says so. Nothing here waits for the bus, for the disk, or for health.
 *
 * Cycles follow an absolute schedule, multiples of the period on the monotonic clock; what was slept through, this
 * instance's start included, is counted as missed.
 */
#include "examples/grid/acquire/link_health.h"
#include "examples/grid/acquire/poller.h"
#include "examples/grid/acquire/probe.h"
#include "examples/grid/common/client_watch.h"
#include "examples/grid/common/link.h"
#include "examples/grid/common/measures.h"
#include "examples/grid/common/publisher.h"

#include <stdio.h>
#include <string.h>

#define READINGS_OUTBOX 8192u
#define PROTECT_OUTBOX 256u
#define PROTECT_LANE_BYTES (1u << 18) /* some ten seconds, should it be stopped so long */
#define STATE_MAGIC 0x51434147u /* "GACQ" */

/* What outlives an instance; the two outboxes follow it in the state region. */
struct acquire_state {
    uint32_t magic, version;
    uint64_t last_cycle; /* number since the epoch of the monotonic clock */
    uint64_t cycles, missed_cycles, taken;
    uint64_t feeders[GRID_FEEDERS_MAX]; /* the feeder that each key of the outboxes stands for */
};

struct acquire {
    struct grove_service *service;
    struct grid_config config;
    struct poller poller;
    struct client_watch watch[GRID_DEVICES_MAX];
    struct acquire_state *state;
    struct link_health health;
    struct publisher readings;
    struct link protect;
};

static void on_reading(unsigned feeder, const struct reading *reading, void *context) {
    struct acquire *acquire = context;
    acquire->state->taken++;
    link_health_note(&acquire->health, feeder, reading);
    /* Both count for themselves what they cannot take (refused, dropped). */
    (void)outbox_put(&acquire->protect.outbox, feeder, reading);
    link_flush(&acquire->protect);
    (void)outbox_put(&acquire->readings.outbox, feeder, reading);
}

static void on_cycle(struct grove_service *service, void *context) {
    struct acquire *acquire = context;
    struct acquire_state *state = acquire->state;
    uint64_t period = acquire->config.period_ns, now = grove_now_ns(), cycle = now / period;
    /* The timer of a period ahead of time is not possible; the same cycle twice is, after a restart inside it. */
    if (cycle > state->last_cycle) {
        if (state->last_cycle > 0)
            state->missed_cycles += cycle - state->last_cycle - 1;
        state->last_cycle = cycle;
        state->cycles++;
        publisher_flush(&acquire->readings); /* those of the last cycle */
        for (unsigned i = 0; i < acquire->config.device_count; i++)
            client_watch_tick(&acquire->watch[i]);
        state->missed_cycles += poller_cycle(&acquire->poller, now) > 0;
        for (unsigned i = 0; i < acquire->config.device_count; i++)
            client_watch_update(&acquire->watch[i]);
        link_flush(&acquire->protect);
        link_health_tick(&acquire->health, now);
    }
    uint32_t timer;
    now = grove_now_ns();
    if (grove_service_after(service, (now / period + 1) * period - now, on_cycle, acquire, &timer) < 0)
        grove_service_stop(service);
}

static int on_status(struct grove_request *request, void *context) {
    const struct acquire *acquire = context;
    struct {
        struct acquire_status head;
        struct reading latest[GRID_FEEDERS_MAX];
    } reply;
    const struct outbox_header *kept = acquire->readings.outbox.header;
    const struct outbox_header *high = acquire->protect.outbox.header;
    unsigned feeders = acquire->config.feeder_count, connected = 0;
    for (unsigned i = 0; i < acquire->config.device_count; i++)
        connected += acquire->watch[i].client.state >= MODBUS_IDLE;
    reply.head = (struct acquire_status){.epoch = kept->epoch,
                                         .cycles = acquire->state->cycles,
                                         .missed_cycles = acquire->state->missed_cycles,
                                         .taken = acquire->state->taken,
                                         .accepted = kept->accepted,
                                         .waiting = kept->head - kept->accepted,
                                         .refused = kept->refused,
                                         .protect_accepted = high->accepted - high->dropped,
                                         .protect_dropped = high->dropped,
                                         .feeders = feeders,
                                         .devices_connected = connected};
    for (unsigned i = 0; i < feeders; i++) {
        reply.latest[i] = acquire->poller.latest[i];
        reply.latest[i].epoch = kept->epoch;
        reply.latest[i].sequence = outbox_last_sequence(&acquire->readings.outbox, i);
    }
    return grove_reply(request, &reply, sizeof reply.head + feeders * sizeof(struct reading));
}

static void on_collect(struct grove_metrics *metrics, void *context) {
    const struct acquire *acquire = context;
    const struct outbox_header *kept = acquire->readings.outbox.header;
    unsigned connected = 0;
    for (unsigned i = 0; i < acquire->config.device_count; i++)
        connected += acquire->watch[i].client.state >= MODBUS_IDLE;
    measure_counter(metrics, "readings", "Readings taken.", acquire->state->taken);
    measure_counter(metrics, "readings_refused", "Readings that found no room to wait in.", kept->refused);
    measure_gauge(metrics, "readings_waiting", "Readings that the bus has not on disk yet.",
                  (double)(kept->head - kept->accepted));
    measure_counter(metrics, "poll_cycles", "Rounds through all feeders.", acquire->state->cycles);
    measure_counter(metrics, "poll_cycles_missed", "Rounds that were not made in time.", acquire->state->missed_cycles);
    measure_gauge(metrics, "devices_connected", "Devices with a connection.", connected);
}

/* A number that no earlier numbering had: the kernel gives each instance fresh randomness. */
static uint64_t fresh_epoch(const struct acquire *acquire) {
    uint64_t epoch;
    memcpy(&epoch, grove_session_identity(grove_service_session(acquire->service))->random, sizeof epoch);
    return epoch >> 11 | 1; /* exact in every JSON reader */
}

/* If the keys of the outboxes now mean other feeders, what they number must not be taken for the old ones. */
static void check_keys(struct acquire *acquire) {
    struct acquire_state *state = acquire->state;
    bool is_same = true;
    for (unsigned i = 0; i < acquire->config.feeder_count; i++)
        is_same = is_same && state->feeders[i] == acquire->config.feeder[i].number;
    if (is_same)
        return;
    outbox_renumber(&acquire->readings.outbox, fresh_epoch(acquire));
    outbox_renumber(&acquire->protect.outbox, fresh_epoch(acquire));
    for (unsigned i = 0; i < acquire->config.feeder_count; i++)
        state->feeders[i] = acquire->config.feeder[i].number;
}

static int open_state(struct acquire *acquire) {
    size_t kept_bytes = outbox_bytes(sizeof(struct reading), READINGS_OUTBOX);
    size_t high_bytes = outbox_bytes(sizeof(struct reading), PROTECT_OUTBOX);
    struct grove_region *region;
    bool is_fresh;
    int status = grove_region_state(grove_service_session(acquire->service),
                                    sizeof(struct acquire_state) + kept_bytes + high_bytes, &region, &is_fresh);
    if (status < 0)
        return status;
    unsigned char *memory = grove_region_data(region, NULL);
    acquire->state = (struct acquire_state *)(void *)memory;
    if (acquire->state->magic != STATE_MAGIC)
        *acquire->state = (struct acquire_state){.magic = STATE_MAGIC, .version = 1};
    memory += sizeof(struct acquire_state);
    outbox_attach(&acquire->readings.outbox, memory, sizeof(struct reading), READINGS_OUTBOX, OUTBOX_REFUSE_NEWEST,
                  fresh_epoch(acquire));
    outbox_attach(&acquire->protect.outbox, memory + kept_bytes, sizeof(struct reading), PROTECT_OUTBOX,
                  OUTBOX_DROP_OLDEST, fresh_epoch(acquire));
    check_keys(acquire);
    return 0;
}

static void open_devices(struct acquire *acquire) {
    poller_init(&acquire->poller, &acquire->config, on_reading, acquire);
    for (unsigned i = 0; i < acquire->config.device_count; i++) {
        client_watch_init(&acquire->watch[i], acquire->service, &acquire->config.device[i]);
        acquire->poller.device[i].client = &acquire->watch[i].client;
    }
}

static void reading_subject(const void *item, char subject[GROVE_SUBJECT_MAX + 1]) {
    const struct reading *reading = item;
    snprintf(subject, GROVE_SUBJECT_MAX + 1, READING_SUBJECT "%u", reading->feeder);
}

static size_t reading_write(const void *const *items, unsigned count, unsigned char *data) {
    for (unsigned i = 0; i < count; i++)
        memcpy(data + i * sizeof(struct reading), items[i], sizeof(struct reading));
    return count * sizeof(struct reading);
}

static int serve(struct acquire *acquire) {
    uint32_t timer;
    acquire->readings = (struct publisher){.name = "readings",
                                           .subject = reading_subject,
                                           .write = reading_write,
                                           .batch_items = PUBLISHER_DATA_MAX / sizeof(struct reading)};
    acquire->protect = (struct link){.endpoint = "protect",
                                     .method = PROTECT_READING,
                                     .priority = GROVE_PRIORITY_HIGH,
                                     .lane_bytes = PROTECT_LANE_BYTES};
    if (grove_service_create(NULL, &acquire->service) < 0 || open_state(acquire) < 0)
        return grove_report("acquire");
    open_devices(acquire);
    (void)measures_open(acquire->service, "acquire", on_collect, acquire);
    link_health_init(&acquire->health, &acquire->config, acquire->poller.latest, grove_now_ns());
    if (grove_service_on(acquire->service, "acquire", ACQUIRE_STATUS, on_status, acquire) < 0 ||
        grove_service_after(acquire->service, 1, on_cycle, acquire, &timer) < 0 ||
        grove_service_run(acquire->service) < 0)
        return grove_report("acquire");
    return 0;
}

static int usage(void) {
    fputs("usage: acquire --config FILE [--device NAME=IPV4:PORT] [--probe]\n", stderr);
    return 2;
}

static int refuse(const struct problem *problem) {
    fprintf(stderr, "acquire: %s\n", problem->sentence);
    return 1;
}

int main(int count, char **words) {
    static struct acquire acquire;
    struct problem problem = {""};
    bool is_probe = false;
    if (count < 3 || strcmp(words[1], "--config") != 0)
        return usage();
    if (config_load(words[2], &acquire.config, &problem) < 0)
        return refuse(&problem);
    for (int i = 3; i < count; i++) {
        if (strcmp(words[i], "--probe") == 0)
            is_probe = true;
        else if (strcmp(words[i], "--device") != 0 || i + 1 == count)
            return usage();
        else if (config_move_device(&acquire.config, words[++i], &problem) < 0)
            return refuse(&problem);
    }
    return is_probe ? probe_run(&acquire.config) : serve(&acquire);
}
