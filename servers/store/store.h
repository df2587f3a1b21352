/*
 * The store as a service: what waits for it, and for whom. Open main.c first.
 *
 *     methods.c    requests off the wire, rights         commits.c   the queue, batches, group commit
 *     reads.c      get and scan                          syncer.c    the thread that waits for the disk
 *     changes.c    the last changes, and who watches     notes.c     which commits were applied: once and not twice
 *     snapshots.c  views with an end                     spaces.c    what is done to namespaces
 *     copies.c     backup and restore                    maps.c      read-only maps
 *     access.c     who may                               remote.c    namespaces that a service keeps
 *     sharing.c    what owners share                     events.c    what the bus is told
 *     points.c     hooks before reads and writes         shown.c     hooks after reads
 *     again.c      requests that are handled again       subject.c   what hooks are shown of a key
 *
 * The run loop's thread does all but synchronising (syncer.c), and copying for a backup (copies.c).
 */
#ifndef SERVERS_STORE_STORE_H
#define SERVERS_STORE_STORE_H

#include "grove/hooks.h"
#include "servers/store/again.h"
#include "servers/store/engine.h"
#include "servers/store/notes.h"
#include "servers/store/syncer.h"

#define KERNEL_TIMEOUT_NS (5 * GROVE_SECOND)
#define SNAPSHOTS_MAX 8u
#define CHANGES_KEPT 1024u /* power of two */
#define WATCHERS_MAX 1024u
#define QUEUE_MAX 512u /* transactions in a batch */
#define QUEUE_BYTES_MAX (8u << 20)
#define PAGE_BYTES (48u << 10) /* of a reply with many records: less than a lane holds */

struct store;
struct pending;

/*
 * Something that waits for its turn in a batch: a transaction, or an action on the catalog. `act` changes things as part
 * of the batch; `done` runs when that is on the disk (or is not to be), and answers. Returning less than 0 from `act`, with the
 * sentence filled, refuses this one.
 */
struct pending {
    struct pending *next;
    struct store *store;
    struct grove_request *request; /* NULL: the store's own */
    int (*act)(struct pending *pending);
    void (*done)(struct pending *pending); /* NULL: answers with `outcome`, or the failure */
    struct transaction *transaction;
    struct namespace *space; /* of an action */
    void *detail; /* an action's own; freed with it */
    struct grove_store_outcome outcome;
    struct note *note;
    int status;
    char own[GROVE_NAME_MAX + 1]; /* the client's own namespace */
    char sentence[ENGINE_SENTENCE_BYTES];
};

struct change {
    uint64_t revision;
    uint32_t namespace;
    bool is_deleted;
    uint8_t key_bytes;
    uint8_t key[];
};

struct watcher {
    struct watcher *next;
    struct store *store;
    struct grove_request *request;
    uint32_t timer, namespace;
    char name[GROVE_NAME_MAX + 1];
    uint64_t since;
    uint8_t prefix_bytes;
    uint8_t prefix[255];
};

struct snapshot {
    struct store *store;
    uint64_t id; /* 0: free */
    uint64_t revision;
    grove_object_id client;
    uint32_t timer;
    struct provider_view *views[2]; /* sqlite, memory */
};

/* A request to be handled again when all that was committed is on the disk. */
struct waiting_read {
    struct waiting_read *next;
    struct message_copy *copy; /* if the hooks have looked at it */
    struct grove_request *request;
    grove_handler *handler;
};

struct share {
    struct share *next;
    char name[GROVE_NAME_MAX + 1];
    struct grove_capability with; /* only its argument: a pattern */
    char with_text[GROVE_NAME_MAX + 1];
    uint32_t rights;
    uint8_t prefix_bytes;
    uint8_t prefix[255];
};

struct rotation {
    struct rotation *next;
    struct store *store;
    char name[GROVE_NAME_MAX + 1];
    struct rotate_cursor cursor;
    bool is_done;
};

struct store {
    struct grove_service *service;
    struct grove_session *session;
    struct engine engine;
    const char *folder, *master;
    int folder_descriptor;
    /* commits.c */
    struct pending *queue, **queue_tail; /* to be applied */
    unsigned queue_count;
    size_t queue_bytes;
    struct pending *unsynced; /* applied and committed, waiting for the disk */
    uint64_t durable; /* all up to this transaction is on the disk */
    uint64_t syncing; /* what will be when the synchronisation under way is done */
    bool is_syncing;
    uint64_t read_ns; /* when something was last read */
    struct syncer syncer;
    struct notes notes;
    /* reads.c */
    struct waiting_read *reads;
    /* changes.c */
    struct change *changes[CHANGES_KEPT]; /* by number */
    uint64_t change_count, change_mark; /* noted; of them before the batch under way */
    uint64_t changes_shown, changes_told; /* of them in the maps, and to the bus */
    struct shown *maps; /* maps.c */
    uint64_t changes_from; /* changes up to this transaction may be missing */
    struct watcher *watchers;
    unsigned watcher_count;
    /* snapshots.c */
    struct snapshot snapshots[SNAPSHOTS_MAX];
    uint64_t snapshot_count;
    /* spaces.c, access.c */
    struct share *shares;
    struct rotation *rotations;
    uint32_t expiry_timer;
    uint64_t expiry_ms; /* when it is due; UINT64_MAX: it is not set */
    struct copies *copies;
    struct name_table writers; /* declared.c */
    struct grove_channel *registry;
    struct remote *remotes; /* remote.c */
    struct counting *countings; /* counted.c */
    uint64_t batches, commits, failures; /* of this instance, for metrics.c */
    /* points.c */
    struct grove_hooks *hooks; /* NULL: there is no service of hooks */
    struct held_commit *held, **held_tail; /* commits that hooks are asked about, in the order of their arrival */
    size_t held_bytes;
};

