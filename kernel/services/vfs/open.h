/* The walk of open(2): what is found or made, and whether the caller may open it. */
#ifndef GROVE_VFS_OPEN_H
#define GROVE_VFS_OPEN_H

#include "kernel/services/vfs/walk.h"

/*
 * `flags` are LINUX_O_, `mode` is for what O_CREAT makes. *found gets references. With O_TRUNC the file is emptied.
 * Without locks. Besides the errors of walk.h: EEXIST, EISDIR, EROFS, EPERM, EINVAL, ENOSPC.
 */
int vfs_open_path(const struct caller *caller, const struct walk_path *path, uint32_t flags, uint32_t mode,
                  struct path *found);
/* The same, where `intent` (its flags set) gets what a file system keeps of a file that it made for this open. */
int vfs_open_intent(const struct caller *caller, const struct walk_path *path, uint32_t mode,
                    struct open_intent *intent, struct path *found);
/* LINUX_R_OK and LINUX_W_OK that these flags of open ask for. */
uint32_t vfs_open_access(uint32_t flags);

#endif
