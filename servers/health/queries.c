/*
 * Methods that ask, PROBE among them, and silences.
 */
#include "servers/health/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/health/trend.h"

/* One page on its way out; one thread, so one is enough. The largest structure is a check. */
static struct {
    struct grove_health_page head;
    union {
        struct grove_health_record records[GROVE_HEALTH_PAGE_RECORDS];
        struct grove_health_check checks[GROVE_HEALTH_PAGE_RECORDS];
        struct grove_health_alert alerts[GROVE_HEALTH_PAGE_RECORDS];
        struct grove_health_silence silences[GROVE_HEALTH_PAGE_RECORDS];
        struct grove_health_sample samples[KEPT_SAMPLES];
    } body;
} page;

/* ---- requests ---- */

int query_copy(struct grove_request *request, void *copy, size_t bytes) {
    uint32_t version;
    if (grove_request_bytes(request) < bytes) {
        (void)grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                         grove_request_bytes(request), bytes);
        return GROVE_INVALID;
    }
    memcpy(copy, grove_request_data(request), bytes);
    memcpy(&version, copy, sizeof version);
    if (version != GROVE_HEALTH_VERSION)
        return grove_fail(request, GROVE_VERSION, "the health service speaks version %u of its protocol, not %u",
                          GROVE_HEALTH_VERSION, version);
    return 0;
}

bool query_may_change(struct grove_request *request, const char *what) {
    if (grove_request_client_ring(request) != 2)
        return true;
    (void)grove_fail(request, GROVE_DENIED, "%s may not %s: shells and system services may",
                     grove_request_client(request), what);
    return false;
}

static int copy_query(struct grove_request *request, struct grove_health_query *query) {
    int status = query_copy(request, query, sizeof *query);
    if (status == 0 && (!text_is_terminated(query->name.text, sizeof query->name.text) ||
                        !text_is_terminated(query->check, sizeof query->check)))
        return grove_fail(request, GROVE_INVALID, "a name in the query does not end");
    return status;
}

void query_head(const struct monitor *monitor, struct grove_health_page *head) {
    *head = (struct grove_health_page){.version = GROVE_HEALTH_VERSION, .status = GROVE_HEALTH_OK};
    for (const struct watched *watched = monitor->first; watched != NULL; watched = watched->next) {
        head->counts[watched->status]++;
        if (watched->status > head->status)
            head->status = watched->status;
    }
}

static int send(struct grove_request *request, size_t each_bytes) {
    return grove_reply(request, &page, sizeof page.head + page.head.count * each_bytes);
}

struct later *later_add(struct monitor *monitor, struct later **list, struct grove_request *request) {
    struct later *later = calloc(1, sizeof *later);
    if (later == NULL || grove_request_defer(request) < 0) {
        free(later);
        (void)grove_fail(request, GROVE_NO_MEMORY, "the health service has no memory for another request");
        return NULL;
    }
    *later = (struct later){.next = *list, .monitor = monitor, .request = request};
    *list = later;
    return later;
}

void later_done(struct later **link) {
    struct later *later = *link;
    *link = later->next;
    if (later->timer != 0)
        grove_service_cancel(later->monitor->service, later->timer);
    grove_request_finish(later->request);
    free(later);
}

/* ---- QUERY ---- */

void query_fill(const struct watched *watched, struct grove_health_record *record) {
    *record = (struct grove_health_record){.name = watched->name,
                                           .status = watched->status,
                                           .cause = watched->cause,
                                           .generation = watched->generation,
                                           .alerts = alerts_count(watched->monitor, watched->name.text),
                                           .since_ns = watched->since_ns,
                                           .sequence = watched->sequence,
                                           .memory_bytes = watched->memory_bytes};
    for (const struct check *check = watched->checks; check != NULL; check = check->next) {
        record->checks++;
        record->failing += check_has_failed(check);
    }
    text_set(record->reason, sizeof record->reason, watched->reason);
}

int query_records(struct grove_request *request, void *context) {
    struct monitor *monitor = context;
    struct grove_health_query query;
    uint32_t place = 0;
    int status = copy_query(request, &query);
    if (status < 0)
        return status;
    services_sweep(monitor);
    query_head(monitor, &page.head);
    for (const struct watched *watched = monitor->first; watched != NULL; watched = watched->next, place++) {
        if (place < query.cursor || watched->status < query.least ||
            (query.name.text[0] != '\0' && !name_matches(query.name.text, watched->name.text)))
            continue;
        if (page.head.count == GROVE_HEALTH_PAGE_RECORDS) {
            page.head.cursor = place;
            break;
        }
        query_fill(watched, &page.body.records[page.head.count++]);
    }
    return send(request, sizeof page.body.records[0]);
}

/* ---- CHECKS, HISTORY, PROBE ---- */

