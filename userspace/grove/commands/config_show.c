/* The verbs of grove config that only ask. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "servers/common/names.h"
#include "userspace/grove/commands/config_command.h"

/* ---- messages ---- */

int config_call(const struct invocation *invocation, uint32_t method, const void *data, size_t bytes,
                struct grove_answer *answer) {
    struct grove_channel *channel;
    int status = system_connect(invocation, GROVE_CONFIG_ENDPOINT, &channel);
    return status != 0 ? status : system_call(invocation, channel, method, data, bytes, 2 * SYSTEM_TIMEOUT_NS, answer);
}

/* A text that ends where it says; "" where absent. */
static bool take(const char **at, uint32_t bytes, const char **text) {
    *text = bytes > 0 ? *at : "";
    *at += bytes;
    return bytes == 0 || (*at)[-1] == '\0';
}

bool config_next(const void *data, size_t bytes, size_t *offset, struct config_item *item) {
    struct grove_config_entry *head = &item->head;
    if (bytes < sizeof *head || *offset > bytes - sizeof *head)
        return false;
    const char *at = (const char *)data + *offset;
    memcpy(head, at, sizeof *head);
    uint64_t needed = sizeof *head + (uint64_t)head->service_bytes + head->key_bytes + head->before_bytes +
                      head->after_bytes + head->note_bytes;
    if (head->bytes > bytes - *offset || needed > head->bytes)
        return false;
    at += sizeof *head;
    *offset += head->bytes;
    return take(&at, head->service_bytes, &item->service) && take(&at, head->key_bytes, &item->key) &&
           take(&at, head->before_bytes, &item->before) && take(&at, head->after_bytes, &item->after) &&
           take(&at, head->note_bytes, &item->note);
}

static int read_page(const struct invocation *invocation, struct grove_answer *answer, struct grove_config_page *page) {
    if (answer->length_bytes >= sizeof *page) {
        memcpy(page, answer->data, sizeof *page);
        page->problem[sizeof page->problem - 1] = '\0';
        if (page->version == GROVE_CONFIG_PROTOCOL)
            return 0;
    }
    grove_answer_release(answer);
    return command_fail(invocation, "grove and the configuration service are of different versions");
}

int config_each(const struct invocation *invocation, const struct grove_name *service, const char *key, uint32_t flags,
                config_item_handler *handler, void *context, char *problem) {
    struct grove_config_query query = {.version = GROVE_CONFIG_PROTOCOL, .flags = flags, .service = *service};
    (void)snprintf(query.key, sizeof query.key, "%s", key);
    if (strlen(key) >= sizeof query.key)
        return command_fail(invocation, "%s is no key: it is longer than %u bytes", key, GROVE_CONFIG_KEY_MAX);
    int status = 0;
    do {
        struct grove_answer answer;
        struct grove_config_page page = {0};
        struct config_item item;
        size_t offset = sizeof page;
        status = config_call(invocation, GROVE_CONFIG_GET, &query, sizeof query, &answer);
        if (status == 0)
            status = read_page(invocation, &answer, &page);
        if (status != 0)
            return status;
        for (uint32_t index = 0; status == 0 && index < page.count; index++)
            if (config_next(answer.data, answer.length_bytes, &offset, &item))
                status = handler(&item, context);
        grove_answer_release(&answer);
        if (problem != NULL)
            memcpy(problem, page.problem, sizeof page.problem);
        query.cursor = page.cursor;
    } while (status == 0 && query.cursor != 0);
    return status;
}

/* ---- words ---- */

json_t *config_value_json(const char *items, uint32_t bytes, bool is_list) {
    json_t *list = json_array();
    if (!is_list) {
        json_decref(list);
        return json_string(bytes > 0 ? items : "");
    }
    for (const char *at = items; (size_t)(at - items) < bytes; at += strlen(at) + 1)
        json_array_append_new(list, json_string(at));
    return list;
}

