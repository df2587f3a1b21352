/* Memory by small pieces: see slab.h. */
#include "kernel/machine/bare/mm/slab.h"

#include "kernel/core/machine.h"

#define MAGIC 0x51ab51abu
#define BITS 64u
#define WORDS (SLAB_OBJECTS_MAX / BITS)
#define HEADER_BYTES ((sizeof(struct slab) + SLAB_OBJECT_ALIGNMENT - 1) & ~(size_t)(SLAB_OBJECT_ALIGNMENT - 1))

struct slab {
    struct list link; /* in one of the cache's lists, or in none: then it is the empty one */
    struct slab_cache *cache;
    uint32_t magic, used;
    uint64_t is_free[WORDS]; /* a bit for each object */
};

void slab_cache_init(struct slab_cache *cache, uint32_t object_bytes, const struct slab_pages *pages) {
    uint32_t size = (object_bytes + SLAB_OBJECT_ALIGNMENT - 1) & ~(SLAB_OBJECT_ALIGNMENT - 1);
    if (size == 0 || object_bytes > SLAB_OBJECT_BYTES_MAX)
        machine_panic("a slab cache of an impossible size");
    *cache = (struct slab_cache){.pages = pages, .object_bytes = size};
    cache->objects_in_slab = (uint32_t)((SLAB_BYTES - HEADER_BYTES) / size);
    list_init(&cache->partial);
    list_init(&cache->full);
}

static struct slab *make_slab(struct slab_cache *cache) {
    struct slab *slab = cache->pages->take(cache->pages->context);
    if (slab == NULL)
        return NULL;
    *slab = (struct slab){.cache = cache, .magic = MAGIC};
    for (uint32_t i = 0; i < cache->objects_in_slab; i++)
        slab->is_free[i / BITS] |= UINT64_C(1) << (i % BITS);
    cache->slabs++;
    return slab;
}

static uint8_t *object_at(struct slab *slab, uint32_t number) {
    return (uint8_t *)slab + HEADER_BYTES + (size_t)number * slab->cache->object_bytes;
}

/* A slab with a free object, first in the list of partial ones; NULL without memory. */
static struct slab *open_slab(struct slab_cache *cache) {
    struct slab *slab = list_first_item(&cache->partial, struct slab, link);
    if (slab != NULL)
        return slab;
    slab = cache->empty != NULL ? cache->empty : make_slab(cache);
    cache->empty = NULL;
    if (slab != NULL)
        list_prepend(&cache->partial, &slab->link);
    return slab;
}

static void *take(struct slab_cache *cache) {
    struct slab *slab = open_slab(cache);
    if (slab == NULL)
        return NULL;
    uint32_t word = 0;
    while (slab->is_free[word] == 0)
        word++;
    uint32_t bit = (uint32_t)__builtin_ctzll(slab->is_free[word]);
    slab->is_free[word] &= ~(UINT64_C(1) << bit);
    slab->used++;
    cache->used++;
    if (slab->used == cache->objects_in_slab) {
        list_remove(&slab->link);
        list_prepend(&cache->full, &slab->link);
    }
    return object_at(slab, word * BITS + bit);
}

void *slab_take(struct slab_cache *cache) {
    spinlock_lock(&cache->lock);
    void *object = take(cache);
    spinlock_unlock(&cache->lock);
    return object;
}

static uint32_t number_of(struct slab *slab, const void *object) {
    uintptr_t distance = (uintptr_t)object - (uintptr_t)object_at(slab, 0);
    if ((uintptr_t)object < (uintptr_t)object_at(slab, 0) || distance % slab->cache->object_bytes != 0 ||
        distance / slab->cache->object_bytes >= slab->cache->objects_in_slab)
        machine_panic("something was given back that is no object of a slab");
    return (uint32_t)(distance / slab->cache->object_bytes);
}

/* Keep an empty slab if there is none kept yet; returns the one to give back otherwise. */
static struct slab *keep_or_drop(struct slab_cache *cache, struct slab *slab) {
    if (cache->empty == NULL) {
        cache->empty = slab;
        return NULL;
    }
    slab->magic = 0;
    cache->slabs--;
    return slab;
}

void slab_give_back(void *object) {
    struct slab *slab = (struct slab *)((uintptr_t)object & ~(uintptr_t)(SLAB_BYTES - 1));
    if (slab->magic != MAGIC)
        machine_panic("something was given back that is no object of a slab");
    struct slab_cache *cache = slab->cache;
    struct slab *dropped = NULL;
    uint32_t number = number_of(slab, object);
    uint64_t bit = UINT64_C(1) << (number % BITS);
    spinlock_lock(&cache->lock);
    if ((slab->is_free[number / BITS] & bit) != 0)
        machine_panic("an object of a slab was given back twice");
    slab->is_free[number / BITS] |= bit;
    slab->used--;
    cache->used--;
    list_remove(&slab->link);
    if (slab->used > 0)
        list_prepend(&cache->partial, &slab->link);
    else
        dropped = keep_or_drop(cache, slab);
    spinlock_unlock(&cache->lock);
    if (dropped != NULL)
        cache->pages->give_back(cache->pages->context, dropped);
}

void slab_cache_trim(struct slab_cache *cache) {
    spinlock_lock(&cache->lock);
    struct slab *slab = cache->empty;
    cache->empty = NULL;
    if (slab != NULL) {
        slab->magic = 0;
        cache->slabs--;
    }
    spinlock_unlock(&cache->lock);
    if (slab != NULL)
        cache->pages->give_back(cache->pages->context, slab);
}
