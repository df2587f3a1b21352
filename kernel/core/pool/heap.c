/* The buddy heap: see heap.h. */
#include "kernel/core/pool/heap.h"

#define MARK_FREE 0x80u
#define MARK_USED 0x40u
#define MARK_ORDER 0x1fu

size_t heap_mark_bytes(uint64_t size_bytes, uint32_t granule_bytes) {
    return (size_t)(size_bytes / granule_bytes);
}

void heap_init(struct heap *heap, void *base, uint64_t size_bytes, uint8_t *marks, uint32_t granule_bytes) {
    *heap = (struct heap){.base = base,
                          .marks = marks,
                          .granule_bytes = granule_bytes,
                          .granules = (uint32_t)(size_bytes / granule_bytes)};
    for (uint32_t order = 0; order < HEAP_ORDERS; order++)
        list_init(&heap->free[order]);
}

static struct list *block_link(const struct heap *heap, uint32_t granule) {
    return (struct list *)(void *)(heap->base + (size_t)granule * heap->granule_bytes);
}

static uint32_t block_granule(const struct heap *heap, const void *block) {
    return (uint32_t)((size_t)((const uint8_t *)block - heap->base) / heap->granule_bytes);
}

static void make_free(struct heap *heap, uint32_t granule, uint32_t order) {
    heap->marks[granule] = (uint8_t)(MARK_FREE | order);
    list_prepend(&heap->free[order], block_link(heap, granule));
}

static uint32_t order_of(const struct heap *heap, size_t size_bytes) {
    uint32_t order = 0;
    while (order < HEAP_ORDERS && ((size_t)heap->granule_bytes << order) < size_bytes)
        order++;
    return order;
}

/* Raise `top` to a multiple of the block, leaving free blocks behind, and take the block there. */
static bool take_fresh(struct heap *heap, uint32_t order, uint32_t *granule) {
    uint32_t size = 1u << order;
    uint64_t start = ((uint64_t)heap->top + size - 1) & ~((uint64_t)size - 1);
    if (start + size > heap->granules)
        return false;
    while (heap->top < start) {
        uint32_t gap_order = (uint32_t)__builtin_ctz(heap->top);
        make_free(heap, heap->top, gap_order);
        heap->top += 1u << gap_order;
    }
    heap->top = (uint32_t)start + size;
    *granule = (uint32_t)start;
    return true;
}

/* Take a free block of at least this order and give back the halves that are too much. */
static bool take_freed(struct heap *heap, uint32_t order, uint32_t *granule) {
    uint32_t found = order;
    while (found < HEAP_ORDERS && list_is_empty(&heap->free[found]))
        found++;
    if (found == HEAP_ORDERS)
        return false;
    struct list *link = heap->free[found].next;
    list_remove(link);
    *granule = block_granule(heap, link);
    while (found > order) {
        found--;
        make_free(heap, *granule + (1u << found), found);
    }
    return true;
}

void *heap_take(struct heap *heap, size_t size_bytes) {
    uint32_t order = order_of(heap, size_bytes);
    uint32_t granule = 0;
    if (order >= HEAP_ORDERS || (!take_freed(heap, order, &granule) && !take_fresh(heap, order, &granule)))
        return NULL;
    heap->marks[granule] = (uint8_t)(MARK_USED | order);
    heap->used += 1u << order;
    return heap->base + (size_t)granule * heap->granule_bytes;
}

void heap_give_back(struct heap *heap, void *block) {
    uint32_t granule = block_granule(heap, block);
    uint32_t order = heap->marks[granule] & MARK_ORDER;
    heap->used -= 1u << order;
    heap->marks[granule] = 0;
    while (order + 1 < HEAP_ORDERS) {
        uint32_t buddy = granule ^ (1u << order);
        if (buddy >= heap->top || heap->marks[buddy] != (MARK_FREE | order))
            break;
        list_remove(block_link(heap, buddy));
        heap->marks[buddy] = 0;
        granule = granule < buddy ? granule : buddy;
        order++;
    }
    make_free(heap, granule, order);
}
