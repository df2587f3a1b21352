/*
 * The hot cache: a hash table with chains, and a list by use.
 */
#include "servers/store/cache.h"

#include <stdlib.h>
#include <string.h>

#include "grove/abi/status.h"
#include "servers/store/seal.h"

#define BYTES_A_BUCKET 256u

int cache_init(struct cache *cache, size_t limit_bytes, uint64_t seed) {
    size_t count = 64;
    while (count < limit_bytes / BYTES_A_BUCKET)
        count *= 2;
    *cache = (struct cache){.bucket_count = count, .limit_bytes = limit_bytes, .seed = seed};
    cache->buckets = calloc(count, sizeof *cache->buckets);
    return cache->buckets == NULL ? GROVE_NO_MEMORY : 0;
}

static size_t bytes_of(const struct cache_entry *entry) {
    return sizeof *entry + entry->key_bytes + (entry->has_value ? entry->value_bytes : 0);
}

/* Multiply and fold, eight bytes at a time, from a secret seed. */
static uint64_t mix(uint64_t a, uint64_t b) {
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(const struct cache *cache, uint32_t namespace, const uint8_t *key, uint8_t key_bytes) {
    uint64_t hash = mix(cache->seed ^ namespace, UINT64_C(0x9e3779b97f4a7c15) ^ key_bytes);
    for (size_t at = 0; at < key_bytes; at += 8) {
        uint64_t word = 0;
        memcpy(&word, key + at, key_bytes - at < 8 ? key_bytes - at : 8);
        hash = mix(hash ^ word, cache->seed | 1);
    }
    return hash;
}

static void unlink_use(struct cache *cache, struct cache_entry *entry) {
    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_use(struct cache *cache, struct cache_entry *entry) {
    entry->newer = NULL;
    entry->older = cache->newest;
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static struct cache_entry **place_of(struct cache *cache, uint64_t hash, uint32_t namespace, const uint8_t *key,
                                     uint8_t key_bytes) {
    struct cache_entry **place = &cache->buckets[hash & (cache->bucket_count - 1)];
    while (*place != NULL && ((*place)->hash != hash || (*place)->namespace != namespace ||
                              (*place)->key_bytes != key_bytes || memcmp((*place)->bytes, key, key_bytes) != 0))
        place = &(*place)->next;
    return place;
}

static void remove_at(struct cache *cache, struct cache_entry **place) {
    struct cache_entry *entry = *place;
    *place = entry->next;
    unlink_use(cache, entry);
    cache->used_bytes -= bytes_of(entry);
    if (entry->has_value)
        seal_forget(entry->bytes + entry->key_bytes, entry->value_bytes);
    free(entry);
}

/* There is one. */
static void remove_oldest(struct cache *cache) {
    struct cache_entry **place = &cache->buckets[cache->oldest->hash & (cache->bucket_count - 1)];
    while (*place != cache->oldest)
        place = &(*place)->next;
    remove_at(cache, place);
}

static void make_room(struct cache *cache, size_t wanted_bytes) {
    while (cache->oldest != NULL && cache->used_bytes + wanted_bytes > cache->limit_bytes)
        remove_oldest(cache);
}

struct cache_entry *cache_find(struct cache *cache, uint32_t namespace, const uint8_t *key, uint8_t key_bytes) {
    struct cache_entry *entry = *place_of(cache, hash_of(cache, namespace, key, key_bytes), namespace, key, key_bytes);
    if (entry != NULL && entry != cache->newest) {
        unlink_use(cache, entry);
        link_use(cache, entry);
    }
    return entry;
}

struct cache_entry *cache_put(struct cache *cache, uint32_t namespace, const uint8_t *key, uint8_t key_bytes,
                              const struct cache_facts *facts) {
    bool has_value = facts->value != NULL && facts->value_bytes <= CACHE_VALUE_MAX;
    size_t bytes = sizeof(struct cache_entry) + key_bytes + (has_value ? facts->value_bytes : 0);
    cache_drop(cache, namespace, key, key_bytes);
    make_room(cache, bytes);
    struct cache_entry *entry = bytes <= cache->limit_bytes ? malloc(bytes) : NULL;
    if (entry == NULL)
        return NULL;
    uint64_t hash = hash_of(cache, namespace, key, key_bytes);
    struct cache_entry **bucket = &cache->buckets[hash & (cache->bucket_count - 1)];
    *entry = (struct cache_entry){.next = *bucket,
                                  .hash = hash,
                                  .namespace = namespace,
                                  .charge = facts->charge,
                                  .version = facts->version,
                                  .expires_ms = facts->expires_ms,
                                  .value_bytes = facts->value_bytes,
                                  .key_bytes = key_bytes,
                                  .has_value = has_value};
    memcpy(entry->bytes, key, key_bytes);
    if (has_value && facts->value_bytes > 0)
        memcpy(entry->bytes + key_bytes, facts->value, facts->value_bytes);
    *bucket = entry;
    link_use(cache, entry);
    cache->used_bytes += bytes;
    return entry;
}

void cache_drop(struct cache *cache, uint32_t namespace, const uint8_t *key, uint8_t key_bytes) {
    struct cache_entry **place = place_of(cache, hash_of(cache, namespace, key, key_bytes), namespace, key, key_bytes);
    if (*place != NULL)
        remove_at(cache, place);
}

void cache_drop_namespace(struct cache *cache, uint32_t namespace) {
    for (size_t bucket = 0; bucket < cache->bucket_count; bucket++)
        for (struct cache_entry **place = &cache->buckets[bucket]; *place != NULL;) {
            if ((*place)->namespace == namespace)
                remove_at(cache, place);
            else
                place = &(*place)->next;
        }
}

void cache_deinit(struct cache *cache) {
    while (cache->oldest != NULL)
        remove_oldest(cache);
    free(cache->buckets);
}
