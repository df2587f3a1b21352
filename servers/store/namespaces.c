/*
 * Namespaces: finding, making, loading and dropping them.
 *
 * All names are known from the start; keys and accounts of one are read when it is first used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/store/engine.h"

struct namespace *namespace_find(const struct engine *engine, const char *name) {
    return name_table_find(&engine->namespaces, name);
}

struct provider *namespace_provider(const struct engine *engine, const char *name) {
    if (strcmp(name, "sqlite") == 0)
        return engine->sqlite;
    return strcmp(name, "memory") == 0 ? engine->memory : NULL;
}

static int enter(struct engine *engine, struct namespace *space) {
    if (space->id >= engine->id_limit) {
        uint32_t limit = space->id + 64;
        struct namespace **by_id = realloc(engine->by_id, limit * sizeof(struct namespace *));
        if (by_id == NULL)
            return GROVE_NO_MEMORY;
        memset(by_id + engine->id_limit, 0, (limit - engine->id_limit) * sizeof(struct namespace *));
        engine->by_id = by_id;
        engine->id_limit = limit;
    }
    int status = name_table_add(&engine->namespaces, space->name, space);
    if (status == 0)
        engine->by_id[space->id] = space;
    return status;
}

static struct namespace *make(const struct engine *engine, uint32_t id, const char *name, const char *provider) {
    struct namespace *space = calloc(1, sizeof *space);
    if (space == NULL)
        return NULL;
    (void)snprintf(space->name, sizeof space->name, "%s", name);
    (void)snprintf(space->provider_name, sizeof space->provider_name, "%s", provider);
    space->id = id;
    space->provider = namespace_provider(engine, provider);
    return space;
}

void namespace_forget(struct engine *engine, struct namespace *space) {
    (void)name_table_remove(&engine->namespaces, space->name);
    engine->by_id[space->id] = NULL;
    cache_drop_namespace(&engine->cache, space->id);
    seal_forget(space->keys, sizeof space->keys);
    free(space);
}

void namespaces_deinit(struct engine *engine) {
    for (uint32_t id = 0; id < engine->id_limit; id++)
        if (engine->by_id[id] != NULL)
            namespace_forget(engine, engine->by_id[id]);
    name_table_deinit(&engine->namespaces);
    free(engine->by_id);
}

/* ---- keys ---- */

static int keep_key(struct engine *engine, const struct namespace *space, const struct seal_key *key) {
    uint8_t wrapped[MASTER_WRAPPED_MAX];
    size_t wrapped_bytes = sizeof wrapped;
    int status = master_wrap(engine->master, space->name, key, wrapped, &wrapped_bytes);
    return status < 0 ? status
                      : catalog_put_key(&engine->database, space->id,
                                        &(struct catalog_key){.generation = key->generation,
                                                              .wrapped = wrapped,
                                                              .wrapped_bytes = wrapped_bytes});
}

struct loading {
    struct engine *engine;
    struct namespace *space;
};

static int take_key(const struct catalog_key *key, void *context) {
    const struct loading *loading = context;
    struct namespace *space = loading->space;
    if (space->key_count == NAMESPACE_KEYS_MAX)
        return GROVE_CORRUPT;
    struct seal_key *taken = &space->keys[space->key_count];
    taken->generation = key->generation;
    int status = master_unwrap(loading->engine->master, space->name, key->wrapped, key->wrapped_bytes, taken);
    space->key_count += status == 0 ? 1 : 0;
    return status;
}

const struct seal_key *namespace_key(const struct namespace *space, uint32_t generation) {
    for (unsigned index = 0; index < space->key_count; index++)
        if (space->keys[index].generation == generation)
            return &space->keys[index];
    return NULL;
}

int namespace_load(struct engine *engine, struct namespace *space) {
    if (space->is_loaded)
        return 0;
    space->key_count = 0;
    int status =
        catalog_each_key(&engine->database, space->id, take_key, &(struct loading){.engine = engine, .space = space});
    if (status == 0 && space->key_count == 0)
        status = GROVE_CORRUPT;
    if (status == 0 && space->provider != NULL) /* a service counts for itself */
        status = space->provider->operations->usage(space->provider, space->id, &space->used_keys, &space->used_bytes);
    if (status < 0)
        (void)fprintf(stderr, "store: the namespace %s cannot be used: %d%s\n", space->name, status,
                      status == GROVE_CORRUPT ? "; its key is missing or not wrapped by this master key" : "");
    space->is_loaded = status == 0;
    return status;
}

/* ---- all of them ---- */

