/*
 * Reading a map. What is loaded twice could differ the second time: each word is loaded once and checked as it is used.
 */
#include "lib/map/map.h"

#include <string.h>

#include "lib/map/layout.h"

#define READ_TRIES 1000u

int map_attach(struct map_view *view, const void *base, uint64_t bytes) {
    const struct map_header *header = base;
    if (bytes < sizeof *header)
        return GROVE_CORRUPT;
    const struct map_header seen = *header;
    if (seen.magic != MAP_MAGIC)
        return GROVE_CORRUPT;
    if (seen.format != MAP_FORMAT)
        return GROVE_VERSION;
    bool has_buckets = seen.bucket_count != 0 && (seen.bucket_count & (seen.bucket_count - 1)) == 0 &&
                       sizeof *header + (uint64_t)seen.bucket_count * 4 <= seen.total_bytes;
    if (seen.total_bytes > bytes || !has_buckets)
        return GROVE_CORRUPT;
    *view = (struct map_view){
        .base = base, .total_bytes = seen.total_bytes, .bucket_count = seen.bucket_count, .tag = seen.tag};
    return 0;
}

/* A slot at this place, if all of it lies inside. */
static bool check_slot(const struct map_view *view, uint64_t offset, struct map_slot_header *slot) {
    if (offset < sizeof(struct map_header) || offset > view->total_bytes - sizeof *slot)
        return false;
    memcpy(slot, view->base + offset, sizeof *slot);
    return slot->key_bytes <= MAP_KEY_BYTES_MAX && slot->room_bytes <= MAP_VALUE_BYTES_MAX &&
           slot->room_bytes % 8 == 0 && slot_bytes(slot->key_bytes, slot->room_bytes) <= view->total_bytes - offset;
}

int map_find(const struct map_view *view, const void *key, size_t key_bytes, struct map_place *place) {
    const uint32_t *buckets = map_buckets(view->base);
    uint64_t hash = map_hash(key, key_bytes);
    struct map_slot_header slot;
    for (uint32_t probe = 0; probe < view->bucket_count; probe++) {
        /* Pairs with the store in map_put: a slot that can be found is complete but for its values. */
        uint32_t at = __atomic_load_n(&buckets[(hash + probe) & (view->bucket_count - 1)], __ATOMIC_ACQUIRE);
        uint64_t offset = (uint64_t)at * 8;
        if (at == 0)
            return GROVE_NOT_FOUND;
        if (!check_slot(view, offset, &slot))
            return GROVE_CORRUPT;
        if (slot.hash != hash || slot.key_bytes != key_bytes ||
            memcmp(view->base + offset + slot_key_offset(slot.room_bytes), key, key_bytes) != 0)
            continue;
        *place = (struct map_place){offset, slot.key_bytes, slot.room_bytes};
        return 0;
    }
    return GROVE_NOT_FOUND;
}

/* Word by word, so that a change in the middle is a wrong value, thrown away, and no torn load. */
static void copy_value(void *value, const uint8_t *from, size_t bytes) {
    uint8_t *to = value;
    for (; bytes >= 8; bytes -= 8, from += 8, to += 8) {
        uint64_t word = __atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_RELAXED);
        memcpy(to, &word, 8);
    }
    if (bytes > 0) {
        uint64_t word = __atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_RELAXED);
        memcpy(to, &word, bytes);
    }
}

/* The newest cell that is published; NULL: none, or both belong to later changes. */
static const struct map_cell *newest_cell(const uint8_t *slot, uint32_t room_bytes, uint64_t published,
                                          uint64_t *version) {
    const struct map_cell *found = NULL;
    *version = 0;
    for (unsigned index = 0; index < 2; index++) {
        const struct map_cell *cell = slot_cell(slot, room_bytes, index);
        uint64_t seen = __atomic_load_n(&cell->version, __ATOMIC_ACQUIRE); /* pairs with the last store of write_cell */
        if (seen > *version && seen <= published) {
            *version = seen;
            found = cell;
        }
    }
    return found;
}

static int result_of(uint32_t kind, uint32_t seen_bytes, uint32_t room_bytes) {
    if (kind == MAP_KIND_MOVED)
        return GROVE_WRONG_STATE;
    if (kind == MAP_KIND_ABSENT)
        return GROVE_NOT_FOUND;
    return seen_bytes > room_bytes ? GROVE_CORRUPT : 0;
}

int map_read(const struct map_view *view, const struct map_place *place, void *value, size_t room_bytes,
             size_t *length_bytes, uint32_t *kind) {
    const uint8_t *slot = view->base + place->offset_bytes;
    for (unsigned try = 0; try < READ_TRIES; try++) {
        uint64_t version, published = map_version(view);
        const struct map_cell *cell = newest_cell(slot, place->room_bytes, published, &version);
        if (cell == NULL && map_version(view) == published)
            return GROVE_NOT_FOUND;
        if (cell == NULL)
            continue;
        uint32_t seen_kind = __atomic_load_n(&cell->kind, __ATOMIC_RELAXED);
        uint32_t seen_bytes = __atomic_load_n(&cell->length_bytes, __ATOMIC_RELAXED);
        int status = result_of(seen_kind, seen_bytes, place->room_bytes);
        if (status == 0)
            copy_value(value, (const uint8_t *)(cell + 1), seen_bytes < room_bytes ? seen_bytes : room_bytes);
        __atomic_thread_fence(__ATOMIC_ACQUIRE); /* pairs with the fence in write_cell */
        if (__atomic_load_n(&cell->version, __ATOMIC_RELAXED) != version)
            continue;
        if (status < 0)
            return status;
        if (length_bytes != NULL)
            *length_bytes = seen_bytes;
        *kind = seen_kind;
        return 0;
    }
    return GROVE_TIMED_OUT;
}

int map_get(const struct map_view *view, const void *key, size_t key_bytes, void *value, size_t room_bytes,
            size_t *length_bytes, uint32_t *kind) {
    struct map_place place;
    int status = GROVE_WRONG_STATE;
    for (unsigned try = 0; try < READ_TRIES && status == GROVE_WRONG_STATE; try++) {
        status = map_find(view, key, key_bytes, &place);
        if (status == 0)
            status = map_read(view, &place, value, room_bytes, length_bytes, kind);
    }
    return status;
}

int map_next(const struct map_view *view, uint32_t *cursor, struct map_place *place) {
    const uint32_t *buckets = map_buckets(view->base);
    struct map_slot_header slot;
    for (; *cursor < view->bucket_count; ++*cursor) {
        /* Pairs with the store in map_put. */
        uint64_t offset = (uint64_t)__atomic_load_n(&buckets[*cursor], __ATOMIC_ACQUIRE) * 8;
        if (offset == 0)
            continue;
        if (!check_slot(view, offset, &slot))
            return GROVE_CORRUPT;
        ++*cursor;
        *place = (struct map_place){offset, slot.key_bytes, slot.room_bytes};
        return 0;
    }
    return GROVE_NOT_FOUND;
}

const void *map_key(const struct map_view *view, const struct map_place *place) {
    return view->base + place->offset_bytes + slot_key_offset(place->room_bytes);
}
