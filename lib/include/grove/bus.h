/*
 * The event bus: say what happened under a subject, and hear of it by pattern.
 *
 *     grove_bus_emit("grid.feeder.3.tripped", json, length);
 *
 *     static int on_trip(const struct grove_event *event, void *context) {
 *         return 0;    // done; negative: failed, it is tried again and then goes to the dead letters
 *     }
 *     grove_bus_subscribe(service, &(struct grove_subscribe){.pattern = "grid.feeder.*.tripped",
 *                                                            .quality = GROVE_BUS_AT_LEAST_ONCE},
 *                         on_trip, NULL, &subscription);
 *
 * Subjects are tokens between dots, at most GROVE_SUBJECT_MAX bytes and GROVE_SUBJECT_TOKENS tokens; a token is one or
 * more bytes, none of them a space, a control character, ".", "*" or ">". In a pattern "*" is any one token, and a last
 * ">" is one or more tokens. Subjects whose first token is kernel, capability, resource, storage, config, health,
 * reincarnation, hook, bus or log are the system's: only ring 1 may publish them. "_INBOX" is for answers to requests.
 *
 * Rights: `requires: [{name: system.bus}]`, BUS_PUB covering each subject published, BUS_SUB covering each pattern
 * subscribed to. Who published, when and with which numbers is written by the bus; a publisher cannot forge it
 * (but for times and numbers of events marked GROVE_EVENT_DIRECT).
 *
 * What is promised is the weaker of what the publisher asked for and what the subscription asks for:
 *
 *     at most once    an event is delivered or dropped; what was dropped is counted, and the handler is told how much
 *     at least once   accepted means delivered to every such subscription there is, until a handler returned 0 or
 *                     the event is a dead letter; crashes of anybody in between lead to another delivery
 *     durable         as at least once, and acknowledged to the publisher only when it is on disk; can be replayed
 *
 * Order: a subscription gets the events of one subject in the order of their numbers, from each publisher in the order in
 * which they were published with one quality and priority. Events that are tried again come later than their successors,
 * unless the subscription is in_order.
 *
 * The bus may be restarted at any time: subscriptions go on by themselves, and what was accepted is still delivered. A
 * subscription ends with the process; one with a name keeps its place among durable events.
 *
 * Errors and threads are those of grove.h. Handlers run in the run loop of the service, or in grove_session_dispatch.
 */
#ifndef GROVE_BUS_H
#define GROVE_BUS_H

#include "grove/grove.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GROVE_BUS_ENDPOINT "system.bus"
#define GROVE_SUBJECT_MAX 255u
#define GROVE_SUBJECT_TOKENS 32u
/* Payload and headers of an event together; larger data travels as a region or through the store. */
#define GROVE_BUS_DATA_MAX (1u << 20)
#define GROVE_BUS_GROUP_MAX 63u

enum grove_bus_quality {
    GROVE_BUS_AT_MOST_ONCE = 0,
    GROVE_BUS_AT_LEAST_ONCE = 1,
    GROVE_BUS_DURABLE = 2 /* for a subscription: at least once, from durable events only */
};

/* GROVE_OK, or GROVE_INVALID with a sentence that says what is wrong with it. */
GROVE_PUBLIC int grove_subject_check(const char *subject);
GROVE_PUBLIC int grove_pattern_check(const char *pattern);
GROVE_PUBLIC bool grove_pattern_matches(const char *pattern, const char *subject);
/* Is there a subject that both match? */
GROVE_PUBLIC bool grove_patterns_overlap(const char *left, const char *right);

/* ---- publish ------------------------------------------------------------------------------------------------------- */

/*
 * At most once; never waits for room, for the bus or for a subscriber. 0: handed over. Negative: dropped, which is
 * counted and told to the bus with the next event. GROVE_INVALID, GROVE_TOO_LARGE, GROVE_EXHAUSTED (the bus does not keep
 * up), GROVE_NOT_FOUND (there is no bus; looked for again at most ten times a second), GROVE_DENIED (this container may
 * not speak to the bus). That BUS_PUB does not cover the subject is found by the bus: it drops the event, counts it, and
 * it is in the audit log, for `grove why`.
 */
