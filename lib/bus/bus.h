/*
 * The client side of the event bus, one for each session that uses it.
 *
 *     subject.c   subjects and patterns         client.c    channels to the bus, opened when first needed
 *     publish.c   emit, publish, flush          request.c   request and reply
 *     subscribe.c subscriptions                 poll.c      what the bus has for us, and what we say of it
 *     ring.c      reading a ring in place       image.c     an event's bytes, checked
 *     direct.c    a ring of this publisher's own     sources.c   rings of publishers, as a subscription reads them
 *     look.c      metrics                       trace.c     the trace goes on in the handler of an event
 *
 * Events come in the run loop: of rings from bus_work, which the session calls when its lanes have nothing, of queues from
 * the answers to polls. When nothing is left to read, one poll for each lane says so to the bus, and the session may sleep.
 *
 * Everything that the bus writes is checked as any peer's: rings are copied image by image and then looked at.
 */
#ifndef GROVE_LIB_BUS_H
#define GROVE_LIB_BUS_H

#include "grove/bus_protocol.h"
#include <stdio.h>

#include "lib/session/client.h"

#define BUS_PERMITTED 64u
#define BUS_RECENT 256u
#define BUS_ACKNOWLEDGEMENTS_BYTES 6144u

enum bus_channel { BUS_MAIN, BUS_DEFERRED, BUS_REQUESTS, BUS_EVENTS, BUS_CHANNELS };

/* A ring as this session has it mapped. */
struct bus_ring {
    uint64_t id; /* 0: none */
    struct grove_region *region;
    const struct grove_bus_ring *head;
    const uint8_t *images;
    uint64_t size_bytes, position;
    uint64_t instance;
};

/* Of a ring, as it was copied last: whole, and not checked yet. */
struct bus_copy {
    uint8_t *bytes;
    size_t room_bytes, length_bytes;
    uint64_t ring, position; /* which ring, and where in it */
    uint64_t readable_bytes; /* from there on, of the ring, when it was copied */
};

/* A direct ring as one subscription reads it: sources.c. */
struct bus_source {
    struct bus_source *next;
    uint64_t id;
    struct bus_ring ring; /* id 0: there is none to be had */
    const struct grove_bus_direct_ring *head;
    struct grove_bus_direct_shown shown; /* what the bus says of it, checked */
    bool is_begun; /* it may be read */
    bool is_over; /* its publisher has given it up; it goes when it has been read */
    bool is_orphan; /* the bus that showed it has died: it goes when it has been read and is closed */
    uint64_t count; /* of events seen or missed; UINT64_MAX: not known yet */
    uint64_t last_ns; /* time of the newest event */
    bool is_armed; /* whoever writes next wakes this session, by a bell or by a change of `signal` */
    bool is_bell;
    uint32_t signal;
    /* The subject checked last, and whether the subscription wants it. */
    char subject[GROVE_SUBJECT_MAX + 1];
    uint16_t subject_bytes;
    bool is_wanted;
};

struct grove_subscription {
    struct grove_subscription *next;
    struct bus_client *client;
    grove_event_handler *handler;
    void *context;
    struct grove_bus_subscription wanted;
    struct grove_version kernel_version;
    uint32_t member; /* 0: the bus has it not (again) */
    bool is_paused, is_over, is_asking; /* asking: a SUBSCRIBE is under way */
    unsigned depth; /* functions at work on it */
    struct bus_ring ring, next_ring; /* the next one is read when this one is at its end */
    uint64_t count; /* of images of the ring's instance seen or missed */
    uint64_t missed; /* to tell with the next event */
    struct bus_source *sources;
    bool is_by_bus; /* it does not read direct rings */
    bool is_held, is_asked; /* the ring waits at `held` for what it is about; the bus was asked which ring that is */
    struct grove_bus_control held;
    uint64_t strange; /* events of direct rings that were not what they had to be, ever */
    /* The event being handled. */
    uint64_t token;
    bool is_deferred;
    char sentence[GROVE_BUS_ERROR_MAX + 1];
    /* By queue: numbers handled of late, and those that are deferred. */
    uint64_t recent[BUS_RECENT];
    unsigned recent_next, pending_count;
    struct bus_pending {
        uint64_t number, token; /* number: see number_of in subscribe.c */
    } pending[BUS_RECENT];
    struct grove_subscription_metrics local;
};

