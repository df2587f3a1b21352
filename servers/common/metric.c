#include "servers/common/metric.h"

#include <stdio.h>

void metric_serve(struct grove_service *service, const char *endpoint, grove_metrics_collector *collector,
                  void *context) {
    struct grove_metrics *metrics; /* lives as long as the process */
    if (grove_metrics_create(service, endpoint, &metrics) == 0)
        grove_metrics_on_collect(metrics, collector, context);
    else
        (void)fprintf(stderr, "%s: has no metrics: %s\n", endpoint, grove_last_error());
}

static void tell(struct grove_metrics *metrics, enum grove_metric_kind kind, const char *name, const char *help,
                 const char *label, const char *label_value, double value) {
    const struct grove_metric metric = {.name = name, .help = help, .labels = {{label, label_value}}};
    grove_metrics_tell(metrics, kind, &metric, value);
}

void metric_counter(struct grove_metrics *metrics, const char *name, const char *help, uint64_t value) {
    tell(metrics, GROVE_METRIC_COUNTER, name, help, NULL, NULL, (double)value);
}

void metric_gauge(struct grove_metrics *metrics, const char *name, const char *help, double value) {
    tell(metrics, GROVE_METRIC_GAUGE, name, help, NULL, NULL, value);
}

void metric_counter_of(struct grove_metrics *metrics, const char *name, const char *help, const char *label,
                       const char *label_value, uint64_t value) {
    tell(metrics, GROVE_METRIC_COUNTER, name, help, label, label_value, (double)value);
}

void metric_gauge_of(struct grove_metrics *metrics, const char *name, const char *help, const char *label,
                     const char *label_value, double value) {
    tell(metrics, GROVE_METRIC_GAUGE, name, help, label, label_value, value);
}
