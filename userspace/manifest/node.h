/*
 * What a YAML file holds, as a tree that remembers where each value stands.
 *
 * Bounds, checked while reading: YAML_FILE_MAX bytes, YAML_DEPTH_MAX levels, YAML_NODES_MAX values. Anchors and aliases
 * are refused, so a small file cannot grow into a large tree; keys are unique and texts hold no zero byte.
 */
#ifndef GROVE_MANIFEST_NODE_H
#define GROVE_MANIFEST_NODE_H

#include "userspace/manifest/arena.h"
#include "userspace/manifest/errors.h"

#define YAML_FILE_MAX (256u << 10)
#define YAML_DEPTH_MAX 16u
#define YAML_NODES_MAX 8192u

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool is_null; /* nothing stands there, or ~ */
    bool replaces; /* tagged !replace: in a drop-in, takes the place of what it would be merged with */
    unsigned line, column;
    const char *file;
    const char *key; /* in a map: what this is the value of */
    const char *text; /* NODE_TEXT */
    const char *origin; /* NULL, or why it is there although no file says so */
    struct node *first, *last, *next; /* NODE_LIST, NODE_MAP: children in their order */
    unsigned count;
};

/*
 * Parse a whole file. *root is a map, in the arena. GROVE_INVALID or GROVE_TOO_LARGE after adding an error that names
 * the place.
 */
int node_parse(const char *text, size_t text_bytes, const char *file, struct arena *arena, struct node **root,
               struct manifest_errors *errors);
/* Read a file and parse it. Also GROVE_NOT_FOUND, GROVE_IO, each with an error added. */
int node_read(const char *path, struct arena *arena, struct node **root, struct manifest_errors *errors);

/* The value of a key in a map, or NULL. */
struct node *node_find(const struct node *map, const char *key);
void node_append(struct node *parent, struct node *child);
struct node *node_copy(struct arena *arena, const struct node *node); /* with its children, without its siblings */
struct node *node_text(struct arena *arena, const struct node *place, const char *key, const char *text);

/*
 * Lay `over` onto `base`, both maps: values replace values, maps are merged key by key, lists are appended to, `!replace`
 * takes the place of the whole, and ~ takes the key away. Both trees are used up.
 */
void node_merge(struct arena *arena, struct node *base, struct node *over);

#endif
