/*
 * What the parts of the health service share. main.c says how they work together; checks.c is the heart.
 *
 *   main.c       set-up, methods                      checks.c     when a check is tried, and what its result means
 *   services.c   which services there are             heartbeat.c  HEARTBEAT, and why there is none
 *   specs.c      what their specs say                 canary.c     was there a processor to be had?
 *   kept.c       the state region                     network.c    HTTP, TCP and webhooks
 *   judge.c      the status of a service              commands.c   COMMAND, beside a service
 *   trends.c     what grows                           calls.c      CALL
 *   alerts.c     raised, told once, silenced          extensions.c what services register and report
 *   sinks.c      where alerts are told                queries.c    methods that ask
 *   http.c breaker.c trend.c  pure                    changes.c    WATCH; events; the log
 *   metrics.c    counts, for who watches from outside   offers.c     what is registered is an extension
 *   settings.c   what can be configured
 *
 * One thread. What was seen lies in the state region (kept.c); the sinks are in a file; all else is learnt anew from the
 * registry, the boot specs and the kernel.
 */
#ifndef SERVERS_HEALTH_MONITOR_H
#define SERVERS_HEALTH_MONITOR_H

#include <stdbool.h>

#include "grove/grove.h"
#include "grove/health.h"
#include "servers/common/name_table.h"
#include "servers/health/breaker.h"
#include "servers/health/kept.h"

#define HEALTH_KERNEL_TIMEOUT_NS (2 * GROVE_SECOND)
#define HEALTH_TRIES_MAX 64u /* at a time */
#define HEALTH_PINGS_MAX 24u /* of these: the kernel keeps as many answers back for one container, and some more */

struct monitor;
struct watched;
struct try;

struct check {
    struct check *next; /* of its service */
    struct watched *watched;
    struct grove_health_plan plan;
    struct kept_check *kept; /* in the state region */
    bool is_extension;
    bool is_offered; /* told to the service of hooks (offers.c) */
    bool is_tried; /* by this instance of the service */
    bool is_wanted; /* by PROBE: whatever breaker and interval say */
    uint64_t due_ns;
    uint64_t asked_ns; /* REPORT: when it last said something, or registered */
    struct try *try; /* NULL: none is under way */
    uint32_t cause; /* enum grove_health_cause of the last try */
    uint32_t unsure; /* tries in a row that said neither */
    uint64_t latency_ns; /* of the last good try */
    struct grove_channel *channel; /* CALL; NULL until needed */
    char reason[GROVE_HEALTH_SENTENCE_BYTES];
};

/*
 * One try. It belongs to its kind, which ends it with try_end; a check that goes away meanwhile leaves it without a check.
 */
struct try {
    struct check *check; /* NULL: nobody waits any more */
    struct monitor *monitor;
    uint64_t started_ns;
    uint64_t answered_ns; /* HEARTBEAT: when the kernel had the answer; 0 not known */
    uint64_t processor_ns; /* HEARTBEAT: of the service, when it began */
    uint32_t generation;
    void *own; /* of its kind */
    struct try *next; /* canary.c: those that wait */
};

struct watched {
    struct watched *next; /* all */
    struct monitor *monitor;
    struct grove_name name;
    bool is_system; /* init sees to it, and not the registry */
    bool is_ready; /* when it was last looked at */
    bool is_frozen;
    bool is_spec_due; /* its spec is to be read again */
    grove_object_id container; /* 0: not known */
    uint32_t generation;
    uint64_t memory_bytes, memory_limit_bytes, processor_ns, processor_limit_ppm;
    enum watched_mark { WATCHED_MARK_UNKNOWN, WATCHED_UNMARKED, WATCHED_MARKED } mark; /* in the registry */
    uint32_t down; /* enum grove_health_status that the registry's state alone makes it */
    struct check *checks;
    uint32_t status, cause; /* as it was last told */
    uint64_t since_ns, sequence;
    char reason[GROVE_HEALTH_SENTENCE_BYTES];
    char down_reason[GROVE_HEALTH_SENTENCE_BYTES];
};

