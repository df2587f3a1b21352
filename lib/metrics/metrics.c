/*
 * The metrics of a service: the set, and the answer to whoever reads it.
 *
 * A reading is made whole when its first page is asked for and kept until its last one is given, so that pages fit together;
 * of two readers at a time the later one's reading counts, and the other goes on in it. Nothing outlives the process:
 * counters begin again, and a reading that was cut short is asked for anew.
 */
#include "grove/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/hooks.h"
#include "lib/session/session.h"

#define REGISTER_TAG UINT64_C(0x736369727465) /* a channel of its own */
#define REGISTER_TIMEOUT_NS (UINT64_C(86400) * GROVE_SECOND)

struct variable {
    struct variable *next;
    struct grove_metrics_record record; /* the texts; values are filled in by a reading */
    union {
        uint64_t counter;
        double gauge;
        struct grove_histogram histogram;
    } of;
};

struct grove_metrics {
    struct variable *variables, **tail;
    uint32_t variable_count, most;
    bool is_of_system; /* it may speak for other services */
    grove_metrics_collector *collector;
    void *collector_context;
    /* The reading under way: NULL between two. */
    struct grove_metrics_record *records;
    uint32_t record_count, record_room, refused;
    struct grove_channel *hooks; /* over which it registers itself; NULL: it does not, or it is done */
};

typedef int registration(struct grove_metrics *metrics, struct grove_session *session,
                         const struct grove_name *endpoint);

/* ---- names ---- */

static bool is_name(const char *name, size_t most) {
    size_t length = name == NULL ? 0 : strlen(name);
    if (length == 0 || length > most || name[0] < 'a' || name[0] > 'z' || name[length - 1] == '_')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length && strstr(name, "__") == NULL;
}

/* What the text form puts at the end of a name. */
bool grove_metric_name_is_valid(const char *name) {
    static const char *const endings[] = {"_total", "_count", "_sum", "_bucket", "_info"};
    if (!is_name(name, GROVE_METRICS_NAME_MAX))
        return false;
    for (unsigned i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t length = strlen(name), ending = strlen(endings[i]);
        if (length > ending && strcmp(name + length - ending, endings[i]) == 0)
            return false;
    }
    return true;
}

static bool is_label(const char *name) {
    return is_name(name, GROVE_METRICS_LABEL_NAME_MAX) && strcmp(name, "le") != 0 && strcmp(name, "quantile") != 0;
}

bool grove_metric_label_is_valid(const char *name) {
    return is_label(name) && strcmp(name, "service") != 0;
}

/* ---- records ---- */

static void cut(char *to, size_t room, const char *from) {
    size_t length = strnlen(from, room - 1);
    memcpy(to, from, length);
    memset(to + length, 0, room - length);
}

static bool fill(const struct grove_metrics *metrics, enum grove_metric_kind kind, const struct grove_metric *metric,
                 struct grove_metrics_record *record) {
    memset(record, 0, sizeof *record);
    if (!grove_metric_name_is_valid(metric->name))
        return false;
    record->kind = kind;
    cut(record->name, sizeof record->name, metric->name);
    cut(record->help, sizeof record->help, metric->help != NULL ? metric->help : "");
    for (unsigned i = 0; i < GROVE_METRICS_LABELS && metric->labels[i].name != NULL; i++) {
        if (!(metrics->is_of_system ? is_label : grove_metric_label_is_valid)(metric->labels[i].name))
            return false;
        cut(record->labels[i].name, sizeof record->labels[i].name, metric->labels[i].name);
        cut(record->labels[i].value, sizeof record->labels[i].value,
            metric->labels[i].value != NULL ? metric->labels[i].value : "");
    }
    return true;
}

static bool is_same(const struct grove_metrics_record *a, const struct grove_metrics_record *b) {
    return strcmp(a->name, b->name) == 0 && memcmp(a->labels, b->labels, sizeof a->labels) == 0;
}

/* ---- the set ---- */

