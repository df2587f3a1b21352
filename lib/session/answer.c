/*
 * Replies matched to calls.
 *
 * A reply is taken from its lane, given to the call with its number, and completed when its caller has released it: until
 * then it is read in place. What nobody waits for any more (a late answer) is completed at once; what an earlier instance
 * of this program asked for goes to the orphan handler. So every reply is applied once: it leaves the lane exactly when
 * whoever it was for is done with it, and a crash before that shows it to the next instance as an orphan.
 */
#include "lib/session/client.h"

#include <stdlib.h>
#include <string.h>

/* Where struct grove_answer keeps what its release needs. */
enum answer_slot { ANSWER_ATTACHMENT, ANSWER_TICKET, ANSWER_LANE, ANSWER_END };

void client_call_init(struct pending_call *call, grove_answer_handler *done, void *context) {
    call->state = CALL_WAITING;
    call->status = 0;
    call->done = done;
    call->context = context;
}

void client_list_call(struct grove_channel *channel, struct pending_call *call) {
    call->next = NULL;
    *channel->calls_tail = call;
    channel->calls_tail = &call->next;
    channel->async_count += call->done != NULL;
}

void client_unlist_call(struct grove_channel *channel, struct pending_call *call) {
    struct pending_call **place = &channel->calls;
    while (*place != NULL && *place != call)
        place = &(*place)->next;
    if (*place == NULL)
        return;
    *place = call->next;
    if (channel->calls_tail == &call->next)
        channel->calls_tail = place;
    channel->async_count -= call->done != NULL;
}

static struct pending_call *find_waiting(struct grove_channel *channel, uint64_t number) {
    struct pending_call *call = channel->calls;
    while (call != NULL && (call->number != number || call->state != CALL_WAITING))
        call = call->next;
    return call;
}

/* ---- reading ---- */

/* The payload behind the slices. GROVE_CORRUPT: the header promises more than there is. */
static int payload_behind_slices(const struct channel_taken *taken, const uint8_t **data, size_t *length_bytes) {
    size_t slices_bytes =
        (taken->header.flags & GROVE_RECORD_SLICES) != 0 ? taken->header.slices * sizeof(struct grove_slice) : 0;
    if (slices_bytes > taken->header.length_bytes)
        return GROVE_CORRUPT;
    *data = (const uint8_t *)taken->payload + slices_bytes;
    *length_bytes = taken->header.length_bytes - slices_bytes;
    return 0;
}

static int read_error(struct grove_channel *channel, const struct channel_taken *taken, const uint8_t *data,
                      size_t length_bytes) {
    int status = (int)taken->header.method;
    char text[512] = "";
    size_t kept = length_bytes < sizeof text - 1 ? length_bytes : sizeof text - 1;
    memcpy(text, data, kept); /* a copy first: the peer may change it while it is read */
    size_t sentence_bytes = strnlen(text, kept);
    const char *origin = sentence_bytes + 1 < kept ? text + sentence_bytes + 1 : channel->endpoint.text;
    if (status >= 0 || status < GROVE_NO_DESCRIPTORS)
        return error_set(GROVE_HANDLER_FAILED, "%s answered with a status that does not exist (%d): %s", origin, status,
                         text);
    return error_set(status, "%s (said by %s)", sentence_bytes > 0 ? text : grove_status_text(status), origin);
}

static int read_slice(struct grove_channel *channel, const struct channel_taken *taken, const void **slice,
                      size_t *slice_bytes) {
    if ((taken->header.flags & GROVE_RECORD_SLICES) == 0 || taken->header.slices == 0)
        return 0;
    return channel_end_slice(channel->base.end, taken, 0, slice, slice_bytes);
}

int client_read_answer(struct grove_channel *channel, const struct channel_taken *taken, struct grove_answer *answer) {
    const uint8_t *data = NULL;
    const void *slice = NULL;
    size_t length_bytes = 0, slice_bytes = 0;
    int status = payload_behind_slices(taken, &data, &length_bytes);
    if (status == 0)
        status = read_slice(channel, taken, &slice, &slice_bytes);
    if (status < 0) {
        attachment_fail(&channel->base, GROVE_CORRUPT);
        return error_set(GROVE_CORRUPT, "%s broke the protocol of its channel, which is closed",
                         channel->endpoint.text);
    }
    if (taken->header.kind == GROVE_RECORD_ERROR) {
        status = read_error(channel, taken, data, length_bytes);
        attachment_complete(&channel->base, taken);
        return status;
    }
    /* Field by field: clearing and copying the whole structure would be a good part of a call. */
    answer->data = data;
    answer->length_bytes = length_bytes;
    answer->slice = slice;
    answer->slice_bytes = slice_bytes;
    answer->internal[ANSWER_ATTACHMENT] = &channel->base;
    answer->internal[ANSWER_TICKET] = (void *)(uintptr_t)taken->ticket;
    answer->internal[ANSWER_LANE] = (void *)(uintptr_t)taken->lane;
    answer->internal[ANSWER_END] = (void *)(uintptr_t)taken->end_position;
    return 0;
}

