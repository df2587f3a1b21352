/*
 * Writing a map. The order of stores is the whole argument: a cell loses its version before its value changes and gets
 * the new one after; a slot is complete before a bucket names it; the header's version comes last.
 */
#include "lib/map/map.h"

#include <string.h>

#include "lib/map/layout.h"

#define ROOM_LEAST_BYTES 16u

/* Room for a value that grows a little is cheaper than a new slot. */
static uint32_t room_for(size_t value_bytes) {
    size_t room = value_bytes <= 8 ? 8 : value_bytes + value_bytes / 2;
    if (room > 8 && room < ROOM_LEAST_BYTES)
        room = ROOM_LEAST_BYTES;
    room = (room + 7) & ~(size_t)7;
    return (uint32_t)(room > MAP_VALUE_BYTES_MAX ? MAP_VALUE_BYTES_MAX : room);
}

/* At most half full: probing stays short. */
static uint32_t buckets_for(uint32_t key_count) {
    uint32_t count = 16;
    while (count < UINT32_C(1) << 30 && count / 2 < key_count)
        count *= 2;
    return count;
}

uint64_t map_size_for(uint32_t key_count, uint64_t key_and_value_bytes) {
    uint64_t slots = key_count * (slot_bytes(0, ROOM_LEAST_BYTES) + 8) + 3 * key_and_value_bytes;
    return sizeof(struct map_header) + 4 * (uint64_t)buckets_for(key_count) + slots + slots / 2;
}

int map_create(struct map_writer *writer, void *base, uint64_t bytes, uint32_t key_count, uint64_t tag,
               uint64_t version) {
    uint32_t buckets = buckets_for(key_count);
    uint64_t used = sizeof(struct map_header) + 4 * (uint64_t)buckets;
    bytes &= ~UINT64_C(7);
    if (bytes > UINT64_C(8) * UINT32_MAX)
        bytes = UINT64_C(8) * UINT32_MAX; /* as far as a bucket can name */
    if (used > bytes)
        return GROVE_INVALID;
    writer->header = base;
    *writer->header = (struct map_header){.magic = MAP_MAGIC,
                                          .format = MAP_FORMAT,
                                          .total_bytes = bytes,
                                          .tag = tag,
                                          .bucket_count = buckets,
                                          .used_bytes = (used + 7) & ~UINT64_C(7),
                                          .version = version};
    return map_attach(&writer->view, base, bytes);
}

static uint8_t *writable(const struct map_writer *writer, uint64_t offset) {
    return (uint8_t *)writer->header + offset;
}

static void store_value(uint8_t *to, const uint8_t *from, size_t bytes) {
    for (; bytes > 0; to += 8) {
        uint64_t word = 0;
        size_t part = bytes < 8 ? bytes : 8;
        memcpy(&word, from, part);
        __atomic_store_n((uint64_t *)(void *)to, word, __ATOMIC_RELAXED);
        from += part;
        bytes -= part;
    }
}

