/* What a root has besides what was unpacked into it: /dev with all devices, and /tmp, /proc and /sys to mount on. */
#ifndef GROVE_VFS_FURNISH_H
#define GROVE_VFS_FURNISH_H

#include "kernel/services/vfs/mount.h"

/*
 * For a caller with all capabilities. Folders that are there stay as they are. `kind` is that of kinds.h whose devices are
 * shown at /dev. Errors of making folders, of making that file system and of view_mount.
 */
int vfs_furnish(const struct caller *caller, struct view *view, const char *kind);
/* Make a file system of a kind and show it at a path. Also -LINUX_ENODEV: there is no such kind. */
int vfs_mount_kind(const struct caller *caller, struct view *view, const char *kind, const char *path);

#endif
