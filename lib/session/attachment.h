/*
 * An attachment: one end of a channel as this process has it mapped.
 *
 * It joins the protocol (lib/channel/end.h) to the kernel: maps the own segment for writing and says so, takes over the
 * peer's segment when the kernel shows it, keeps the mapping of an earlier instance of the peer while something in it is
 * still read, and rings or wakes the peer. Client channels and the channels of a service both begin with one.
 */
#ifndef GROVE_SESSION_ATTACHMENT_H
#define GROVE_SESSION_ATTACHMENT_H

#include "lib/channel/end.h"
#include "lib/session/session.h"
#include "lib/session/spin.h"

struct attachment;

/* What the two kinds of owner do. */
struct attachment_owner {
    /* What the program waits for here; 0 is nothing. */
    enum channel_sleep (*waits_for)(const struct attachment *attachment);
    /* Handle one record of a lane, from dispatch only. Returns whether there was one. May end the attachment. */
    bool (*work)(struct attachment *attachment, enum grove_lane lane);
    /* Give up what was due before `now_ns`, without running the program's code. Returns when to be asked again. */
    uint64_t (*expire)(struct attachment *attachment, uint64_t now_ns);
};

struct old_segment;

struct attachment {
    struct attachment *next, **link; /* all of the session */
    struct attachment *next_active, **active_link; /* NULL link: not active */
    struct grove_session *session;
    const struct attachment_owner *owner;
    grove_handle handle;
    grove_object_id id;
    struct grove_channel_layout layout;
    uint32_t peer_epoch;
    bool is_resumed;
    bool is_peer_gone; /* no instance of the peer will come; what it published can be read */
    int status; /* 0, or why this end must not be used any more */
    void *own;
    const void *peer; /* NULL until it attached */
    struct old_segment *older;
    int bell;
    bool is_bell_watched;
    uint32_t signal; /* the value of the peer's signal word that a sleep waits to change */
    uint64_t room_seen; /* bytes not completed by the peer, when a wait for room last looked */
    struct spin spin; /* for calls */
    struct channel_end *end;
};

/*
 * Map and attach. Takes over both descriptors, also on failure. `attachment` is zeroed memory of the caller's, which
 * has set nothing in it; owner functions are called from the session's wait and dispatch until attachment_deinit.
 */
int attachment_init(struct attachment *attachment, struct grove_session *session, const struct attachment_owner *owner,
                    const struct grove_channel_reply *channel, int segment, int bell);
/* Unmap and forget. With `tell_kernel` the handle is closed as well. */
void attachment_deinit(struct attachment *attachment, bool tell_kernel);
struct attachment *attachment_find(struct grove_session *session, grove_handle handle);
/* The peer, or its next instance, has attached. Takes over both descriptors. A bell of -1 leaves the bell as it is. */
int attachment_set_peer(struct attachment *attachment, uint32_t epoch, int segment, int bell);
/* The peer broke the protocol or the channel cannot be used: close it at the kernel. Returns `status`. */
int attachment_fail(struct attachment *attachment, int status);

/* Make the reserved record visible and wake the peer if it sleeps. */
void attachment_publish(struct attachment *attachment, enum grove_lane lane);
/* The same for who sleeps next, or lets session_settle wake the peer: see hand_over.h. */
void attachment_publish_and_wait(struct attachment *attachment, enum grove_lane lane);
void attachment_complete(struct attachment *attachment, const struct channel_taken *taken);
void attachment_wake(struct attachment *attachment, enum grove_waiting waiting);
/* Wake the peer if it sleeps and was not woken, or was and does not come. */
void attachment_wake_sleeper(struct attachment *attachment);
/* Let the others have their turn first. */
void attachment_took(struct attachment *attachment);
/* Where in the peer's arena `place` lies, given a record that lies in the same mapping. GROVE_INVALID: nowhere. */
int attachment_peer_offset(const struct attachment *attachment, const void *record, const void *place,
                           uint64_t *offset_bytes);
/* Unmap segments of earlier peers that nothing reads any more. */
void attachment_sweep(struct attachment *attachment);
/* Give it a turn in the next walk; at the end of the order. */
void attachment_activate(struct attachment *attachment);
void attachment_deactivate(struct attachment *attachment);

/* ---- trace.c ---- */

/* Does anybody trace? */
static inline bool trace_is_on(const struct grove_session *session) {
    return __builtin_expect(__atomic_load_n(&session->page->tracing, __ATOMIC_RELAXED) != 0, 0);
}
/* The span of a message about to be sent: a part of the session's current one, or the first of a new trace. */
struct grove_trace_context trace_new_span(struct grove_session *session);
/* Report a step of a message. `span` may be NULL; `parent` counts for GROVE_TRACE_SENT. */
void trace_report(struct attachment *attachment, enum grove_trace_stage stage, const struct grove_record *header,
                  unsigned lane, const struct grove_trace_context *span, uint64_t parent);
/* A step of a taken record, reported while anybody traces. */
static inline void trace_taken(struct attachment *attachment, enum grove_trace_stage stage,
                               const struct channel_taken *taken) {
    struct grove_trace_context span;
    if (trace_is_on(attachment->session))
        trace_report(attachment, stage, &taken->header, taken->lane, channel_taken_trace(taken, &span) ? &span : NULL,
                     0);
}

#endif
