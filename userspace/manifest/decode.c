/*
 * One small function for each type of field; a table says which, and what kind of node it takes.
 *
 * The path of the field being decoded ("provides[0].version") is kept in one buffer that grows and shrinks with the
 * recursion, which is as deep as format.c, not as the file.
 */
#include "userspace/manifest/decode.h"

#include <string.h>

#include "lib/text/text.h"

#define PATH_MAX_BYTES 256u

struct decoder {
    struct arena *arena;
    struct manifest_errors *errors;
    bool has_failed;
    char path[PATH_MAX_BYTES];
    size_t path_bytes;
};

#define FAIL(decoder, node, ...) \
    ((decoder)->has_failed = true, \
     errors_add((decoder)->errors, (node)->file, (node)->line, (node)->column, (decoder)->path, __VA_ARGS__))

static size_t enter(struct decoder *decoder, const char *name, unsigned index) {
    size_t before = decoder->path_bytes, room = PATH_MAX_BYTES - before;
    char *end = decoder->path + before;
    int added = name ? snprintf(end, room, "%s%s", before ? "." : "", name) : snprintf(end, room, "[%u]", index);
    decoder->path_bytes += (size_t)added < room ? (size_t)added : room - 1;
    return before;
}

static void leave(struct decoder *decoder, size_t before) {
    decoder->path_bytes = before;
    decoder->path[before] = '\0';
}

/* ---- texts ---- */

static void decode_text(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)decoder;
    (void)field;
    *(const char **)place = node->text;
}

static bool is_name(const char *text) {
    size_t part = 0, length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool is_letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (c == '.' ? part == 0 : !is_letter)
            return false;
        part = c == '.' ? 0 : part + 1;
    }
    return part > 0 && length <= GROVE_NAME_MAX;
}

static void decode_name(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)field;
    if (!is_name(node->text))
        FAIL(decoder, node,
             "\"%.80s\" is no name; use letters, digits, _ and -, with single dots between parts, %u bytes at most",
             node->text, GROVE_NAME_MAX);
    *(const char **)place = node->text;
}

/* ---- numbers ---- */

static void decode_number(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    bool is_negative = node->text[0] == '-';
    uint64_t magnitude;
    bool is_number = text_number_parse(node->text + is_negative, &magnitude) == 0 && magnitude <= INT64_MAX;
    int64_t number = is_number ? (int64_t)magnitude : 0;
    if (is_negative)
        number = -number;
    if (!is_number)
        FAIL(decoder, node, "\"%.80s\" is no whole number; write one from %lld to %lld", node->text,
             (long long)field->minimum, (long long)field->maximum);
    else if (number < field->minimum || number > field->maximum)
        FAIL(decoder, node, "%lld is out of range; write a number from %lld to %lld", (long long)number,
             (long long)field->minimum, (long long)field->maximum);
    *(int64_t *)place = number;
}

static void decode_size(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)field;
    if (text_size_parse(node->text, place) < 0)
        FAIL(decoder, node, "\"%.80s\" is no size; write bytes, or a unit of 1024 like 512K, 64M or 2G", node->text);
}

static void decode_share(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)field;
    if (text_share_parse(node->text, place) < 0)
        FAIL(decoder, node, "\"%.80s\" is no share of a processor; write a percentage like 50%% or 200%%", node->text);
}

static void decode_duration(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)field;
    if (value_duration(node->text, place) < 0)
        FAIL(decoder, node, "\"%.80s\" is no time; write a number with a unit, like 250ms, 5s or 2m", node->text);
}

/* A factor is a share without its unit: "2" and "200%" are the same. */
static void decode_factor(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)field;
    uint64_t ppm;
    uint64_t *percent = place;
    bool has_unit = strchr(node->text, '%') != NULL;
    const char *text = has_unit ? node->text : arena_format(decoder->arena, "%s%%", node->text);
    if (text_share_parse(text, &ppm) < 0 || ppm > UINT64_C(100000000))
        ppm = 0;
    *percent = has_unit ? ppm / 10000 : ppm / 100;
    if (*percent < 100 || *percent > 10000)
        FAIL(decoder, node, "\"%.80s\" is no factor; write a number from 1 to 100, like 2 or 1.5", node->text);
}

static void decode_version(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)field;
    if (value_version(node->text, place) < 0)
        FAIL(decoder, node, "\"%.80s\" is no version; write up to three numbers like 1.2.0", node->text);
}

