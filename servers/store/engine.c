/*
 * Transactions: checked whole, then applied.
 */
#include "servers/store/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/store/memory.h"

#define SCRATCH_KEPT_BYTES 65536u

/* ---- batches ---- */

bool engine_has_batch(const struct engine *engine) {
    return engine->batch_first != NULL || engine->is_batch_durable;
}

int engine_batch_durable(struct engine *engine) {
    if (engine->is_batch_durable)
        return 0;
    int status = engine->sqlite->operations->begin(engine->sqlite);
    engine->is_batch_durable = status == 0;
    engine->is_broken = engine->is_broken || status < 0;
    return status;
}

static void end_batch(struct engine *engine, bool is_kept) {
    while (engine->batch_first != NULL) {
        struct namespace *space = engine->batch_first;
        engine->batch_first = space->batch_next;
        space->is_in_batch = false;
        if (!is_kept && space->is_new) {
            namespace_forget(engine, space);
            continue;
        }
        if (!is_kept) {
            space->used_bytes = space->before_bytes;
            space->used_keys = space->before_keys;
            space->revision = space->before_revision;
            space->flags = space->before_flags;
            space->quota_bytes = space->before_quota_bytes;
            space->quota_keys = space->before_quota_keys;
            memcpy(space->provider_name, space->before_provider, sizeof space->provider_name);
            space->provider = namespace_provider(engine, space->provider_name);
            space->is_loaded = space->is_dropped = false; /* keys that were made are gone again */
            cache_drop_namespace(&engine->cache, space->id);
        }
        space->is_new = false;
    }
    engine->is_batch_durable = engine->is_broken = false;
}

void engine_rollback(struct engine *engine) {
    if (engine->is_batch_durable)
        engine->sqlite->operations->rollback(engine->sqlite);
    engine->memory->operations->rollback(engine->memory);
    end_batch(engine, false);
}

int engine_commit(struct engine *engine, bool *is_durable) {
    int status = engine->is_broken ? GROVE_IO : 0;
    bool was_durable = engine->is_batch_durable;
    if (status == 0 && was_durable)
        status = catalog_set_revision(&engine->database, engine->revision);
    if (status == 0 && was_durable)
        status = engine->sqlite->operations->commit(engine->sqlite);
    if (status < 0) {
        engine_rollback(engine);
        return status;
    }
    (void)engine->memory->operations->commit(engine->memory); /* cannot fail */
    end_batch(engine, true);
    *is_durable = was_durable;
    return 0;
}

/* ---- one entry ---- */

static uint8_t *scratch(struct engine *engine, size_t bytes) {
    if (bytes > engine->scratch_bytes || (engine->scratch_bytes > SCRATCH_KEPT_BYTES && bytes <= SCRATCH_KEPT_BYTES)) {
        size_t wanted = bytes > 4096 ? bytes : 4096;
        uint8_t *grown = malloc(wanted);
        if (grown == NULL)
            return NULL;
        seal_forget(engine->scratch, engine->scratch_bytes);
        free(engine->scratch);
        engine->scratch = grown;
        engine->scratch_bytes = wanted;
    }
    return engine->scratch;
}

bool engine_is_over(const struct engine *engine, uint64_t expires_ms) {
    return expires_ms != 0 && expires_ms <= engine->clock_ms();
}

/* Open a sealed entry into the scratch memory. */
static int open_entry(struct engine *engine, const struct namespace *space, const struct stored *stored,
                      const uint8_t **value) {
    const struct seal_key *key = namespace_key(space, seal_generation(stored->sealed, stored->sealed_bytes));
    uint8_t *place = key != NULL ? scratch(engine, stored->sealed_bytes) : NULL;
    if (key == NULL || place == NULL)
        return key == NULL ? GROVE_CORRUPT : GROVE_NO_MEMORY;
    struct seal_binding binding = {.name = space->name,
                                   .key = stored->key,
                                   .key_bytes = stored->key_bytes,
                                   .version = stored->version,
                                   .expires_ms = stored->expires_ms};
    int status = seal_open(key, &binding, stored->sealed, stored->sealed_bytes, place);
    if (status == 0)
        *value = place;
    else
        (void)fprintf(stderr, "store: an entry of %s failed its check: it was changed on the disk\n", space->name);
    return status;
}

struct finding {
    struct engine *engine;
    const struct namespace *space;
    bool wants_value;
    struct cache_facts facts;
};

