/* The end of a run; see summary.h. */
#include "examples/grid/operator/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CATCH_UP_NS (15 * GROVE_SECOND)
#define PLATFORM_NS (3 * GROVE_SECOND)
#define ASK_EVERY_NS (50 * GROVE_MILLISECOND)

uint64_t summary_lost(const struct reading *numbered, unsigned count, const struct historian_feeder *stored,
                      unsigned stored_count) {
    uint64_t lost = 0;
    for (unsigned i = 0; i < count; i++) {
        uint64_t on_disk = 0;
        for (unsigned k = 0; k < stored_count; k++)
            if (stored[k].feeder == numbered[i].feeder && stored[k].epoch == numbered[i].epoch)
                on_disk = stored[k].sequence;
        lost += numbered[i].sequence > on_disk ? numbered[i].sequence - on_disk : 0;
    }
    return lost;
}

/* Ask until a source has answered a question asked from now on. */
static bool ask_anew(struct snapshot *snapshot, enum source source, uint64_t end_ns) {
    /* The answer to a question that is under way already may be older than the end of the run: take the one after. */
    uint64_t wanted = snapshot->source[source].answers + (snapshot->source[source].is_asked ? 2 : 1);
    while (snapshot->source[source].answers < wanted && grove_now_ns() < end_ns) {
        snapshot_refresh(snapshot);
        (void)grove_session_dispatch(snapshot->session, ASK_EVERY_NS);
    }
    return snapshot->source[source].answers >= wanted;
}

static uint64_t sum_of_numbers(const struct reading *numbered, unsigned count) {
    uint64_t sum = 0;
    for (unsigned i = 0; i < count; i++)
        sum += numbered[i].sequence;
    return sum;
}

/* Protection's own stream: what it never got, beyond what its outbox forgot on purpose. */
static uint64_t lost_by_protection(const struct snapshot *snapshot) {
    uint64_t missing = snapshot->protect.missing, dropped = snapshot->acquire.protect_dropped;
    return missing > dropped ? missing - dropped : 0;
}

/* Of health and of the bus the newest is wanted, and an old answer is no loss. */
static void print_platform(struct snapshot *snapshot, uint64_t end_ns) {
    const struct protect_status *protect = &snapshot->protect;
    bool is_health = ask_anew(snapshot, SOURCE_HEALTH, end_ns), is_bus = ask_anew(snapshot, SOURCE_BUS, end_ns);
    printf("settings    change %" PRIu64 "  intents %" PRIu32 " of %" PRIu32 "  trips without %" PRIu64,
           protect->settings, protect->followed, protect->feeders, protect->unprepared);
    printf("  health %s", is_health ? grove_health_status_text(snapshot->health.status) : "not known");
    if (is_bus)
        printf("  dead letters %" PRIu64 "\n", snapshot->bus.dead_letters);
    else
        puts("  dead letters not known");
}

int summary_print(struct snapshot *snapshot) {
    struct reading numbered[GRID_FEEDERS_MAX];
    uint64_t end_ns = grove_now_ns() + CATCH_UP_NS;
    bool is_known = ask_anew(snapshot, SOURCE_ACQUIRE, end_ns);
    struct acquire_status acquire = snapshot->acquire;
    memcpy(numbered, snapshot->latest, sizeof numbered);
    is_known = is_known && ask_anew(snapshot, SOURCE_PROTECT, end_ns);
    uint64_t behind = UINT64_MAX;
    while (is_known && behind > 0 && ask_anew(snapshot, SOURCE_HISTORIAN, end_ns))
        behind = summary_lost(numbered, acquire.feeders, snapshot->stored_feeder, snapshot->historian.feeders);
    is_known = is_known && behind != UINT64_MAX;
    uint64_t lost = behind + snapshot->historian.missing + lost_by_protection(snapshot);
    uint64_t taken = sum_of_numbers(numbered, acquire.feeders);
    const struct protect_status *protect = &snapshot->protect;
    puts("");
    if (!is_known) {
        puts("summary: acquire, protect or historian did not answer, so what was lost is not known");
        return 1;
    }
    printf("readings    taken %" PRIu64 "  stored %" PRIu64 "  lost %" PRIu64 "  redelivered %" PRIu64 "\n", taken,
           taken - behind - snapshot->historian.missing, lost, snapshot->historian.redelivered + protect->redelivered);
    printf("protection  trips %" PRIu64 "  deadlines missed %" PRIu64 " of %" PRIu64
           "  reaction median %.2f ms  worst %.2f ms\n",
           protect->trips, protect->deadline_missed, protect->reactions, (double)protect->median_ns / 1e6,
           (double)protect->worst_ns / 1e6);
    printf("system      restarts %" PRIu64 "  poll cycles %" PRIu64 "  missed %" PRIu64
           "  refused for want of room %" PRIu64 "\n",
           snapshot->restarts, acquire.cycles, acquire.missed_cycles, acquire.refused);
    print_platform(snapshot, grove_now_ns() + PLATFORM_NS);
    fflush(stdout);
    return lost == 0 ? 0 : 1;
}