GROVE_PUBLIC int grove_bus_emit(const char *subject, const void *data, size_t length_bytes);

/* What the bus says of an event that it acknowledged. */
struct grove_published {
    uint64_t sequence; /* bus-wide */
    uint64_t subject_sequence;
    uint64_t durable_sequence; /* position among durable events; 0: not durable */
    uint64_t time_ns; /* since 1970, UTC */
};

struct grove_publish {
    struct grove_session *session; /* NULL: the default one */
    const char *subject;
    const void *data; /* may be NULL when length_bytes is 0 */
    size_t length_bytes;
    const void *headers; /* opaque to the bus; a gateway keeps its protocol's headers there. NULL: none */
    size_t headers_bytes;
    const char *reply_to; /* subject for answers; NULL: none */
    enum grove_bus_quality quality;
    enum grove_priority priority;
    uint64_t timeout_ns; /* for room, and for the acknowledgement of a durable event; 0: 5 s */
    struct grove_published *receipt; /* DURABLE only: filled on success. NULL: not wanted */
};
/*
 * AT_MOST_ONCE and AT_LEAST_ONCE return when the event is accepted, DURABLE when it is on disk. The first event on a
 * subject asks the bus whether it is allowed. GROVE_DENIED (the last error says who, what, and the manifest line),
 * GROVE_INVALID, GROVE_TOO_LARGE, GROVE_EXHAUSTED (no room until the deadline: subscribers do not keep up),
 * GROVE_TIMED_OUT (durable: it may be on disk or not; publish again, subscribers may see it twice), GROVE_NOT_FOUND (no bus),
 * GROVE_FULL, GROVE_IO (durable: the disk).
 */
GROVE_PUBLIC int grove_bus_publish(const struct grove_publish *publish);
/* DURABLE without waiting: `done` runs once from the run loop; receipt is NULL unless status is 0. */
typedef void grove_published_handler(int status, const struct grove_published *receipt, void *context);
GROVE_PUBLIC int grove_bus_publish_start(const struct grove_publish *publish, grove_published_handler *done,
                                         void *context);
/*
 * Wait until the bus has taken all that this session published: it is in the rings of those who get it at most once, and
 * kept for all others. GROVE_TIMED_OUT, GROVE_CLOSED.
 */
GROVE_PUBLIC int grove_bus_flush(struct grove_session *session, uint64_t timeout_ns);
/* Events that this session dropped instead of waiting, ever. */
GROVE_PUBLIC uint64_t grove_bus_dropped(struct grove_session *session);

/* ---- publish without the bus in between ----------------------------------------------------------------------------- */

/*
 * From now on, what this session publishes at most once (grove_bus_emit, or with GROVE_BUS_AT_MOST_ONCE) on subjects of a
 * pattern goes into a ring of its own, which those who subscribed at most once read in place; the bus is not on the way.
 * Who gets it by queue (a group, at least once) still gets it by the bus. While hooks look at
 * the bus everything goes by the bus. An event larger than half of the ring is refused: GROVE_TOO_LARGE.
 *
 * What is different for a subscriber: GROVE_EVENT_DIRECT says. Events of one publisher come in the order in which they were
 * published, those of two are not ordered among each other; who needs the bus's numbers subscribes in a group.
 *
 * Needs BUS_PUB for the whole pattern, whose first token is no wildcard, and SHM_CREATE for the ring, which counts as
 * `shared` of this container. GROVE_DENIED, GROVE_INVALID, GROVE_EXISTS (this session has a ring for some of these
 * subjects), GROVE_EXHAUSTED (64 rings are open, or no room), GROVE_NOT_FOUND (no bus), GROVE_TIMED_OUT.
 *
 * It is left and taken up again by itself: when hooks come and go, and when the bus is restarted. Taking it up again needs
 * the run loop, or grove_session_dispatch.
 */
