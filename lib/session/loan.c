/*
 * Large messages: space in the own arena, written in place and read in place.
 *
 * A loan belongs to the program until it is sent; then the record that carries it owns it, and its space is free again
 * when the other end has completed that record and holds none of it. Nothing is copied on the way.
 */
#include "lib/session/client.h"

enum loan_slot { LOAN_ATTACHMENT, LOAN_OFFSET, LOAN_BYTES };

int loan_make(struct attachment *attachment, size_t length_bytes, struct grove_loan *loan) {
    void *data;
    uint64_t offset_bytes;
    if (length_bytes == 0)
        return error_set(GROVE_INVALID, "a loan of 0 bytes was asked for");
    int status = channel_end_loan(attachment->end, length_bytes, &data, &offset_bytes);
    if (status < 0)
        return status;
    *loan = (struct grove_loan){.data = data, .length_bytes = length_bytes};
    loan->internal[LOAN_ATTACHMENT] = attachment;
    loan->internal[LOAN_OFFSET] = (void *)(uintptr_t)offset_bytes;
    loan->internal[LOAN_BYTES] = (void *)(uintptr_t)length_bytes;
    return 0;
}

int loan_to_slice(const struct grove_loan *loan, const struct attachment *attachment, struct grove_slice *slice) {
    if (loan->internal[LOAN_ATTACHMENT] != attachment)
        return error_set(GROVE_INVALID, "a loan can only be sent on the channel that it was taken from, and only once");
    if (loan->length_bytes == 0 || loan->length_bytes > (size_t)(uintptr_t)loan->internal[LOAN_BYTES])
        return error_set(GROVE_INVALID, "a loan may be made shorter, not longer, and not empty");
    *slice = (struct grove_slice){
        .offset_bytes = (uint64_t)(uintptr_t)loan->internal[LOAN_OFFSET],
        .length_bytes = loan->length_bytes,
        .space = GROVE_SLICE_SENDER,
    };
    return 0;
}

/* Publishing has moved the blocks over to the record. */
void loan_passed_on(struct grove_loan *loan) {
    *loan = (struct grove_loan){0};
}

void grove_loan_return(struct grove_loan *loan) {
    if (loan == NULL || loan->internal[LOAN_ATTACHMENT] == NULL)
        return;
    const struct attachment *attachment = loan->internal[LOAN_ATTACHMENT];
    channel_end_loan_return(attachment->end, (uint64_t)(uintptr_t)loan->internal[LOAN_OFFSET]);
    *loan = (struct grove_loan){0};
}

int grove_loan(struct grove_channel *channel, size_t length_bytes, uint64_t timeout_ns, struct grove_loan *loan) {
    uint64_t deadline_ns = deadline_after(timeout_ns);
    client_enter(channel);
    int status = client_is_usable(channel);
    if (status == 0)
        status = loan_make(&channel->base, length_bytes, loan);
    while (status == GROVE_AGAIN) {
        status = client_wait_for_room(channel, deadline_ns);
        if (status == 0)
            status = loan_make(&channel->base, length_bytes, loan);
    }
    if (status == GROVE_TIMED_OUT)
        status =
            error_set(GROVE_EXHAUSTED, "no %zu bytes became free in the arena to %s in time: it holds what was sent",
                      length_bytes, channel->endpoint.text);
    else if (status == GROVE_TOO_LARGE)
        error_set(status,
                  "%zu bytes are more than the arena to %s has: connect with a larger arena_bytes, or use a region",
                  length_bytes, channel->endpoint.text);
    else if (status < 0 && status != GROVE_INVALID)
        error_set(status, "no space can be lent on the channel to %s: %s", channel->endpoint.text,
                  grove_status_text(status));
    client_leave(channel);
    return status;
}
