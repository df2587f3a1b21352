/*
 * The provider "memory": a sorted array of entries for each namespace.
 *
 * An entry never changes; arrays and views share it and count. So a view is a copy of the arrays, and undoing a batch is
 * putting back the entries that it replaced, in reverse order.
 */
#include "servers/store/memory.h"

#include <stdlib.h>
#include <string.h>

#include "grove/abi/status.h"
#include "servers/store/seal.h"

struct entry {
    uint64_t version, expires_ms;
    uint32_t references, sealed_bytes;
    uint8_t key_bytes;
    uint8_t bytes[]; /* key, sealed */
};

struct table {
    uint32_t namespace;
    size_t count, size;
    struct entry **entries; /* by key */
};

struct tables {
    struct table *list;
    size_t count;
};

/* What a batch did to a key: `before` (NULL: absent) comes back with a rollback. */
struct undo {
    struct undo *older;
    uint32_t namespace;
    struct entry *before; /* referenced */
    uint8_t key_bytes;
    uint8_t key[255];
};

struct memory {
    struct provider provider; /* first */
    struct tables tables;
    struct undo *newest;
};

struct provider_view {
    struct tables tables;
};

static struct memory *memory_of(struct provider *provider) {
    return (struct memory *)provider;
}

/* ---- entries ---- */

static struct entry *entry_make(const struct stored *stored) {
    struct entry *entry = malloc(sizeof *entry + stored->key_bytes + stored->sealed_bytes);
    if (entry == NULL)
        return NULL;
    *entry = (struct entry){.version = stored->version,
                            .expires_ms = stored->expires_ms,
                            .references = 1,
                            .sealed_bytes = stored->sealed_bytes,
                            .key_bytes = stored->key_bytes};
    memcpy(entry->bytes, stored->key, stored->key_bytes);
    memcpy(entry->bytes + stored->key_bytes, stored->sealed, stored->sealed_bytes);
    return entry;
}

static void entry_unref(struct entry *entry) {
    if (entry != NULL && --entry->references == 0)
        free(entry);
}

static int show(uint32_t namespace, const struct entry *entry, provider_handler *handler, void *context) {
    return handler(namespace,
                   &(struct stored){.key = entry->bytes,
                                    .sealed = entry->bytes + entry->key_bytes,
                                    .version = entry->version,
                                    .expires_ms = entry->expires_ms,
                                    .sealed_bytes = entry->sealed_bytes,
                                    .key_bytes = entry->key_bytes},
                   context);
}

/* ---- tables ---- */

static struct table *table_find(const struct tables *tables, uint32_t namespace) {
    for (size_t index = 0; index < tables->count; index++)
        if (tables->list[index].namespace == namespace)
            return &tables->list[index];
    return NULL;
}

static struct table *table_find_or_add(struct tables *tables, uint32_t namespace) {
    struct table *found = table_find(tables, namespace);
    if (found != NULL)
        return found;
    struct table *list = realloc(tables->list, (tables->count + 1) * sizeof *list);
    if (list == NULL)
        return NULL;
    tables->list = list;
    list[tables->count] = (struct table){.namespace = namespace};
    return &list[tables->count++];
}

static int compare(const struct entry *entry, const uint8_t *key, uint8_t key_bytes) {
    uint8_t shorter = entry->key_bytes < key_bytes ? entry->key_bytes : key_bytes;
    int order = shorter > 0 ? memcmp(entry->bytes, key, shorter) : 0;
    return order != 0 ? order : (int)entry->key_bytes - (int)key_bytes;
}

