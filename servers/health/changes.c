/*
 * Telling of changes: WATCH, the events health.changed and health.alert, and the log.
 *
 * Requests that wait are answered in one go after the turn in which something changed. Sequence numbers begin anew, and
 * higher, with each instance of this process, so that whoever asks with an old one is told everything once more.
 */
#include "servers/health/monitor.h"

#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/health/events.h"
#include "servers/registry/protocol.h"

static uint64_t newest; /* sequence */

static uint64_t next_sequence(const struct monitor *monitor) {
    if (newest == 0)
        newest = (uint64_t)grove_session_identity(monitor->session)->generation << 32;
    return ++newest;
}

/* ---- WATCH ---- */

static struct {
    struct grove_health_page head;
    struct grove_health_record records[GROVE_HEALTH_PAGE_RECORDS];
} page;

static const struct watched *next_change(const struct monitor *monitor, const char *pattern, uint64_t since) {
    const struct watched *oldest = NULL;
    for (const struct watched *watched = monitor->first; watched != NULL; watched = watched->next)
        if (watched->sequence > since && (oldest == NULL || watched->sequence < oldest->sequence) &&
            (pattern[0] == '\0' || name_matches(pattern, watched->name.text)))
            oldest = watched;
    return oldest;
}

/* The oldest changes first, so that what does not fit comes with the next call. */
static void fill(const struct monitor *monitor, const char *pattern, uint64_t since) {
    const struct watched *watched = next_change(monitor, pattern, since);
    query_head(monitor, &page.head);
    page.head.sequence = newest;
    while (watched != NULL && page.head.count < GROVE_HEALTH_PAGE_RECORDS) {
        query_fill(watched, &page.records[page.head.count++]);
        watched = next_change(monitor, pattern, watched->sequence);
    }
    if (watched != NULL)
        page.head.sequence = page.records[page.head.count - 1].sequence;
}

static int send(struct grove_request *request) {
    return grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.records[0]);
}

static void tell(struct grove_service *service, void *context) {
    struct monitor *monitor = context;
    struct later **link = &monitor->watches;
    (void)service;
    monitor->is_tell_due = false;
    while (*link != NULL) {
        struct later *later = *link;
        fill(monitor, later->name.text, later->sequence);
        if (page.head.count == 0) {
            link = &later->next;
            continue;
        }
        (void)send(later->request);
        later_done(link);
    }
}

static void ran_out(struct grove_service *service, void *context) {
    struct later *later = context;
    struct later **link = &later->monitor->watches;
    (void)service;
    while (*link != later)
        link = &(*link)->next;
    later->timer = 0;
    fill(later->monitor, later->name.text, later->sequence);
    (void)send(later->request);
    later_done(link);
}

int change_watch(struct grove_request *request, void *context) {
    struct monitor *monitor = context;
    struct grove_health_watch watch;
    int status = query_copy(request, &watch, sizeof watch);
    if (status < 0)
        return status;
    if (!text_is_terminated(watch.name.text, sizeof watch.name.text))
        return grove_fail(request, GROVE_INVALID, "the pattern is longer than %u bytes", GROVE_NAME_MAX);
    if (newest == 0)
        (void)next_sequence(monitor);
    fill(monitor, watch.name.text, watch.sequence);
    /* The first answer tells where to go on, even if there is nothing to tell. */
    if (page.head.count > 0 || watch.wait_ms == 0 || watch.sequence >> 32 != newest >> 32)
        return send(request);
    struct later *later = later_add(monitor, &monitor->watches, request);
    if (later == NULL)
        return GROVE_NO_MEMORY;
    uint32_t wait_ms = watch.wait_ms < GROVE_HEALTH_WAIT_MS_MAX ? watch.wait_ms : GROVE_HEALTH_WAIT_MS_MAX;
    later->name = watch.name;
    later->sequence = watch.sequence;
    return grove_service_after(monitor->service, wait_ms * GROVE_MILLISECOND, ran_out, later, &later->timer);
}

/* ---- the registry's record ---- */

static void marked(int status, const struct grove_answer *answer, void *context) {
    (void)status; /* it may have stopped meanwhile: then there is nothing to mark */
    (void)answer;
    (void)context;
}

/* What the registry sees itself (down, frozen) is not told to it. */
void change_mark(struct watched *watched) {
    struct monitor *monitor = watched->monitor;
    bool is_ill = watched->status >= GROVE_HEALTH_DEGRADED && watched->cause != GROVE_CAUSE_DOWN &&
                  watched->cause != GROVE_CAUSE_FROZEN;
    enum watched_mark wanted = is_ill ? WATCHED_MARKED : WATCHED_UNMARKED;
    struct registry_mark mark = {.version = REGISTRY_PROTOCOL_VERSION, .is_degraded = is_ill, .service = watched->name};
    if (watched->is_system || watched->mark == wanted || watched->status == GROVE_HEALTH_UNKNOWN ||
        monitor->registry == NULL)
        return;
    (void)snprintf(mark.reason, sizeof mark.reason, "is not well: %.80s", watched->reason);
    struct grove_call call = {
        .method = REGISTRY_MARK, .data = &mark, .length_bytes = sizeof mark, .timeout_ns = 5 * GROVE_SECOND};
    if (grove_call_start(monitor->registry, &call, marked, NULL) == 0)
        watched->mark = wanted;
}

void change_tell(struct watched *watched) {
    struct monitor *monitor = watched->monitor;
    uint32_t timer;
    watched->sequence = next_sequence(monitor);
    (void)fprintf(stderr, "health: %s is %s%s%s\n", watched->name.text, grove_health_status_text(watched->status),
                  watched->reason[0] == '\0' ? "" : ": ", watched->reason);
    events_changed(watched);
    change_mark(watched);
    if (monitor->watches != NULL && !monitor->is_tell_due)
        monitor->is_tell_due = grove_service_after(monitor->service, 0, tell, monitor, &timer) == 0;
}

void change_alert(struct monitor *monitor, const struct kept_alert *alert, bool is_over) {
    (void)monitor;
    (void)fprintf(stderr, "health: %s%s: %s, %s: %s\n", is_over ? "over: " : "",
                  grove_health_severity_text(alert->severity), alert->service.text, alert->what, alert->text);
    events_alert(alert, is_over);
}
