/* Requests that only ask: what counts now, and what has changed. Nothing here changes anything. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/config/config.h"

/* One page on its way out; one thread, so one is enough. */
static uint8_t page[GROVE_CONFIG_MESSAGE_BYTES];

static struct grove_config_page page_head(const struct config *config) {
    struct grove_config_page head = {.version = GROVE_CONFIG_PROTOCOL, .change = config->state.number};
    memcpy(head.problem, config->problem[0] != '\0' ? config->problem : config->stored_problem, sizeof head.problem);
    return head;
}

static int send_page(struct grove_request *request, const struct grove_config_page *head, size_t used) {
    memcpy(page, head, sizeof *head);
    int status = grove_reply(request, page, used);
    explicit_bzero(page, used);
    return status;
}

/* ---- GET ---- */

struct get {
    struct config *config;
    struct grove_request *request;
    struct grove_config_query query;
};

static uint32_t flags_of(const struct config_schema_key *key, bool is_masked) {
    return (is_masked ? GROVE_CONFIG_ENTRY_MASKED : 0u) |
           ((key->flags & CONFIG_KEY_REQUIRED) != 0 ? GROVE_CONFIG_ENTRY_REQUIRED : 0u) |
           ((key->flags & CONFIG_KEY_RESTART) != 0 ? GROVE_CONFIG_ENTRY_RESTART : 0u);
}

/* `before` is the standing value, `after` what counts, the note what the key is for and then where the value stands. */
static bool put_key(const struct get *get, const struct config_schema *schema, const struct config_schema_key *key,
                    size_t *used) {
    const char *name = config_schema_text(schema, key->name);
    const struct source *source = NULL;
    const struct setting *setting =
        state_effective(&get->config->state, NULL, 0, get->query.service.text, name, &source);
    bool has_standing = (key->flags & CONFIG_KEY_STANDING) != 0;
    bool is_masked = (key->flags & CONFIG_KEY_SECRET) != 0 && (get->query.flags & GROVE_CONFIG_QUERY_REVEAL) == 0;
    const struct config_text standing = {config_schema_text(schema, key->standing), key->standing.length_bytes};
    const struct config_text *text = setting != NULL ? &setting->text : has_standing ? &standing : NULL;
    char place[SOURCE_NAME_BYTES + 256] = "", note[1024];
    if (source != NULL)
        files_path(get->config, source, place, sizeof place);
    (void)snprintf(note, sizeof note, "%s\n%.600s", place, config_schema_text(schema, key->help));
    struct wire_entry entry = {.service = get->query.service.text,
                               .key = name,
                               .note = note,
                               .before = has_standing ? (key->standing.length_bytes > 0 ? standing.items : "") : NULL,
                               .before_bytes = standing.bytes,
                               .after = text == NULL || is_masked ? NULL
                                        : text->bytes > 0         ? text->items
                                                                  : "",
                               .after_bytes = text == NULL || is_masked ? 0 : text->bytes,
                               .flags = flags_of(key, is_masked),
                               .kind = key->type | ((key->flags & CONFIG_KEY_LIST) != 0 ? GROVE_CONFIG_LIST : 0u) |
                                       ((key->flags & CONFIG_KEY_SECRET) != 0 ? GROVE_CONFIG_SECRET : 0u),
                               .source = source != NULL ? source->kind
                                         : has_standing ? GROVE_CONFIG_SOURCE_STANDING
                                                        : GROVE_CONFIG_SOURCE_NONE,
                               .line = setting != NULL ? setting->line : 0};
    return wire_put(page, sizeof page, used, &entry);
}

