/*
 * The read-only map of a namespace: opened with one call, read without any.
 *
 * The store grants the region and answers with its id; session_take_region finds the notice. Values are stored as their
 * version (8 bytes) and their bytes.
 */
#include "lib/store/internal.h"

#include <stdlib.h>
#include <string.h>

#include "lib/map/map.h"
#include "lib/session/client.h"

struct grove_store_map {
    struct grove_session *session;
    const struct grove_channel *channel;
    uint32_t epoch; /* of the store's instance that made it */
    struct grove_region *region;
    struct map_view view;
};

static int attach(struct grove_store *store, const struct grove_store_map_reply *reply, struct grove_store_map *map) {
    uint64_t bytes = 0;
    int status = session_take_region(store->session, reply->region, &map->region);
    if (status < 0)
        return status;
    const void *data = grove_region_data(map->region, &bytes);
    map->session = store->session;
    map->channel = store->channel;
    map->epoch = store->channel->base.peer_epoch;
    status = map_attach(&map->view, data, bytes);
    return status < 0 ? error_set(status, "the store's map of %s is none of this version", store->name.text) : 0;
}

int grove_store_map_open(struct grove_store *store, struct grove_store_map **map) {
    struct grove_store_namespace_request request = {.version = GROVE_STORE_PROTOCOL_VERSION, .name = store->name};
    struct grove_store_map_reply reply;
    struct grove_answer answer;
    const uint8_t *rest;
    size_t rest_bytes;
    int status = session_expect_regions(store->session, GROVE_STORE_ENDPOINT);
    if (status == 0)
        status = store_call_bytes(store, GROVE_STORE_MAP, &request, sizeof request, 0, &answer);
    if (status < 0)
        return status;
    status = store_answer(&answer, &reply, sizeof reply, &rest, &rest_bytes);
    grove_answer_release(&answer);
    struct grove_store_map *opened = status == 0 ? calloc(1, sizeof *opened) : NULL;
    if (status == 0 && opened == NULL)
        status = error_set(GROVE_NO_MEMORY, "no memory is left for a map");
    if (status == 0)
        status = attach(store, &reply, opened);
    if (status < 0) {
        grove_store_map_close(opened);
        return status;
    }
    *map = opened;
    return 0;
}

/* Another instance of the store has come, or this one has begun a larger map. Looks at memory; at the port only if it rang. */
static bool is_stale(const struct grove_store_map *map) {
    if (session_has_news(map->session))
        (void)session_read(map->session);
    return map->channel->base.peer_epoch != map->epoch || map_is_closed(&map->view);
}

int grove_store_map_get(const struct grove_store_map *map, const void *key, size_t key_bytes, void *value,
                        size_t *value_bytes, uint64_t *version) {
    uint8_t found[sizeof(uint64_t) + GROVE_STORE_MAP_VALUE_MAX]; /* not cleared: most of it is never touched */
    size_t length_bytes = 0;
    uint32_t kind;
    int status = map_get(&map->view, key, key_bytes, found, sizeof found, &length_bytes, &kind);
    if (is_stale(map))
        return error_set(GROVE_STALE_HANDLE, "the store has begun another map: open it again");
    if (status < 0)
        return status == GROVE_NOT_FOUND ? GROVE_NOT_FOUND : error_set(status, "the store's map cannot be read");
    if (length_bytes < sizeof(uint64_t) || length_bytes > sizeof found)
        return error_set(GROVE_CORRUPT, "the store's map holds an entry that is none");
    size_t room_bytes = *value_bytes;
    *value_bytes = length_bytes - sizeof(uint64_t);
    memcpy(value, found + sizeof(uint64_t), *value_bytes < room_bytes ? *value_bytes : room_bytes);
    if (version != NULL)
        memcpy(version, found, sizeof *version);
    return *value_bytes <= room_bytes ? 0
                                      : error_set(GROVE_TOO_LARGE, "the value has %zu bytes, and there is room for %zu",
                                                  *value_bytes, room_bytes);
}

void grove_store_map_close(struct grove_store_map *map) {
    if (map == NULL)
        return;
    grove_region_close(map->region);
    free(map);
}
