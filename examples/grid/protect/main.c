/*
 * Protection: trips breakers on faults, sheds load when the frequency falls.
 *
 *     protect --config FILE [--device NAME=IPV4:PORT]
 *
 * Readings come on the high lane and are judged at once; a decision is stored in the state region and then written to
 * the device by Modbus, on a connection of protection's own (breakers.h). The reaction time runs from the time stamp of
 * the reading that decided to the device's confirmation.
 *
 * What the settings are, how they change, and what of a trip is in the store, are told in tuning.h and ledger.h; none of it
 * is waited for between a reading and the write.
 *
 * Crash argument. A reading's number is noted only after it was judged: a kill in between delivers it again and it is
 * judged again, with the same outcome, since relays and stages go by the time in the readings and a breaker that is
 * opening or tripped is not tripped again. Everything that is judged by lies in the state region.
 */
#include "examples/grid/common/alarm_text.h"
#include "examples/grid/common/measures.h"
#include "examples/grid/common/numbering.h"
#include "examples/grid/common/publisher.h"
#include "examples/grid/protect/conditions.h"
#include "examples/grid/protect/ledger.h"
#include "examples/grid/protect/relay.h"
#include "examples/grid/protect/tuning.h"

#include <stdio.h>
#include <string.h>

#define STATE_MAGIC 0x54525047u /* "GPRT" */
#define STATE_VERSION 2u
#define ALARM_OUTBOX 256u
#define TICK_NS (20 * GROVE_MILLISECOND)

struct protect_state {
    uint32_t magic, version;
    uint64_t feeders[GRID_FEEDERS_MAX]; /* the numbers that the rest goes by */
    struct breaker breaker[GRID_FEEDERS_MAX];
    struct relay relay[GRID_FEEDERS_MAX];
    struct numbering numbering[GRID_FEEDERS_MAX];
    uint64_t redelivered[GRID_FEEDERS_MAX];
    struct shedding shedding;
    struct conditions conditions;
    struct statistics reactions;
    struct settings settings;
    uint64_t unprepared;
};

struct protect {
    struct grove_service *service;
    struct grid_config plant, config; /* as the file has it; with the settings that count now */
    struct tuning tuning;
    struct protect_state *state;
    struct breakers breakers;
    struct ledger ledger;
    struct publisher alarms;
    uint64_t began_ns, good_ns[GRID_FEEDERS_MAX];
};

/* What follows from the breakers, after they have been dealt with: the store and the alarms. */
static void follow(struct protect *protect) {
    struct protect_state *state = protect->state;
    conditions_update(&state->conditions, &protect->alarms.outbox, &protect->config, state->breaker, &state->shedding,
                      protect->good_ns, protect->began_ns);
    publisher_flush(&protect->alarms);
    ledger_update(&protect->ledger);
}

/* At once, whether its intent is on the disk or not; that it was not is counted. */
static void trip(struct protect *protect, unsigned feeder, enum trip_cause cause, double value, uint64_t time_ns) {
    uint32_t phase = protect->state->breaker[feeder].phase;
    if ((phase == BREAKER_NORMAL || phase == BREAKER_CLOSING) && !ledger_covers(&protect->ledger, feeder))
        protect->state->unprepared++;
    breakers_trip(&protect->breakers, feeder, cause, value, time_ns);
}

static void shed(struct protect *protect, uint64_t feeders, uint64_t time_ns) {
    for (unsigned i = 0; i < protect->config.feeder_count; i++)
        if (feeders >> i & 1)
            trip(protect, i, CAUSE_SHEDDING, protect->state->shedding.frequency_hz, time_ns);
}

