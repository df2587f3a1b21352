/*
 * When a check is tried, and what its result means.
 *
 * All checks share one timer. When a check is due is rounded to a grid of its own interval (an eighth of it, a second at
 * most), so that checks with the same interval are tried in one turn of the loop, in parallel, and an idle machine wakes up
 * once for all of them. Each try has its deadline, kept by its kind.
 *
 * A service that is not ready is not tried: it is starting, stopping or down, which the registry knows better. One that is
 * frozen is not tried either, and says so.
 */
#include "servers/health/monitor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "servers/common/names.h"

#define GRID_MAX_NS GROVE_SECOND
/* Those who are asked together answer within this time where nothing else is to be done. */
#define GATHER_NS 2000000
#define BUSY_DELAY_NS (20 * GROVE_MILLISECOND) /* when as many tries are under way as may be */
/* A service at the limit of its own budget that gives no sign of life this many times longer is taken as hung. */
#define THROTTLED_PATIENCE 3u

static const struct check_kind kinds[] = {
    [GROVE_CHECK_HEARTBEAT] = {heartbeat_start}, [GROVE_CHECK_CALL] = {call_start},
    [GROVE_CHECK_HTTP] = {http_start},           [GROVE_CHECK_TCP] = {tcp_start},
    [GROVE_CHECK_COMMAND] = {command_start},     [GROVE_CHECK_REPORT] = {NULL},
};

/* ---- the tick ---- */

static uint64_t grid_of(uint64_t interval_ns) {
    uint64_t grid_ns = GRID_MAX_NS;
    while (grid_ns > interval_ns / 8 && grid_ns > GROVE_MILLISECOND)
        grid_ns /= 2;
    return grid_ns;
}

static void set_due(struct check *check, uint64_t now_ns) {
    uint64_t grid_ns = grid_of(check->plan.interval_ns);
    uint64_t due_ns = breaker_due_ns(&check->kept->breaker, now_ns + check->plan.interval_ns);
    check->due_ns = (due_ns + grid_ns / 2) / grid_ns * grid_ns;
}

static void try_now(struct check *check, uint64_t now_ns);

static bool check_is_due(const struct check *check) {
    return check->due_ns <= check->watched->monitor->tick_ns && check->try == NULL;
}

static bool is_due(const struct watched *watched) {
    const struct check *check = watched->checks;
    while (check != NULL && !check_is_due(check))
        check = check->next;
    return check != NULL;
}

/* The kernel is asked about all of them before its first answer is waited for: that wakes both once. */
static void tick(struct grove_service *service, void *context) {
    struct monitor *monitor = context;
    (void)service;
    monitor->tick_timer = 0;
    monitor->tick_ns = grove_now_ns();
    services_look_at(monitor, is_due);
}

void checks_gather(unsigned asked) {
    const struct timespec moment = {.tv_nsec = GATHER_NS};
    if (asked > 1)
        (void)nanosleep(&moment, NULL); /* a signal may end it early */
}

void checks_try(struct monitor *monitor) {
    unsigned pings = monitor->pings;
    for (struct watched *watched = monitor->first, *next; watched != NULL; watched = next) {
        next = watched->next;
        for (struct check *check = watched->checks, *after; check != NULL; check = after) {
            after = check->next;
            if (check_is_due(check))
                try_now(check, grove_now_ns());
        }
    }
    checks_schedule(monitor);
    checks_gather(monitor->pings > pings ? monitor->pings - pings : 0);
}

void checks_schedule(struct monitor *monitor) {
    uint64_t first_ns = GROVE_FOREVER, now_ns = grove_now_ns();
    if (monitor->looks > 0)
        return; /* the end of these looks is the next tick */
    for (const struct watched *watched = monitor->first; watched != NULL; watched = watched->next)
        for (const struct check *check = watched->checks; check != NULL; check = check->next)
            if (check->try == NULL && check->due_ns < first_ns)
                first_ns = check->due_ns;
    if (monitor->tick_timer != 0 && monitor->tick_ns <= first_ns)
        return; /* it may come early, and looks again then */
    if (monitor->tick_timer != 0)
        grove_service_cancel(monitor->service, monitor->tick_timer);
    monitor->tick_timer = 0;
    monitor->tick_ns = first_ns;
    if (first_ns != GROVE_FOREVER)
        (void)grove_service_after(monitor->service, first_ns > now_ns ? first_ns - now_ns : 0, tick, monitor,
                                  &monitor->tick_timer);
}

/* ---- tries ---- */