/* The first place whose key is not before this one. */
static size_t place_of(const struct table *table, const uint8_t *key, uint8_t key_bytes) {
    size_t first = 0, end = table->count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (compare(table->entries[middle], key, key_bytes) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

static bool is_at(const struct table *table, size_t place, const uint8_t *key, uint8_t key_bytes) {
    return place < table->count && compare(table->entries[place], key, key_bytes) == 0;
}

static int table_insert(struct table *table, size_t place, struct entry *entry) {
    if (table->count == table->size) {
        size_t size = table->size == 0 ? 16 : 2 * table->size;
        struct entry **entries = realloc(table->entries, size * sizeof(struct entry *));
        if (entries == NULL)
            return GROVE_NO_MEMORY;
        table->entries = entries;
        table->size = size;
    }
    memmove(&table->entries[place + 1], &table->entries[place], (table->count - place) * sizeof(struct entry *));
    table->entries[place] = entry;
    table->count++;
    return 0;
}

static void table_remove(struct table *table, size_t place) {
    table->count--;
    memmove(&table->entries[place], &table->entries[place + 1], (table->count - place) * sizeof(struct entry *));
}

static void tables_deinit(struct tables *tables) {
    for (size_t index = 0; index < tables->count; index++) {
        for (size_t place = 0; place < tables->list[index].count; place++)
            entry_unref(tables->list[index].entries[place]);
        free(tables->list[index].entries);
    }
    free(tables->list);
    *tables = (struct tables){0};
}

/* Put an entry (NULL: none) in the place of what has its key. The reference is taken over; what was there is returned. */
static int replace(struct memory *memory, uint32_t namespace, const uint8_t *key, uint8_t key_bytes,
                   struct entry *entry, struct entry **before) {
    struct table *table = table_find_or_add(&memory->tables, namespace);
    if (table == NULL)
        return GROVE_NO_MEMORY;
    size_t place = place_of(table, key, key_bytes);
    bool is_there = is_at(table, place, key, key_bytes);
    *before = is_there ? table->entries[place] : NULL;
    if (is_there && entry != NULL)
        table->entries[place] = entry;
    else if (is_there)
        table_remove(table, place);
    else if (entry != NULL)
        return table_insert(table, place, entry);
    return 0;
}

/* ---- batches ---- */

static int begin(struct provider *provider) {
    (void)provider;
    return 0;
}

static int change(struct memory *memory, uint32_t namespace, const uint8_t *key, uint8_t key_bytes,
                  struct entry *entry) {
    struct undo *undo = malloc(sizeof *undo);
    struct entry *before = NULL;
    int status = undo == NULL ? GROVE_NO_MEMORY : replace(memory, namespace, key, key_bytes, entry, &before);
    if (status < 0) {
        free(undo);
        entry_unref(entry);
        return status;
    }
    *undo = (struct undo){.older = memory->newest, .namespace = namespace, .before = before, .key_bytes = key_bytes};
    memcpy(undo->key, key, key_bytes);
    memory->newest = undo;
    return 0;
}

static int put(struct provider *provider, uint32_t namespace, const struct stored *stored) {
    struct entry *entry = entry_make(stored);
    return entry == NULL ? GROVE_NO_MEMORY
                         : change(memory_of(provider), namespace, stored->key, stored->key_bytes, entry);
}

static int erase(struct provider *provider, uint32_t namespace, const uint8_t *key, uint8_t key_bytes) {
    return change(memory_of(provider), namespace, key, key_bytes, NULL);
}

static void forget_undo(struct memory *memory, bool puts_back) {
    while (memory->newest != NULL) {
        struct undo *undo = memory->newest;
        struct entry *replaced = NULL;
        memory->newest = undo->older;
        if (puts_back) /* cannot fail: there was room for it before */
            (void)replace(memory, undo->namespace, undo->key, undo->key_bytes, undo->before, &replaced);
        entry_unref(puts_back ? replaced : undo->before);
        free(undo);
    }
}

static int commit(struct provider *provider) {
    forget_undo(memory_of(provider), false);
    return 0;
}

static void rollback(struct provider *provider) {
    forget_undo(memory_of(provider), true);
}

static int drop(struct provider *provider, uint32_t namespace) {
    struct memory *memory = memory_of(provider);
    const struct table *table = table_find(&memory->tables, namespace);
    int status = 0;
    while (status == 0 && table != NULL && table->count > 0) {
        const struct entry *last = table->entries[table->count - 1];
        status = change(memory, namespace, last->bytes, last->key_bytes, NULL);
    }
    return status;
}

/* ---- reading ---- */

static const struct tables *tables_of(struct provider *provider, const struct provider_view *view) {
    return view != NULL ? &view->tables : &memory_of(provider)->tables;
}

static int get(struct provider *provider, struct provider_view *view, uint32_t namespace, const uint8_t *key,
               uint8_t key_bytes, provider_handler *handler, void *context) {
    const struct table *table = table_find(tables_of(provider, view), namespace);
    size_t place = table != NULL ? place_of(table, key, key_bytes) : 0;
    if (table == NULL || !is_at(table, place, key, key_bytes))
        return GROVE_NOT_FOUND;
    return show(namespace, table->entries[place], handler, context);
}

static int scan(struct provider *provider, struct provider_view *view, const struct provider_range *range,
                provider_handler *handler, void *context) {
    const struct table *table = table_find(tables_of(provider, view), range->namespace);
    if (table == NULL)
        return 0;
    size_t first = place_of(table, range->from, range->from_bytes);
    first += range->is_after && is_at(table, first, range->from, range->from_bytes) ? 1 : 0;
    size_t end = range->has_end ? place_of(table, range->to, range->to_bytes) : table->count;
    int status = 0;
    for (size_t step = 0; status == 0 && first + step < end; step++)
        status = show(range->namespace, table->entries[range->is_backward ? end - 1 - step : first + step], handler,
                      context);
    return 0;
}

static int usage(struct provider *provider, uint32_t namespace, uint64_t *keys, uint64_t *bytes) {
    const struct table *table = table_find(&memory_of(provider)->tables, namespace);
    *keys = *bytes = 0;
    for (size_t place = 0; table != NULL && place < table->count; place++) {
        *keys += 1;
        *bytes += stored_charge(table->entries[place]->key_bytes, table->entries[place]->sealed_bytes);
    }
    return 0;
}

static void view_close(struct provider *provider, struct provider_view *view) {
    (void)provider;
    tables_deinit(&view->tables);
    free(view);
}

static int copy_table(struct tables *tables, const struct table *from) {
    struct table *table = table_find_or_add(tables, from->namespace);
    if (table == NULL)
        return GROVE_NO_MEMORY;
    table->entries = malloc((from->count + 1) * sizeof(struct entry *));
    if (table->entries == NULL)
        return GROVE_NO_MEMORY;
    table->size = from->count + 1;
    for (; table->count < from->count; table->count++) {
        table->entries[table->count] = from->entries[table->count];
        table->entries[table->count]->references++;
    }
    return 0;
}

static int view_open(struct provider *provider, struct provider_view **view) {
    const struct tables *tables = &memory_of(provider)->tables;
    struct provider_view *opened = calloc(1, sizeof *opened);
    int status = opened == NULL ? GROVE_NO_MEMORY : 0;
    for (size_t index = 0; status == 0 && index < tables->count; index++)
        status = copy_table(&opened->tables, &tables->list[index]);
    if (status < 0) {
        if (opened != NULL)
            view_close(provider, opened);
        return status;
    }
    *view = opened;
    return 0;
}

/* ---- ends ---- */

/* Rare, and what is in memory is small: all entries are looked at. */
static int expired(struct provider *provider, uint64_t until_ms, provider_handler *handler, void *context) {
    const struct tables *tables = &memory_of(provider)->tables;
    int status = 0;
    for (size_t index = 0; index < tables->count; index++)
        for (size_t place = 0; status == 0 && place < tables->list[index].count; place++) {
            const struct entry *entry = tables->list[index].entries[place];
            if (entry->expires_ms > 0 && entry->expires_ms <= until_ms)
                status = show(tables->list[index].namespace, entry, handler, context);
        }
    return 0;
}

static int next_expiry(struct provider *provider, uint64_t *next_ms) {
    const struct tables *tables = &memory_of(provider)->tables;
    *next_ms = UINT64_MAX;
    for (size_t index = 0; index < tables->count; index++)
        for (size_t place = 0; place < tables->list[index].count; place++) {
            uint64_t ends_ms = tables->list[index].entries[place]->expires_ms;
            *next_ms = ends_ms > 0 && ends_ms < *next_ms ? ends_ms : *next_ms;
        }
    return 0;
}

static const struct provider_operations operations = {
    .name = "memory",
    .begin = begin,
    .put = put,
    .erase = erase,
    .commit = commit,
    .rollback = rollback,
    .get = get,
    .scan = scan,
    .usage = usage,
    .view_open = view_open,
    .view_close = view_close,
    .expired = expired,
    .next_expiry = next_expiry,
    .drop = drop,
};

int memory_create(struct provider **provider) {
    struct memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL)
        return GROVE_NO_MEMORY;
    memory->provider.operations = &operations;
    *provider = &memory->provider;
    return 0;
}

void memory_destroy(struct provider *provider) {
    struct memory *memory = memory_of(provider);
    forget_undo(memory, false);
    tables_deinit(&memory->tables);
    free(memory);
}
