/*
 * Memory by small pieces: slabs of one page, each cut into objects of one size.
 *
 * A slab begins with struct slab, so no object lies at the beginning of a page, and an object's slab is found by rounding
 * its address down. A bit for each object says whether it is free, so giving one back twice is noticed. A cache keeps one
 * slab without objects for the next time and gives further ones back.
 *
 * One lock guards a cache.
 */
#ifndef GROVE_BARE_SLAB_H
#define GROVE_BARE_SLAB_H

#include "kernel/core/list.h"
#include "kernel/machine/bare/spinlock.h"

#include <stdint.h>

#define SLAB_BYTES 4096u
#define SLAB_OBJECT_ALIGNMENT 16u
#define SLAB_OBJECTS_MAX 256u
#define SLAB_OBJECT_BYTES_MAX 2000u /* two of them fit */

/* Where pages come from. */
struct slab_pages {
    /* A page, aligned to its size, contents undefined; NULL when there is none. */
    void *(*take)(void *context);
    void (*give_back)(void *context, void *page);
    void *context;
};

struct slab_cache {
    struct spinlock lock;
    const struct slab_pages *pages;
    uint32_t object_bytes, objects_in_slab;
    struct list partial; /* slabs with used and free objects */
    struct list full;
    struct slab *empty; /* the one that is kept; NULL for none */
    uint64_t slabs, used; /* how many slabs and how many objects in use there are */
};

/* object_bytes is at most SLAB_OBJECT_BYTES_MAX; objects are aligned to SLAB_OBJECT_ALIGNMENT. */
void slab_cache_init(struct slab_cache *cache, uint32_t object_bytes, const struct slab_pages *pages);
/* An object, contents undefined; NULL without memory. */
void *slab_take(struct slab_cache *cache);
/* Panics if it is no object of a cache, or free already. The cache is found from the object. */
void slab_give_back(void *object);
/* Give the kept slab back. */
void slab_cache_trim(struct slab_cache *cache);

#endif