struct grove_direct {
    struct grove_session *session; /* NULL: the default one */
    const char *pattern;
    uint64_t ring_bytes; /* a power of two from 16 KiB to 16 MiB; 0: 512 KiB */
};
GROVE_PUBLIC int grove_bus_direct(const struct grove_direct *direct);
/* Publish by the bus again, and give the ring up. GROVE_NOT_FOUND. */
GROVE_PUBLIC int grove_bus_direct_end(struct grove_session *session, const char *pattern);

struct grove_direct_metrics {
    uint64_t written; /* events in this ring and the ones before it */
    uint64_t by_bus; /* events of the pattern that went by the bus, instead or as well */
    uint64_t wakes; /* times that sleeping readers were woken */
    uint32_t is_used; /* now */
    uint32_t is_also_by_bus; /* now */
};
/* GROVE_NOT_FOUND: the session has no such pattern. */
GROVE_PUBLIC int grove_bus_direct_metrics(struct grove_session *session, const char *pattern,
                                          struct grove_direct_metrics *metrics);

struct grove_direct_record {
    struct grove_name publisher;
    char pattern[GROVE_SUBJECT_MAX + 1];
    uint64_t written; /* events, as the publisher says */
    uint32_t is_used, is_also_by_bus;
    uint32_t readers; /* subscriptions that it is shown to */
    uint32_t reserved;
};
/* Direct rings of all services, for ring 1 and shells; others see their own. As grove_bus_subscription_next. */
GROVE_PUBLIC int grove_bus_direct_next(struct grove_session *session, uint64_t *cursor,
                                       struct grove_direct_record *record);

/* ---- subscribe ----------------------------------------------------------------------------------------------------- */

enum grove_event_flags {
    GROVE_EVENT_REDELIVERED = 1u << 0, /* it was delivered before, to this or another member, and not acknowledged */
    GROVE_EVENT_DURABLE = 1u << 1,
    GROVE_EVENT_REPLAYED = 1u << 2, /* from the log, or from the dead letters */
    /*
     * It came straight from its publisher's ring (grove_bus_direct): time_ns is the publisher's clock, but never ahead of the
     * reader's and never going back; sequence counts in that ring; subject_sequence is 0. Who published is the bus's word.
     */
    GROVE_EVENT_DIRECT = 1u << 3,
};

/* Everything here is valid until the handler returns. Only data and headers are the publisher's own words. */
struct grove_event {
    const char *subject;
    const void *data;
    size_t length_bytes;
    const void *headers; /* NULL: none */
    size_t headers_bytes;
    const char *reply_to; /* NULL: no answer is asked for */
    uint64_t time_ns; /* when the bus took it, since 1970, UTC */
    uint64_t sequence; /* bus-wide, grows by one with each event; goes on after a restart of the bus */
    uint64_t
        subject_sequence; /* the same within its subject, while the bus keeps the subject in mind (see docs/bus.md) */
    uint64_t durable_sequence; /* 0: not durable */
    struct grove_version kernel_version;
    const char *publisher; /* full name, as the kernel knows it */
    grove_object_id publisher_id;
    uint32_t publisher_ring;
    uint32_t attempt; /* 1 the first time */
    uint32_t flags; /* enum grove_event_flags */
    uint64_t missed; /* events that this subscription lost since the one before it was delivered */
    void *internal[4];
};

/* 0: done. Negative: failed; at least once it is tried again after the back-off, and then it is a dead letter. */
typedef int grove_event_handler(const struct grove_event *event, void *context);

struct grove_subscription;