static void judge(struct protect *protect, unsigned feeder, const struct reading *reading) {
    struct protect_state *state = protect->state;
    protect->good_ns[feeder] = reading->time_ns;
    breakers_observe(&protect->breakers, feeder, reading->breaker_closed != 0, reading->time_ns);
    enum trip_cause cause = relay_check(&state->relay[feeder], &protect->config.feeder[feeder],
                                        (double)reading->current_a, reading->time_ns);
    if (cause != CAUSE_NONE)
        trip(protect, feeder, cause, (double)reading->current_a, reading->time_ns);
    bool is_open[GRID_FEEDERS_MAX];
    for (unsigned i = 0; i < protect->config.feeder_count; i++)
        is_open[i] = state->breaker[i].phase == BREAKER_OPENING || state->breaker[i].phase == BREAKER_TRIPPED;
    shed(protect,
         shedding_measure(&state->shedding, &protect->config, feeder, (double)reading->frequency_hz, reading->time_ns,
                          is_open),
         reading->time_ns);
}

static int on_reading(struct grove_request *request, void *context) {
    struct protect *protect = context;
    struct reading reading;
    if (grove_request_bytes(request) != sizeof reading)
        return grove_fail(request, GROVE_INVALID, "a reading has %zu bytes", sizeof reading);
    memcpy(&reading, grove_request_data(request), sizeof reading);
    int feeder = config_feeder_index(&protect->config, reading.feeder);
    if (feeder < 0 || reading.sequence == 0)
        return grove_fail(request, GROVE_NOT_FOUND, "feeder %u is not in the configuration", reading.feeder);
    tuning_update(&protect->tuning);
    struct numbering *numbering = &protect->state->numbering[feeder];
    bool is_repeated = numbering_is_repeated(numbering, reading.epoch, reading.sequence);
    if (is_repeated || grove_request_is_redelivered(request))
        protect->state->redelivered[feeder]++;
    if (!is_repeated && !(reading.quality & QUALITY_BAD)) {
        judge(protect, (unsigned)feeder, &reading);
        /* Waking others now would delay the confirmation; the next reading or tick does it. */
        if (!breakers_are_under_way(&protect->breakers))
            follow(protect);
    }
    numbering_take(numbering, reading.epoch, reading.sequence);
    return 0;
}

static void on_tick(struct grove_service *service, void *context) {
    struct protect *protect = context;
    (void)service;
    tuning_tick(&protect->tuning);
    tuning_update(&protect->tuning);
    breakers_tick(&protect->breakers);
    ledger_tick(&protect->ledger);
    follow(protect);
}

static struct protect_feeder feeder_status(const struct protect *protect, unsigned i) {
    const struct protect_state *state = protect->state;
    return (struct protect_feeder){.feeder = (uint16_t)protect->config.feeder[i].number,
                                   .breaker = (uint8_t)state->breaker[i].phase,
                                   .cause = (uint8_t)state->breaker[i].cause,
                                   .trips = state->breaker[i].trips,
                                   .received = state->numbering[i].taken,
                                   .redelivered = state->redelivered[i],
                                   .missing = state->numbering[i].missing};
}

static int on_status(struct grove_request *request, void *context) {
    const struct protect *protect = context;
    const struct protect_state *state = protect->state;
    struct {
        struct protect_status head;
        struct protect_feeder feeder[GRID_FEEDERS_MAX];
    } reply;
    reply.head = (struct protect_status){.reactions = state->reactions.count,
                                         .deadline_missed = state->reactions.missed,
                                         .median_ns = statistics_median_ns(&state->reactions),
                                         .worst_ns = state->reactions.worst_ns,
                                         .deadline_ns = protect->config.deadline_ns,
                                         .unprepared = state->unprepared,
                                         .settings = state->settings.change,
                                         .frequency_hz = (float)state->shedding.frequency_hz,
                                         .stage = (uint32_t)state->shedding.stages_done,
                                         .feeders = protect->config.feeder_count,
                                         .followed = ledger_followed(&protect->ledger)};
    for (unsigned i = 0; i < protect->config.feeder_count; i++) {
        reply.feeder[i] = feeder_status(protect, i);
        reply.head.trips += reply.feeder[i].trips;
        reply.head.received += reply.feeder[i].received;
        reply.head.redelivered += reply.feeder[i].redelivered;
        reply.head.missing += reply.feeder[i].missing;
    }
    return grove_reply(request, &reply, sizeof reply.head + protect->config.feeder_count * sizeof reply.feeder[0]);
}

