/*
 * What grows: memory towards its limit, latency towards the timeout, errors towards all of them. Each is a line through
 * the samples of this instance (trend.h); what the line says is announced before it happens.
 *
 * Memory belongs to the service, and is looked at through the check that is tried most often. Without a limit, growth is
 * announced when it is a fifth of all in the time that is remembered. The thresholds can be configured (settings.c).
 */
#include "servers/health/monitor.h"
#include "servers/health/trend.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Linux charges memory in batches of 64 pages for each processor: an account moves by these though nothing grows. */
#define CHARGE_BATCH_KIB 256.0
#define NOISE_PART 0.01
#define ERROR_WINDOW 8u

/* Samples of the instance that runs, the oldest first; x in seconds before now, and so negative. */
static unsigned collect(const struct check *check, const struct kept_sample *samples[KEPT_SAMPLES]) {
    unsigned all = kept_check_samples(check->kept), first = all, count = 0;
    while (first > 0 && kept_check_sample(check->kept, first - 1)->generation == (uint16_t)check->watched->generation)
        first--;
    for (unsigned index = first; index < all; index++)
        samples[count++] = kept_check_sample(check->kept, index);
    return count;
}

static double seconds_before(const struct kept_sample *sample, const struct kept_sample *last) {
    return -(double)(uint32_t)(last->time_ms - sample->time_ms) / 1000.0; /* modulo 2^32, as the times are */
}

static double seconds_of(uint64_t span_ns) {
    return (double)span_ns / 1e9;
}

/* What comes later than that is not announced. */
static bool is_near(const struct watched *watched, double left_s) {
    return left_s < seconds_of(watched->monitor->settings.horizon_ns);
}

/* ---- words ---- */

static void span_text(double seconds, char *text, size_t text_bytes) {
    if (seconds < 90)
        (void)snprintf(text, text_bytes, "%.0f s", seconds);
    else if (seconds < 5400)
        (void)snprintf(text, text_bytes, "%.0f min", seconds / 60);
    else
        (void)snprintf(text, text_bytes, "%.1f h", seconds / 3600);
}

static void amount_text(double kib, char *text, size_t text_bytes) {
    if (kib < 1024)
        (void)snprintf(text, text_bytes, "%.0f KiB", kib);
    else if (kib < 1024.0 * 1024)
        (void)snprintf(text, text_bytes, "%.1f MiB", kib / 1024);
    else
        (void)snprintf(text, text_bytes, "%.1f GiB", kib / 1024 / 1024);
}

/* ---- memory ---- */

static bool is_leader(const struct check *check) {
    for (const struct check *other = check->watched->checks; other != NULL; other = other->next)
        if (other->plan.interval_ns < check->plan.interval_ns ||
            (other->plan.interval_ns == check->plan.interval_ns && other < check))
            return false;
    return true;
}

static void announce_memory(const struct watched *watched, const struct trend *trend, double limit_kib) {
    char rate[32], span[32];
    double left_s = (limit_kib - trend->level) / trend->slope;
    amount_text(trend->slope * 60, rate, sizeof rate);
    span_text(left_s < 0 ? 0 : left_s, span, sizeof span);
    alert_raise(watched->monitor, watched->name.text, "memory",
                left_s < seconds_of(watched->monitor->settings.urgent_ns) ? GROVE_SEVERITY_CRITICAL
                                                                          : GROVE_SEVERITY_WARNING,
                GROVE_CAUSE_TREND, "memory grows %s/min, limit in %s", rate, span);
}

/* Growth over all samples that is nothing. */
static double noise_kib(void) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return CHARGE_BATCH_KIB * (double)((processors > 0 ? processors : 1) + 1);
}

static void look_at_memory(const struct check *check, const struct kept_sample *const samples[], unsigned count) {
    struct trend_point points[KEPT_SAMPLES];
    struct trend trend;
    const struct watched *watched = check->watched;
    double limit_kib = (double)watched->memory_limit_bytes / 1024;
    unsigned used = 0;
    for (unsigned index = 0; index < count; index++)
        if (samples[index]->memory_kib != 0)
            points[used++] = (struct trend_point){seconds_before(samples[index], samples[count - 1]),
                                                  (double)samples[index]->memory_kib};
    if (!trend_fit(points, used, &trend))
        return;
    double growth_kib = trend.level - trend.first;
    bool is_growth = trend.is_rising && growth_kib > noise_kib() && growth_kib > NOISE_PART * trend.level;
    if (is_growth && limit_kib > 0 && is_near(watched, (limit_kib - trend.level) / trend.slope)) {
        announce_memory(watched, &trend, limit_kib);
    } else if (is_growth && limit_kib <= 0 && growth_kib > watched->monitor->settings.growth * trend.level) {
        char rate[32];
        amount_text(trend.slope * 60, rate, sizeof rate);
        alert_raise(watched->monitor, watched->name.text, "memory", GROVE_SEVERITY_WARNING, GROVE_CAUSE_TREND,
                    "memory grows %s/min, and has no limit", rate);
    } else {
        alert_end(watched->monitor, watched->name.text, "memory");
    }
}

