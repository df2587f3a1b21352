/*
 * From the keys below `config:` to the schema that the configuration service reads. What a key allows is checked here with
 * the code that will check its values there, so a default that is refused later is refused now.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/config/pattern.h"
#include "lib/config/value.h"
#include "userspace/manifest/parts.h"

#define SECTION_BYTES_MAX GROVE_SPEC_BYTES_MAX

struct schema_maker {
    const struct manifest *manifest;
    struct manifest_errors *errors;
    struct config_schema *schema; /* SECTION_BYTES_MAX of room */
    bool has_failed, is_full;
};

static void fault(struct schema_maker *maker, const struct config_item *item, const char *field, const char *sentence) {
    const struct node *node = *field && item->node->kind == NODE_MAP ? node_find(item->node, field) : NULL;
    if (!node)
        node = item->node;
    maker->has_failed = true;
    errors_add(maker->errors, node->file, node->line, node->column,
               arena_format(maker->manifest->arena, "config.%s%s%s", item->node->key, *field ? "." : "", field), "%s",
               sentence);
}

/* ---- texts ---- */

static struct grove_span add_bytes(struct schema_maker *maker, const char *bytes, size_t length) {
    struct config_schema *schema = maker->schema;
    uint32_t end = schema->text_offset_bytes + schema->text_bytes;
    if (length + 1 > SECTION_BYTES_MAX - end) {
        maker->is_full = true;
        return (struct grove_span){0, 0};
    }
    struct grove_span span = {schema->text_bytes, (uint32_t)length};
    if (length)
        memcpy((char *)schema + end, bytes, length);
    schema->text_bytes += (uint32_t)length + 1;
    return span;
}

static struct grove_span add_text(struct schema_maker *maker, const char *text) {
    return add_bytes(maker, text, strlen(text));
}

/* Each text with its zero byte. */
static struct grove_span add_list(struct schema_maker *maker, const struct text_list *list) {
    struct grove_span whole = {maker->schema->text_bytes, 0};
    if (!list->count)
        return add_text(maker, "");
    for (unsigned i = 0; i < list->count; i++) {
        struct grove_span span = add_text(maker, list->nodes[i]->text);
        whole.length_bytes = span.offset_bytes + span.length_bytes + 1 - whole.offset_bytes;
    }
    (void)add_text(maker, ""); /* the zero byte that follows every span */
    return whole;
}

/* ---- keys ---- */

static bool has_range(uint32_t type) {
    return type != GROVE_CONFIG_BOOL;
}

/* A bound of texts is a number of bytes. */
static uint64_t make_bound(struct schema_maker *maker, const struct config_item *item, const char *field,
                           const char *text) {
    bool is_text = item->type == GROVE_CONFIG_STRING || item->type == GROVE_CONFIG_ADDRESS;
    uint16_t type = is_text ? (uint16_t)GROVE_CONFIG_INT : (uint16_t)item->type;
    union config_number number = {.amount = 0};
    if (!has_range(item->type))
        fault(maker, item, field, "true and false have no range");
    else if (config_number_parse(type, text, &number) < 0)
        fault(maker, item, field,
              arena_format(maker->manifest->arena, "\"%.80s\" is not %s", text, config_type_phrase(type)));
    return number.amount;
}

static uint16_t flags_of(const struct config_item *item) {
    return (uint16_t)((item->list ? CONFIG_KEY_LIST : 0) | (item->required ? CONFIG_KEY_REQUIRED : 0) |
                      (item->secret ? CONFIG_KEY_SECRET : 0) | (item->restart_only ? CONFIG_KEY_RESTART : 0) |
                      (item->standing.nodes ? CONFIG_KEY_STANDING : 0) | (*item->minimum ? CONFIG_KEY_LEAST : 0) |
                      (*item->maximum ? CONFIG_KEY_MOST : 0));
}

static void check_item(struct schema_maker *maker, const struct config_item *item) {
    const char *pattern_fault = config_pattern_fault(item->pattern);
    if (!config_key_is_valid(item->node->key))
        fault(maker, item, "",
              "it is no name of a key; use letters, digits, _ and -, with single dots between parts, 63 bytes at most");
    if (pattern_fault)
        fault(maker, item, "pattern", pattern_fault);
    if (item->required && item->standing.nodes)
        fault(maker, item, "required", "a key with a default always has a value; leave one of the two out");
    if (item->secret && item->standing.nodes)
        fault(maker, item, "default", "a secret must not stand in a manifest; leave the default out");
}

