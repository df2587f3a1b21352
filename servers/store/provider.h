/*
 * A provider keeps sealed entries: what the engine needs of a database, and no more. Entries are found by the number of
 * their namespace and their key, in byte order; what they hold means nothing here.
 *
 * Changes come in batches: begin, puts and erases, commit or rollback. After commit they are there even if the process
 * dies at once; `synchronise` (from any one thread) makes them outlive the machine. Reads see the batch under way.
 * A view is the state between two batches, and stays as it is.
 *
 * Statuses: GROVE_IO, GROVE_FULL, GROVE_CORRUPT, GROVE_NO_MEMORY. A put or erase that fails leaves a batch that can only
 * be rolled back.
 */
#ifndef SERVERS_STORE_PROVIDER_H
#define SERVERS_STORE_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct provider;
struct provider_view;

struct stored {
    const uint8_t *key;
    const uint8_t *sealed;
    uint64_t version, expires_ms; /* 0: never */
    uint32_t sealed_bytes;
    uint8_t key_bytes;
};

struct provider_range {
    uint32_t namespace;
    uint8_t from_bytes, to_bytes;
    bool is_after; /* the key `from` itself is left out */
    bool has_end; /* up to `to`, which is left out */
    bool is_backward;
    bool keys_only; /* sealed may be NULL; its length is told */
    const uint8_t *from, *to;
};

/* What it is shown is valid inside it. Anything but 0 ends the walk. */
typedef int provider_handler(uint32_t namespace, const struct stored *stored, void *context);

struct provider_operations {
    const char *name;
    bool is_durable;
    int (*begin)(struct provider *provider);
    int (*put)(struct provider *provider, uint32_t namespace, const struct stored *stored);
    int (*erase)(struct provider *provider, uint32_t namespace, const uint8_t *key, uint8_t key_bytes);
    int (*commit)(struct provider *provider);
    void (*rollback)(struct provider *provider);
    /* view NULL: now. GROVE_NOT_FOUND. Returns what the handler does. */
    int (*get)(struct provider *provider, struct provider_view *view, uint32_t namespace, const uint8_t *key,
               uint8_t key_bytes, provider_handler *handler, void *context);
    int (*scan)(struct provider *provider, struct provider_view *view, const struct provider_range *range,
                provider_handler *handler, void *context);
    int (*usage)(struct provider *provider, uint32_t namespace, uint64_t *keys, uint64_t *bytes);
    int (*view_open)(struct provider *provider, struct provider_view **view);
    void (*view_close)(struct provider *provider, struct provider_view *view);
    /* Entries that end up to then, the earliest first, and when the next one ends (UINT64_MAX: none). */
    int (*expired)(struct provider *provider, uint64_t until_ms, provider_handler *handler, void *context);
    int (*next_expiry)(struct provider *provider, uint64_t *next_ms);
    /* All of a namespace, as part of a batch. */
    int (*drop)(struct provider *provider, uint32_t namespace);
};

struct provider {
    const struct provider_operations *operations;
};

/* What an entry takes of its namespace's quota. */
static inline uint32_t stored_charge(uint8_t key_bytes, uint32_t sealed_bytes) {
    return key_bytes + sealed_bytes;
}

#endif