void grove_answer_release(struct grove_answer *answer) {
    if (answer == NULL || answer->internal[ANSWER_ATTACHMENT] == NULL)
        return;
    /* Completing looks at these three only. */
    struct channel_taken taken;
    taken.end_position = (uint64_t)(uintptr_t)answer->internal[ANSWER_END];
    taken.ticket = (uint32_t)(uintptr_t)answer->internal[ANSWER_TICKET];
    taken.lane = (uint8_t)(uintptr_t)answer->internal[ANSWER_LANE];
    attachment_complete(answer->internal[ANSWER_ATTACHMENT], &taken);
    answer->data = answer->slice = NULL;
    answer->length_bytes = answer->slice_bytes = 0;
    answer->internal[ANSWER_ATTACHMENT] = NULL;
}

/* ---- taking ---- */

static void tell_orphan(struct grove_channel *channel, const struct channel_taken *taken) {
    struct grove_answer answer = {0};
    int status = client_read_answer(channel, taken, &answer);
    channel->on_orphan(taken->header.number, status, &answer, channel->on_orphan_context);
    grove_answer_release(&answer);
}

bool client_take(struct grove_channel *channel, enum grove_lane lane) {
    struct channel_taken taken;
    int status = channel->base.status < 0 ? GROVE_AGAIN : channel_end_take(channel->base.end, lane, &taken);
    if (status == GROVE_AGAIN)
        return false;
    if (status < 0 || (taken.header.kind != GROVE_RECORD_REPLY && taken.header.kind != GROVE_RECORD_ERROR)) {
        attachment_fail(&channel->base, GROVE_CORRUPT);
        return false;
    }
    attachment_took(&channel->base);
    trace_taken(&channel->base, GROVE_TRACE_APPLIED, &taken);
    struct pending_call *call = find_waiting(channel, taken.header.number);
    if (call != NULL) {
        call->taken = taken;
        call->state = CALL_ANSWERED;
    } else if (taken.header.number < channel->first_number && channel->on_orphan != NULL) {
        tell_orphan(channel, &taken);
    } else {
        attachment_complete(&channel->base, &taken);
    }
    return true;
}

/* ---- telling ---- */

void client_give_up(struct grove_channel *channel, int status) {
    for (struct pending_call *call = channel->calls; call != NULL; call = call->next) {
        if (call->state != CALL_WAITING)
            continue;
        call->state = CALL_GIVEN_UP;
        call->status = status;
    }
}

static int give_up_sentence(const struct grove_channel *channel, int status) {
    switch (status) {
    case GROVE_TIMED_OUT:
        return error_set(status, "%s did not answer in time", channel->endpoint.text);
    case GROVE_CLOSED:
        return error_set(status, "%s is gone and will not come back", channel->endpoint.text);
    case GROVE_CORRUPT:
        return error_set(status, "%s broke the protocol of its channel, which is closed", channel->endpoint.text);
    default:
        return error_set(status, "the call to %s was cancelled before it was answered", channel->endpoint.text);
    }
}

bool client_tell_one(struct grove_channel *channel) {
    struct pending_call *call = channel->calls;
    while (call != NULL && (call->done == NULL || call->state == CALL_WAITING))
        call = call->next;
    if (call == NULL)
        return false;
    client_unlist_call(channel, call);
    struct grove_answer answer = {0};
    int status = call->state == CALL_ANSWERED ? client_read_answer(channel, &call->taken, &answer)
                                              : give_up_sentence(channel, call->status);
    client_enter(channel);
    struct grove_session *session = channel->base.session;
    struct grove_trace_context before = session->span; /* of a handler that closes the channel */
    session->span = call->span;
    call->done(status, &answer, call->context);
    session->span = before;
    grove_answer_release(&answer);
    free(call);
    client_leave(channel);
    return true;
}