static const char *source_text(uint32_t source) {
    static const char *const texts[GROVE_CONFIG_SOURCE_COUNT] = {
#define SOURCE_TEXT(name, number, text) [number] = (text),
        GROVE_CONFIG_SOURCE_TABLE(SOURCE_TEXT)
#undef SOURCE_TEXT
    };
    return source < GROVE_CONFIG_SOURCE_COUNT ? texts[source] : "unknown";
}

static const char *type_text(uint32_t kind) {
    static const char *const texts[GROVE_CONFIG_TYPE_COUNT] = {"",     "string",   "int",  "float",
                                                               "bool", "duration", "size", "address"};
    uint32_t type = kind & 0xff;
    return type < GROVE_CONFIG_TYPE_COUNT ? texts[type] : "unknown";
}

static json_t *value_of(const struct config_item *item) {
    if (item->head.source == GROVE_CONFIG_SOURCE_NONE)
        return json_null();
    if ((item->head.flags & GROVE_CONFIG_ENTRY_MASKED) != 0)
        return json_string("(secret)");
    return config_value_json(item->after, item->head.after_bytes, (item->head.kind & GROVE_CONFIG_LIST) != 0);
}

/* "grid/10.yaml:3"; the note is a place, a line's end, and what the key is for. */
static json_t *key_object(const struct config_item *item) {
    const char *end = strchr(item->note, '\n');
    size_t place_bytes = end != NULL ? (size_t)(end - item->note) : 0;
    char from[512];
    (void)snprintf(from, sizeof from, "%s%s%.*s", source_text(item->head.source), place_bytes > 0 ? " " : "",
                   (int)(place_bytes < 400 ? place_bytes : 400), item->note);
    if (item->head.line > 0)
        (void)snprintf(from + strlen(from), sizeof from - strlen(from), ":%u", item->head.line);
    bool is_list = (item->head.kind & GROVE_CONFIG_LIST) != 0;
    return json_pack("{s:s, s:o, s:s, s:b, s:s, s:o, s:b, s:b, s:b, s:s}", "key", item->key, "value", value_of(item),
                     "type", type_text(item->head.kind), "list", is_list, "from", from, "default",
                     item->head.before_bytes > 0 || is_list
                         ? config_value_json(item->before, item->head.before_bytes, is_list)
                         : json_null(),
                     "required", (item->head.flags & GROVE_CONFIG_ENTRY_REQUIRED) != 0, "restart_only",
                     (item->head.flags & GROVE_CONFIG_ENTRY_RESTART) != 0, "secret",
                     (item->head.kind & GROVE_CONFIG_SECRET) != 0, "description", end != NULL ? end + 1 : "");
}

/* ---- get, list, diff ---- */

static int add_key(const struct config_item *item, void *context) {
    return json_array_append_new(context, key_object(item));
}

static void print_value(const json_t *value) {
    size_t index;
    json_t *item;
    if (json_is_string(value))
        printf("%s\n", json_string_value(value));
    json_array_foreach(value, index, item) printf("%s\n", json_string_value(item));
}

static uint32_t reveal_of(const struct invocation *invocation) {
    return command_has(invocation, "reveal") ? GROVE_CONFIG_QUERY_REVEAL : 0;
}

int config_get(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_name name;
    json_t *rows = json_array();
    (void)count;
    int status = system_known_name(invocation, operands[0], &name);
    if (status == 0)
        status = config_each(invocation, &name, operands[1], reveal_of(invocation), add_key, rows, NULL);
    json_t *row = json_array_get(rows, 0);
    if (status == 0 && invocation->json)
        output_json(json_incref(row));
    else if (status == 0 && json_is_null(json_object_get(row, "value")))
        status = command_fail(invocation, "%s of %s has no value", operands[1], name.text);
    else if (status == 0)
        print_value(json_object_get(row, "value"));
    json_decref(rows);
    return status;
}

