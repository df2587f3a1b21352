/*
 * The alarm service: takes events from protection, keeps what is active and what was.
 *
 * The list (alarms.h) lives in the state region, so a restart forgets nothing and counts nothing twice.
 */
#include "examples/grid/alarm/alarms.h"
#include "examples/grid/common/clock.h"
#include "grove/grove.h"

#include <string.h>

static int on_event(struct grove_request *request, void *context) {
    struct alarm_event event;
    if (grove_request_bytes(request) != sizeof event)
        return grove_fail(request, GROVE_INVALID, "an event has %zu bytes", sizeof event);
    memcpy(&event, grove_request_data(request), sizeof event);
    if (alarms_event(context, &event) == GROVE_INVALID)
        return grove_fail(request, GROVE_INVALID, "alarm kind %u is unknown", event.kind);
    return 0;
}

static int reply_records(struct grove_request *request, const struct alarm_record *records, unsigned count) {
    return grove_reply(request, records, count * sizeof records[0]);
}

static int on_list(struct grove_request *request, void *context) {
    struct alarm_record records[ALARM_REPLY_MAX];
    return reply_records(request, records, alarms_list(context, records, ALARM_REPLY_MAX));
}

static int on_history(struct grove_request *request, void *context) {
    struct alarm_record records[ALARM_REPLY_MAX];
    return reply_records(request, records, alarms_list_history(context, records, ALARM_REPLY_MAX));
}

static int on_acknowledge(struct grove_request *request, void *context) {
    uint32_t number;
    if (grove_request_bytes(request) != sizeof number)
        return grove_fail(request, GROVE_INVALID, "send the number of an alarm, or 0 for all, as number:u32");
    memcpy(&number, grove_request_data(request), sizeof number);
    if (alarms_acknowledge(context, number, clock_wall_ns()) < 0)
        return grove_fail(request, GROVE_NOT_FOUND, "alarm %u is not active", number);
    return 0;
}

int main(void) {
    static const struct {
        uint32_t method;
        grove_handler *handler;
    } methods[] = {{ALARM_EVENT, on_event},
                   {ALARM_LIST, on_list},
                   {ALARM_HISTORY, on_history},
                   {ALARM_ACKNOWLEDGE, on_acknowledge}};
    struct grove_service *service;
    struct grove_region *region;
    bool is_fresh;
    if (grove_service_create(NULL, &service) < 0 ||
        grove_region_state(grove_service_session(service), sizeof(struct alarms), &region, &is_fresh) < 0)
        return grove_report("alarm");
    struct alarms *alarms = grove_region_data(region, NULL);
    alarms_start(alarms);
    for (unsigned i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (grove_service_on(service, "alarm", methods[i].method, methods[i].handler, alarms) < 0)
            return grove_report("alarm");
    return grove_service_run(service) < 0 ? grove_report("alarm") : 0;
}
