/*
 * Health: is a service well, what was seen of it, and what is done about it.
 *
 *     static int disk_is_there(char *sentence, size_t sentence_bytes, void *context) {
 *         if (access("/data", W_OK) == 0)
 *             return 0;
 *         snprintf(sentence, sentence_bytes, "/data cannot be written");
 *         return GROVE_IO;
 *     }
 *     grove_health_register(service, &(struct grove_health_registration){.name = "disk", .endpoint = "historian",
 *                                                                        .interval_ns = 30 * GROVE_SECOND},
 *                           disk_is_there, NULL);
 *
 * system.health runs the checks that manifests name (`health:`) and those that services register, keeps what it saw,
 * and says when something changes. system.reincarnation acts on it (`recovery:`).
 *
 * Structures on the wire have one size on every machine and are in the byte order of the processor (little-endian on
 * all). Each request begins with GROVE_HEALTH_VERSION; a structure of a version never changes. Replies are a
 * grove_health_page and what it counts. Anybody who may connect may ask; silences and sinks are for shells and system
 * services; what a service registers and reports is about itself.
 */
#ifndef GROVE_HEALTH_H
#define GROVE_HEALTH_H

#include "grove/grove.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GROVE_HEALTH_ENDPOINT "system.health"
#define GROVE_HEALTH_VERSION 1u
#define GROVE_HEALTH_SENTENCE_BYTES 192u
#define GROVE_HEALTH_CHECK_NAME_BYTES 32u
#define GROVE_HEALTH_ARGUMENT_BYTES 256u

/* X(name, number, text): the worse, the larger. */
#define GROVE_HEALTH_STATUS_TABLE(X) \
    X(UNKNOWN, 0, "unknown") /* nothing was seen yet */ \
    X(OK, 1, "ok") \
    X(DEGRADED, 2, "degraded") /* it works, and something is wrong */ \
    X(FAILING, 3, "failing")

/* X(name, number, text). PING of the spec's one probe is HEARTBEAT here. */
#define GROVE_HEALTH_KIND_TABLE(X) \
    X(NONE, 0, "none") \
    X(HEARTBEAT, 1, "heartbeat") /* the kernel pings, libgrove's run loop answers */ \
    X(CALL, 2, "call") /* a method answers without an error: "ENDPOINT METHOD" */ \
    X(HTTP, 3, "http") /* a GET is answered with 2xx */ \
    X(TCP, 4, "tcp") /* a port accepts */ \
    X(COMMAND, 5, "command") /* a command beside the service, with its rights, exits with 0 */ \
    X(REPORT, 6, "report") /* the service says so itself, at least once in each interval */

/* X(name, number, text): how one check stands, and so why a service is not well. */
#define GROVE_HEALTH_CAUSE_TABLE(X) \
    X(NONE, 0, "none") \
    X(FAILED_CHECK, 1, "failed check") /* it answered that it is not well, or did not answer a check of its own */ \
    X(BLOCKED, 2, "blocked") /* hung: no heartbeat, and it does not use the processor that it could have */ \
    X(LOOPING, 3, "looping") /* hung: no heartbeat, and it uses the processor */ \
    X(STARVED, 4, "starved") /* not hung: it does not get the processor */ \
    X(THROTTLED, 5, "throttled") /* not known to be hung: it is at the limit of its own budget */ \
    X(FROZEN, 6, "frozen") /* somebody froze it */ \
    X(DOWN, 7, "down") /* the registry gave it up, or it failed for good */ \
    X(TREND, 8, "trend") /* memory, latency or errors grow */

/* X(name, number, text) */
#define GROVE_HEALTH_SEVERITY_TABLE(X) \
    X(INFO, 0, "info") \
    X(WARNING, 1, "warning") /* a check of it that fails makes the service degraded */ \
    X(CRITICAL, 2, "critical") /* ... failing */

enum grove_health_status {
#define GROVE_HEALTH_ENUM(name, number, text) GROVE_HEALTH_##name = (number),
    GROVE_HEALTH_STATUS_TABLE(GROVE_HEALTH_ENUM)
#undef GROVE_HEALTH_ENUM
};
enum grove_health_check_kind {
#define GROVE_HEALTH_ENUM(name, number, text) GROVE_CHECK_##name = (number),
    GROVE_HEALTH_KIND_TABLE(GROVE_HEALTH_ENUM)
#undef GROVE_HEALTH_ENUM
};
enum grove_health_cause {
#define GROVE_HEALTH_ENUM(name, number, text) GROVE_CAUSE_##name = (number),
    GROVE_HEALTH_CAUSE_TABLE(GROVE_HEALTH_ENUM)
#undef GROVE_HEALTH_ENUM
};
enum grove_health_severity {
#define GROVE_HEALTH_ENUM(name, number, text) GROVE_SEVERITY_##name = (number),
    GROVE_HEALTH_SEVERITY_TABLE(GROVE_HEALTH_ENUM)
#undef GROVE_HEALTH_ENUM
};
enum grove_health_breaker { GROVE_BREAKER_CLOSED, GROVE_BREAKER_OPEN, GROVE_BREAKER_HALF_OPEN };