static int take_namespace(const struct catalog_namespace *found, void *context) {
    struct engine *engine = context;
    if (found->id == 0 || found->id > 4 * NAMESPACES_MAX)
        return GROVE_CORRUPT;
    struct namespace *space = make(engine, found->id, found->name, found->provider);
    if (space == NULL)
        return GROVE_NO_MEMORY;
    space->quota_bytes = found->quota_bytes;
    space->quota_keys = found->quota_keys;
    space->flags = found->flags;
    space->revision = engine->revision; /* at the latest */
    engine->last_id = found->id > engine->last_id ? found->id : engine->last_id;
    int status = enter(engine, space);
    if (status < 0)
        free(space);
    return status;
}

int namespace_load_all(struct engine *engine) {
    return catalog_each_namespace(&engine->database, take_namespace, engine);
}

/* ---- changes, as part of a batch ---- */

void namespace_touch(struct engine *engine, struct namespace *space) {
    if (space->is_in_batch)
        return;
    space->is_in_batch = true;
    space->before_bytes = space->used_bytes;
    space->before_keys = space->used_keys;
    space->before_revision = space->revision;
    space->before_flags = space->flags;
    memcpy(space->before_provider, space->provider_name, sizeof space->before_provider);
    space->before_quota_bytes = space->quota_bytes;
    space->before_quota_keys = space->quota_keys;
    space->batch_next = engine->batch_first;
    engine->batch_first = space;
}

int namespace_keep(struct engine *engine, const struct namespace *space) {
    int status = engine_batch_durable(engine);
    return status < 0
               ? status
               : catalog_put_namespace(&engine->database, &(struct catalog_namespace){.id = space->id,
                                                                                      .flags = space->flags,
                                                                                      .name = space->name,
                                                                                      .provider = space->provider_name,
                                                                                      .quota_bytes = space->quota_bytes,
                                                                                      .quota_keys = space->quota_keys});
}

/* Not one that was used lately: a snapshot may still hold what it was. */
static uint32_t free_id(struct engine *engine) {
    do
        engine->last_id = engine->last_id % (4 * NAMESPACES_MAX) + 1;
    while (engine->last_id < engine->id_limit && engine->by_id[engine->last_id] != NULL);
    return engine->last_id;
}

int namespace_create(struct engine *engine, const char *name, struct namespace **space) {
    if (engine->namespaces.used >= NAMESPACES_MAX)
        return GROVE_EXHAUSTED;
    struct namespace *made = make(engine, free_id(engine), name, "sqlite");
    int status = made == NULL ? GROVE_NO_MEMORY : enter(engine, made);
    if (status < 0) {
        free(made);
        return status;
    }
    made->quota_bytes = QUOTA_BYTES_DEFAULT;
    made->quota_keys = QUOTA_KEYS_DEFAULT;
    made->is_new = made->is_loaded = true;
    made->key_count = 1;
    seal_key_make(1, &made->keys[0]);
    namespace_touch(engine, made); /* from here on a rollback forgets it */
    status = namespace_keep(engine, made);
    if (status == 0)
        status = keep_key(engine, made, &made->keys[0]);
    if (status == 0)
        *space = made;
    else
        engine->is_broken = true;
    return status;
}

int namespace_drop(struct engine *engine, struct namespace *space) {
    int status = engine_batch_durable(engine);
    namespace_touch(engine, space);
    space->is_dropped = true;
    if (status == 0 && space->provider != NULL)
        status = space->provider->operations->drop(space->provider, space->id);
    if (status == 0)
        status = catalog_drop_namespace(&engine->database, space->id);
    engine->is_broken = engine->is_broken || status < 0;
    return status;
}

/* ---- a new key ---- */

int rotate_namespace(struct engine *engine, struct namespace *space) {
    if (space->key_count == NAMESPACE_KEYS_MAX)
        return GROVE_WRONG_STATE;
    struct seal_key key;
    int status = namespace_load(engine, space);
    if (status == 0)
        status = engine_batch_durable(engine);
    namespace_touch(engine, space);
    seal_key_make(space->keys[0].generation + 1, &key);
    if (status == 0)
        status = keep_key(engine, space, &key);
    if (status == 0) {
        memmove(&space->keys[1], &space->keys[0], space->key_count * sizeof key);
        space->keys[0] = key;
        space->key_count++;
        space->flags |= GROVE_STORE_NAMESPACE_ROTATING;
        status = namespace_keep(engine, space);
    }
    engine->is_broken = engine->is_broken || status < 0;
    seal_forget(&key, sizeof key);
    return status;
}
