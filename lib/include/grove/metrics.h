/*
 * Metrics: counters, gauges and histograms of a service, for whoever watches the system from outside.
 *
 *     static uint64_t *readings;
 *     struct grove_metrics *metrics;
 *     grove_metrics_create(service, "acquire", &metrics);
 *     grove_metrics_counter(metrics, &(struct grove_metric){.name = "readings", .help = "Readings taken."}, &readings);
 *     ...
 *     (*readings)++;
 *
 * Updating one is a plain store to memory of one's own: no lock, no system call, and no cost while nobody reads. The gateway
 * system.metrics asks for all of them when a scraper asks it (docs/metrics.md), by one call to the endpoint, which this
 * library answers from the run loop; so values are those of one moment between two handlers. Counters begin at 0 with each
 * instance, as those who read them expect.
 *
 * On the page a metric of a user service is called user_PROJECT_NAME and has the label service; one of a system service
 * grove_SERVICE_NAME. A counter gets _total at the end. Services of a project may share a name: then kind and label names
 * must be the same, or those of the service that comes later by name are left out and counted.
 *
 * Rights. A user service provides the endpoint, and `requires: [{name: system.hooks}]` lets it register there as an extension
 * of the kind metrics. Only system services and shells may read.
 *
 * Errors, where nothing else is said: GROVE_INVALID (a name or bound that cannot be), GROVE_EXISTS (the same name and labels
 * again), GROVE_EXHAUSTED (GROVE_METRICS_MAX are there), GROVE_NO_MEMORY.
 */
#ifndef GROVE_METRICS_H
#define GROVE_METRICS_H

#include "grove/grove.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Names are of a-z 0-9 _, begin with a letter, end with none of _ and have no two of them in a row. That of a metric does not end
 * in _total, _count, _sum, _bucket or _info; a label is not called le, quantile, or (but for a system service) service.
 */
#define GROVE_METRICS_NAME_MAX 47u
#define GROVE_METRICS_HELP_MAX 119u
#define GROVE_METRICS_LABELS 2u /* of a metric, besides the service */
#define GROVE_METRICS_LABEL_NAME_MAX 23u
#define GROVE_METRICS_LABEL_MAX 71u /* of a value; a longer one is cut */
#define GROVE_METRICS_BUCKETS 14u
#define GROVE_METRICS_MAX 1024u /* of a user service */

enum grove_metric_kind {
    GROVE_METRIC_COUNTER = 1, /* only grows */
    GROVE_METRIC_GAUGE = 2,
    GROVE_METRIC_HISTOGRAM = 3
};

struct grove_metric {
    const char *name;
    const char *help; /* a sentence */
    struct {
        const char *name, *value; /* NULL: no such label */
    } labels[GROVE_METRICS_LABELS];
};

/* ---- a service's own ------------------------------------------------------------------------------------------------ */

struct grove_metrics;
/*
 * The set of a service, read over one of its endpoints (GROVE_METRICS_METHOD). A user service also registers itself, which
 * waits at most 5 s; the errors of grove_extension_register. Destroy it after the service.
 */
GROVE_PUBLIC int grove_metrics_create(struct grove_service *service, const char *endpoint,
                                      struct grove_metrics **metrics);
/*
 * The same without waiting, for who must serve at once whatever becomes of the service of hooks: it registers itself when
 * that answers, from the run loop. A refusal is said on standard error. GROVE_NOT_FOUND: there is no service of hooks;
 * GROVE_DENIED: IPC_SEND:system.hooks is missing; GROVE_EXHAUSTED.
 */
GROVE_PUBLIC int grove_metrics_create_later(struct grove_service *service, const char *endpoint,
                                            struct grove_metrics **metrics);
GROVE_PUBLIC void grove_metrics_destroy(struct grove_metrics *metrics); /* NULL: nothing happens */

/* The variable is the set's and lives as long; it is 0 at first. The texts are copied. */
GROVE_PUBLIC int grove_metrics_counter(struct grove_metrics *metrics, const struct grove_metric *metric,
                                       uint64_t **counter);
GROVE_PUBLIC int grove_metrics_gauge(struct grove_metrics *metrics, const struct grove_metric *metric, double **gauge);

struct grove_histogram {
    uint32_t bucket_count, reserved;
    double sum;
    uint64_t count; /* of all observations */
    double bounds[GROVE_METRICS_BUCKETS]; /* growing; what is at most a bound falls into its bucket */
    uint64_t counts[GROVE_METRICS_BUCKETS]; /* of each bucket alone; above the last bound only `count` tells */
};
/* 1 to GROVE_METRICS_BUCKETS bounds, which grow. */
GROVE_PUBLIC int grove_metrics_histogram(struct grove_metrics *metrics, const struct grove_metric *metric,
                                         const double *bounds, uint32_t bound_count,
                                         struct grove_histogram **histogram);
static inline void grove_histogram_observe(struct grove_histogram *histogram, double value) {
    histogram->sum += value;
    histogram->count++;
    for (uint32_t i = 0; i < histogram->bucket_count; i++)
        if (value <= histogram->bounds[i]) {
            histogram->counts[i]++;
            return;
        }
}

/*
 * For what is known already in another form, or has labels that come and go: called before each reading, to set gauges and to
 * add what is told once. One handler; NULL ends it. It must not wait.
 */
typedef void grove_metrics_collector(struct grove_metrics *metrics, void *context);
GROVE_PUBLIC void grove_metrics_on_collect(struct grove_metrics *metrics, grove_metrics_collector *collector,
                                           void *context);
/* Only in a collector: one value for the reading under way. Faults are counted as refused, and told with it. */
GROVE_PUBLIC void grove_metrics_tell(struct grove_metrics *metrics, enum grove_metric_kind kind,
                                     const struct grove_metric *metric, double value);

/* ---- on the wire: fixed structures of version 1, in the byte order of the processor ------------------------------------ */

#define GROVE_METRICS_VERSION 1u
#define GROVE_METRICS_METHOD 0x4d455452u /* grove_metrics_request -> grove_metrics_page, records */
#define GROVE_METRICS_PAGE_RECORDS 40u
#define GROVE_METRICS_SYSTEM_MAX 8192u /* of a system service, which may speak for others */

struct grove_metrics_request {
    uint32_t version;
    uint32_t cursor; /* 0: read anew; else where the page before ended, of the same reading */
};
struct grove_metrics_page {
    uint32_t version, count; /* records that follow */
    uint32_t cursor; /* where to go on; 0 at the end */
    uint32_t refused; /* values that were not fit to be told, in this reading */
};
struct grove_metrics_record {
    uint32_t kind; /* enum grove_metric_kind */
    uint32_t bucket_count; /* HISTOGRAM */
    char name[GROVE_METRICS_NAME_MAX + 1]; /* all texts are zero-terminated */
    char help[GROVE_METRICS_HELP_MAX + 1];
    struct {
        char name[GROVE_METRICS_LABEL_NAME_MAX + 1]; /* "" none, and none after it */
        char value[GROVE_METRICS_LABEL_MAX + 1];
    } labels[GROVE_METRICS_LABELS];
    double value; /* HISTOGRAM: the sum */
    uint64_t count; /* HISTOGRAM: of all observations */
    struct {
        double bound;
        uint64_t count; /* of this bucket alone */
    } buckets[GROVE_METRICS_BUCKETS];
};

/* May there be a metric, or a label of a user service's metric, of this name? Terminated; NULL is none. */
GROVE_PUBLIC bool grove_metric_name_is_valid(const char *name);
GROVE_PUBLIC bool grove_metric_label_is_valid(const char *name);

#ifdef __cplusplus
}
#endif

#endif
