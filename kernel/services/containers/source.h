/*
 * Where a granted path lies among the kernel's own files. A symbolic link on the way is followed only if root owns it: one
 * that a container made in a folder it may write would else turn the next grant below that folder into one of something
 * else.
 */
#ifndef GROVE_CONTAINERS_SOURCE_H
#define GROVE_CONTAINERS_SOURCE_H

#include "grove/abi/capability.h"
#include "kernel/services/vfs/walk.h"

/* With references. Without locks. Errors of walk.h; -LINUX_ELOOP: also a link that is not root's. */
int source_find(const struct caller *caller, const char *path, struct path *found);
/* Make a folder, and those above it that are missing, all root's. Errors of vfs_make_folder. */
int source_make_folder(const struct caller *caller, const char *path);

#endif