/* Into the cell of this change if it has one already, else into the older one. */
static void write_cell(struct map_writer *writer, const struct map_place *place, uint32_t kind, const void *value,
                       size_t value_bytes) {
    uint8_t *slot = writable(writer, place->offset_bytes);
    struct map_cell *cells[2];
    uint64_t next = writer->header->version + 1;
    for (unsigned index = 0; index < 2; index++)
        cells[index] = (struct map_cell *)(uintptr_t)slot_cell(slot, place->room_bytes, index);
    struct map_cell *cell = cells[0]->version == next               ? cells[0]
                            : cells[1]->version == next             ? cells[1]
                            : cells[0]->version < cells[1]->version ? cells[0]
                                                                    : cells[1];
    __atomic_store_n(&cell->version, 0, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* pairs with the fence in map_read: whoever saw a word below sees the 0 */
    __atomic_store_n(&cell->kind, kind, __ATOMIC_RELAXED);
    __atomic_store_n(&cell->length_bytes, (uint32_t)value_bytes, __ATOMIC_RELAXED);
    store_value((uint8_t *)(cell + 1), value, value_bytes);
    __atomic_store_n(&cell->version, next, __ATOMIC_RELEASE); /* pairs with the load in newest_cell */
}

/* What is to be seen until this change is published goes along into the slot that takes a key over. */
static void carry_over(struct map_writer *writer, const struct map_place *from, const struct map_place *to) {
    const uint8_t *slot = writable(writer, from->offset_bytes);
    struct map_cell *cell =
        (struct map_cell *)(uintptr_t)slot_cell(writable(writer, to->offset_bytes), to->room_bytes, 0);
    for (unsigned index = 0; index < 2; index++) {
        const struct map_cell *old = slot_cell(slot, from->room_bytes, index);
        if (old->version <= cell->version || old->version > writer->header->version)
            continue;
        *cell = *old;
        store_value((uint8_t *)(cell + 1), (const uint8_t *)(old + 1), old->length_bytes);
    }
}

/* Append a slot; its key cannot be found yet. */
static int append_slot(struct map_writer *writer, const void *key, size_t key_bytes, size_t value_bytes,
                       struct map_place *place) {
    struct map_header *header = writer->header;
    uint32_t room = room_for(value_bytes);
    uint64_t offset = header->used_bytes, bytes = slot_bytes((uint32_t)key_bytes, room);
    if (bytes > header->total_bytes - offset)
        return GROVE_EXHAUSTED;
    struct map_slot_header slot = {
        .hash = map_hash(key, key_bytes), .key_bytes = (uint32_t)key_bytes, .room_bytes = room};
    memset(writable(writer, offset), 0, bytes);
    memcpy(writable(writer, offset), &slot, sizeof slot);
    memcpy(writable(writer, offset + slot_key_offset(room)), key, key_bytes);
    header->used_bytes = offset + bytes;
    *place = (struct map_place){offset, (uint32_t)key_bytes, room};
    return 0;
}

/* The bucket that names the slot at `old`, or with 0 the first free one. NULL: the table is too full. */
static uint32_t *find_bucket(struct map_writer *writer, uint64_t hash, uint64_t old) {
    uint32_t *buckets = (uint32_t *)(void *)writable(writer, sizeof(struct map_header));
    uint32_t count = writer->header->bucket_count;
    for (uint32_t probe = 0; probe < count * 3 / 4; probe++) {
        uint32_t *bucket = &buckets[(hash + probe) & (count - 1)];
        if (*bucket == (uint32_t)(old / 8))
            return bucket;
    }
    return NULL;
}

int map_put(struct map_writer *writer, const void *key, size_t key_bytes, uint32_t kind, const void *value,
            size_t value_bytes) {
    struct map_place place, grown;
    if (key_bytes == 0 || key_bytes > MAP_KEY_BYTES_MAX || kind == MAP_KIND_MOVED)
        return GROVE_INVALID;
    if (value_bytes > MAP_VALUE_BYTES_MAX)
        return GROVE_TOO_LARGE;
    bool is_there = map_find(&writer->view, key, key_bytes, &place) == 0;
    if (!is_there && kind == MAP_KIND_ABSENT)
        return 0;
    if (is_there && value_bytes <= place.room_bytes) {
        write_cell(writer, &place, kind, value, value_bytes);
        return 0;
    }
    uint32_t *bucket = find_bucket(writer, map_hash(key, key_bytes), is_there ? place.offset_bytes : 0);
    int status = bucket == NULL ? GROVE_EXHAUSTED : append_slot(writer, key, key_bytes, value_bytes, &grown);
    if (status < 0)
        return status;
    if (is_there)
        carry_over(writer, &place, &grown);
    write_cell(writer, &grown, kind, value, value_bytes);
    if (is_there)
        write_cell(writer, &place, MAP_KIND_MOVED, NULL, 0);
    /* Pairs with the load in map_find. */
    __atomic_store_n(bucket, (uint32_t)(grown.offset_bytes / 8), __ATOMIC_RELEASE);
    return 0;
}

void map_publish(struct map_writer *writer) {
    /* Pairs with the load in map_version. */
    __atomic_store_n(&writer->header->version, writer->header->version + 1, __ATOMIC_RELEASE);
}

void map_close(struct map_writer *writer) {
    __atomic_store_n(&writer->header->is_closed, 1, __ATOMIC_RELEASE); /* pairs with the load in map_is_closed */
}
