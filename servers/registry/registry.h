/*
 * What the parts of the registry share. main.c says how they work together; life.c is the heart.
 *
 *   main.c      set-up, methods, notices          life.c       states by events
 *   methods.c   what changes something            order.c      starting and stopping in order
 *   register.c  services and projects come in     commits.c    answered when it is on the disk
 *   queries.c   what only asks                    readiness.c  when is it ready
 *   store.c     one durable file per service      history.c    failures, in the state region
 *   files.c     files that show their damage      projects.c   budgets of projects
 *   recovery.c  who else decides about failures   beside.c     programs beside a service
 *   recover.c   after a death of this process, or of the kernel
 *   index.c     sets of records, for find.c       select.c     whom an action is about; stop.c
 *   judge.c     ready or degraded                 announce.c   events on the bus
 *   system.c    the system services, by init's word        admission.c   what the machine can give
 *   metrics.c   counts, for who watches from outside
 *
 * One thread. All of it is rebuilt by recover.c from three sources that survive this process: the files (what is
 * registered and wanted), the kernel's table (what runs), the state region (what failed, and how often).
 */
#ifndef SERVERS_REGISTRY_REGISTRY_H
#define SERVERS_REGISTRY_REGISTRY_H

#include <stdbool.h>

#include "grove/grove.h"
#include "servers/common/backoff.h"
#include "servers/common/name_table.h"
#include "servers/registry/graph.h"
#include "servers/registry/index.h"
#include "servers/registry/protocol.h"

#define REGISTRY_EXIT_CAUSES 8u /* enum grove_exit_cause */
#define REGISTRY_SERVICES_MAX 16384u
#define REGISTRY_KERNEL_TIMEOUT_NS (5 * GROVE_SECOND)

struct beside;
struct history_slot;
struct project;
struct registry;

enum admission {
    ADMISSION_NONE, /* not asked for yet */
    ADMISSION_ASKED,
    ADMISSION_GRANTED, /* until it comes to rest */
    ADMISSION_REFUSED /* the record's reason says why */
};

struct record {
    struct graph_node node; /* first: a node is its record; node.spec is the spec, malloc'ed */
    struct registry *registry;
    const char *name, *project; /* in the spec */
    struct grove_name owner; /* who registered it; durable */
    uint64_t number; /* grows with each registration: the cursor of QUERY */
    enum registry_state state;
    enum registry_state told_state; /* the one that index and bus know */
    uint32_t selected; /* the number of the selection it is in */
    enum admission admission;
    bool is_throttled; /* it has less processor time than its spec says */
    bool is_frozen; /* the kernel keeps it from running */
    bool is_wanted; /* durable: comes back with the system */
    bool is_dirty; /* the durable file lags behind */
    bool is_prepared; /* what is to be written lies beside its place already */
    bool is_done; /* a task that has ended well */
    bool is_stop_due; /* to be stopped when nothing that requires it runs any more */
    bool is_stop_handed_on; /* in a stop without running: what it requires waits for those that require it */
    bool is_start_due; /* to be started again when it has ended */
    bool is_probed; /* its probe succeeded, or it needs none */
    bool is_waiting; /* on the waiting list */
    bool is_checked, is_recovered; /* its spec has health checks; says how it is recovered */
    bool is_undecided; /* failed, and somebody is asked what to do */
    bool is_chosen; /* order.c: restarted together with another */
    uint64_t failure; /* number, while undecided */
    struct registry_recover *decision; /* to be carried out when the instance has ended; malloc'ed, NULL none */
    enum { HOOKS_NOT_ASKED, HOOKS_ASKED, HOOKS_AGREE } hook_state; /* about its start */
    uint32_t stop_blockers;
    grove_handle container;
    grove_object_id container_id;
    uint32_t generation, exit_cause, layer;
    int32_t exit_detail;
    uint64_t since_ns, asked_ns, started_ns, ready_ns, restart_due_ns;
    uint64_t sequence;
    char *reason; /* malloc'ed; NULL none */
    struct history_slot *history;
    uint32_t timer; /* of the state; 0 none */
    struct {
        uint32_t timer;
        int descriptor; /* PORT: the connection being tried; -1 none */
        grove_handle container; /* COMMAND */
    } probe;
    struct record *previous, *next; /* all, by number */
    struct record *changed_previous, *changed_next; /* all, by sequence */
    struct record *waiting_previous, *waiting_next;
    struct record *dirty_next;
};

/* A request that is answered later: when its change is durable, when all of it has stopped, when something has changed. */
struct later {
    struct later *next;
    struct grove_request *request;
    struct registry *registry;
    struct grove_name service, project;
    uint64_t sequence; /* WATCH */
    bool is_tree;
    uint32_t count; /* what to answer */
    uint32_t timer; /* WATCH; 0 none */
};

