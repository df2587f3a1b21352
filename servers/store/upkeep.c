/*
 * What the engine does by itself, each in small steps that are batches like any other: removing what has ended, encrypting
 * again under a new key, opening and closing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "servers/store/engine.h"
#include "servers/store/memory.h"

/* ---- what has ended ---- */

#define EXPIRED_MAX 64u
#define RESEALED_MAX 64u

struct ended {
    struct {
        uint32_t namespace, charge;
        uint8_t key_bytes;
        uint8_t key[255];
    } list[EXPIRED_MAX];
    unsigned count;
};

static int note_ended(uint32_t namespace, const struct stored *stored, void *context) {
    struct ended *ended = context;
    if (ended->count == EXPIRED_MAX)
        return 1;
    ended->list[ended->count].namespace = namespace;
    ended->list[ended->count].charge = stored_charge(stored->key_bytes, stored->sealed_bytes);
    ended->list[ended->count].key_bytes = stored->key_bytes;
    memcpy(ended->list[ended->count++].key, stored->key, stored->key_bytes);
    return 0;
}

static int remove_ended(struct engine *engine, const struct ended *ended) {
    int status = 0;
    for (unsigned index = 0; status == 0 && index < ended->count; index++) {
        uint32_t id = ended->list[index].namespace;
        struct namespace *space = id < engine->id_limit ? engine->by_id[id] : NULL;
        const uint8_t *key = ended->list[index].key;
        uint8_t key_bytes = ended->list[index].key_bytes;
        if (space == NULL || space->is_dropped || namespace_load(engine, space) < 0)
            continue;
        if (space->provider == engine->sqlite)
            status = engine_batch_durable(engine);
        namespace_touch(engine, space);
        if (status == 0)
            status = space->provider->operations->erase(space->provider, id, key, key_bytes);
        cache_drop(&engine->cache, id, key, key_bytes);
        space->used_bytes -= ended->list[index].charge;
        space->used_keys--;
        space->revision = engine->revision;
        if (status == 0 && engine->on_change != NULL)
            engine->on_change(engine->on_change_context, space, key, key_bytes, engine->revision, true);
    }
    engine->is_broken = engine->is_broken || status < 0;
    return status;
}

int engine_expire(struct engine *engine, uint64_t *next_ms) {
    static struct ended ended;
    struct provider *const providers[] = {engine->sqlite, engine->memory};
    uint64_t now_ms = engine->clock_ms(), earliest_ms = UINT64_MAX;
    int status = 0;
    ended.count = 0;
    for (size_t index = 0; status == 0 && index < 2; index++)
        status = providers[index]->operations->expired(providers[index], now_ms, note_ended, &ended);
    if (status == 0 && ended.count > 0) {
        engine->revision++;
        status = remove_ended(engine, &ended);
    }
    for (size_t index = 0; status == 0 && index < 2; index++) {
        uint64_t ends_ms = UINT64_MAX;
        status = providers[index]->operations->next_expiry(providers[index], &ends_ms);
        earliest_ms = ends_ms < earliest_ms ? ends_ms : earliest_ms;
    }
    if (status == 0)
        *next_ms = earliest_ms;
    return status;
}

/* ---- encrypting again ---- */

struct resealing {
    struct engine *engine;
    struct namespace *space;
    struct rotate_cursor *cursor;
    unsigned count;
    size_t bytes;
    struct resealed {
        struct resealed *next;
        struct stored stored;
    } * first;
    int status;
};

