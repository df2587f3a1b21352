/* Where the parts of a map lie, shared by reading and writing. */
#ifndef GROVE_MAP_LAYOUT_H
#define GROVE_MAP_LAYOUT_H

#include "lib/map/map.h"

/* FNV-1a, its halves folded together: the keys are short and nobody hostile chooses them for others. */
static inline uint64_t map_hash(const void *key, size_t key_bytes) {
    const uint8_t *bytes = key;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t index = 0; index < key_bytes; index++)
        hash = (hash ^ bytes[index]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static inline const uint32_t *map_buckets(const uint8_t *base) {
    return (const uint32_t *)(const void *)(base + sizeof(struct map_header));
}

/* From the beginning of a slot: header, two cells each with its value, the key. */
static inline uint64_t slot_key_offset(uint32_t room_bytes) {
    return sizeof(struct map_slot_header) + 2 * (sizeof(struct map_cell) + (uint64_t)room_bytes);
}
static inline uint64_t slot_bytes(uint32_t key_bytes, uint32_t room_bytes) {
    return (slot_key_offset(room_bytes) + key_bytes + 7) & ~UINT64_C(7);
}
static inline const struct map_cell *slot_cell(const uint8_t *slot, uint32_t room_bytes, unsigned index) {
    return (const struct map_cell *)(const void *)(slot + sizeof(struct map_slot_header) +
                                                   index * (sizeof(struct map_cell) + (uint64_t)room_bytes));
}

#endif
