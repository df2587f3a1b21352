/*
 * Places that stand for open files without one: what a link such as /proc/self/fd/3 leads to where the file is a pipe, a socket or
 * another thing without a name. proc(5): a pipe can be opened once more by it; the others can be asked what they are.
 */
#ifndef GROVE_VFS_STAND_IN_H
#define GROVE_VFS_STAND_IN_H

#include "kernel/services/vfs/file.h"

/*
 * With the tree's lock held. The file has no place and is held by the caller. *to gets references; it lies in `mount`, which says nothing
 * of it, and belongs to the user and group. Opening it: a pipe as one that has a name; -LINUX_ENXIO for all others.
 * -LINUX_ENOMEM.
 */
int stand_in_make(const struct open_file *file, struct mount *mount, uint32_t user, uint32_t group, struct path *to);
/* Is a place one of these? */
bool stand_in_is(const struct path *path);

#endif
