/*
 * Which physical memory may be used: sorted ranges of whole pages that neither touch nor overlap.
 *
 * A boot loader's list is input: its entries may lie in any order, overlap, be empty or wrap around. Usable ranges are
 * added first and everything that is taken is removed after that, so that an overlap always counts as taken.
 */
#ifndef GROVE_BARE_MEMORY_MAP_H
#define GROVE_BARE_MEMORY_MAP_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_MAP_MAX 128u
#define MEMORY_PAGE_BYTES UINT64_C(4096)

struct memory_range {
    uint64_t start, end; /* physical addresses, multiples of the page; end is the first one behind it */
};

struct memory_map {
    uint32_t count;
    bool is_cut; /* something did not fit and was left out: less memory is used than there is */
    struct memory_range ranges[MEMORY_MAP_MAX];
};

/* The whole pages of [start, start + size_bytes). Nothing happens for a range that wraps around or holds no page. */
void memory_map_add(struct memory_map *map, uint64_t start, uint64_t size_bytes);
/* Every page that [start, start + size_bytes) touches is not there any more; one that wraps reaches to the end. */
void memory_map_remove(struct memory_map *map, uint64_t start, uint64_t size_bytes);
uint64_t memory_map_bytes(const struct memory_map *map);
/* The end of the last range; 0 for an empty map. */
uint64_t memory_map_end(const struct memory_map *map);

#endif