/* Copies of what lies under an old key, opened, together with their sealed form of now. */
static int reseal(uint32_t namespace, const struct stored *stored, void *context) {
    struct resealing *work = context;
    (void)namespace;
    if (work->count == RESEALED_MAX || work->bytes > GROVE_STORE_TRANSACTION_MAX)
        return 1;
    memcpy(work->cursor->key, stored->key, stored->key_bytes);
    work->cursor->key_bytes = stored->key_bytes;
    work->count++;
    uint32_t generation = seal_generation(stored->sealed, stored->sealed_bytes);
    const struct seal_key *key = namespace_key(work->space, generation);
    if (key == &work->space->keys[0])
        return 0;
    size_t bytes = sizeof(struct resealed) + stored->key_bytes + stored->sealed_bytes;
    struct resealed *copy = key == NULL ? NULL : malloc(bytes);
    uint8_t *value = key == NULL ? NULL : malloc(stored->sealed_bytes);
    struct seal_binding binding = {.name = work->space->name,
                                   .key = stored->key,
                                   .key_bytes = stored->key_bytes,
                                   .version = stored->version,
                                   .expires_ms = stored->expires_ms};
    work->status = key == NULL ? GROVE_CORRUPT
                   : copy == NULL || value == NULL
                       ? GROVE_NO_MEMORY
                       : seal_open(key, &binding, stored->sealed, stored->sealed_bytes, value);
    if (work->status == 0) {
        uint8_t *place = (uint8_t *)(copy + 1);
        memcpy(place, stored->key, stored->key_bytes);
        seal_close(&work->space->keys[0], &binding, value, stored->sealed_bytes - SEAL_OVERHEAD,
                   place + stored->key_bytes);
        *copy = (struct resealed){.next = work->first, .stored = *stored};
        copy->stored.key = place;
        copy->stored.sealed = place + stored->key_bytes;
        work->first = copy;
        work->bytes += bytes;
    } else {
        free(copy);
    }
    if (value != NULL)
        seal_forget(value, stored->sealed_bytes);
    free(value);
    return work->status;
}

static int put_resealed(struct resealing *work) {
    struct provider *provider = work->space->provider;
    int status = work->status;
    if (status == 0 && work->first != NULL && provider == work->engine->sqlite)
        status = engine_batch_durable(work->engine);
    while (work->first != NULL) {
        struct resealed *resealed = work->first;
        work->first = resealed->next;
        if (status == 0)
            status = provider->operations->put(provider, work->space->id, &resealed->stored);
        free(resealed);
    }
    work->engine->is_broken = work->engine->is_broken || status < 0;
    return status;
}

/* None lies under an old key any more: the old keys go, and with them what could open what was overwritten. */
static int drop_old_keys(struct engine *engine, struct namespace *space) {
    int status = engine_batch_durable(engine);
    namespace_touch(engine, space);
    for (unsigned index = 1; status == 0 && index < space->key_count; index++)
        status = catalog_drop_key(&engine->database, space->id, space->keys[index].generation);
    if (status < 0)
        return status;
    seal_forget(&space->keys[1], (NAMESPACE_KEYS_MAX - 1) * sizeof space->keys[1]);
    space->key_count = 1;
    space->flags &= ~(uint32_t)GROVE_STORE_NAMESPACE_ROTATING;
    return namespace_keep(engine, space);
}

int rotate_step(struct engine *engine, struct namespace *space, struct rotate_cursor *cursor, bool *is_done) {
    struct resealing work = {.engine = engine, .space = space, .cursor = cursor};
    uint8_t from[255], from_bytes = cursor->key_bytes;
    memcpy(from, cursor->key, from_bytes);
    struct provider_range range = {
        .namespace = space->id, .from = from, .from_bytes = from_bytes, .is_after = from_bytes > 0};
    int status = namespace_load(engine, space);
    if (status == 0)
        status = space->provider->operations->scan(space->provider, NULL, &range, reseal, &work);
    work.status = work.status < 0 ? work.status : status;
    status = put_resealed(&work);
    *is_done = status == 0 && work.count == 0;
    return *is_done ? drop_old_keys(engine, space) : status;
}

/* ---- the master key ---- */

struct rewrapping {
    struct engine *engine;
    struct master *next;
    const struct namespace *space;
};

static int rewrap_key(struct rewrapping *work, const struct seal_key *key) {
    uint8_t wrapped[MASTER_WRAPPED_MAX];
    size_t wrapped_bytes = sizeof wrapped;
    int status = master_wrap(work->next, work->space->name, key, wrapped, &wrapped_bytes);
    return status < 0 ? status
                      : catalog_put_key(&work->engine->database, work->space->id,
                                        &(struct catalog_key){.generation = key->generation,
                                                              .wrapped = wrapped,
                                                              .wrapped_bytes = wrapped_bytes});
}

static int put_check(struct engine *engine, struct master *master) {
    uint8_t wrapped[MASTER_WRAPPED_MAX];
    size_t wrapped_bytes = sizeof wrapped;
    struct seal_key key;
    seal_key_make(1, &key);
    int status = master_wrap(master, "check", &key, wrapped, &wrapped_bytes);
    seal_forget(&key, sizeof key);
    return status < 0 ? status : catalog_set_check(&engine->database, wrapped, wrapped_bytes);
}