struct registry {
    struct grove_service *service;
    struct grove_session *session;
    struct grove_channel *log;
    struct name_table by_name, by_endpoint;
    struct record_index index;
    struct record *first, *last;
    struct record *changed_first, *changed_last;
    struct record *waiting_first;
    struct record *dirty_first;
    struct later *watches, *stops, *commits, *deciders;
    struct beside *besides;
    uint64_t next_failure, begun_ns;
    struct project *projects;
    uint32_t count;
    uint64_t next_number, sequence;
    uint64_t restarts[REGISTRY_EXIT_CAUSES]; /* of this instance, by how the one before had ended */
    int folder; /* descriptor of the state folder */
    struct backoff_bounds bounds; /* of delays before restarts; configured */
    uint32_t selections; /* made so far */
    bool is_recovering; /* what is found is no news */
    bool is_commit_due, is_tell_due, is_shutting_down, is_checking, is_check_due;
    bool is_folder_dirty; /* a file was removed and the folder not yet synchronised */
};

/* ---- records.c: being registered ---- */

/*
 * Take over a checked spec: container, endpoints, tables. `found`: its container from an earlier instance of this
 * program; NULL: make one. On failure the spec stays the caller's, and `problem` says why.
 */
int record_create(struct registry *registry, struct grove_spec *spec, const struct grove_name *owner,
                  const struct grove_container_entry *found, struct record **record, char *problem,
                  size_t problem_bytes);
