/*
 * A balanced (AVL) tree of members that bring their own nodes: nothing is allocated here, every operation takes
 * logarithmic time however names are chosen, and the depth, at most 1.44 times the logarithm of the count, bounds the
 * recursion. Whoever has the tree locks it.
 */
#ifndef GROVE_VFS_TREE_H
#define GROVE_VFS_TREE_H

#include <stddef.h>
#include <stdint.h>

struct tree_node {
    struct tree_node *left, *right;
    uint32_t height;
};

/* Less than 0, 0 or more than 0: the key lies before, at or behind the node. */
typedef int tree_order(const void *key, struct tree_node *node);

/* The node at the key, or NULL. */
struct tree_node *tree_find(struct tree_node *root, tree_order *order, const void *key);
/* The first node behind the key, or NULL. */
struct tree_node *tree_find_behind(struct tree_node *root, tree_order *order, const void *key);
/* Add a node whose key is in no other. */
void tree_insert(struct tree_node **root, tree_order *order, const void *key, struct tree_node *node);
/* Take out the node at the key, which is there. */
void tree_remove(struct tree_node **root, tree_order *order, const void *key);

#endif
