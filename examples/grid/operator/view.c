/* The operator's view as text; see view.h. */
#include "examples/grid/operator/view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define OLD_NS (2 * GROVE_SECOND)
#define PLAIN "\033[0m"

static const char *colour(const struct view *view, const char *sequence) {
    return view->has_colour ? sequence : "";
}

/* A line of plain text, cut to the window, in one colour ("" for none). */
static void add(struct view *view, const char *sequence, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void add(struct view *view, const char *sequence, const char *format, ...) {
    char text[VIEW_LINE_BYTES - 32];
    va_list arguments;
    if (view->count == VIEW_LINES_MAX)
        return;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): va_start is right above */
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (view->columns < sizeof text)
        text[view->columns] = 0;
    snprintf(view->line[view->count++], VIEW_LINE_BYTES, "%s%s%s", colour(view, sequence), text,
             *sequence ? colour(view, PLAIN) : "");
}

static const struct protect_feeder *protection_of(const struct snapshot *snapshot, unsigned feeder) {
    for (unsigned i = 0; i < snapshot->protect.feeders; i++)
        if (snapshot->protected_feeder[i].feeder == feeder)
            return &snapshot->protected_feeder[i];
    return NULL;
}

static const char *feeder_name(const struct grid_config *config, unsigned feeder) {
    int index = config == NULL ? -1 : config_feeder_index(config, feeder);
    return index < 0 ? "" : config->feeder[index].name;
}

static const char *breaker_text(const struct protect_feeder *protection, bool is_closed) {
    static const char *const phases[] = {NULL, "opening", "TRIPPED", "closing"};
    if (protection != NULL && protection->breaker > BREAKER_NORMAL && protection->breaker <= BREAKER_CLOSING)
        return phases[protection->breaker];
    return is_closed ? "closed" : "open";
}

static const char *quality_text(unsigned quality) {
    if (quality & QUALITY_UNREACHABLE)
        return "unreachable";
    if (quality & QUALITY_NO_ANSWER)
        return "no answer";
    return quality & QUALITY_EXCEPTION ? "refused" : "";
}

static void add_feeder(struct view *view, const struct snapshot *snapshot, const struct grid_config *config,
                       const struct reading *reading) {
    const struct protect_feeder *protection = protection_of(snapshot, reading->feeder);
    bool is_tripped = protection != NULL && protection->breaker != BREAKER_NORMAL;
    const char *note = is_tripped ? trip_cause_text(protection->cause) : quality_text(reading->quality);
    const char *sequence = is_tripped ? "\033[31m" : reading->quality & QUALITY_BAD ? "\033[33m" : "";
    add(view, sequence, "%6u  %-10s %9.0f %9.1f %10.0f  %-8s %s", reading->feeder, feeder_name(config, reading->feeder),
        (double)reading->voltage_v, (double)reading->current_a, (double)reading->power_w / 1000,
        breaker_text(protection, reading->breaker_closed), note);
}

static void add_grid(struct view *view, const struct snapshot *snapshot) {
    const struct protect_status *protect = &snapshot->protect;
    bool is_low = protect->frequency_hz > 0 && protect->frequency_hz < 49.0f;
    add(view, is_low ? "\033[1;31m" : "\033[1m", "Grid  %6.3f Hz   shedding stage %" PRIu32 "   %" PRIu64 " trips",
        (double)protect->frequency_hz, protect->stage, protect->trips);
    add(view, "", "reaction  median %.2f ms  worst %.2f ms  deadline %.0f ms missed %" PRIu64 " of %" PRIu64,
        (double)protect->median_ns / 1e6, (double)protect->worst_ns / 1e6, (double)protect->deadline_ns / 1e6,
        protect->deadline_missed, protect->reactions);
}

static void add_readings(struct view *view, const struct snapshot *snapshot) {
    const struct historian_counts *stored = &snapshot->historian;
    add(view, "",
        "readings  taken %" PRIu64 "  stored %" PRIu64 "  missing %" PRIu64 "  redelivered %" PRIu64
        "  waiting %" PRIu64,
        snapshot->acquire.taken, stored->stored, stored->missing, stored->redelivered + snapshot->protect.redelivered,
        snapshot->acquire.waiting);
    if (stored->is_blocked)
        add(view, "\033[31m", "the historian's disk takes nothing; readings wait");
}

