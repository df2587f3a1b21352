/*
 * reincarnation: what is done when a service fails, by the policy of its manifest.
 *
 *     registry: it has ended ----+
 *     health: it hangs, it is ill +--> matters.c --> policy.c --> the registry restarts it, others with it, or gives it up
 *     a system service: budget --+
 *
 * It decides and never does: the registry starts and stops user services, init the system's. If it is dead or late the
 * registry goes on by itself (law 11); killed at any point it comes back with its ladders (memory.c), and is told again of
 * what is undecided.
 */
#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/reincarnation/reincarnation.h"

static int read_request(struct grove_request *request, void *copy, size_t bytes) {
    uint32_t version;
    if (grove_request_bytes(request) < bytes) {
        (void)grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                         grove_request_bytes(request), bytes);
        return GROVE_INVALID;
    }
    memcpy(copy, grove_request_data(request), bytes);
    memcpy(&version, copy, sizeof version);
    if (version != GROVE_HEALTH_VERSION)
        return grove_fail(request, GROVE_VERSION, "reincarnation speaks version %u of its protocol, not %u",
                          GROVE_HEALTH_VERSION, version);
    return 0;
}

/* ---- QUERY ---- */

static void fill(const struct remembered *remembered, struct grove_recovery_record *record) {
    *record = (struct grove_recovery_record){
        .name = remembered->service, .last_cause = remembered->last_cause, .last_step = remembered->last_step};
    for (unsigned cause = 0; cause < GROVE_RECOVERY_CAUSES; cause++) {
        record->level[cause] = remembered->ladders[cause].level;
        record->total[cause] = remembered->ladders[cause].total;
        record->last_ns[cause] = remembered->ladders[cause].last_ns;
    }
    text_set(record->reason, sizeof record->reason, remembered->reason);
}

static int on_query(struct grove_request *request, void *context) {
    static struct {
        struct grove_health_page head;
        struct grove_recovery_record records[GROVE_HEALTH_PAGE_RECORDS];
    } page;
    struct grove_health_query query;
    const struct remembered *remembered;
    (void)context;
    int status = read_request(request, &query, sizeof query);
    if (status < 0)
        return status;
    if (!text_is_terminated(query.name.text, sizeof query.name.text))
        return grove_fail(request, GROVE_INVALID, "the name in the query does not end");
    page.head = (struct grove_health_page){.version = GROVE_HEALTH_VERSION};
    uint32_t cursor = query.cursor;
    while (page.head.count < GROVE_HEALTH_PAGE_RECORDS && (remembered = memory_next(&cursor)) != NULL)
        if (query.name.text[0] == '\0' || name_matches(query.name.text, remembered->service.text))
            fill(remembered, &page.records[page.head.count++]);
    page.head.cursor = page.head.count == GROVE_HEALTH_PAGE_RECORDS ? cursor : 0;
    return grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.records[0]);
}

/* ---- REPORT ---- */

static int on_report(struct grove_request *request, void *context) {
    struct grove_recovery_report report;
    struct matter matter = {.reincarnation = context, .is_of_running = true};
    int status = read_request(request, &report, sizeof report);
    if (status < 0)
        return status;
    if (grove_request_client_ring(request) != 1)
        return grove_fail(request, GROVE_DENIED,
                          "%s may not report failures: system services do; `grove restart` restarts",
                          grove_request_client(request));
    if (!service_name_is_valid(&report.service) || report.cause >= GROVE_RECOVERY_CAUSES ||
        !text_is_terminated(report.reason, sizeof report.reason))
        return grove_fail(request, GROVE_INVALID, "a name, cause or text of the report is out of range");
    matter.service = report.service;
    matter.generation = report.generation;
    matter.cause = report.cause;
    text_set(matter.reason, sizeof matter.reason, report.reason);
    matter_begin_any(&matter);
    return 0;
}

/* ---- set-up ---- */

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct reincarnation *reincarnation = context;
    (void)reason;
    reincarnation->service = service;
    reincarnation->session = grove_service_session(service);
    int status = memory_open(reincarnation->session);
    if (status < 0)
        return status;
    failures_wait(reincarnation);
    illness_begin(reincarnation);
    watchdog_begin(reincarnation);
    return 0;
}

int main(void) {
    static struct reincarnation reincarnation;
    struct grove_service_options options = {.on_init = on_init, .context = &reincarnation};
    struct grove_service *service;
    if (grove_service_create(&options, &service) < 0 ||
        grove_service_on(service, GROVE_REINCARNATION_ENDPOINT, GROVE_REINCARNATION_QUERY, on_query, NULL) < 0 ||
        grove_service_on(service, GROVE_REINCARNATION_ENDPOINT, GROVE_REINCARNATION_REPORT, on_report, &reincarnation) <
            0)
        return grove_report("reincarnation");
    metrics_serve(service);
    return grove_service_run(service) < 0 ? grove_report("reincarnation") : 0;
}
