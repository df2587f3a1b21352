/*
 * An ordered set: nodes by a key, those of equal keys in the order in which they came, in a balanced (AVL) tree.
 *
 * The first is known at once; everything else takes logarithmic time in the worst case too, which is why this is no heap
 * with amortised bounds. The depth is at most 1.44 times the logarithm of the count, which bounds the recursion. Nothing
 * is allocated: a node is part of what it orders. All zero is an empty set, and a node in none.
 */
#ifndef GROVE_BARE_ORDER_H
#define GROVE_BARE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

struct order_node {
    uint64_t key, number; /* `number` tells equal keys apart */
    struct order_node *left, *right;
    uint32_t height; /* 0 for a node that is in no set */
};

struct order {
    struct order_node *root, *first; /* NULL for none */
    uint64_t count, next_number;
};

static inline bool order_holds(const struct order_node *node) {
    return node->height != 0;
}

/* `node` is in no set. */
void order_insert(struct order *order, struct order_node *node, uint64_t key);
/* `node` is in this set. */
void order_remove(struct order *order, struct order_node *node);
/* The one behind `node`, which is in this set; NULL behind the last. */
struct order_node *order_next(const struct order *order, const struct order_node *node);

#endif
