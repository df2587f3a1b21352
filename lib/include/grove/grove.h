/*
 * libgrove: write a service in three calls, call one in two.
 *
 *     static int greet(struct grove_request *request, void *context) {
 *         return grove_reply(request, "hello", 5);
 *     }
 *     int main(void) {
 *         struct grove_service *service;
 *         if (grove_service_create(NULL, &service) < 0 || grove_service_on(service, "greeter", 1, greet, NULL) < 0)
 *             return grove_report("greeter");
 *         return grove_service_run(service);
 *     }
 *
 *     struct grove_channel *channel;
 *     struct grove_answer answer;
 *     grove_connect("greeter", &channel);
 *     grove_call(channel, &(struct grove_call){.method = 1, .timeout_ns = GROVE_SECOND}, &answer);
 *
 * The run loop carries the whole life cycle (init, quiesce, resume, stop, ping); an author writes only handlers.
 *
 * Errors: every function returns 0 or a negative enum grove_status and leaves its out-parameters untouched on failure.
 * grove_last_error() gives the calling thread a sentence about its last failure: what failed, and how to mend it.
 *
 * Threads: a session, and every object opened through it, belongs to one thread at a time. A second thread opens a
 * session of its own only as an external client; a service has one session.
 *
 * Common mistakes: keeping request->data after the handler returned (copy it, or grove_request_defer); answering twice
 * (GROVE_WRONG_STATE); calling back into the service that is waiting for you (it ends in your deadline).
 */
#ifndef GROVE_GROVE_H
#define GROVE_GROVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grove/abi/audit.h"
#include "grove/abi/capability.h"
#include "grove/abi/channel.h"
#include "grove/abi/port.h"
#include "grove/abi/spec.h"
#include "grove/abi/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this interface; grove_library_version() tells the library's at run time. Same major: compatible. */
#define GROVE_VERSION_MAJOR 1
#define GROVE_VERSION_MINOR 0

#define GROVE_MICROSECOND UINT64_C(1000)
#define GROVE_MILLISECOND UINT64_C(1000000)
#define GROVE_SECOND UINT64_C(1000000000)
#define GROVE_FOREVER UINT64_MAX

#if defined(__GNUC__)
#define GROVE_PUBLIC __attribute__((visibility("default")))
#else
#define GROVE_PUBLIC
#endif

struct grove_session; /* the connection to the kernel */
struct grove_channel; /* the client end of a channel */
struct grove_service;
struct grove_request; /* a message that a handler works on */
struct grove_region;

/* Of the library that runs, which may be newer than this header. */
GROVE_PUBLIC struct grove_version grove_library_version(void);
/* "a capability is missing" for GROVE_DENIED, and so on; constant. */
GROVE_PUBLIC const char *grove_status_text(int status);
/* "DENIED"; constant. */
GROVE_PUBLIC const char *grove_status_name(int status);
/* Sentence about the calling thread's last failure; valid until its next call into the library. Never NULL. */
GROVE_PUBLIC const char *grove_last_error(void);
/* Print "PROGRAM: last error" to standard error; returns 1, for `return grove_report(...)` in main. */
GROVE_PUBLIC int grove_report(const char *program);
/* Monotonic clock, the one that all deadlines use. */
GROVE_PUBLIC uint64_t grove_now_ns(void);

/* ---- session ---------------------------------------------------------------------------------------------------- */

/*
 * Open the kernel port: descriptor 3 in a service; else, as an external client, the control socket named by `path`, by
 * $GROVE_SOCKET, or the default ($XDG_RUNTIME_DIR/grove/kernel.sock, for root /run/grove/kernel.sock). `descriptor` >= 0
 * is a port already open, which the session takes over. GROVE_NOT_FOUND if no kernel listens there, GROVE_VERSION,
 * GROVE_DENIED, GROVE_TIMED_OUT (no INIT notice within 5 s).
 */
struct grove_session_options {
    const char *path; /* NULL: as above */
    int descriptor; /* -1: none. Leave the structure out (NULL) for the usual case */
};
GROVE_PUBLIC int grove_session_open(const struct grove_session_options *options, struct grove_session **session);
GROVE_PUBLIC void grove_session_close(struct grove_session *session);
/* The process-wide session that grove_connect and grove_service_create use, opened on first use. */
GROVE_PUBLIC int grove_session_default(struct grove_session **session);
GROVE_PUBLIC const struct grove_notice_init *grove_session_identity(const struct grove_session *session);

