/*
 * Granules and blocks, as arena.c and arena_take_over.c share them. Private to these two files.
 */
#ifndef GROVE_CHANNEL_ARENA_H
#define GROVE_CHANNEL_ARENA_H

#include "lib/channel/internal.h"

#define ARENA_NONE UINT32_MAX

struct arena_block {
    uint64_t keep_until[GROVE_LANES]; /* used until this end has completed the peer's lanes up to here */
    uint32_t records; /* uncompleted own records that carry a slice of it */
    uint32_t loans; /* times the application has it */
    uint32_t retired_next;
    bool is_retired; /* in the list */
};

static inline uint32_t granule_of(uint64_t offset_bytes) {
    return (uint32_t)(offset_bytes / GROVE_ARENA_GRANULE);
}

static inline uint32_t granules_of_range(uint64_t offset_bytes, uint64_t length_bytes) {
    return granule_of(offset_bytes + length_bytes - 1u) - granule_of(offset_bytes) + 1u;
}

/* Set or clear bits [first, first + count). */
void bits_fill(uint64_t *bits, uint32_t first, uint32_t count, bool value);
/* The first granule of the block around a used one. */
uint32_t block_first(const struct arena *arena, uint32_t granule);
/* Retire every block that is marked and not counted. */
void arena_retire_unused(struct arena *arena);

#endif
