/* Ordered sets: see order.h. */
#include "kernel/machine/bare/sched/order.h"

#include "kernel/core/list.h"

static int order_by_key(const void *key, struct tree_node *node) {
    const struct order_node *a = key, *b = list_item(node, struct order_node, node);
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->number == b->number ? 0 : a->number < b->number ? -1 : 1;
}

static const struct tree_kind by_key = {.order = order_by_key};

void order_insert(struct order *order, struct order_node *node, uint64_t key) {
    *node = (struct order_node){.key = key, .number = order->next_number++};
    if (order->count++ == 0) {
        order->root = &node->node;
        order->root->height = 1;
        order->first = node;
        return;
    }
    tree_insert(&order->root, &by_key, node, &node->node);
    if (order->first == NULL || order_by_key(node, &order->first->node) < 0)
        order->first = node;
}

void order_remove(struct order *order, struct order_node *node) {
    if (--order->count == 0) {
        order->root = NULL;
        order->first = NULL;
    } else {
        if (order->first == node)
            order->first = order_next(order, node);
        tree_remove(&order->root, &by_key, node);
    }
    *node = (struct order_node){0};
}

struct order_node *order_next(const struct order *order, const struct order_node *node) {
    struct tree_node *next = tree_find_behind(order->root, &by_key, node);
    return next != NULL ? list_item(next, struct order_node, node) : NULL;
}
