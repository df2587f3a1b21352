/*
 * The breakers and their way to the devices; see breakers.h.
 *
 * One request at a time for each device, over a connection of its own beside the one that polls, so that a trip never
 * waits for a poll. A request that fails is made again as long as the decision stands. Order of stores: phase and cause
 * of a decision come last, because they are what the next instance acts on; a kill before them leaves no decision, and
 * the reading that made it is delivered again.
 */
#include "examples/grid/protect/breakers.h"

#define LOCAL_CLOSING_NS 200000000u /* readings older than this after a confirmation still show the breaker before it */

static bool is_pending(const struct breaker *breaker) {
    return breaker->phase == BREAKER_OPENING || breaker->phase == BREAKER_CLOSING;
}

static const struct register_point *trip_point(const struct breakers *breakers, unsigned feeder) {
    return &breakers->config->map[breakers->config->feeder[feeder].map].registers.point[QUANTITY_TRIP];
}

static void store_phase(struct breaker *breaker, enum breaker_phase phase) {
    __atomic_store_n(&breaker->phase, phase, __ATOMIC_RELEASE);
}

static void breaker_confirm(struct breakers *breakers, unsigned feeder) {
    struct breaker *breaker = &breakers->state[feeder];
    uint64_t now = grove_now_ns();
    bool was_opening = breaker->phase == BREAKER_OPENING;
    breaker->confirmed_ns = now;
    store_phase(breaker, was_opening ? BREAKER_TRIPPED : BREAKER_NORMAL);
    if (!was_opening)
        return;
    breaker->trips++;
    if (breaker->cause == CAUSE_OPERATOR || breaker->is_restored)
        return;
    statistics_add(breakers->reactions, now - breaker->decided_ns, breakers->config->deadline_ns);
    if (breakers->reaction_seconds != NULL)
        grove_histogram_observe(breakers->reaction_seconds, (double)(now - breaker->decided_ns) / 1e9);
}

/* The coil as read or written, in the words of the decision. */
static bool wanted_coil(const struct breakers *breakers, unsigned feeder) {
    bool is_trip = breakers->state[feeder].phase == BREAKER_OPENING;
    return is_trip != trip_point(breakers, feeder)->is_inverted;
}

static void on_answer(struct modbus_client *client, int status, const struct modbus_answer *answer, void *context) {
    struct breaker_line *line = context;
    struct breakers *breakers = line->breakers;
    unsigned feeder = (unsigned)line->feeder;
    (void)client;
    line->feeder = -1;
    line->is_paused = status < 0 || answer->exception != 0;
    if (line->is_paused || breakers->state[feeder].phase != line->phase) {
        breakers->must_ask[feeder] = true;
        return;
    }
    bool is_so = !line->is_reading || (answer->words[0] != 0) == wanted_coil(breakers, feeder);
    breakers->must_ask[feeder] = false;
    if (is_so)
        breaker_confirm(breakers, feeder);
}

/* Send what the decision about a feeder needs next. */
static void line_request(struct breaker_line *line, unsigned feeder) {
    struct breakers *breakers = line->breakers;
    const struct config_feeder *configured = &breakers->config->feeder[feeder];
    const struct register_point *point = trip_point(breakers, feeder);
    line->is_reading = breakers->must_ask[feeder];
    line->feeder = (int)feeder;
    line->phase = breakers->state[feeder].phase;
    struct modbus_request request = {.unit = (uint8_t)configured->unit,
                                     .is_write = !line->is_reading,
                                     .value = wanted_coil(breakers, feeder),
                                     .table = TABLE_COIL,
                                     .address = (uint16_t)(configured->base + point->address),
                                     .count = 1};
    if (modbus_client_request(&line->watch.client, &request, grove_now_ns(), on_answer, line) < 0)
        line->feeder = -1;
}

/* If the line is free, take up the oldest decision that waits for its device. Openings go before closings. */
static void line_pump(struct breaker_line *line) {
    struct breakers *breakers = line->breakers;
    if (line->feeder >= 0 || line->is_paused || line->watch.client.state != MODBUS_IDLE)
        return;
    int next = -1;
    for (unsigned i = 0; i < breakers->config->feeder_count; i++) {
        const struct breaker *breaker = &breakers->state[i];
        if (breakers->config->feeder[i].device != line->device || !is_pending(breaker) ||
            !trip_point(breakers, i)->is_mapped)
            continue;
        if (next < 0 || breaker->phase < breakers->state[next].phase ||
            (breaker->phase == breakers->state[next].phase && breaker->decided_ns < breakers->state[next].decided_ns))
            next = (int)i;
    }
    if (next >= 0)
        line_request(line, (unsigned)next);
}