/*
 * One kernel request and its reply (port.h). Fills in version and sequence. `objects` are duplicated, not consumed;
 * received descriptors go to `received` (up to *received_count, which is updated; the caller closes them), and are
 * closed if received is NULL. Returns the reply's status; on GROVE_DENIED the last error explains (law 9).
 */
GROVE_PUBLIC int grove_kernel_request(struct grove_session *session, struct grove_message *message, const int *objects,
                                      unsigned object_count, int *received, unsigned *received_count,
                                      uint64_t timeout_ns);
/*
 * The same without waiting, for what the kernel may answer late (GROVE_ACTION_PING). `done` runs once, from the run loop or
 * grove_session_dispatch, with the reply or, on a failure, its status and grove_last_error; descriptors of the reply are
 * closed. The kernel answers every request, those with a deadline by then. GROVE_EXHAUSTED with 256 open. Closing the
 * session forgets what is open without running a handler.
 */
typedef void grove_reply_handler(int status, const struct grove_message *reply, void *context);
GROVE_PUBLIC int grove_kernel_request_start(struct grove_session *session, struct grove_message *message,
                                            grove_reply_handler *done, void *context);
/*
 * Notices that the library does not handle itself (CONTAINER_STATE, ENDPOINT_WANTED, CAPABILITY_GRANTED,
 * REGION_GRANTED, BUDGET_WARNING, CONTAINER_BUDGET, LEARNED) go to this handler, called from the run loop or
 * grove_session_dispatch. Descriptors belong to the handler. Never called inside another call's wait.
 */
typedef void grove_notice_handler(const struct grove_message *notice, const int *objects, unsigned object_count,
                                  void *context);
GROVE_PUBLIC void grove_session_on_notice(struct grove_session *session, grove_notice_handler *handler, void *context);
/* For programs without a run loop: wait up to timeout_ns for notices and replies and handle them. GROVE_TIMED_OUT. */
GROVE_PUBLIC int grove_session_dispatch(struct grove_session *session, uint64_t timeout_ns);
/* A descriptor that becomes readable when grove_session_dispatch has something to do (poll it; do not read it). */
GROVE_PUBLIC int grove_session_descriptor(struct grove_session *session);

/* ---- client ------------------------------------------------------------------------------------------------------- */

struct grove_connect_options {
    struct grove_session *session; /* NULL: the default one */
    uint64_t tag;
    uint64_t lane_bytes[GROVE_LANES]; /* 0: default */
    uint64_t arena_bytes; /* 0: default; GROVE_ARENA_NONE */
};
/* Endpoint names without a dot belong to the caller's own project; with a dot they are complete ("system.registry"). */
GROVE_PUBLIC int grove_connect(const char *endpoint, struct grove_channel **channel);
GROVE_PUBLIC int grove_connect_with(const char *endpoint, const struct grove_connect_options *options,
                                    struct grove_channel **channel);
/* Calls still waiting end with GROVE_CANCELLED. What was sent is still delivered. */
GROVE_PUBLIC void grove_channel_close(struct grove_channel *channel);

/* INHERIT: the lane of the request being handled, or MEDIUM outside a handler. */
enum grove_priority {
    GROVE_PRIORITY_INHERIT = 0,
    GROVE_PRIORITY_HIGH = 1,
    GROVE_PRIORITY_MEDIUM = 2,
    GROVE_PRIORITY_LOW = 3
};

struct grove_call {
    uint32_t method;
    enum grove_priority priority;
    const void *data;
    size_t length_bytes;
    uint64_t timeout_ns; /* 0: the remaining time of the request being handled, or 5 s; GROVE_FOREVER is refused */
    struct grove_loan *loan; /* send this loan too, as the record's slice; ownership passes on success */
};

/* A reply read in place. Valid until grove_answer_release. */
struct grove_answer {
    const void *data;
    size_t length_bytes;
    const void *slice; /* what the answerer lent, in its memory, read-only; NULL if nothing */
    size_t slice_bytes;
    void *internal[6];
};
/*
 * Call and wait. GROVE_TIMED_OUT (the deadline passed; a late answer is dropped), GROVE_CLOSED (nobody will answer),
 * GROVE_EXHAUSTED (no room in the lane until the deadline), GROVE_TOO_LARGE, GROVE_CORRUPT (the peer broke the
 * protocol; the channel is closed), or what the handler failed with: grove_last_error has its sentence and origin. A
 * server that crashes meanwhile does not end the call: its next instance answers, within the deadline.
 */
