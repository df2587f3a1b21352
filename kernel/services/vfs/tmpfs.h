/*
 * tmpfs: files that live in memory, each a tree of pages; what was never written is a hole and takes none.
 *
 * A folder keeps its entries in two trees, by name and by position, so that finding, adding and reading on from where one
 * stopped all take logarithmic time, whatever names somebody chooses. A position is never used again, so a program that
 * reads a folder while others change it sees every entry that stayed exactly once.
 *
 * Its limits are a budget: pages of contents, and inodes; a further name of a file counts as an inode. When they are used up, -LINUX_ENOSPC.
 */
#ifndef GROVE_VFS_TMPFS_H
#define GROVE_VFS_TMPFS_H

#include "kernel/services/vfs/vfs.h"

struct tmpfs_limits {
    uint64_t pages_max, inodes_max; /* 0: no limit */
    uint32_t mode, user, group; /* of the root folder */
};

struct tmpfs_use {
    uint64_t pages, inodes;
};

/* A file system with one reference, its root folder included. -LINUX_ENOMEM. Without locks, as all here. */
int tmpfs_create(struct vfs *vfs, const struct tmpfs_limits *limits, struct file_system **created);
/* What a tmpfs uses now. */
struct tmpfs_use tmpfs_read_use(struct file_system *system);

#endif