/* What happens when a subscription does not keep up and its queue is full. */
enum grove_bus_slow {
    GROVE_BUS_SLOW_USUAL = 0, /* at most once: DROP_OLDEST; at least once: BLOCK */
    GROVE_BUS_DROP_OLDEST = 1, /* and count; at least once the oldest becomes a dead letter */
    GROVE_BUS_BLOCK = 2, /* its publishers wait for up to block_ns, then as DROP_OLDEST; at least once only */
    /*
     * To disk, up to spill_bytes, then as DROP_OLDEST; at least once only. Events come back in order. What is on disk outlives
     * the bus, and as all that is not durable, not the kernel. While the disk takes nothing: as BLOCK.
     */
    GROVE_BUS_SPILL = 3
};

enum grove_bus_start {
    GROVE_BUS_START_NEW = 0, /* what is published from now on; with a name: what comes after its kept place */
    GROVE_BUS_START_FIRST = 1, /* durable: the oldest that is kept */
    GROVE_BUS_START_SEQUENCE = 2, /* durable: from start_sequence (a durable_sequence) on */
    GROVE_BUS_START_TIME = 3 /* durable: from start_time_ns (since 1970, UTC) on */
};

#define GROVE_BUS_NO_RETRY UINT32_MAX

/* Whatever is 0 has the value in parentheses. */
struct grove_subscribe {
    const char *pattern;
    const char *group; /* queue group: each event goes to one member. All members give the same pattern (none) */
    const char *name; /* keeps the place among durable events across restarts; unique in the service (none) */
    enum grove_bus_quality quality; /* (at most once) */
    enum grove_priority priority; /* the lane in which events come (medium) */
    bool in_order; /* per subject: the next one only when the one before is done or a dead letter */
    bool is_paused; /* begin paused */
    uint32_t max_retries; /* after the first attempt (5); GROVE_BUS_NO_RETRY */
    uint64_t timeout_ns; /* for one attempt; then it counts as failed and goes to another member of the group (30 s) */
    uint64_t backoff_first_ns; /* before the first retry (100 ms) */
    uint64_t backoff_cap_ns; /* no retry waits longer (60 s) */
    uint32_t backoff_factor; /* of each wait to the one before (2) */
    enum grove_bus_slow slow; /* (see there) */
    uint64_t block_ns; /* (5 s) */
    uint64_t spill_bytes; /* (64 MiB) */
    uint32_t queue_events; /* at least once: kept by the bus for this subscription (1024; at most 65536) */
    uint32_t in_flight; /* at least once: handed out and not acknowledged (64; at most 256) */
    enum grove_bus_start start; /* (new) */
    uint64_t start_sequence, start_time_ns;
    struct grove_session *session; /* where no service is given (the default one) */
};

/*
 * Subscribe; `service` NULL: events are delivered by grove_session_dispatch of the session. Returns when the bus
 * has the subscription, so what is published after that is delivered. The structure and its strings are copied.
 * GROVE_INVALID, GROVE_DENIED, GROVE_EXHAUSTED (too many subscriptions), GROVE_EXISTS (the name, or a group of another
 * pattern), GROVE_NOT_FOUND (no bus), GROVE_TIMED_OUT, GROVE_UNSUPPORTED (durable and no durable log).
 */
GROVE_PUBLIC int grove_bus_subscribe(struct grove_service *service, const struct grove_subscribe *subscribe,
                                     grove_event_handler *handler, void *context,
                                     struct grove_subscription **subscription);
/* What was handed out and not finished goes back. May be called in the handler. NULL is ignored. */
GROVE_PUBLIC void grove_bus_unsubscribe(struct grove_subscription *subscription);
/* No handler is called until resumed. At least once: the bus keeps events meanwhile, under the slow-consumer policy. */
GROVE_PUBLIC int grove_bus_pause(struct grove_subscription *subscription);
GROVE_PUBLIC int grove_bus_resume(struct grove_subscription *subscription);

/*
 * Finish later: the handler returns 0 after this, and the event is acknowledged by grove_event_finish (status as a
 * handler's), within the subscription's timeout. At most once: nothing is kept, finishing does nothing. The event's
 * contents are not kept: copy them.
 */