GROVE_PUBLIC int grove_call(struct grove_channel *channel, const struct grove_call *call, struct grove_answer *answer);
GROVE_PUBLIC void grove_answer_release(struct grove_answer *answer);

/* The same without waiting; `done` runs once, from the run loop or grove_session_dispatch. The answer is released after it. */
typedef void grove_answer_handler(int status, const struct grove_answer *answer, void *context);
GROVE_PUBLIC int grove_call_start(struct grove_channel *channel, const struct grove_call *call,
                                  grove_answer_handler *done, void *context);
/* One way. 0 means accepted: it will be delivered, whatever crashes (law 4). Waits for room up to the timeout. */
GROVE_PUBLIC int grove_send(struct grove_channel *channel, const struct grove_call *call);
/* Messages accepted on a lane and not completed yet by the other end. */
GROVE_PUBLIC int grove_channel_pending(struct grove_channel *channel, enum grove_lane lane, uint64_t *bytes);
/* Wait until the other end has completed all that was sent. GROVE_TIMED_OUT, GROVE_CLOSED. */
GROVE_PUBLIC int grove_channel_flush(struct grove_channel *channel, uint64_t timeout_ns);
/* Was this channel taken over from an earlier instance of this program? */
GROVE_PUBLIC bool grove_channel_is_resumed(const struct grove_channel *channel);
/* Answers to requests that an earlier instance of this program sent. Without a handler they are dropped. */
typedef void grove_orphan_handler(uint64_t number, int status, const struct grove_answer *answer, void *context);
GROVE_PUBLIC void grove_channel_on_orphan(struct grove_channel *channel, grove_orphan_handler *handler, void *context);

/* ---- large messages ------------------------------------------------------------------------------------------------ */

/* Space in the own arena, written in place, read in place by the receiver. */
struct grove_loan {
    void *data;
    size_t length_bytes; /* may be reduced before sending */
    void *internal[4];
};
/* GROVE_EXHAUSTED: no block of that size became free before the deadline. GROVE_TOO_LARGE: larger than the arena. */
GROVE_PUBLIC int grove_loan(struct grove_channel *channel, size_t length_bytes, uint64_t timeout_ns,
                            struct grove_loan *loan);
GROVE_PUBLIC int grove_request_loan(struct grove_request *request, size_t length_bytes, uint64_t timeout_ns,
                                    struct grove_loan *loan);
GROVE_PUBLIC void grove_loan_return(struct grove_loan *loan); /* not sent after all */

/* ---- service -------------------------------------------------------------------------------------------------------- */

/* 0: done (an empty reply is sent if a call was not answered). Negative: the caller gets that status and grove_fail's sentence. */
typedef int grove_handler(struct grove_request *request, void *context);

struct grove_service_options {
    struct grove_session *session; /* NULL: the default one */
    int (*on_init)(struct grove_service *service, enum grove_start_reason reason, void *context);
    int (*on_quiesce)(struct grove_service *service, void *context);
    int (*on_resume)(struct grove_service *service, void *context);
    void (*on_stop)(struct grove_service *service, void *context); /* then run returns */
    void *context;
    bool not_ready_yet; /* readiness is reported by grove_service_ready, not by the first turn of the loop */
};
/*
 * Make the service of this process, with copies of the options; serve it with grove_service_run. Destroying it closes
 * its channels. The errors of opening the default session, and GROVE_NO_MEMORY.
 */
GROVE_PUBLIC int grove_service_create(const struct grove_service_options *options, struct grove_service **service);
GROVE_PUBLIC void grove_service_destroy(struct grove_service *service);
/* Serve a method of an endpoint that the manifest provides. GROVE_METHOD_ANY takes what no other handler does. */
#define GROVE_METHOD_ANY UINT32_MAX
GROVE_PUBLIC int grove_service_on(struct grove_service *service, const char *endpoint, uint32_t method,
                                  grove_handler *handler, void *context);
/* Every `period_ns` from now, in the run loop; a late turn is not made up for. Returns a number for grove_service_cancel. */
typedef void grove_timer_handler(struct grove_service *service, void *context);
GROVE_PUBLIC int grove_service_every(struct grove_service *service, uint64_t period_ns, grove_timer_handler *handler,
                                     void *context, uint32_t *timer);
GROVE_PUBLIC int grove_service_after(struct grove_service *service, uint64_t delay_ns, grove_timer_handler *handler,
                                     void *context, uint32_t *timer);