/* A value on one line: "a, b" for a list. */
static const char *on_one_line(const json_t *value, char text[256]) {
    size_t index;
    json_t *item;
    (void)snprintf(text, 256, "%s", json_is_string(value) ? json_string_value(value) : "");
    json_array_foreach(value, index, item)(void)
        snprintf(text + strlen(text), 256 - strlen(text), "%s%s", index > 0 ? ", " : "", json_string_value(item));
    return json_is_null(value) ? "-" : json_is_array(value) && index == 0 ? "(empty list)" : text;
}

/* Lists as one text, for columns. */
static void flatten(json_t *rows, const char *member) {
    size_t index;
    json_t *row;
    char text[256];
    json_array_foreach(rows, index, row) if (json_is_array(json_object_get(row, member)))
        json_object_set_new(row, member, json_string(on_one_line(json_object_get(row, member), text)));
}

static const struct output_column key_columns[] = {
    {"KEY", "key", OUTPUT_TEXT},
    {"VALUE", "value", OUTPUT_TEXT},
    {"TYPE", "type", OUTPUT_TEXT},
    {"FROM", "from", OUTPUT_TEXT},
    {"DESCRIPTION", "description", OUTPUT_TEXT},
    {0},
};

static int show_keys(struct invocation *invocation, const struct grove_name *name, bool only_different,
                     const char *none) {
    char problem[GROVE_CONFIG_PROBLEM_BYTES] = "";
    json_t *rows = json_array();
    int status = config_each(invocation, name, "", reveal_of(invocation), add_key, rows, problem);
    for (size_t index = json_array_size(rows); only_different && index-- > 0;) {
        const char *from = json_string_value(json_object_get(json_array_get(rows, index), "from"));
        if (strcmp(from, "manifest") == 0 || strcmp(from, "none") == 0)
            json_array_remove(rows, index);
    }
    if (status != 0) {
        json_decref(rows);
        return status;
    }
    if (problem[0] != '\0')
        command_remark(invocation, "what is written does not count as it stands: %s", problem);
    if (!invocation->json)
        flatten(rows, "value");
    output_table(invocation, rows, key_columns, none);
    return COMMAND_OK;
}

int config_list(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_name name;
    (void)count;
    int status = system_known_name(invocation, operands[0], &name);
    return status != 0 ? status : show_keys(invocation, &name, false, "its configuration has no keys");
}

/* ---- history ---- */

typedef int record_handler(const struct grove_config_record *record, const char *entries, size_t bytes, void *context);

/* Changes from the newest back, down to `down_to` (not included), at most `limit` (0: all). */
static int each_record(const struct invocation *invocation, const struct grove_name *service, uint64_t down_to,
                       uint64_t limit, record_handler *handler, void *context, uint64_t *newest) {
    struct grove_config_query query = {.version = GROVE_CONFIG_PROTOCOL};
    struct grove_config_page page = {0};
    uint64_t seen = 0;
    if (service != NULL)
        query.service = *service;
    do {
        struct grove_answer answer;
        int status = config_call(invocation, GROVE_CONFIG_HISTORY, &query, sizeof query, &answer);
        if (status == 0)
            status = read_page(invocation, &answer, &page);
        if (status != 0)
            return status;
        if (newest != NULL && query.before == 0)
            *newest = page.change;
        size_t offset = sizeof page;
        for (uint32_t index = 0; index < page.count; index++) {
            struct grove_config_record record;
            if (answer.length_bytes - offset < sizeof record)
                break;
            memcpy(&record, (const char *)answer.data + offset, sizeof record);
            if (record.bytes < sizeof record || record.bytes > answer.length_bytes - offset)
                break;
            record.why[sizeof record.why - 1] = record.who.text[sizeof record.who.text - 1] = '\0';
            query.before = record.number;
            if (record.number > down_to && (limit == 0 || seen < limit))
                (void)handler(&record, (const char *)answer.data + offset + sizeof record, record.bytes - sizeof record,
                              context);
            seen++;
            offset += record.bytes;
        }
        grove_answer_release(&answer);
    } while (page.cursor != 0 && query.before > down_to + 1 && (limit == 0 || seen < limit));
    return 0;
}

