/*
 * Answers: published now, or kept until there is room.
 *
 * A client that does not read its replies must not stop the others (law 10). A reply that finds its lane full is copied
 * and waits in a list of its channel, up to its request's deadline; the request stays uncompleted until then, so that a
 * crash loses nothing. The list is bounded: when it is full no more requests are taken from this client, and the run loop
 * sleeps for room alone. Each request that it sends meanwhile may wake us once, at the cost of a system call of its own.
 */
#include "lib/service/service.h"

#include "lib/session/client.h"
#include "lib/session/copy.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_WITHOUT_DEADLINE_NS (5 * GROVE_SECOND)

struct outgoing {
    uint8_t kind;
    uint32_t method;
    const void *data;
    size_t length_bytes;
    bool has_slice;
    struct grove_slice slice;
};

struct waiting_reply {
    struct waiting_reply *next;
    struct grove_request *request;
    uint64_t deadline_ns;
    struct outgoing reply; /* data points behind this structure */
};

static size_t payload_bytes(const struct outgoing *reply) {
    return reply->length_bytes + (reply->has_slice ? sizeof reply->slice : 0);
}

/* ---- publishing ---- */

static int publish(const struct grove_request *request, const struct outgoing *reply) {
    struct attachment *attachment = &request->channel->base;
    enum grove_lane lane = (enum grove_lane)request->taken.lane;
    struct grove_record *record;
    int status = channel_end_reserve(attachment->end, lane, payload_bytes(reply), &record);
    if (status < 0)
        return status;
    uint8_t *payload = (uint8_t *)(record + 1);
    if (reply->has_slice) {
        memcpy(payload, &reply->slice, sizeof reply->slice);
        payload += sizeof reply->slice;
    }
    copy_bytes(payload, reply->data, reply->length_bytes);
    record->number = request->taken.header.number;
    record->deadline_ns = request->taken.header.deadline_ns;
    record->method = reply->method;
    record->kind = reply->kind;
    record->flags = reply->has_slice ? GROVE_RECORD_SLICES : 0;
    record->slices = reply->has_slice ? 1 : 0;
    trace_taken(attachment, GROVE_TRACE_REPLIED, &request->taken);
    if (attachment->session->replies_wait)
        attachment_publish_and_wait(attachment, lane);
    else
        attachment_publish(attachment, lane);
    return 0;
}

/* ---- waiting for room ---- */

bool replies_block(const struct client_channel *channel) {
    return channel->reply_count >= REPLIES_WAITING_MAX || channel->reply_bytes >= REPLY_BYTES_WAITING_MAX;
}

static int keep(struct grove_request *request, const struct outgoing *reply) {
    struct client_channel *channel = request->channel;
    struct waiting_reply *waiting = NULL;
    if (!replies_block(channel))
        waiting = malloc(sizeof *waiting + reply->length_bytes);
    if (waiting == NULL)
        return error_set(GROVE_EXHAUSTED, "%s does not read its replies, and no more are kept for it",
                         channel->client.text);
    uint64_t deadline_ns = request->taken.header.deadline_ns;
    *waiting = (struct waiting_reply){.request = request, .reply = *reply};
    waiting->deadline_ns = deadline_ns != 0 ? deadline_ns : deadline_after(WAIT_WITHOUT_DEADLINE_NS);
    if (reply->length_bytes > 0)
        memcpy(waiting + 1, reply->data, reply->length_bytes);
    waiting->reply.data = waiting + 1;
    *channel->replies_tail = waiting;
    channel->replies_tail = &waiting->next;
    channel->reply_count++;
    channel->reply_bytes += reply->length_bytes;
    request->is_reply_waiting = true;
    session_expires_at(channel->service->session, waiting->deadline_ns);
    return 0;
}

