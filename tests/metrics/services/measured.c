/*
 * A service with metrics, well behaved or not: `measured ENDPOINT ROLE`.
 *
 *   good     counts and observes what COUNT is told; a gauge with it
 *   other    says that the counter of the good one is a gauge
 *   crowd    has as many series in one family as a service may have
 *   liar     answers in place of the library: pages that never end, records of nonsense
 *   silent   takes the question and does not answer
 *   huge     says that it has more records than anybody may
 *
 * Methods: COUNT (so many), and SCRAPES: how often it was asked for its metrics (liar, silent, huge).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/hooks.h"
#include "grove/metrics.h"

enum method { COUNT = 1, SCRAPES = 2 };

static struct grove_metrics *metrics;
static uint64_t *readings, scrapes;
static double *level;
static struct grove_histogram *seconds;
static struct {
    struct grove_metrics_page head;
    struct grove_metrics_record records[GROVE_METRICS_PAGE_RECORDS];
} page;

static int count(struct grove_request *request, void *context) {
    uint64_t number = 0;
    (void)context;
    if (grove_request_bytes(request) < sizeof number)
        return grove_fail(request, GROVE_INVALID, "a number is needed");
    memcpy(&number, grove_request_data(request), sizeof number);
    *readings += number;
    *level = -(double)number;
    grove_histogram_observe(seconds, (double)number / 1000);
    return 0;
}

static int tell_scrapes(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, &scrapes, sizeof scrapes);
}

static int begin_good(void) {
    static const double bounds[] = {0.001, 0.01, 0.1};
    int status = grove_metrics_counter(
        metrics,
        &(struct grove_metric){.name = "readings", .help = "What was read.", .labels = {{"feeder", "one \"1\"\n"}}},
        &readings);
    if (status == 0)
        status = grove_metrics_gauge(metrics, &(struct grove_metric){.name = "level", .help = "How high."}, &level);
    if (status == 0)
        status = grove_metrics_histogram(
            metrics, &(struct grove_metric){.name = "reaction_seconds", .help = "How fast."}, bounds, 3, &seconds);
    return status;
}

static int begin_crowd(void) {
    int status = 0;
    for (unsigned i = 0; status == 0 && i < GROVE_METRICS_MAX; i++) {
        char number[16];
        uint64_t *counter = NULL;
        (void)snprintf(number, sizeof number, "%u", i);
        status = grove_metrics_counter(
            metrics, &(struct grove_metric){.name = "crowd", .help = "One of many.", .labels = {{"number", number}}},
            &counter);
        if (status == 0)
            *counter = 1;
    }
    return status;
}

static int begin_other(void) {
    int status =
        grove_metrics_gauge(metrics, &(struct grove_metric){.name = "readings_total_not", .help = "Its own."}, &level);
    if (status == 0)
        status = grove_metrics_gauge(metrics, &(struct grove_metric){.name = "level", .labels = {{"a", "b"}}}, &level);
    return status;
}

/* ---- those that do not keep to it ---- */

static int lie(struct grove_request *request, void *context) {
    (void)context;
    scrapes++;
    memset(&page, 0xa5, sizeof page);
    page.head = (struct grove_metrics_page){.version = GROVE_METRICS_VERSION,
                                            .count = GROVE_METRICS_PAGE_RECORDS,
                                            .cursor = scrapes % 2 == 0 ? 0 : 7 + (uint32_t)scrapes};
    struct grove_metrics_record *record = &page.records[0];
    memset(record, 0, sizeof *record);
    record->kind = GROVE_METRIC_GAUGE;
    (void)snprintf(record->name, sizeof record->name, "lie");
    (void)snprintf(record->help, sizeof record->help, "x\n# TYPE grove_kernel_objects counter");
    (void)snprintf(record->labels[0].name, sizeof record->labels[0].name, "k");
    (void)snprintf(record->labels[0].value, sizeof record->labels[0].value, "\"} 1\ngrove_kernel_objects 7\n");
    return grove_reply(request, &page, sizeof page);
}

static int keep_silent(struct grove_request *request, void *context) {
    (void)context;
    scrapes++;
    return grove_request_defer(request);
}

static int exaggerate(struct grove_request *request, void *context) {
    (void)context;
    scrapes++;
    page.head = (struct grove_metrics_page){.version = GROVE_METRICS_VERSION, .count = UINT32_MAX};
    return grove_reply(request, &page, sizeof page);
}

static int register_by_hand(struct grove_service *service, const char *endpoint, grove_handler *handler) {
    struct grove_extension extension = {.kind = GROVE_EXTENSION_METRICS, .version = {.major = GROVE_METRICS_VERSION}};
    (void)snprintf(extension.name.text, sizeof extension.name.text, "%s", endpoint);
    (void)snprintf(extension.endpoint.text, sizeof extension.endpoint.text, "%s", endpoint);
    int status = grove_service_on(service, endpoint, GROVE_METRICS_METHOD, handler, NULL);
    return status < 0 ? status : grove_extension_register(NULL, &extension);
}

static int begin(struct grove_service *service, const char *endpoint, const char *role) {
    if (strcmp(role, "liar") == 0)
        return register_by_hand(service, endpoint, lie);
    if (strcmp(role, "silent") == 0)
        return register_by_hand(service, endpoint, keep_silent);
    if (strcmp(role, "huge") == 0)
        return register_by_hand(service, endpoint, exaggerate);
    int status = strcmp(role, "later") == 0 ? grove_metrics_create_later(service, endpoint, &metrics)
                                            : grove_metrics_create(service, endpoint, &metrics);
    if (status < 0)
        return status;
    return strcmp(role, "crowd") == 0 ? begin_crowd() : strcmp(role, "other") == 0 ? begin_other() : begin_good();
}

int main(int argument_count, char **arguments) {
    struct grove_service *service;
    if (argument_count != 3)
        return 2;
    if (grove_service_create(NULL, &service) < 0 || grove_service_on(service, arguments[1], COUNT, count, NULL) < 0 ||
        grove_service_on(service, arguments[1], SCRAPES, tell_scrapes, NULL) < 0 ||
        begin(service, arguments[1], arguments[2]) < 0)
        return grove_report("measured");
    return grove_service_run(service) < 0 ? grove_report("measured") : 0;
}
