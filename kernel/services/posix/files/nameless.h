/* Files that have a descriptor and no name: what their calls share. */
#ifndef GROVE_POSIX_FILES_NAMELESS_H
#define GROVE_POSIX_FILES_NAMELESS_H

#include "kernel/services/posix/files/place.h"

/*
 * A descriptor for a file with these operations and this object; `flags` are LINUX_O_NONBLOCK and LINUX_O_CLOEXEC. On failure
 * the object is given back as its last close does. The number, or -LINUX_EMFILE, ENOMEM.
 */
int64_t nameless_open(const struct files *files, const struct file_operations *operations, void *object, uint32_t flags,
                      void (*give_back)(struct vfs *vfs, void *object));
/* The file of a descriptor, with a reference, if it has these operations. -LINUX_EBADF; -LINUX_EINVAL: it has others. */
int nameless_get(const struct files *files, uint64_t descriptor, const struct file_operations *operations,
                 struct open_file **file);

#endif
