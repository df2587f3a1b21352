/* What the health service says on the bus, and to webhooks: one flat JSON object each. */
#ifndef SERVERS_HEALTH_EVENTS_H
#define SERVERS_HEALTH_EVENTS_H

#include "servers/health/monitor.h"

/* "health.changed.SERVICE" */
void events_changed(const struct watched *watched);
/* "health.alert.SERVICE" */
void events_alert(const struct kept_alert *alert, bool is_over);
/* The same object as text; returns its bytes, 0 if it does not fit. */
size_t events_alert_json(const struct kept_alert *alert, bool is_over, char *text, size_t text_bytes);

#endif