/* ---- sections of the spec (docs/formats.md) ----------------------------------------------------------------------- */

#define GROVE_HEALTH_CHECKS_MAX 16u
/* HEALTH: a head and `count` checks. */
struct grove_health_section {
    uint32_t version; /* GROVE_HEALTH_VERSION */
    uint32_t count; /* at most GROVE_HEALTH_CHECKS_MAX */
};
struct grove_health_plan {
    uint32_t kind; /* enum grove_health_check_kind */
    uint32_t severity; /* enum grove_health_severity: WARNING or CRITICAL */
    uint32_t failures; /* this many in a row mean that it has failed; at least 1 */
    uint32_t reserved;
    uint64_t timeout_ns; /* for one try */
    uint64_t interval_ns; /* between tries */
    char name[GROVE_HEALTH_CHECK_NAME_BYTES]; /* terminated, unique within the service */
    char argument[GROVE_HEALTH_ARGUMENT_BYTES]; /* terminated */
};

/* X(name, number, text): why a service is to be recovered; each has counters of its own. */
#define GROVE_RECOVERY_CAUSE_TABLE(X) \
    X(CRASH, 0, "crash") \
    X(HANG, 1, "hang") \
    X(CHECK, 2, "check") \
    X(BUDGET, 3, "budget")
enum grove_recovery_cause {
#define GROVE_RECOVERY_ENUM(name, number, text) GROVE_RECOVERY_##name = (number),
    GROVE_RECOVERY_CAUSE_TABLE(GROVE_RECOVERY_ENUM)
#undef GROVE_RECOVERY_ENUM
        GROVE_RECOVERY_CAUSES,
};
/* X(name, number, text): what is done when restarts did not help. */
#define GROVE_RECOVERY_STEP_TABLE(X) \
    X(ITSELF, 0, "itself") \
    X(DEPENDENTS, 1, "dependents") /* restart it, and all that requires it */ \
    X(TREE, 2, "tree") /* restart these, and all that it requires */ \
    X(GIVE_UP, 3, "give-up")
enum grove_recovery_step {
#define GROVE_RECOVERY_ENUM(name, number, text) GROVE_STEP_##name = (number),
    GROVE_RECOVERY_STEP_TABLE(GROVE_RECOVERY_ENUM)
#undef GROVE_RECOVERY_ENUM
        GROVE_RECOVERY_STEPS,
};
#define GROVE_RECOVERY_STEPS_MAX 4u
struct grove_recovery_policy {
    uint64_t first_delay_ns; /* before the first restart; 0: at once */
    uint64_t delay_ns; /* before the second; from then on it grows */
    uint64_t delay_cap_ns;
    uint64_t heal_ns; /* each quiet span of this takes one step back */
    uint32_t factor_percent; /* 100 to 10000 */
    uint32_t restarts; /* of the service alone, before the first step of the escalation */
    uint32_t step_count;
    uint32_t steps[GROVE_RECOVERY_STEPS_MAX]; /* enum grove_recovery_step; the last is repeated */
    uint32_t reserved;
};
/* RECOVERY */
struct grove_recovery_section {
    uint32_t version; /* GROVE_HEALTH_VERSION */
    uint32_t reserved;
    struct grove_recovery_policy causes[GROVE_RECOVERY_CAUSES];
};

/* ---- the wire ------------------------------------------------------------------------------------------------------- */

enum grove_health_method {
    GROVE_HEALTH_QUERY = 1, /* grove_health_query -> records */
    GROVE_HEALTH_CHECKS = 2, /* grove_health_query (a service by name) -> checks */
    GROVE_HEALTH_HISTORY = 3, /* grove_health_query (name and check) -> samples, the oldest first */
    GROVE_HEALTH_WATCH = 4, /* grove_health_watch -> records; waits until there is something to say */
    GROVE_HEALTH_PROBE = 5, /* grove_health_query (a service by name) -> checks, each tried now; one that names none is
                               asked for a heartbeat. Answered when all are done */
    GROVE_HEALTH_ALERTS = 6, /* grove_health_query -> alerts that are active */
    GROVE_HEALTH_SILENCE = 7, /* grove_health_silence -> nothing */
    GROVE_HEALTH_SILENCES = 8, /* grove_health_query -> silences */
    GROVE_HEALTH_SINK_PUT = 9, /* grove_health_sink -> nothing; durable when answered */
    GROVE_HEALTH_SINK_REMOVE = 10, /* grove_health_sink (by name) -> nothing; durable when answered */
    GROVE_HEALTH_SINKS = 11, /* grove_health_query -> sinks */
    GROVE_HEALTH_REGISTER = 12, /* grove_health_extension -> nothing */
    GROVE_HEALTH_REPORT = 13, /* grove_health_report_message, one way or called */
};