/* Forget it, with its container, endpoints and channels. Its durable file is the caller's business. */
void record_destroy(struct record *record);
struct record *record_find(struct registry *registry, const char *name);
/* Make its container, with its endpoints. On failure `problem` says why. */
int record_contain(struct record *record, char *problem, size_t problem_bytes);
/* A new state is known from here on: order of changes, watchers. */
void record_changed(struct record *record);
void record_say(struct record *record, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool record_is_running(const struct record *record);
/* It answers when it is called, or will when it is resumed. */
bool record_serves(const struct record *record);
/* Does the service or the project of a target (or the empty one) mean this record? */
bool record_is_meant(const struct record *record, const struct grove_name *service, const struct grove_name *project);
static inline struct record *record_of(struct graph_node *node) {
    return (struct record *)(void *)node;
}

/* ---- metrics.c ---- */

void metrics_serve(struct registry *registry, struct grove_service *service);

/* ---- life.c ---- */

enum life_event {
    LIFE_WANT, /* it shall run */
    LIFE_UNWANT, /* it shall not */
    LIFE_PROVIDED, /* all it requires is ready */
    LIFE_LACKING, /* what it requires will not be ready; the record's reason says what */
    LIFE_READY,
    LIFE_ENDED, /* exit_cause, exit_detail and layer are set */
    LIFE_LATE, /* the timer of the state ran out */
    LIFE_IMPAIRED, /* it serves, but not as it should; the record's reason says why */
    LIFE_MENDED, /* it does again */
    LIFE_QUIESCED, /* it takes no new work */
    LIFE_RESUMED, /* it does again */
    LIFE_DECIDED, /* the record's decision says what is done about its failure */
    LIFE_REFUSED, /* a hook does not want it to start; the record's reason says which, and why */
    LIFE_EVENTS,
};
void life_event(struct record *record, enum life_event event);
/* A state found in the kernel by recover.c. */
void life_adopt(struct record *record, const struct grove_container_record *found);

/* ---- points.c ---- */

void points_open(struct registry *registry); /* there may be a service of hooks now */
/* True: hooks are asked whether it may start; it is tried again, or refused, when they have answered. */
bool points_hold_start(struct record *record);
void points_started(const struct record *record);
/* True: hooks are asked, the request is deferred, and the spec is taken over. */
bool points_hold_load(struct registry *registry, struct grove_request *request, struct grove_spec *spec,
                      const struct grove_name *owner);
void points_loaded(const char *name);
/* True: registrations are held, and this request is deferred until they are not. `handler` answers with commit_then_answer. */
bool points_hold_change(struct grove_request *request, grove_handler *handler);
/* register.c: what nobody has anything against. Takes the spec over. Negative: failed, and said so. */
int register_checked(struct registry *registry, struct grove_request *request, struct grove_spec *spec,
                     const struct grove_name *owner);

/* ---- select.c ---- */

/* Services that an action is about, each once. */
struct selection {
    struct record **records; /* malloc'ed */
    uint32_t count;
    struct record *named; /* the one that was named; NULL: a project, or everything */
};
/*
 * A service, a project (and those below it) or everything; `is_tree`: and all that requires one of them, directly or not.
 * GROVE_NO_MEMORY. End it with selection_deinit.
 */
int select_records(struct registry *registry, const struct grove_name *service, const struct grove_name *project,
                   bool is_tree, struct selection *selection);
/*
 * This record, which is the named one, and all that requires it, directly or not; `with_required`: also what it requires, and
 * what requires that. GROVE_NO_MEMORY.
 */
int select_around(struct record *record, bool with_required, struct selection *selection);
void selection_deinit(struct selection *selection);

/* ---- order.c ---- */

struct graph_node *order_provider(const char *endpoint, struct grove_version *version, void *registry);
/* Want these and all they require; those named become wanted durably. 0 or why not, with nothing changed. */
int order_start(struct registry *registry, const struct selection *selection, uint32_t *count, char *problem,
                size_t problem_bytes);
enum order_need { ORDER_MET, ORDER_OPEN, ORDER_LACKING };
/* How requirement `index` of a record stands; *provider is who serves it, NULL if nobody or a system service. */
enum order_need order_need(struct record *record, uint32_t index, struct record **provider);
/* Want one for this run only: it was connected to. */
void order_activate(struct record *record, const char *client);
/* A record came into a state in which others may go on. */
void order_settled(struct record *record);
void order_check(struct record *record);
void order_wait(struct record *record);
void order_wait_no_more(struct record *record);
void order_recheck_all(struct registry *registry);

/* ---- stop.c ---- */

/* Stop in reverse order. `is_final`: keep what is wanted, for the next boot. `is_restart`: start each when it has ended. */
void stop_selected(const struct selection *selection, bool is_final, bool is_restart);
/* The same for what runs of it, the named one excepted, to be started again; the others only stand between. */
void stop_running(const struct selection *selection);
/* A record has come to rest: those that waited with their stop for it may stop. */
void stop_progressed(struct record *record);

/* ---- judge.c ---- */

/* Is it as it should be? Of one that runs; changes ready to degraded and back. */
void judge(struct record *record);
/* The same for all that require what this spec provides. */
void judge_requirers(struct registry *registry, const struct grove_spec *spec);
int judge_mark(struct grove_request *request, void *context);

/* ---- announce.c ---- */

/* What the bus is told. Never waits; what was lost is counted, and said with the next event. */
void announce_state(const struct record *record, enum registry_state before);
void announce_registered(const struct record *record, bool is_new);
void announce_unregistered(const char *name);
/* A client wanted to change this, or to register it, and may not. */
void announce_denied(const char *client, const char *service, const char *reason);
/* This process is new, and may have died between a change and its event. */
void announce_gap(void);

/* ---- find.c ---- */

int find_records(struct grove_request *request, void *context);

/* ---- admission.c ---- */

/* May it start? Asks, if that has not been done; the answer has the record checked again. Never waits. */
enum admission admission_of(struct record *record);
/* It has come to rest: what it was promised is free for others. */
void admission_release(struct record *record);
/* A limit of it is near or in the way. */
void admission_warned(const struct record *record, const struct grove_notice_budget *warning);
void admission_unthrottle(struct record *record);
int admission_throttle(struct grove_request *request, void *context);

/* ---- readiness.c ---- */

void readiness_begin(struct record *record);
void readiness_end(struct record *record);
/* A notice about a container that is no service: a probe, perhaps. */
void readiness_notice(struct registry *registry, const struct grove_notice_container *notice);

/* ---- recovery.c ---- */

/* Is there somebody who decides about this failure? Then it is asked; the answer comes as LIFE_DECIDED, or not in time. */
bool recovery_ask(struct record *record);
/* Restart what runs of what select_around says, in order; the record itself is not running, and the caller's business. */
void recovery_restart_around(struct record *record, bool with_required);
int recovery_failures(struct grove_request *request, void *registry);
int recovery_recover(struct grove_request *request, void *registry);

/* ---- beside.c ---- */

int beside_run(struct grove_request *request, void *registry);
/* False: the notice is about no container of beside.c. */
bool beside_notice(struct registry *registry, const struct grove_notice_container *notice);
/* The service is gone: end what runs beside it. */
void beside_end(struct registry *registry, const char *service);

/* ---- store.c ---- */

int store_open(struct registry *registry, const char *path);
/* Write the file beside its place. What fails for want of room or rights fails here, before anything has changed. */
int store_prepare(struct registry *registry, const struct grove_spec *spec, const struct grove_name *owner,
                  bool is_wanted);
/* Make it durable and put it in its place. */
int store_commit(struct registry *registry, const char *name);
void store_discard(struct registry *registry, const char *name);
int store_remove(struct registry *registry, const char *name);
int store_synchronise(struct registry *registry);
/* Each intact file, in no order; damaged ones are put aside. The handler takes the spec over; what it returns below 0
 * ends the reading and is returned. */
typedef int store_handler(struct registry *registry, struct grove_spec *spec, const struct grove_name *owner,
                          bool is_wanted);
int store_load(struct registry *registry, store_handler *handler);
/* Mark the record's file as lagging behind; written with the next commit. */
void store_later(struct record *record);
void store_forget(struct record *record);

/* ---- projects.c ---- */

/*
 * Give a project this budget; one that has none and is not known stays unknown. *is_new: it was made, and containers of
 * its services that are there already are not in it. Durable with the next commit. On failure `problem` says why.
 */
int project_put(struct registry *registry, const struct grove_name *name, const struct grove_budget *budget,
                bool *is_new, char *problem, size_t problem_bytes);
/* Forget the project and those below it. */
void project_remove(struct registry *registry, const struct grove_name *target);
int project_commit(struct registry *registry, char *failed, size_t failed_bytes);
int project_load(struct registry *registry);
/* Make a container in the project of its spec, with all its endpoints (GROVE_EXISTS: one of the names is taken) or none. */
int project_create_container(struct registry *registry, const struct grove_spec *spec, bool with_endpoints,
                             struct grove_container_reply *made, char *problem, size_t problem_bytes);
/* The sentence for a refusal because of a budget; empty for any other reply. */
void project_explain(const struct grove_message *reply, char *text, size_t text_bytes);
/* Is a project the target, or below it? The empty target is everything. */
bool project_name_is_inside(const char *name, const char *target);

/* ---- history.c ---- */

void history_open(struct registry *registry);
void history_bind(struct record *record); /* find the slot of its container, or take a free one */
void history_release(struct record *record);
struct backoff *history_backoff(struct record *record);
uint32_t history_restarts(const struct record *record);
bool *history_is_active(struct record *record); /* somebody wants it to run */
/* What a restart of this process must know of the record. */
void history_note(struct record *record);
void history_recall(struct record *record, bool *is_given_up, uint64_t *restart_due_ns);
/* What somebody found wrong with its running instance: REGISTRY_MARK_BYTES of text, empty if nothing. */
char *history_mark(struct record *record);

/* Of the start of the system, not of this instance. */
struct history_system {
    bool is_up; /* user services may start */
    bool is_at_rest; /* they have come to rest, and init was told */
};
struct history_system *history_system(void);

/* ---- system.c ---- */

/* Wait for init's word that the system services are up, unless it was said in this start of the system. */
void system_expect(struct registry *registry);
bool system_is_up(void);
const char *system_holder(void); /* whom user services wait for */
/* An endpoint of a system service; NULL if there is none of that name, or nothing is known. */
const struct registry_system_interface *system_find(const char *endpoint);
bool system_is_known(void);
/* Is there such an endpoint, and in which version? Asked of the kernel while init has not said anything. */
bool system_provides(struct registry *registry, const char *endpoint, struct grove_version *version);
int system_changed(struct grove_request *request, void *context);
/* Something may have been the last that was on its way: see soon, and tell init. */
void system_look_for_rest(struct registry *registry);

/* ---- commits.c ---- */

/* Keep the request for later and link it into `list`. NULL (and the request is answered) without memory. */
struct later *later_add(struct registry *registry, struct later **list, struct grove_request *request);
/* The request was answered: let go of it. `link` points to it in its list. */
void later_done(struct later **link);
/* Write what has changed, shortly. */
void commit_soon(struct registry *registry);
/* Answer with how many services a request has changed: now, or when the change is on the disk. */
int commit_answer(struct registry *registry, struct grove_request *request, uint32_t count);
int commit_then_answer(struct registry *registry, struct grove_request *request, uint32_t count);

/* ---- register.c ---- */

int register_service(struct grove_request *request, void *context);
int register_project(struct grove_request *request, void *context);

/* ---- methods.c, queries.c ---- */

struct method {
    uint32_t number;
    grove_handler *handler;
};
extern const struct method registry_methods[];
extern const unsigned registry_method_count;
/* Read a request's structure into `copy`, checking size and version; answers with an error if it does not fit. */
int method_read(struct grove_request *request, void *copy, size_t bytes);
/* May the client of a request start and stop the target? Answers with the refusal if not. */
int method_check_right(struct grove_request *request, struct registry *registry, const struct registry_target *target);
int method_target(struct grove_request *request, struct registry_target *target);
void method_stop_progressed(struct registry *registry);
int query_records(struct grove_request *request, void *context);
int query_status(struct grove_request *request, void *context);
int query_watch(struct grove_request *request, void *context);
int query_spec(struct grove_request *request, void *context);
void query_changed(struct registry *registry);
void query_fill(const struct record *record, struct registry_record *out);

/* ---- recover.c ---- */

int recover(struct registry *registry);

/* ---- main.c ---- */

void log_attach(struct registry *registry, const char *name);

#endif
