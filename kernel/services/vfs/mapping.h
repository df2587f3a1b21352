/*
 * Files mapped into programs: a file's memory object (kernel/machine/bare/mm/object.h), whose pages are the file's own. Made
 * when the file is first mapped; lives as long as something maps it, and holds a reference on the inode.
 *
 * A file system whose files can be mapped has a `page` operation and takes counted pages from its machine (mm/pages.h).
 * Whoever takes pages away from a file says so with inode_cut, after that.
 */
#ifndef GROVE_VFS_MAPPING_H
#define GROVE_VFS_MAPPING_H

#include "kernel/machine/bare/mm/calls.h"
#include "kernel/services/vfs/file.h"

/* The object of an inode, with a reference for the caller. -LINUX_ENODEV: it cannot be mapped; -LINUX_ENOMEM. Without locks. */
int mapping_open(struct inode *inode, struct memory_object **object);
/* The same if there is one, else NULL: nobody has mapped it. Without locks. */
struct memory_object *mapping_find(struct inode *inode);
/*
 * What mmap asks of an open file (mm/calls.h): *found, whose object, if any, comes with a reference. Errors stand in
 * found->status.
 */
void mapping_of_file(struct open_file *file, struct memory_call_file *found);

#endif
