/* What the files of tmpfs share. Nothing else includes this. */
#ifndef GROVE_VFS_TMPFS_INSIDE_H
#define GROVE_VFS_TMPFS_INSIDE_H

#include "kernel/machine/bare/tree/tree.h"
#include "kernel/services/vfs/page_tree.h"
#include "kernel/services/vfs/tmpfs.h"

struct tmpfs {
    struct file_system system;
    struct tmpfs_limits limits;
    uint64_t pages; /* in use; atomic */
    uint64_t holders; /* inodes, and 1 until the file system is released; atomic. Whoever takes the last one frees it */
    uint64_t more_names; /* of files, behind the first of each: they count as inodes. Guarded by the tree's lock */
    uint64_t numbers; /* given to inodes so far; guarded by the tree's lock */
};

struct tmpfs_entry {
    struct tree_node by_name, by_position;
    uint64_t position;
    struct inode *inode; /* counted */
    uint32_t name_bytes;
    char name[];
};

struct tmpfs_folder {
    struct tree_node *by_name, *by_position;
    uint64_t next_position;
};

struct tmpfs_inode {
    struct inode inode;
    union {
        struct tmpfs_folder folder; /* guarded by the tree's lock */
        struct page_tree pages; /* guarded by the inode's */
        char *link_text; /* terminated; inode.size_bytes without its end */
    };
};

static inline struct tmpfs *tmpfs_of(const struct inode *inode) {
    return list_item(inode->system, struct tmpfs, system);
}

static inline struct tmpfs_inode *tmpfs_inode_of(struct inode *inode) {
    return list_item(inode, struct tmpfs_inode, inode);
}

extern const struct inode_operations tmpfs_folder_operations, tmpfs_file_operations, tmpfs_link_operations,
    tmpfs_other_operations;

/* With the tree's lock held. Is the budget for one more inode, or name, used up? */
bool tmpfs_is_full(const struct tmpfs *tmpfs);
/* With the tree's lock held. -LINUX_ENOSPC, ENOMEM. */
int tmpfs_make_inode(struct tmpfs *tmpfs, const struct inode_plan *plan, struct inode **made);
/* The release operations' last step: the inode's memory. */
void tmpfs_free_inode(struct inode *inode);

int tmpfs_folder_find(struct inode *folder, const struct name *name, struct inode **found);
int tmpfs_folder_make(struct inode *folder, const struct name *name, const struct inode_plan *plan,
                      struct inode **made);
int tmpfs_folder_link(struct inode *folder, const struct name *name, struct inode *inode);
int tmpfs_folder_remove(struct inode *folder, const struct name *name, struct inode *inode);
int tmpfs_folder_rename(struct inode *from, const struct name *from_name, struct inode *to, const struct name *to_name,
                        bool is_exchange);
bool tmpfs_folder_entry_at(struct inode *folder, uint64_t at, struct folder_entry *entry);
void tmpfs_folder_release(struct inode *folder);

int tmpfs_file_read(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *done_bytes);
int tmpfs_file_write(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *done_bytes);
int tmpfs_file_resize(struct inode *inode, uint64_t size_bytes);
int tmpfs_file_allocate(struct inode *inode, uint64_t offset, uint64_t size_bytes, bool is_hole);
int tmpfs_file_page(struct inode *inode, uint64_t number, bool is_made, void (*hold)(void *page), void **page);
int tmpfs_file_seek(struct inode *inode, uint64_t offset, bool to_hole, uint64_t *found);
void tmpfs_file_release(struct inode *inode);

#endif
