/* Checking and reading schemas. Each span, once checked, is inside the text and followed by a zero byte. */
#include "lib/config/schema.h"

#include <string.h>

#include "lib/config/pattern.h"
#include "lib/config/value.h"
#include "lib/text/text.h"

bool config_key_is_valid(const char *name) {
    size_t part = 0, length = strnlen(name, GROVE_CONFIG_KEY_MAX + 1);
    for (size_t index = 0; index < length; index++) {
        char c = name[index];
        bool is_letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (c == '.' ? part == 0 : !is_letter)
            return false;
        part = c == '.' ? 0 : part + 1;
    }
    return part > 0 && length <= GROVE_CONFIG_KEY_MAX;
}

const struct config_schema_key *config_schema_keys(const struct config_schema *schema) {
    return (const struct config_schema_key *)(const void *)(schema + 1);
}

const char *config_schema_text(const struct config_schema *schema, struct grove_span span) {
    return (const char *)schema + schema->text_offset_bytes + span.offset_bytes;
}

const struct config_schema_key *config_schema_find(const struct config_schema *schema, const char *name) {
    const struct config_schema_key *keys = config_schema_keys(schema);
    uint32_t first = 0, end = schema->key_count;
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        int order = strcmp(config_schema_text(schema, keys[middle].name), name);
        if (order == 0)
            return &keys[middle];
        if (order < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return NULL;
}

const char *config_schema_nearest(const struct config_schema *schema, const char *name) {
    const char *names[GROVE_CONFIG_KEYS_MAX + 1];
    uint32_t count = 0;
    for (; count < schema->key_count && count < GROVE_CONFIG_KEYS_MAX; count++)
        names[count] = config_schema_text(schema, config_schema_keys(schema)[count].name);
    names[count] = NULL;
    return text_nearest(name, names);
}

/* ---- checks ---- */

static bool is_inside(const struct config_schema *schema, struct grove_span span) {
    return span.offset_bytes < schema->text_bytes && span.length_bytes < schema->text_bytes - span.offset_bytes &&
           config_schema_text(schema, span)[span.length_bytes] == '\0';
}

/* A text that holds no zero byte of its own. */
static bool is_text(const struct config_schema *schema, struct grove_span span) {
    return is_inside(schema, span) && memchr(config_schema_text(schema, span), '\0', span.length_bytes) == NULL;
}

/* So many texts, each with its zero byte, and nothing else. */
static bool is_list(const struct config_schema *schema, struct grove_span span, uint32_t count) {
    uint32_t found = 0;
    if (!is_inside(schema, span))
        return false;
    const char *text = config_schema_text(schema, span);
    for (uint32_t index = 0; index < span.length_bytes; index++)
        found += text[index] == '\0';
    return found == count && (span.length_bytes == 0 || text[span.length_bytes - 1] == '\0');
}

static const char *header_fault(const struct config_schema *schema, uint32_t section_bytes) {
    uint64_t keys_bytes = (uint64_t)schema->key_count * sizeof(struct config_schema_key);
    if (schema->key_count > GROVE_CONFIG_KEYS_MAX)
        return "the schema has more than 256 keys";
    if (schema->text_offset_bytes != sizeof *schema + keys_bytes || schema->text_bytes == 0 ||
        (uint64_t)schema->text_offset_bytes + schema->text_bytes > section_bytes)
        return "the schema's tables do not lie inside its section";
    return NULL;
}

static const char *key_fault(const struct config_schema *schema, const struct config_schema_key *key) {
    if (!is_text(schema, key->name) || !is_text(schema, key->pattern) || !is_text(schema, key->help) ||
        !is_list(schema, key->choices, key->choice_count) || !is_list(schema, key->standing, key->standing_count))
        return "a text of the schema does not lie inside it";
    if (!config_key_is_valid(config_schema_text(schema, key->name)))
        return "a key's name is no name";
    if (key->type < GROVE_CONFIG_STRING || key->type >= GROVE_CONFIG_TYPE_COUNT || (key->flags & ~CONFIG_KEY_FLAGS_ALL))
        return "a key's type or flags do not exist";
    if (config_pattern_fault(config_schema_text(schema, key->pattern)) != NULL)
        return "a key's pattern is none";
    struct config_text standing = {config_schema_text(schema, key->standing), key->standing.length_bytes};
    if ((key->flags & CONFIG_KEY_STANDING) != 0 && config_value_check(schema, key, &standing, NULL, 0) < 0)
        return "a key's standing value is not one that it allows";
    return NULL;
}

int config_schema_check(const void *section, uint32_t section_bytes, const char **problem) {
    const struct config_schema *schema = section;
    const char *fault = "the schema is shorter than its header";
    if (section_bytes >= sizeof *schema && schema->version != CONFIG_SCHEMA_VERSION) {
        if (problem != NULL)
            *problem = "the schema is of a version that is not spoken here";
        return GROVE_VERSION;
    }
    if (section_bytes >= sizeof *schema)
        fault = header_fault(schema, section_bytes);
    for (uint32_t index = 0; fault == NULL && index < schema->key_count; index++) {
        const struct config_schema_key *key = &config_schema_keys(schema)[index];
        fault = key_fault(schema, key);
        if (fault == NULL && index > 0 &&
            strcmp(config_schema_text(schema, key[-1].name), config_schema_text(schema, key->name)) >= 0)
            fault = "the schema's keys are not sorted";
    }
    if (fault != NULL && problem != NULL)
        *problem = fault;
    return fault == NULL ? 0 : GROVE_INVALID;
}
