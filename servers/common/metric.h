/*
 * What a system service tells whoever reads its metrics, a line each; for collectors of grove/metrics.h.
 *
 * A label may be NULL. Names and help of each stand in docs/metrics.md as well, and a test compares the two.
 */
#ifndef SERVERS_METRIC_H
#define SERVERS_METRIC_H

#include "grove/metrics.h"

/* Metrics of "system.NAME", made with the service; without them (no memory is left) the service goes on, and says so. */
void metric_serve(struct grove_service *service, const char *endpoint, grove_metrics_collector *collector,
                  void *context);
void metric_counter(struct grove_metrics *metrics, const char *name, const char *help, uint64_t value);
void metric_gauge(struct grove_metrics *metrics, const char *name, const char *help, double value);
void metric_counter_of(struct grove_metrics *metrics, const char *name, const char *help, const char *label,
                       const char *label_value, uint64_t value);
void metric_gauge_of(struct grove_metrics *metrics, const char *name, const char *help, const char *label,
                     const char *label_value, double value);

#endif
