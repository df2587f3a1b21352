/*
 * Hooks: be asked before something is done, and told after.
 *
 *     static int look(struct grove_request *request, void *context) {
 *         struct grove_hook_call call;
 *         int status = grove_hook_read(request, &call);
 *         if (status < 0)
 *             return status;
 *         return is_allowed(call.subject) ? grove_hook_continue(request)
 *                                         : grove_hook_veto(request, "the maintenance window is over");
 *     }
 *     grove_service_on(service, "guard", GROVE_HOOK_METHOD, look, NULL);
 *     grove_hook_set(&(struct grove_hook){.point = GROVE_HOOK_BEFORE_START, .endpoint = "guard", .pattern = "grid.>"});
 *
 * Which services ask at which of them stands in docs/hooks.md. Twelve points: before and after a service is loaded (registered), and started; an event is published, and delivered; a
 * key of the store is written, and read. The hooks of a point are asked one after the other, by priority (the lowest number
 * first, equal ones in the order in which they were set). Each says continue, change (new bytes, which the next one sees),
 * or veto with a reason, which ends it. What is honoured where:
 *
 *     before load, before start                          continue, veto
 *     before publish, before deliver, before write       continue, change, veto
 *     before read                                        continue, veto
 *     after read                                         continue, change
 *     after load, start, publish, deliver, write         continue: what was done is done
 *
 * A hook that is late, gone, or breaks the protocol is cut off: what was asked goes on without it, `hook.failed.SERVICE`
 * is published, `grove hooks` and `grove why SERVICE` tell of it; after GROVE_HOOK_FAILURES in a row it is left out for
 * GROVE_HOOK_PAUSE_NS. So a hook can be no more than a wish to be asked: what must never happen without a look is not given
 * the capability for it.
 *
 * Rights. Who sets a hook sees and changes what others do, so it must hold what covers the pattern:
 *
 *     load, start          PROC_CONTROL:pattern
 *     publish, deliver     BUS_SUB:pattern, and BUS_PUB:pattern
 *     write, read          STORE_READ:pattern, and STORE_WRITE:pattern
 *
 * and IPC_RECV covering the endpoint, as whoever provides it does. System services and shells may set any. The requirement
 * `requires: [{name: system.hooks}]` gives the right to speak with the service of hooks.
 *
 * Hooks stay until they are cleared or the kernel ends: over the death of the service that set them (the endpoint waits for
 * its next instance) and of the service of hooks. Set again with the same endpoint, point and pattern, a hook is replaced.
 */
#ifndef GROVE_HOOKS_H
#define GROVE_HOOKS_H

#include "grove/grove.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GROVE_HOOKS_ENDPOINT "system.hooks"

/* X(name, number, text) */
#define GROVE_HOOK_POINT_TABLE(X) \
    X(BEFORE_LOAD, 0, "before-load") \
    X(AFTER_LOAD, 1, "after-load") \
    X(BEFORE_START, 2, "before-start") \
    X(AFTER_START, 3, "after-start") \
    X(BEFORE_PUBLISH, 4, "before-publish") \
    X(AFTER_PUBLISH, 5, "after-publish") \
    X(BEFORE_DELIVER, 6, "before-deliver") \
    X(AFTER_DELIVER, 7, "after-deliver") \
    X(BEFORE_WRITE, 8, "before-write") \
    X(AFTER_WRITE, 9, "after-write") \
    X(BEFORE_READ, 10, "before-read") \
    X(AFTER_READ, 11, "after-read")

enum grove_hook_point {
#define GROVE_HOOK_POINT_ENUM(name, number, text) GROVE_HOOK_##name = (number),
    GROVE_HOOK_POINT_TABLE(GROVE_HOOK_POINT_ENUM)
#undef GROVE_HOOK_POINT_ENUM
        GROVE_HOOK_POINTS,
};

enum grove_hook_result { GROVE_HOOK_CONTINUE = 0, GROVE_HOOK_CHANGE = 1, GROVE_HOOK_VETO = 2 };

#define GROVE_HOOK_METHOD 0x484f4f4bu /* of the endpoint that is asked */
#define GROVE_HOOK_SUBJECT_MAX 255u /* of a subject or pattern */
#define GROVE_HOOK_DATA_MAX 24576u /* bytes shown to a hook; of larger data it sees these, and cannot change it */
#define GROVE_HOOK_REASON_MAX 191u
#define GROVE_HOOK_TIMEOUT_NS (100 * GROVE_MILLISECOND) /* where a hook names none */
#define GROVE_HOOK_TIMEOUT_MAX_NS (5 * GROVE_SECOND)
#define GROVE_HOOK_FAILURES 3u
#define GROVE_HOOK_PAUSE_NS (10 * GROVE_SECOND)
#define GROVE_HOOKS_MAX 256u /* set at a time */
#define GROVE_EXTENSIONS_MAX 256u

/* "before-start"; "unknown" for a number that is none. Constant. */
GROVE_PUBLIC const char *grove_hook_point_text(uint32_t point);

/* ---- setting ------------------------------------------------------------------------------------------------------- */