static json_t *entry_value(const struct config_item *item, const char *items, uint32_t bytes) {
    if ((item->head.flags & GROVE_CONFIG_ENTRY_MASKED) != 0)
        return json_string("(secret)");
    return bytes == 0 ? json_null() : config_value_json(items, bytes, strlen(items) + 1 < bytes);
}

static json_t *record_object(const struct grove_config_record *record, const char *entries, size_t bytes) {
    json_t *changes = json_array();
    struct config_item item;
    size_t offset = 0;
    for (uint32_t index = 0; index < record->count && config_next(entries, bytes, &offset, &item); index++)
        json_array_append_new(changes, json_pack("{s:s, s:s, s:o, s:o}", "service", item.service, "key", item.key,
                                                 "before", entry_value(&item, item.before, item.head.before_bytes),
                                                 "after", entry_value(&item, item.after, item.head.after_bytes)));
    return json_pack("{s:I, s:I, s:s, s:s, s:s, s:i, s:o}", "number", (json_int_t)record->number, "time_ns",
                     (json_int_t)record->time_ns, "by", record->who.text, "source", source_text(record->source), "why",
                     record->why, "silent", (int)record->silent, "changes", changes);
}

static void print_record(const struct invocation *invocation, json_t *record) {
    char when[64] = "", before[256], after[256];
    size_t index;
    json_t *change;
    struct tm parts;
    time_t seconds = (time_t)(json_integer_value(json_object_get(record, "time_ns")) / 1000000000);
    const char *why = json_string_value(json_object_get(record, "why"));
    json_int_t silent = json_integer_value(json_object_get(record, "silent"));
    if (localtime_r(&seconds, &parts) != NULL)
        (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &parts);
    printf("%s%" PRId64 "%s  %s  %s by %s%s%s\n", output_on(invocation, OUTPUT_STRONG),
           (int64_t)json_integer_value(json_object_get(record, "number")), output_off(invocation), when,
           json_string_value(json_object_get(record, "source")), json_string_value(json_object_get(record, "by")),
           why[0] != '\0' ? ": " : "", why);
    json_array_foreach(json_object_get(record, "changes"), index, change) printf(
        "    %s.%s  %s -> %s\n", json_string_value(json_object_get(change, "service")),
        json_string_value(json_object_get(change, "key")), on_one_line(json_object_get(change, "before"), before),
        on_one_line(json_object_get(change, "after"), after));
    if (silent > 0)
        printf("    %" PRId64 " asked and did not answer\n", (int64_t)silent);
}

static int add_record(const struct grove_config_record *record, const char *entries, size_t bytes, void *context) {
    return json_array_append_new(context, record_object(record, entries, bytes));
}

static int print_records(const struct invocation *invocation, json_t *records) {
    size_t index;
    json_t *record;
    if (invocation->json) {
        output_json(records);
        return COMMAND_OK;
    }
    if (json_array_size(records) == 0)
        command_remark(invocation, "nothing has changed yet");
    json_array_foreach(records, index, record) print_record(invocation, record);
    json_decref(records);
    return COMMAND_OK;
}

/* The optional NAME; NULL for all. */
static int optional_name(const struct invocation *invocation, const char **operands, unsigned count,
                         struct grove_name *name, const struct grove_name **service) {
    *service = count > 0 ? name : NULL;
    return count > 0 ? system_known_name(invocation, operands[0], name) : 0;
}

int config_history(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_name name;
    const struct grove_name *service;
    uint64_t limit = 20;
    int status = command_number(invocation, "number", 1, 1000, 20, &limit);
    if (status == 0)
        status = optional_name(invocation, operands, count, &name, &service);
    json_t *records = json_array();
    if (status == 0)
        status = each_record(invocation, service, 0, limit, add_record, records, NULL);
    if (status == 0)
        return print_records(invocation, records);
    json_decref(records);
    return status;
}

