/*
 * What the kernel says of itself, and what the gateway counts.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "servers/metrics/metrics.h"

#define KERNEL "system.kernel"
#define OWN "system.metrics"

static void fill(struct grove_metrics_record *record, enum grove_metric_kind kind, const char *name, const char *help) {
    *record = (struct grove_metrics_record){.kind = kind};
    (void)snprintf(record->name, sizeof record->name, "%s", name);
    (void)snprintf(record->help, sizeof record->help, "%s", help);
}

void own_value(struct page *page, const char *service, enum grove_metric_kind kind, const char *name, const char *help,
               const char *label, const char *label_value, double value) {
    struct grove_metrics_record record;
    fill(&record, kind, name, help);
    record.value = value;
    if (label != NULL) {
        (void)snprintf(record.labels[0].name, sizeof record.labels[0].name, "%s", label);
        (void)snprintf(record.labels[0].value, sizeof record.labels[0].value, "%s", label_value);
    }
    (void)page_add(page, service, &record);
}

static void counter(struct page *page, const char *service, const char *name, const char *help, uint64_t value) {
    own_value(page, service, GROVE_METRIC_COUNTER, name, help, NULL, NULL, (double)value);
}

static void pool(struct page *page, const char *kind, const struct grove_pool_account *account) {
    own_value(page, KERNEL, GROVE_METRIC_GAUGE, "objects", "Objects of the kernel that are in use.", "kind", kind,
              account->used);
    own_value(page, KERNEL, GROVE_METRIC_GAUGE, "objects_limit", "How many objects of the kernel there may be.", "kind",
              kind, account->capacity);
}

static uint64_t wall_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

/* No live update has happened, and none can: the kernel refuses every step of one so far. */
static void add_swaps(struct page *page) {
    static const char *const results[] = {"committed", "aborted"};
    for (unsigned i = 0; i < 2; i++)
        own_value(page, KERNEL, GROVE_METRIC_COUNTER, "swaps",
                  "Live updates, by how they ended. The kernel cannot do any yet.", "result", results[i], 0);
}

void kernel_add(struct gateway *gateway, struct page *page) {
    struct grove_message message = {.operation = GROVE_REQUEST_KERNEL_READ};
    if (grove_kernel_request(gateway->session, &message, NULL, 0, NULL, NULL, METRICS_KERNEL_TIMEOUT_NS) < 0)
        return;
    const struct grove_kernel_record *kernel = &message.body.kernel;
    char version[48];
    (void)snprintf(version, sizeof version, "%u.%u.%u", kernel->version.major, kernel->version.minor,
                   kernel->version.patch);
    own_value(page, KERNEL, GROVE_METRIC_GAUGE, "version", "Always 1; the label is the version of the kernel.",
              "version", version, 1);
    own_value(page, KERNEL, GROVE_METRIC_GAUGE, "start_time_seconds", "When the kernel started, in seconds since 1970.",
              NULL, NULL, (double)(wall_ns() - grove_now_ns() + kernel->boot_ns) / (double)GROVE_SECOND);
    pool(page, "containers", &kernel->containers);
    pool(page, "endpoints", &kernel->endpoints);
    pool(page, "channels", &kernel->channels);
    pool(page, "regions", &kernel->regions);
    pool(page, "projects", &kernel->projects);
    pool(page, "capabilities", &kernel->capabilities);
    pool(page, "text", &kernel->text);
    pool(page, "pending", &kernel->pending);
    counter(page, KERNEL, "audit_records", "Records of the audit log.", kernel->audit_sequence);
    counter(page, KERNEL, "audit_errors", "Failures to write the audit log to the disk.", kernel->audit_errors);
    counter(page, KERNEL, "audit_lost", "Records of the audit log that will never be on the disk.", kernel->audit_lost);
    add_swaps(page);
}

static void add_duration(struct gateway *gateway, struct page *page) {
    struct grove_metrics_record record;
    const struct grove_histogram *duration = &gateway->duration;
    fill(&record, GROVE_METRIC_HISTOGRAM, "scrape_duration_seconds",
         "How long it took to ask all services, of the scrapes before this one.");
    record.value = duration->sum;
    record.count = duration->count;
    record.bucket_count = duration->bucket_count;
    for (uint32_t i = 0; i < duration->bucket_count; i++) {
        record.buckets[i].bound = duration->bounds[i];
        record.buckets[i].count = duration->counts[i];
    }
    (void)page_add(page, OWN, &record);
}

static void add_refused(struct gateway *gateway, struct page *page) {
    const struct page_counts *now = page_counts(page);
    struct page_counts *all = &gateway->counts;
    all->malformed += now->malformed;
    all->conflicting += now->conflicting;
    all->repeated += now->repeated;
    all->crowded += now->crowded;
    all->overflowed += now->overflowed;
    const struct {
        const char *reason;
        uint64_t count;
    } reasons[] = {{"malformed", all->malformed},
                   {"conflicting", all->conflicting},
                   {"repeated", all->repeated},
                   {"crowded", all->crowded}};
    for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        own_value(page, OWN, GROVE_METRIC_COUNTER, "refused_values", "Values of services that were left out, by why.",
                  "reason", reasons[i].reason, (double)reasons[i].count);
    counter(page, OWN, "overflowed_values",
            "Values that were added up under the label other, as their family had its 1000 series.", all->overflowed);
}

void own_add(struct gateway *gateway, struct page *page, unsigned answered, unsigned silent) {
    own_value(page, OWN, GROVE_METRIC_GAUGE, "services",
              "Services that were asked for their metrics, by what they did.", "result", "answered", answered);
    own_value(page, OWN, GROVE_METRIC_GAUGE, "services",
              "Services that were asked for their metrics, by what they did.", "result", "silent", silent);
    counter(page, OWN, "scrapes", "Times that all services were asked.", gateway->scrapes_begun);
    counter(page, OWN, "failed_scrapes", "Scrapes for which there was no memory.", gateway->pages_failed);
    counter(page, OWN, "requests", "HTTP requests.", gateway->requests);
    counter(page, OWN, "refused_requests", "HTTP requests that were answered with an error.",
            gateway->refused_requests);
    counter(page, OWN, "connections", "Connections that were accepted.", gateway->connections);
    counter(page, OWN, "ended_connections", "Connections that were ended because they were slow, or for others.",
            gateway->evicted);
    add_duration(gateway, page);
    add_refused(gateway, page);
}
