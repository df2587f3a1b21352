/* O_TMPFILE: a file that is in no folder, and goes with its last user unless it is given a name. */
#ifndef GROVE_VFS_NAMELESS_H
#define GROVE_VFS_NAMELESS_H

#include "kernel/services/vfs/walk.h"

/*
 * Make one in the file system of the folder at this path. `mode` are permissions before the mask; with LINUX_O_EXCL among
 * `flags` it can never be given a name. *found gets references. Without locks. Errors of walk.h, EROFS, EACCES, ENOSPC; EOPNOTSUPP: the
 * file system makes no files.
 */
int vfs_open_nameless(const struct caller *caller, const struct walk_path *path, uint32_t flags, uint32_t mode,
                      struct path *found);

#endif
