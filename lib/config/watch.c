/*
 * Being told of changes, and being asked about them: one WATCH call that waits at the configuration service.
 *
 * Watchers are told from the difference between what they were told last and what the map holds now, so nothing is missed
 * when a change comes while no call waits, when the map is replaced, or when the configuration service dies.
 */
#include "lib/config/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/session/session.h"

#define SNAPSHOT_TRIES 1000u
#define VALUE_BYTES_FIRST 256u
#define VOTE_TIMEOUT_NS GROVE_SECOND

/* ---- snapshots ---- */

static void told_free(struct config_told *told) {
    if (told->data != NULL)
        explicit_bzero(told->data, told->bytes);
    free(told->data);
    told->data = NULL;
}

void config_snapshot_free(struct config_snapshot *snapshot) {
    for (uint32_t index = 0; index < snapshot->count; index++)
        told_free(&snapshot->list[index]);
    free(snapshot->list);
    *snapshot = (struct config_snapshot){NULL, 0, 0, 0};
}

static bool is_watched(const struct config_watch *watch, const char *key, size_t key_bytes) {
    struct grove_argument narrow = {.kind = GROVE_ARGUMENT_PATTERN, .length_bytes = (uint16_t)key_bytes};
    memcpy(narrow.value.text, key, key_bytes);
    return grove_argument_covers(&watch->keys, &narrow);
}

/* A copy of what stands at a place. GROVE_NOT_FOUND: nothing does. */
static int read_place(const struct map_view *view, const struct map_place *place, struct config_told *told) {
    size_t room = place->room_bytes + 8u, bytes = 0; /* a place never grows: a value that does gets another */
    told->data = malloc(room);
    if (told->data == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a value of the configuration");
    int status = map_read(view, place, told->data, room, &bytes, &told->kind);
    told->bytes = bytes;
    memset(told->key, 0, sizeof told->key);
    memcpy(told->key, map_key(view, place), place->key_bytes);
    if (status < 0)
        told_free(told);
    return status;
}

static int snapshot_add(struct config_snapshot *snapshot, const struct config_told *told) {
    if (snapshot->count == snapshot->room) {
        uint32_t room = snapshot->room == 0 ? 16 : 2 * snapshot->room;
        struct config_told *list = realloc(snapshot->list, room * sizeof *list);
        if (list == NULL)
            return error_set(GROVE_NO_MEMORY, "no memory is left for a copy of the configuration");
        snapshot->list = list;
        snapshot->room = room;
    }
    snapshot->list[snapshot->count++] = *told;
    return 0;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const struct config_told *)a)->key, ((const struct config_told *)b)->key);
}

/* Everything in the map. GROVE_AGAIN: a change came in between. */
static int snapshot_try(struct grove_config *config, struct config_snapshot *snapshot) {
    struct map_place place;
    struct config_told told;
    uint32_t cursor = 0;
    int status;
    snapshot->change = map_version(&config->view);
    while ((status = map_next(&config->view, &cursor, &place)) == 0) {
        if (place.key_bytes > GROVE_CONFIG_KEY_MAX)
            return error_set(GROVE_CORRUPT, "the configuration's map has a key that is too long");
        status = read_place(&config->view, &place, &told);
        if (status == GROVE_WRONG_STATE)
            return GROVE_AGAIN;
        if (status < 0 && status != GROVE_NOT_FOUND)
            return status;
        if (status == 0 && (status = snapshot_add(snapshot, &told)) < 0) {
            told_free(&told);
            return status;
        }
    }
    if (status != GROVE_NOT_FOUND)
        return error_set(status, "the configuration's map cannot be read");
    return map_version(&config->view) == snapshot->change ? 0 : GROVE_AGAIN;
}

static int snapshot_take(struct grove_config *config, struct config_snapshot *snapshot) {
    int status = GROVE_AGAIN;
    for (unsigned try = 0; try < SNAPSHOT_TRIES && status == GROVE_AGAIN; try++) {
        *snapshot = (struct config_snapshot){NULL, 0, 0, 0};
        status = snapshot_try(config, snapshot);
        if (status < 0)
            config_snapshot_free(snapshot);
    }
    if (status == 0 && snapshot->count > 0)
        qsort(snapshot->list, snapshot->count, sizeof snapshot->list[0], by_key);
    return status;
}

/* ---- telling ---- */

static bool is_same(const struct config_told *a, const struct config_told *b) {
    return a->kind == b->kind && a->bytes == b->bytes && memcmp(a->data, b->data, a->bytes) == 0;
}