static int rewrap_all(struct engine *engine, struct master *next) {
    int status = engine_batch_durable(engine);
    for (uint32_t id = 0; status == 0 && id < engine->id_limit; id++) {
        struct namespace *space = engine->by_id[id];
        if (space == NULL || space->provider == NULL)
            continue;
        struct rewrapping work = {.engine = engine, .next = next, .space = space};
        status = namespace_load(engine, space);
        for (unsigned index = 0; status == 0 && index < space->key_count; index++)
            status = rewrap_key(&work, &space->keys[index]);
    }
    return status < 0 ? status : put_check(engine, next);
}

/* No batch may be under way. The commit decides: engine_open finds out which material opens the check. */
int rotate_master(struct engine *engine, int folder, const char *text) {
    struct master *next = NULL;
    bool is_durable;
    master_discard(folder, text);
    int status = master_open(folder, text, true, true, &next);
    if (status < 0)
        return status;
    status = rewrap_all(engine, next);
    if (status < 0)
        engine_rollback(engine);
    else
        status = engine_commit(engine, &is_durable);
    if (status == 0)
        status = database_synchronise(&engine->database);
    if (status == 0)
        status = master_adopt(folder, text);
    if (status < 0) {
        master_close(next);
        return status;
    }
    master_close(engine->master);
    engine->master = next;
    return 0;
}

/* ---- opening ---- */

static uint64_t clock_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int opens_check(struct master *master, const uint8_t *wrapped, size_t wrapped_bytes) {
    struct seal_key key = {.generation = 1};
    int status = master_unwrap(master, "check", wrapped, wrapped_bytes, &key);
    seal_forget(&key, sizeof key);
    return status;
}

/* A rotation that was interrupted has left new material: the check tells whether it came to its commit. */
static int open_known_master(struct engine *engine, const struct engine_options *options, const uint8_t *wrapped,
                             size_t wrapped_bytes) {
    int folder = options->folder_descriptor;
    int status = master_open(folder, options->master, false, false, &engine->master);
    if (status == 0 && opens_check(engine->master, wrapped, wrapped_bytes) == 0) {
        master_discard(folder, options->master);
        return 0;
    }
    master_close(engine->master);
    engine->master = NULL;
    if (master_open(folder, options->master, true, false, &engine->master) == 0 &&
        opens_check(engine->master, wrapped, wrapped_bytes) == 0)
        return master_adopt(folder, options->master);
    (void)fprintf(
        stderr,
        "store: %s is not the master key that this database was made with (or it is missing): put the right one "
        "there; without it nothing can be read\n",
        options->master);
    return GROVE_CORRUPT;
}

static int open_master(struct engine *engine, const struct engine_options *options) {
    uint8_t wrapped[MASTER_WRAPPED_MAX];
    size_t wrapped_bytes = 0;
    int status = catalog_check(&engine->database, wrapped, sizeof wrapped, &wrapped_bytes);
    if (status == 0)
        return open_known_master(engine, options, wrapped, wrapped_bytes);
    if (status == GROVE_NOT_FOUND)
        status = master_open(options->folder_descriptor, options->master, false, true, &engine->master);
    if (status == 0)
        status = put_check(engine, engine->master);
    return status == 0 ? database_synchronise(&engine->database) : status;
}

int engine_open(struct engine *engine, const struct engine_options *options) {
    struct seal_key seed;
    uint64_t number;
    *engine = (struct engine){.clock_ms = clock_ms, .database.log = -1, .earliest_end_ms = UINT64_MAX};
    int status = seal_init();
    if (status < 0)
        return status;
    seal_key_make(0, &seed);
    memcpy(&number, seed.bytes, sizeof number);
    status = cache_init(&engine->cache, options->cache_bytes, number);
    if (status == 0)
        status = memory_create(&engine->memory);
    if (status == 0)
        status = database_open(&engine->database, options->folder);
    engine->sqlite = &engine->database.provider;
    if (status == 0)
        status = open_master(engine, options);
    if (status == 0)
        status = catalog_revision(&engine->database, &engine->revision);
    if (status == 0)
        status = namespace_load_all(engine);
    return status;
}

void engine_close(struct engine *engine) {
    if (engine->cache.buckets == NULL)
        return;
    namespaces_deinit(engine);
    cache_deinit(&engine->cache);
    if (engine->memory != NULL)
        memory_destroy(engine->memory);
    master_close(engine->master);
    if (engine->database.connection != NULL)
        database_close(&engine->database);
    seal_forget(engine->scratch, engine->scratch_bytes);
    free(engine->scratch);
}