struct bus_lane {
    struct bus_client *client;
    bool is_polling;
    unsigned replaced; /* polls that wait for an answer although another one has taken their place */
    unsigned acknowledgements;
    uint32_t used_bytes;
    uint8_t bytes[BUS_ACKNOWLEDGEMENTS_BYTES];
    /* Those that went with the poll which is under way: the bus may not have read it yet. */
    unsigned polled;
    uint32_t polled_bytes;
    uint8_t polled_with[BUS_ACKNOWLEDGEMENTS_BYTES];
};

struct bus_client {
    struct grove_session *session;
    struct grove_channel *channels[BUS_CHANNELS];
    uint64_t absent_until_ns; /* there was no bus: it is not looked for before this */
    int absent_status;
    uint64_t dropped, dropped_untold;
    uint64_t permitted[BUS_PERMITTED]; /* hashes of subjects that were allowed; the bus decides each time again */
    char subject[GROVE_SUBJECT_MAX + 1]; /* of the newest publication, checked */
    uint16_t subject_bytes;
    bool is_permitted; /* it was allowed */
    struct bus_direct *directs, *direct; /* rings of its own; the one for that subject, NULL if there is none */
    uint64_t wall_ns; /* the clock when it was looked at last; 0: it was not yet */
    struct grove_subscription *subscriptions, *turn;
    struct bus_lane lanes[GROVE_LANES];
    unsigned run, yields; /* events since the last sleep; times that others were let run since the last event */
    bool is_busy; /* there may be something to read */
    struct bus_copy copy;
};

/* What grove_event.internal holds: its subscription, its token, and the trace of its publication (0: none). */
enum event_slot { EVENT_SUBSCRIPTION, EVENT_TOKEN, EVENT_TRACE, EVENT_SPAN };

/* ---- subject.c ---- */

int subject_length(const char *subject, uint16_t *length_bytes);

/* ---- client.c ---- */

/* The bus client of a session, or of the default one. GROVE_NO_MEMORY, those of opening a session. */
int bus_client_of(struct grove_session *session, struct bus_client **client);
/* A channel to the bus, opened when it is not. GROVE_NOT_FOUND, GROVE_DENIED, ... */
int bus_channel(struct bus_client *client, enum bus_channel which, struct grove_channel **channel);
/* A call on the main channel with one structure each way; `answer` may be NULL. GROVE_CORRUPT: too short an answer. */
int bus_call(struct bus_client *client, uint32_t method, const void *data, size_t length_bytes, void *answer,
             size_t answer_bytes, uint64_t timeout_ns);

struct bus_part {
    const void *data;
    size_t length_bytes;
};
/* Send one way, gathered from parts. timeout_ns 0: do not wait for room (GROVE_AGAIN). */
int bus_send(struct grove_channel *channel, enum grove_lane lane, uint32_t method, const struct bus_part *parts,
             unsigned count, uint64_t timeout_ns, struct grove_loan *loan);

/* ---- poll.c ---- */

/* Work of this client's, from the run loop; returns how much was done. */
int bus_work(struct grove_session *session);
/* Read what there is, and poll when nothing is left. */
void bus_wake(struct bus_client *client);
void bus_acknowledge(struct grove_subscription *subscription, uint64_t token, int status, const char *sentence);
/* Say what is to be said now, without waiting for the next poll. */
void bus_acknowledge_now(struct bus_client *client, uint32_t lane);

/*
 * Send also those again that went with a poll which has no answer yet. A poll goes by another channel than what ends a
 * subscription, which may overtake it; then the bus would give to others what is done. Told twice, the second time is nothing.
 */
void bus_acknowledge_all(struct bus_client *client, uint32_t lane);

/* ---- trace.c ---- */

/* What is to be known after the handler of an event. */
struct bus_traced {
    struct grove_trace_context outer; /* the span in whose handling the event was delivered */
    struct grove_trace_context span; /* of the delivery; trace 0: it is not traced */
};
/* The handler of an event begins, as a part of the trace of its publication; and has ended. */
struct bus_traced bus_trace_begin(struct bus_client *client, const struct grove_event *event);
void bus_trace_end(struct bus_client *client, const struct bus_traced *traced);

/* ---- subscribe.c ---- */

struct grove_subscription *bus_subscription(const struct bus_client *client, uint32_t member);
/* Hand an event to the handler, and acknowledge it if it came by queue. */
void bus_deliver(struct grove_subscription *subscription, const struct grove_bus_image *head, struct grove_event *event,
                 bool is_by_queue);
/* The bus has no such subscription any more: ask for it again. */
void bus_subscribe_again(struct grove_subscription *subscription);
void bus_subscriptions_end(struct bus_client *client);
/* Free those that are over and not in use. */
void bus_sweep(struct bus_client *client);

/* ---- ring.c ---- */