static void decode_flag(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)field;
    bool is_yes = !strcmp(node->text, "true") || !strcmp(node->text, "yes");
    if (!is_yes && strcmp(node->text, "false") != 0 && strcmp(node->text, "no") != 0)
        FAIL(decoder, node, "\"%.80s\" is neither true nor false", node->text);
    *(bool *)place = is_yes;
}

static void decode_choice(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    const char *names[16];
    char all[256] = "";
    unsigned count = 0;
    for (const struct choice *choice = field->choices; choice->name && count < 15; choice++) {
        if (!strcmp(choice->name, node->text)) {
            *(uint32_t *)place = choice->number;
            return;
        }
        names[count++] = choice->name;
        size_t used = strlen(all);
        snprintf(all + used, sizeof(all) - used, "%s%s", count > 1 ? ", " : "", choice->name);
    }
    names[count] = NULL;
    const char *nearest = text_nearest(node->text, names);
    if (nearest)
        FAIL(decoder, node, "\"%.80s\" is none of its values; did you mean %s? (%s)", node->text, nearest, all);
    else
        FAIL(decoder, node, "\"%.80s\" is none of its values; write one of %s", node->text, all);
}

/* ---- version ranges ---- */

static const char *skip_blanks(const char *text) {
    while (*text == ' ' || *text == ',')
        text++;
    return text;
}

static bool range_bound(const char *text, size_t length, struct version_range *range) {
    char bound[32];
    if (length >= sizeof(bound))
        return false;
    memcpy(bound, text, length);
    bound[length] = '\0';
    if (!strncmp(bound, ">=", 2))
        return value_version(bound + 2, &range->from) == 0;
    if (bound[0] == '<' && bound[1] != '=')
        return value_version(bound + 1, &range->below) == 0;
    if (value_version(bound, &range->from) < 0 || range->from.major == UINT16_MAX)
        return false;
    range->below = (struct grove_version){.major = (uint16_t)(range->from.major + 1)};
    return true;
}

static void decode_range(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)field;
    struct version_range range = {0};
    for (const char *at = skip_blanks(node->text); *at; at = skip_blanks(at)) {
        size_t sign = strspn(at, "<>="), blanks = strspn(at + sign, " ");
        size_t digits = strcspn(at + sign + blanks, " ,");
        char *bound = arena_format(decoder->arena, "%.*s%.*s", (int)sign, at, (int)(digits < 32 ? digits : 32),
                                   at + sign + blanks);
        if (!digits || !range_bound(bound, strlen(bound), &range)) {
            FAIL(decoder, node, "\"%.80s\" is no range of versions; write >=1.2, <2, both, or one version like 1.2",
                 node->text);
            return;
        }
        at += sign + blanks + digits;
    }
    bool has_upper = grove_version_compare(range.below, (struct grove_version){0}) != 0;
    if (has_upper && grove_version_compare(range.from, range.below) >= 0)
        FAIL(decoder, node, "no version is in the range \"%.80s\"; the first number must be the smaller one",
             node->text);
    *(struct version_range *)place = range;
}

/* ---- lists and groups ---- */

static bool expect_text(struct decoder *decoder, const struct node *node, const char *what) {
    if (node->kind == NODE_TEXT && !node->is_null)
        return true;
    FAIL(decoder, node, "%s should be a text, not %s", what,
         node->kind == NODE_LIST  ? "a list"
         : node->kind == NODE_MAP ? "a map"
                                  : "empty");
    return false;
}

static const struct node **collect(struct decoder *decoder, const struct node *node, unsigned *count) {
    const struct node **nodes = arena_take(decoder->arena, (node->count + 1) * sizeof(const struct node *));
    unsigned taken = 0, index = 0;
    for (const struct node *child = node->first; child; child = child->next, index++) {
        size_t before = node->kind == NODE_MAP ? enter(decoder, child->key, 0) : enter(decoder, NULL, index);
        if (expect_text(decoder, child, "this"))
            nodes[taken++] = child;
        leave(decoder, before);
    }
    *count = taken;
    return nodes;
}

static void decode_texts(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)field;
    struct text_list *list = place;
    if (node->kind == NODE_TEXT) {
        list->nodes = arena_take(decoder->arena, sizeof(const struct node *));
        list->nodes[0] = node;
        list->count = 1;
        return;
    }
    list->nodes = collect(decoder, node, &list->count);
}

