/*
 * What is done to namespaces: listing, quotas, providers, sharing, keys, dropping, and the ends of lifetimes.
 *
 * Changes are actions in the queue, like transactions, and part of the same batches (commits.c); what changes in memory
 * beside the engine follows when they are on the disk. Rotations and ends of lifetimes go on by themselves after a crash:
 * the catalog says which namespaces are rotating, the entries when they end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/store/counted.h"
#include "servers/store/maps.h"

#define NAMESPACES_A_PAGE 64u
#define EXPIRY_AT_LEAST_NS (20 * GROVE_MILLISECOND)
#define EXPIRY_AT_MOST_NS (600 * GROVE_SECOND)

/* An action that is answered with nothing, or its failure. */
static void answer_empty(struct pending *pending) {
    if (pending->request == NULL)
        return;
    if (pending->status < 0)
        (void)grove_fail(pending->request, pending->status, "%s", pending->sentence);
    else
        (void)grove_reply(pending->request, NULL, 0);
}

static int refuse(struct pending *pending, int status, const char *what, const char *name) {
    (void)snprintf(pending->sentence, sizeof pending->sentence, "the namespace %s %s", name, what);
    return status;
}

/* ---- listing ---- */

/* The first name behind `after`. */
static struct namespace *next_by_name(const struct store *store, const struct grove_request *request, const char *after,
                                      bool sees_all) {
    struct namespace *next = NULL;
    for (uint32_t id = 0; id < store->engine.id_limit; id++) {
        struct namespace *space = store->engine.by_id[id];
        if (space != NULL && !space->is_dropped && strcmp(space->name, after) > 0 &&
            (next == NULL || strcmp(space->name, next->name) < 0) && (sees_all || access_owns(request, space->name)))
            next = space;
    }
    return next;
}

static void describe(struct store *store, struct namespace *space, struct grove_store_namespace_record *record) {
    (void)namespace_load(&store->engine, space); /* what cannot be read shows as empty; it is said in the log */
    *record = (struct grove_store_namespace_record){.used_bytes = space->used_bytes,
                                                    .used_keys = space->used_keys,
                                                    .quota_bytes = space->quota_bytes,
                                                    .quota_keys = space->quota_keys,
                                                    .revision = space->revision,
                                                    .flags = space->flags,
                                                    .key_generation = space->keys[0].generation};
    name_set(&record->name, space->name);
    text_set(record->provider, sizeof record->provider, space->provider_name);
}

int on_namespaces(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_namespace_request wanted;
    struct {
        struct grove_store_page head;
        struct grove_store_namespace_record records[NAMESPACES_A_PAGE];
    } page = {.head = {.version = GROVE_STORE_PROTOCOL_VERSION, .revision = store->durable}};
    int status = take_head(request, &wanted, sizeof wanted);
    if (status < 0)
        return status;
    if (!text_is_terminated(wanted.name.text, sizeof wanted.name.text))
        return grove_fail(request, GROVE_INVALID, "the name is not terminated");
    /* Services see what they own; who may read everything sees everything. */
    bool sees_all = grove_request_client_ring(request) != 2;
    if (sees_all) {
        status = access_check(store, request, NULL, ACCESS_READ, NULL, 0);
        if (status < 0)
            return status;
    }
    struct namespace *space = next_by_name(store, request, wanted.name.text, sees_all);
    for (; space != NULL && page.head.count < NAMESPACES_A_PAGE;
         space = next_by_name(store, request, space->name, sees_all))
        describe(store, space, &page.records[page.head.count++]);
    page.head.has_more = space != NULL;
    return reply_bytes(request, &page, sizeof page.head + page.head.count * sizeof page.records[0]);
}

/* ---- quotas, flags, providers ---- */