/* The feeder that an operator names; *feeder is -1 for 0, "all". */
static int read_feeder(const struct protect *protect, struct grove_request *request, int *feeder) {
    struct feeder_request wanted;
    if (grove_request_bytes(request) != sizeof wanted)
        return grove_fail(request, GROVE_INVALID, "send the number of a feeder, as feeder:u32");
    memcpy(&wanted, grove_request_data(request), sizeof wanted);
    int index = config_feeder_index(&protect->config, wanted.feeder);
    if (index < 0 && wanted.feeder != 0)
        return grove_fail(request, GROVE_NOT_FOUND, "there is no feeder %u", wanted.feeder);
    *feeder = index;
    return 0;
}

static int on_trip(struct grove_request *request, void *context) {
    struct protect *protect = context;
    int feeder = -1;
    int status = read_feeder(protect, request, &feeder);
    if (status < 0)
        return status;
    if (feeder < 0)
        return grove_fail(request, GROVE_INVALID, "name one feeder to trip; there is no tripping of all");
    trip(protect, (unsigned)feeder, CAUSE_OPERATOR, 0, grove_now_ns());
    follow(protect);
    return 0;
}

static int on_reset(struct grove_request *request, void *context) {
    struct protect *protect = context;
    int feeder = -1;
    int status = read_feeder(protect, request, &feeder);
    if (status < 0)
        return status;
    /* Stages first: a kill in between leaves feeders to reset, and not stages that would never act again. */
    if (feeder < 0)
        shedding_reset(&protect->state->shedding);
    for (unsigned i = 0; i < protect->config.feeder_count; i++)
        if (feeder < 0 || i == (unsigned)feeder)
            breakers_reset(&protect->breakers, i);
    follow(protect);
    return 0;
}

/* State of other feeders than are configured now is of no use, and dangerous to act on. */
static bool state_fits(const struct protect *protect, const struct protect_state *state) {
    if (state->magic != STATE_MAGIC || state->version != STATE_VERSION)
        return false;
    for (unsigned i = 0; i < protect->config.feeder_count; i++)
        if (state->feeders[i] != protect->config.feeder[i].number)
            return false;
    return true;
}

/* *is_kept: it is what an earlier instance left. */
static int open_state(struct protect *protect, bool *is_kept) {
    struct grove_region *region;
    bool is_fresh;
    uint64_t epoch;
    struct grove_session *session = grove_service_session(protect->service);
    size_t bytes = sizeof(struct protect_state) + outbox_bytes(sizeof(struct alarm_event), ALARM_OUTBOX);
    int status = grove_region_state(session, bytes, &region, &is_fresh);
    if (status < 0)
        return status;
    struct protect_state *state = grove_region_data(region, NULL);
    *is_kept = state_fits(protect, state);
    if (!*is_kept) {
        *state = (struct protect_state){.version = STATE_VERSION};
        for (unsigned i = 0; i < protect->config.feeder_count; i++)
            state->feeders[i] = protect->config.feeder[i].number;
        state->magic = STATE_MAGIC;
    }
    memcpy(&epoch, grove_session_identity(session)->random, sizeof epoch);
    outbox_attach(&protect->alarms.outbox, state + 1, sizeof(struct alarm_event), ALARM_OUTBOX, OUTBOX_DROP_OLDEST,
                  epoch >> 11 | 1);
    protect->state = state;
    return 0;
}

static void alarm_subject(const void *item, char subject[GROVE_SUBJECT_MAX + 1]) {
    const struct alarm_event *event = item;
    snprintf(subject, GROVE_SUBJECT_MAX + 1, ALARM_SUBJECT "%s.%u", alarm_kind_word(event->kind), event->feeder);
}

