/* A balanced tree: see tree.h. */
#include "kernel/machine/bare/tree/tree.h"

static uint32_t height_of(const struct tree_node *node) {
    return node != NULL ? node->height : 0;
}

static void update(const struct tree_kind *kind, struct tree_node *node) {
    uint32_t left = height_of(node->left), right = height_of(node->right);
    node->height = (left > right ? left : right) + 1;
    if (kind->learn != NULL)
        kind->learn(node);
}

static struct tree_node *rotate_right(const struct tree_kind *kind, struct tree_node *node) {
    struct tree_node *top = node->left;
    node->left = top->right;
    top->right = node;
    update(kind, node);
    update(kind, top);
    return top;
}

static struct tree_node *rotate_left(const struct tree_kind *kind, struct tree_node *node) {
    struct tree_node *top = node->right;
    node->right = top->left;
    top->left = node;
    update(kind, node);
    update(kind, top);
    return top;
}

/* Both trees below are balanced, and their heights differ by 2 at most. Returns the balanced tree. */
static struct tree_node *balance(const struct tree_kind *kind, struct tree_node *node) {
    uint32_t left = height_of(node->left), right = height_of(node->right);
    if (left > right + 1) {
        if (height_of(node->left->left) < height_of(node->left->right))
            node->left = rotate_left(kind, node->left);
        return rotate_right(kind, node);
    }
    if (right > left + 1) {
        if (height_of(node->right->right) < height_of(node->right->left))
            node->right = rotate_right(kind, node->right);
        return rotate_left(kind, node);
    }
    update(kind, node);
    return node;
}

struct tree_node *tree_find(struct tree_node *root, const struct tree_kind *kind, const void *key) {
    while (root != NULL) {
        int side = kind->order(key, root);
        if (side == 0)
            return root;
        root = side < 0 ? root->left : root->right;
    }
    return NULL;
}

struct tree_node *tree_find_behind(struct tree_node *root, const struct tree_kind *kind, const void *key) {
    struct tree_node *found = NULL;
    while (root != NULL) {
        if (kind->order(key, root) < 0) {
            found = root;
            root = root->left;
        } else {
            root = root->right;
        }
    }
    return found;
}

static struct tree_node *insert(struct tree_node *tree, const struct tree_kind *kind, const void *key,
                                struct tree_node *node) {
    if (tree == NULL) {
        *node = (struct tree_node){0};
        update(kind, node);
        return node;
    }
    if (kind->order(key, tree) < 0)
        tree->left = insert(tree->left, kind, key, node);
    else
        tree->right = insert(tree->right, kind, key, node);
    return balance(kind, tree);
}

void tree_insert(struct tree_node **root, const struct tree_kind *kind, const void *key, struct tree_node *node) {
    *root = insert(*root, kind, key, node);
}

/* Take the first node out of a tree that has one. Returns the rest. */
static struct tree_node *take_first(const struct tree_kind *kind, struct tree_node *tree, struct tree_node **first) {
    if (tree->left == NULL) {
        *first = tree;
        return tree->right;
    }
    tree->left = take_first(kind, tree->left, first);
    return balance(kind, tree);
}

static struct tree_node *remove(struct tree_node *tree, const struct tree_kind *kind, const void *key) {
    if (tree == NULL)
        return NULL;
    int side = kind->order(key, tree);
    if (side < 0) {
        tree->left = remove(tree->left, kind, key);
    } else if (side > 0) {
        tree->right = remove(tree->right, kind, key);
    } else {
        struct tree_node *left = tree->left, *right = tree->right, *next;
        if (right == NULL)
            return left;
        right = take_first(kind, right, &next);
        next->left = left;
        next->right = right;
        tree = next;
    }
    return balance(kind, tree);
}

void tree_remove(struct tree_node **root, const struct tree_kind *kind, const void *key) {
    *root = remove(*root, kind, key);
}

void tree_refresh(struct tree_node *root, const struct tree_kind *kind, const void *key) {
    if (root == NULL)
        return;
    int side = kind->order(key, root);
    if (side != 0)
        tree_refresh(side < 0 ? root->left : root->right, kind, key);
    update(kind, root);
}