/* A request that is answered later. */
struct later {
    struct later *next;
    struct monitor *monitor;
    struct grove_request *request;
    struct grove_name name;
    uint64_t sequence;
    uint32_t timer;
};

/* What can be configured. */
struct health_settings {
    struct breaker_rules breaker;
    uint64_t tell_again_ns; /* an alert that goes on */
    uint64_t horizon_ns, urgent_ns; /* of trends */
    double growth; /* of memory without a limit: this part of it is announced */
    double errors; /* this part of all tries is too much */
};

struct monitor {
    struct grove_service *service;
    struct grove_session *session;
    struct health_settings settings;
    const char *boot_folder;
    int folder; /* state folder */
    struct grove_channel *registry;
    uint64_t registry_sequence;
    struct watched *first;
    struct name_table by_name;
    uint32_t tick_timer; /* 0 none */
    uint64_t tick_ns; /* when it is due; what is due by then is tried */
    unsigned looks; /* answers of the kernel that the tick waits for */
    uint32_t tries, pings;
    struct kept *kept;
    struct later *watches, *probes;
    bool is_tell_due;
};

/* ---- offers.c ---- */

/* A check that its service registered is found as an extension from now on, if there is room; no more. */
void offer_check(struct check *check);
void offer_withdraw(struct check *check);

/* ---- settings.c ---- */

void settings_begin(struct monitor *monitor, const char *folder); /* those that held last, or the usual ones */

/* ---- metrics.c ---- */

void metrics_serve(struct monitor *monitor, struct grove_service *service);

/* ---- services.c ---- */

int services_begin(struct monitor *monitor);
struct watched *services_find(struct monitor *monitor, const char *name);
/* Find or make. NULL without memory. */
struct watched *services_add(struct monitor *monitor, const char *name);
void services_remove(struct watched *watched);
/* Ask the kernel: instance, usage, limits. False if there is no such container any more; it is forgotten then. */
bool services_look(struct watched *watched);
/* The same about all that are wanted, without waiting for each: checks_try follows when the last has answered. */
void services_look_at(struct monitor *monitor, bool (*is_wanted)(const struct watched *watched));
/* Forget those of which only the registry said that they are down, and which are gone or well. */
void services_sweep(struct monitor *monitor);

/* ---- specs.c ---- */

/* Have the spec of a service read, and its checks taken from it. */
void specs_fetch(struct watched *watched);
/* All boot specs. */
void specs_load_boot(struct monitor *monitor);

/* ---- checks.c ---- */

struct check *check_add(struct watched *watched,
                        const struct grove_health_plan *plan); /* NULL without memory or room */
void check_remove(struct check *check);
struct check *check_find(const struct watched *watched, const char *name);
/* A new instance: what was seen of the one before says nothing about this one. */
void checks_new_instance(struct watched *watched);
/* Try it as soon as can be. */
void check_want(struct check *check);
/* Set the tick for the check that is due first. */
void checks_schedule(struct monitor *monitor);
/* Try what was due at the tick. */
void checks_try(struct monitor *monitor);
/* Wait a moment for so many who were asked at once, so that their answers are one wake-up and not one for each. */
void checks_gather(unsigned asked);
/* A result, with the sentence of a failure. Frees the try. */
void try_end(struct try *try, uint32_t cause, const char *sentence, ...) __attribute__((format(printf, 3, 4)));
/* The time is over for a result that a service should have reported itself. */
void check_result(struct check *check, uint32_t cause, uint64_t latency_ns, const char *sentence);
bool check_has_failed(const struct check *check);
/* Is it neither well nor failed (starved, frozen)? */
bool check_is_unsure(const struct check *check);

/* What a kind does. `start` begins a try and sees to it that it ends by the plan's timeout; negative: it ended already. */
struct check_kind {
    void (*start)(struct try *try);
};
void heartbeat_start(struct try *try);
void call_start(struct try *try);
void http_start(struct try *try);
void tcp_start(struct try *try);
void command_start(struct try *try);

