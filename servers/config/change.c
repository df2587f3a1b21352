/*
 * One change on its way: who is concerned, what would be different, whether it may be.
 *
 *     waiting -> looking (schemas) -> checked -> looking (does who must be restarted run) -> voting -> commit.c
 *        any of them -> refused, with a sentence
 *
 * Changes wait in a queue of CHANGES_MAX; the first is under way. A crash leaves nothing of one that has not been written.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/config/config.h"

static void begin(struct grove_service *service, void *context);

/* ---- life ---- */

struct change *change_create(struct config *config, struct grove_request *request, uint32_t source, uint32_t flags) {
    struct change *change = config->change_count < CHANGES_MAX ? calloc(1, sizeof *change) : NULL;
    if (change == NULL) {
        if (request != NULL)
            (void)grove_fail(request, GROVE_EXHAUSTED, "%u changes of configuration wait already; try again later",
                             config->change_count);
        return NULL;
    }
    change->config = config;
    change->request = request;
    change->source = source;
    change->flags = flags;
    name_set(&change->who, request != NULL ? grove_request_client(request) : "system.config");
    if (request != NULL)
        wire_mark(config, request, &change->client, &change->request_number);
    return change;
}

static void change_destroy(struct change *change) {
    for (uint32_t index = 0; index < change->instead_count; index++)
        source_destroy(change->instead[index]);
    for (uint32_t index = 0; index < change->involved_count; index++)
        free(change->involved[index].schema);
    for (uint32_t index = 0; index < change->count; index++)
        entry_deinit(&change->entries[index]);
    if (change->timer != 0)
        grove_service_cancel(change->config->service, change->timer);
    free(change);
}

void change_discard(struct change *change) {
    change_destroy(change);
}

struct change *change_current(struct config *config) {
    return config->changes;
}

int change_add(struct change *change, struct source *source) {
    if (change->instead_count == SOURCES_MAX) {
        source_destroy(source);
        return GROVE_EXHAUSTED;
    }
    change->instead[change->instead_count++] = source;
    return 0;
}

static void begin_soon(struct config *config) {
    uint32_t timer;
    if (grove_service_after(config->service, 0, begin, config, &timer) < 0)
        begin(config->service, config);
}

void change_submit(struct change *change) {
    struct config *config = change->config;
    if (config->changes == NULL)
        config->changes_tail = &config->changes;
    *config->changes_tail = change;
    config->changes_tail = &change->next;
    config->change_count++;
    if (config->changes == change)
        begin_soon(config);
}

/* The first of the queue is over. */
static void end(struct change *change) {
    struct config *config = change->config;
    config->changes = change->next;
    config->change_count--;
    change_destroy(change);
    if (config->changes != NULL)
        begin_soon(config);
}

bool problem_note(struct config *config, uint32_t source, const char *problem) {
    if (source != GROVE_CONFIG_SOURCE_FILE && source != GROVE_CONFIG_SOURCE_STORE)
        return false;
    char *kept = source == GROVE_CONFIG_SOURCE_FILE ? config->problem : config->stored_problem;
    (void)snprintf(kept, PROBLEM_BYTES, "%s", problem);
    return true;
}

void change_refuse(struct change *change, int status) {
    struct config *config = change->config;
    if (problem_note(config, change->source, change->problem))
        (void)fprintf(stderr, "config: what is in %s does not apply: %s\n",
                      change->source == GROVE_CONFIG_SOURCE_FILE ? "the files" : "the store", change->problem);
    if (change->request != NULL) {
        (void)grove_fail(change->request, status, "%s", change->problem);
        grove_request_finish(change->request);
    }
    end(change);
}

