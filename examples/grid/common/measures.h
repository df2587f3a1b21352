/*
 * What of a service of the grid is seen from outside (grove/metrics.h): opened without waiting for anybody, as the grid goes on
 * whether somebody watches it or not.
 */
#ifndef GRID_COMMON_MEASURES_H
#define GRID_COMMON_MEASURES_H

#include "grove/metrics.h"

/* The set; NULL: there is none, which was said on standard error. */
struct grove_metrics *measures_open(struct grove_service *service, const char *endpoint,
                                    grove_metrics_collector *collector, void *context);
/* In the collector: a value that is kept elsewhere. */
void measure_counter(struct grove_metrics *metrics, const char *name, const char *help, uint64_t value);
void measure_gauge(struct grove_metrics *metrics, const char *name, const char *help, double value);

#endif
