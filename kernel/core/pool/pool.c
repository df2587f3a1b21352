/* Bounded pools: see pool.h. */
#include "kernel/core/pool/pool.h"

#include <string.h>

#define GENERATION_LAST (UINT32_MAX - 1)

size_t pool_bytes(size_t item_bytes, uint32_t capacity) {
    return item_bytes * capacity;
}

void pool_init(struct pool *pool, void *base, size_t item_bytes, uint32_t capacity) {
    *pool = (struct pool){.base = base, .item_bytes = item_bytes, .capacity = capacity, .touched = 1};
}

static struct pool_item *item_at(const struct pool *pool, uint32_t index) {
    return (struct pool_item *)(void *)(pool->base + (size_t)index * pool->item_bytes);
}

void *pool_take(struct pool *pool) {
    uint32_t index = pool->first_free;
    if (index == 0 && pool->touched >= pool->capacity)
        return NULL;
    if (index == 0)
        index = pool->touched++;
    struct pool_item *item = item_at(pool, index);
    if (index == pool->first_free)
        pool->first_free = item->index;
    memset(item + 1, 0, pool->item_bytes - sizeof(*item));
    item->generation++;
    item->index = index;
    pool->used++;
    return item;
}

void pool_give_back(struct pool *pool, void *object) {
    struct pool_item *item = object;
    uint32_t index = item->index;
    item->generation++;
    pool->used--;
    if (item->generation == GENERATION_LAST)
        return;
    item->index = pool->first_free;
    pool->first_free = index;
}

void *pool_at(const struct pool *pool, uint32_t index) {
    if (index == 0 || index >= pool->touched)
        return NULL;
    struct pool_item *item = item_at(pool, index);
    return (item->generation & 1) != 0 ? item : NULL;
}

void *pool_find(const struct pool *pool, uint64_t identity) {
    struct pool_item *item = pool_at(pool, (uint32_t)identity);
    return item != NULL && item->generation == (uint32_t)(identity >> 32) ? item : NULL;
}

uint64_t pool_identity(const void *object) {
    const struct pool_item *item = object;
    return (uint64_t)item->generation << 32 | item->index;
}

uint32_t pool_index(const void *object) {
    const struct pool_item *item = object;
    return item->index;
}