/* One at a time: alarms of all feeders are numbered in one row, and must not overtake each other. */
static size_t alarm_write(const void *const *items, unsigned count, unsigned char *data) {
    (void)count;
    return alarm_text_write(items[0], (char *)data);
}

/* ---- for who watches from outside ---- */

static void on_collect(struct grove_metrics *metrics, void *context) {
    const struct protect *protect = context;
    const struct protect_state *state = protect->state;
    uint64_t trips = 0;
    for (unsigned i = 0; i < protect->config.feeder_count; i++)
        trips += state->breaker[i].trips;
    measure_counter(metrics, "trips", "Breakers that were opened.", trips);
    measure_counter(metrics, "deadlines_missed", "Trips confirmed after the deadline.", state->reactions.missed);
    measure_gauge(metrics, "shedding_stage", "Stages of load shedding that are in force.",
                  (double)state->shedding.stages_done);
    measure_gauge(metrics, "frequency_hertz", "Of the grid, as protection sees it.", state->shedding.frequency_hz);
}

static void measure(struct protect *protect) {
    static const double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1};
    struct grove_metrics *metrics = measures_open(protect->service, "protect", on_collect, protect);
    if (metrics != NULL &&
        grove_metrics_histogram(
            metrics,
            &(struct grove_metric){.name = "reaction_seconds", .help = "From a reading to the confirmed trip."}, bounds,
            sizeof bounds / sizeof bounds[0], &protect->breakers.reaction_seconds) < 0)
        grove_report("protect");
}

static int refuse(const struct problem *problem) {
    if (problem->sentence[0] == '\0')
        return grove_report("protect");
    fprintf(stderr, "protect: %s\n", problem->sentence);
    return 1;
}

static int serve(struct protect *protect) {
    static const struct {
        uint32_t method;
        grove_handler *handler;
    } methods[] = {
        {PROTECT_READING, on_reading}, {PROTECT_STATUS, on_status}, {PROTECT_TRIP, on_trip}, {PROTECT_RESET, on_reset}};
    struct problem problem = {""};
    bool is_kept;
    uint32_t timer;
    protect->alarms =
        (struct publisher){.name = "alarms", .subject = alarm_subject, .write = alarm_write, .batch_items = 1};
    if (grove_service_create(NULL, &protect->service) < 0 || open_state(protect, &is_kept) < 0)
        return grove_report("protect");
    protect->tuning =
        (struct tuning){.plant = &protect->plant, .config = &protect->config, .settings = &protect->state->settings};
    if (tuning_start(&protect->tuning, is_kept, &problem) < 0)
        return refuse(&problem);
    protect->began_ns = grove_now_ns();
    breakers_init(&protect->breakers, protect->service, &protect->config, protect->state->breaker,
                  &protect->state->reactions);
    ledger_init(&protect->ledger, &protect->config, &protect->breakers);
    measure(protect);
    for (unsigned i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (grove_service_on(protect->service, "protect", methods[i].method, methods[i].handler, protect) < 0)
            return grove_report("protect");
    on_tick(protect->service, protect);
    if (grove_service_every(protect->service, TICK_NS, on_tick, protect, &timer) < 0 ||
        grove_service_run(protect->service) < 0)
        return grove_report("protect");
    return 0;
}

int main(int count, char **words) {
    static struct protect protect;
    struct problem problem = {""};
    bool is_usage = count >= 3 && strcmp(words[1], "--config") == 0 && count % 2 == 1;
    if (is_usage && config_load(words[2], &protect.plant, &problem) < 0)
        return refuse(&problem);
    for (int i = 3; is_usage && i < count; i += 2)
        if (strcmp(words[i], "--device") != 0 || config_move_device(&protect.plant, words[i + 1], &problem) < 0) {
            fprintf(stderr, "protect: %s\n", problem.sentence[0] ? problem.sentence : "unknown option");
            return 2;
        }
    if (!is_usage) {
        fputs("usage: protect --config FILE [--device NAME=IPV4:PORT]\n", stderr);
        return 2;
    }
    protect.config = protect.plant;
    return serve(&protect);
}