struct grove_hook {
    enum grove_hook_point point;
    int32_t priority; /* the lowest first */
    const char *endpoint; /* provided by the caller; without a dot of its own project */
    const char *pattern; /* of names, subjects or namespaces; NULL or ">": all. Needs a right that covers it */
    uint64_t timeout_ns; /* 0: GROVE_HOOK_TIMEOUT_NS; at most GROVE_HOOK_TIMEOUT_MAX_NS */
};
/*
 * From when this returns, everything that is begun is looked at. GROVE_DENIED (with the manifest line), GROVE_NOT_FOUND (no
 * such endpoint, or no service of hooks), GROVE_EXHAUSTED (GROVE_HOOKS_MAX are set), GROVE_INVALID. May be called by a
 * service while it is being set up; waits for at most 5 s. `session` NULL: the default one.
 */
GROVE_PUBLIC int grove_hook_set(struct grove_session *session, const struct grove_hook *hook);
/* All hooks of this endpoint at this point. GROVE_NOT_FOUND: there is none. Needs IPC_RECV covering the endpoint. */
GROVE_PUBLIC int grove_hook_clear(struct grove_session *session, enum grove_hook_point point, const char *endpoint);

/* ---- being asked --------------------------------------------------------------------------------------------------- */

struct grove_hook_call {
    uint32_t point; /* enum grove_hook_point */
    bool is_cut; /* the data is larger than what is shown */
    const char *subject; /* name of the service, subject of the event, "namespace key" of the store */
    const char *who; /* on whose behalf; "" where nobody asked */
    const void *data; /* the spec; the event; the value. Valid until the request is finished */
    size_t length_bytes; /* of what is shown */
    uint64_t total_bytes;
};
/* GROVE_INVALID: this is no such request. `text` of the call lies in thread-local memory, until the next one is read. */
GROVE_PUBLIC int grove_hook_read(const struct grove_request *request, struct grove_hook_call *call);
GROVE_PUBLIC int grove_hook_continue(struct grove_request *request);
/* GROVE_TOO_LARGE: more than GROVE_HOOK_DATA_MAX. */
GROVE_PUBLIC int grove_hook_change(struct grove_request *request, const void *data, size_t length_bytes);
GROVE_PUBLIC int grove_hook_veto(struct grove_request *request, const char *reason);

/* ---- having points (for services at whose work others may look) ------------------------------------------------------ */

/*
 * A local table that says at which points any hook is set: a look costs one load, and nothing else is done where none is.
 * The service of hooks keeps it up to date by answering a request that waits. While there is no such service, none is set.
 * From the begin until its first answer, a second at most, all points count as set: nothing is done unasked by an instance
 * that only does not know yet.
 */
struct grove_hooks;
/* Never waits. GROVE_NOT_FOUND: there is no service of hooks (yet): open again when there is one. */
GROVE_PUBLIC int grove_hooks_open(struct grove_session *session, struct grove_hooks **hooks);
GROVE_PUBLIC void grove_hooks_close(struct grove_hooks *hooks);
/* Bit n: some hook is set at point n. Read it where it lies: `if ((*mask >> GROVE_HOOK_BEFORE_WRITE & 1) != 0)`. */
GROVE_PUBLIC const uint32_t *grove_hooks_mask(const struct grove_hooks *hooks);
static inline bool grove_hooks_are_set(const struct grove_hooks *hooks, enum grove_hook_point point) {
    return hooks != NULL && (*grove_hooks_mask(hooks) >> (unsigned)point & 1u) != 0;
}

struct grove_hook_outcome {
    enum grove_hook_result result; /* CONTINUE also where nobody could be asked */
    const void *data; /* CHANGE: the new bytes */
    size_t length_bytes;
    const char *reason; /* VETO: which hook, and why */
};
typedef void grove_hook_handler(const struct grove_hook_outcome *outcome, void *context);
/*
 * Ask the hooks of a point, in the run loop: `done` (may be NULL, for the points after) is called once, later, within the
 * deadlines of the hooks and one second more. The arguments are copied. GROVE_EXHAUSTED: too many are being asked; what it
 * was about goes on or fails, as the caller finds right. GROVE_CLOSED.
 */
struct grove_hook_question {
    enum grove_hook_point point;
    const char *subject, *who; /* `who` NULL: nobody */
    const void *data;
    size_t length_bytes;
};
GROVE_PUBLIC int grove_hooks_run(struct grove_hooks *hooks, const struct grove_hook_question *question,
                                 grove_hook_handler *done, void *context);

/* ---- extensions: what services add to the system ---------------------------------------------------------------------- */