/* Take a reply out of the list: it is published, or given up. Its request is completed unless its owner still has it. */
static void settle(struct client_channel *channel, struct waiting_reply **place, bool is_published) {
    struct waiting_reply *waiting = *place;
    struct grove_request *request = waiting->request;
    *place = waiting->next;
    if (channel->replies_tail == &waiting->next)
        channel->replies_tail = place;
    channel->reply_count--;
    channel->reply_bytes -= waiting->reply.length_bytes;
    if (!is_published && waiting->reply.has_slice && waiting->reply.slice.space == GROVE_SLICE_SENDER)
        channel_end_loan_return(channel->base.end, waiting->reply.slice.offset_bytes);
    free(waiting);
    request->is_reply_waiting = false;
    if (!request->is_deferred && !request->is_in_handler)
        request_complete(request);
}

void replies_flush(struct client_channel *channel) {
    channel->requests++; /* so that completing the last one does not end the channel under us */
    struct waiting_reply **place = &channel->replies;
    while (*place != NULL) {
        int status = channel->base.is_peer_gone || channel->base.status < 0
                         ? GROVE_CLOSED
                         : publish((*place)->request, &(*place)->reply);
        if (status == GROVE_AGAIN)
            place = &(*place)->next; /* another lane may have room */
        else
            settle(channel, place, status == 0);
    }
    client_channel_unuse(channel);
}

uint64_t replies_expire(struct client_channel *channel, uint64_t now_ns) {
    uint64_t next_ns = GROVE_FOREVER;
    if (channel->reply_count == 0)
        return next_ns;
    replies_flush(channel);
    for (struct waiting_reply **place = &channel->replies; *place != NULL;) {
        if ((*place)->deadline_ns <= now_ns) {
            settle(channel, place, false);
            continue;
        }
        next_ns = (*place)->deadline_ns < next_ns ? (*place)->deadline_ns : next_ns;
        place = &(*place)->next;
    }
    attachment_activate(&channel->base);
    return next_ns;
}

void replies_drop(struct client_channel *channel) {
    channel->requests++;
    while (channel->replies != NULL)
        settle(channel, &channel->replies, false);
    client_channel_unuse(channel);
}

/* ---- answering ---- */

static int may_answer(const struct grove_request *request) {
    if (!request->wants_reply)
        return error_set(GROVE_WRONG_STATE, "a one-way message takes no answer");
    if (request->state != REQUEST_OPEN)
        return error_set(GROVE_WRONG_STATE, "this request has been answered already");
    return 0;
}

static int explain(const struct grove_request *request, const struct outgoing *reply, int status) {
    if (status == GROVE_TOO_LARGE)
        return error_set(status,
                         "a reply of %zu bytes does not fit the lane: lend it with grove_request_loan and "
                         "grove_reply_loan",
                         reply->length_bytes);
    return error_set(status, "the answer to %s could not be sent: %s", request->channel->client.text,
                     grove_status_text(status));
}

static int answer(struct grove_request *request, const struct outgoing *reply) {
    struct client_channel *channel = request->channel;
    int status = may_answer(request);
    if (status < 0)
        return status;
    if (channel->base.is_peer_gone || channel->base.status < 0) {
        request->state = REQUEST_ANSWERED; /* nobody is left to read it */
        return error_set(GROVE_CLOSED, "%s is gone: nobody reads this answer", channel->client.text);
    }
    status = publish(request, reply);
    if (status == GROVE_AGAIN) {
        status = keep(request, reply);
        if (status == 0)
            request->state = REQUEST_ANSWERED;
        return status;
    }
    if (status < 0)
        return explain(request, reply, status);
    request->state = REQUEST_ANSWERED;
    return 0;
}

int grove_reply(struct grove_request *request, const void *data, size_t length_bytes) {
    return answer(request, &(struct outgoing){.kind = GROVE_RECORD_REPLY,
                                              .method = request->taken.header.method,
                                              .data = data,
                                              .length_bytes = length_bytes});
}

