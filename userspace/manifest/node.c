/*
 * Trees of values, independent of where they were read from.
 */
#include "userspace/manifest/node.h"

#include <string.h>

struct node *node_find(const struct node *map, const char *key) {
    if (!map || map->kind != NODE_MAP)
        return NULL;
    for (struct node *child = map->first; child; child = child->next)
        if (!strcmp(child->key, key))
            return child;
    return NULL;
}

void node_append(struct node *parent, struct node *child) {
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

struct node *node_copy(struct arena *arena, const struct node *node) {
    struct node *copy = arena_take(arena, sizeof(*copy));
    *copy = *node;
    copy->first = copy->last = copy->next = NULL;
    copy->count = 0;
    for (const struct node *child = node->first; child; child = child->next)
        node_append(copy, node_copy(arena, child));
    return copy;
}

struct node *node_text(struct arena *arena, const struct node *place, const char *key, const char *text) {
    struct node *node = arena_take(arena, sizeof(*node));
    *node = (struct node){.kind = NODE_TEXT, .key = key, .text = text};
    if (place) {
        node->file = place->file;
        node->line = place->line;
        node->column = place->column;
    }
    return node;
}

static void remove_key(struct node *map, const char *key) {
    struct node *child = map->first;
    map->first = map->last = NULL;
    map->count = 0;
    while (child) {
        struct node *next = child->next;
        if (strcmp(child->key, key) != 0)
            node_append(map, child);
        child = next;
    }
}

static void replace_value(struct node *value, const struct node *with) {
    struct node *next = value->next;
    *value = *with;
    value->next = next;
}

static void append_list(struct node *list, struct node *more) {
    for (struct node *item = more->first, *next; item; item = next) {
        next = item->next;
        node_append(list, item);
    }
}

void node_merge(struct arena *arena, struct node *base, struct node *over) {
    for (struct node *value = over->first, *next; value; value = next) {
        next = value->next;
        struct node *there = node_find(base, value->key);
        if (value->is_null)
            remove_key(base, value->key);
        else if (!there)
            node_append(base, value);
        else if (value->replaces || value->kind != there->kind || value->kind == NODE_TEXT)
            replace_value(there, value);
        else if (value->kind == NODE_LIST)
            append_list(there, value);
        else
            node_merge(arena, there, value);
    }
}
