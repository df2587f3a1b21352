/*
 * The trace of a publication goes on in the handlers of its event, whether it came by ring or by queue.
 *
 * Each delivery is a span of its own below that of the publication. Nobody sends a message for it that could be followed (one
 * answer to a poll may bring many, and a ring none), so the subscriber reports both of its steps, on its channel for events and
 * under a number that no message has. While nobody traces this costs a load for each event.
 */
#include "lib/bus/bus.h"

#include "lib/session/attachment.h"

/* Messages are counted from 0. */
#define NUMBER_OF_DELIVERY (UINT64_C(1) << 63)

static void report(struct bus_client *client, enum grove_trace_stage stage, const struct grove_trace_context *span,
                   uint64_t parent) {
    struct grove_channel *channel =
        client->channels[BUS_EVENTS] != NULL ? client->channels[BUS_EVENTS] : client->channels[BUS_MAIN];
    const struct grove_record record = {.number = span->span | NUMBER_OF_DELIVERY, .method = GROVE_BUS_POLL};
    if (channel != NULL)
        trace_report(&channel->base, stage, &record, GROVE_LANE_MEDIUM, span, parent);
}

struct bus_traced bus_trace_begin(struct bus_client *client, const struct grove_event *event) {
    struct grove_session *session = client->session;
    struct bus_traced traced = {.outer = session->span};
    uint64_t trace = (uint64_t)(uintptr_t)event->internal[EVENT_TRACE];
    uint64_t parent = (uint64_t)(uintptr_t)event->internal[EVENT_SPAN];
    grove_trace_enter(session, NULL);
    /* One that is read again long after belongs to nothing that is under way. */
    if (trace == 0 || !trace_is_on(session) || (event->flags & GROVE_EVENT_REPLAYED) != 0)
        return traced;
    grove_trace_enter(session, &(struct grove_trace_context){.trace = trace, .span = parent});
    traced.span = trace_new_span(session);
    grove_trace_enter(session, &traced.span);
    report(client, GROVE_TRACE_TAKEN, &traced.span, parent);
    return traced;
}

void bus_trace_end(struct bus_client *client, const struct bus_traced *traced) {
    if (traced->span.trace != 0)
        report(client, GROVE_TRACE_COMPLETED, &traced->span, 0);
    grove_trace_enter(client->session, &traced->outer);
}
