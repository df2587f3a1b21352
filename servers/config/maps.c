/*
 * What each service reads: a region of its own with a map, which this process alone writes and that service alone reads.
 *
 * A map belongs to one instance of this process: the kernel lets nobody map a region for writing again. So the next one
 * makes new maps, when services ask again, which their waiting WATCH calls do by being delivered again. Until then, and while
 * nobody runs here, they read the old ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/config/config.h"

#define MAP_BYTES_LEAST 4096u

struct map *map_of(struct config *config, const char *service) {
    for (struct map *map = config->maps; map != NULL; map = map->next)
        if (strcmp(map->service.text, service) == 0)
            return map;
    return NULL;
}

static void map_destroy(struct config *config, struct map *map) {
    struct map **link = &config->maps;
    while (*link != map)
        link = &(*link)->next;
    *link = map->next;
    config->map_count--;
    grove_region_close(map->region);
    free(map);
}

static bool is_watched(struct config *config, const char *service) {
    for (const struct watcher *watcher = config->watchers; watcher != NULL; watcher = watcher->next)
        if (strcmp(watcher->name.text, service) == 0)
            return true;
    return false;
}

/* With as many maps as there can be: those of services that watch nothing go first. They read on. */
static void make_place(struct config *config) {
    for (struct map *map = config->maps, *next; map != NULL && config->map_count >= MAPS_MAX; map = next) {
        next = map->next;
        if (!is_watched(config, map->service.text))
            map_destroy(config, map);
    }
}

/* ---- values ---- */

/* The text that counts for a key; false: none does. */
static bool effective(const struct config *config, const char *service, const struct config_schema *schema,
                      const struct config_schema_key *key, struct config_text *text, const struct source **source,
                      uint32_t *line) {
    const struct setting *setting =
        state_effective(&config->state, NULL, 0, service, config_schema_text(schema, key->name), source);
    *line = setting != NULL ? setting->line : 0;
    *text = setting != NULL
                ? setting->text
                : (struct config_text){config_schema_text(schema, key->standing), key->standing.length_bytes};
    return setting != NULL || (key->flags & CONFIG_KEY_STANDING) != 0;
}

/* All keys must have values that the schema allows, and the required ones must have one. */
static int check_all(const struct config *config, const char *service, const struct config_schema *schema,
                     uint64_t *bytes, char *problem, size_t problem_bytes) {
    *bytes = 0;
    for (uint32_t index = 0; index < schema->key_count; index++) {
        const struct config_schema_key *key = &config_schema_keys(schema)[index];
        const char *name = config_schema_text(schema, key->name);
        const struct source *source = NULL;
        struct config_text text;
        char reason[320], place[320] = "";
        uint32_t line;
        bool has = effective(config, service, schema, key, &text, &source, &line);
        if (!has && (key->flags & CONFIG_KEY_REQUIRED) != 0) {
            (void)snprintf(problem, problem_bytes,
                           "%s.%s is required and nobody gives it a value; `grove config set %s %s=...` does", service,
                           name, service, name);
            return GROVE_INVALID;
        }
        if (has && config_value_check(schema, key, &text, reason, sizeof reason) < 0) {
            if (source != NULL)
                files_place(config, source, line, place, sizeof place);
            (void)snprintf(problem, problem_bytes, "%s%s.%s: %s", place, service, name, reason);
            return GROVE_INVALID;
        }
        *bytes += strlen(name) + (has ? text.bytes + 16 * (uint64_t)config_text_count(&text) : 0);
    }
    return 0;
}

static int put_text(struct map_writer *writer, const struct config_schema_key *key, const char *name,
                    const struct config_text *text) {
    static uint8_t data[CONFIG_VALUE_BYTES_MAX];
    uint32_t kind;
    size_t bytes;
    config_value_encode(key, text, data, &bytes, &kind);
    int status = map_put(writer, name, strlen(name), kind, data, bytes);
    explicit_bzero(data, bytes);
    return status;
}

static int fill(const struct config *config, const char *service, const struct config_schema *schema,
                struct map_writer *writer) {
    int status = 0;
    for (uint32_t index = 0; status == 0 && index < schema->key_count; index++) {
        const struct config_schema_key *key = &config_schema_keys(schema)[index];
        struct config_text text;
        uint32_t line;
        if (effective(config, service, schema, key, &text, NULL, &line))
            status = put_text(writer, key, config_schema_text(schema, key->name), &text);
    }
    return status;
}

/* ---- making one ---- */

static int make_map(struct config *config, const char *service, const struct config_schema *schema, uint64_t bytes,
                    struct map **made) {
    uint64_t size_bytes = map_size_for(schema->key_count + 8, 2 * bytes), region_bytes = 0;
    struct map *map = calloc(1, sizeof *map);
    if (map == NULL)
        return GROVE_NO_MEMORY;
    name_set(&map->service, service);
    size_bytes = (size_bytes + MAP_BYTES_LEAST - 1) / MAP_BYTES_LEAST * MAP_BYTES_LEAST;
    int status = grove_region_create(config->session, size_bytes, &map->region);
    if (status == 0) {
        void *base = grove_region_data(map->region, &region_bytes);
        status = map_create(&map->writer, base, region_bytes, schema->key_count + 8, ++config->next_tag, 0);
    }
    if (status == 0)
        status = fill(config, service, schema, &map->writer);
    if (status < 0) {
        grove_region_close(map->region);
        free(map);
        return status;
    }
    map_publish(&map->writer);
    map->is_good = true;
    *made = map;
    return 0;
}