struct grove_event_ticket {
    void *internal[2];
    uint64_t number;
};
GROVE_PUBLIC int grove_event_defer(const struct grove_event *event, struct grove_event_ticket *ticket);
GROVE_PUBLIC void grove_event_finish(const struct grove_event_ticket *ticket, int status);
/* The sentence that explains a failure, kept with the dead letter; returns status, for `return grove_event_fail(...)`. */
GROVE_PUBLIC int grove_event_fail(const struct grove_event *event, int status, const char *sentence, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

struct grove_subscription_metrics {
    uint64_t id;
    uint64_t matched; /* events for it */
    uint64_t delivered; /* attempts handed to a handler */
    uint64_t completed, failed, retried, timed_out, dead, dropped, spilled;
    uint64_t queued, in_flight; /* now */
    uint64_t handled_ns; /* time in its handlers, all in all */
    uint64_t last_sequence; /* of the newest event delivered */
    uint32_t is_paused;
    uint32_t on_disk; /* of those queued: spilled; `spilled` is how many ever were */
};
/* A snapshot of the subscription's counts, by the bus. GROVE_NOT_FOUND (no bus), GROVE_TIMED_OUT. */
GROVE_PUBLIC int grove_bus_subscription_metrics(struct grove_subscription *subscription,
                                                struct grove_subscription_metrics *metrics);

/* ---- request and reply ---------------------------------------------------------------------------------------------- */

struct grove_bus_answer {
    const void *data;
    size_t length_bytes;
    const void *headers;
    size_t headers_bytes;
    struct grove_answer internal;
};
/*
 * Publish with a reply_to of the bus's making and wait for the first answer. The quality is at least once for one
 * subscription: a request that no subscription matches fails at once. GROVE_NOT_FOUND (nobody subscribes to it),
 * GROVE_TIMED_OUT, and those of grove_bus_publish. `publish->reply_to` must be NULL.
 */
GROVE_PUBLIC int grove_bus_request(const struct grove_publish *publish, struct grove_bus_answer *answer);
GROVE_PUBLIC void grove_bus_answer_release(struct grove_bus_answer *answer);
typedef void grove_bus_answer_handler(int status, const struct grove_bus_answer *answer, void *context);
GROVE_PUBLIC int grove_bus_request_start(const struct grove_publish *publish, grove_bus_answer_handler *done,
                                         void *context);
/* Answer an event; needs no right: its reply_to can be known only by who got it. GROVE_WRONG_STATE: it asks for none. */
GROVE_PUBLIC int grove_bus_reply(const struct grove_event *event, const void *data, size_t length_bytes);

/* ---- looking at the bus ---------------------------------------------------------------------------------------------- */

struct grove_bus_metrics {
    uint64_t published, delivered, unmatched; /* events; attempts; events that nobody subscribed to */
    uint64_t dropped_by_publishers, dropped, refused, retried, dead, durable, damaged;
    uint64_t bytes_published;
    uint64_t sequence; /* of the newest event */
    uint64_t durable_sequence;
    uint64_t started_ns; /* of this instance, since 1970, UTC */
    uint32_t subscriptions, subjects, rings, in_flight;
    uint64_t queued, queued_bytes, dead_letters, log_bytes;
};
/* A snapshot of the counts of the whole bus. GROVE_NOT_FOUND (no bus), GROVE_TIMED_OUT. */
GROVE_PUBLIC int grove_bus_metrics(struct grove_session *session, struct grove_bus_metrics *metrics);

struct grove_subscription_record {
    struct grove_subscription_metrics metrics;
    struct grove_name subscriber;
    char pattern[GROVE_SUBJECT_MAX + 1];
    char group[GROVE_BUS_GROUP_MAX + 1];
    char name[GROVE_BUS_GROUP_MAX + 1];
    uint32_t quality, slow;
};
/*
 * Subscriptions of all services, for ring 1 and shells; others see their own. Start with *cursor 0; GROVE_NOT_FOUND
 * after the last.
 */
GROVE_PUBLIC int grove_bus_subscription_next(struct grove_session *session, uint64_t *cursor,
                                             struct grove_subscription_record *record);

/* ---- dead letters ---------------------------------------------------------------------------------------------------- */

#define GROVE_BUS_ERROR_MAX 255u
struct grove_dead_letter {
    uint64_t id;
    uint64_t time_ns; /* when it was given up, since 1970, UTC */
    uint64_t event_time_ns, sequence, subject_sequence, durable_sequence;
    uint32_t attempts;
    int32_t status; /* of the last attempt */
    uint32_t length_bytes, headers_bytes; /* of the event */
    struct grove_name publisher, subscriber;
    char subject[GROVE_SUBJECT_MAX + 1];
    char pattern[GROVE_SUBJECT_MAX + 1]; /* of the subscription */
    char group[GROVE_BUS_GROUP_MAX + 1];
    char error[GROVE_BUS_ERROR_MAX + 1];
};

/* Which: all that is set must fit. */
struct grove_dead_letters {
    struct grove_session *session;
    uint64_t id; /* 0: any */
    const char *subject; /* pattern over subjects; NULL: any */
    const char *subscriber; /* full name; NULL: any */
    uint64_t before_ns; /* given up before; 0: any */
};
/*
 * For ring 1 and shells; a service sees and handles those of its own subscriptions. Start with *cursor 0;
 * GROVE_NOT_FOUND after the last.
 */
GROVE_PUBLIC int grove_bus_dead_letter_next(const struct grove_dead_letters *which, uint64_t *cursor,
                                            struct grove_dead_letter *letter);
/* Its payload; *length_bytes is the room, and then how much there is (GROVE_TOO_LARGE if that is more). */
GROVE_PUBLIC int grove_bus_dead_letter_data(const struct grove_dead_letters *which, void *data, size_t *length_bytes);
/* Deliver again, to the subscriptions of its subscriber that match now, with a fresh count of attempts, and forget. */
GROVE_PUBLIC int grove_bus_dead_letter_replay(const struct grove_dead_letters *which, uint64_t *count);
GROVE_PUBLIC int grove_bus_dead_letter_purge(const struct grove_dead_letters *which, uint64_t *count);

/* ---- durable events --------------------------------------------------------------------------------------------------- */

/*
 * Where durable events of a pattern are kept, and for how long. 0: no limit. Each event is in one stream: no two patterns match
 * the same subject, but for the stream "durable", which is always there and keeps what no other does. Numbers are those of all
 * streams together; a subscription reads whichever streams have events for it, in the order of their numbers.
 */
struct grove_bus_stream {
    char name[GROVE_BUS_GROUP_MAX + 1];
    char pattern[GROVE_SUBJECT_MAX + 1];
    uint64_t retain_bytes, retain_ns;
    uint64_t first_sequence, last_sequence, bytes, events, damaged; /* told, not set */
};
/*
 * Make a stream, or set the limits of one: its pattern stays, and may be empty then. What was published before stays where it
 * is. For ring 1 and shells. GROVE_DENIED, GROVE_INVALID (the name: letters, digits, "_", "-"; the pattern; less than 256 KiB;
 * more than 16 streams), GROVE_EXISTS (another stream's pattern matches some of the same), GROVE_FULL, GROVE_IO,
 * GROVE_UNSUPPORTED (there are no durable events here).
 */
GROVE_PUBLIC int grove_bus_stream_set(struct grove_session *session, const struct grove_bus_stream *stream);
/* The events in it are gone; who had not read them yet is told how many are missing. GROVE_NOT_FOUND, and those above. */
GROVE_PUBLIC int grove_bus_stream_remove(struct grove_session *session, const char *name);
/* Start with *cursor 0; GROVE_NOT_FOUND after the last. */
GROVE_PUBLIC int grove_bus_stream_next(struct grove_session *session, uint64_t *cursor,
                                       struct grove_bus_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
