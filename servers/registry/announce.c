/*
 * Events on the bus: what becomes of services.
 *
 *     capability.registered|started|restarted|ready|degraded|quiescing|stopped|failed|given-up|unregistered|denied.PROJECT.SERVICE
 *
 * At most once and without waiting: a bus that is dead or does not keep up costs the registry nothing. What was lost is
 * counted, and `capability.resync` with that number precedes the next event that gets through; so does one after a death
 * of this process, which may have come between a change and its event. Who follows the events looks again then.
 */
#include "servers/registry/registry.h"

#include <string.h>

#include "servers/common/system_event.h"

static struct {
    uint64_t lost;
    bool is_gap;
} announced;

/* True when there is nothing to make up for any more. */
static bool resync(void) {
    if (announced.lost == 0 && !announced.is_gap)
        return true;
    int status = system_event(
        "capability.resync", "",
        (const struct system_event_field[]){
            {.name = "lost", .number = announced.lost},
            {.name = "reason", .text = announced.is_gap ? "the registry was restarted" : "the bus did not keep up"},
            {0}});
    if (status < 0)
        return false;
    announced.lost = 0;
    announced.is_gap = false;
    return true;
}

static void announce(const char *subject, const char *service, const struct system_event_field *fields) {
    if (!resync() || system_event(subject, service, fields) < 0)
        announced.lost++;
}

void announce_gap(void) {
    announced.is_gap = true;
}

static const char *const subjects[REGISTRY_STATE_COUNT] = {
    [REGISTRY_STATE_STARTING] = "capability.started",   [REGISTRY_STATE_READY] = "capability.ready",
    [REGISTRY_STATE_STOPPED] = "capability.stopped",    [REGISTRY_STATE_FAILED] = "capability.failed",
    [REGISTRY_STATE_GIVEN_UP] = "capability.given-up",  [REGISTRY_STATE_DEGRADED] = "capability.degraded",
    [REGISTRY_STATE_QUIESCING] = "capability.quiescing"};

void announce_state(const struct record *record, enum registry_state before) {
    const char *subject = subjects[record->state];
    if (subject == NULL || record->registry->is_recovering)
        return;
    const struct system_event_field fields[] = {
        {.name = "project", .text = record->project},
        {.name = "generation", .number = record->generation},
        {.name = "before", .text = grove_service_state_text((uint32_t)before)},
        {.name = "reason", .text = record->reason == NULL ? "" : record->reason},
        {0}};
    announce(subject, record->name, fields);
    if (record->state != REGISTRY_STATE_STARTING || record->generation <= 1)
        return;
    announce("capability.restarted", record->name, fields);
    if (record->exit_cause < REGISTRY_EXIT_CAUSES)
        record->registry->restarts[record->exit_cause]++;
}

void announce_registered(const struct record *record, bool is_new) {
    announce("capability.registered", record->name,
             (const struct system_event_field[]){{.name = "project", .text = record->project},
                                                 {.name = "owner", .text = record->owner.text},
                                                 {.name = "is_new", .number = is_new},
                                                 {0}});
}

void announce_unregistered(const char *name) {
    announce("capability.unregistered", name, (const struct system_event_field[]){{0}});
}

void announce_denied(const char *client, const char *service, const char *reason) {
    announce("capability.denied", service,
             (const struct system_event_field[]){
                 {.name = "client", .text = client}, {.name = "reason", .text = reason}, {0}});
}
