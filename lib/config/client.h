/*
 * The client's side of configuration, as its parts share it.
 *
 *     read.c    values out of the map       items.c   what a value holds
 *     client.c  finding the map, and the next one     watch.c   being told of changes, and asked
 *
 * The configuration service grants a region with the map and names it in its answer. A pending WATCH call is all that tells of
 * changes: when the service dies the call stays in the channel, its next instance takes it, makes a new map and answers.
 */
#ifndef GROVE_CONFIG_CLIENT_H
#define GROVE_CONFIG_CLIENT_H

#include "grove/config_wire.h"
#include "lib/map/map.h"

#define CONFIG_WATCHES_MAX 16u
#define CONFIG_OPEN_TIMEOUT_NS (10 * GROVE_SECOND)
#define CONFIG_WAIT_MS 600000u

/* What the watchers have been told of a key. */
struct config_told {
    char key[GROVE_CONFIG_KEY_MAX + 1];
    uint32_t kind;
    size_t bytes;
    void *data; /* malloc'ed; overwritten when freed, as it may be a secret */
};
struct config_snapshot {
    struct config_told *list; /* sorted by key */
    uint32_t count, room;
    uint64_t change;
};

struct config_watch {
    struct grove_argument keys;
    grove_config_watcher *watcher;
    void *context;
};

struct grove_config {
    struct grove_session *session;
    struct grove_channel *channel;
    struct grove_region *region; /* NULL: none has come yet, and the view is of `empty` */
    void *empty; /* a map without keys, malloc'ed; NULL where the first map was waited for */
    struct map_view view;
    uint64_t epoch; /* counts the maps: a key looked up in an earlier one is looked up again */
    struct config_watch watches[CONFIG_WATCHES_MAX];
    unsigned watch_count;
    struct config_snapshot told;
    grove_config_validator *validator;
    void *validator_context;
    char validated[GROVE_CONFIG_PATTERN_MAX + 1]; /* empty: all own keys */
    unsigned asking; /* WATCH calls under way: one, or two while one takes the other's place */
    bool is_closing;
};

/* ---- client.c ---- */

/* Read another map from now on; the region with this id has been granted. */
int config_take_map(struct grove_config *config, grove_object_id region);

/* ---- watch.c ---- */

/* Have a WATCH call wait at the configuration service, which answers with a map if there is a newer one. */
int config_ask(struct grove_config *config);
void config_snapshot_free(struct config_snapshot *snapshot);

/* ---- items.c ---- */

/* What a map gave, as a value; checks the number of items of a list. */
struct grove_config_value config_value_of(uint32_t kind, const void *data, size_t bytes);

#endif