int map_renew(struct config *config, const char *service, const struct config_schema *schema,
              struct grove_request *request, grove_object_id *region, char *problem, size_t problem_bytes) {
    struct map *map = NULL, *old = map_of(config, service);
    uint64_t bytes;
    int status = check_all(config, service, schema, &bytes, problem, problem_bytes);
    if (status < 0)
        return status;
    if (old == NULL)
        make_place(config);
    status = config->map_count - (old != NULL) >= MAPS_MAX ? GROVE_EXHAUSTED
                                                           : make_map(config, service, schema, bytes, &map);
    if (status == 0)
        status = grove_region_grant_client(map->region, request, region);
    if (status < 0) {
        (void)snprintf(problem, problem_bytes, "no map can be made for %s: %s", service,
                       status == GROVE_EXHAUSTED && map == NULL ? "there are too many" : grove_last_error());
        if (map != NULL) {
            grove_region_close(map->region);
            free(map);
        }
        return status;
    }
    if (old != NULL) {
        map_close(&old->writer);
        map_destroy(config, old);
    }
    map->next = config->maps;
    config->maps = map;
    config->map_count++;
    return 0;
}

void maps_forget_earlier(struct config *config) {
    struct grove_capability_entry entry;
    uint32_t cursor = 0;
    while (grove_capability_list(config->session, &cursor, &entry) == 0) {
        if (entry.capability.kind == GROVE_CAP_REGION && (entry.capability.rights & GROVE_RIGHT_CONTROL) != 0) {
            struct grove_message message = {.operation = GROVE_REQUEST_REGION_DESTROY,
                                            .body.handle.handle = entry.handle};
            (void)grove_kernel_request(config->session, &message, NULL, 0, NULL, NULL, CONFIG_KERNEL_TIMEOUT_NS);
        }
        if (cursor == 0)
            return;
    }
}

/* ---- ATTACH ---- */

struct attach {
    struct config *config;
    struct grove_request *request;
};

static void attach_ready(int status, struct config_schema *schema, const char *problem, void *context) {
    struct attach *attach = context;
    struct grove_config_attached attached = {.version = GROVE_CONFIG_PROTOCOL};
    const char *service = grove_request_client(attach->request);
    char reason[PROBLEM_BYTES];
    (void)snprintf(reason, sizeof reason, "%s", problem);
    if (status == 0)
        status = map_renew(attach->config, service, schema, attach->request, &attached.region, reason, sizeof reason);
    if (status == 0) {
        attached.tag = map_of(attach->config, service)->writer.view.tag;
        (void)grove_reply(attach->request, &attached, sizeof attached);
    } else {
        (void)grove_fail(attach->request, status, "%s", reason);
        (void)fprintf(stderr, "config: %s gets no configuration: %s\n", service, reason);
    }
    grove_request_finish(attach->request);
    free(schema);
    free(attach);
}

int on_attach(struct grove_request *request, void *context) {
    struct grove_config_hello hello;
    int status = wire_read(request, &hello, sizeof hello);
    if (status < 0)
        return status;
    if (grove_request_client_ring(request) == 3)
        return grove_fail(request, GROVE_DENIED,
                          "a shell has no configuration of its own; `grove config get` reads that "
                          "of a service");
    struct attach *attach = malloc(sizeof *attach);
    if (attach == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "memory is exhausted");
    *attach = (struct attach){context, request};
    (void)grove_request_defer(request);
    lookup_schema(context, grove_request_client(request), attach_ready, attach);
    return 0;
}

/* ---- changes ---- */

static const struct involved *involved_of(const struct change *change, const char *service) {
    for (uint32_t index = 0; index < change->involved_count; index++)
        if (strcmp(change->involved[index].service.text, service) == 0)
            return &change->involved[index];
    return NULL;
}

static int apply_entry(struct map *map, const struct involved *involved, const struct config_entry *entry) {
    const struct config_schema_key *key = config_schema_find(involved->schema, entry->key);
    if (!entry->has_after)
        return map_put(&map->writer, entry->key, strlen(entry->key), MAP_KIND_ABSENT, NULL, 0);
    return put_text(&map->writer, key, entry->key, &entry->after);
}

/* An instance that is about to be restarted goes on with what it has: its successor asks for a map of its own. */
static void apply_to(struct config *config, const struct change *change, const struct involved *involved) {
    struct map *map = map_of(config, involved->service.text);
    bool is_concerned = false;
    if (map == NULL && !involved->is_running)
        watchers_update(config, involved->service.text); /* one that could not be made may be possible now */
    if (map == NULL || !map->is_good || involved->is_running || involved->schema == NULL)
        return;
    for (uint32_t index = 0; map->is_good && index < change->count; index++) {
        const struct config_entry *entry = &change->entries[index];
        if (involved_of(change, entry->service.text) != involved)
            continue;
        is_concerned = true;
        map->is_good = apply_entry(map, involved, entry) == 0;
    }
    if (!is_concerned)
        return;
    if (map->is_good)
        map_publish(&map->writer);
    watchers_update(config, involved->service.text);
}

void maps_apply(struct change *change) {
    for (uint32_t index = 0; index < change->involved_count; index++)
        apply_to(change->config, change, &change->involved[index]);
    watchers_update(change->config, NULL);
}
