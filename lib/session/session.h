/*
 * What the parts of the session share: the port, what it brought and has not been handled yet, and the ends of channels
 * that this process has mapped.
 *
 *     error.c       the last error of a thread              port.c       packets in and out, requests and replies
 *     notices.c     notice -> who handles it                attachment.c one end of a channel: mapping, waking
 *     wait.c        the one place that sleeps               spin.c, run_spin.c  when looking again beats sleeping
 *     work.c        what is done between two sleeps
 *     client.c      connect, call, send                     answer.c     replies matched to calls
 *     copy.h        copying a message                       loan.c      large messages
 *     later.c       requests answered to a handler
 *     region.c, capability.c, container.c  kernel requests      trace.c  which request caused which
 *
 * One thread uses a session. Nothing here outlives the process: after a crash the kernel gives the next instance the
 * same channels, and what they hold is in shared memory.
 */
#ifndef GROVE_SESSION_SESSION_H
#define GROVE_SESSION_SESSION_H

#include "grove/grove.h"
#include "lib/channel/end.h"
#include "lib/session/error.h"
#include "lib/session/spin.h"

struct attachment;
struct bus_client;

/* Replies to requests with this bit are dropped: the sender does not wait for them. */
#define SESSION_UNAWAITED (UINT64_C(1) << 63)
/* Replies to requests with this bit go to the handler that was given with the request (later.c). */
#define SESSION_LATER (UINT64_C(1) << 62)
/* Requests of that kind that may be open at a time. */
#define SESSION_LATER_MAX 256u
/* Notices kept while the program waits for something else; a session that is told more fails (law 10). */
#define SESSION_QUEUE_MAX 4096u
#define SESSION_TIMEOUT_NS (5 * GROVE_SECOND)
#define SESSION_GRANTERS_MAX 4u

struct packet {
    struct grove_message message;
    int objects[GROVE_PORT_OBJECTS];
    unsigned object_count;
};

struct packet_queue {
    struct packet *packets; /* a ring of `capacity` */
    unsigned capacity, head, count;
};

/* Takes part in the session's notices: the run loop of a service. Returns false if the notice is not its own. */
typedef bool session_host(void *context, struct packet *packet);
/* Something to sleep on while it has this value. */
struct session_word {
    const uint32_t *word;
    uint32_t value;
};
/* What a part of the library above this one adds to the session (lib/bus). */
struct session_extension {
    /* Do some work, if there is any, from the run loop or dispatch; returns how much. */
    int (*work)(struct grove_session *session);
    void (*close)(struct grove_session *session);
    /*
     * The session is about to sleep: by futex if `words` is not NULL, on as many more words as fit (at most *count), and
     * *count says how many they are. False: there is something to do. May be NULL.
     */
    bool (*sleeps)(struct grove_session *session, struct session_word *words, unsigned *count);
};
/* A watched descriptor is ready; called while the session waits, so it only takes note. */
typedef void session_descriptor(void *context, int descriptor, uint32_t events);

struct grove_session {
    int port;
    bool is_closed; /* the kernel hung up */
    const struct grove_kernel_page *page;
    uint32_t notices_seen; /* value of page->notices before the port was last found empty */
    uint64_t last_sequence;
    struct grove_notice_init identity;
    bool is_initialized;
    struct packet_queue queue;
    struct packet_queue granted; /* granted.c */
    struct grove_name granters[SESSION_GRANTERS_MAX];
    unsigned granter_count;
    struct grove_channel *store; /* lib/store: to the store, shared by all namespaces that are open */
    unsigned store_users;
    struct later_request *later_requests; /* sent, and to be answered to a handler */
    unsigned later_count;
    struct packet *awaited; /* where the reply being waited for goes; operation 0 until it came */
    uint64_t awaited_sequence;
    grove_notice_handler *on_notice;
    void *on_notice_context;
    session_host *host;
    void *host_context;

    struct attachment *attachments; /* all */
    struct attachment *active; /* those that have not said that they sleep, in the order of their turns */
    struct attachment **active_tail; /* where the next one is appended */
    struct attachment *cursor; /* next turn of the walk over the active ones; removing one moves it on */
    unsigned attachment_count;
    struct attachment *last_served; /* the one that a spin looks at */
    struct spin spin; /* for the run loop */
    uint64_t expiry_ns; /* when the first of the calls and replies that wait is due; GROVE_FOREVER none */

    /* The request being handled, which calls inherit from. */
    bool is_handling;
    enum grove_lane inherited_lane;
    uint64_t inherited_deadline_ns; /* 0: none */
    bool hands_over; /* hand_over.h */
    bool replies_wait; /* a handler runs: who is answered is woken when it has returned */
    struct attachment *owed; /* its peer is woken with the next sleep, or before whatever comes first; NULL: none */
    struct grove_trace_context span; /* what is sent now is a part of this one; 0: of none */
    uint64_t spans_made;

    int epoll, again, alarm; /* -1 until needed */
    bool is_embedded; /* another event loop polls `epoll` */
    unsigned watch_count; /* descriptors of the program's own in `epoll` */
    session_descriptor *on_descriptor;
    const struct session_extension *extension; /* NULL: none */
    struct bus_client *bus;
};

/* ---- hand_over.c ---- */

void session_settle_owed(struct grove_session *session);
/* Wake the peer that is owed it. Before a handler of the program runs, and before a function of the library returns to it. */
static inline void session_settle(struct grove_session *session) {
    if (session->owed != NULL)
        session_settle_owed(session);
}

/* ---- port.c ---- */

