/*
 * The pages of one file by their number: a tree of nodes with 64 slots each, as high as the highest number needs. A number
 * without a page is a hole and costs nothing. Whoever has the tree locks it.
 */
#ifndef GROVE_VFS_PAGE_TREE_H
#define GROVE_VFS_PAGE_TREE_H

#include "kernel/services/vfs/machine.h"

#include <stdbool.h>

struct page_tree {
    void *root; /* NULL: no pages. A page if height is 0, else a node */
    uint32_t height; /* levels of nodes */
    uint64_t count; /* pages */
};

/* The page with this number, or NULL for a hole. */
void *page_tree_find(const struct page_tree *tree, uint64_t number);
/* Put a page into a hole. -LINUX_ENOMEM: no memory for a node; the tree holds what it held. */
int page_tree_add(struct page_tree *tree, const struct vfs_machine *machine, uint64_t number, void *page);
/* The lowest number from `number` on that has a page, into *found; false if there is none. */
bool page_tree_next(const struct page_tree *tree, uint64_t number, uint64_t *found);
/* Give back up to `count_max` pages, the lowest first, from number `first` on. Returns how many; 0: none is left. */
uint32_t page_tree_remove(struct page_tree *tree, const struct vfs_machine *machine, uint64_t first,
                          uint32_t count_max);

#endif
