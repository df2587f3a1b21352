/*
 * The client end of a channel: calls that wait for their answers, and what matches them.
 *
 * A call is in the channel's list from before its request is published until its caller has been told. A synchronous
 * one lies on its caller's stack, an asynchronous one on the heap; both look the same to answer.c.
 */
#ifndef GROVE_SESSION_CLIENT_H
#define GROVE_SESSION_CLIENT_H

#include "lib/session/attachment.h"

/* Asynchronous calls of one channel at a time; well under GROVE_REPLY_MARKS, so that a synchronous one gets through. */
#define CLIENT_CALLS_MAX 128u

enum call_state { CALL_WAITING, CALL_ANSWERED, CALL_GIVEN_UP };

struct pending_call {
    struct pending_call *next;
    uint64_t number;
    uint64_t deadline_ns;
    enum call_state state;
    int status; /* GIVEN_UP: why */
    struct channel_taken taken; /* ANSWERED: the reply, not completed yet */
    grove_answer_handler *done; /* NULL: synchronous */
    struct grove_trace_context span; /* asynchronous: in whose handling it was made */
    void *context;
};

struct grove_channel {
    struct attachment base; /* first: an attachment of this owner is a channel */
    struct grove_name endpoint;
    struct pending_call *calls, **calls_tail;
    unsigned async_count;
    uint64_t first_number; /* of this instance: answers to lower ones belong to an earlier instance */
    grove_orphan_handler *on_orphan;
    void *on_orphan_context;
    unsigned depth; /* functions of the library at work on it: closing waits for them */
    bool is_closing;
};

extern const struct attachment_owner client_owner;

/* ---- answer.c ---- */

/* Take one reply of a lane and give it to its call, its orphan handler, or nobody. False: there was none. */
bool client_take(struct grove_channel *channel, enum grove_lane lane);
/* Read a reply in place: GROVE_OK, or the error that it carries, with the last error set and the record completed. */
int client_read_answer(struct grove_channel *channel, const struct channel_taken *taken, struct grove_answer *answer);
/* `taken` counts from ANSWERED on, the rest of it from client_list_call on. */
void client_call_init(struct pending_call *call, grove_answer_handler *done, void *context);
void client_list_call(struct grove_channel *channel, struct pending_call *call);
void client_unlist_call(struct grove_channel *channel, struct pending_call *call);
/* Nobody will answer: every call that waits gets this status. */
void client_give_up(struct grove_channel *channel, int status);
/* Tell the callers of asynchronous calls that are over. True if one was told. May end the channel. */
bool client_tell_one(struct grove_channel *channel);
void client_enter(struct grove_channel *channel);
void client_leave(struct grove_channel *channel); /* the channel may be gone after it */

/* ---- client.c ---- */

/* Lane and deadline of a call: INHERIT and 0 are resolved here. GROVE_INVALID. */
int client_resolve(const struct grove_session *session, const struct grove_call *call, enum grove_lane *lane,
                   uint64_t *deadline_ns);
/* Wait for room on the way out while taking what comes in. GROVE_TIMED_OUT, GROVE_CLOSED, GROVE_CORRUPT. */
int client_wait_for_room(struct grove_channel *channel, uint64_t deadline_ns);
int client_is_usable(const struct grove_channel *channel);

/* ---- loan.c ---- */

/* Describe a loan as the slice of a record about to be published; afterwards the record owns it. */
int loan_to_slice(const struct grove_loan *loan, const struct attachment *attachment, struct grove_slice *slice);
void loan_passed_on(struct grove_loan *loan);
int loan_make(struct attachment *attachment, size_t length_bytes, struct grove_loan *loan);

#endif