static int change_provider(struct pending *pending, struct namespace *space, const char *provider, uint32_t flags) {
    struct engine *engine = &pending->store->engine;
    struct grove_name endpoint;
    int status = namespace_load(engine, space);
    if (status == 0 && space->provider != NULL && space->used_keys > 0)
        return refuse(pending, GROVE_WRONG_STATE, "holds keys: only an empty one can be given another provider",
                      space->name);
    name_set(&endpoint, provider);
    if (namespace_provider(engine, provider) == NULL && !namespace_name_is_valid(&endpoint))
        return refuse(pending, GROVE_INVALID,
                      "can be kept by sqlite, memory, or a service that is named by its endpoint", space->name);
    (void)snprintf(space->provider_name, sizeof space->provider_name, "%s", provider);
    counted_forget(space);
    space->provider = namespace_provider(engine, provider);
    space->flags &= ~(uint32_t)GROVE_STORE_NAMESPACE_SEALED;
    if (space->provider == NULL)
        space->flags |= flags & GROVE_STORE_NAMESPACE_SEALED;
    return status;
}

static int configure(struct pending *pending) {
    struct engine *engine = &pending->store->engine;
    const struct grove_store_namespace_request *wanted = pending->detail;
    struct namespace *space = namespace_find(engine, wanted->name.text);
    int status = 0;
    if (space == NULL)
        status = namespace_create(engine, wanted->name.text, &space);
    if (status < 0 || space->is_dropped)
        return refuse(pending, status < 0 ? status : GROVE_WRONG_STATE, "cannot be made now", wanted->name.text);
    namespace_touch(engine, space);
    if ((wanted->fields & GROVE_STORE_CONFIGURE_PROVIDER) != 0)
        status = change_provider(pending, space, wanted->provider, wanted->flags);
    if (status < 0)
        return status;
    if ((wanted->fields & GROVE_STORE_CONFIGURE_BYTES) != 0)
        space->quota_bytes = wanted->quota_bytes;
    if ((wanted->fields & GROVE_STORE_CONFIGURE_KEYS) != 0)
        space->quota_keys = wanted->quota_keys;
    if ((wanted->fields & GROVE_STORE_CONFIGURE_FLAGS) != 0)
        space->flags =
            (space->flags & ~(uint32_t)GROVE_STORE_NAMESPACE_MAP) | (wanted->flags & GROVE_STORE_NAMESPACE_MAP);
    if ((wanted->fields & GROVE_STORE_CONFIGURE_EVENTS) != 0)
        space->flags =
            (space->flags & ~(uint32_t)GROVE_STORE_NAMESPACE_EVENTS) | (wanted->flags & GROVE_STORE_NAMESPACE_EVENTS);
    status = namespace_keep(engine, space);
    engine->is_broken = engine->is_broken || status < 0;
    return status < 0 ? refuse(pending, status, "cannot be changed: the database cannot be written", space->name) : 0;
}

/* The request with a name that is there and valid, and the right to administer it. Answers on failure. */
static int take_administration(struct store *store, struct grove_request *request,
                               struct grove_store_namespace_request *wanted) {
    struct grove_name name;
    int status = take_head(request, wanted, sizeof *wanted);
    if (status < 0)
        return status;
    status = take_name(request, wanted->name.text, strnlen(wanted->name.text, sizeof wanted->name.text), &name);
    if (status < 0)
        return status;
    wanted->name = name;
    wanted->provider[sizeof wanted->provider - 1] = '\0';
    return access_administer(store, request, name.text);
}

int spaces_act(struct store *store, struct grove_request *request, const void *detail, size_t bytes,
               int (*act)(struct pending *), void (*done)(struct pending *)) {
    struct pending pending = {.act = act, .done = done, .detail = malloc(bytes)};
    if (pending.detail == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "the store has no memory for another request");
    memcpy(pending.detail, detail, bytes);
    return pending_add(store, request, &pending);
}

int spaces_configure(struct store *store, const struct grove_store_namespace_request *wanted) {
    struct pending pending = {.act = configure, .done = answer_empty, .detail = malloc(sizeof *wanted)};
    if (pending.detail == NULL)
        return GROVE_NO_MEMORY;
    memcpy(pending.detail, wanted, sizeof *wanted);
    return pending_add(store, NULL, &pending);
}