static int take_found(uint32_t namespace, const struct stored *stored, void *context) {
    struct finding *finding = context;
    const uint8_t *value = NULL;
    if (stored->sealed_bytes < SEAL_OVERHEAD)
        return GROVE_CORRUPT;
    int status = finding->wants_value ? open_entry(finding->engine, finding->space, stored, &value) : 0;
    if (status < 0)
        return status;
    (void)namespace;
    finding->facts = (struct cache_facts){.version = stored->version,
                                          .expires_ms = stored->expires_ms,
                                          .charge = stored_charge(stored->key_bytes, stored->sealed_bytes),
                                          .value = value,
                                          .value_bytes = stored->sealed_bytes - SEAL_OVERHEAD};
    return 0;
}

/* What a key holds, from the cache or the provider. Absent: version 0. */
static int find(struct engine *engine, struct namespace *space, const uint8_t *key, uint8_t key_bytes, bool wants_value,
                struct cache_facts *facts) {
    const struct cache_entry *known = cache_find(&engine->cache, space->id, key, key_bytes);
    if (known != NULL && (known->has_value || !wants_value)) {
        *facts = (struct cache_facts){.version = known->version,
                                      .expires_ms = known->expires_ms,
                                      .charge = known->charge,
                                      .value = known->has_value ? cache_value(known) : NULL,
                                      .value_bytes = known->value_bytes};
        return 0;
    }
    struct finding finding = {.engine = engine, .space = space, .wants_value = wants_value};
    int status =
        space->provider->operations->get(space->provider, NULL, space->id, key, key_bytes, take_found, &finding);
    if (status < 0 && status != GROVE_NOT_FOUND)
        return status;
    *facts = finding.facts;
    if (status == 0)
        (void)cache_put(&engine->cache, space->id, key, key_bytes, &finding.facts);
    return 0;
}

/* ---- checking ---- */

static int refuse_quota(const struct namespace *space, const char *what, uint64_t used, int64_t more, uint64_t quota,
                        char *sentence) {
    (void)snprintf(
        sentence, ENGINE_SENTENCE_BYTES,
        "the namespace %s has %llu of its %llu %s in use, and this would take %lld more: delete something, or "
        "raise its quota (store: in the manifest, or \"grove store quota\")",
        space->name, (unsigned long long)used, (unsigned long long)quota, what, (long long)more);
    return GROVE_EXHAUSTED;
}

/* Quotas hold for what grows: a namespace that is over its quota, because that was lowered, may shrink. */
static int check_quota(const struct namespace *space, char *sentence) {
    if (space->delta_bytes > 0 && space->used_bytes + (uint64_t)space->delta_bytes > space->quota_bytes)
        return refuse_quota(space, "bytes", space->used_bytes, space->delta_bytes, space->quota_bytes, sentence);
    if (space->delta_keys > 0 && space->used_keys + (uint64_t)space->delta_keys > space->quota_keys)
        return refuse_quota(space, "keys", space->used_keys, space->delta_keys, space->quota_keys, sentence);
    return 0;
}

static const char *name_of(const struct operation *operation, const char *own) {
    return operation->name.text[0] != '\0' ? operation->name.text : own;
}

/* Find the namespaces, and forget what an earlier check left in them. */
static int resolve(struct engine *engine, const char *own, struct transaction *transaction, char *sentence) {
    for (uint32_t index = 0; index < transaction->count; index++) {
        struct operation *operation = &transaction->operations[index];
        struct namespace *space = namespace_find(engine, name_of(operation, own));
        operation->namespace = space;
        int status = space != NULL ? namespace_load(engine, space) : 0;
        if (status == 0 && space != NULL && (space->provider == NULL || space->is_dropped))
            status = GROVE_WRONG_STATE;
        if (status < 0) {
            (void)snprintf(sentence, ENGINE_SENTENCE_BYTES, "the namespace %s cannot be used: %s",
                           name_of(operation, own),
                           status != GROVE_WRONG_STATE ? "its key or its entries cannot be read"
                           : space->is_dropped         ? "it is being dropped"
                                                       : "a service keeps it, so it changes by itself only");
            return status;
        }
        if (space != NULL)
            space->delta_bytes = space->delta_keys = 0;
    }
    return 0;
}

static void conflict(struct grove_store_outcome *outcome, uint32_t index, uint64_t revision) {
    *outcome = (struct grove_store_outcome){
        .version = GROVE_STORE_PROTOCOL_VERSION, .is_conflict = 1, .revision = revision, .operation = index};
}