/* ---- diff --since ---- */

/* From the newest back: the first `after` that is met counts, and the last `before`. */
static int merge_record(const struct grove_config_record *record, const char *entries, size_t bytes, void *context) {
    json_t *keys = context, *changes = record_object(record, entries, bytes);
    size_t index;
    json_t *change;
    json_array_foreach(json_object_get(changes, "changes"), index, change) {
        const char *key = json_string_value(json_object_get(change, "key"));
        json_t *known = json_object_get(keys, key);
        if (known == NULL)
            json_object_set(keys, key, change);
        else
            json_object_set(known, "before", json_object_get(change, "before"));
    }
    json_decref(changes);
    return 0;
}

static int diff_since(struct invocation *invocation, const struct grove_name *name, uint64_t since) {
    static const struct output_column columns[] = {
        {"KEY", "key", OUTPUT_TEXT}, {"BEFORE", "before", OUTPUT_TEXT}, {"NOW", "after", OUTPUT_TEXT}, {0}};
    json_t *keys = json_object(), *rows = json_array(), *change;
    const char *key;
    char text[256];
    int status = each_record(invocation, name, since, 0, merge_record, keys, NULL);
    json_object_foreach(keys, key,
                        change) if (!json_equal(json_object_get(change, "before"), json_object_get(change, "after")) ||
                                    strcmp(on_one_line(json_object_get(change, "after"), text), "(secret)") == 0)
        json_array_append(rows, change);
    json_decref(keys);
    if (status != 0) {
        json_decref(rows);
        return status;
    }
    if (!invocation->json) {
        flatten(rows, "before");
        flatten(rows, "after");
    }
    output_table(invocation, rows, columns, "nothing has changed since");
    return COMMAND_OK;
}

int config_diff(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_name name;
    uint64_t since = 0;
    (void)count;
    int status = command_number(invocation, "since", 0, INT64_MAX, 0, &since);
    if (status == 0)
        status = system_known_name(invocation, operands[0], &name);
    if (status != 0)
        return status;
    return command_has(invocation, "since") ? diff_since(invocation, &name, since)
                                            : show_keys(invocation, &name, true, "all is as the manifest says");
}

/* ---- watch ---- */

static int wait_for_change(const struct invocation *invocation, uint64_t *number) {
    struct grove_config_watch_request request = {
        .version = GROVE_CONFIG_PROTOCOL, .wait_ms = GROVE_CONFIG_WAIT_MS_MAX, .change = *number};
    struct grove_channel *channel;
    struct grove_answer answer;
    int status = system_connect(invocation, GROVE_CONFIG_ENDPOINT, &channel);
    if (status == 0)
        status = system_call(invocation, channel, GROVE_CONFIG_WATCH, &request, sizeof request,
                             GROVE_CONFIG_WAIT_MS_MAX * GROVE_MILLISECOND + SYSTEM_TIMEOUT_NS, &answer);
    if (status == 0)
        grove_answer_release(&answer);
    return status;
}

int config_watch(struct invocation *invocation, const char **operands, unsigned count) {
    struct grove_name name;
    const struct grove_name *service;
    uint64_t number = 0;
    int status = optional_name(invocation, operands, count, &name, &service);
    json_t *none = json_array();
    if (status == 0)
        status = each_record(invocation, service, UINT64_MAX - 2, 1, add_record, none, &number);
    json_decref(none);
    while (status == 0) {
        json_t *records = json_array();
        uint64_t newest = number;
        status = wait_for_change(invocation, &number);
        if (status == 0)
            status = each_record(invocation, service, number, 0, add_record, records, &newest);
        number = newest;
        for (size_t index = json_array_size(records); status == 0 && index-- > 0;) {
            json_t *record = json_array_get(records, index);
            if (invocation->json)
                output_json_line(json_incref(record));
            else
                print_record(invocation, record);
        }
        json_decref(records);
        if (fflush(stdout) != 0)
            break; /* nobody reads any more */
    }
    return status;
}