static int add(struct grove_metrics *metrics, enum grove_metric_kind kind, const struct grove_metric *metric,
               struct variable **added) {
    struct grove_metrics_record record;
    if (!fill(metrics, kind, metric, &record))
        return error_set(
            GROVE_INVALID,
            "%s or a label of it is no name of a metric: a-z 0-9 _, a letter first, no _ at the end and no "
            "two in a row; a label is not called service",
            metric->name != NULL ? metric->name : "nothing");
    for (const struct variable *other = metrics->variables; other != NULL; other = other->next) {
        if (is_same(&other->record, &record))
            return error_set(GROVE_EXISTS, "there is a metric %s with these labels already", metric->name);
        if (strcmp(other->record.name, record.name) == 0 && other->record.kind != record.kind)
            return error_set(GROVE_INVALID, "the metric %s is there with another kind", metric->name);
    }
    if (metrics->variable_count >= metrics->most)
        return error_set(GROVE_EXHAUSTED, "a service has at most %u metrics", metrics->most);
    struct variable *variable = calloc(1, sizeof *variable);
    if (variable == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a metric");
    variable->record = record;
    *metrics->tail = variable;
    metrics->tail = &variable->next;
    metrics->variable_count++;
    *added = variable;
    return 0;
}

int grove_metrics_counter(struct grove_metrics *metrics, const struct grove_metric *metric, uint64_t **counter) {
    struct variable *variable = NULL;
    int status = add(metrics, GROVE_METRIC_COUNTER, metric, &variable);
    if (variable != NULL)
        *counter = &variable->of.counter;
    return status;
}

int grove_metrics_gauge(struct grove_metrics *metrics, const struct grove_metric *metric, double **gauge) {
    struct variable *variable = NULL;
    int status = add(metrics, GROVE_METRIC_GAUGE, metric, &variable);
    if (variable != NULL)
        *gauge = &variable->of.gauge;
    return status;
}

int grove_metrics_histogram(struct grove_metrics *metrics, const struct grove_metric *metric, const double *bounds,
                            uint32_t bound_count, struct grove_histogram **histogram) {
    struct variable *variable = NULL;
    bool is_valid = bound_count > 0 && bound_count <= GROVE_METRICS_BUCKETS;
    for (uint32_t i = 0; is_valid && i < bound_count; i++)
        is_valid = isfinite(bounds[i]) && (i == 0 || bounds[i] > bounds[i - 1]);
    if (!is_valid)
        return error_set(GROVE_INVALID, "a histogram has 1 to %u bounds, which grow", GROVE_METRICS_BUCKETS);
    int status = add(metrics, GROVE_METRIC_HISTOGRAM, metric, &variable);
    if (variable == NULL)
        return status;
    variable->of.histogram.bucket_count = bound_count;
    memcpy(variable->of.histogram.bounds, bounds, bound_count * sizeof *bounds);
    *histogram = &variable->of.histogram;
    return 0;
}

void grove_metrics_on_collect(struct grove_metrics *metrics, grove_metrics_collector *collector, void *context) {
    metrics->collector = collector;
    metrics->collector_context = context;
}

/* ---- a reading ---- */

static struct grove_metrics_record *next_record(struct grove_metrics *metrics) {
    if (metrics->record_count == metrics->record_room) {
        uint32_t room = metrics->record_room == 0 ? 64 : 2 * metrics->record_room;
        struct grove_metrics_record *grown =
            metrics->record_count < metrics->most ? realloc(metrics->records, room * sizeof *grown) : NULL;
        if (grown == NULL)
            return NULL;
        metrics->records = grown;
        metrics->record_room = room;
    }
    return metrics->record_count < metrics->most ? &metrics->records[metrics->record_count++] : NULL;
}

void grove_metrics_tell(struct grove_metrics *metrics, enum grove_metric_kind kind, const struct grove_metric *metric,
                        double value) {
    struct grove_metrics_record *record = next_record(metrics);
    if (record != NULL && kind != GROVE_METRIC_HISTOGRAM && fill(metrics, kind, metric, record)) {
        record->value = value;
        return;
    }
    metrics->refused++;
    if (record != NULL)
        metrics->record_count--;
}

static void read_variable(struct grove_metrics *metrics, const struct variable *variable) {
    struct grove_metrics_record *record = next_record(metrics);
    if (record == NULL) {
        metrics->refused++;
        return;
    }
    *record = variable->record;
    if (record->kind == GROVE_METRIC_COUNTER)
        record->value = (double)variable->of.counter;
    else if (record->kind == GROVE_METRIC_GAUGE)
        record->value = variable->of.gauge;
    else {
        const struct grove_histogram *histogram = &variable->of.histogram;
        record->value = histogram->sum;
        record->count = histogram->count;
        record->bucket_count = histogram->bucket_count;
        for (uint32_t i = 0; i < histogram->bucket_count; i++) {
            record->buckets[i].bound = histogram->bounds[i];
            record->buckets[i].count = histogram->counts[i];
        }
    }
}

static void forget_reading(struct grove_metrics *metrics) {
    free(metrics->records);
    metrics->records = NULL;
    metrics->record_count = metrics->record_room = 0;
}

static void read_all(struct grove_metrics *metrics) {
    forget_reading(metrics);
    metrics->refused = 0;
    if (metrics->collector != NULL)
        metrics->collector(metrics, metrics->collector_context);
    for (const struct variable *variable = metrics->variables; variable != NULL; variable = variable->next)
        read_variable(metrics, variable);
}

static int on_read(struct grove_request *request, void *context) {
    struct grove_metrics *metrics = context;
    struct grove_metrics_request asked;
    struct {
        struct grove_metrics_page head;
        struct grove_metrics_record records[GROVE_METRICS_PAGE_RECORDS];
    } page;
    if (grove_request_client_ring(request) == 2)
        return grove_fail(request, GROVE_DENIED, "metrics are read by system services and shells, not by %s",
                          grove_request_client(request));
    if (grove_request_bytes(request) < sizeof asked)
        return grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                          grove_request_bytes(request), sizeof asked);
    memcpy(&asked, grove_request_data(request), sizeof asked);
    if (asked.version != GROVE_METRICS_VERSION)
        return grove_fail(request, GROVE_VERSION, "metrics are read in version %u here, not %u", GROVE_METRICS_VERSION,
                          asked.version);
    if (asked.cursor == 0)
        read_all(metrics);
    uint32_t first = asked.cursor < metrics->record_count ? asked.cursor : metrics->record_count;
    uint32_t count = metrics->record_count - first;
    if (count > GROVE_METRICS_PAGE_RECORDS)
        count = GROVE_METRICS_PAGE_RECORDS;
    page.head = (struct grove_metrics_page){.version = GROVE_METRICS_VERSION,
                                            .count = count,
                                            .cursor = first + count < metrics->record_count ? first + count : 0,
                                            .refused = metrics->refused};
    if (count > 0)
        memcpy(page.records, metrics->records + first, count * sizeof page.records[0]);
    if (page.head.cursor == 0)
        forget_reading(metrics);
    return grove_reply(request, &page, sizeof page.head + count * sizeof page.records[0]);
}