struct grove_health_query {
    uint32_t version;
    uint32_t cursor; /* 0, or from the page before */
    struct grove_name name; /* shell pattern over full names, or a name; empty: all */
    char check[GROVE_HEALTH_CHECK_NAME_BYTES]; /* HISTORY */
    uint32_t least; /* QUERY: enum grove_health_status; only this or worse. 0: all that are checked or failing */
    uint32_t reserved;
};
struct grove_health_page {
    uint32_t version;
    uint32_t count; /* structures that follow */
    uint32_t cursor; /* where to go on; 0 at the end */
    uint32_t status; /* overall: enum grove_health_status, the worst of all services */
    uint64_t sequence; /* of the newest change: where a WATCH may go on */
    uint32_t counts[4]; /* services by status */
};
struct grove_health_watch {
    uint32_t version;
    uint32_t wait_ms; /* at most GROVE_HEALTH_WAIT_MS_MAX */
    uint64_t sequence;
    struct grove_name name; /* pattern; empty: all */
};
#define GROVE_HEALTH_WAIT_MS_MAX 120000u
/* A page holds at most so many structures, and fits into half of the default medium lane. */
#define GROVE_HEALTH_PAGE_RECORDS 48u

struct grove_health_record {
    struct grove_name name;
    uint32_t status; /* enum grove_health_status */
    uint32_t cause; /* enum grove_health_cause of the worst */
    uint32_t generation; /* the instance that this is about */
    uint32_t checks, failing; /* how many it has, and how many have failed */
    uint32_t alerts; /* active ones */
    uint64_t since_ns; /* monotonic: in this status */
    uint64_t sequence;
    uint64_t memory_bytes; /* when it was last looked at */
    char reason[GROVE_HEALTH_SENTENCE_BYTES]; /* why it is not ok; empty if it is */
};
struct grove_health_check {
    struct grove_name service;
    struct grove_health_plan plan;
    uint32_t status; /* enum grove_health_status of this check */
    uint32_t cause;
    uint32_t breaker; /* enum grove_health_breaker */
    uint32_t failures_in_row;
    uint64_t tries, failures;
    uint64_t latency_ns, latency_median_ns; /* of the last good try, and over the history */
    uint64_t last_ns, next_ns; /* monotonic; 0 not */
    char reason[GROVE_HEALTH_SENTENCE_BYTES];
};
struct grove_health_sample {
    uint64_t time_ns; /* monotonic, in steps of a millisecond */
    uint32_t latency_us;
    uint32_t memory_kib;
    uint32_t result; /* enum grove_health_cause; NONE: good */
    uint32_t generation;
};
struct grove_health_alert {
    struct grove_name service;
    char check[GROVE_HEALTH_CHECK_NAME_BYTES]; /* or "memory", "latency NAME", "state" */
    uint32_t severity; /* enum grove_health_severity */
    uint32_t cause; /* enum grove_health_cause */
    uint64_t since_ns, last_ns; /* monotonic */
    uint32_t times; /* raised so often; told once */
    uint32_t is_silenced;
    char text[GROVE_HEALTH_SENTENCE_BYTES];
};
struct grove_health_silence {
    uint32_t version, reserved;
    struct grove_name name; /* pattern over services */
    uint64_t duration_ns; /* 0 ends the silence. In a list: what is left */
};
enum grove_health_sink_kind { GROVE_SINK_WEBHOOK = 1, GROVE_SINK_COMMAND = 2 };
struct grove_health_sink {
    uint32_t version;
    uint32_t kind; /* enum grove_health_sink_kind */
    uint32_t severity; /* the least that is told */
    uint32_t reserved;
    char name[GROVE_HEALTH_CHECK_NAME_BYTES];
    struct grove_name service; /* COMMAND: beside which service, with whose rights */
    char argument[GROVE_HEALTH_ARGUMENT_BYTES]; /* WEBHOOK: http://ADDRESS:PORT/PATH; COMMAND: the command */
    uint64_t told, failed; /* in a list */
};
/* REGISTER: about the calling service. Counts until its instance ends; the next one registers again. */
struct grove_health_extension {
    uint32_t version, remove; /* 1: take it back */
    struct grove_health_plan plan; /* CALL on an endpoint of the caller's own, or REPORT */
};
struct grove_health_report_message {
    uint32_t version;
    int32_t status; /* 0: well; else a negative enum grove_status */
    char check[GROVE_HEALTH_CHECK_NAME_BYTES];
    char sentence[GROVE_HEALTH_SENTENCE_BYTES];
};

