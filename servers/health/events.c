/*
 * Events of the health service: flat JSON objects, UTF-8. They are said on the bus at most once, and never waited for.
 */
#include "servers/health/events.h"

#include <stdio.h>

#include "servers/common/json_text.h"
#include "servers/common/system_event.h"

void events_changed(const struct watched *watched) {
    (void)system_event(
        "health.changed", watched->name.text,
        (const struct system_event_field[]){{.name = "health", .text = grove_health_status_text(watched->status)},
                                            {.name = "cause", .text = grove_health_cause_text(watched->cause)},
                                            {.name = "generation", .number = watched->generation},
                                            {.name = "reason", .text = watched->reason},
                                            {0}});
}

void events_alert(const struct kept_alert *alert, bool is_over) {
    (void)system_event(
        "health.alert", alert->service.text,
        (const struct system_event_field[]){{.name = "alert", .text = alert->what},
                                            {.name = "state", .text = is_over ? "over" : "raised"},
                                            {.name = "severity", .text = grove_health_severity_text(alert->severity)},
                                            {.name = "cause", .text = grove_health_cause_text(alert->cause)},
                                            {.name = "times", .number = alert->times},
                                            {.name = "text", .text = alert->text},
                                            {0}});
}

size_t events_alert_json(const struct kept_alert *alert, bool is_over, char *text, size_t text_bytes) {
    struct json_text json;
    size_t length_bytes = 0;
    json_text_begin(&json, text, text_bytes);
    json_text_string(&json, "service", alert->service.text);
    json_text_string(&json, "alert", alert->what);
    json_text_string(&json, "state", is_over ? "over" : "raised");
    json_text_string(&json, "severity", grove_health_severity_text(alert->severity));
    json_text_string(&json, "cause", grove_health_cause_text(alert->cause));
    json_text_u64(&json, "times", alert->times);
    json_text_string(&json, "text", alert->text);
    return json_text_end(&json, &length_bytes) < 0 ? 0 : length_bytes;
}