/* ---- set-up ---- */

static struct grove_extension extension_of(const struct grove_name *endpoint) {
    return (struct grove_extension){.kind = GROVE_EXTENSION_METRICS,
                                    .version = {.major = GROVE_METRICS_VERSION},
                                    .name = *endpoint,
                                    .endpoint = *endpoint};
}

static int register_reader(struct grove_metrics *metrics, struct grove_session *session,
                           const struct grove_name *endpoint) {
    const struct grove_extension extension = extension_of(endpoint);
    (void)metrics;
    return grove_extension_register(session, &extension);
}

static void registered(int status, const struct grove_answer *answer, void *context) {
    struct grove_metrics *metrics = context;
    struct grove_channel *hooks = metrics->hooks;
    (void)answer;
    metrics->hooks = NULL;
    if (status == GROVE_CANCELLED)
        return; /* whoever closes it does so now */
    if (status < 0)
        fprintf(stderr, "grove: the metrics of this service are not shown: %s\n", grove_last_error());
    grove_channel_close(hooks);
}

/* The request waits in the channel for as long as the service of hooks needs, and for its next instance if it dies. */
static int register_reader_later(struct grove_metrics *metrics, struct grove_session *session,
                                 const struct grove_name *endpoint) {
    const struct grove_hooks_extension wanted = {.version = GROVE_HOOKS_VERSION, .extension = extension_of(endpoint)};
    const struct grove_connect_options options = {
        .session = session, .tag = REGISTER_TAG, .arena_bytes = GROVE_ARENA_NONE};
    int status = grove_connect_with(GROVE_HOOKS_ENDPOINT, &options, &metrics->hooks);
    if (status < 0)
        return status;
    status = grove_call_start(metrics->hooks,
                              &(struct grove_call){.method = GROVE_HOOKS_EXTEND,
                                                   .priority = GROVE_PRIORITY_LOW,
                                                   .data = &wanted,
                                                   .length_bytes = sizeof wanted,
                                                   .timeout_ns = REGISTER_TIMEOUT_NS},
                              registered, metrics);
    if (status < 0) {
        grove_channel_close(metrics->hooks);
        metrics->hooks = NULL;
    }
    return status;
}

/* System services are known without being registered. */
static int create(struct grove_service *service, const char *endpoint, registration *registers,
                  struct grove_metrics **metrics) {
    struct grove_session *session = grove_service_session(service);
    const struct grove_notice_init *identity = grove_session_identity(session);
    struct grove_name full;
    int status = session_full_name(session, endpoint, &full);
    if (status < 0)
        return status;
    struct grove_metrics *made = calloc(1, sizeof *made);
    if (made == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for metrics");
    made->tail = &made->variables;
    made->is_of_system = strncmp(full.text, "system.", 7) == 0;
    made->most = identity->ring < 2 ? GROVE_METRICS_SYSTEM_MAX : GROVE_METRICS_MAX;
    if (!made->is_of_system)
        status = registers(made, session, &full);
    if (status == 0)
        status = grove_service_on(service, full.text, GROVE_METRICS_METHOD, on_read, made);
    if (status < 0) {
        grove_metrics_destroy(made);
        return status;
    }
    *metrics = made;
    return 0;
}

int grove_metrics_create(struct grove_service *service, const char *endpoint, struct grove_metrics **metrics) {
    return create(service, endpoint, register_reader, metrics);
}

int grove_metrics_create_later(struct grove_service *service, const char *endpoint, struct grove_metrics **metrics) {
    return create(service, endpoint, register_reader_later, metrics);
}

void grove_metrics_destroy(struct grove_metrics *metrics) {
    if (metrics == NULL)
        return;
    for (struct variable *variable = metrics->variables, *next; variable != NULL; variable = next) {
        next = variable->next;
        free(variable);
    }
    if (metrics->hooks != NULL)
        grove_channel_close(metrics->hooks);
    forget_reading(metrics);
    free(metrics);
}