/* ---- latency ---- */

static void look_at_latency(const struct check *check, const struct kept_sample *const samples[], unsigned count) {
    struct trend_point points[KEPT_SAMPLES];
    struct trend trend;
    char what[KEPT_WHAT_BYTES], span[32];
    const struct watched *watched = check->watched;
    double timeout_us = (double)check->plan.timeout_ns / 1000;
    unsigned used = 0;
    for (unsigned index = 0; index < count; index++)
        if (samples[index]->result == GROVE_CAUSE_NONE)
            points[used++] = (struct trend_point){seconds_before(samples[index], samples[count - 1]),
                                                  (double)samples[index]->latency_us};
    if (check->plan.kind == GROVE_CHECK_REPORT || !trend_fit(points, used, &trend))
        return;
    (void)snprintf(what, sizeof what, "latency %s", check->plan.name);
    double left_s = (timeout_us - trend.level) / trend.slope;
    bool is_growth = trend.is_rising && trend.level > 2 * trend.first && trend.level > timeout_us / 20;
    if (is_growth && is_near(watched, left_s)) {
        span_text(left_s < 0 ? 0 : left_s, span, sizeof span);
        alert_raise(watched->monitor, watched->name.text, what, GROVE_SEVERITY_WARNING, GROVE_CAUSE_TREND,
                    "the check %s takes %.3g ms, and longer each time: its timeout in %s", check->plan.name,
                    trend.level / 1000, span);
    } else {
        alert_end(watched->monitor, watched->name.text, what);
    }
}

/* ---- errors ---- */

/* The share of failures in a window that moves on by one. */
static unsigned error_rates(const struct kept_sample *const samples[], unsigned count, struct trend_point points[]) {
    unsigned failures = 0, used = 0;
    for (unsigned index = 0; index < count; index++) {
        failures += samples[index]->result != GROVE_CAUSE_NONE;
        if (index >= ERROR_WINDOW)
            failures -= samples[index - ERROR_WINDOW]->result != GROVE_CAUSE_NONE;
        if (index + 1 >= ERROR_WINDOW)
            points[used++] = (struct trend_point){seconds_before(samples[index], samples[count - 1]),
                                                  (double)failures / ERROR_WINDOW};
    }
    return used;
}

static void look_at_errors(const struct check *check, const struct kept_sample *const samples[], unsigned count) {
    struct trend_point points[KEPT_SAMPLES];
    struct trend trend;
    char what[KEPT_WHAT_BYTES], span[32];
    const struct watched *watched = check->watched;
    unsigned used = error_rates(samples, count, points);
    if (!trend_fit(points, used, &trend))
        return;
    (void)snprintf(what, sizeof what, "errors %s", check->plan.name);
    double left_s = (watched->monitor->settings.errors - trend.level) / trend.slope;
    if (trend.is_rising && trend.level > 1.0 / ERROR_WINDOW && is_near(watched, left_s) && !check_has_failed(check)) {
        span_text(left_s < 0 ? 0 : left_s, span, sizeof span);
        alert_raise(watched->monitor, watched->name.text, what, GROVE_SEVERITY_WARNING, GROVE_CAUSE_TREND,
                    "the check %s fails %.0f%% of the time, and more and more: %.0f%% in %s", check->plan.name,
                    100 * trend.level, 100 * watched->monitor->settings.errors, span);
    } else {
        alert_end(watched->monitor, watched->name.text, what);
    }
}

void trends_look(struct check *check) {
    const struct kept_sample *samples[KEPT_SAMPLES];
    unsigned count = collect(check, samples);
    if (count < TREND_POINTS_MIN)
        return;
    if (is_leader(check))
        look_at_memory(check, samples, count);
    look_at_latency(check, samples, count);
    look_at_errors(check, samples, count);
}
