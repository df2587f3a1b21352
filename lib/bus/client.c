/*
 * The channels of a session to the bus, opened when they are first needed, and sending on them.
 *
 * When there is no bus, a program that only emits must not spend its time on looking for one: it is looked for at most ten
 * times a second. Nothing here outlives the process; what was sent and not taken lies in the channels.
 */
#include "lib/bus/bus.h"

#include <stdlib.h>
#include <string.h>

#include "lib/session/copy.h"

#define LOOK_AGAIN_NS (100 * GROVE_MILLISECOND)

static void close_client(struct grove_session *session) {
    struct bus_client *client = session->bus;
    session->extension = NULL;
    session->bus = NULL;
    bus_subscriptions_end(client);
    bus_directs_end(client);
    for (unsigned i = 0; i < BUS_CHANNELS; i++)
        grove_channel_close(client->channels[i]);
    free(client->copy.bytes);
    free(client);
}

static const struct session_extension extension = {
    .work = bus_work, .close = close_client, .sleeps = bus_sources_sleep};

int bus_client_of(struct grove_session *session, struct bus_client **found) {
    int status = session_or_default(session, &session);
    if (status < 0)
        return status;
    if (session->bus == NULL) {
        struct bus_client *client = calloc(1, sizeof *client);
        if (client == NULL)
            return error_set(GROVE_NO_MEMORY, "no memory is left for the bus");
        client->session = session;
        for (unsigned lane = 0; lane < GROVE_LANES; lane++)
            client->lanes[lane].client = client;
        session->bus = client;
        session->extension = &extension;
    }
    *found = session->bus;
    return 0;
}

/* Polls and their answers are as large as half a lane. */
static const struct grove_connect_options options_of[BUS_CHANNELS] = {
    [BUS_MAIN] = {.tag = GROVE_BUS_CHANNEL_MAIN},
    [BUS_DEFERRED] = {.tag = GROVE_BUS_CHANNEL_DEFERRED},
    [BUS_REQUESTS] = {.tag = GROVE_BUS_CHANNEL_REQUESTS},
    [BUS_EVENTS] = {.tag = GROVE_BUS_CHANNEL_EVENTS, .lane_bytes = {32768, 65536, 32768}},
};

static int explain_no_room(const struct bus_client *client) {
    return error_set(
        GROVE_EXHAUSTED,
        "no room is left for a channel of %s to the bus: raise 'shared' below 'resources:' in its manifest; all "
        "channels and regions that it has together take that much at most",
        client->session->identity.name.text);
}

int bus_channel(struct bus_client *client, enum bus_channel which, struct grove_channel **channel) {
    struct grove_channel *open = client->channels[which];
    if (open != NULL && client_is_usable(open) == 0) {
        *channel = open;
        return 0;
    }
    uint64_t now_ns = grove_now_ns();
    if (now_ns < client->absent_until_ns)
        return error_set(client->absent_status, "there is no bus: %s", grove_status_text(client->absent_status));
    if (open != NULL)
        grove_channel_close(open);
    client->channels[which] = NULL;
    struct grove_connect_options options = options_of[which];
    options.session = client->session;
    int status = grove_connect_with(GROVE_BUS_ENDPOINT, &options, &client->channels[which]);
    if (status < 0) {
        client->absent_until_ns = now_ns + LOOK_AGAIN_NS;
        client->absent_status = status;
        return status == GROVE_EXHAUSTED ? explain_no_room(client) : status;
    }
    *channel = client->channels[which];
    return 0;
}

int bus_call(struct bus_client *client, uint32_t method, const void *data, size_t length_bytes, void *answer,
             size_t answer_bytes, uint64_t timeout_ns) {
    struct grove_channel *channel = NULL;
    struct grove_answer told;
    int status = bus_channel(client, BUS_MAIN, &channel);
    if (status < 0)
        return status;
    status = grove_call(channel,
                        &(struct grove_call){.method = method,
                                             .priority = GROVE_PRIORITY_HIGH,
                                             .data = data,
                                             .length_bytes = length_bytes,
                                             .timeout_ns = timeout_ns},
                        &told);
    if (status < 0)
        return status;
    if (answer != NULL && told.length_bytes >= answer_bytes)
        memcpy(answer, told.data, answer_bytes);
    else if (answer != NULL)
        status = error_set(GROVE_CORRUPT, "the bus gave too short an answer");
    grove_answer_release(&told);
    return status;
}