int bus_ring_open(struct bus_client *client, uint64_t id, uint64_t position, struct bus_ring *ring);
void bus_ring_close(struct bus_ring *ring);
static inline bool bus_ring_has_more(const struct bus_ring *ring) {
    /* Pairs with the bus's store: images below it are whole. */
    return ring->id != 0 && __atomic_load_n(&ring->head->written, __ATOMIC_ACQUIRE) != ring->position;
}
/*
 * The next image of the ring, not checked but for its size: a copy, valid until the next call. GROVE_AGAIN: there is none.
 * GROVE_CORRUPT, GROVE_NO_MEMORY. Having been overtaken is no error: what comes next has a count that tells.
 */
int bus_ring_take(struct bus_client *client, struct bus_ring *ring, const struct grove_bus_image **image);

/* The same for the next piece of a ring whose images have a head of at least so many bytes. */
int bus_ring_take_piece(struct bus_client *client, struct bus_ring *ring, size_t least_bytes, const void **piece);
/* Check and describe a region that was granted as a ring. GROVE_CORRUPT, GROVE_NOT_FOUND, ... */
int bus_ring_map(struct bus_client *client, uint64_t id, uint32_t magic, uint64_t position, struct bus_ring *ring);

/* ---- sources.c ---- */

void bus_source_show(struct grove_subscription *subscription, const struct grove_bus_direct_shown *shown);
void bus_source_over(struct grove_subscription *subscription, uint64_t id);
/* What the bus's ring says of a direct one. False: what follows in the bus's ring has to wait; call it again. */
bool bus_source_control(struct grove_subscription *subscription, const struct grove_bus_control *control);
/* Deliver some events; returns how many. */
int bus_sources_read(struct grove_subscription *subscription, unsigned most);
bool bus_sources_have_more(const struct grove_subscription *subscription);
/* Is there something to read in one that an earlier bus has shown? It comes before anything by the new one. */
bool bus_orphans_have_more(const struct grove_subscription *subscription);
bool bus_sources_have_orphans(const struct grove_subscription *subscription);
/* There is another bus, with this instance: what the ones before have shown is read to its end. */
void bus_sources_orphan(struct grove_subscription *subscription, uint64_t instance);
/* It has been subscribed anew, at the bus with this instance; 0: direct rings are not read any more. */
void bus_sources_renew(struct grove_subscription *subscription, uint64_t instance);
void bus_sources_close(struct grove_subscription *subscription);
/* Events of the bus's ring were lost, and with them what they said of direct ones: all may be read. */
void bus_sources_begin_all(struct grove_subscription *subscription);
/* The bus has answered: who slept by a bell does not any more. */
void bus_sources_woken(struct bus_client *client, uint32_t lane);
/* Places for a poll, by which the bus hears that this session will sleep by a bell. Returns how many. */
uint32_t bus_sources_places(struct grove_subscription *subscription, uint8_t *bytes, uint32_t most);
/* See struct session_extension. */
bool bus_sources_sleep(struct grove_session *session, struct session_word *words, unsigned *count);

/* ---- direct.c ---- */

/* The ring for a subject, NULL: there is none. */
struct bus_direct *bus_direct_of(const struct bus_client *client, const char *subject);
enum bus_way { BUS_WAY_RING, BUS_WAY_BOTH, BUS_WAY_BUS };
/* Write an event, which has been checked, or say that it has to go by the bus, instead or as well. */
int bus_direct_write(struct bus_direct *direct, const struct grove_publish *publish, uint16_t subject_bytes,
                     uint16_t reply_bytes, enum bus_way *way);
/* Before the next event by the bus on this lane: say that the ring is not used. timeout_ns 0: do not wait for room. */
int bus_direct_tell(struct bus_direct *direct, enum grove_lane lane, uint64_t timeout_ns);
void bus_directs_end(struct bus_client *client);
uint64_t bus_wall_ns(void);

/* ---- image.c: pure ---- */

/*
 * An image of a direct ring, of which only the size has been checked; what the bus says of its publisher is left out. `known`:
 * a subject that has been looked at, of so many bytes; 0: none.
 */
int bus_image_describe_direct(const struct grove_bus_direct_image *image, const char *known, uint16_t known_bytes,
                              struct grove_event *event, uint16_t *subject_bytes);

/* Check an image of `room_bytes` at most and describe it. GROVE_CORRUPT. */
int bus_image_read(const void *image, size_t room_bytes, struct grove_event *event);
/* The same for a copy of one's own, of which only the size has been checked. */
int bus_image_describe(const struct grove_bus_image *image, struct grove_event *event);

#endif
