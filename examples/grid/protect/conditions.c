/* Conditions and their events; see conditions.h. */
#include "examples/grid/protect/conditions.h"

#include "examples/grid/common/clock.h"

#define UNCONFIRMED_NS 1000000000u
#define SILENT_NS 1000000000u
#define FREQUENCY_BACK_HZ 0.2 /* above the first stage, before "low" is over: one event and not ten */

static uint32_t bit(enum alarm_kind kind) {
    return 1u << kind;
}

static uint32_t breaker_conditions(const struct breaker *breaker, uint64_t now_ns) {
    uint32_t now = 0;
    if (breaker->phase == BREAKER_OPENING || breaker->phase == BREAKER_TRIPPED)
        now |= breaker->cause == CAUSE_SHEDDING ? bit(ALARM_SHED) : bit(ALARM_TRIP);
    if (breaker->phase == BREAKER_OPENING && now_ns > breaker->decided_ns + UNCONFIRMED_NS)
        now |= bit(ALARM_NO_CONFIRMATION);
    return now;
}

static uint32_t grid_conditions(const struct shedding *shedding, const struct grid_config *config, uint32_t told) {
    if (config->stage_count == 0 || shedding->frequency_hz == 0)
        return told;
    double limit = config->stage[0].below_hz + (told & bit(ALARM_FREQUENCY) ? FREQUENCY_BACK_HZ : 0);
    return shedding->frequency_hz < limit ? bit(ALARM_FREQUENCY) : 0;
}

/* One event for each condition that differs from what was told. */
static void tell(uint32_t *told, uint32_t now, struct outbox *outbox, struct alarm_event event) {
    for (unsigned kind = 1; kind < ALARM_KIND_END; kind++) {
        if (!((*told ^ now) & 1u << kind))
            continue;
        event.kind = (uint16_t)kind;
        event.is_over = !(now & 1u << kind);
        event.wall_ns = clock_wall_ns();
        (void)outbox_put(outbox, 0, &event); /* it forgets the oldest and counts that */
        *told ^= 1u << kind;
    }
}

void conditions_update(struct conditions *conditions, struct outbox *outbox, const struct grid_config *config,
                       const struct breaker *breakers, const struct shedding *shedding, const uint64_t *good_ns,
                       uint64_t began_ns) {
    uint64_t now_ns = clock_now_ns();
    for (unsigned i = 0; i < config->feeder_count; i++) {
        uint32_t now = breaker_conditions(&breakers[i], now_ns);
        uint64_t heard_ns = good_ns[i] > began_ns ? good_ns[i] : began_ns;
        if (now_ns > heard_ns + SILENT_NS)
            now |= bit(ALARM_COMMUNICATION);
        tell(&conditions->told[i], now, outbox,
             (struct alarm_event){.feeder = (uint16_t)config->feeder[i].number,
                                  .cause = (uint16_t)breakers[i].cause,
                                  .value = breakers[i].value});
    }
    uint32_t *told = &conditions->told[GRID_FEEDERS_MAX];
    tell(told, grid_conditions(shedding, config, *told), outbox, (struct alarm_event){.value = shedding->frequency_hz});
}
