/*
 * A buddy heap over one range of memory, for what has no fixed size: texts and copies of specs.
 *
 * Blocks are a power of two of granules, aligned to their size. Memory from `top` on was never used and is not touched;
 * below `top` every granule belongs to exactly one block, free or in use, and no two free buddies exist. One byte for
 * each granule says what begins there, so freeing needs no size.
 */
#ifndef GROVE_CORE_HEAP_H
#define GROVE_CORE_HEAP_H

#include "kernel/core/list.h"

#include <stdint.h>

#define HEAP_ORDERS 20u

struct heap {
    uint8_t *base;
    uint8_t *marks;
    uint32_t granule_bytes; /* a power of two, at least 32 */
    uint32_t granules, top, used; /* in granules */
    struct list free[HEAP_ORDERS];
};

/* Bytes that heap_init needs in `marks` for a heap of size_bytes. */
size_t heap_mark_bytes(uint64_t size_bytes, uint32_t granule_bytes);
void heap_init(struct heap *heap, void *base, uint64_t size_bytes, uint8_t *marks, uint32_t granule_bytes);
/* Aligned to the granule, contents undefined; NULL when there is no room. */
void *heap_take(struct heap *heap, size_t size_bytes);
void heap_give_back(struct heap *heap, void *block);

#endif
