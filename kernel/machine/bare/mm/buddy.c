/* Physical memory by whole pages: see buddy.h. */
#include "kernel/machine/bare/mm/buddy.h"

#include "grove/abi/status.h"
#include "kernel/core/machine.h"

size_t buddy_table_bytes(uint32_t count) {
    return (size_t)count * sizeof(struct frame);
}

void buddy_init(struct buddy *buddy, struct frame *table, uint32_t count) {
    *buddy = (struct buddy){.frames = table, .count = count};
    for (unsigned order = 0; order < BUDDY_ORDERS; order++)
        buddy->free_heads[order] = FRAME_NONE;
    for (uint32_t i = 0; i < count; i++)
        table[i] = (struct frame){.state = FRAME_RESERVED};
}

static void link_free(struct buddy *buddy, uint32_t first, unsigned order) {
    uint32_t *head = &buddy->free_heads[order];
    struct frame *frame = &buddy->frames[first];
    frame->state = FRAME_FREE;
    frame->order = (uint8_t)order;
    frame->previous = FRAME_NONE;
    frame->next = *head;
    if (*head != FRAME_NONE)
        buddy->frames[*head].previous = first;
    *head = first;
}

static void unlink_free(struct buddy *buddy, uint32_t first) {
    struct frame *frame = &buddy->frames[first];
    if (frame->previous != FRAME_NONE)
        buddy->frames[frame->previous].next = frame->next;
    else
        buddy->free_heads[frame->order] = frame->next;
    if (frame->next != FRAME_NONE)
        buddy->frames[frame->next].previous = frame->previous;
    frame->state = FRAME_INSIDE;
}

/* Make a block free, and one with its buddy as long as that is free too. */
static void make_free(struct buddy *buddy, uint32_t first, unsigned order) {
    buddy->free += UINT64_C(1) << order;
    buddy->frames[first].state = FRAME_INSIDE;
    while (order + 1 < BUDDY_ORDERS) {
        uint32_t other = first ^ (1u << order);
        if (other >= buddy->count || buddy->frames[other].state != FRAME_FREE || buddy->frames[other].order != order)
            break;
        unlink_free(buddy, other);
        first = first < other ? first : other;
        order++;
    }
    link_free(buddy, first, order);
}

/* The largest block that may begin at `first` and is no longer than `count`. */
static unsigned largest_order(uint32_t first, uint32_t count) {
    unsigned order = 0;
    while (order + 1 < BUDDY_ORDERS && first % (2u << order) == 0 && count >= 2u << order)
        order++;
    return order;
}

void buddy_add(struct buddy *buddy, uint32_t first, uint32_t count) {
    spinlock_lock(&buddy->lock);
    for (uint32_t i = first; i < first + count; i++) {
        if (i >= buddy->count || buddy->frames[i].state != FRAME_RESERVED)
            machine_panic("a page frame was added that is not there or was added before");
        buddy->frames[i].state = FRAME_INSIDE;
    }
    buddy->total += count;
    while (count > 0) {
        unsigned order = largest_order(first, count);
        make_free(buddy, first, order);
        first += 1u << order;
        count -= 1u << order;
    }
    spinlock_unlock(&buddy->lock);
}

/* Take the block from the smallest that is large enough; the halves that are too much stay free. */
static int take(struct buddy *buddy, unsigned order, uint32_t *first) {
    unsigned found = order;
    while (found < BUDDY_ORDERS && buddy->free_heads[found] == FRAME_NONE)
        found++;
    if (found >= BUDDY_ORDERS)
        return GROVE_NO_MEMORY;
    uint32_t block = buddy->free_heads[found];
    unlink_free(buddy, block);
    while (found > order) {
        found--;
        link_free(buddy, block + (1u << found), found);
    }
    buddy->frames[block] = (struct frame){.state = FRAME_USED, .order = (uint8_t)order};
    buddy->free -= UINT64_C(1) << order;
    *first = block;
    return 0;
}

static void give_back(struct buddy *buddy, uint32_t first) {
    if (first >= buddy->count || buddy->frames[first].state != FRAME_USED)
        machine_panic("a page frame was given back that nobody had");
    make_free(buddy, first, buddy->frames[first].order);
}

int buddy_take(struct buddy *buddy, unsigned order, uint32_t *first) {
    spinlock_lock(&buddy->lock);
    int status = take(buddy, order, first);
    spinlock_unlock(&buddy->lock);
    return status;
}

void buddy_give_back(struct buddy *buddy, uint32_t first) {
    spinlock_lock(&buddy->lock);
    give_back(buddy, first);
    spinlock_unlock(&buddy->lock);
}

/* ---- caches ---- */

static void refill(struct frame_cache *cache, struct buddy *buddy) {
    spinlock_lock(&buddy->lock);
    while (cache->count < FRAME_CACHE_BATCH && take(buddy, 0, &cache->frames[cache->count]) == 0) {
        buddy->frames[cache->frames[cache->count]].state = FRAME_CACHED;
        cache->count++;
    }
    spinlock_unlock(&buddy->lock);
}

static void drain(struct frame_cache *cache, struct buddy *buddy, uint32_t left) {
    spinlock_lock(&buddy->lock);
    while (cache->count > left) {
        uint32_t frame = cache->frames[--cache->count];
        buddy->frames[frame].state = FRAME_USED;
        give_back(buddy, frame);
    }
    spinlock_unlock(&buddy->lock);
}

int frame_cache_take(struct frame_cache *cache, struct buddy *buddy, uint32_t *frame) {
    if (cache->count == 0)
        refill(cache, buddy);
    if (cache->count == 0)
        return GROVE_NO_MEMORY;
    *frame = cache->frames[--cache->count];
    buddy->frames[*frame].state = FRAME_USED;
    buddy->frames[*frame].references = 0;
    return 0;
}

void frame_cache_give_back(struct frame_cache *cache, struct buddy *buddy, uint32_t frame) {
    if (frame >= buddy->count || buddy->frames[frame].state != FRAME_USED || buddy->frames[frame].order != 0)
        machine_panic("a page frame was given back that nobody had");
    if (cache->count == FRAME_CACHE_MAX)
        drain(cache, buddy, FRAME_CACHE_MAX - FRAME_CACHE_BATCH);
    buddy->frames[frame].state = FRAME_CACHED;
    cache->frames[cache->count++] = frame;
}

void frame_cache_flush(struct frame_cache *cache, struct buddy *buddy) {
    drain(cache, buddy, 0);
}
