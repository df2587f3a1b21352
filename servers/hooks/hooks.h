/*
 * What the parts of the service of hooks share.
 *
 *   main.c        set-up, and which method is where     table.c       what is set, in the state region
 *   set.c         SET, CLEAR, LIST                      run.c         one question: hook after hook
 *   owners.c      who has points, and what they know    extensions.c  what services add to the system
 *   answer.c      what a hook answered; patterns
 */
#ifndef SERVERS_HOOKS_HOOKS_H
#define SERVERS_HOOKS_HOOKS_H

#include "grove/hooks.h"

/* One hook as it outlives an instance. `order` is stored last when it is set, and first (0) when it is cleared. */
struct hook_slot {
    uint64_t order; /* grows with each set; 0: free. An order is never used twice */
    struct grove_hooks_set hook;
    struct grove_name owner;
};
struct extension_slot {
    uint64_t order; /* as above */
    struct grove_extension extension;
};

#define HOOKS_STATE_MAGIC 0x4b4f4f48u /* "HOOK" */
#define HOOKS_STATE_VERSION 1u
struct hooks_state {
    uint32_t magic, version;
    uint64_t next_order;
    uint32_t hook_count, extension_count; /* slots that were ever used: what is behind them is never looked at */
    struct hook_slot hooks[GROVE_HOOKS_MAX];
    struct extension_slot extensions[GROVE_EXTENSIONS_MAX];
};

/* What is known of a hook while this instance lives; same index as its slot. */
struct hook_facts {
    struct grove_channel *channel; /* to its endpoint; NULL until it is asked first */
    unsigned users; /* questions that are with it */
    uint64_t order; /* of the slot that these are about */
    uint64_t runs, changes, vetoes, failures, longest_ns, paused_until_ns;
    unsigned failures_in_a_row;
    char last_failure[GROVE_HOOK_REASON_MAX + 1], last_veto[GROVE_HOOK_REASON_MAX + 1];
};

struct question; /* run.c */
struct owner; /* owners.c */
struct setting;

struct hooks {
    struct grove_service *service;
    struct grove_session *session;
    struct hooks_state *state;
    struct hook_facts facts[GROVE_HOOKS_MAX];
    struct {
        uint64_t asked, vetoes, failures;
    } counts[GROVE_HOOK_POINTS];
    uint32_t mask;
    uint64_t sequence; /* of the mask: grows from instance to instance */
    struct owner *owners;
    struct setting *settings;
    uint32_t pause_timer; /* 0 none */
};

/* ---- table.c ---- */

int table_open(struct hooks *hooks);
/* Take the order of a new slot. */
uint64_t table_next_order(struct hooks *hooks);
struct hook_slot *table_free_hook(struct hooks *hooks); /* NULL: all are used */
/* Which hooks are in use and not left out: the mask is brought up to date, and whoever has points is told. */
void table_changed(struct hooks *hooks);
/*
 * The hook of a point that comes after (priority, order), or the first: the lowest priority, then the lowest order. NULL:
 * there is none. Left out are those that are paused, whose pattern does not match, and those of `subject` itself at the
 * points of a start, which cannot answer.
 */
struct hook_slot *table_next(struct hooks *hooks, uint32_t point, const char *subject, const char *who,
                             const struct hook_slot *after);
struct hook_facts *table_facts(struct hooks *hooks, const struct hook_slot *slot);
void table_forget(struct hooks *hooks, struct hook_slot *slot); /* free it */

/* ---- methods ---- */

int set_hook(struct grove_request *request, void *hooks);
int clear_hook(struct grove_request *request, void *hooks);
int list_hooks(struct grove_request *request, void *hooks);
int run_hooks(struct grove_request *request, void *hooks);
int table_wait(struct grove_request *request, void *hooks);
int extension_add(struct grove_request *request, void *hooks);
int extension_remove(struct grove_request *request, void *hooks);
int extension_list(struct grove_request *request, void *hooks);

/* Copy and check the head of a request, whose first field is its version; fails it otherwise. */
int request_read(struct grove_request *request, void *head, size_t bytes);
/* May the client speak for that endpoint? Fails the request otherwise. */
int request_owns(struct grove_request *request, const struct grove_name *endpoint);

/* ---- metrics.c ---- */

void metrics_serve(struct hooks *hooks, struct grove_service *service);

/* ---- owners.c ---- */

/* Answer `request`, which is deferred, when everybody who has points knows the mask of now, or a second later. */
int owners_then_answer(struct hooks *hooks, struct grove_request *request);
void owners_tell(struct hooks *hooks);

#endif
