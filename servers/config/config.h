/*
 * The configuration service, as its parts share it.
 *
 *     files (inotify) --> files.c --+                                     +--> maps.c: what services read
 *     requests ---------> orders.c -+--> change.c --> votes.c --> commit.c +--> watches.c: who is told
 *                                   |        |                            +--> state.c: the disk
 *                                   |    lookups.c: schemas, from the registry and the boot specs
 *     requests ---------> queries.c-+
 *     the store --------> stored.c -+--> change.c
 *
 * One change at a time: it is checked as a whole, then those who validate are asked, then it is written, then it is seen.
 * The disk comes first: what is shown to anybody is there after a crash. Until then nothing is changed anywhere.
 *
 * One thread in libgrove's run loop. A request that was not answered when this process dies is delivered again; a change
 * that was written by then is found in the history by its sender and number, and only answered.
 */
#ifndef SERVERS_CONFIG_CONFIG_H
#define SERVERS_CONFIG_CONFIG_H

#include "grove/config_wire.h"
#include "lib/config/settings.h"
#include "lib/map/map.h"

#define CONFIG_KERNEL_TIMEOUT_NS (5 * GROVE_SECOND)
#define CONFIG_REGISTRY_TIMEOUT_NS (8 * GROVE_SECOND)
#define CONFIG_VOTE_NS (2 * GROVE_SECOND)

/* ---- bounds ---- */

#define SOURCES_MAX 256u
#define SOURCE_NAME_BYTES 128u
#define INVOLVED_MAX 256u /* services of one change */
#define ENTRIES_MAX 1024u /* keys of one change */
#define CHANGES_MAX 64u /* that wait */
#define HISTORY_MAX 256u
#define MAPS_MAX 1000u /* a container has 1024 regions at most */
#define WATCHERS_MAX 4096u
#define VOTERS_MAX 64u
#define STATE_BYTES_MAX (16u << 20)
#define PROBLEM_BYTES GROVE_CONFIG_PROBLEM_BYTES

/* ---- sources and history: state.c ---- */

/* Of one kind and name. Kinds: PROJECT (named after the project), FILE (after the file), STORE and SET (one each, without
 * a name). */
struct source {
    uint32_t kind; /* enum grove_config_source */
    char name[SOURCE_NAME_BYTES];
    struct settings settings;
};

struct config_entry {
    struct grove_name service;
    char key[GROVE_CONFIG_KEY_MAX + 1];
    uint32_t kind; /* type and bits; 0 in records of the history */
    bool is_secret, is_restart;
    bool has_before, has_after;
    struct config_text before, after; /* malloc'ed */
};

struct record {
    uint64_t number, time_ns;
    uint32_t source, silent;
    struct grove_name who;
    char why[GROVE_CONFIG_WHY_BYTES];
    uint64_t client; /* who sent the request, and which, to know it again */
    uint64_t request;
    struct config_entry *entries;
    uint32_t count;
};

/* All that outlives this process, in one file. */
struct state {
    struct source *sources[SOURCES_MAX]; /* the weakest first */
    uint32_t source_count;
    struct record *history[HISTORY_MAX]; /* the oldest first */
    uint32_t history_count;
    uint64_t number; /* of the newest change */
    struct grove_name restarts[INVOLVED_MAX]; /* that were decided and not asked for yet */
    uint32_t restart_count;
};

void entry_deinit(struct config_entry *entry);
void record_destroy(struct record *record);
struct source *source_create(uint32_t kind, const char *name); /* NULL without memory */
void source_destroy(struct source *source);
struct source *state_source(const struct state *state, uint32_t kind, const char *name); /* NULL: none */
void state_deinit(struct state *state);
/* Bytes for the disk, malloc'ed. GROVE_NO_MEMORY, GROVE_TOO_LARGE. */
int state_encode(const struct state *state, void **bytes, size_t *length);
/* From bytes that may be damaged. GROVE_CORRUPT, GROVE_VERSION, GROVE_NO_MEMORY; the state is empty then. */
int state_decode(struct state *state, const void *bytes, size_t length);
/*
 * Read the newest good file of a folder; none is an empty state. What is damaged is put aside and said on standard error,
 * and the file before it is read instead. GROVE_IO, GROVE_NO_MEMORY.
 */
int state_load(struct state *state, int folder);
/*
 * Write it durably, or leave everything as it was: GROVE_IO, GROVE_FULL, GROVE_NO_MEMORY, GROVE_TOO_LARGE. Or
 * STATE_NOT_SYNCHRONISED: it is what every later instance reads, but a failure of power may take it back.
 */
#define STATE_NOT_SYNCHRONISED 1
int state_save(const struct state *state, int folder);

/*
 * What counts for a key: the strongest source's setting, `from` (may be NULL) being that source; NULL: none has one. The
 * state's sources count with those of `instead` in the place of the same kind and name.
 */
