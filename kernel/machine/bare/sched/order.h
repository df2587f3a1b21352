/*
 * An ordered set: nodes by a key, those of equal keys in the order in which they came, in a balanced tree (tree.h).
 *
 * The first is known at once; everything else takes logarithmic time in the worst case too, which is why this is no heap
 * with amortised bounds. All zero is an empty set, and a node in none.
 */
#ifndef GROVE_BARE_ORDER_H
#define GROVE_BARE_ORDER_H

#include "kernel/machine/bare/tree/tree.h"

#include <stdbool.h>

struct order_node {
    uint64_t key, number; /* `number` tells equal keys apart */
    struct tree_node node; /* its height is 0 in no set */
};

struct order {
    struct tree_node *root;
    struct order_node *first; /* NULL for none */
    uint64_t count, next_number;
};

static inline bool order_holds(const struct order_node *node) {
    return node->node.height != 0;
}

/* `node` is in no set. */
void order_insert(struct order *order, struct order_node *node, uint64_t key);
/* `node` is in this set. */
void order_remove(struct order *order, struct order_node *node);
/* The one behind `node`, which is in this set; NULL behind the last. */
struct order_node *order_next(const struct order *order, const struct order_node *node);

#endif