int grove_reply_loan(struct grove_request *request, const void *data, size_t length_bytes, struct grove_loan *loan) {
    struct outgoing reply = {.kind = GROVE_RECORD_REPLY,
                             .method = request->taken.header.method,
                             .data = data,
                             .length_bytes = length_bytes,
                             .has_slice = true};
    int status = loan_to_slice(loan, &request->channel->base, &reply.slice);
    if (status == 0)
        status = answer(request, &reply);
    if (status == 0)
        loan_passed_on(loan);
    return status;
}

int grove_reply_slice(struct grove_request *request, const void *data, size_t length_bytes, size_t slice_offset_bytes,
                      size_t slice_bytes) {
    const struct attachment *attachment = &request->channel->base;
    size_t given_bytes = 0;
    const uint8_t *given = grove_request_slice(request, &given_bytes);
    if (given == NULL)
        return error_set(GROVE_INVALID, "this request came without a slice to hand back");
    if (slice_bytes == 0 || slice_offset_bytes > given_bytes || slice_bytes > given_bytes - slice_offset_bytes)
        return error_set(GROVE_INVALID, "the part to hand back lies outside the slice of %zu bytes", given_bytes);
    uint64_t offset_bytes;
    int status = attachment_peer_offset(attachment, request->taken.record, given + slice_offset_bytes, &offset_bytes);
    if (status < 0)
        return error_set(GROVE_INVALID, "only a slice in the client's own memory can be handed back to it");
    return answer(
        request,
        &(struct outgoing){
            .kind = GROVE_RECORD_REPLY,
            .method = request->taken.header.method,
            .data = data,
            .length_bytes = length_bytes,
            .has_slice = true,
            .slice = {.offset_bytes = offset_bytes, .length_bytes = slice_bytes, .space = GROVE_SLICE_RECEIVER},
        });
}

int grove_request_loan(struct grove_request *request, size_t length_bytes, uint64_t timeout_ns,
                       struct grove_loan *loan) {
    struct attachment *attachment = &request->channel->base;
    uint64_t deadline_ns = deadline_after(timeout_ns);
    int status = loan_make(attachment, length_bytes, loan);
    while (status == GROVE_AGAIN && !attachment->is_peer_gone) {
        status = session_wait_one(attachment, CHANNEL_FOR_ROOM, deadline_ns);
        if (status == 0 && deadline_has_passed(deadline_ns))
            status = GROVE_TIMED_OUT;
        if (status == 0)
            status = loan_make(attachment, length_bytes, loan);
    }
    if (status == GROVE_AGAIN || status == GROVE_TIMED_OUT)
        return error_set(GROVE_EXHAUSTED, "no %zu bytes became free in time: %s still holds what was lent to it",
                         length_bytes, request->channel->client.text);
    return status < 0 && status != GROVE_INVALID ? error_set(status, "no space can be lent to %s: %s",
                                                             request->channel->client.text, grove_status_text(status))
                                                 : status;
}

/* ---- errors ---- */

int reply_error(struct grove_request *request, int status, const char *sentence) {
    char payload[512];
    const struct grove_name *origin = &request->channel->service->session->identity.name;
    int length = snprintf(payload, sizeof payload, "%.400s%c%s", sentence, '\0', origin->text);
    answer(request, &(struct outgoing){.kind = GROVE_RECORD_ERROR,
                                       .method = (uint32_t)status,
                                       .data = payload,
                                       .length_bytes = length > 0 ? (size_t)length : 0});
    return status;
}

int(grove_fail)(struct grove_request *request, int status, const char *sentence, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, sentence);
    vsnprintf(text, sizeof text, sentence, arguments);
    va_end(arguments);
    if (status >= 0 || status < GROVE_NO_DESCRIPTORS)
        status = GROVE_HANDLER_FAILED;
    if (request->wants_reply && request->state == REQUEST_OPEN)
        reply_error(request, status, text);
    error_set(status, "%s", text);
    return status;
}
