/*
 * Read-only maps: what a namespace holds, in a region that this process writes and clients read (lib/map).
 *
 * A map is filled from a scan when it is first asked for, and follows each batch when that is on the disk. When it has no
 * more room, or changes were missed, it is closed, which tells its readers to ask again; the next one is larger. It ends with
 * this instance: readers notice that their channel leads to another one.
 */
#include "servers/store/maps.h"
#include "servers/store/points.h"

#include <stdlib.h>
#include <string.h>

#include "lib/map/map.h"

#define MAP_BYTES_MIN 65536u
#define MAP_BYTES_MAX (32u << 20)
#define MAP_KIND_VALUE 1u

struct shown {
    struct shown *next;
    uint32_t namespace;
    struct grove_region *region;
    struct map_writer writer;
    bool has_news; /* put and not published */
};

static struct shown *find(const struct store *store, uint32_t namespace) {
    struct shown *shown = store->maps;
    while (shown != NULL && shown->namespace != namespace)
        shown = shown->next;
    return shown;
}

static void end(struct store *store, struct shown *shown) {
    struct shown **place = &store->maps;
    while (*place != shown)
        place = &(*place)->next;
    *place = shown->next;
    map_close(&shown->writer);
    grove_region_close(shown->region);
    free(shown);
}

void maps_end(struct store *store, uint32_t namespace) {
    struct shown *shown = find(store, namespace);
    if (shown != NULL)
        end(store, shown);
}

/* ---- following ---- */

static bool is_shown(const struct engine_value *value) {
    return value->version != 0 && value->expires_ms == 0 && value->value_bytes <= GROVE_STORE_MAP_VALUE_MAX;
}

static int put(struct shown *shown, const uint8_t *key, uint8_t key_bytes, const struct engine_value *value) {
    uint8_t bytes[sizeof value->version + GROVE_STORE_MAP_VALUE_MAX];
    if (!is_shown(value))
        return map_put(&shown->writer, key, key_bytes, MAP_KIND_ABSENT, NULL, 0);
    memcpy(bytes, &value->version, sizeof value->version);
    if (value->value_bytes > 0)
        memcpy(bytes + sizeof value->version, value->data, value->value_bytes);
    return map_put(&shown->writer, key, key_bytes, MAP_KIND_VALUE, bytes, sizeof value->version + value->value_bytes);
}

void maps_follow(struct store *store, uint32_t namespace, const uint8_t *key, uint8_t key_bytes) {
    struct engine_value value;
    struct shown *shown = find(store, namespace);
    if (shown == NULL)
        return;
    struct namespace *space = store->engine.by_id[namespace];
    int status = space == NULL ? GROVE_NOT_FOUND : engine_get(&store->engine, NULL, space, key, key_bytes, &value);
    if (status == 0)
        status = put(shown, key, key_bytes, &value);
    shown->has_news = true;
    if (status < 0)
        end(store, shown);
}

void maps_publish(struct store *store, bool has_missed) {
    for (struct shown *shown = store->maps, *next; shown != NULL; shown = next) {
        next = shown->next;
        if (has_missed) {
            end(store, shown);
            continue;
        }
        if (shown->has_news)
            map_publish(&shown->writer);
        shown->has_news = false;
    }
}

/* ---- making one ---- */

struct filling {
    struct shown *shown; /* NULL: only measured */
    uint32_t key_count;
    uint64_t bytes;
    int status;
};

static int fill(const uint8_t *key, uint8_t key_bytes, const struct engine_value *value, void *context) {
    struct filling *filling = context;
    filling->key_count++;
    filling->bytes += key_bytes + sizeof value->version + value->value_bytes;
    if (filling->shown == NULL || !is_shown(value))
        return 0;
    filling->status = put(filling->shown, key, key_bytes, value);
    return filling->status;
}

static int walk(struct store *store, struct namespace *space, struct filling *filling) {
    struct provider_range all = {
        .namespace = space->id, .from = (const uint8_t *)"", .keys_only = filling->shown == NULL};
    int status = engine_scan(&store->engine, NULL, space, &all, fill, filling);
    return status < 0 ? status : filling->status;
}

/* Twice what it holds now, and at least the smallest. */
static int make(struct store *store, struct namespace *space, struct shown *shown) {
    struct filling measured = {0}, filled = {.shown = shown};
    int status = walk(store, space, &measured);
    uint64_t bytes = map_size_for(2 * measured.key_count + 256, 2 * measured.bytes + MAP_BYTES_MIN);
    if (status == 0 && bytes > MAP_BYTES_MAX)
        return GROVE_TOO_LARGE;
    if (status == 0)
        status = grove_region_create(store->session, bytes, &shown->region);
    if (status == 0)
        status = map_create(&shown->writer, grove_region_data(shown->region, NULL), bytes, 2 * measured.key_count + 256,
                            grove_now_ns(), 1);
    if (status == 0)
        status = walk(store, space, &filled);
    if (status == 0)
        map_publish(&shown->writer);
    return status;
}

static int find_or_make(struct store *store, struct namespace *space, struct shown **shown) {
    *shown = find(store, space->id);
    if (*shown != NULL)
        return 0;
    struct shown *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->namespace = space->id;
    int status = make(store, space, made);
    if (status < 0) {
        grove_region_close(made->region);
        free(made);
        return status;
    }
    made->next = store->maps;
    store->maps = made;
    *shown = made;
    return 0;
}

static int reply_map(struct store *store, struct grove_request *request, struct namespace *space) {
    struct shown *shown;
    struct grove_store_map_reply reply = {.version = GROVE_STORE_PROTOCOL_VERSION};
    int status = find_or_make(store, space, &shown);
    if (status == 0)
        status = grove_region_grant_client(shown->region, request, &reply.region);
    if (status < 0)
        return grove_fail(request, status, "the map of %s cannot be made: %s", space->name,
                          status == GROVE_TOO_LARGE ? "it would take more than 32 MiB" : grove_last_error());
    return grove_reply(request, &reply, sizeof reply);
}

int on_map(struct grove_request *request, void *context) {
    struct store *store = context;
    struct grove_store_namespace_request wanted;
    struct grove_name name;
    int status = take_head(request, &wanted, sizeof wanted);
    commits_poll(store);
    if (status == 0)
        status = take_name(request, wanted.name.text, strnlen(wanted.name.text, sizeof wanted.name.text), &name);
    if (status == 0)
        status = access_check(store, request, name.text, ACCESS_READ, NULL, 0);
    if (status < 0)
        return status;
    if (points_hold_read(store, request, name.text, NULL, 0, on_map))
        return 0;
    struct namespace *space = namespace_find(&store->engine, name.text);
    if (space == NULL || space->is_dropped || (space->flags & GROVE_STORE_NAMESPACE_MAP) == 0)
        return grove_fail(
            request, GROVE_NOT_FOUND,
            "the namespace %s has no map: write store: {map: true} in its owner's manifest, or say \"grove "
            "store quota --map on %s\"",
            name.text, name.text);
    if (space->provider == NULL)
        return grove_fail(request, GROVE_UNSUPPORTED, "the namespace %s is kept by a service, which shows no map",
                          name.text);
    if (read_waits(store, request, space->revision, on_map))
        return 0;
    return reply_map(store, request, space);
}
