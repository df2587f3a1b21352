/* The areas of one program's memory: see areas.h. */
#include "kernel/machine/bare/mm/areas.h"

#include "grove/abi/status.h"

#include <stddef.h>

#define PAGE_BYTES UINT64_C(4096)

static uint32_t height_of(const struct area *tree) {
    return tree != NULL ? tree->height : 0;
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* Work out what a node knows of the tree below it. */
static void update(struct area *node) {
    const struct area *left = node->left, *right = node->right;
    node->height = (uint32_t)larger(height_of(left), height_of(right)) + 1;
    node->first = left != NULL ? left->first : node->start;
    node->last = right != NULL ? right->last : node->end;
    node->gap_bytes = 0;
    if (left != NULL)
        node->gap_bytes = larger(left->gap_bytes, node->start - left->last);
    if (right != NULL)
        node->gap_bytes = larger(node->gap_bytes, larger(right->gap_bytes, right->first - node->end));
}

static struct area *rotate_right(struct area *node) {
    struct area *top = node->left;
    node->left = top->right;
    top->right = node;
    update(node);
    update(top);
    return top;
}

static struct area *rotate_left(struct area *node) {
    struct area *top = node->right;
    node->right = top->left;
    top->left = node;
    update(node);
    update(top);
    return top;
}

/* Both trees below are balanced, and their heights differ by 2 at most. Returns the balanced tree. */
static struct area *balance(struct area *node) {
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

struct area *areas_from(const struct areas *areas, uint64_t address) {
    struct area *found = NULL;
    for (struct area *node = areas->root; node != NULL;) {
        if (node->end > address) {
            found = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    return found;
}

struct area *areas_find(const struct areas *areas, uint64_t address) {
    struct area *area = areas_from(areas, address);
    return area != NULL && area->start <= address ? area : NULL;
}

static struct area *insert(struct area *tree, struct area *area) {
    if (tree == NULL) {
        area->left = NULL;
        area->right = NULL;
        update(area);
        return area;
    }
    if (area->start < tree->start)
        tree->left = insert(tree->left, area);
    else
        tree->right = insert(tree->right, area);
    return balance(tree);
}

int areas_insert(struct areas *areas, struct area *area) {
    if (area->start >= area->end || area->start % PAGE_BYTES != 0 || area->end % PAGE_BYTES != 0)
        return GROVE_INVALID;
    const struct area *next = areas_from(areas, area->start);
    if (next != NULL && next->start < area->end)
        return GROVE_EXISTS;
    areas->root = insert(areas->root, area);
    areas->count++;
    return 0;
}

/* Take the first node out of a tree that has one. Returns the rest. */
static struct area *take_first(struct area *tree, struct area **first) {
    if (tree->left == NULL) {
        *first = tree;
        return tree->right;
    }
    tree->left = take_first(tree->left, first);
    return balance(tree);
}

static struct area *remove(struct area *tree, struct area *area) {
    if (tree == NULL)
        return NULL;
    if (area->start < tree->start) {
        tree->left = remove(tree->left, area);
    } else if (area->start > tree->start) {
        tree->right = remove(tree->right, area);
    } else {
        struct area *left = tree->left, *right = tree->right, *next;
        if (right == NULL)
            return left;
        right = take_first(right, &next);
        next->left = left;
        next->right = right;
        tree = next;
    }
    return balance(tree);
}

void areas_remove(struct areas *areas, struct area *area) {
    areas->root = remove(areas->root, area);
    areas->count--;
}

/* Bring what the nodes above an address know up to date. */
static void refresh(struct area *tree, uint64_t address) {
    if (tree == NULL)
        return;
    if (address < tree->start)
        refresh(tree->left, address);
    else if (address > tree->start)
        refresh(tree->right, address);
    update(tree);
}

int areas_grow(struct areas *areas, struct area *area, uint64_t end) {
    const struct area *next = areas_from(areas, area->end);
    if (end <= area->end || end % PAGE_BYTES != 0)
        return GROVE_INVALID;
    if (next != NULL && next->start < end)
        return GROVE_EXISTS;
    area->end = end;
    refresh(areas->root, area->start);
    return 0;
}

void areas_split(struct areas *areas, struct area *area, uint64_t address, struct area *upper) {
    uint64_t lower_bytes = address - area->start;
    *upper = (struct area){.start = address, .end = area->end, .protection = area->protection};
    if (area->image_bytes > lower_bytes) {
        upper->image = area->image + lower_bytes;
        upper->image_bytes = area->image_bytes - lower_bytes;
        area->image_bytes = lower_bytes;
    }
    area->end = address;
    refresh(areas->root, area->start);
    areas->root = insert(areas->root, upper);
    areas->count++;
}

/* The highest gap of this size between two areas of a tree that has one. Returns its end. */
static uint64_t highest_gap_end(const struct area *tree, uint64_t size) {
    while (tree != NULL) {
        const struct area *left = tree->left, *right = tree->right;
        if (right != NULL && right->gap_bytes >= size)
            tree = right;
        else if (right != NULL && right->first - tree->end >= size)
            return right->first;
        else if (left != NULL && tree->start - left->last >= size)
            return tree->start;
        else
            tree = left;
    }
    return 0; /* not reached: there is one */
}

int areas_find_room(const struct areas *areas, uint64_t size, uint64_t low, uint64_t high, uint64_t *start) {
    const struct area *root = areas->root;
    if (size == 0 || high < low)
        return GROVE_NO_MEMORY;
    if (root == NULL || high - root->last >= size) {
        if (high - low < size)
            return GROVE_NO_MEMORY;
        *start = high - size;
    } else if (root->gap_bytes >= size) {
        *start = highest_gap_end(root, size) - size;
    } else if (root->first >= low && root->first - low >= size) {
        *start = root->first - size;
    } else {
        return GROVE_NO_MEMORY;
    }
    return 0;
}
