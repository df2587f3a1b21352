/* The areas of one program's memory: see areas.h. */
#include "kernel/machine/bare/mm/areas.h"

#include "grove/abi/status.h"

#include <stdbool.h>

#define PAGE_BYTES UINT64_C(4096)

static struct area *area_of(struct tree_node *node) {
    return node != NULL ? list_item(node, struct area, node) : NULL;
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static void learn(struct tree_node *node) {
    struct area *area = area_of(node);
    const struct area *left = area_of(node->left), *right = area_of(node->right);
    area->first = left != NULL ? left->first : area->start;
    area->last = right != NULL ? right->last : area->end;
    area->gap_bytes = 0;
    if (left != NULL)
        area->gap_bytes = larger(left->gap_bytes, area->start - left->last);
    if (right != NULL)
        area->gap_bytes = larger(area->gap_bytes, larger(right->gap_bytes, right->first - area->end));
}

static int order_by_start(const void *key, struct tree_node *node) {
    uint64_t start = *(const uint64_t *)key, other = area_of(node)->start;
    return start == other ? 0 : start < other ? -1 : 1;
}

/* An address lies before all areas that end behind it. */
static int order_by_end(const void *key, struct tree_node *node) {
    return *(const uint64_t *)key < area_of(node)->end ? -1 : 1;
}

static const struct tree_kind by_start = {.order = order_by_start, .learn = learn}, by_end = {.order = order_by_end};

struct area *areas_from(const struct areas *areas, uint64_t address) {
    return area_of(tree_find_behind(areas->root, &by_end, &address));
}

struct area *areas_find(const struct areas *areas, uint64_t address) {
    struct area *area = areas_from(areas, address);
    return area != NULL && area->start <= address ? area : NULL;
}

int areas_insert(struct areas *areas, struct area *area) {
    if (area->start >= area->end || area->start % PAGE_BYTES != 0 || area->end % PAGE_BYTES != 0)
        return GROVE_INVALID;
    const struct area *next = areas_from(areas, area->start);
    if (next != NULL && next->start < area->end)
        return GROVE_EXISTS;
    tree_insert(&areas->root, &by_start, &area->start, &area->node);
    areas->count++;
    return 0;
}

void areas_remove(struct areas *areas, struct area *area) {
    tree_remove(&areas->root, &by_start, &area->start);
    areas->count--;
}

int areas_grow(struct areas *areas, struct area *area, uint64_t end) {
    const struct area *next = areas_from(areas, area->end);
    if (end <= area->end || end % PAGE_BYTES != 0)
        return GROVE_INVALID;
    if (next != NULL && next->start < end)
        return GROVE_EXISTS;
    area->end = end;
    tree_refresh(areas->root, &by_start, &area->start);
    return 0;
}

int areas_grow_down(struct areas *areas, struct area *area, uint64_t start) {
    const struct area *before = areas_from(areas, start);
    if (start >= area->start || start % PAGE_BYTES != 0)
        return GROVE_INVALID;
    if (before != area)
        return GROVE_EXISTS;
    area->start = start; /* its place in the order is the same */
    tree_refresh(areas->root, &by_start, &area->start);
    return 0;
}

void areas_split(struct areas *areas, struct area *area, uint64_t address, struct area *upper) {
    *upper = *area;
    upper->start = address;
    upper->offset += address - area->start;
    area->end = address;
    tree_refresh(areas->root, &by_start, &area->start);
    tree_insert(&areas->root, &by_start, &upper->start, &upper->node);
    areas->count++;
}

/* The highest gap of this size between two areas of a tree that has one. Returns its end. */
static uint64_t highest_gap_end(const struct area *tree, uint64_t size) {
    while (tree != NULL) {
        const struct area *left = area_of(tree->node.left), *right = area_of(tree->node.right);
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

static bool fits(uint64_t low, uint64_t behind, uint64_t high, uint64_t size, uint64_t *end) {
    *end = behind < high ? behind : high;
    return *end >= low && *end - low >= size;
}

/*
 * The highest gap of this size between two areas of a tree, as far as it lies below `high`. Only one branch at each level
 * reaches beyond `high`, so this takes logarithmic time; it is as deep as the tree.
 */
static bool gap_below(const struct area *tree, uint64_t high, uint64_t size, uint64_t *end) {
    if (tree == NULL || tree->gap_bytes < size || tree->first >= high)
        return false;
    if (tree->last <= high) {
        *end = highest_gap_end(tree, size);
        return true;
    }
    const struct area *left = area_of(tree->node.left), *right = area_of(tree->node.right);
    if (gap_below(right, high, size, end) || (right != NULL && fits(tree->end, right->first, high, size, end)))
        return true;
    return (left != NULL && fits(left->last, tree->start, high, size, end)) || gap_below(left, high, size, end);
}

int areas_find_room(const struct areas *areas, uint64_t size, uint64_t low, uint64_t high, uint64_t *start) {
    const struct area *root = area_of(areas->root);
    uint64_t end = high;
    if (size == 0 || high < low || high - low < size)
        return GROVE_NO_MEMORY;
    bool is_found = root == NULL || fits(larger(root->last, low), high, high, size, &end) ||
                    gap_below(root, high, size, &end) || fits(low, root->first, high, size, &end);
    if (!is_found || end - size < low)
        return GROVE_NO_MEMORY;
    *start = end - size;
    return 0;
}