/* ---- sending ---- */

static int reserve_once(struct grove_channel *channel, enum grove_lane lane, size_t payload_bytes,
                        const struct grove_trace_context *span, struct grove_record **record) {
    return span == NULL ? channel_end_reserve(channel->base.end, lane, payload_bytes, record)
                        : channel_end_reserve_traced(channel->base.end, lane, payload_bytes, span, record);
}

/* The clock is looked at only where there is no room. */
static int reserve(struct grove_channel *channel, enum grove_lane lane, size_t payload_bytes, uint64_t timeout_ns,
                   const struct grove_trace_context *span, struct grove_record **record) {
    int status = reserve_once(channel, lane, payload_bytes, span, record);
    uint64_t deadline_ns = status == GROVE_AGAIN && timeout_ns != 0 ? deadline_after(timeout_ns) : 0;
    while (status == GROVE_AGAIN && timeout_ns != 0) {
        status = client_wait_for_room(channel, deadline_ns);
        if (status == 0)
            status = reserve_once(channel, lane, payload_bytes, span, record);
    }
    if (status == GROVE_AGAIN || status == GROVE_TIMED_OUT)
        return error_set(GROVE_EXHAUSTED, "the bus does not keep up: its lane is full");
    if (status == GROVE_TOO_LARGE)
        return error_set(status, "%zu bytes do not fit the lane to the bus", payload_bytes);
    return status < 0 ? error_set(status, "the channel to the bus cannot be used: %s", grove_status_text(status)) : 0;
}

static void fill(struct grove_record *record, const struct bus_part *parts, unsigned count,
                 const struct grove_slice *slice) {
    uint8_t *at = (uint8_t *)(record + 1);
    if (slice != NULL) {
        memcpy(at, slice, sizeof *slice);
        at += sizeof *slice;
    }
    for (unsigned i = 0; i < count; i++) {
        copy_bytes(at, parts[i].data, parts[i].length_bytes);
        at += parts[i].length_bytes;
    }
    record->flags = slice != NULL ? GROVE_RECORD_SLICES : 0;
    record->slices = slice != NULL ? 1 : 0;
}

int bus_send(struct grove_channel *channel, enum grove_lane lane, uint32_t method, const struct bus_part *parts,
             unsigned count, uint64_t timeout_ns, struct grove_loan *loan) {
    struct grove_session *session = channel->base.session;
    struct grove_slice slice;
    struct grove_record *record = NULL;
    struct grove_trace_context span;
    size_t payload_bytes = loan != NULL ? sizeof slice : 0;
    int status = session_has_news(session) ? session_read(session) : 0;
    if (status == 0 && loan != NULL)
        status = loan_to_slice(loan, &channel->base, &slice);
    if (status < 0)
        return status;
    for (unsigned i = 0; i < count; i++)
        payload_bytes += parts[i].length_bytes;
    bool is_traced = trace_is_on(session);
    if (is_traced)
        span = trace_new_span(session);
    client_enter(channel);
    status = reserve(channel, lane, payload_bytes, timeout_ns, is_traced ? &span : NULL, &record);
    if (status == 0) {
        fill(record, parts, count, loan != NULL ? &slice : NULL);
        if (is_traced)
            record->flags |= GROVE_RECORD_TRACED;
        record->number = channel_end_next_number(channel->base.end);
        record->deadline_ns = 0;
        record->method = method;
        record->kind = GROVE_RECORD_MESSAGE;
        if (is_traced) /* before the other end can report that it took it */
            trace_report(&channel->base, GROVE_TRACE_SENT, record, lane, &span, session->span.span);
        attachment_publish(&channel->base, lane);
        if (loan != NULL)
            loan_passed_on(loan);
    }
    client_leave(channel);
    return status;
}
