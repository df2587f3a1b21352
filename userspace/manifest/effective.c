/*
 * Making the tree that `grove cat` shows, field by field along the format table. A few fields are shown as they count
 * and not as they were written: full names, the program's path, capabilities with what they imply.
 */
#include "userspace/manifest/effective.h"

#include <string.h>

#include "lib/text/text.h"

struct builder_context {
    const struct manifest *manifest;
    struct arena *arena;
    bool defaults;
};

static struct node *make_text(struct builder_context *context, const char *key, const char *text, const char *origin) {
    struct node *node = node_text(context->arena, NULL, key, text);
    node->origin = origin;
    return node;
}

static struct node *make_parent(struct builder_context *context, enum node_kind kind, const char *key) {
    struct node *node = arena_take(context->arena, sizeof(*node));
    *node = (struct node){.kind = kind, .key = key};
    return node;
}

static const char *line_of(struct builder_context *context, const struct node *node) {
    return arena_format(context->arena, "%s:%u", node->file, node->line);
}

/* What was written, as it is, with where. */
static struct node *copy_written(struct builder_context *context, const struct node *node) {
    if (node->kind == NODE_TEXT)
        return make_text(context, node->key, node->text, line_of(context, node));
    struct node *copy = make_parent(context, node->kind, node->key);
    for (const struct node *child = node->first; child; child = child->next)
        node_append(copy, copy_written(context, child));
    return copy;
}

static struct node *show_capability(struct builder_context *context, const struct resolved_capability *resolved) {
    char text[TEXT_CAPABILITY_MAX];
    text_capability_format(&resolved->capability, text, sizeof(text));
    const char *shown = arena_copy(context->arena, text, strlen(text));
    const char *line = line_of(context, resolved->node);
    const char *origin =
        resolved->implied_by ? arena_format(context->arena, "implied by %s, %s", resolved->implied_by, line) : line;
    if (resolved->flags & GROVE_SPEC_CAPABILITY_CREATE)
        origin = arena_format(context->arena, "%s; made if missing", origin);
    if (!(resolved->flags & GROVE_SPEC_CAPABILITY_OPTIONAL))
        return make_text(context, NULL, shown, origin);
    struct node *map = make_parent(context, NODE_MAP, NULL);
    node_append(map, make_text(context, "allow", shown, origin));
    node_append(map, make_text(context, "optional", "true", line));
    return map;
}

static struct node *show_capabilities(struct builder_context *context, const char *key, uint16_t held) {
    const struct manifest *manifest = context->manifest;
    struct node *list = make_parent(context, NODE_LIST, key);
    for (unsigned i = 0; i < manifest->capability_count; i++)
        if ((manifest->capabilities[i].flags & GROVE_SPEC_CAPABILITY_HELD) == held)
            node_append(list, show_capability(context, &manifest->capabilities[i]));
    return list;
}

static struct node *show_exec(struct builder_context *context) {
    const struct text_list *exec = &context->manifest->values.exec;
    struct node *list = make_parent(context, NODE_LIST, "exec");
    for (unsigned i = 0; i < exec->count; i++)
        node_append(list, make_text(context, NULL, i ? exec->nodes[i]->text : context->manifest->executable,
                                    line_of(context, exec->nodes[i])));
    return list;
}

/* Defaults that depend on other fields. NULL: not one of them. */
static const char *dependent_default(const struct manifest *manifest, const struct group *group,
                                     const struct field *field) {
    if (group == &format_manifest && !strcmp(field->name, "system-files"))
        return manifest->values.system_files ? "true" : "false";
    if (field->offset == offsetof(struct probe, kind) && !strcmp(group->name, "readiness"))
        return manifest->values.native ? "grove" : "started";
    return NULL;
}

static struct node *show_default(struct builder_context *context, const struct group *group,
                                 const struct field *field) {
    const char *text = dependent_default(context->manifest, group, field);
    if (!text && field->standing && *field->standing)
        text = field->standing;
    if (!text && field->type == FIELD_FLAG)
        text = "false";
    return text ? make_text(context, field->name, text, "default") : NULL;
}

static void show_group(struct builder_context *context, const struct group *group, const struct node *written,
                       struct node *to);

static struct node *show_field(struct builder_context *context, const struct group *group, const struct field *field,
                               const struct node *written) {
    if (!written && field->is_all_or_nothing)
        return NULL;
    if (field->type == FIELD_GROUP && (context->defaults || (written && written->kind == NODE_MAP))) {
        struct node *map = make_parent(context, NODE_MAP, field->name);
        const struct node *map_written = written && written->kind == NODE_MAP ? written : NULL;
        if (written && !map_written)
            node_append(map, make_text(context, field->group->short_field, written->text, line_of(context, written)));
        show_group(context, field->group, map_written, map);
        return map->count ? map : NULL;
    }
    if (written)
        return copy_written(context, written);
    return context->defaults ? show_default(context, group, field) : NULL;
}

static void show_group(struct builder_context *context, const struct group *group, const struct node *written,
                       struct node *to) {
    for (const struct field *field = group->fields; field->name; field++) {
        if (node_find(to, field->name))
            continue;
        struct node *shown = show_field(context, group, field, node_find(written, field->name));
        if (shown)
            node_append(to, shown);
    }
}

/* Put what counts in the place of what was written. Done first: show_group leaves what is there alone. */
static struct node *show_special(struct builder_context *context, const char *name) {
    const struct manifest *manifest = context->manifest;
    if (!strcmp(name, "name"))
        return make_text(context, name, manifest->name, line_of(context, node_find(manifest->root, name)));
    if (!strcmp(name, "exec"))
        return show_exec(context);
    if (!strcmp(name, "capabilities"))
        return show_capabilities(context, name, 0);
    if (!strcmp(name, "grants"))
        return show_capabilities(context, name, GROVE_SPEC_CAPABILITY_HELD);
    return NULL;
}

struct node *effective_tree(const struct manifest *manifest, bool defaults, struct arena *arena) {
    struct builder_context context = {.manifest = manifest, .arena = arena, .defaults = defaults};
    struct node *root = make_parent(&context, NODE_MAP, NULL);
    for (const struct field *field = format_manifest.fields; field->name; field++) {
        struct node *shown = show_special(&context, field->name);
        if (!shown)
            shown = show_field(&context, &format_manifest, field, node_find(manifest->root, field->name));
        if (shown && (shown->kind == NODE_TEXT || shown->count))
            node_append(root, shown);
    }
    return root;
}
