/*
 * Requests that change something. Each is checked, made into a change and answered when that is written. One that is
 * delivered again after it was carried out is answered from the history.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/yaml_source.h"
#include "servers/common/names.h"
#include "servers/config/config.h"

static int read_order(struct grove_request *request, struct grove_config_order *order) {
    int status = wire_read(request, order, sizeof *order);
    if (status < 0)
        return status;
    order->why[sizeof order->why - 1] = '\0';
    for (char *at = order->why; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            *at = ' '; /* it is shown on terminals */
    return 0;
}

/* True: it was carried out before, and has been answered now. */
static bool answer_again(struct config *config, struct grove_request *request) {
    struct grove_config_outcome outcome;
    if (!change_was_done(config, request, &outcome))
        return false;
    (void)grove_reply(request, &outcome, sizeof outcome);
    return true;
}

static void submit(struct change *change, const struct grove_config_order *order) {
    memcpy(change->why, order->why, sizeof change->why);
    (void)grove_request_defer(change->request);
    change_submit(change);
}

/* A change that has not been submitted yet; its request has been failed. */
static int give_up(struct change *change, int status) {
    change->request = NULL;
    change_discard(change);
    return status;
}

static struct source *copy_of(const struct config *config, uint32_t kind, const char *name) {
    const struct source *old = state_source(&config->state, kind, name);
    struct source *copy = source_create(kind, name);
    if (copy != NULL && old != NULL && settings_copy(&old->settings, &copy->settings) < 0) {
        source_destroy(copy);
        return NULL;
    }
    return copy;
}

/* ---- CHANGE ---- */

static int take_setting(struct grove_request *request, struct settings *settings, const struct wire_entry *entry) {
    struct grove_name service = {""};
    if (entry->service == NULL || entry->key == NULL || strlen(entry->service) > GROVE_NAME_MAX)
        return grove_fail(request, GROVE_INVALID, "the request names no service or no key");
    name_set(&service, entry->service);
    if (!service_name_is_valid(&service) || !config_key_is_valid(entry->key))
        return grove_fail(request, GROVE_INVALID, "%.63s.%.63s is no name of a key", entry->service, entry->key);
    int status = right_to_change(request, service.text);
    if (status < 0)
        return status;
    if ((entry->flags & GROVE_CONFIG_ENTRY_UNSET) != 0) {
        settings_remove(settings, service.text, entry->key);
        return 0;
    }
    struct config_text text = {entry->after, entry->after_bytes};
    status = settings_put(settings, service.text, entry->key, &text, 0);
    return status < 0 ? grove_fail(request, status, "%s.%s cannot be kept: %s", service.text, entry->key,
                                   grove_status_text(status))
                      : 0;
}

int on_change(struct grove_request *request, void *context) {
    struct config *config = context;
    struct grove_config_order order;
    int status = read_order(request, &order);
    if (status < 0 || answer_again(config, request))
        return status;
    struct change *change = change_create(config, request, GROVE_CONFIG_SOURCE_SET, order.flags);
    struct source *source = change == NULL ? NULL : copy_of(config, GROVE_CONFIG_SOURCE_SET, "");
    if (change == NULL)
        return GROVE_EXHAUSTED;
    if (source == NULL || change_add(change, source) < 0)
        return give_up(change, grove_fail(request, GROVE_NO_MEMORY, "memory is exhausted"));
    change->is_by_hand = true;
    size_t offset = sizeof order;
    for (uint32_t index = 0; status == 0 && index < order.count; index++) {
        struct wire_entry entry;
        if (!wire_take(grove_request_data(request), grove_request_bytes(request), &offset, &entry))
            status = grove_fail(request, GROVE_INVALID, "entry %u of the request is malformed", index);
        else
            status = take_setting(request, &source->settings, &entry);
    }
    if (status < 0)
        return give_up(change, status);
    submit(change, &order);
    return 0;
}

/* ---- ROLLBACK ---- */

/* Services that changed since. */
static int involve_since(struct change *change, struct grove_request *request) {
    const struct state *state = &change->config->state;
    uint64_t oldest = state->history_count > 0 ? state->history[0]->number : state->number + 1;
    if (change->target >= state->number)
        return grove_fail(request, GROVE_INVALID, "there is no change after %llu; the newest is %llu",
                          (unsigned long long)change->target, (unsigned long long)state->number);
    if (change->target + 1 < oldest)
        return grove_fail(request, GROVE_NOT_FOUND, "the history goes back to change %llu only",
                          (unsigned long long)oldest);
    for (uint32_t index = 0; index < state->history_count; index++) {
        const struct record *record = state->history[index];
        for (uint32_t entry = 0; record->number > change->target && entry < record->count; entry++) {
            const char *service = record->entries[entry].service.text;
            int status = right_to_change(request, service);
            if (status < 0)
                return status;
            if (change_involve(change, service) == NULL)
                return grove_fail(request, GROVE_EXHAUSTED, "a change concerns at most %u services", INVOLVED_MAX);
        }
    }
    return 0;
}

int on_rollback(struct grove_request *request, void *context) {
    struct config *config = context;
    struct grove_config_order order;
    int status = read_order(request, &order);
    if (status < 0 || answer_again(config, request))
        return status;
    struct change *change = change_create(config, request, GROVE_CONFIG_SOURCE_ROLLBACK, order.flags);
    if (change == NULL)
        return GROVE_EXHAUSTED;
    change->target = order.number != 0 ? order.number : config->state.number - (config->state.number > 0);
    status = involve_since(change, request);
    if (status < 0)
        return give_up(change, status);
    submit(change, &order);
    return 0;
}