/* ---- canary.c ---- */

/* End a try of a heartbeat as BLOCKED or STARVED, after seeing whether the processor was to be had. */
void canary_ask(struct try *try);

/* ---- network.c ---- */

/* POST a body to a webhook. `done` runs once: 0, or negative with a sentence. */
typedef void post_done(void *context, int status, const char *sentence);
int network_post(struct monitor *monitor, const char *url, const char *body, uint64_t timeout_ns, post_done *done,
                 void *context);

/* ---- commands.c ---- */

/* Run `command` and further words beside a service. `done` runs once, with a sentence on failure. */
typedef void command_done(void *context, int status, const char *sentence);
int command_run(struct monitor *monitor, const char *service, const char *command, const char *const *words,
                unsigned word_count, uint64_t timeout_ns, command_done *done, void *context);

/* ---- judge.c ---- */

/* Say what the checks of a service amount to, and tell if that has changed. */
void judge(struct watched *watched);
/* The status of one check. */
uint32_t judge_check(const struct check *check);

/* ---- trends.c ---- */

/* After a new sample of a check. */
void trends_look(struct check *check);

/* ---- alerts.c ---- */

/* `what` tells the alerts of one service apart. Raised again it is counted, and told again only if it is worse or an hour old. */
void alert_raise(struct monitor *monitor, const char *service, const char *what, uint32_t severity, uint32_t cause,
                 const char *text, ...) __attribute__((format(printf, 6, 7)));
void alert_end(struct monitor *monitor, const char *service, const char *what);
void alerts_end_all(struct monitor *monitor, const char *service);
/* The worst trend of a service that is announced; NULL none. */
const struct kept_alert *alerts_worst_trend(const struct monitor *monitor, const char *service);
unsigned alerts_count(const struct monitor *monitor, const char *service);
bool alerts_is_silenced(const struct monitor *monitor, const char *service);

/* ---- sinks.c ---- */

int sinks_open(struct monitor *monitor, const char *path);
void sinks_tell(struct monitor *monitor, const struct kept_alert *alert, bool is_over);
int sink_put(struct grove_request *request, void *monitor);
int sink_remove(struct grove_request *request, void *monitor);
int sinks_list(struct grove_request *request, void *monitor);

/* ---- changes.c ---- */

/* A service has another status: number it, tell who waits, emit health.changed. */
void change_tell(struct watched *watched);
/* Emit health.alert, and say it in the log. */
void change_alert(struct monitor *monitor, const struct kept_alert *alert, bool is_over);
/* Have the registry know of a service that runs whether it is as it should be (its state degraded). */
void change_mark(struct watched *watched);
int change_watch(struct grove_request *request, void *monitor);

/* ---- extensions.c ---- */

/* Take up what services registered with an earlier instance of this program. */
void extensions_recall(struct monitor *monitor);
/* Mark a check as one that this instance of its service registered. */
void extension_mark(struct check *check);
int extension_register(struct grove_request *request, void *monitor);
int extension_report(struct grove_request *request, void *monitor);

/* ---- queries.c ---- */

/* Read a request's structure into `copy`, checking size and version; answers with an error if it does not fit. */
int query_copy(struct grove_request *request, void *copy, size_t bytes);
bool query_may_change(struct grove_request *request, const char *what);
void query_fill(const struct watched *watched, struct grove_health_record *record);
void query_head(const struct monitor *monitor, struct grove_health_page *page);
int query_records(struct grove_request *request, void *monitor);
int query_checks(struct grove_request *request, void *monitor);
int query_history(struct grove_request *request, void *monitor);
int query_probe(struct grove_request *request, void *monitor);
int query_alerts(struct grove_request *request, void *monitor);
int query_silence(struct grove_request *request, void *monitor);
int query_silences(struct grove_request *request, void *monitor);
/* A try has ended: answer the PROBEs for which nothing is left to wait for. */
void query_probed(struct monitor *monitor);
struct later *later_add(struct monitor *monitor, struct later **list, struct grove_request *request);
void later_done(struct later **link);

#endif