enum grove_extension_kind {
    GROVE_EXTENSION_PROTOCOL = 1, /* speaks a protocol for others */
    GROVE_EXTENSION_STORAGE = 2, /* provides storage: the store's provider interface */
    GROVE_EXTENSION_HEALTH = 3, /* checks health */
    GROVE_EXTENSION_METRICS = 4, /* has metrics for others to read */
    GROVE_EXTENSION_KINDS,
};
#define GROVE_EXTENSION_DETAIL_MAX 127u
struct grove_extension {
    uint32_t kind;
    struct grove_version version; /* of the interface that it implements */
    struct grove_name name; /* what it is found by: "modbus", "sqlite" */
    struct grove_name endpoint; /* where it is spoken to; full in what is found */
    struct grove_name owner; /* who registered it; filled in by the service of hooks */
    char detail[GROVE_EXTENSION_DETAIL_MAX + 1]; /* words of key=value, for whoever uses it */
};
/*
 * Register, or replace one's own with the same kind and name. Needs IPC_RECV covering the endpoint. GROVE_EXISTS: another
 * service has it; GROVE_VERSION: the system speaks another major version of the interface of this kind
 * (grove_extension_interface); GROVE_DENIED, GROVE_EXHAUSTED, GROVE_INVALID. It stays until it is taken back or the kernel ends.
 */
GROVE_PUBLIC int grove_extension_register(struct grove_session *session, const struct grove_extension *extension);
GROVE_PUBLIC int grove_extension_unregister(struct grove_session *session, uint32_t kind, const char *name);
/*
 * The next extension of a kind (0: any) whose interface has this major version (0: any) and at least this minor one; start
 * with *cursor 0. GROVE_NOT_FOUND after the last.
 */
GROVE_PUBLIC int grove_extension_next(struct grove_session *session, uint32_t kind, struct grove_version below,
                                      uint32_t *cursor, struct grove_extension *extension);

/*
 * The one of this kind and name, for whoever speaks version `needed` of its interface: the same major number and at least this
 * minor one, or any if the major number is 0. GROVE_NOT_FOUND: nobody has registered it; GROVE_VERSION: it implements
 * another version; grove_last_error says which.
 */
GROVE_PUBLIC int grove_extension_find(struct grove_session *session, uint32_t kind, const char *name,
                                      struct grove_version needed, struct grove_extension *extension);
/* "metrics"; "unknown" for a number that is no kind. Constant. */
GROVE_PUBLIC const char *grove_extension_kind_text(uint32_t kind);
/* The version of an interface that the system itself speaks with extensions of this kind; 0.0.0: it speaks with none. */
GROVE_PUBLIC struct grove_version grove_extension_interface(uint32_t kind);

/* ---- what is said to the service of hooks, for clients without this library ------------------------------------------- */

#define GROVE_HOOKS_VERSION 1u
enum grove_hooks_method {
    GROVE_HOOKS_SET = 1, /* grove_hooks_set -> nothing, when everybody who has points knows */
    GROVE_HOOKS_CLEAR = 2, /* grove_hooks_set -> nothing; endpoint, point, and pattern unless it is "" */
    GROVE_HOOKS_LIST = 3, /* grove_hooks_list -> grove_hooks_page, records */
    GROVE_HOOKS_RUN = 4, /* grove_hooks_run, data -> grove_hooks_result, data */
    GROVE_HOOKS_TABLE = 5, /* grove_hooks_table -> grove_hooks_table; waits until it differs from what was known */
    GROVE_HOOKS_EXTEND = 6, /* grove_hooks_extension -> nothing */
    GROVE_HOOKS_WITHDRAW = 7, /* grove_hooks_extension -> nothing */
    GROVE_HOOKS_EXTENSIONS = 8, /* grove_hooks_list -> grove_hooks_extension; cursor, kind and version in it */
};
struct grove_hooks_set {
    uint32_t version, point;
    int32_t priority;
    uint32_t reserved;
    uint64_t timeout_ns;
    struct grove_name endpoint; /* full */
    char pattern[GROVE_HOOK_SUBJECT_MAX + 1];
};
struct grove_hooks_list {
    uint32_t version, cursor; /* 0 at the start, then from the page before */
    uint32_t kind, reserved; /* EXTENSIONS */
    struct grove_version least;
};
struct grove_hooks_record {
    struct grove_hooks_set hook;
    struct grove_name owner;
    uint64_t runs, changes, vetoes, failures; /* of this instance of the service of hooks */
    uint64_t longest_ns;
    uint64_t paused_until_ns; /* monotonic; 0: not left out */
    char last_failure[GROVE_HOOK_REASON_MAX + 1]; /* "" none */
    char last_veto[GROVE_HOOK_REASON_MAX + 1]; /* subject and reason; "" none */
};
#define GROVE_HOOKS_PAGE_RECORDS 24u
struct grove_hooks_page {
    uint32_t version, count, cursor, reserved; /* cursor 0: this was the last page */
};
struct grove_hooks_run {
    uint32_t version, point;
    uint64_t total_bytes; /* of the data; more than follows: it was cut */
    struct grove_name who;
    char subject[GROVE_HOOK_SUBJECT_MAX + 1];
};
struct grove_hooks_result {
    uint32_t version, result; /* enum grove_hook_result; a reason or the new data follows */
};
struct grove_hooks_table {
    uint32_t version, mask;
    uint64_t sequence; /* request: of what is known, 0 nothing */
};
struct grove_hooks_extension {
    uint32_t version, cursor; /* in the reply: where to go on */
    struct grove_extension extension;
};

#ifdef __cplusplus
}
#endif

#endif