/* Read what the port holds without waiting: replies to their waiters, notices to where notices.c says. */
int session_read(struct grove_session *session);
/* Has the kernel sent something since the port was last empty? Costs one load. */
static inline bool session_has_news(const struct grove_session *session) {
    return __atomic_load_n(&session->page->notices, __ATOMIC_ACQUIRE) != session->notices_seen; /* pairs with the
                                                                                  kernel's increment after its send */
}
/* Send a request whose reply nobody waits for (sequence 0 where the kernel sends none). */
int session_post(struct grove_session *session, struct grove_message *message, bool wants_no_reply);
void packet_close_objects(struct packet *packet);
/* Take object `index` out of a packet: the caller owns it then. -1 if there is none. */
int packet_take_object(struct packet *packet, unsigned index);

/* Send a request as it is but for its version, with its sequence number set by the caller. */
int session_send(struct grove_session *session, struct grove_message *message);
/* The status of a reply, with a sentence in the last error if it is a failure. */
int session_explain(struct packet *reply, uint16_t operation);

/* ---- later.c ---- */

/* A reply taken from the queue: run its handler. */
void session_later_done(struct grove_session *session, struct packet *packet);
/* Forget the requests that are open; their handlers do not run. */
void session_later_forget(struct grove_session *session);

/* ---- notices.c ---- */

/* A notice has arrived: handle it now, or keep it for session_handle_queue. Takes over the packet's objects. */
int session_notice(struct grove_session *session, struct packet *packet);
/* Handle what was kept. Runs the program's handlers. Returns how many, or a negative status. */
int session_handle_queue(struct grove_session *session);

void packet_queue_take(struct packet_queue *queue, struct packet *packet); /* the oldest; there must be one */
/* GROVE_EXHAUSTED, GROVE_NO_MEMORY: the packet's objects are closed then. */
int packet_queue_put(struct packet_queue *queue, struct packet *packet);

/* ---- granted.c ---- */

/* From now on keep the regions that the service of this name grants, for session_take_region. */
int session_expect_regions(struct grove_session *session, const char *from);
/* Map the region with this id, whose notice has come already. GROVE_NOT_FOUND, or as for grove_region_accept. */
int session_take_region(struct grove_session *session, grove_object_id id, struct grove_region **region);
/* The same, if the container of that name granted it. */
int session_take_region_from(struct grove_session *session, grove_object_id id, const char *from,
                             struct grove_region **region);
/* Keep a notice that is expected; false if it is not. Takes over the packet's objects. */
bool granted_keep(struct grove_session *session, struct packet *packet);
void granted_close(struct grove_session *session);

/* ---- region.c ---- */

/* Grant a region for reading to the other end of a channel of either role. *id (may be NULL) is the region's. */
int region_grant_over(struct grove_region *region, grove_handle channel, grove_object_id *id);
/* The same, so that whoever gets it may show it on. */
int region_grant_onward(struct grove_region *region, grove_handle channel, grove_object_id *id);
/* As grove_region_create, with a tag that its holders are told. */
int region_create_tagged(struct grove_session *session, uint64_t size_bytes, uint64_t tag,
                         struct grove_region **region);

/* ---- work.c ---- */

/*
 * One message or reply of the highest lane that has any, over all active channels in turn. Runs the program's handlers.
 * Returns 1, or 0 when nothing was there.
 */
int session_work(struct grove_session *session);
/* Look again for a while, where that beats sleeping. Returns whether something was found. */
bool session_spin(struct grove_session *session);
/* Give up calls and replies whose time is over. */
void session_expire(struct grove_session *session);
void session_expires_at(struct grove_session *session, uint64_t deadline_ns);
/* ---- wait.c ---- */

/*
 * Sleep until there may be something to do: a notice, a message, a watched descriptor, or the deadline (GROVE_TIMED_OUT).
 * Returns at once if there is already. GROVE_CLOSED: the kernel hung up.
 */
int session_wait(struct grove_session *session, uint64_t deadline_ns);
/* Will the next sleep be in epoll, on doorbells? */
bool session_sleeps_by_bell(const struct grove_session *session);
/* The same for one channel only, inside a call. GROVE_CLOSED within a second when the kernel was killed. */
int session_wait_one(struct attachment *attachment, enum channel_sleep what, uint64_t deadline_ns);
/* Let the descriptor of the session become readable when there is something to do; `deadline_ns`: the next timer. */
int session_arm(struct grove_session *session, uint64_t deadline_ns, bool has_more);
int session_embed(struct grove_session *session); /* from now on another event loop polls; returns the descriptor */
int session_watch(struct grove_session *session, int descriptor, uint32_t events, bool is_known);
void session_forget(struct grove_session *session, int descriptor); /* take a bell out of the epoll set */
void session_unwatch(struct grove_session *session, int descriptor);

/* ---- for all ---- */

/* The session to use where the program names none. */
int session_or_default(struct grove_session *given, struct grove_session **session);
/* "name" -> "project.name"; a name with a dot stays. GROVE_INVALID if it does not fit or is no name. */
int session_full_name(const struct grove_session *session, const char *name, struct grove_name *full);
/* A request that carries one handle and is not waited for. */
int session_post_handle(struct grove_session *session, enum grove_operation operation, grove_handle handle);
/* Absolute deadline of a timeout; GROVE_FOREVER stays. Late by up to a few milliseconds for timeouts from 1 s on. */
uint64_t deadline_after(uint64_t timeout_ns);
/* Has a deadline passed? Reads the exact clock only when it is near. */
bool deadline_has_passed(uint64_t deadline_ns);

#endif
