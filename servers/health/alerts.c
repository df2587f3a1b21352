/*
 * Alerts: what somebody should know. Each is raised as often as it is seen and told once, and again when it has become worse
 * or the time of `alerts.again` (an hour) has passed; what is silenced is told when the silence is over and it still holds.
 *
 * They lie in the state region. A death between telling and noting that leads to an alert that is told twice.
 */
#include "servers/health/monitor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"

static struct kept_alert *find(struct monitor *monitor, const char *service, const char *what) {
    for (unsigned index = 0; index < KEPT_ALERTS_MAX; index++) {
        struct kept_alert *alert = &monitor->kept->alerts[index];
        if (alert->service.text[0] != '\0' && strcmp(alert->service.text, service) == 0 &&
            strcmp(alert->what, what) == 0)
            return alert;
    }
    return NULL;
}

/* A free place, or that of the alert that is the least: not severe, and old. */
static struct kept_alert *take_place(struct monitor *monitor) {
    struct kept_alert *least = &monitor->kept->alerts[0];
    for (unsigned index = 0; index < KEPT_ALERTS_MAX; index++) {
        struct kept_alert *alert = &monitor->kept->alerts[index];
        if (alert->service.text[0] == '\0')
            return alert;
        if (alert->severity < least->severity ||
            (alert->severity == least->severity && alert->last_ns < least->last_ns))
            least = alert;
    }
    (void)fprintf(stderr, "health: more than %u alerts are active; the one about %s is forgotten\n", KEPT_ALERTS_MAX,
                  least->service.text);
    return least;
}

bool alerts_is_silenced(const struct monitor *monitor, const char *service) {
    uint64_t now_ns = grove_now_ns();
    for (unsigned index = 0; index < KEPT_SILENCES_MAX; index++) {
        const struct kept_silence *silence = &monitor->kept->silences[index];
        if (silence->pattern.text[0] != '\0' && silence->until_ns > now_ns &&
            name_matches(silence->pattern.text, service))
            return true;
    }
    return false;
}

static void tell(struct monitor *monitor, struct kept_alert *alert, bool is_over) {
    change_alert(monitor, alert, is_over);
    sinks_tell(monitor, alert, is_over);
    alert->told_ns = grove_now_ns();
    alert->told_severity = alert->severity;
}

static bool is_to_be_told(const struct monitor *monitor, const struct kept_alert *alert, uint64_t now_ns) {
    if (alerts_is_silenced(monitor, alert->service.text))
        return false;
    return alert->told_ns == 0 || alert->severity > alert->told_severity ||
           now_ns - alert->told_ns >= monitor->settings.tell_again_ns;
}

void alert_raise(struct monitor *monitor, const char *service, const char *what, uint32_t severity, uint32_t cause,
                 const char *text, ...) {
    uint64_t now_ns = grove_now_ns();
    struct kept_alert *alert = find(monitor, service, what);
    va_list arguments;
    if (alert == NULL) {
        alert = take_place(monitor);
        *alert = (struct kept_alert){.since_ns = now_ns};
        text_set(alert->what, sizeof alert->what, what);
        name_set(&alert->service, service);
    }
    alert->severity = severity;
    alert->cause = cause;
    alert->times++;
    alert->last_ns = now_ns;
    va_start(arguments, text);
    (void)vsnprintf(alert->text, sizeof alert->text, text, arguments);
    va_end(arguments);
    if (is_to_be_told(monitor, alert, now_ns))
        tell(monitor, alert, false);
}

/* That something is over is told to those who were told of it. */
static void end(struct monitor *monitor, struct kept_alert *alert) {
    if (alert->told_ns != 0 && !alerts_is_silenced(monitor, alert->service.text))
        tell(monitor, alert, true);
    alert->service.text[0] = '\0';
}

void alert_end(struct monitor *monitor, const char *service, const char *what) {
    struct kept_alert *alert = find(monitor, service, what);
    if (alert != NULL)
        end(monitor, alert);
}

void alerts_end_all(struct monitor *monitor, const char *service) {
    for (unsigned index = 0; index < KEPT_ALERTS_MAX; index++)
        if (monitor->kept->alerts[index].service.text[0] != '\0' &&
            strcmp(monitor->kept->alerts[index].service.text, service) == 0)
            end(monitor, &monitor->kept->alerts[index]);
}

const struct kept_alert *alerts_worst_trend(const struct monitor *monitor, const char *service) {
    const struct kept_alert *worst = NULL;
    for (unsigned index = 0; index < KEPT_ALERTS_MAX; index++) {
        const struct kept_alert *alert = &monitor->kept->alerts[index];
        if (alert->cause == GROVE_CAUSE_TREND && strcmp(alert->service.text, service) == 0 &&
            (worst == NULL || alert->severity > worst->severity))
            worst = alert;
    }
    return worst;
}

unsigned alerts_count(const struct monitor *monitor, const char *service) {
    unsigned count = 0;
    for (unsigned index = 0; index < KEPT_ALERTS_MAX; index++)
        count += strcmp(monitor->kept->alerts[index].service.text, service) == 0;
    return count;
}
