/* See measures.h. */
#include "examples/grid/common/measures.h"

#include <stdio.h>

struct grove_metrics *measures_open(struct grove_service *service, const char *endpoint,
                                    grove_metrics_collector *collector, void *context) {
    struct grove_metrics *metrics = NULL;
    if (grove_metrics_create_later(service, endpoint, &metrics) < 0) {
        fprintf(stderr, "%s: its metrics are not shown: %s\n", endpoint, grove_last_error());
        return NULL;
    }
    grove_metrics_on_collect(metrics, collector, context);
    return metrics;
}

void measure_counter(struct grove_metrics *metrics, const char *name, const char *help, uint64_t value) {
    grove_metrics_tell(metrics, GROVE_METRIC_COUNTER, &(struct grove_metric){.name = name, .help = help},
                       (double)value);
}

void measure_gauge(struct grove_metrics *metrics, const char *name, const char *help, double value) {
    grove_metrics_tell(metrics, GROVE_METRIC_GAUGE, &(struct grove_metric){.name = name, .help = help}, value);
}
