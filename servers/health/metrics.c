/* How services are, and what checks have found. */
#include "servers/common/metric.h"
#include "servers/health/monitor.h"

#define STATUSES 4u

static void tell_checks(struct grove_metrics *metrics, const struct monitor *monitor) {
    uint64_t checks = 0, tries = 0, failures = 0, open = 0;
    for (const struct watched *watched = monitor->first; watched != NULL; watched = watched->next)
        for (const struct check *check = watched->checks; check != NULL; check = check->next) {
            checks++;
            tries += check->kept->tries;
            failures += check->kept->failures;
            open += check->kept->breaker.state != GROVE_BREAKER_CLOSED;
        }
    metric_gauge(metrics, "checks", "Checks of all services.", (double)checks);
    metric_gauge(metrics, "checks_open", "Checks whose circuit breaker is not closed.", (double)open);
    metric_gauge(metrics, "tries", "Tries of the checks there are now.", (double)tries);
    metric_gauge(metrics, "failures", "Failures of the checks there are now.", (double)failures);
}

static void tell_alerts(struct grove_metrics *metrics, const struct monitor *monitor) {
    uint64_t alerts[GROVE_SEVERITY_CRITICAL + 1] = {0};
    for (unsigned i = 0; i < KEPT_ALERTS_MAX; i++) {
        const struct kept_alert *alert = &monitor->kept->alerts[i];
        if (alert->service.text[0] != '\0' && alert->severity <= GROVE_SEVERITY_CRITICAL)
            alerts[alert->severity]++;
    }
    for (uint32_t severity = 0; severity <= GROVE_SEVERITY_CRITICAL; severity++)
        metric_gauge_of(metrics, "alerts", "Alerts that are raised, by severity.", "severity",
                        grove_health_severity_text(severity), (double)alerts[severity]);
}

static void collect(struct grove_metrics *metrics, void *context) {
    const struct monitor *monitor = context;
    uint64_t counts[STATUSES] = {0};
    for (const struct watched *watched = monitor->first; watched != NULL; watched = watched->next) {
        counts[watched->status < STATUSES ? watched->status : 0]++;
        if (watched->checks != NULL || watched->status > GROVE_HEALTH_OK)
            metric_gauge_of(metrics, "status", "How the service is: 0 unknown, 1 ok, 2 degraded, 3 failing.", "service",
                            watched->name.text, watched->status);
    }
    for (uint32_t status = 0; status < STATUSES; status++)
        metric_gauge_of(metrics, "services", "Services that are known, by how they are.", "status",
                        grove_health_status_text(status), (double)counts[status]);
    tell_checks(metrics, monitor);
    tell_alerts(metrics, monitor);
}

void metrics_serve(struct monitor *monitor, struct grove_service *service) {
    metric_serve(service, GROVE_HEALTH_ENDPOINT, collect, monitor);
}