static uint64_t median_latency_ns(const struct check *check) {
    double latencies[KEPT_SAMPLES];
    unsigned used = 0;
    for (unsigned index = 0; index < kept_check_samples(check->kept); index++) {
        const struct kept_sample *sample = kept_check_sample(check->kept, index);
        if (sample->result == GROVE_CAUSE_NONE)
            latencies[used++] = (double)sample->latency_us;
    }
    return (uint64_t)(trend_median(latencies, used) * 1000);
}

static void fill_check(const struct check *check, struct grove_health_check *out) {
    *out = (struct grove_health_check){.service = check->watched->name,
                                       .plan = check->plan,
                                       .status = judge_check(check),
                                       .cause = check->cause,
                                       .breaker = check->kept->breaker.state,
                                       .failures_in_row = check->kept->failures_in_row,
                                       .tries = check->kept->tries,
                                       .failures = check->kept->failures,
                                       .latency_ns = check->latency_ns,
                                       .latency_median_ns = median_latency_ns(check),
                                       .last_ns = check->kept->last_ns,
                                       .next_ns = check->due_ns};
    text_set(out->reason, sizeof out->reason, check->reason);
}

/* From the check in this place on. */
static int send_checks(struct grove_request *request, const struct watched *watched, uint32_t cursor) {
    uint32_t place = 0;
    query_head(watched->monitor, &page.head);
    for (const struct check *check = watched->checks; check != NULL; check = check->next, place++) {
        if (place < cursor)
            continue;
        if (page.head.count == GROVE_HEALTH_PAGE_RECORDS) {
            page.head.cursor = place;
            break;
        }
        fill_check(check, &page.body.checks[page.head.count++]);
    }
    return send(request, sizeof page.body.checks[0]);
}

static int no_checks(struct grove_request *request, const char *name) {
    return grove_fail(request, GROVE_NOT_FOUND,
                      "%s has no checks; write some below health: in its manifest, or try `grove health --probe %s`",
                      name, name);
}

int query_checks(struct grove_request *request, void *context) {
    struct monitor *monitor = context;
    struct grove_health_query query;
    int status = copy_query(request, &query);
    if (status < 0)
        return status;
    const struct watched *watched = services_find(monitor, query.name.text);
    return watched == NULL ? no_checks(request, query.name.text) : send_checks(request, watched, query.cursor);
}

int query_history(struct grove_request *request, void *context) {
    struct monitor *monitor = context;
    struct grove_health_query query;
    int status = copy_query(request, &query);
    if (status < 0)
        return status;
    const struct watched *watched = services_find(monitor, query.name.text);
    const struct check *check = watched == NULL ? NULL : check_find(watched, query.check);
    if (check == NULL)
        return grove_fail(request, GROVE_NOT_FOUND, "%s has no check %s; `grove health %s` lists those it has",
                          query.name.text, query.check, query.name.text);
    uint64_t now_ns = grove_now_ns();
    query_head(monitor, &page.head);
    for (unsigned index = 0; index < kept_check_samples(check->kept); index++) {
        const struct kept_sample *sample = kept_check_sample(check->kept, index);
        uint32_t ago_ms = (uint32_t)(now_ns / GROVE_MILLISECOND) - sample->time_ms;
        page.body.samples[page.head.count++] =
            (struct grove_health_sample){.time_ns = now_ns - ago_ms * GROVE_MILLISECOND,
                                         .latency_us = sample->latency_us,
                                         .memory_kib = sample->memory_kib,
                                         .result = sample->result,
                                         .generation = sample->generation};
    }
    return send(request, sizeof page.body.samples[0]);
}

static bool is_probing(const struct watched *watched) {
    for (const struct check *check = watched->checks; check != NULL; check = check->next)
        if (check->is_wanted || check->try != NULL)
            return true;
    return false;
}

#define ASKED_NAME "asked" /* the check of a probe, of a service that has none */

static void forget_asked(struct watched *watched) {
    struct check *check = check_find(watched, ASKED_NAME);
    if (check == NULL || !check->is_extension || check->plan.kind != GROVE_CHECK_HEARTBEAT)
        return;
    check_remove(check);
    judge(watched);
}

void query_probed(struct monitor *monitor) {
    struct later **link = &monitor->probes;
    while (*link != NULL) {
        struct later *later = *link;
        struct watched *watched = services_find(monitor, later->name.text);
        if (watched != NULL && is_probing(watched)) {
            link = &later->next;
            continue;
        }
        if (watched == NULL)
            (void)grove_fail(later->request, GROVE_NOT_FOUND, "%s is gone", later->name.text);
        else
            (void)send_checks(later->request, watched, 0);
        later_done(link);
        if (watched != NULL)
            forget_asked(watched);
    }
}

/* One that names no check is asked for a heartbeat this once. */
static int ask_for_heartbeat(struct grove_request *request, struct watched *watched) {
    struct grove_health_plan plan = {.kind = GROVE_CHECK_HEARTBEAT,
                                     .severity = GROVE_SEVERITY_WARNING,
                                     .failures = 1000,
                                     .timeout_ns = 2 * GROVE_SECOND,
                                     .interval_ns = UINT64_C(100) * 365 * 24 * 3600 * GROVE_SECOND,
                                     .name = ASKED_NAME};
    struct check *check = check_add(watched, &plan);
    if (check == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "%u checks are registered, which is the limit", KEPT_CHECKS_MAX);
    extension_mark(check);
    return 0;
}