/* A report is due: nothing is asked, it should have come. */
static void expect_report(struct check *check, uint64_t now_ns) {
    uint64_t silent_ns = now_ns - check->kept->last_ns;
    if (!check->is_wanted && silent_ns >= check->plan.interval_ns) {
        char sentence[GROVE_HEALTH_SENTENCE_BYTES];
        (void)snprintf(sentence, sizeof sentence, "it has said nothing for %.3g s",
                       (double)(now_ns - check->asked_ns) / (double)GROVE_SECOND);
        check_result(check, GROVE_CAUSE_FAILED_CHECK, 0, sentence);
    }
    check->is_wanted = false;
    set_due(check, now_ns);
}

/* As much as may be at a time is under way: a moment later, then. */
static bool is_busy(const struct check *check) {
    const struct monitor *monitor = check->watched->monitor;
    return monitor->tries >= HEALTH_TRIES_MAX ||
           (check->plan.kind == GROVE_CHECK_HEARTBEAT && monitor->pings >= HEALTH_PINGS_MAX);
}

static void start_try(struct check *check, uint64_t now_ns) {
    struct monitor *monitor = check->watched->monitor;
    struct try *try = calloc(1, sizeof *try);
    if (try == NULL || is_busy(check)) {
        free(try);
        check->due_ns = now_ns + BUSY_DELAY_NS;
        return;
    }
    *try = (struct try){.check = check,
                        .monitor = monitor,
                        .started_ns = now_ns,
                        .processor_ns = check->watched->processor_ns,
                        .generation = check->watched->generation};
    check->try = try;
    monitor->tries++;
    monitor->pings += check->plan.kind == GROVE_CHECK_HEARTBEAT;
    kinds[check->plan.kind].start(try);
}

static void try_now(struct check *check, uint64_t now_ns) {
    struct watched *watched = check->watched;
    bool is_report = check->plan.kind == GROVE_CHECK_REPORT;
    bool is_possible = watched->is_ready || watched->is_frozen;
    if (!is_possible || (!check->is_wanted && !is_report && !breaker_allows(&check->kept->breaker, now_ns))) {
        check->is_wanted = false;
        set_due(check, now_ns);
        query_probed(watched->monitor);
    } else if (watched->is_frozen) {
        check->is_wanted = false;
        set_due(check, now_ns);
        check_result(check, GROVE_CAUSE_FROZEN, 0, "it is frozen");
        query_probed(watched->monitor);
    } else if (is_report) {
        expect_report(check, now_ns);
        query_probed(watched->monitor);
    } else {
        start_try(check, now_ns);
    }
}

void check_want(struct check *check) {
    check->is_wanted = true;
    check->due_ns = 0;
}

void try_end(struct try *try, uint32_t cause, const char *sentence, ...) {
    char text[GROVE_HEALTH_SENTENCE_BYTES];
    struct check *check = try->check;
    struct monitor *monitor = try->monitor;
    uint64_t now_ns = grove_now_ns();
    uint64_t latency_ns = (try->answered_ns != 0 ? try->answered_ns : now_ns) - try->started_ns;
    bool is_current = check != NULL && try->generation == check->watched->generation;
    va_list arguments;
    va_start(arguments, sentence);
    (void)vsnprintf(text, sizeof text, sentence, arguments);
    va_end(arguments);
    free(try);
    monitor->tries--;
    if (check == NULL)
        return;
    monitor->pings -= check->plan.kind == GROVE_CHECK_HEARTBEAT;
    check->try = NULL;
    check->is_wanted = false;
    if (is_current)
        check_result(check, cause, latency_ns, text);
    set_due(check, now_ns);
    query_probed(monitor);
    checks_schedule(monitor);
}

/* ---- results ---- */

bool check_is_unsure(const struct check *check) {
    return check->unsure > 0;
}

bool check_has_failed(const struct check *check) {
    return check->kept->failures_in_row >= check->plan.failures;
}

static bool is_unsure(struct check *check, uint32_t cause) {
    if (cause == GROVE_CAUSE_THROTTLED)
        return check->unsure < THROTTLED_PATIENCE * check->plan.failures;
    return cause == GROVE_CAUSE_STARVED || cause == GROVE_CAUSE_FROZEN;
}

static void keep(struct check *check, uint32_t cause, uint64_t latency_ns) {
    uint64_t now_ns = grove_now_ns();
    const struct watched *watched = check->watched;
    struct kept_sample sample = {.time_ms = (uint32_t)(now_ns / GROVE_MILLISECOND),
                                 .latency_us =
                                     latency_ns / 1000 < UINT32_MAX ? (uint32_t)(latency_ns / 1000) : UINT32_MAX,
                                 .memory_kib = (uint32_t)(watched->memory_bytes / 1024),
                                 .generation = (uint16_t)watched->generation,
                                 .result = (uint16_t)cause};
    check->kept->tries++;
    check->kept->last_ns = now_ns;
    kept_check_add(check->kept, &sample);
}