static void make_key(struct schema_maker *maker, const struct config_item *item, struct config_schema_key *key) {
    check_item(maker, item);
    *key = (struct config_schema_key){
        .name = add_text(maker, item->node->key),
        .standing = add_list(maker, &item->standing),
        .choices = add_list(maker, &item->choices),
        .pattern = add_text(maker, item->pattern),
        .help = add_text(maker, item->description),
        .type = (uint16_t)item->type,
        .flags = flags_of(item),
        .standing_count = item->standing.count,
        .choice_count = item->choices.count,
        .least = *item->minimum ? make_bound(maker, item, "minimum", item->minimum) : 0,
        .most = *item->maximum ? make_bound(maker, item, "maximum", item->maximum) : 0,
    };
}

/* Defaults and choices are values like any other. */
static void check_values(struct schema_maker *maker, const struct config_item *item,
                         const struct config_schema_key *key) {
    char problem[320];
    struct config_text standing = {config_schema_text(maker->schema, key->standing), key->standing.length_bytes};
    struct config_text choices = {config_schema_text(maker->schema, key->choices), key->choices.length_bytes};
    struct config_schema_key any = *key;
    any.flags |= CONFIG_KEY_LIST;
    if (config_value_check(maker->schema, &any, &choices, problem, sizeof problem) < 0)
        fault(maker, item, "choices", problem);
    if ((key->flags & CONFIG_KEY_STANDING) != 0 &&
        config_value_check(maker->schema, key, &standing, problem, sizeof problem) < 0)
        fault(maker, item, "default", problem);
}

/* In a file "shed: {step: 2}" is short for shed.step, so shed cannot have a value of its own. */
static void check_beginnings(struct schema_maker *maker, const struct config_item *const *items, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        size_t length = strlen(items[i]->node->key);
        for (uint32_t j = i + 1; j < count; j++)
            if (!strncmp(items[j]->node->key, items[i]->node->key, length) && items[j]->node->key[length] == '.')
                fault(maker, items[j], "",
                      arena_format(maker->manifest->arena, "%s is a key itself, so none can begin with it and a dot",
                                   items[i]->node->key));
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const struct config_item *const *)a)->node->key,
                  (*(const struct config_item *const *)b)->node->key);
}

static const struct config_item **sort_items(const struct manifest *manifest) {
    const struct group_list *list = &manifest->values.config;
    const struct config_item *items = list->items;
    const struct config_item **sorted = arena_take(manifest->arena, list->count * sizeof(*sorted));
    for (unsigned i = 0; i < list->count; i++)
        sorted[i] = &items[i];
    qsort(sorted, list->count, sizeof(*sorted), by_name);
    return sorted;
}

int schema_build(const struct manifest *manifest, const void **section, uint32_t *section_bytes,
                 struct manifest_errors *errors) {
    uint32_t count = manifest->values.config.count;
    struct schema_maker maker = {.manifest = manifest, .errors = errors};
    *section = NULL;
    if (!count)
        return 0;
    const struct config_item **items = sort_items(manifest);
    if (count > GROVE_CONFIG_KEYS_MAX) {
        fault(&maker, items[count - 1], "", "there are more than 256 keys");
        return GROVE_INVALID;
    }
    maker.schema = arena_take(manifest->arena, SECTION_BYTES_MAX);
    struct config_schema_key *keys = (struct config_schema_key *)(void *)(maker.schema + 1);
    *maker.schema =
        (struct config_schema){.version = CONFIG_SCHEMA_VERSION,
                               .key_count = count,
                               .text_offset_bytes = (uint32_t)(sizeof(*maker.schema) + count * sizeof(*keys))};
    (void)add_text(&maker, "");
    for (uint32_t i = 0; i < count; i++)
        make_key(&maker, items[i], &keys[i]);
    if (maker.is_full)
        fault(&maker, items[0], "", "the texts of all keys together are longer than 64 KiB");
    check_beginnings(&maker, items, count);
    for (uint32_t i = 0; i < count && !maker.has_failed; i++)
        check_values(&maker, items[i], &keys[i]);
    if (maker.has_failed)
        return GROVE_INVALID;
    *section = maker.schema;
    *section_bytes = maker.schema->text_offset_bytes + maker.schema->text_bytes;
    return 0;
}
