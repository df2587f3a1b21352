/*
 * A balanced (AVL) tree of members that bring their own nodes: nothing is allocated here, every operation takes
 * logarithmic time in the worst case too, and the depth, at most 1.44 times the logarithm of the count, bounds the
 * recursion: 2^32 members are 46 levels. Whoever has the tree locks it.
 *
 * What a node knows of the tree below it (a sum, the largest of something) is kept up to date by `learn`.
 */
#ifndef GROVE_BARE_TREE_H
#define GROVE_BARE_TREE_H

#include <stddef.h>
#include <stdint.h>

struct tree_node {
    struct tree_node *left, *right;
    uint32_t height; /* never 0 in a tree */
};

/* Less than 0, 0 or more than 0: the key lies before, at or behind the node. */
typedef int tree_order(const void *key, struct tree_node *node);
/* Work out what the node knows of the tree below it, from its children and itself. */
typedef void tree_learn(struct tree_node *node);

struct tree_kind {
    tree_order *order;
    tree_learn *learn; /* NULL: a node knows nothing but its height */
};

/* The node at the key, or NULL. */
struct tree_node *tree_find(struct tree_node *root, const struct tree_kind *kind, const void *key);
/* The first node behind the key, or NULL. */
struct tree_node *tree_find_behind(struct tree_node *root, const struct tree_kind *kind, const void *key);
/* Add a node whose key is in no other. */
void tree_insert(struct tree_node **root, const struct tree_kind *kind, const void *key, struct tree_node *node);
/* Take out the node at the key, which is there. */
void tree_remove(struct tree_node **root, const struct tree_kind *kind, const void *key);
/* Something that is learned has changed in the node at the key: let it and those above it learn again. */
void tree_refresh(struct tree_node *root, const struct tree_kind *kind, const void *key);

#endif
