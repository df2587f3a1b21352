/* The pages of one file: see page_tree.h. */
#include "kernel/services/vfs/page_tree.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

#define BITS 6u
#define SLOTS (1u << BITS)
#define HEIGHT_MAX (64u / BITS + 1)

struct node {
    void *slots[SLOTS];
    uint32_t used; /* slots that are not NULL */
};

/* How many numbers lie below a tree of this height, less one. */
static uint64_t last_number(uint32_t height) {
    return height * BITS >= 64 ? UINT64_MAX : (UINT64_C(1) << (height * BITS)) - 1;
}

static uint32_t slot_of(uint64_t number, uint32_t level) {
    uint32_t shift = (level - 1) * BITS;
    return shift >= 64 ? 0 : (uint32_t)(number >> shift) & (SLOTS - 1);
}

void *page_tree_find(const struct page_tree *tree, uint64_t number) {
    void *at = tree->root;
    if (number > last_number(tree->height))
        return NULL;
    for (uint32_t level = tree->height; level > 0 && at != NULL; level--)
        at = ((const struct node *)at)->slots[slot_of(number, level)];
    return at;
}

static struct node *make_node(const struct vfs_machine *machine) {
    struct node *node = machine_take(machine, sizeof(*node));
    if (node != NULL)
        memset(node, 0, sizeof(*node));
    return node;
}

/* Nodes above the root until the number has a place. An empty tree gets its height for nothing. */
static int grow(struct page_tree *tree, const struct vfs_machine *machine, uint64_t number) {
    while (number > last_number(tree->height)) {
        if (tree->root != NULL) {
            struct node *node = make_node(machine);
            if (node == NULL)
                return -LINUX_ENOMEM;
            node->slots[0] = tree->root;
            node->used = 1;
            tree->root = node;
        }
        tree->height++;
    }
    return 0;
}

/* Give the nodes back that hold nothing, along the way to a number. */
static void prune(struct page_tree *tree, const struct vfs_machine *machine, uint64_t number) {
    struct node *way[HEIGHT_MAX + 1];
    uint32_t level = tree->height;
    void *at = tree->root;
    while (level > 0 && at != NULL) {
        way[level] = at;
        at = way[level]->slots[slot_of(number, level)];
        level--;
    }
    if (at != NULL)
        return;
    for (level++; level <= tree->height && way[level]->used == 0; level++) {
        machine_give_back(machine, way[level], sizeof(struct node));
        if (level == tree->height) {
            tree->root = NULL;
        } else {
            way[level + 1]->slots[slot_of(number, level + 1)] = NULL;
            way[level + 1]->used--;
        }
    }
    if (tree->root == NULL)
        tree->height = 0;
}

int page_tree_add(struct page_tree *tree, const struct vfs_machine *machine, uint64_t number, void *page) {
    if (grow(tree, machine, number) != 0)
        return -LINUX_ENOMEM;
    void **place = &tree->root;
    struct node *above = NULL;
    for (uint32_t level = tree->height; level > 0; level--) {
        if (*place == NULL) {
            struct node *node = make_node(machine);
            if (node == NULL) {
                prune(tree, machine, number);
                return -LINUX_ENOMEM;
            }
            *place = node;
            if (above != NULL)
                above->used++;
        }
        above = *place;
        place = &above->slots[slot_of(number, level)];
    }
    *place = page;
    if (above != NULL)
        above->used++;
    tree->count++;
    return 0;
}

/* The lowest number from *number on below `at` that has a page; *number moves to it. */
static bool find_next(const void *at, uint32_t level, uint64_t *number) {
    if (level == 0)
        return true;
    const struct node *node = at;
    uint32_t first = slot_of(*number, level);
    uint64_t below = last_number(level - 1);
    for (uint32_t slot = first; slot < SLOTS; slot++) {
        if (slot != first)
            *number = (*number | below) + 1; /* the first number of this slot */
        if (node->slots[slot] != NULL) {
            uint64_t candidate = *number;
            if (find_next(node->slots[slot], level - 1, &candidate)) {
                *number = candidate;
                return true;
            }
        }
    }
    return false;
}

bool page_tree_next(const struct page_tree *tree, uint64_t number, uint64_t *found) {
    if (tree->root == NULL || number > last_number(tree->height) || !find_next(tree->root, tree->height, &number))
        return false;
    *found = number;
    return true;
}

static void remove_page(struct page_tree *tree, const struct vfs_machine *machine, uint64_t number) {
    void **place = &tree->root;
    struct node *above = NULL;
    for (uint32_t level = tree->height; level > 0; level--) {
        above = *place;
        place = &above->slots[slot_of(number, level)];
    }
    machine->give_page_back(machine->context, *place);
    *place = NULL;
    if (above != NULL)
        above->used--;
    tree->count--;
    prune(tree, machine, number);
}

uint32_t page_tree_remove(struct page_tree *tree, const struct vfs_machine *machine, uint64_t first,
                          uint32_t count_max) {
    uint32_t removed = 0;
    while (removed < count_max && page_tree_next(tree, first, &first)) {
        remove_page(tree, machine, first);
        removed++;
    }
    return removed;
}
