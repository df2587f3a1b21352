/*
 * Physical memory by whole pages: a buddy allocator over one table with an entry for each page frame.
 *
 * A block is 2^order frames, aligned to its size. A free block's first entry says so and its order, and links it with the
 * other free blocks of that order; every other entry of a free block says nothing (FRAME_INSIDE). No two free buddies
 * exist. Frames that were never added belong to somebody else for ever. Memory itself is never touched here.
 *
 * One lock guards it. So that processors seldom meet there, each has a struct frame_cache of single frames.
 */
#ifndef GROVE_BARE_BUDDY_H
#define GROVE_BARE_BUDDY_H

#include "kernel/machine/bare/spinlock.h"

#include <stddef.h>
#include <stdint.h>

#define BUDDY_ORDERS 19u /* the largest block is 1 GiB */
#define FRAME_BYTES 4096u
#define FRAME_NONE UINT32_MAX

enum frame_state { FRAME_RESERVED, FRAME_INSIDE, FRAME_FREE, FRAME_USED, FRAME_CACHED };

struct memory_account;

struct frame {
    union {
        struct {
            uint32_t next, previous; /* in the list of free blocks; FRAME_NONE at its ends */
        };
        struct memory_account *account; /* of a counted page (pages.h) */
    };
    uint8_t state; /* enum frame_state */
    uint8_t order;
    uint16_t reserved;
    uint32_t references; /* for whoever has it; 0 when it is taken */
};

struct buddy {
    struct spinlock lock;
    struct frame *frames;
    uint32_t count;
    uint32_t free_heads[BUDDY_ORDERS];
    uint64_t total, free; /* in frames; `free` does not count what lies in caches */
};

/* Bytes of the table for `count` frames. */
size_t buddy_table_bytes(uint32_t count);
/* `table` is undefined memory for frames [0, count); all of them are reserved. */
void buddy_init(struct buddy *buddy, struct frame *table, uint32_t count);
/* Give it the reserved frames [first, first + count). */
void buddy_add(struct buddy *buddy, uint32_t first, uint32_t count);
/* Take a block of 2^order frames. GROVE_NO_MEMORY. */
int buddy_take(struct buddy *buddy, unsigned order, uint32_t *first);
/* Panics if `first` is not the first frame of a block that was taken. */
void buddy_give_back(struct buddy *buddy, uint32_t first);

#define FRAME_CACHE_MAX 64u
#define FRAME_CACHE_BATCH 32u

/* Used by one processor only, which is not interrupted by another use of it. All zero is an empty one. */
struct frame_cache {
    uint32_t count;
    uint32_t frames[FRAME_CACHE_MAX];
};

/* Take one frame, from the cache if it has one. GROVE_NO_MEMORY; what other caches hold is not seen. */
int frame_cache_take(struct frame_cache *cache, struct buddy *buddy, uint32_t *frame);
void frame_cache_give_back(struct frame_cache *cache, struct buddy *buddy, uint32_t frame);
/* Give all of it back to the buddy allocator. */
void frame_cache_flush(struct frame_cache *cache, struct buddy *buddy);

#endif