GROVE_PUBLIC void grove_service_cancel(struct grove_service *service, uint32_t timer);
/* Watch a descriptor of one's own (POLLIN, POLLOUT of poll.h); events 0 ends it. */
typedef void grove_descriptor_handler(struct grove_service *service, int descriptor, short events, void *context);
GROVE_PUBLIC int grove_service_watch(struct grove_service *service, int descriptor, short events,
                                     grove_descriptor_handler *handler, void *context);
/*
 * Called when every message that waited has been handled, before the loop sleeps, and after 64 messages at the latest: the
 * place to do at once what several messages have asked for. Returns whether it has done anything; the loop then looks for
 * messages again before it sleeps. One handler; NULL ends it.
 */
typedef bool grove_rest_handler(struct grove_service *service, void *context);
GROVE_PUBLIC void grove_service_on_rest(struct grove_service *service, grove_rest_handler *handler, void *context);
GROVE_PUBLIC int grove_service_ready(struct grove_service *service);
/* Run until stopped. Returns 0 after a stop, or a negative status. */
GROVE_PUBLIC int grove_service_run(struct grove_service *service);
/* One turn, for another event loop: poll grove_service_descriptor, then call this. GROVE_CLOSED when to end. */
GROVE_PUBLIC int grove_service_descriptor(struct grove_service *service);
GROVE_PUBLIC int grove_service_dispatch(struct grove_service *service, uint64_t timeout_ns);
GROVE_PUBLIC void grove_service_stop(struct grove_service *service);
GROVE_PUBLIC struct grove_session *grove_service_session(struct grove_service *service);

/* What a handler may ask of its request. The data is read in place and may be changed by a hostile sender while read. */
GROVE_PUBLIC const void *grove_request_data(const struct grove_request *request);
GROVE_PUBLIC size_t grove_request_bytes(const struct grove_request *request);
GROVE_PUBLIC const void *grove_request_slice(const struct grove_request *request, size_t *length_bytes);
GROVE_PUBLIC uint32_t grove_request_method(const struct grove_request *request);
GROVE_PUBLIC enum grove_lane grove_request_lane(const struct grove_request *request);
GROVE_PUBLIC uint64_t grove_request_deadline_ns(const struct grove_request *request); /* 0: none */
GROVE_PUBLIC uint64_t grove_request_number(const struct grove_request *request);
GROVE_PUBLIC bool grove_request_is_redelivered(const struct grove_request *request);
GROVE_PUBLIC bool grove_request_wants_reply(const struct grove_request *request);
/* Who sent it, as the kernel knows it: full name, object id (never reused), ring. */
GROVE_PUBLIC const char *grove_request_client(const struct grove_request *request);
GROVE_PUBLIC grove_object_id grove_request_client_id(const struct grove_request *request);
GROVE_PUBLIC uint32_t grove_request_client_ring(const struct grove_request *request);
/* This service's handle of the channel it came over: for kernel requests that name a client by it. */
GROVE_PUBLIC grove_handle grove_request_channel(const struct grove_request *request);
/* Does the instance that sent it still run? One that has just died may still be taken for running. */
GROVE_PUBLIC bool grove_request_client_runs(const struct grove_request *request);

/*
 * Clients come and go; for services that keep something for each of them. Called from the run loop, for every channel to
 * the endpoint: a client may have several. One handler for an endpoint.
 */
enum grove_client_change {
    GROVE_CLIENT_CONNECTED = 1, /* a channel is there; also for each one that an earlier instance of the service had */
    GROVE_CLIENT_ENDED =
        2, /* its instance has ended, another may follow on this channel; told at the latest when one does */
    GROVE_CLIENT_GONE = 3 /* no other instance will come, and all that was sent is handled */
};
struct grove_client {
    const char *name;
    grove_object_id id;
    grove_handle channel;
    uint32_t ring;
};
typedef void grove_client_handler(struct grove_service *service, enum grove_client_change change,
                                  const struct grove_client *client, void *context);
GROVE_PUBLIC int grove_service_on_client(struct grove_service *service, const char *endpoint,
                                         grove_client_handler *handler, void *context);

/*
 * The channel that it came through: an id that is never reused and stays the same for every instance of both ends. With
 * grove_request_number it names this request for ever, also when it is delivered again.
 */
GROVE_PUBLIC grove_object_id grove_request_channel_id(const struct grove_request *request);
/* Is its answer published? Then no instance handles it again. False while the answer waits for room. */
GROVE_PUBLIC bool grove_request_is_answered(const struct grove_request *request);