static int fail_no_key(const struct get *get, const struct config_schema *schema) {
    const char *nearest = config_schema_nearest(schema, get->query.key);
    return grove_fail(get->request, GROVE_NOT_FOUND, "%s has no key %s%s%s%s", get->query.service.text, get->query.key,
                      nearest != NULL ? "; did you mean " : "; `grove config list` shows its keys",
                      nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

static int send_keys(const struct get *get, const struct config_schema *schema) {
    struct grove_config_page head = page_head(get->config);
    size_t used = sizeof head;
    bool is_one = get->query.key[0] != '\0';
    const struct config_schema_key *wanted = is_one ? config_schema_find(schema, get->query.key) : NULL;
    if (is_one && wanted == NULL)
        return fail_no_key(get, schema);
    for (uint32_t index = get->query.cursor; index < schema->key_count; index++) {
        const struct config_schema_key *key = is_one ? wanted : &config_schema_keys(schema)[index];
        if (!put_key(get, schema, key, &used)) {
            head.cursor = index;
            break;
        }
        head.count++;
        if (is_one)
            break;
    }
    return send_page(get->request, &head, used);
}

static void get_ready(int status, struct config_schema *schema, const char *problem, void *context) {
    struct get *get = context;
    if (status == 0)
        (void)send_keys(get, schema);
    else
        (void)grove_fail(get->request, status, "%s", problem);
    grove_request_finish(get->request);
    free(schema);
    free(get);
}

static int read_query(struct grove_request *request, struct grove_config_query *query) {
    int status = wire_read(request, query, sizeof *query);
    if (status < 0)
        return status;
    bool is_good = text_is_terminated(query->key, sizeof query->key) &&
                   (query->key[0] == '\0' || config_key_is_valid(query->key)) &&
                   text_is_terminated(query->service.text, sizeof query->service.text) &&
                   (query->service.text[0] == '\0' || service_name_is_valid(&query->service));
    return is_good ? 0 : grove_fail(request, GROVE_INVALID, "the name of the service or of the key is none");
}

int on_get(struct grove_request *request, void *context) {
    struct grove_config_query query;
    int status = read_query(request, &query);
    if (status < 0)
        return status;
    if (query.service.text[0] == '\0')
        return grove_fail(request, GROVE_INVALID, "the name of a service is missing");
    status = right_to_read(request, query.service.text, query.key);
    if (status == 0 && (query.flags & GROVE_CONFIG_QUERY_REVEAL) != 0)
        status = right_to_change(request, query.service.text);
    if (status < 0)
        return status;
    struct get *get = malloc(sizeof *get);
    if (get == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "memory is exhausted");
    *get = (struct get){context, request, query};
    (void)grove_request_defer(request);
    lookup_schema(context, query.service.text, get_ready, get);
    return 0;
}

/* ---- HISTORY ---- */

static bool is_about(const struct config_entry *entry, const struct grove_config_query *query) {
    return (query->service.text[0] == '\0' || strcmp(query->service.text, entry->service.text) == 0) &&
           (query->key[0] == '\0' || strcmp(query->key, entry->key) == 0);
}

/* False: it does not fit any more, and *used is as before. */
static bool put_record(const struct record *record, const struct grove_config_query *query, size_t *used) {
    struct grove_config_record head = {.number = record->number,
                                       .time_ns = record->time_ns,
                                       .source = record->source,
                                       .silent = record->silent,
                                       .who = record->who};
    size_t begin = *used, at = begin + sizeof head;
    memcpy(head.why, record->why, sizeof head.why);
    if (at > sizeof page)
        return false;
    for (uint32_t index = 0; index < record->count; index++) {
        const struct config_entry *entry = &record->entries[index];
        if (!is_about(entry, query))
            continue;
        struct wire_entry wire = {.service = entry->service.text,
                                  .key = entry->key,
                                  .flags = entry->is_secret ? GROVE_CONFIG_ENTRY_MASKED : 0,
                                  .before = entry->is_secret || !entry->has_before ? NULL : entry->before.items,
                                  .before_bytes = entry->before.bytes,
                                  .after = entry->is_secret || !entry->has_after ? NULL : entry->after.items,
                                  .after_bytes = entry->after.bytes};
        if (!wire_put(page, sizeof page, &at, &wire))
            return false;
        head.count++;
    }
    head.bytes = (uint32_t)(at - begin);
    memcpy(page + begin, &head, sizeof head);
    if (head.count > 0)
        *used = at;
    return true;
}

int on_history(struct grove_request *request, void *context) {
    struct config *config = context;
    struct grove_config_query query;
    int status = read_query(request, &query);
    if (status == 0)
        status = right_to_read(request, query.service.text[0] != '\0' ? query.service.text : ">",
                               query.service.text[0] != '\0' ? query.key : NULL);
    if (status < 0)
        return status;
    struct grove_config_page head = page_head(config);
    size_t used = sizeof head;
    for (uint32_t index = config->state.history_count; index-- > 0;) {
        const struct record *record = config->state.history[index];
        size_t before = used;
        if (query.before != 0 && record->number >= query.before)
            continue;
        if ((query.limit != 0 && head.count == query.limit) || !put_record(record, &query, &used)) {
            head.cursor = head.count > 0; /* there is more: ask again from the last number on */
            break;
        }
        head.count += used > before;
    }
    return send_page(request, &head, used);
}