static const struct grove_config_value *told_value(const struct config_told *told, struct grove_config_value *value) {
    if (told == NULL)
        return NULL;
    *value = config_value_of(told->kind, told->data, told->bytes);
    return value;
}

static void tell_one(struct grove_config *config, const char *key, const struct config_told *before,
                     const struct config_told *after) {
    struct grove_config_value values[2];
    const struct grove_config_change change = {
        .key = key, .before = told_value(before, &values[0]), .after = told_value(after, &values[1])};
    for (unsigned index = 0; index < config->watch_count; index++)
        if (is_watched(&config->watches[index], key, strlen(key)))
            config->watches[index].watcher(config, &change, config->watches[index].context);
}

/* Both lists are sorted by key. */
static void tell_differences(struct grove_config *config, const struct config_snapshot *old,
                             const struct config_snapshot *new) {
    uint32_t a = 0, b = 0;
    while (a < old->count || b < new->count) {
        int order = a == old->count ? 1 : b == new->count ? -1 : strcmp(old->list[a].key, new->list[b].key);
        const struct config_told *before = order <= 0 ? &old->list[a++] : NULL;
        const struct config_told *after = order >= 0 ? &new->list[b++] : NULL;
        if (order != 0 || !is_same(before, after))
            tell_one(config, order <= 0 ? before->key : after->key, before, after);
    }
}

static void tell(struct grove_config *config) {
    struct config_snapshot now, old = config->told;
    if (config->watch_count == 0 || snapshot_take(config, &now) < 0)
        return;
    config->told = now;
    tell_differences(config, &old, &now);
    config_snapshot_free(&old);
}

/* ---- proposals ---- */

struct asked {
    struct grove_config_proposed changes[GROVE_CONFIG_KEYS_MAX];
    struct grove_config_value values[2 * GROVE_CONFIG_KEYS_MAX];
    uint32_t count;
};

/* The text of an entry: zero-terminated where it should be, or the message is refused. */
static const char *entry_text(const char *at, uint32_t bytes) {
    return bytes > 0 && at[bytes - 1] == '\0' ? at : NULL;
}

static const struct grove_config_value *entry_value(struct asked *asked, unsigned which, uint32_t kind, const char *at,
                                                    uint32_t bytes) {
    struct grove_config_value *value = &asked->values[2 * asked->count + which];
    if (bytes == 0)
        return NULL;
    *value = config_value_of(kind, at, bytes);
    return value;
}

static int read_entries(struct asked *asked, const char *at, size_t left, uint32_t count) {
    struct grove_config_entry entry;
    for (; count > 0 && asked->count < GROVE_CONFIG_KEYS_MAX; count--, asked->count++) {
        if (left < sizeof entry)
            return GROVE_CORRUPT;
        memcpy(&entry, at, sizeof entry);
        uint64_t needed = sizeof entry + (uint64_t)entry.service_bytes + entry.key_bytes + entry.before_bytes +
                          entry.after_bytes + entry.note_bytes;
        if (entry.bytes > left || needed > entry.bytes)
            return GROVE_CORRUPT;
        const char *text = at + sizeof entry;
        struct grove_config_proposed *change = &asked->changes[asked->count];
        change->service = entry_text(text, entry.service_bytes);
        change->key = entry_text(text += entry.service_bytes, entry.key_bytes);
        change->before = entry_value(asked, 0, entry.kind, text += entry.key_bytes, entry.before_bytes);
        change->after = entry_value(asked, 1, entry.kind, text + entry.before_bytes, entry.after_bytes);
        if (change->service == NULL || change->key == NULL)
            return GROVE_CORRUPT;
        at += entry.bytes;
        left -= entry.bytes;
    }
    return 0;
}

static void vote(struct grove_config *config, const struct grove_config_news *news, const char *entries, size_t bytes) {
    struct asked *asked = calloc(1, sizeof *asked);
    struct grove_config_vote vote = {.version = GROVE_CONFIG_PROTOCOL, .proposal = news->proposal};
    if (asked == NULL || config->validator == NULL || read_entries(asked, entries, bytes, news->count) < 0) {
        free(asked);
        return; /* no answer: it is cut off, and that is seen */
    }
    struct grove_config_proposal proposal = {
        .count = asked->count, .changes = asked->changes, .deadline_ns = news->deadline_ns};
    int status = config->validator(config, &proposal, vote.reason, sizeof vote.reason, config->validator_context);
    vote.refuses = status < 0;
    vote.reason[sizeof vote.reason - 1] = '\0';
    explicit_bzero(asked, sizeof *asked);
    free(asked);
    (void)grove_send(config->channel, &(struct grove_call){.method = GROVE_CONFIG_VOTE,
                                                           .data = &vote,
                                                           .length_bytes = sizeof vote,
                                                           .timeout_ns = VOTE_TIMEOUT_NS});
}