/* ---- reincarnation ---------------------------------------------------------------------------------------------------- */

#define GROVE_REINCARNATION_ENDPOINT "system.reincarnation"
enum grove_reincarnation_method {
    GROVE_REINCARNATION_QUERY = 1, /* grove_health_query -> grove_health_page, grove_recovery_record[] */
    GROVE_REINCARNATION_REPORT = 2, /* grove_recovery_report -> nothing: a system service found a failure */
};
/* What is remembered of one service, by cause. */
struct grove_recovery_record {
    struct grove_name name;
    uint32_t level[GROVE_RECOVERY_CAUSES]; /* steps up the ladder; heals */
    uint32_t total[GROVE_RECOVERY_CAUSES]; /* ever */
    uint64_t last_ns[GROVE_RECOVERY_CAUSES]; /* monotonic; 0 never */
    uint32_t last_cause, last_step;
    char reason[GROVE_HEALTH_SENTENCE_BYTES];
};
struct grove_recovery_report {
    uint32_t version;
    uint32_t cause; /* enum grove_recovery_cause */
    struct grove_name service;
    uint32_t generation; /* of the instance that failed; 0: the one that runs */
    uint32_t reserved;
    char reason[GROVE_HEALTH_SENTENCE_BYTES];
};

/* ---- words -------------------------------------------------------------------------------------------------------------- */

/* "degraded", "heartbeat", "blocked", "critical", "hang", "dependents"; "unknown" for what is none. Constant. */
GROVE_PUBLIC const char *grove_health_status_text(uint32_t status);
GROVE_PUBLIC const char *grove_health_kind_text(uint32_t kind);
GROVE_PUBLIC const char *grove_health_cause_text(uint32_t cause);
GROVE_PUBLIC const char *grove_health_severity_text(uint32_t severity);
GROVE_PUBLIC const char *grove_recovery_cause_text(uint32_t cause);
GROVE_PUBLIC const char *grove_recovery_step_text(uint32_t step);

/* ---- clients ------------------------------------------------------------------------------------------------------------ */

/*
 * One page (QUERY): the overall status in *page, and up to `room` records. `query` NULL: all. Go on with page->cursor.
 * `session` NULL: the default one. The errors of grove_call; waits up to 5 s.
 */
GROVE_PUBLIC int grove_health_read(struct grove_session *session, const struct grove_health_query *query,
                                   struct grove_health_page *page, struct grove_health_record *records, unsigned room);

/*
 * Hear of each change of the status of services whose name fits the pattern ("" all), from the run loop of this service,
 * until grove_health_unsubscribe. The first calls tell how all of them are now. It goes on when system.health was
 * restarted; changes that followed each other quickly may be told as one. Needs IPC_SEND:system.health.
 * GROVE_DENIED, GROVE_NOT_FOUND, GROVE_NO_MEMORY, GROVE_INVALID.
 */
struct grove_health_subscription;
typedef void grove_health_handler(const struct grove_health_record *record, void *context);
GROVE_PUBLIC int grove_health_subscribe(struct grove_service *service, const char *pattern,
                                        grove_health_handler *handler, void *context,
                                        struct grove_health_subscription **subscription);
GROVE_PUBLIC void grove_health_unsubscribe(struct grove_health_subscription *subscription);

/*
 * Register a check of one's own. With a function it is called when system.health asks, from the run loop, and returns 0
 * or a negative status with a sentence; without one, the service says how it is with grove_health_report at least once
 * in each interval. Names are unique within a service: registering again replaces. Waits up to 5 s for system.health.
 * GROVE_INVALID (a name, an endpoint that is not one's own, an interval below 10 ms), GROVE_EXHAUSTED, GROVE_DENIED.
 */
struct grove_health_registration {
    const char *name; /* up to 31 bytes of [A-Za-z0-9_-] */
    const char *endpoint; /* with a function: the endpoint, of this service, over which it is asked */
    uint64_t interval_ns; /* 0: 10 s */
    uint64_t timeout_ns; /* 0: 2 s */
    uint32_t failures; /* 0: 3 */
    enum grove_health_severity severity; /* INFO counts as WARNING */
};
typedef int grove_health_function(char *sentence, size_t sentence_bytes, void *context);
GROVE_PUBLIC int grove_health_register(struct grove_service *service,
                                       const struct grove_health_registration *registration,
                                       grove_health_function *function, void *context);
/* One way; `sentence` may be NULL with status 0. The errors of grove_send. */
GROVE_PUBLIC int grove_health_report(const char *check, int status, const char *sentence);

/* Methods from this number on, on an endpoint of a service, are those that grove_health_register serves. */
#define GROVE_HEALTH_METHOD_FIRST 0xffff4800u
#define GROVE_HEALTH_METHODS 64u

#ifdef __cplusplus
}
#endif

#endif
