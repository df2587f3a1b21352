/*
 * grove store namespaces, quota, share, shares, drop, rotate-key: what is done to whole namespaces.
 */
#include <string.h>

#include "grove/hooks.h"
#include "userspace/grove/commands/store_verbs.h"

static const struct output_column columns[] = {{"NAMESPACE", "name", OUTPUT_TEXT},
                                               {"KEYS", "keys", OUTPUT_TEXT},
                                               {"OF", "quota_keys", OUTPUT_TEXT},
                                               {"BYTES", "bytes", OUTPUT_BYTES},
                                               {"OF", "quota_bytes", OUTPUT_BYTES},
                                               {"PROVIDER", "provider", OUTPUT_TEXT},
                                               {"MAP", "map", OUTPUT_TEXT},
                                               {"EVENTS", "events", OUTPUT_TEXT},
                                               {"KEY", "key_generation", OUTPUT_TEXT},
                                               {"ROTATING", "rotating", OUTPUT_TEXT},
                                               {0}};

static json_t *describe(const struct grove_store_namespace_record *record) {
    return json_pack("{s:s#, s:I, s:I, s:I, s:I, s:s#, s:b, s:b, s:b, s:b, s:i, s:I}", "name", record->name.text,
                     strnlen(record->name.text, sizeof record->name.text), "keys", (json_int_t)record->used_keys,
                     "quota_keys", (json_int_t)record->quota_keys, "bytes", (json_int_t)record->used_bytes,
                     "quota_bytes", (json_int_t)record->quota_bytes, "provider", record->provider,
                     strnlen(record->provider, sizeof record->provider), "map",
                     (record->flags & GROVE_STORE_NAMESPACE_MAP) != 0, "events",
                     (record->flags & GROVE_STORE_NAMESPACE_EVENTS) != 0, "sealed",
                     (record->flags & GROVE_STORE_NAMESPACE_SEALED) != 0, "rotating",
                     (record->flags & GROVE_STORE_NAMESPACE_ROTATING) != 0, "key_generation",
                     (int)record->key_generation, "version", (json_int_t)record->revision);
}

