/*
 * Fuzz target: a map that a hostile writer made. Whatever its bytes are, every function ends and reads inside them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/map/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void read_places(const struct map_view *view) {
    struct map_place place;
    uint8_t value[64], key[MAP_KEY_BYTES_MAX];
    uint32_t cursor = 0, kind;
    for (unsigned count = 0; count < 64 && map_next(view, &cursor, &place) == 0; count++) {
        size_t bytes = 0;
        memcpy(key, map_key(view, &place), place.key_bytes);
        (void)map_read(view, &place, value, sizeof value, &bytes, &kind);
        (void)map_get(view, key, place.key_bytes, value, sizeof value, &bytes, &kind);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct map_view view;
    uint8_t value[64];
    uint32_t kind;
    uint64_t *copy = malloc(size_bytes + 8); /* 8-aligned, as memory that was mapped is */
    memcpy(copy, data, size_bytes);
    if (map_attach(&view, copy, size_bytes) == 0) {
        read_places(&view);
        (void)map_get(&view, "limit", 5, value, sizeof value, NULL, &kind);
        (void)map_version(&view);
        (void)map_is_closed(&view);
    }
    free(copy);
    return 0;
}
