/* Ordered sets: see order.h. */
#include "kernel/machine/bare/sched/order.h"

#include <stddef.h>

static uint32_t height_of(const struct order_node *tree) {
    return tree != NULL ? tree->height : 0;
}

static void update(struct order_node *node) {
    uint32_t left = height_of(node->left), right = height_of(node->right);
    node->height = (left > right ? left : right) + 1;
}

static struct order_node *rotate_right(struct order_node *node) {
    struct order_node *top = node->left;
    node->left = top->right;
    top->right = node;
    update(node);
    update(top);
    return top;
}

static struct order_node *rotate_left(struct order_node *node) {
    struct order_node *top = node->right;
    node->right = top->left;
    top->left = node;
    update(node);
    update(top);
    return top;
}

/* Both trees below are balanced, and their heights differ by 2 at most. Returns the balanced tree. */
static struct order_node *balance(struct order_node *node) {
    uint32_t left = height_of(node->left), right = height_of(node->right);
    if (left > right + 1) {
        if (height_of(node->left->left) < height_of(node->left->right))
            node->left = rotate_left(node->left);
        return rotate_right(node);
    }
    if (right > left + 1) {
        if (height_of(node->right->right) < height_of(node->right->left))
            node->right = rotate_right(node->right);
        return rotate_left(node);
    }
    update(node);
    return node;
}

static bool is_before(const struct order_node *a, const struct order_node *b) {
    return a->key < b->key || (a->key == b->key && a->number < b->number);
}

static struct order_node *insert(struct order_node *tree, struct order_node *node) {
    if (tree == NULL)
        return node;
    if (is_before(node, tree))
        tree->left = insert(tree->left, node);
    else
        tree->right = insert(tree->right, node);
    return balance(tree);
}

void order_insert(struct order *order, struct order_node *node, uint64_t key) {
    *node = (struct order_node){.key = key, .number = order->next_number++, .height = 1};
    order->root = insert(order->root, node);
    order->count++;
    if (order->first == NULL || is_before(node, order->first))
        order->first = node;
}

/* Take the first node out of a tree that has one. Returns the rest. */
static struct order_node *take_first(struct order_node *tree, struct order_node **first) {
    if (tree->left == NULL) {
        *first = tree;
        return tree->right;
    }
    tree->left = take_first(tree->left, first);
    return balance(tree);
}

static struct order_node *take_out(struct order_node *tree, struct order_node *node) {
    if (tree == node) {
        struct order_node *left = tree->left, *right = tree->right, *next;
        if (right == NULL)
            return left;
        right = take_first(right, &next);
        next->left = left;
        next->right = right;
        return balance(next);
    }
    if (is_before(node, tree))
        tree->left = take_out(tree->left, node);
    else
        tree->right = take_out(tree->right, node);
    return balance(tree);
}

void order_remove(struct order *order, struct order_node *node) {
    if (order->first == node)
        order->first = order_next(order, node);
    order->root = take_out(order->root, node);
    order->count--;
    *node = (struct order_node){0};
}

struct order_node *order_next(const struct order *order, const struct order_node *node) {
    struct order_node *next = NULL;
    for (struct order_node *at = order->root; at != NULL;) {
        if (is_before(node, at)) {
            next = at;
            at = at->left;
        } else {
            at = at->right;
        }
    }
    return next;
}