const struct setting *state_effective(const struct state *state, struct source *const *instead, uint32_t instead_count,
                                      const char *service, const char *key, const struct source **from);

/* ---- the process ---- */

struct map;
struct watcher;
struct change;

struct config {
    struct grove_service *service;
    struct grove_session *session;
    int folder; /* of state */
    const char *files_path; /* folder of files */
    int notify; /* inotify */
    bool is_rescan_due;
    char problem[PROBLEM_BYTES]; /* why the files do not count as they stand */
    char stored_problem[PROBLEM_BYTES]; /* why what is in the store does not */
    const char *boot_path; /* folder of boot specs */
    struct grove_channel *registry, *init; /* NULL: not open yet */
    uint64_t boot_id; /* of the kernel: numbers of clients are its own */
    struct state state;
    struct map *maps;
    unsigned map_count;
    uint64_t next_tag;
    struct watcher *watchers;
    unsigned watcher_count;
    struct change *changes, **changes_tail; /* the first is under way */
    unsigned change_count;
    uint64_t next_proposal;
};

/* ---- metrics.c ---- */

void metrics_serve(struct config *config, struct grove_service *service);

/* ---- lookups.c ---- */

/*
 * `schema` (malloc'ed, the handler's) is NULL if status is negative: GROVE_NOT_FOUND (`problem`: no such service, or its
 * manifest has no `config:`), or what went wrong with the registry.
 */
typedef void lookup_handler(int status, struct config_schema *schema, const char *problem, void *context);
/* Ask for the schema of a service. The handler is called once, later, also when this fails at once. */
void lookup_schema(struct config *config, const char *service, lookup_handler *handler, void *context);
/* Is an instance of it there, or coming? */
typedef void running_handler(bool is_running, void *context);
void lookup_running(struct config *config, const char *service, running_handler *handler, void *context);
/* Have restarted what state.restarts names, then forget it there. */
void lookup_restarts(struct config *config);

/* ---- change.c ---- */

struct involved {
    struct grove_name service;
    struct config_schema *schema; /* NULL: it is not registered */
    bool is_running;
    char problem[GROVE_CONFIG_REASON_MAX + 1];
    struct change *change;
};

struct voter {
    grove_object_id client;
    struct grove_name name;
    bool has_voted;
};

enum change_stage { CHANGE_WAITING, CHANGE_LOOKING, CHANGE_VOTING };

struct change {
    struct config *config;
    struct change *next;
    enum change_stage stage;
    struct grove_request *request; /* NULL: the files changed by themselves */
    uint32_t source; /* what it is called in the history */
    uint32_t flags; /* enum grove_config_order_flags */
    struct grove_name who;
    char why[GROVE_CONFIG_WHY_BYTES];
    uint64_t client, request_number;
    struct source *instead[SOURCES_MAX]; /* put in the place of the same kind and name; an empty one takes it away */
    uint32_t instead_count;
    uint64_t target; /* ROLLBACK: as it was after this change */
    bool is_by_hand; /* all that it concerns must be registered */
    bool reads_files; /* when its turn comes */
    struct involved involved[INVOLVED_MAX];
    uint32_t involved_count, looking;
    struct config_entry entries[ENTRIES_MAX];
    uint32_t count;
    uint64_t proposal, vote_deadline_ns;
    struct voter voters[VOTERS_MAX];
    uint32_t voter_count, silent;
    uint32_t timer;
    char problem[PROBLEM_BYTES]; /* why it is refused */
    char note[GROVE_CONFIG_NOTE_BYTES];
};

/* A change by a request, which is deferred, or with NULL by nobody. NULL after failing the request. */
struct change *change_create(struct config *config, struct grove_request *request, uint32_t source, uint32_t flags);
/* Take over a source that it puts in the place of another. */
int change_add(struct change *change, struct source *source);
/* Free one that was not submitted. */
void change_discard(struct change *change);
/* It is complete: let it have its turn. */
void change_submit(struct change *change);
/* Stop it with what is in `problem`, and let the next one begin. */
void change_refuse(struct change *change, int status);
/* Note the problem of what is in the files or in the store; "": there is none any more. False: other sources keep none. */
bool problem_note(struct config *config, uint32_t source, const char *problem);
/* The votes are in, or their time is over. */
void change_decided(struct change *change);
struct involved *change_involve(struct change *change, const char *service); /* GROVE_NO_MEMORY: NULL */
struct change *change_current(struct config *config);
/* ROLLBACK, when schemas are known: make the settings that lead back. 0, or a status with the sentence in `problem`. */
int change_plan_rollback(struct change *change);
/* Values, ranges, required keys; fills in the entries. */
int change_check(struct change *change);

/* ---- commit.c ---- */