int query_probe(struct grove_request *request, void *context) {
    struct monitor *monitor = context;
    struct grove_health_query query;
    int status = copy_query(request, &query);
    if (status < 0)
        return status;
    if (!service_name_is_valid(&query.name))
        return grove_fail(request, GROVE_INVALID, "a probe is of one service, by its full name");
    struct watched *watched = services_add(monitor, query.name.text);
    if (watched == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "there is no memory for another service");
    if (!services_look(watched))
        return grove_fail(request, GROVE_NOT_FOUND, "there is no service %s", query.name.text);
    if (watched->checks == NULL)
        status = ask_for_heartbeat(request, watched);
    struct later *later = status < 0 ? NULL : later_add(monitor, &monitor->probes, request);
    if (later == NULL)
        return status < 0 ? status : GROVE_NO_MEMORY;
    later->name = query.name;
    for (struct check *check = watched->checks; check != NULL; check = check->next)
        check_want(check);
    checks_schedule(monitor);
    return 0;
}

/* ---- ALERTS, SILENCE ---- */

static void fill_alert(const struct monitor *monitor, const struct kept_alert *alert, struct grove_health_alert *out) {
    *out = (struct grove_health_alert){.service = alert->service,
                                       .severity = alert->severity,
                                       .cause = alert->cause,
                                       .since_ns = alert->since_ns,
                                       .last_ns = alert->last_ns,
                                       .times = alert->times,
                                       .is_silenced = alerts_is_silenced(monitor, alert->service.text)};
    text_set(out->check, sizeof out->check, alert->what);
    text_set(out->text, sizeof out->text, alert->text);
}

int query_alerts(struct grove_request *request, void *context) {
    struct monitor *monitor = context;
    struct grove_health_query query;
    int status = copy_query(request, &query);
    if (status < 0)
        return status;
    query_head(monitor, &page.head);
    for (uint32_t index = query.cursor; index < KEPT_ALERTS_MAX; index++) {
        const struct kept_alert *alert = &monitor->kept->alerts[index];
        if (alert->service.text[0] == '\0' ||
            (query.name.text[0] != '\0' && !name_matches(query.name.text, alert->service.text)))
            continue;
        if (page.head.count == GROVE_HEALTH_PAGE_RECORDS) {
            page.head.cursor = index;
            break;
        }
        fill_alert(monitor, alert, &page.body.alerts[page.head.count++]);
    }
    return send(request, sizeof page.body.alerts[0]);
}

static struct kept_silence *silence_place(struct kept *kept, const char *pattern, uint64_t now_ns) {
    struct kept_silence *free_one = NULL;
    for (unsigned index = 0; index < KEPT_SILENCES_MAX; index++) {
        struct kept_silence *silence = &kept->silences[index];
        if (strcmp(silence->pattern.text, pattern) == 0)
            return silence;
        if (silence->pattern.text[0] == '\0' || silence->until_ns <= now_ns)
            free_one = silence;
    }
    return free_one;
}

int query_silence(struct grove_request *request, void *context) {
    struct monitor *monitor = context;
    struct grove_health_silence wanted;
    uint64_t now_ns = grove_now_ns();
    int status = query_copy(request, &wanted, sizeof wanted);
    if (status < 0)
        return status;
    if (!query_may_change(request, "silence alerts"))
        return GROVE_DENIED;
    if (!text_is_terminated(wanted.name.text, sizeof wanted.name.text) || wanted.name.text[0] == '\0')
        return grove_fail(request, GROVE_INVALID, "a silence is for a service, or a pattern like grid.*");
    struct kept_silence *silence = silence_place(monitor->kept, wanted.name.text, now_ns);
    if (silence == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "%u silences hold, which is the limit", KEPT_SILENCES_MAX);
    silence->until_ns = wanted.duration_ns < GROVE_FOREVER - now_ns ? now_ns + wanted.duration_ns : GROVE_FOREVER;
    silence->pattern = wanted.name;
    if (wanted.duration_ns == 0)
        silence->pattern.text[0] = '\0';
    return 0;
}

int query_silences(struct grove_request *request, void *context) {
    struct monitor *monitor = context;
    uint64_t now_ns = grove_now_ns();
    query_head(monitor, &page.head);
    for (unsigned index = 0; index < KEPT_SILENCES_MAX; index++) {
        const struct kept_silence *silence = &monitor->kept->silences[index];
        if (silence->pattern.text[0] == '\0' || silence->until_ns <= now_ns)
            continue;
        page.body.silences[page.head.count++] = (struct grove_health_silence){
            .version = GROVE_HEALTH_VERSION, .name = silence->pattern, .duration_ns = silence->until_ns - now_ns};
    }
    return send(request, sizeof page.body.silences[0]);
}
