/*
 * A map from keys to values in shared memory: one process writes, others read without a system call and without a lock.
 *
 *     +-----------------------+  0
 *     | struct map_header     |  sizes, the published version
 *     +-----------------------+
 *     | buckets[]             |  where a slot begins, in units of 8 bytes; 0 free; linear probing; power of two of them
 *     +-----------------------+  each slot 8-aligned, appended and never moved
 *     | slot | cell 0 | cell 1 | key | slot | ...
 *     +-----------------------+  used_bytes, then room for more
 *
 * A change has a number, one more than the change before, and may concern many keys. It is written into the cell of each
 * slot that holds the older of the two last values, and becomes visible as a whole when the header's `version` is set to
 * its number. A reader takes the newest cell whose version is not above the header's, copies it, and looks whether the
 * cell still has that version; only if two further changes of that very key came meanwhile does it read again. A value that
 * outgrows its slot gets a new one, and the change leaves MOVED in the old one.
 *
 * The writer may die at any store: what it had not published is never seen, reading goes on, and the next writer makes a
 * new map and leaves the old one CLOSED or, if it cannot write there any more, as it is. Nothing is ever freed in a map.
 *
 * Readers treat the memory as hostile: they keep what they checked, and whatever it holds, every function ends and reads
 * inside. No function allocates. Byte order is the processor's; a map does not leave the machine.
 */
#ifndef GROVE_MAP_MAP_H
#define GROVE_MAP_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grove/abi/status.h"

#define MAP_MAGIC 0x50414d47u /* "GMAP" */
#define MAP_FORMAT 1u
#define MAP_KEY_BYTES_MAX 1024u
#define MAP_VALUE_BYTES_MAX (16u << 20)
/* Kinds of values are the user's own, below these. */
#define MAP_KIND_ABSENT 0xffffffffu /* the key has been removed */
#define MAP_KIND_MOVED 0xfffffffeu /* look the key up again */

struct map_header {
    uint32_t magic, format;
    uint64_t total_bytes;
    uint64_t tag; /* the writer's own; tells one map from the next */
    uint32_t bucket_count;
    uint32_t is_closed; /* changes: no further change comes here */
    uint64_t used_bytes; /* the writer's */
    uint64_t version; /* changes: number of the newest change that is to be seen */
    uint64_t reserved[3];
};
_Static_assert(sizeof(struct map_header) == 72, "the header of a map");

struct map_cell {
    uint64_t version; /* changes: 0 nothing, or being written */
    uint32_t kind, length_bytes;
};
struct map_slot_header {
    uint64_t hash;
    uint32_t key_bytes;
    uint32_t room_bytes; /* of each cell's value, a multiple of 8 */
};

/* ---- reading ---- */

/* What a reader has checked of a map. The memory stays the caller's, who keeps it mapped. */
struct map_view {
    const uint8_t *base;
    uint64_t total_bytes;
    uint32_t bucket_count;
    uint64_t tag;
};
/* A key that was found. */
struct map_place {
    uint64_t offset_bytes;
    uint32_t key_bytes, room_bytes;
};

/* Check the header. GROVE_CORRUPT, GROVE_VERSION. `base` is 8-aligned. */
int map_attach(struct map_view *view, const void *base, uint64_t bytes);
/* GROVE_NOT_FOUND, GROVE_CORRUPT. A key that was removed is found; map_read says that it is absent. */
int map_find(const struct map_view *view, const void *key, size_t key_bytes, struct map_place *place);
/*
 * Copy the value of a place: at most room_bytes of it; *length_bytes (may be NULL) is its whole length. Returns its
 * kind, below MAP_KIND_MOVED. GROVE_NOT_FOUND: it is absent; GROVE_WRONG_STATE: it has moved; GROVE_CORRUPT;
 * GROVE_TIMED_OUT: it changed a thousand times while being read.
 */
int map_read(const struct map_view *view, const struct map_place *place, void *value, size_t room_bytes,
             size_t *length_bytes, uint32_t *kind);
/* Both of these, again when the value moved in between. */
int map_get(const struct map_view *view, const void *key, size_t key_bytes, void *value, size_t room_bytes,
            size_t *length_bytes, uint32_t *kind);
/*
 * Every key, one after the other: *cursor begins at 0. GROVE_NOT_FOUND at the end, GROVE_CORRUPT. A key that moves meanwhile may
 * be met in its old place, where reading says so.
 */
int map_next(const struct map_view *view, uint32_t *cursor, struct map_place *place);
/* The key of a place, place->key_bytes long, in the map's memory. */
const void *map_key(const struct map_view *view, const struct map_place *place);
/* Number of the newest change. The same before and after several reads: they belong together. */
static inline uint64_t map_version(const struct map_view *view) {
    /* Pairs with the store in map_publish. */
    return __atomic_load_n(&((const struct map_header *)(const void *)view->base)->version, __ATOMIC_ACQUIRE);
}
static inline bool map_is_closed(const struct map_view *view) {
    return __atomic_load_n(&((const struct map_header *)(const void *)view->base)->is_closed, __ATOMIC_ACQUIRE) != 0;
}

/* ---- writing ---- */

struct map_writer {
    struct map_header *header;
    struct map_view view;
};

/* Bytes that a map needs for so many keys, whose keys and values together have so many bytes, and half as much again. */
uint64_t map_size_for(uint32_t key_count, uint64_t key_and_value_bytes);
/*
 * Make an empty map of version `version` in zeroed memory of so many bytes. Its tag is the caller's choice. GROVE_INVALID:
 * too little room for the header and `key_count` buckets.
 */
int map_create(struct map_writer *writer, void *base, uint64_t bytes, uint32_t key_count, uint64_t tag,
               uint64_t version);
/*
 * Part of the next change: set a key, or with kind MAP_KIND_ABSENT and no value remove it. GROVE_EXHAUSTED: no room is
 * left; the change can then not be published here, so the writer makes a larger map. GROVE_TOO_LARGE, GROVE_INVALID.
 */
int map_put(struct map_writer *writer, const void *key, size_t key_bytes, uint32_t kind, const void *value,
            size_t value_bytes);
/* Show all that was put since the last time, at once. */
void map_publish(struct map_writer *writer);
/* Tell readers to ask for the next map. */
void map_close(struct map_writer *writer);

#endif