int on_configure(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_namespace_request wanted;
    int status = take_administration(store, request, &wanted);
    if (status < 0)
        return status;
    bool is_of_quota = (wanted.fields & (GROVE_STORE_CONFIGURE_BYTES | GROVE_STORE_CONFIGURE_KEYS)) != 0;
    if (is_of_quota && grove_request_client_ring(request) == 2)
        return grove_fail(request, GROVE_DENIED,
                          "a service does not set quotas: write store: {bytes: ..., keys: ...} in its manifest, or say "
                          "\"grove store quota %s\"",
                          wanted.name.text);
    return spaces_act(store, request, &wanted, sizeof wanted, configure, answer_empty);
}

/* ---- dropping ---- */

static int drop(struct pending *pending) {
    const struct grove_store_namespace_request *wanted = pending->detail;
    pending->space = namespace_find(&pending->store->engine, wanted->name.text);
    if (pending->space == NULL || pending->space->is_dropped)
        return refuse(pending, GROVE_NOT_FOUND, "does not exist", wanted->name.text);
    int status = namespace_drop(&pending->store->engine, pending->space);
    return status < 0 ? refuse(pending, status, "cannot be dropped: the database cannot be written", wanted->name.text)
                      : 0;
}

static void dropped(struct pending *pending) {
    struct store *store = pending->store;
    if (pending->status == 0) {
        maps_end(store, pending->space->id);
        shares_forget(store, pending->space->name);
        namespace_forget(&store->engine, pending->space);
    }
    answer_empty(pending);
}

int on_drop(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_namespace_request wanted;
    int status = take_administration(store, request, &wanted);
    return status < 0 ? status : spaces_act(store, request, &wanted, sizeof wanted, drop, dropped);
}

/* ---- new keys ---- */

static void rotation_end(struct store *store, struct rotation *rotation) {
    struct rotation **place = &store->rotations;
    while (*place != rotation)
        place = &(*place)->next;
    *place = rotation->next;
    free(rotation);
}

static void rotation_go_on(struct store *store, struct rotation *rotation);

static int rotation_act(struct pending *pending) {
    struct rotation *rotation = *(struct rotation **)pending->detail;
    struct namespace *space = namespace_find(&pending->store->engine, rotation->name);
    if (space == NULL || space->is_dropped || space->provider == NULL) {
        rotation->is_done = true;
        return 0;
    }
    int status = rotate_step(&pending->store->engine, space, &rotation->cursor, &rotation->is_done);
    if (status < 0)
        (void)fprintf(stderr, "store: encrypting %s again stopped: %s; it goes on when the store is restarted\n",
                      rotation->name, grove_status_text(status));
    return status;
}

static void rotation_acted(struct pending *pending) {
    struct rotation *rotation = *(struct rotation **)pending->detail;
    if (rotation->is_done || pending->status < 0)
        rotation_end(pending->store, rotation);
    else
        rotation_go_on(pending->store, rotation);
}

static void rotation_go_on(struct store *store, struct rotation *rotation) {
    struct rotation **detail = malloc(sizeof(struct rotation *));
    struct pending pending = {.act = rotation_act, .done = rotation_acted, .detail = detail};
    if (detail != NULL)
        *detail = rotation;
    if (detail == NULL || pending_add(store, NULL, &pending) < 0)
        rotation_end(store, rotation);
}

static void rotation_begin(struct store *store, const char *name) {
    for (struct rotation *rotation = store->rotations; rotation != NULL; rotation = rotation->next)
        if (strcmp(rotation->name, name) == 0) { /* under way: what it has passed may lie under a key that is old now */
            rotation->cursor.key_bytes = 0;
            return;
        }
    struct rotation *rotation = calloc(1, sizeof *rotation);
    if (rotation == NULL)
        return; /* the next instance goes on with it */
    rotation->store = store;
    (void)snprintf(rotation->name, sizeof rotation->name, "%s", name);
    rotation->next = store->rotations;
    store->rotations = rotation;
    rotation_go_on(store, rotation);
}