/*
 * May whoever sent this request use `capability` (its rights do not count)? 0, or GROVE_DENIED: then grove_last_error says
 * who lacks what, and the line that grants it, for `return grove_fail(request, status, "%s", grove_last_error())`, and the
 * kernel has audited a refusal of the client. Asks the kernel the first time; a yes is kept for the channel until a
 * permission is revoked anywhere. For deferred requests too. GROVE_INVALID: not a well-formed permission; GROVE_CLOSED: the
 * client has ended meanwhile.
 */
GROVE_PUBLIC int grove_request_client_holds(struct grove_request *request, const struct grove_capability *capability);
/*
 * The same for a permission of this kind (GROVE_CAP_STORE_READ) with this argument as in a manifest, but complete: names
 * are full, paths absolute. NULL: everything of the kind.
 */
GROVE_PUBLIC int grove_request_client_may(struct grove_request *request, uint16_t kind, const char *argument_text);

/*
 * Changes whenever a permission is revoked anywhere: a yes that the kernel gave, after this was read, holds while it is the
 * same. 0: the kernel does not say; then ask each time.
 */
GROVE_PUBLIC uint32_t grove_session_rights_epoch(const struct grove_session *session);

/*
 * Answer. Once per call (GROVE_WRONG_STATE after that, or for a one-way message). Data is copied into the lane. On the bare
 * machines a client that sleeps is woken when the handler returns or sleeps, as the service then gives it the processor.
 */
GROVE_PUBLIC int grove_reply(struct grove_request *request, const void *data, size_t length_bytes);
GROVE_PUBLIC int grove_reply_loan(struct grove_request *request, const void *data, size_t length_bytes,
                                  struct grove_loan *loan);
/* Hand the sender's own slice, or part of it, back to it without copying. */
GROVE_PUBLIC int grove_reply_slice(struct grove_request *request, const void *data, size_t length_bytes,
                                   size_t slice_offset_bytes, size_t slice_bytes);