/* ---- metrics.c ---- */

void metrics_serve(struct store *store, struct grove_service *service);

/* ---- methods.c ---- */

struct store_method {
    uint32_t number;
    grove_handler *handler; /* its context is the struct store */
};
extern const struct store_method store_methods[];
extern const unsigned store_method_count;
/* Copy a fixed structure off the front, and check its version. Otherwise answers, and returns the failure. */
int take_head(struct grove_request *request, void *head, size_t head_bytes);
/* `name` empty: the client's own. Answers on failure: a bad name, or a shell without one. */
int take_name(struct grove_request *request, const char *text, size_t bytes, struct grove_name *name);
/* Reply with so many bytes, lent if they are many. */
int reply_bytes(struct grove_request *request, const void *data, size_t bytes);

/* ---- access.c ---- */

enum access { ACCESS_READ, ACCESS_WRITE };
/* 0, or the request is answered with a refusal. `key` NULL: all keys; `name` NULL: all namespaces. */
int access_check(struct store *store, struct grove_request *request, const char *name, enum access access,
                 const uint8_t *key, uint8_t key_bytes);
/* Owning a namespace: being named like it, or like what stands before it. */
bool access_owns(const struct grove_request *request, const char *name);
/* May the client administer the namespace: it owns it, is a system service, or holds PROC_CONTROL over it. */
int access_administer(struct store *store, struct grove_request *request, const char *name);
int shares_load(struct store *store);
int shares_change(struct store *store, const struct catalog_share *changed); /* after it was committed */
void shares_forget(struct store *store, const char *name); /* all of a namespace */

/* ---- commits.c ---- */

int commits_open(struct store *store);
/* Answers, now or later. */
int on_commit(struct grove_request *request, void *context);
/* A commit that nothing holds back any more. Answers, now or later; takes the transaction. */
int commit_go_on(struct store *store, struct grove_request *request, struct pending *pending);
/* Take a new pending into the queue; its request (if any) is deferred. It answers itself on failure. */
int pending_add(struct store *store, struct grove_request *request, const struct pending *made);
/* The same for a request that was deferred before; finishes it on failure. */
int pending_add_deferred(struct store *store, struct grove_request *request, const struct pending *made);
/* If the synchronisation under way is over, say so to who waits. */
void commits_poll(struct store *store);

/* ---- reads.c ---- */

int on_get(struct grove_request *request, void *context);
int on_scan(struct grove_request *request, void *context);
/* If `revision` is not on the disk yet the request is kept for later: true. */
bool read_waits(struct store *store, struct grove_request *request, uint64_t revision, grove_handler *handler);
void reads_again(struct store *store);

/* ---- changes.c ---- */

void changes_open(struct store *store);
void changes_rolled_back(struct store *store);
void changes_durable(struct store *store); /* tell who watches */
int on_watch(struct grove_request *request, void *context);

/* ---- snapshots.c ---- */

int on_snapshot(struct grove_request *request, void *context);
int on_snapshot_end(struct grove_request *request, void *context);
/* The view for a namespace's provider. GROVE_STALE_HANDLE: it has ended; answers. */
int snapshot_view(struct store *store, struct grove_request *request, uint64_t id, const struct namespace *space,
                  struct provider_view **view, uint64_t *revision);

/* ---- spaces.c ---- */

int on_namespaces(struct grove_request *request, void *context);
int on_configure(struct grove_request *request, void *context);
int on_drop(struct grove_request *request, void *context);
int on_rotate(struct grove_request *request, void *context);
/* Queue an action with a copy of its detail. */
int spaces_act(struct store *store, struct grove_request *request, const void *detail, size_t bytes,
               int (*act)(struct pending *), void (*done)(struct pending *));
/* Set quotas and flags, as part of the next batch. */
int spaces_configure(struct store *store, const struct grove_store_namespace_request *wanted);
/* sharing.c */
int on_share(struct grove_request *request, void *context);
int on_shares(struct grove_request *request, void *context);
/* Go on with what an earlier instance began: rotations, and ends of lifetimes. */
void spaces_resume(struct store *store);
/* A lifetime that ends then was set. */
void expiry_note(struct store *store, uint64_t ends_ms);

#endif