static int rotate(struct pending *pending) {
    const struct grove_store_namespace_request *wanted = pending->detail;
    struct namespace *space = namespace_find(&pending->store->engine, wanted->name.text);
    if (space == NULL || space->is_dropped || space->provider == NULL)
        return refuse(pending, GROVE_NOT_FOUND, "does not exist, or is kept by a service", wanted->name.text);
    int status = rotate_namespace(&pending->store->engine, space);
    return status < 0 ? refuse(pending, status,
                               status == GROVE_WRONG_STATE ? "is still being encrypted again: wait until that is done"
                                                           : "cannot be given a new key",
                               wanted->name.text)
                      : 0;
}

static void rotated(struct pending *pending) {
    const struct grove_store_namespace_request *wanted = pending->detail;
    if (pending->status == 0)
        rotation_begin(pending->store, wanted->name.text);
    answer_empty(pending);
}

static int rotate_master_now(struct store *store, struct grove_request *request) {
    if (grove_request_client_ring(request) != 1) {
        int status = access_administer(store, request, "system.store");
        if (status < 0)
            return status;
    }
    int status = rotate_master(&store->engine, store->folder_descriptor, store->master);
    if (status < 0)
        return grove_fail(request, status, "the master key could not be replaced: %s; the old one holds",
                          grove_status_text(status));
    return 0;
}

int on_rotate(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_namespace_request wanted;
    int status = take_head(request, &wanted, sizeof wanted);
    if (status < 0)
        return status;
    if (wanted.name.text[0] == '\0')
        return rotate_master_now(store, request);
    status = take_administration(store, request, &wanted);
    return status < 0 ? status : spaces_act(store, request, &wanted, sizeof wanted, rotate, rotated);
}

/* ---- ends of lifetimes ---- */

struct expiry {
    uint64_t next_ms;
};

static int expiry_act(struct pending *pending) {
    return engine_expire(&pending->store->engine, &((struct expiry *)pending->detail)->next_ms);
}

static void expiry_acted(struct pending *pending) {
    const struct expiry *expiry = pending->detail;
    if (pending->status < 0) /* a full disk, most likely: tried again with the next lifetime, or the next instance */
        (void)fprintf(stderr, "store: what has ended could not be removed: %s\n", grove_status_text(pending->status));
    else if (expiry->next_ms != UINT64_MAX)
        expiry_note(pending->store, expiry->next_ms);
}

static void on_expiry(struct grove_service *service, void *context) {
    struct store *store = context;
    struct pending pending = {.act = expiry_act, .done = expiry_acted, .detail = calloc(1, sizeof(struct expiry))};
    (void)service;
    store->expiry_ms = UINT64_MAX;
    if (pending.detail != NULL)
        (void)pending_add(store, NULL, &pending);
}

void expiry_note(struct store *store, uint64_t ends_ms) {
    if (ends_ms >= store->expiry_ms)
        return;
    uint64_t now_ms = store->engine.clock_ms();
    uint64_t delay_ms = ends_ms > now_ms ? ends_ms - now_ms : 0;
    uint64_t delay_ns =
        delay_ms < EXPIRY_AT_MOST_NS / GROVE_MILLISECOND ? delay_ms * GROVE_MILLISECOND : EXPIRY_AT_MOST_NS;
    if (store->expiry_ms != UINT64_MAX)
        grove_service_cancel(store->service, store->expiry_timer);
    store->expiry_ms = ends_ms;
    if (grove_service_after(store->service, delay_ns > EXPIRY_AT_LEAST_NS ? delay_ns : EXPIRY_AT_LEAST_NS, on_expiry,
                            store, &store->expiry_timer) < 0)
        store->expiry_ms = UINT64_MAX;
}

void spaces_resume(struct store *store) {
    store->expiry_ms = UINT64_MAX;
    uint64_t next_ms = UINT64_MAX;
    if (store->engine.sqlite->operations->next_expiry(store->engine.sqlite, &next_ms) == 0 && next_ms != UINT64_MAX)
        expiry_note(store, next_ms);
    for (uint32_t id = 0; id < store->engine.id_limit; id++) {
        const struct namespace *space = store->engine.by_id[id];
        if (space != NULL && (space->flags & GROVE_STORE_NAMESPACE_ROTATING) != 0)
            rotation_begin(store, space->name);
    }
}