static void on_client_changed(struct client_watch *watch) {
    line_pump(watch->context);
}

void breakers_init(struct breakers *breakers, struct grove_service *service, const struct grid_config *config,
                   struct breaker *state, struct statistics *reactions) {
    *breakers = (struct breakers){.config = config, .state = state, .reactions = reactions};
    for (unsigned i = 0; i < config->feeder_count; i++)
        breakers->must_ask[i] = is_pending(&state[i]);
    for (unsigned i = 0; i < config->device_count; i++) {
        struct breaker_line *line = &breakers->line[i];
        *line = (struct breaker_line){.breakers = breakers, .device = i, .feeder = -1};
        client_watch_init(&line->watch, service, &config->device[i]);
        line->watch.changed = on_client_changed;
        line->watch.context = line;
    }
}

static void decide(struct breakers *breakers, unsigned feeder, enum breaker_phase phase) {
    struct breaker_line *line = &breakers->line[breakers->config->feeder[feeder].device];
    store_phase(&breakers->state[feeder], phase);
    client_watch_update(&line->watch);
}

void breakers_trip(struct breakers *breakers, unsigned feeder, enum trip_cause cause, double value, uint64_t time_ns) {
    struct breaker *breaker = &breakers->state[feeder];
    if (breaker->phase == BREAKER_OPENING || breaker->phase == BREAKER_TRIPPED)
        return;
    breaker->cause = cause;
    breaker->value = value;
    breaker->decided_ns = time_ns;
    breaker->settled = BREAKER_SETTLED;
    breaker->is_restored = 0;
    decide(breakers, feeder, BREAKER_OPENING);
}

void breakers_reset(struct breakers *breakers, unsigned feeder) {
    if (breakers->state[feeder].phase != BREAKER_TRIPPED)
        return;
    breakers->state[feeder].decided_ns = grove_now_ns();
    decide(breakers, feeder, BREAKER_CLOSING);
}

void breakers_settle(struct breakers *breakers, unsigned feeder) {
    breakers->state[feeder].settled = BREAKER_SETTLED;
}

void breakers_doubt(struct breakers *breakers, unsigned feeder) {
    if (breakers->state[feeder].phase == BREAKER_NORMAL)
        breakers->state[feeder].settled = BREAKER_DOUBTFUL;
    else
        breakers_settle(breakers, feeder);
}

void breakers_restore(struct breakers *breakers, unsigned feeder, enum breaker_phase phase, enum trip_cause cause,
                      double value) {
    struct breaker *breaker = &breakers->state[feeder];
    breaker->settled = BREAKER_SETTLED;
    if (breaker->phase != BREAKER_NORMAL)
        return;
    breaker->cause = cause;
    breaker->value = value;
    breaker->decided_ns = breaker->confirmed_ns = grove_now_ns();
    breaker->trips += phase == BREAKER_TRIPPED;
    breaker->is_restored = 1;
    breakers->must_ask[feeder] = true;
    decide(breakers, feeder, phase);
}

/* Open without a decision that is known: the trip was written, and the kernel died before the store heard of it. */
static void settle_doubt(struct breaker *breaker, bool is_closed, uint64_t time_ns) {
    breaker->settled = BREAKER_SETTLED;
    if (is_closed || breaker->phase != BREAKER_NORMAL)
        return;
    breaker->cause = CAUSE_FOUND;
    breaker->value = 0;
    breaker->decided_ns = breaker->confirmed_ns = time_ns;
    breaker->trips++;
    store_phase(breaker, BREAKER_TRIPPED);
}

void breakers_observe(struct breakers *breakers, unsigned feeder, bool is_closed, uint64_t time_ns) {
    struct breaker *breaker = &breakers->state[feeder];
    if (breaker->settled == BREAKER_DOUBTFUL)
        settle_doubt(breaker, is_closed, time_ns);
    if (breaker->phase == BREAKER_TRIPPED && is_closed && time_ns > breaker->confirmed_ns + LOCAL_CLOSING_NS)
        store_phase(breaker, BREAKER_NORMAL);
}

bool breakers_are_under_way(const struct breakers *breakers) {
    for (unsigned i = 0; i < breakers->config->device_count; i++)
        if (breakers->line[i].feeder >= 0)
            return true;
    return false;
}

void breakers_tick(struct breakers *breakers) {
    for (unsigned i = 0; i < breakers->config->device_count; i++) {
        breakers->line[i].is_paused = false;
        client_watch_tick(&breakers->line[i].watch);
    }
}