/* One operation against what is there; its effect on the accounts is noted. *is_conflict ends the check. */
static int check_one(struct engine *engine, struct transaction *transaction, uint32_t index,
                     struct grove_store_outcome *outcome) {
    struct operation *operation = &transaction->operations[index];
    struct namespace *space = operation->namespace;
    struct cache_facts facts = {0};
    if (operation->kind == GROVE_STORE_EXPECT_NAMESPACE) {
        if (space != NULL && space->revision > operation->version)
            conflict(outcome, index, space->revision);
        return 0;
    }
    int status = space != NULL ? find(engine, space, operation->key, operation->key_bytes, false, &facts) : 0;
    if (status < 0)
        return status;
    if (operation->kind == GROVE_STORE_EXPECT) {
        uint64_t version = engine_is_over(engine, facts.expires_ms) ? 0 : facts.version;
        if (version != operation->version)
            conflict(outcome, index, version);
        return 0;
    }
    operation->old_charge = facts.charge;
    if (space == NULL)
        return 0;
    bool is_set = operation->kind == GROVE_STORE_SET;
    uint32_t charge = is_set ? stored_charge(operation->key_bytes, operation->value_bytes + SEAL_OVERHEAD) : 0;
    space->delta_bytes += (int64_t)charge - facts.charge;
    space->delta_keys += (int64_t)is_set - (facts.version != 0);
    return 0;
}

static int check(struct engine *engine, const char *own, struct transaction *transaction,
                 struct grove_store_outcome *outcome, char *sentence) {
    int status = resolve(engine, own, transaction, sentence);
    for (uint32_t index = 0; status == 0 && index < transaction->count && outcome->is_conflict == 0; index++) {
        status = check_one(engine, transaction, index, outcome);
        if (status < 0)
            (void)snprintf(sentence, ENGINE_SENTENCE_BYTES, "a key of the namespace %s cannot be read from the disk",
                           name_of(&transaction->operations[index], own));
    }
    for (uint32_t index = 0; status == 0 && index < transaction->count; index++)
        if (transaction->operations[index].namespace != NULL)
            status = check_quota(transaction->operations[index].namespace, sentence);
    return status;
}

/* ---- applying ---- */

static int set(struct engine *engine, struct namespace *space, const struct operation *operation) {
    uint32_t sealed_bytes = operation->value_bytes + SEAL_OVERHEAD;
    uint8_t *sealed = scratch(engine, sealed_bytes);
    if (sealed == NULL)
        return GROVE_NO_MEMORY;
    struct seal_binding binding = {.name = space->name,
                                   .key = operation->key,
                                   .key_bytes = operation->key_bytes,
                                   .version = engine->revision,
                                   .expires_ms = operation->expires_ms};
    seal_close(&space->keys[0], &binding, operation->value, operation->value_bytes, sealed);
    int status = space->provider->operations->put(space->provider, space->id,
                                                  &(struct stored){.key = operation->key,
                                                                   .sealed = sealed,
                                                                   .version = engine->revision,
                                                                   .expires_ms = operation->expires_ms,
                                                                   .sealed_bytes = sealed_bytes,
                                                                   .key_bytes = operation->key_bytes});
    if (status < 0)
        return status;
    (void)cache_put(&engine->cache, space->id, operation->key, operation->key_bytes,
                    &(struct cache_facts){.version = engine->revision,
                                          .expires_ms = operation->expires_ms,
                                          .charge = stored_charge(operation->key_bytes, sealed_bytes),
                                          .value = operation->value,
                                          .value_bytes = operation->value_bytes});
    space->used_bytes += stored_charge(operation->key_bytes, sealed_bytes);
    return 0;
}

static int erase(struct engine *engine, struct namespace *space, const struct operation *operation) {
    cache_drop(&engine->cache, space->id, operation->key, operation->key_bytes);
    return space->provider->operations->erase(space->provider, space->id, operation->key, operation->key_bytes);
}

static int apply_one(struct engine *engine, struct operation *operation) {
    struct namespace *space = operation->namespace;
    bool is_set = operation->kind == GROVE_STORE_SET;
    if (!is_set && operation->old_charge == 0)
        return 0; /* it is not there */
    int status = space->provider == engine->sqlite ? engine_batch_durable(engine) : 0;
    if (status < 0)
        return status;
    namespace_touch(engine, space);
    operation->expires_ms = operation->lifetime_ms == 0 ? 0 : engine->clock_ms() + operation->lifetime_ms;
    if (operation->expires_ms != 0 && operation->expires_ms < engine->earliest_end_ms)
        engine->earliest_end_ms = operation->expires_ms;
    status = is_set ? set(engine, space, operation) : erase(engine, space, operation);
    if (status < 0)
        return status;
    space->used_bytes -= operation->old_charge;
    space->used_keys = space->used_keys + is_set - (operation->old_charge > 0);
    space->revision = engine->revision;
    if (engine->on_change != NULL)
        engine->on_change(engine->on_change_context, space, operation->key, operation->key_bytes, engine->revision,
                          !is_set);
    return 0;
}

