/*
 * The engine: transactions over namespaces, with providers below. It knows nothing of channels; what waits, and for whom,
 * is batch.c's.
 *
 * Changes come in batches. Each transaction of a batch is first checked whole - expectations, quotas - and then applied,
 * so a refused one leaves nothing and needs no undoing; when a provider fails, all of the batch is rolled back (the caller
 * then tries each alone). Versions are numbers of transactions, over all namespaces, and never go back.
 *
 * After a crash: the database holds whole batches. What is cached here is read again.
 */
#ifndef SERVERS_STORE_ENGINE_H
#define SERVERS_STORE_ENGINE_H

#include "servers/common/name_table.h"
#include "servers/store/cache.h"
#include "servers/store/database.h"
#include "servers/store/master.h"
#include "servers/store/transaction.h"

#define NAMESPACES_MAX 4096u
#define QUOTA_BYTES_DEFAULT (UINT64_C(64) << 20)
#define QUOTA_KEYS_DEFAULT UINT64_C(65536)
#define ENGINE_SENTENCE_BYTES 320u
#define NAMESPACE_KEYS_MAX 8u /* generations at a time: the current one, and those that are being replaced */

struct namespace {
    char name[GROVE_NAME_MAX + 1];
    char provider_name[GROVE_STORE_PROVIDER_BYTES];
    struct provider *provider; /* NULL: a service keeps it (remote.c) */
    uint32_t id, flags;
    uint64_t quota_bytes, quota_keys;
    bool is_loaded; /* usage and keys are known */
    bool is_dropped; /* being dropped: nothing is done to it any more */
    uint64_t used_bytes, used_keys;
    /* Where a service keeps it (counted.c): is `used` known, what was passed on since the store began, and what of that is not answered. */
    bool is_counted;
    uint64_t grown_bytes, grown_keys, flying_bytes, flying_keys;
    uint64_t revision; /* of its latest change, or a later one */
    unsigned key_count;
    struct seal_key keys[NAMESPACE_KEYS_MAX]; /* the newest first: that one encrypts */
    /* Of the batch under way: */
    struct namespace *batch_next;
    bool is_in_batch, is_new;
    uint64_t before_bytes, before_keys, before_revision;
    uint64_t before_quota_bytes, before_quota_keys;
    uint32_t before_flags;
    char before_provider[GROVE_STORE_PROVIDER_BYTES];
    int64_t delta_bytes, delta_keys; /* of the transaction being checked */
    void *map; /* its read-only map, if it has one (maps.c) */
};

struct engine {
    struct database database;
    struct provider *sqlite, *memory;
    struct master *master;
    struct cache cache;
    struct name_table namespaces;
    struct namespace **by_id; /* [id], NULL where there is none; 0 unused */
    uint32_t id_limit, last_id;
    uint64_t revision; /* of the newest transaction */
    bool is_batch_durable; /* the batch under way is in the database too */
    bool is_broken; /* the batch under way can only be rolled back */
    struct namespace *batch_first;
    uint8_t *scratch;
    size_t scratch_bytes;
    uint64_t (*clock_ms)(void); /* wall clock, since 1970 */
    uint64_t earliest_end_ms; /* of the lifetimes set since this was last looked at; UINT64_MAX: none */
    /* Told of each change of a batch, before it is committed; NULL: nobody. */
    void (*on_change)(void *context, struct namespace *space, const uint8_t *key, uint8_t key_bytes, uint64_t revision,
                      bool is_deleted);
    void *on_change_context;
};

struct engine_options {
    const char *folder;
    int folder_descriptor;
    const char *master; /* KIND:ARGUMENT */
    size_t cache_bytes;
};
/* Says why on standard error. GROVE_CORRUPT: also when the master key is another. */
int engine_open(struct engine *engine, const struct engine_options *options);
void engine_close(struct engine *engine);

/* ---- batches ---- */

/*
 * Check and apply one transaction as part of the batch under way, which begins by itself. `own` is the namespace of
 * operations that name none. 0: see *outcome. Negative: `sentence` says why; engine->is_broken tells whether only this
 * transaction was refused or all of the batch has to be rolled back.
 */
int engine_apply(struct engine *engine, const char *own, struct transaction *transaction,
                 struct grove_store_outcome *outcome, char sentence[ENGINE_SENTENCE_BYTES]);
/* On failure the batch is rolled back. *is_durable: the database has to be synchronised before it is acknowledged. */
int engine_commit(struct engine *engine, bool *is_durable);
void engine_rollback(struct engine *engine);
/* Begin the batch in the database too: before its catalog is changed. */
int engine_batch_durable(struct engine *engine);
bool engine_has_batch(const struct engine *engine);

/* ---- reading ---- */

struct engine_value {
    const uint8_t *data; /* valid until the next call of the engine */
    uint32_t value_bytes;
    uint64_t version, expires_ms; /* version 0: absent */
};
/* `view` NULL: as committed, batch under way included. Absent is no error: version 0. */
int engine_get(struct engine *engine, struct provider_view *view, struct namespace *space, const uint8_t *key,
               uint8_t key_bytes, struct engine_value *value);
/* With values unless range->keys_only; then value.data is NULL. */
typedef int engine_handler(const uint8_t *key, uint8_t key_bytes, const struct engine_value *value, void *context);
int engine_scan(struct engine *engine, struct provider_view *view, struct namespace *space,
                const struct provider_range *range, engine_handler *handler, void *context);
/* Remove what has ended, at most a few dozen, in the batch under way. *next_ms: when to come again; UINT64_MAX never. */
int engine_expire(struct engine *engine, uint64_t *next_ms);
bool engine_is_over(const struct engine *engine, uint64_t expires_ms);

/* ---- namespaces.c ---- */

struct namespace *namespace_find(const struct engine *engine, const char *name);
/* Part of a batch. GROVE_EXHAUSTED: there are too many. */
int namespace_create(struct engine *engine, const char *name, struct namespace **space);
int namespace_load_all(struct engine *engine);
/* Read its keys and count what it holds, once. GROVE_CORRUPT: a key is not the master's. */
int namespace_load(struct engine *engine, struct namespace *space);
/* Note its accounts, to be put back if the batch is rolled back. */
void namespace_touch(struct engine *engine, struct namespace *space);
/* Keep quotas, flags and provider as they are now: part of a batch. */
int namespace_keep(struct engine *engine, const struct namespace *space);
/* With all it holds; part of a batch, which must be committed next (the structure is gone on success). */
int namespace_drop(struct engine *engine, struct namespace *space);
void namespace_forget(struct engine *engine, struct namespace *space); /* the structure only */
void namespaces_deinit(struct engine *engine);
const struct seal_key *namespace_key(const struct namespace *space, uint32_t generation);
/* The provider of that name; NULL: it is no built-in one. */
struct provider *namespace_provider(const struct engine *engine, const char *name);

/* ---- upkeep.c ---- */

/* A new key encrypts what is written from now on. Part of a batch. GROVE_WRONG_STATE: too many old ones still. */
int rotate_namespace(struct engine *engine, struct namespace *space);
/*
 * Encrypt some of what lies under old keys again, from behind *cursor on; part of a batch. *is_done: none is left, and the
 * old keys are gone.
 */
struct rotate_cursor {
    uint8_t key[255];
    uint8_t key_bytes;
};
int rotate_step(struct engine *engine, struct namespace *space, struct rotate_cursor *cursor, bool *is_done);
/* New material for the master key, and every key wrapped again with it: all or nothing. */
int rotate_master(struct engine *engine, int folder, const char *text);

#endif
