/*
 * The hot cache: what keys are known to hold, so that most reads and checks touch no database.
 *
 * An entry says the version of a key, and, if it was read or written lately and is not large, its value. It may be
 * dropped at any time. Bounded in bytes; the least recently used go first. Values are overwritten when they go.
 */
#ifndef SERVERS_STORE_CACHE_H
#define SERVERS_STORE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_VALUE_MAX 16384u

struct cache_entry {
    struct cache_entry *next; /* of its bucket */
    struct cache_entry *newer, *older;
    uint64_t hash;
    uint32_t namespace;
    uint32_t charge; /* bytes that the key takes of its namespace's quota */
    uint64_t version, expires_ms;
    uint32_t value_bytes;
    uint8_t key_bytes;
    bool has_value;
    uint8_t bytes[]; /* key, then the value */
};

struct cache {
    struct cache_entry **buckets;
    size_t bucket_count; /* a power of two */
    struct cache_entry *newest, *oldest;
    size_t used_bytes, limit_bytes;
    uint64_t seed;
};

/* GROVE_NO_MEMORY. `seed` is random, so that nobody can choose keys that collide. */
int cache_init(struct cache *cache, size_t limit_bytes, uint64_t seed);
void cache_deinit(struct cache *cache);
/* The entry becomes the newest. NULL: not known. */
struct cache_entry *cache_find(struct cache *cache, uint32_t namespace, const uint8_t *key, uint8_t key_bytes);
/* What an entry is made of; value NULL: it is not kept. */
struct cache_facts {
    uint64_t version, expires_ms;
    uint32_t charge;
    const void *value;
    uint32_t value_bytes;
};
/* Replaces what was known. NULL: no memory, or too large; then nothing is known of the key. */
struct cache_entry *cache_put(struct cache *cache, uint32_t namespace, const uint8_t *key, uint8_t key_bytes,
                              const struct cache_facts *facts);
void cache_drop(struct cache *cache, uint32_t namespace, const uint8_t *key, uint8_t key_bytes);
void cache_drop_namespace(struct cache *cache, uint32_t namespace);

static inline const void *cache_value(const struct cache_entry *entry) {
    return entry->bytes + entry->key_bytes;
}

#endif
