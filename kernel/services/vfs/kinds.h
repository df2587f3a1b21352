/*
 * Kinds of file systems by the names that mount(2) gives them. tmpfs and devtmpfs are always there; others are added when the
 * machine starts.
 */
#ifndef GROVE_VFS_KINDS_H
#define GROVE_VFS_KINDS_H

#include "kernel/services/vfs/vfs.h"

struct file_system_kind {
    const char *name;
    /* One reference. `options` is terminated and may be empty. -LINUX_EINVAL: it makes no sense; ENOMEM. Without locks. */
    int (*create)(struct vfs *vfs, const char *options, struct file_system **created);
    struct list link; /* the layer's */
};

/* Whoever adds a kind keeps it. -LINUX_EEXIST. */
int file_system_kind_add(struct vfs *vfs, struct file_system_kind *kind);
/* -LINUX_ENODEV: there is no such kind; and errors of its `create`. */
int file_system_make(struct vfs *vfs, const char *name, const char *options, struct file_system **created);

#endif