static void add_system(struct view *view, const struct snapshot *snapshot, uint64_t now_ns) {
    char silent[128] = "";
    for (unsigned i = 0; i < SOURCE_COUNT; i++)
        if (snapshot->source[i].answered_ns + OLD_NS < now_ns) {
            size_t used = strlen(silent);
            snprintf(silent + used, sizeof silent - used, " %s", snapshot_source_name((enum source)i));
        }
    add(view, silent[0] ? "\033[33m" : "", "services  %u of %u ready  %" PRIu64 " restarts%s%s",
        snapshot->services_ready, snapshot->services, snapshot->restarts, silent[0] ? "  no answer from:" : "", silent);
}

/* What the system's services say of the grid. */
static void add_platform(struct view *view, const struct snapshot *snapshot) {
    const struct protect_status *protect = &snapshot->protect;
    add(view, protect->followed < protect->feeders ? "\033[33m" : "",
        "settings  change %" PRIu64 "   intents %" PRIu32 " of %" PRIu32 "   dead letters %" PRIu64, protect->settings,
        protect->followed, protect->feeders, snapshot->bus.dead_letters);
    bool is_ill = snapshot->ill.status > GROVE_HEALTH_OK;
    add(view, is_ill ? "\033[33m" : "", "health    %s%s%s%s%s", grove_health_status_text(snapshot->health.status),
        is_ill ? "   " : "", snapshot->ill.name.text, is_ill ? ": " : "", snapshot->ill.reason);
}

static void add_alarms(struct view *view, const struct snapshot *snapshot, const struct grid_config *config) {
    unsigned shown = snapshot->alarm_count < view->alarms_most ? snapshot->alarm_count : view->alarms_most;
    for (unsigned i = 0; i < shown; i++) {
        const struct alarm_record *alarm = &snapshot->alarm[i];
        time_t seconds = (time_t)(alarm->raised_wall_ns / 1000000000u);
        struct tm local;
        char clock[16] = "", place[96] = "grid";
        if (localtime_r(&seconds, &local) != NULL)
            strftime(clock, sizeof clock, "%H:%M:%S", &local);
        if (alarm->feeder != 0)
            snprintf(place, sizeof place, "feeder %u %s", alarm->feeder, feeder_name(config, alarm->feeder));
        add(view, alarm->ended_wall_ns ? "" : "\033[31m", "alarm %-4" PRIu64 " %s  %s: %s%s%s%s", alarm->number, clock,
            place, alarm_kind_text(alarm->kind), alarm->kind == ALARM_TRIP ? ", " : "",
            alarm->kind == ALARM_TRIP ? trip_cause_text(alarm->cause) : "",
            alarm->ended_wall_ns          ? "  (over)"
            : alarm->acknowledged_wall_ns ? "  (acknowledged)"
                                          : "");
    }
    if (snapshot->alarm_count > shown)
        add(view, "", "and %u more alarms", snapshot->alarm_count - shown);
}

void view_make(struct view *view, const struct snapshot *snapshot, const struct grid_config *config, uint64_t now_ns) {
    view->count = 0;
    add_grid(view, snapshot);
    add(view, "\033[4m", "%6s  %-10s %9s %9s %10s  %-8s %-14s", "feeder", "name", "V", "A", "kW", "breaker", "");
    for (unsigned i = 0; i < snapshot->acquire.feeders; i++)
        add_feeder(view, snapshot, config, &snapshot->latest[i]);
    add_readings(view, snapshot);
    add_system(view, snapshot, now_ns);
    add_platform(view, snapshot);
    add_alarms(view, snapshot, config);
}

void view_line(char *text, size_t size_bytes, const struct snapshot *snapshot, uint64_t seconds) {
    const struct protect_status *protect = &snapshot->protect;
    unsigned open = 0;
    for (unsigned i = 0; i < protect->feeders; i++)
        open += snapshot->protected_feeder[i].breaker != BREAKER_NORMAL;
    snprintf(text, size_bytes,
             "%4" PRIu64 " s  %6.3f Hz  taken %" PRIu64 "  stored %" PRIu64 "  missing %" PRIu64
             "  redelivered %" PRIu64 "  tripped %u  stage %" PRIu32
             "  alarms %u  reaction %.2f/%.2f ms  settings %" PRIu64 "  health %s  dead letters %" PRIu64
             "  restarts %" PRIu64 "%s",
             seconds, (double)protect->frequency_hz, snapshot->acquire.taken, snapshot->historian.stored,
             snapshot->historian.missing, snapshot->historian.redelivered + protect->redelivered, open, protect->stage,
             snapshot->alarm_count, (double)protect->median_ns / 1e6, (double)protect->worst_ns / 1e6,
             protect->settings, grove_health_status_text(snapshot->health.status), snapshot->bus.dead_letters,
             snapshot->restarts, snapshot->historian.is_blocked ? "  DISK FULL" : "");
}
