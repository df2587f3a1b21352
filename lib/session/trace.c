/*
 * Which request caused which: spans, and the steps of messages that are reported while somebody traces.
 *
 * A request that is sent while another one is handled is a part of it: both carry the number of the same trace, and the
 * report of the sending names the other one's span. The session knows the current span: it is set for the time of a handler,
 * and again for that of an answer handler whose call was made in one. So a trace needs nothing of the authors of services.
 *
 * While nobody traces a message costs one load for all of this, and carries nothing. Numbers come from the randomness that
 * the kernel gave to this instance, so no two instances choose the same.
 */
#include "lib/session/attachment.h"

#include <string.h>

/* splitmix64: neighbouring counts give numbers that have nothing in common. */
static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

static uint64_t new_number(struct grove_session *session) {
    uint64_t seed, number;
    memcpy(&seed, session->identity.random, sizeof seed);
    do
        number = mix(seed ^ session->identity.id ^ (++session->spans_made * UINT64_C(0x9e3779b97f4a7c15)));
    while (number == 0);
    return number;
}

struct grove_trace_context trace_new_span(struct grove_session *session) {
    uint64_t number = new_number(session);
    return (struct grove_trace_context){.trace = session->span.trace != 0 ? session->span.trace : number,
                                        .span = number};
}

void trace_report(struct attachment *attachment, enum grove_trace_stage stage, const struct grove_record *header,
                  unsigned lane, const struct grove_trace_context *span, uint64_t parent) {
    struct grove_message message = {
        .operation = GROVE_REQUEST_TRACE_EMIT,
        .body.trace = {.time_ns = grove_now_ns(),
                       .channel = attachment->id,
                       .number = header->number,
                       .method = header->method,
                       .stage = (uint16_t)stage,
                       .lane = (uint16_t)lane,
                       .parent = parent},
    };
    if (span != NULL)
        message.body.trace.span = *span;
    session_post(attachment->session, &message, true);
}

bool grove_trace_current(struct grove_session *session, struct grove_trace_context *span) {
    if (session->span.trace == 0)
        return false;
    *span = session->span;
    return true;
}

void grove_trace_enter(struct grove_session *session, const struct grove_trace_context *span) {
    session->span = span != NULL && span->trace != 0 ? *span : (struct grove_trace_context){0};
}
