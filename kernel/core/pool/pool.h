/*
 * Bounded pools of kernel objects, with generations.
 *
 * A pool is an array of items of one size. Item 0 is never given out, so that index 0 and identity 0 mean "none". Memory
 * is touched from the front only as far as it was ever needed: free items are chained, items never used are not.
 *
 * Invariant: the generation of an item is odd while it is in use and even while it is free, and never repeats, so that
 * an identity (index low, generation high) names at most one object for ever. An item whose generations are used up is
 * not given out again.
 */
#ifndef GROVE_CORE_POOL_H
#define GROVE_CORE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first member of every pool item. */
struct pool_item {
    uint32_t generation;
    uint32_t index; /* while free: the next free item */
};

struct pool {
    uint8_t *base;
    size_t item_bytes;
    uint32_t capacity; /* items, the unused item 0 included */
    uint32_t touched; /* items below this were in use at some time */
    uint32_t used;
    uint32_t first_free;
};

size_t pool_bytes(size_t item_bytes, uint32_t capacity);
/* `base` is zeroed memory of pool_bytes, 64-aligned. */
void pool_init(struct pool *pool, void *base, size_t item_bytes, uint32_t capacity);
/* A zeroed item (but for its header), or NULL when all are in use. */
void *pool_take(struct pool *pool);
void pool_give_back(struct pool *pool, void *item);
/* The item in use at an index, or NULL. */
void *pool_at(const struct pool *pool, uint32_t index);
/* The item of an identity, or NULL if it is gone. */
void *pool_find(const struct pool *pool, uint64_t identity);
/* Identity of an item: index low, generation high. `item` points to a structure that begins with struct pool_item. */
uint64_t pool_identity(const void *item);
uint32_t pool_index(const void *item);

#endif