/* ---- the call that waits ---- */

static void handle_news(struct grove_config *config, const struct grove_answer *answer) {
    struct grove_config_news news;
    if (answer->length_bytes < sizeof news)
        return;
    memcpy(&news, answer->data, sizeof news);
    if (news.version != GROVE_CONFIG_PROTOCOL)
        return;
    if (news.kind == GROVE_CONFIG_NEWS_MAP && config_take_map(config, news.region) < 0)
        fprintf(stderr, "grove: the configuration's next map cannot be read: %s\n", grove_last_error());
    if (news.kind == GROVE_CONFIG_NEWS_PROPOSAL)
        vote(config, &news, (const char *)answer->data + sizeof news, answer->length_bytes - sizeof news);
    else
        tell(config);
}

static void answered(int status, const struct grove_answer *answer, void *context) {
    struct grove_config *config = context;
    config->asking--;
    if (config->is_closing || status == GROVE_CANCELLED)
        return;
    if (status == 0)
        handle_news(config, answer);
    else if (status != GROVE_TIMED_OUT)
        fprintf(stderr, "grove: changes of the configuration are no longer told: %s\n", grove_last_error());
    /* With another call under way, this one was replaced by it. */
    if ((status == 0 || status == GROVE_TIMED_OUT) && config->asking == 0 && config_ask(config) < 0)
        fprintf(stderr, "grove: changes of the configuration are no longer told: %s\n", grove_last_error());
}

int config_ask(struct grove_config *config) {
    struct grove_config_watch_request request = {.version = GROVE_CONFIG_PROTOCOL,
                                                 .wait_ms = CONFIG_WAIT_MS,
                                                 .tag = config->view.tag,
                                                 .change = config->watch_count > 0 ? config->told.change
                                                                                   : map_version(&config->view),
                                                 .validates = config->validator != NULL};
    memcpy(request.keys, config->validated, sizeof request.keys);
    int status = grove_call_start(config->channel,
                                  &(struct grove_call){.method = GROVE_CONFIG_WATCH,
                                                       .data = &request,
                                                       .length_bytes = sizeof request,
                                                       .timeout_ns = (CONFIG_WAIT_MS + 60000) * GROVE_MILLISECOND},
                                  answered, config);
    config->asking += status == 0;
    return status;
}

int grove_config_watch(struct grove_config *config, const char *keys, grove_config_watcher *watcher, void *context) {
    struct config_watch watch = {
        .keys = {.kind = GROVE_ARGUMENT_PATTERN, .length_bytes = (uint16_t)strnlen(keys, GROVE_ARGUMENT_TEXT_MAX)},
        .watcher = watcher,
        .context = context};
    memcpy(watch.keys.value.text, keys, watch.keys.length_bytes);
    if (keys[watch.keys.length_bytes] != '\0' || !grove_argument_is_valid(&watch.keys))
        return error_set(GROVE_INVALID, "\"%.80s\" is no pattern of keys; write names, * for one part, > for the rest",
                         keys);
    if (config->watch_count == CONFIG_WATCHES_MAX)
        return error_set(GROVE_EXHAUSTED, "a configuration has %u watchers at most", CONFIG_WATCHES_MAX);
    int status = config->watch_count == 0 ? snapshot_take(config, &config->told) : 0;
    if (status == 0 && config->asking == 0)
        status = config_ask(config);
    if (status == 0)
        config->watches[config->watch_count++] = watch;
    return status;
}

int grove_config_validate(struct grove_config *config, const char *keys, grove_config_validator *validator,
                          void *context) {
    if (config->validator != NULL)
        return error_set(GROVE_EXISTS, "the configuration has a validator already");
    if (keys != NULL && strlen(keys) > GROVE_CONFIG_PATTERN_MAX)
        return error_set(GROVE_TOO_LARGE, "a pattern has %u bytes at most", GROVE_CONFIG_PATTERN_MAX);
    (void)snprintf(config->validated, sizeof config->validated, "%s", keys != NULL ? keys : "");
    config->validator = validator;
    config->validator_context = context;
    /* A call that waits already asked without it: the newer one takes its place. */
    int status = config_ask(config);
    if (status < 0)
        config->validator = NULL;
    return status;
}