static void decode_variables(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    (void)field;
    struct variable_list *list = place;
    list->nodes = collect(decoder, node, &list->count);
    for (const struct node *child = node->first; child; child = child->next) {
        size_t good = strspn(child->key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");
        if (!*child->key || child->key[good])
            FAIL(decoder, child, "\"%.80s\" is no name of a variable; use letters, digits and _", child->key);
    }
}

static void decode_into(struct decoder *decoder, const struct group *group, const struct node *node, char *structure);

/* A text where a map could stand: the same as a map with its short field (and the rest behind the first space). */
static const struct node *expand_short(struct decoder *decoder, const struct group *group, const struct node *node) {
    if (node->kind != NODE_TEXT || !group->short_field || node->is_null)
        return node;
    struct node *map = arena_take(decoder->arena, sizeof(*map));
    *map = (struct node){.kind = NODE_MAP, .file = node->file, .line = node->line, .column = node->column};
    const char *space = group->short_rest ? strchr(node->text, ' ') : NULL;
    size_t length = space ? (size_t)(space - node->text) : strlen(node->text);
    node_append(map,
                node_text(decoder->arena, node, group->short_field, arena_copy(decoder->arena, node->text, length)));
    if (space)
        node_append(map, node_text(decoder->arena, node, group->short_rest, space + 1));
    return map;
}

static void decode_one(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    decode_into(decoder, field->group, expand_short(decoder, field->group, node), place);
}

static void decode_groups(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    struct group_list *list = place;
    list->items = arena_take(decoder->arena, (node->count + 1) * field->group->bytes);
    for (const struct node *child = node->first; child; child = child->next, list->count++) {
        size_t before = enter(decoder, NULL, list->count);
        decode_into(decoder, field->group, expand_short(decoder, field->group, child),
                    (char *)list->items + list->count * field->group->bytes);
        leave(decoder, before);
    }
}

/* One entry, or a list of them. */
static void decode_one_or_more(struct decoder *decoder, const struct field *field, const struct node *node,
                               void *place) {
    struct group_list *list = place;
    if (node->kind == NODE_LIST) {
        decode_groups(decoder, field, node, place);
        return;
    }
    list->items = arena_take(decoder->arena, field->group->bytes);
    list->count = 1;
    decode_one(decoder, field, node, list->items);
}

static void decode_named(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    struct group_list *list = place;
    list->items = arena_take(decoder->arena, (node->count + 1) * field->group->bytes);
    for (const struct node *child = node->first; child; child = child->next, list->count++) {
        size_t before = enter(decoder, child->key, 0);
        char *item = (char *)list->items + list->count * field->group->bytes;
        decode_into(decoder, field->group, expand_short(decoder, field->group, child), item);
        *(const struct node **)(void *)item = child;
        leave(decoder, before);
    }
}

static const struct type {
    void (*decode)(struct decoder *decoder, const struct field *field, const struct node *node, void *place);
    unsigned kinds; /* bits of enum node_kind that may stand there */
    const char *name;
} types[] = {
    [FIELD_TEXT] = {decode_text, 1u << NODE_TEXT, "text"},
    [FIELD_NAME] = {decode_name, 1u << NODE_TEXT, "name"},
    [FIELD_VERSION] = {decode_version, 1u << NODE_TEXT, "version"},
    [FIELD_RANGE] = {decode_range, 1u << NODE_TEXT, "range of versions"},
    [FIELD_NUMBER] = {decode_number, 1u << NODE_TEXT, "whole number"},
    [FIELD_SIZE] = {decode_size, 1u << NODE_TEXT, "size"},
    [FIELD_SHARE] = {decode_share, 1u << NODE_TEXT, "share"},
    [FIELD_DURATION] = {decode_duration, 1u << NODE_TEXT, "time"},
    [FIELD_FACTOR] = {decode_factor, 1u << NODE_TEXT, "factor"},
    [FIELD_FLAG] = {decode_flag, 1u << NODE_TEXT, "true or false"},
    [FIELD_CHOICE] = {decode_choice, 1u << NODE_TEXT, "one of"},
    [FIELD_TEXTS] = {decode_texts, 1u << NODE_TEXT | 1u << NODE_LIST, "list of texts"},
    [FIELD_VARIABLES] = {decode_variables, 1u << NODE_MAP, "map of texts"},
    [FIELD_GROUP] = {decode_one, 1u << NODE_TEXT | 1u << NODE_MAP, "group"},
    [FIELD_GROUPS] = {decode_groups, 1u << NODE_LIST, "list of groups"},
    [FIELD_ONE_OR_MORE] = {decode_one_or_more, 1u << NODE_TEXT | 1u << NODE_MAP | 1u << NODE_LIST, "group, or list"},
    [FIELD_NAMED] = {decode_named, 1u << NODE_MAP, "map of groups"},
};

const char *decode_type_name(enum field_type type) {
    return types[type].name;
}

static const char *expected(const struct type *type) {
    if (type->kinds & 1u << NODE_LIST)
        return "a list, with one \"- \" line for each entry";
    return type->kinds & 1u << NODE_MAP ? "a map, with one \"field: value\" line for each" : "a single value";
}

static const char *found(const struct node *node) {
    if (node->is_null)
        return "nothing";
    return node->kind == NODE_LIST ? "a list" : node->kind == NODE_MAP ? "a map" : "a single value";
}

static void decode_field(struct decoder *decoder, const struct field *field, const struct node *node, void *place) {
    const struct type *type = &types[field->type];
    bool fits = (type->kinds & 1u << node->kind) && !node->is_null;
    if (fits && field->type == FIELD_GROUP && node->kind == NODE_TEXT && !field->group->short_field)
        fits = false;
    if (fits)
        type->decode(decoder, field, node, place);
    else if (field->example)
        FAIL(decoder, node, "here is %s; it takes %s, for example %s: %s", found(node), expected(type), field->name,
             field->example);
    else
        FAIL(decoder, node, "here is %s; it takes %s", found(node), expected(type));
}

/* What is absent: its standing value, decoded like a written one. A group's own fields have theirs. */
static void decode_absent(struct decoder *decoder, const struct group *group, const struct field *field,
                          const struct node *node, void *place) {
    if (field->required) {
        FAIL(decoder, node, "it is missing; %s needs it, for example %s: %s", group->name, field->name,
             field->example ? field->example : "...");
    } else if (field->type == FIELD_GROUP) {
        struct node empty = {.kind = NODE_MAP, .file = node->file, .line = node->line};
        decode_into(decoder, field->group, &empty, place);
        *(const struct node **)place = NULL;
    } else if (field->standing) {
        decode_field(decoder, field, node_text(decoder->arena, node, field->name, field->standing), place);
    }
}

static void refuse_unknown(struct decoder *decoder, const struct group *group, const struct node *node) {
    const char *names[64];
    unsigned count = 0;
    for (const struct field *field = group->fields; field->name && count < 63; field++)
        names[count++] = field->name;
    names[count] = NULL;
    size_t before = enter(decoder, node->key, 0);
    const char *nearest = text_nearest(node->key, names);
    if (nearest)
        FAIL(decoder, node, "%s has no such field; did you mean %s?", group->name, nearest);
    else
        FAIL(decoder, node, "%s has no such field; docs/manifest.md and grove-manifest(5) list them", group->name);
    leave(decoder, before);
}

static const struct field *find_field(const struct group *group, const char *name) {
    for (const struct field *field = group->fields; field->name; field++)
        if (!strcmp(field->name, name))
            return field;
    return NULL;
}

static void decode_into(struct decoder *decoder, const struct group *group, const struct node *node, char *structure) {
    *(const struct node **)(void *)structure = node;
    if (node->kind != NODE_MAP) {
        FAIL(decoder, node, "here is %s; %s is a map with fields like %s", found(node), group->name,
             group->fields[0].name);
        return;
    }
    for (const struct node *child = node->first; child; child = child->next)
        if (!find_field(group, child->key))
            refuse_unknown(decoder, group, child);
    for (const struct field *field = group->fields; field->name; field++) {
        const struct node *child = node_find(node, field->name);
        size_t before = enter(decoder, field->name, 0);
        if (child)
            decode_field(decoder, field, child, structure + field->offset);
        else
            decode_absent(decoder, group, field, node, structure + field->offset);
        leave(decoder, before);
    }
}

int decode_group(const struct group *group, const struct node *root, struct arena *arena, void *structure,
                 struct manifest_errors *errors) {
    struct decoder decoder = {.arena = arena, .errors = errors};
    decode_into(&decoder, group, root, structure);
    return decoder.has_failed ? GROVE_INVALID : 0;
}