static int create_missing(struct engine *engine, const char *own, struct transaction *transaction) {
    int status = 0;
    for (uint32_t index = 0; status == 0 && index < transaction->count; index++) {
        struct operation *operation = &transaction->operations[index];
        if (operation->namespace != NULL || operation->kind != GROVE_STORE_SET)
            continue;
        operation->namespace = namespace_find(engine, name_of(operation, own)); /* made for one before this */
        if (operation->namespace == NULL)
            status = namespace_create(engine, name_of(operation, own), &operation->namespace);
    }
    return status;
}

static int apply(struct engine *engine, const char *own, struct transaction *transaction, char *sentence) {
    int status = create_missing(engine, own, transaction);
    if (status == GROVE_EXHAUSTED) {
        (void)snprintf(sentence, ENGINE_SENTENCE_BYTES,
                       "there are %u namespaces already, which is as many as there may be", NAMESPACES_MAX);
        engine->is_broken = true;
        return status;
    }
    for (uint32_t index = 0; status == 0 && index < transaction->count; index++)
        if (operation_writes(&transaction->operations[index]) && transaction->operations[index].namespace != NULL)
            status = apply_one(engine, &transaction->operations[index]);
    if (status < 0) {
        engine->is_broken = true;
        (void)snprintf(sentence, ENGINE_SENTENCE_BYTES, "%s",
                       status == GROVE_FULL ? "the disk under the state folder is full: make room and say it again"
                                            : "the store could not write to its database");
    }
    return status;
}

int engine_apply(struct engine *engine, const char *own, struct transaction *transaction,
                 struct grove_store_outcome *outcome, char sentence[ENGINE_SENTENCE_BYTES]) {
    *outcome = (struct grove_store_outcome){.version = GROVE_STORE_PROTOCOL_VERSION};
    int status = check(engine, own, transaction, outcome, sentence);
    if (status < 0 || outcome->is_conflict != 0)
        return status;
    engine->revision++;
    outcome->revision = engine->revision;
    return apply(engine, own, transaction, sentence);
}

/* ---- reading ---- */

int engine_get(struct engine *engine, struct provider_view *view, struct namespace *space, const uint8_t *key,
               uint8_t key_bytes, struct engine_value *value) {
    struct cache_facts facts = {0};
    int status = namespace_load(engine, space);
    if (status == 0 && view == NULL) {
        status = find(engine, space, key, key_bytes, true, &facts);
    } else if (status == 0) {
        struct finding finding = {.engine = engine, .space = space, .wants_value = true};
        status =
            space->provider->operations->get(space->provider, view, space->id, key, key_bytes, take_found, &finding);
        facts = finding.facts;
        status = status == GROVE_NOT_FOUND ? 0 : status;
    }
    if (status < 0)
        return status;
    bool is_over = engine_is_over(engine, facts.expires_ms);
    *value = (struct engine_value){0};
    if (!is_over)
        *value = (struct engine_value){.data = facts.value,
                                       .value_bytes = facts.value_bytes,
                                       .version = facts.version,
                                       .expires_ms = facts.expires_ms};
    return 0;
}

struct scanning {
    struct engine *engine;
    const struct namespace *space;
    bool keys_only;
    engine_handler *handler;
    void *context;
    int status;
};

static int scan_one(uint32_t namespace, const struct stored *stored, void *context) {
    struct scanning *scanning = context;
    struct engine_value value = {.value_bytes = stored->sealed_bytes - SEAL_OVERHEAD,
                                 .version = stored->version,
                                 .expires_ms = stored->expires_ms};
    (void)namespace;
    if (engine_is_over(scanning->engine, stored->expires_ms))
        return 0;
    if (stored->sealed_bytes < SEAL_OVERHEAD)
        scanning->status = GROVE_CORRUPT;
    else if (!scanning->keys_only)
        scanning->status = open_entry(scanning->engine, scanning->space, stored, &value.data);
    return scanning->status < 0 ? scanning->status
                                : scanning->handler(stored->key, stored->key_bytes, &value, scanning->context);
}

int engine_scan(struct engine *engine, struct provider_view *view, struct namespace *space,
                const struct provider_range *range, engine_handler *handler, void *context) {
    struct scanning scanning = {
        .engine = engine, .space = space, .keys_only = range->keys_only, .handler = handler, .context = context};
    int status = namespace_load(engine, space);
    if (status == 0)
        status = space->provider->operations->scan(space->provider, view, range, scan_one, &scanning);
    return status < 0 ? status : scanning.status;
}
