/*
 * Events of the system services: one flat JSON object under a subject, at most once.
 *
 *     system_event("capability.started", "grid.alarm", (const struct system_event_field[]){
 *         {.name = "generation", .number = 2}, {.name = "reason", .text = "exited with status 1"}, {0}});
 *
 * is published as `capability.started.grid.alarm` with {"service":"grid.alarm","generation":2,...}. Never waits: where the
 * bus is not there or does not keep up the event is dropped.
 */
#ifndef SERVERS_SYSTEM_EVENT_H
#define SERVERS_SYSTEM_EVENT_H

#include <stdint.h>

struct system_event_field {
    const char *name; /* NULL ends the list */
    const char *text; /* NULL: it is the number */
    uint64_t number;
};

/*
 * `service` may be "" for an event that is about none. 0, or why it was dropped: GROVE_NOT_FOUND (no bus),
 * GROVE_EXHAUSTED, GROVE_TOO_LARGE.
 */
int system_event(const char *subject, const char *service, const struct system_event_field *fields);

#endif