static int refuse(struct change *change, int status, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int refuse(struct change *change, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(change->problem, sizeof change->problem, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- who is concerned ---- */

struct involved *change_involve(struct change *change, const char *service) {
    for (uint32_t index = 0; index < change->involved_count; index++)
        if (strcmp(change->involved[index].service.text, service) == 0)
            return &change->involved[index];
    if (change->involved_count == INVOLVED_MAX)
        return NULL;
    struct involved *involved = &change->involved[change->involved_count++];
    name_set(&involved->service, service);
    involved->change = change;
    return involved;
}

/* Services of which a source says something else than the one in its place said. */
static int involve_differences(struct change *change, const struct settings *a, const struct settings *b) {
    for (uint32_t index = 0; index < a->count; index++) {
        const struct setting *setting = &a->list[index];
        const struct setting *other = b == NULL ? NULL : settings_find(b, setting->service, setting->key);
        if ((other == NULL || !config_text_is_same(&setting->text, &other->text)) &&
            change_involve(change, setting->service) == NULL)
            return refuse(change, GROVE_EXHAUSTED, "a change concerns at most %u services", INVOLVED_MAX);
    }
    return 0;
}

static int involve_all(struct change *change) {
    int status = 0;
    for (uint32_t index = 0; status == 0 && index < change->instead_count; index++) {
        const struct source *new = change->instead[index];
        const struct source *old = state_source(&change->config->state, new->kind, new->name);
        status = involve_differences(change, &new->settings, old == NULL ? NULL : &old->settings);
        if (status == 0 && old != NULL)
            status = involve_differences(change, &old->settings, &new->settings);
    }
    return status;
}

/* ---- what would be different ---- */

/* The text that counts for a key with these sources; false: there is none. */
static bool effective(const struct change *change, uint32_t instead_count, const struct involved *involved,
                      const struct config_schema_key *key, struct config_text *text) {
    const struct setting *setting =
        state_effective(&change->config->state, change->instead, instead_count, involved->service.text,
                        config_schema_text(involved->schema, key->name), NULL);
    if (setting != NULL) {
        *text = setting->text;
        return true;
    }
    *text = (struct config_text){config_schema_text(involved->schema, key->standing), key->standing.length_bytes};
    return (key->flags & CONFIG_KEY_STANDING) != 0;
}

static int add_entry(struct change *change, const struct involved *involved, const struct config_schema_key *key,
                     const struct config_text *before, const struct config_text *after) {
    if (change->count == ENTRIES_MAX)
        return refuse(change, GROVE_EXHAUSTED, "a change concerns at most %u keys", ENTRIES_MAX);
    struct config_entry *entry = &change->entries[change->count];
    *entry = (struct config_entry){.service = involved->service,
                                   .is_secret = (key->flags & CONFIG_KEY_SECRET) != 0,
                                   .is_restart = (key->flags & CONFIG_KEY_RESTART) != 0,
                                   .has_before = before != NULL,
                                   .has_after = after != NULL};
    (void)snprintf(entry->key, sizeof entry->key, "%s", config_schema_text(involved->schema, key->name));
    if ((before != NULL && config_text_copy(before, &entry->before) < 0) ||
        (after != NULL && config_text_copy(after, &entry->after) < 0)) {
        entry_deinit(entry);
        return refuse(change, GROVE_NO_MEMORY, "memory is exhausted");
    }
    change->count++;
    return 0;
}

static int compare_key(struct change *change, const struct involved *involved, const struct config_schema_key *key) {
    struct config_text before, after;
    const char *name = config_schema_text(involved->schema, key->name);
    char problem[320];
    bool had = effective(change, 0, involved, key, &before);
    bool has = effective(change, change->instead_count, involved, key, &after);
    if (had == has && (!had || config_text_is_same(&before, &after)))
        return 0;
    if (!has && (key->flags & CONFIG_KEY_REQUIRED) != 0)
        return refuse(change, GROVE_INVALID, "%s.%s is required, and nothing would give it a value any more",
                      involved->service.text, name);
    if (has && config_value_check(involved->schema, key, &after, problem, sizeof problem) < 0)
        return refuse(change, GROVE_INVALID, "%s.%s: %s", involved->service.text, name, problem);
    return add_entry(change, involved, key, had ? &before : NULL, has ? &after : NULL);
}

/* ---- what the new sources say ---- */

static int check_setting(struct change *change, const struct involved *involved, const struct source *source,
                         const struct setting *setting) {
    char place[SOURCE_NAME_BYTES + PROBLEM_BYTES / 2] = "", problem[320];
    files_place(change->config, source, setting->line, place, sizeof place);
    const struct config_schema_key *key = config_schema_find(involved->schema, setting->key);
    if (key == NULL) {
        const char *nearest = config_schema_nearest(involved->schema, setting->key);
        return refuse(change, GROVE_INVALID, "%s%s has no key %s%s%s%s", place, involved->service.text, setting->key,
                      nearest != NULL ? "; did you mean " : "; `grove config list` shows its keys",
                      nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
    }
    if (config_value_check(involved->schema, key, &setting->text, problem, sizeof problem) < 0)
        return refuse(change, GROVE_INVALID, "%s%s.%s: %s", place, involved->service.text, setting->key, problem);
    return 0;
}

static int check_sources(struct change *change, const struct involved *involved) {
    int status = 0;
    for (uint32_t index = 0; status == 0 && index < change->instead_count; index++) {
        const struct source *source = change->instead[index];
        const struct settings *settings = &source->settings;
        uint32_t at = settings_begin(settings, involved->service.text);
        for (; status == 0 && at < settings->count && strcmp(settings->list[at].service, involved->service.text) == 0;
             at++)
            status = check_setting(change, involved, source, &settings->list[at]);
    }
    return status;
}

int change_check(struct change *change) {
    int status = 0;
    for (uint32_t index = 0; status == 0 && index < change->involved_count; index++) {
        const struct involved *involved = &change->involved[index];
        if (involved->schema == NULL)
            continue; /* it is checked when the service comes */
        status = check_sources(change, involved);
        for (uint32_t key = 0; status == 0 && key < involved->schema->key_count; key++)
            status = compare_key(change, involved, &config_schema_keys(involved->schema)[key]);
    }
    return status;
}

/* ---- stages ---- */

static void look_done(struct change *change);

static void vote_or_commit(struct change *change) {
    change->stage = CHANGE_VOTING;
    if ((change->flags & GROVE_CONFIG_ORDER_CHECK) != 0 || change->count == 0 || !votes_ask(change))
        change_decided(change);
}

static bool needs_restart(const struct change *change, const struct involved *involved) {
    for (uint32_t index = 0; index < change->count; index++)
        if (change->entries[index].is_restart &&
            strcmp(change->entries[index].service.text, involved->service.text) == 0)
            return true;
    return false;
}

static const char *restart_key(const struct change *change, const struct involved *involved) {
    for (uint32_t index = 0; index < change->count; index++)
        if (change->entries[index].is_restart &&
            strcmp(change->entries[index].service.text, involved->service.text) == 0)
            return change->entries[index].key;
    return "";
}

static void running_came(bool is_running, void *context) {
    struct involved *involved = context;
    struct change *change = involved->change;
    involved->is_running = is_running;
    if (--change->looking > 0)
        return;
    for (uint32_t index = 0; index < change->involved_count; index++) {
        involved = &change->involved[index];
        if (!involved->is_running || (change->flags & GROVE_CONFIG_ORDER_RESTART) != 0)
            continue;
        change_refuse(change, refuse(change, GROVE_WRONG_STATE,
                                     "%s.%s changes only with a restart, and %s runs; --restart restarts it",
                                     involved->service.text, restart_key(change, involved), involved->service.text));
        return;
    }
    vote_or_commit(change);
}

static void ask_whether_they_run(struct change *change) {
    change->looking = 1;
    for (uint32_t index = 0; index < change->involved_count; index++) {
        struct involved *involved = &change->involved[index];
        if (!needs_restart(change, involved))
            continue;
        change->looking++;
        lookup_running(change->config, involved->service.text, running_came, involved);
    }
    if (--change->looking == 0)
        vote_or_commit(change);
}

static void look_done(struct change *change) {
    int status = change->source == GROVE_CONFIG_SOURCE_ROLLBACK ? change_plan_rollback(change) : 0;
    if (status == 0)
        status = change_check(change);
    if (status < 0)
        change_refuse(change, status);
    else
        ask_whether_they_run(change);
}

static void schema_came(int status, struct config_schema *schema, const char *problem, void *context) {
    struct involved *involved = context;
    struct change *change = involved->change;
    bool is_unknown = status == GROVE_NOT_FOUND && !change->is_by_hand;
    involved->schema = schema;
    if (status < 0 && !is_unknown && change->problem[0] == '\0')
        (void)refuse(change, status, "%s", problem);
    if (--change->looking > 0)
        return;
    if (change->problem[0] != '\0')
        change_refuse(change, status < 0 ? status : GROVE_INVALID);
    else
        look_done(change);
}

static void begin(struct grove_service *service, void *context) {
    struct config *config = context;
    struct change *change = config->changes;
    (void)service;
    if (change == NULL || change->stage != CHANGE_WAITING)
        return;
    change->stage = CHANGE_LOOKING;
    int status = change->reads_files ? change_read_files(change) : 0;
    if (status == 0)
        status = involve_all(change);
    if (status < 0) {
        change_refuse(change, status);
        return;
    }
    change->looking = 1 + change->involved_count;
    for (uint32_t index = 0, count = change->involved_count; index < count; index++)
        lookup_schema(config, change->involved[index].service.text, schema_came, &change->involved[index]);
    if (--change->looking == 0)
        look_done(change);
}

static void answer(struct change *change, const struct grove_config_outcome *outcome) {
    if (change->request == NULL)
        return;
    (void)grove_reply(change->request, outcome, sizeof *outcome);
    grove_request_finish(change->request);
    change->request = NULL;
}

void change_decided(struct change *change) {
    votes_end(change);
    if (change->problem[0] != '\0') {
        change_refuse(change, GROVE_DENIED);
        return;
    }
    if ((change->flags & GROVE_CONFIG_ORDER_CHECK) != 0) {
        struct grove_config_outcome outcome = {.version = GROVE_CONFIG_PROTOCOL, .count = change->count};
        answer(change, &outcome);
    } else {
        change_commit(change);
        if (change->problem[0] != '\0') {
            change_refuse(change, GROVE_IO);
            return;
        }
    }
    end(change);
}