/* Answer with an error; returns `status`, for `return grove_fail(...)`. The sentence says what is wrong and how to mend it. */
GROVE_PUBLIC int grove_fail(struct grove_request *request, int status, const char *sentence, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
/* Compilers and static analysis see by this that a failure comes back, after which no result is used. */
static inline int grove_failure(int status) {
    return status < 0 ? status : GROVE_HANDLER_FAILED;
}
#define grove_fail(request, ...) grove_failure(grove_fail(request, __VA_ARGS__))
/*
 * Answer later: the handler returns 0 after this, the request stays valid and uncompleted until grove_request_finish
 * (after grove_reply or grove_fail). It is redelivered to the next instance if this one ends before.
 */
GROVE_PUBLIC int grove_request_defer(struct grove_request *request);
GROVE_PUBLIC void grove_request_finish(struct grove_request *request);

/* ---- regions -------------------------------------------------------------------------------------------------------- */

/*
 * New memory that only this service writes. Needs SHM_CREATE covering the size; charged to its budget. GROVE_DENIED,
 * GROVE_EXHAUSTED, GROVE_NO_MEMORY.
 */
GROVE_PUBLIC int grove_region_create(struct grove_session *session, uint64_t size_bytes, struct grove_region **region);
/* The state that outlives this instance; *is_fresh is false when it holds what an earlier instance left. */
GROVE_PUBLIC int grove_region_state(struct grove_session *session, uint64_t size_bytes, struct grove_region **region,
                                    bool *is_fresh);
/* Map what a REGION_GRANTED notice brought; takes over the descriptor. */
GROVE_PUBLIC int grove_region_accept(struct grove_session *session, const struct grove_message *notice, int descriptor,
                                     struct grove_region **region);
GROVE_PUBLIC int grove_region_grant(struct grove_region *region, struct grove_channel *channel);
/*
 * The same for the client whose request is being handled, or was deferred: it reads the region from then on. *id (may be
 * NULL) names the region in the client's REGION_GRANTED notice, which arrives there before the answer to this request.
 */
GROVE_PUBLIC int grove_region_grant_client(struct grove_region *region, struct grove_request *request,
                                           grove_object_id *id);
GROVE_PUBLIC void *grove_region_data(const struct grove_region *region, uint64_t *size_bytes);
GROVE_PUBLIC bool grove_region_is_writable(const struct grove_region *region);
GROVE_PUBLIC void grove_region_close(struct grove_region *region);

/* ---- capabilities ---------------------------------------------------------------------------------------------------- */

/* "FS_READ:/data" to its binary form (rights: USE, DERIVE, GRANT). GROVE_INVALID; the last error says what would be right. */
GROVE_PUBLIC int grove_capability_parse(const char *text, struct grove_capability *capability);
/* The text form, at most size_bytes with its terminator; returns its full length like snprintf. */
GROVE_PUBLIC size_t grove_capability_format(const struct grove_capability *capability, char *text, size_t size_bytes);
GROVE_PUBLIC int grove_capability_list(struct grove_session *session, uint32_t *cursor,
                                       struct grove_capability_entry *entry); /* GROVE_NOT_FOUND after the last */
GROVE_PUBLIC int grove_capability_derive(struct grove_session *session, grove_handle source,
                                         const struct grove_capability *capability, grove_handle *handle);
GROVE_PUBLIC int grove_capability_grant(struct grove_session *session, grove_handle source,
                                        struct grove_channel *channel, const struct grove_capability *capability,
                                        grove_handle *handle);
GROVE_PUBLIC int grove_capability_revoke(struct grove_session *session, grove_handle handle, bool itself,
                                         uint64_t *count);

/* ---- tracing ---------------------------------------------------------------------------------------------------------- */

/*
 * While somebody traces (`grove trace`), every request has a span, and what a handler sends is a part of the span that it
 * handles; also what the answer handlers of its grove_call_start send. Work that goes on in another way, in a timer or when
 * an event of one's own comes, takes its span along: ask for the current one, keep it, enter it later.
 * False: nothing that is traced is being handled.
 */
GROVE_PUBLIC bool grove_trace_current(struct grove_session *session, struct grove_trace_context *span);
/* What is sent from now on is a part of this span, until the handler under way returns; NULL: of none. */
GROVE_PUBLIC void grove_trace_enter(struct grove_session *session, const struct grove_trace_context *span);

/* ---- containers (for services that start others; needs PROC_SPAWN, PROC_CONTROL) ------------------------------------- */

/*
 * Make a container from a checked spec, whose capabilities the caller must be able to grant. GROVE_DENIED (the last error
 * explains), GROVE_EXISTS, GROVE_EXHAUSTED (a pool, or the budget of the project), GROVE_INVALID.
 */
GROVE_PUBLIC int grove_container_create(struct grove_session *session, const void *spec, size_t spec_bytes,
                                        struct grove_container_reply *container);
/* streams: NULL, or three descriptors (-1: none) for the streams that the spec passes. */
GROVE_PUBLIC int grove_container_start(struct grove_session *session, grove_handle container,
                                       enum grove_start_reason reason, const int streams[3],
                                       struct grove_container_reply *reply);
/*
 * The same without waiting until its program runs: a start that fails is told as GROVE_NOTICE_CONTAINER_STATE
 * (GROVE_EXIT_START_FAILED, and the layer).
 */
GROVE_PUBLIC int grove_container_start_at_once(struct grove_session *session, grove_handle container,
                                               enum grove_start_reason reason, const int streams[3],
                                               struct grove_container_reply *reply);
/*
 * Make a container with an endpoint for each interface that its spec provides, in one request; with `starts`, its first
 * instance is started too, with streams as above. It does not wait for the program: whoever connects and calls is
 * answered when it runs, and a start that fails is told as GROVE_NOTICE_CONTAINER_STATE (GROVE_EXIT_START_FAILED, and the
 * layer). On an error nothing of it is there; errors as for grove_container_create and grove_endpoint_create.
 */
GROVE_PUBLIC int grove_container_launch(struct grove_session *session, const void *spec, size_t spec_bytes, bool starts,
                                        const int streams[3], struct grove_container_reply *container);
GROVE_PUBLIC int grove_container_control(struct grove_session *session, grove_handle container,
                                         enum grove_container_action action, uint32_t detail, uint64_t timeout_ns);
GROVE_PUBLIC int grove_container_read(struct grove_session *session, grove_handle container,
                                      struct grove_container_record *record);
/* All that the caller may see; start with *cursor 0; GROVE_NOT_FOUND after the last. */
GROVE_PUBLIC int grove_container_next(struct grove_session *session, uint32_t *cursor,
                                      struct grove_container_record *record);
GROVE_PUBLIC int grove_endpoint_create(struct grove_session *session, const char *name, struct grove_version version,
                                       grove_handle container, grove_handle *endpoint);

#ifdef __cplusplus
}
#endif

#include "grove/log.h"

#endif
