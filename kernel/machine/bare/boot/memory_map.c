/* Usable physical memory: see memory_map.h. */
#include "kernel/machine/bare/boot/memory_map.h"

#include <string.h>

static void delete_at(struct memory_map *map, uint32_t at) {
    map->count--;
    memmove(&map->ranges[at], &map->ranges[at + 1], (map->count - at) * sizeof(map->ranges[0]));
}

static bool insert_at(struct memory_map *map, uint32_t at, struct memory_range range) {
    if (map->count == MEMORY_MAP_MAX) {
        map->is_cut = true;
        return false;
    }
    memmove(&map->ranges[at + 1], &map->ranges[at], (map->count - at) * sizeof(map->ranges[0]));
    map->ranges[at] = range;
    map->count++;
    return true;
}

void memory_map_add(struct memory_map *map, uint64_t start, uint64_t size) {
    uint64_t end = start + size;
    if (end < start || start > UINT64_MAX - (MEMORY_PAGE_BYTES - 1))
        return;
    struct memory_range range = {.start = (start + MEMORY_PAGE_BYTES - 1) & ~(MEMORY_PAGE_BYTES - 1),
                                 .end = end & ~(MEMORY_PAGE_BYTES - 1)};
    if (range.start >= range.end)
        return;
    uint32_t at = 0;
    while (at < map->count && map->ranges[at].end < range.start)
        at++;
    while (at < map->count && map->ranges[at].start <= range.end) {
        if (map->ranges[at].start < range.start)
            range.start = map->ranges[at].start;
        if (map->ranges[at].end > range.end)
            range.end = map->ranges[at].end;
        delete_at(map, at);
    }
    (void)insert_at(map, at, range);
}

void memory_map_remove(struct memory_map *map, uint64_t start, uint64_t size) {
    uint64_t last = size > 0 ? start + size - 1 : start;
    if (size == 0)
        return;
    if (last < start)
        last = UINT64_MAX;
    start &= ~(MEMORY_PAGE_BYTES - 1);
    last |= MEMORY_PAGE_BYTES - 1;
    for (uint32_t at = 0; at < map->count;) {
        struct memory_range range = map->ranges[at];
        if (range.end <= start || range.start > last) {
            at++;
            continue;
        }
        delete_at(map, at);
        if (range.start < start && insert_at(map, at, (struct memory_range){range.start, start}))
            at++;
        if (range.end - 1 > last && insert_at(map, at, (struct memory_range){last + 1, range.end}))
            at++;
    }
}

uint64_t memory_map_bytes(const struct memory_map *map) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < map->count; i++)
        sum += map->ranges[i].end - map->ranges[i].start;
    return sum;
}

uint64_t memory_map_end(const struct memory_map *map) {
    return map->count > 0 ? map->ranges[map->count - 1].end : 0;
}