/* The value that a key had then: that before the oldest change since. NULL: it has not changed since. */
static const struct config_entry *value_then(const struct change *change, const char *service, const char *key) {
    const struct state *state = &change->config->state;
    for (uint32_t index = 0; index < state->history_count; index++) {
        const struct record *record = state->history[index];
        for (uint32_t entry = 0; record->number > change->target && entry < record->count; entry++)
            if (strcmp(record->entries[entry].service.text, service) == 0 &&
                strcmp(record->entries[entry].key, key) == 0)
                return &record->entries[entry];
    }
    return NULL;
}

/* Set what must be set for the old value, and nothing where the other sources give it anyway. */
static int plan_key(struct change *change, struct source *source, const struct involved *involved,
                    const struct config_schema_key *key) {
    const char *name = config_schema_text(involved->schema, key->name), *service = involved->service.text;
    const struct config_entry *then = value_then(change, service, name);
    struct source none = {.kind = GROVE_CONFIG_SOURCE_SET};
    struct source *instead = &none;
    if (then == NULL)
        return 0;
    const struct setting *weaker = state_effective(&change->config->state, &instead, 1, service, name, NULL);
    struct config_text text = {config_schema_text(involved->schema, key->standing), key->standing.length_bytes};
    bool has = weaker != NULL || (key->flags & CONFIG_KEY_STANDING) != 0;
    if (weaker != NULL)
        text = weaker->text;
    settings_remove(&source->settings, service, name);
    if (!then->has_before || (has && config_text_is_same(&text, &then->before)))
        return 0;
    return settings_put(&source->settings, service, name, &then->before, 0);
}

int change_plan_rollback(struct change *change) {
    struct source *source = copy_of(change->config, GROVE_CONFIG_SOURCE_SET, "");
    int status = source == NULL ? GROVE_NO_MEMORY : change_add(change, source);
    for (uint32_t index = 0; status == 0 && index < change->involved_count; index++) {
        const struct involved *involved = &change->involved[index];
        for (uint32_t key = 0; status == 0 && involved->schema != NULL && key < involved->schema->key_count; key++)
            status = plan_key(change, source, involved, &config_schema_keys(involved->schema)[key]);
    }
    if (status < 0)
        (void)snprintf(change->problem, sizeof change->problem, "the way back cannot be made: %s",
                       grove_status_text(status));
    return status;
}

/* ---- SOURCE ---- */

static int check_project(struct grove_request *request, const char *project, const struct settings *settings) {
    size_t length = strlen(project);
    for (uint32_t index = 0; index < settings->count; index++) {
        const char *service = settings->list[index].service;
        if (strncmp(service, project, length) != 0 || service[length] != '.')
            return grove_fail(request, GROVE_INVALID,
                              "line %u of the configuration of project %s is about %s, which is not in it",
                              settings->list[index].line, project, service);
        int status = right_to_change(request, service);
        if (status < 0)
            return status;
    }
    return 0;
}

static int parse_source(struct grove_request *request, const struct grove_config_order *order, struct source *source) {
    struct wire_entry entry;
    char problem[PROBLEM_BYTES];
    size_t offset = sizeof *order;
    if (order->count != 1 || !wire_take(grove_request_data(request), grove_request_bytes(request), &offset, &entry))
        return grove_fail(request, GROVE_INVALID, "the request holds no file");
    const char *text = entry.after == NULL ? "" : entry.after;
    int status = yaml_source_parse(text, entry.after == NULL ? 0 : entry.after_bytes - 1,
                                   entry.note != NULL ? entry.note : "config.yaml", order->project.text,
                                   &source->settings, problem, sizeof problem);
    if (status < 0)
        return grove_fail(request, status, "%s", problem);
    return check_project(request, order->project.text, &source->settings);
}

int on_source(struct grove_request *request, void *context) {
    struct config *config = context;
    struct grove_config_order order;
    int status = read_order(request, &order);
    if (status < 0 || answer_again(config, request))
        return status;
    if (!service_name_is_valid(&order.project))
        return grove_fail(request, GROVE_INVALID, "the request names no project");
    struct change *change = change_create(config, request, GROVE_CONFIG_SOURCE_PROJECT, order.flags);
    if (change == NULL)
        return GROVE_EXHAUSTED;
    struct source *source = source_create(GROVE_CONFIG_SOURCE_PROJECT, order.project.text);
    if (source == NULL || change_add(change, source) < 0)
        return give_up(change, grove_fail(request, GROVE_NO_MEMORY, "memory is exhausted"));
    status = parse_source(request, &order, source);
    if (status < 0)
        return give_up(change, status);
    submit(change, &order);
    return 0;
}

/* ---- RELOAD ---- */

int on_reload(struct grove_request *request, void *context) {
    struct config *config = context;
    struct grove_config_order order;
    int status = read_order(request, &order);
    if (status < 0 || answer_again(config, request))
        return status;
    if (grove_request_client_ring(request) == 2)
        return grove_fail(request, GROVE_DENIED, "%s may not have the files read again; shells and system services may",
                          grove_request_client(request));
    struct change *change = change_create(config, request, GROVE_CONFIG_SOURCE_FILE, order.flags);
    if (change == NULL)
        return GROVE_EXHAUSTED;
    memcpy(change->why, order.why, sizeof change->why);
    (void)grove_request_defer(request);
    files_rescan(config, change);
    stored_rescan();
    return 0;
}