/* Write it, show it, tell everybody, answer. */
void change_commit(struct change *change);
/* The answer to a request that an earlier instance of this process carried out; false: it did not. */
bool change_was_done(struct config *config, struct grove_request *request, struct grove_config_outcome *outcome);

/* ---- votes.c, watches.c ---- */

struct watcher {
    struct config *config;
    struct watcher *next;
    grove_object_id client;
    struct grove_name name;
    struct grove_request *request; /* that waits; NULL: it is at work on what it was told */
    uint32_t timer;
    uint64_t tag, change; /* what it knows of its map */
    bool validates;
    bool is_shell; /* it reads no map; `change` is the newest of the history that it knows */
    bool is_renewing; /* its next map is being made */
    char keys[GROVE_CONFIG_PATTERN_MAX + 1];
};

int on_watch(struct grove_request *request, void *context);
int on_vote(struct grove_request *request, void *context);
struct watcher *watcher_find(struct config *config, grove_object_id client);
void watcher_remove(struct watcher *watcher);
/* Answer a watcher that waits. Negative: it is gone. */
int watcher_tell(struct watcher *watcher, const void *news, size_t bytes);
/* Tell what it does not know yet, if there is something. */
void watcher_update(struct watcher *watcher);
/* The map of a service has changed; NULL: the history has, for shells. */
void watchers_update(struct config *config, const char *service);

/* Ask those who validate what changes. False: nobody does, or the change is refused already. */
bool votes_ask(struct change *change);
/* It asks again: tell it of the change if it has not voted yet. True: it was told. */
bool votes_remind(struct watcher *watcher);
void votes_end(struct change *change); /* who has not answered is cut off, and noted */

/* ---- maps.c ---- */

/* What one service reads. */
struct map {
    struct map *next;
    struct grove_name service;
    struct grove_region *region;
    struct map_writer writer;
    bool is_good; /* false: a value found no room, and another map must be made and granted */
};

int on_attach(struct grove_request *request, void *context);
/* Put the entries of a change into the maps of their services, all at once for each; the state is the new one. */
void maps_apply(struct change *change);
struct map *map_of(struct config *config, const char *service); /* NULL: it has none */
/*
 * Make the map of a service anew, and grant it to the client of a request of its. *region is for the answer. A negative
 * status leaves a sentence in `problem`.
 */
int map_renew(struct config *config, const char *service, const struct config_schema *schema,
              struct grove_request *request, grove_object_id *region, char *problem, size_t problem_bytes);
/* Regions that an earlier instance of this process could write and this one cannot. */
void maps_forget_earlier(struct config *config);

/* ---- queries.c, orders.c, files.c ---- */

int on_get(struct grove_request *request, void *context);
int on_history(struct grove_request *request, void *context);
int on_change(struct grove_request *request, void *context);
int on_rollback(struct grove_request *request, void *context);
int on_source(struct grove_request *request, void *context);
int on_reload(struct grove_request *request, void *context);
int files_open(struct config *config); /* watch the folder */
void files_rescan(struct config *config, struct change *change); /* have a change read them; NULL: a new one */
int change_read_files(struct change *change); /* negative: `problem` says why */
/* "" for what was set by hand. */
void files_path(const struct config *config, const struct source *source, char *path, size_t path_bytes);
/* "PATH:LINE: ", "PATH: " or "", to begin a sentence with. */
void files_place(const struct config *config, const struct source *source, uint32_t line, char *place, size_t bytes);

/* ---- stored.c ---- */

void stored_open(struct config *config);
void stored_rescan(void);

/* ---- wire.c ---- */

/* Copy a fixed structure out of a request. GROVE_INVALID, GROVE_VERSION, answered already. */
int wire_read(struct grove_request *request, void *copy, size_t bytes);
/* Append one entry at *used of `room` bytes. False: it does not fit, and nothing was written. */
struct wire_entry {
    const char *service, *key, *note; /* note may be NULL */
    const void *before, *after; /* NULL: absent */
    size_t before_bytes, after_bytes;
    uint32_t flags, kind, source, line;
};
bool wire_put(uint8_t *room, size_t room_bytes, size_t *used, const struct wire_entry *entry);
/* Read the entry at *offset, whose texts then point into the message. False: it is malformed. */
bool wire_take(const void *data, size_t bytes, size_t *offset, struct wire_entry *entry);

/* Who sent a request, and which: the same when it is delivered again, and never the same for another. */
void wire_mark(const struct config *config, const struct grove_request *request, uint64_t *client, uint64_t *number);

/* ---- rights.c ---- */

/* Each fails the request with a sentence if the client may not. Shells and system services may. */
int right_to_change(struct grove_request *request, const char *service);
int right_to_read(struct grove_request *request, const char *service, const char *key);

/* ---- events.c ---- */

void event_changed(const struct change *change, uint64_t number);

#endif