/* One page behind `after`; the last name is left in it. */
static int read_page(const struct invocation *invocation, struct grove_name *after, json_t *rows, bool *has_more) {
    struct grove_store_namespace_request request = {.version = GROVE_STORE_PROTOCOL_VERSION, .name = *after};
    struct grove_store_page page = {0};
    struct grove_answer answer;
    const uint8_t *data;
    size_t bytes;
    int status = store_call_raw(invocation, GROVE_STORE_NAMESPACES, &request, sizeof request, NULL, 0,
                                SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    status = store_answer_bytes(invocation, &answer, sizeof page, &data, &bytes);
    if (status == 0)
        memcpy(&page, data, sizeof page);
    size_t offset = sizeof page;
    for (uint32_t index = 0; status == 0 && index < page.count; index++) {
        struct grove_store_namespace_record record;
        if (bytes - offset < sizeof record)
            break;
        memcpy(&record, data + offset, sizeof record);
        offset += sizeof record;
        (void)json_array_append_new(rows, describe(&record));
        *after = record.name;
    }
    *has_more = page.has_more != 0 && page.count > 0;
    grove_answer_release(&answer);
    return status;
}

int store_namespaces(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_name after = {0};
    json_t *rows = json_array();
    bool has_more = true;
    int status = 0;
    (void)operands;
    (void)count;
    while (status == 0 && has_more)
        status = read_page(invocation, &after, rows, &has_more);
    if (status != 0) {
        json_decref(rows);
        return status;
    }
    output_table(invocation, rows, columns, "nothing has been stored yet");
    return COMMAND_OK;
}

/* ---- quota ---- */

static int show_one(const struct invocation *invocation, const char *name) {
    struct grove_name after = {0};
    json_t *rows = json_array(), *row;
    bool has_more = true;
    size_t index;
    int status = 0;
    while (status == 0 && has_more)
        status = read_page(invocation, &after, rows, &has_more);
    if (status == 0)
        json_array_foreach(rows, index, row) {
            if (strcmp(json_string_value(json_object_get(row, "name")), name) == 0) {
                output_record(invocation, json_incref(row), columns);
                json_decref(rows);
                return COMMAND_OK;
            }
        }
    json_decref(rows);
    return status != 0 ? status : command_fail(invocation, "there is no namespace %s", name);
}

/* An endpoint, or the name under which a service has registered itself as one that keeps namespaces. */
static int take_provider(const struct invocation *invocation, const char *text,
                         struct grove_store_namespace_request *request) {
    struct grove_extension extension = {0};
    struct grove_session *session;
    if (strcmp(text, "sqlite") != 0 && strcmp(text, "memory") != 0 && text[0] != '\0') {
        int status = command_connect(invocation, &session);
        if (status != 0)
            return status;
        status = grove_extension_find(session, GROVE_EXTENSION_STORAGE, text,
                                      grove_extension_interface(GROVE_EXTENSION_STORAGE), &extension);
        if (status == 0)
            text = extension.endpoint.text;
        else if (status != GROVE_NOT_FOUND)
            return command_fail_library(invocation, "the provider cannot be used");
    }
    if (strlen(text) >= sizeof request->provider)
        return command_misused(invocation, "\"%s\" is too long for the name of a provider", text);
    memcpy(request->provider, text, strlen(text));
    return 0;
}

static int take_switch(const struct invocation *invocation, const char *option, uint32_t flag, uint32_t *flags) {
    const char *value = command_value(invocation, option);
    if (value != NULL && strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
        return command_misused(invocation, "--%s is on or off, not \"%s\"", option, value);
    *flags |= value != NULL && strcmp(value, "on") == 0 ? flag : 0;
    return 0;
}

static int take_quota(const struct invocation *invocation, struct grove_store_namespace_request *request) {
    const char *provider = command_value(invocation, "provider");
    int status = command_size(invocation, "bytes", 0, &request->quota_bytes);
    if (status == 0)
        status = command_number(invocation, "keys", 0, INT64_MAX, 0, &request->quota_keys);
    if (status == 0)
        status = take_switch(invocation, "map", GROVE_STORE_NAMESPACE_MAP, &request->flags);
    if (status == 0)
        status = take_switch(invocation, "events", GROVE_STORE_NAMESPACE_EVENTS, &request->flags);
    if (status == 0)
        status = take_switch(invocation, "encrypt", GROVE_STORE_NAMESPACE_SEALED, &request->flags);
    if (status != 0)
        return status;
    if (command_has(invocation, "encrypt") && provider == NULL)
        return command_misused(invocation, "--encrypt is said together with --provider");
    request->fields = (command_has(invocation, "bytes") ? GROVE_STORE_CONFIGURE_BYTES : 0u) |
                      (command_has(invocation, "keys") ? GROVE_STORE_CONFIGURE_KEYS : 0u) |
                      (command_has(invocation, "map") ? GROVE_STORE_CONFIGURE_FLAGS : 0u) |
                      (command_has(invocation, "events") ? GROVE_STORE_CONFIGURE_EVENTS : 0u) |
                      (provider != NULL ? GROVE_STORE_CONFIGURE_PROVIDER : 0u);
    return provider != NULL ? take_provider(invocation, provider, request) : 0;
}

static int say(const struct invocation *invocation, uint32_t method, const void *request, size_t bytes,
               const void *data, size_t data_bytes) {
    struct grove_answer answer;
    int status = store_call_raw(invocation, method, request, bytes, data, data_bytes, SYSTEM_TIMEOUT_NS, &answer);
    if (status == 0)
        grove_answer_release(&answer);
    return status;
}

int store_quota(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_store_namespace_request request = {.version = GROVE_STORE_PROTOCOL_VERSION};
    (void)count;
    int status = store_name(invocation, operands[0], &request.name);
    if (status == 0)
        status = take_quota(invocation, &request);
    if (status == 0 && request.fields != 0)
        status = say(invocation, GROVE_STORE_CONFIGURE, &request, sizeof request, NULL, 0);
    return status != 0 ? status : show_one(invocation, operands[0]);
}

/* ---- the others ---- */

static int say_of(struct invocation *invocation, uint32_t method, const char *name) {
    struct grove_store_namespace_request request = {.version = GROVE_STORE_PROTOCOL_VERSION};
    int status = store_name(invocation, name, &request.name);
    if (status == 0)
        status = say(invocation, method, &request, sizeof request, NULL, 0);
    if (status == 0 && invocation->json)
        output_json(json_pack("{s:s}", "name", name));
    return status;
}

int store_drop(struct invocation *invocation, const char **operands, unsigned count) {
    (void)count;
    return say_of(invocation, GROVE_STORE_DROP, operands[0]);
}

int store_rotate_key(struct invocation *invocation, const char **operands, unsigned count) {
    return say_of(invocation, GROVE_STORE_ROTATE, count > 0 ? operands[0] : "");
}

int store_share(struct invocation *invocation, const char **operands, unsigned count) {
    static const char *const rights[] = {"none", "read", "write", "both"};
    struct grove_store_share_request request = {.version = GROVE_STORE_PROTOCOL_VERSION, .rights = 1};
    const char *prefix = command_value(invocation, "prefix"), *wanted = command_value(invocation, "rights");
    (void)count;
    for (uint32_t index = 0; wanted != NULL && index < 5; index++) {
        if (index == 4)
            return command_misused(invocation, "--rights is read, write, both or none, not \"%s\"", wanted);
        request.rights = index;
        if (strcmp(rights[index], wanted) == 0)
            break;
    }
    int status = store_name(invocation, operands[0], &request.name);
    if (status == 0)
        status = store_name(invocation, operands[1], &request.with);
    if (status == 0 && prefix != NULL && strlen(prefix) > GROVE_STORE_KEY_MAX)
        status = command_misused(invocation, "a prefix has at most %u bytes", GROVE_STORE_KEY_MAX);
    if (status != 0)
        return status;
    request.prefix_bytes = prefix != NULL ? (uint8_t)strlen(prefix) : 0;
    status = say(invocation, GROVE_STORE_SHARE, &request, sizeof request, prefix, request.prefix_bytes);
    if (status == 0 && invocation->json)
        output_json(json_pack("{s:s}", "name", operands[0]));
    return status;
}

static void add_share(json_t *rows, const struct grove_store_share_request *share, const uint8_t *prefix) {
    static const char *const rights[] = {"none", "read", "write", "both"};
    json_t *row = json_pack("{s:s#, s:s}", "with", share->with.text, strnlen(share->with.text, sizeof share->with.text),
                            "rights", rights[share->rights & 3]);
    store_bytes_json(row, "prefix", "prefix_hex", prefix, share->prefix_bytes);
    (void)json_array_append_new(rows, row);
}

int store_shares(struct invocation *invocation, const char **operands, unsigned count) {
    static const struct output_column share_columns[] = {
        {"WITH", "with", OUTPUT_TEXT}, {"RIGHTS", "rights", OUTPUT_TEXT}, {"PREFIX", "prefix", OUTPUT_TEXT}, {0}};
    struct grove_store_namespace_request request = {.version = GROVE_STORE_PROTOCOL_VERSION};
    struct grove_store_page page = {0};
    struct grove_answer answer;
    const uint8_t *data;
    size_t bytes;
    (void)count;
    int status = store_name(invocation, operands[0], &request.name);
    if (status == 0)
        status = store_call_raw(invocation, GROVE_STORE_SHARES, &request, sizeof request, NULL, 0, SYSTEM_TIMEOUT_NS,
                                &answer);
    if (status != 0)
        return status;
    json_t *rows = json_array();
    status = store_answer_bytes(invocation, &answer, sizeof page, &data, &bytes);
    if (status == 0)
        memcpy(&page, data, sizeof page);
    size_t offset = sizeof page;
    for (uint32_t index = 0; status == 0 && index < page.count; index++) {
        struct grove_store_share_request share;
        if (bytes - offset < sizeof share)
            break;
        memcpy(&share, data + offset, sizeof share);
        if (bytes - offset - sizeof share < share.prefix_bytes)
            break;
        add_share(rows, &share, data + offset + sizeof share);
        offset += (sizeof share + share.prefix_bytes + 7) & ~(size_t)7;
        offset = offset < bytes ? offset : bytes;
    }
    grove_answer_release(&answer);
    if (status == 0)
        output_table(invocation, rows, share_columns, "it is shared with nobody");
    else
        json_decref(rows);
    return status;
}