void check_result(struct check *check, uint32_t cause, uint64_t latency_ns, const char *sentence) {
    struct watched *watched = check->watched;
    bool is_good = cause == GROVE_CAUSE_NONE;
    check->is_tried = true;
    check->cause = cause;
    text_set(check->reason, sizeof check->reason, is_good ? "" : sentence);
    keep(check, cause, latency_ns);
    if (is_unsure(check, cause)) {
        check->unsure++;
    } else {
        check->unsure = 0;
        check->latency_ns = is_good ? latency_ns : check->latency_ns;
        check->kept->failures += !is_good;
        check->kept->failures_in_row = is_good ? 0 : check->kept->failures_in_row + 1;
        (void)breaker_result(&check->kept->breaker, &check->watched->monitor->settings.breaker, is_good,
                             check->plan.interval_ns, grove_now_ns());
    }
    if (check_has_failed(check))
        alert_raise(watched->monitor, watched->name.text, check->plan.name, check->plan.severity, cause, "%s",
                    check->reason);
    else if (is_good)
        alert_end(watched->monitor, watched->name.text, check->plan.name);
    trends_look(check);
    judge(watched);
}

void checks_new_instance(struct watched *watched) {
    for (struct check *check = watched->checks, *next; check != NULL; check = next) {
        next = check->next;
        if (check->is_extension && check->kept->extension_generation != watched->generation) {
            check_remove(check);
            continue;
        }
        breaker_hope(&check->kept->breaker);
        check->kept->failures_in_row = 0;
        check->kept->generation = watched->generation;
        check->is_tried = false;
        check->unsure = 0;
        check->cause = GROVE_CAUSE_NONE;
        check->reason[0] = '\0';
        check->due_ns =
            grove_now_ns() + (check->plan.interval_ns < GROVE_SECOND ? check->plan.interval_ns : GROVE_SECOND);
    }
}

/* ---- being there ---- */

struct check *check_find(const struct watched *watched, const char *name) {
    struct check *check = watched->checks;
    while (check != NULL && strcmp(check->plan.name, name) != 0)
        check = check->next;
    return check;
}

struct check *check_add(struct watched *watched, const struct grove_health_plan *plan) {
    struct monitor *monitor = watched->monitor;
    struct kept_check *kept = kept_check_find(monitor->kept, watched->name.text, plan->name);
    struct check *check = kept == NULL ? NULL : calloc(1, sizeof *check);
    if (check == NULL) {
        (void)fprintf(stderr, "health: the check %s of %s is left out: %u are the most\n", plan->name,
                      watched->name.text, KEPT_CHECKS_MAX);
        return NULL;
    }
    *check = (struct check){.next = watched->checks, .watched = watched, .plan = *plan, .kept = kept};
    bool is_same = kept->container == watched->container && kept->generation == watched->generation;
    if (!is_same)
        kept->failures_in_row = 0;
    kept->container = watched->container;
    kept->generation = watched->generation;
    check->is_tried = is_same && kept->tries > 0;
    check->cause = check->is_tried && kept_check_samples(kept) > 0
                       ? kept_check_sample(kept, kept_check_samples(kept) - 1)->result
                       : GROVE_CAUSE_NONE;
    if (check->cause != GROVE_CAUSE_NONE)
        (void)snprintf(check->reason, sizeof check->reason, "%s", grove_health_cause_text(check->cause));
    watched->checks = check;
    check->due_ns = grove_now_ns() + (plan->interval_ns < GROVE_SECOND ? plan->interval_ns : GROVE_SECOND);
    check->asked_ns = grove_now_ns();
    if (plan->kind == GROVE_CHECK_REPORT)
        check->due_ns = check->asked_ns + plan->interval_ns + plan->timeout_ns;
    return check;
}

void check_remove(struct check *check) {
    struct watched *watched = check->watched;
    offer_withdraw(check);
    struct check **link = &watched->checks;
    while (*link != check)
        link = &(*link)->next;
    *link = check->next;
    if (check->try != NULL) {
        check->try->check = NULL;
        watched->monitor->pings -= check->plan.kind == GROVE_CHECK_HEARTBEAT;
    }
    alert_end(watched->monitor, watched->name.text, check->plan.name);
    kept_check_release(check->kept);
    if (check->channel != NULL)
        grove_channel_close(check->channel);
    free(check);
}
