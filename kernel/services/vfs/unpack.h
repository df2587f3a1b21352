/* The initramfs, unpacked into a file system: see kernel/machine/bare/boot/newc.h for the archive. */
#ifndef GROVE_VFS_UNPACK_H
#define GROVE_VFS_UNPACK_H

#include "kernel/services/vfs/vfs.h"

#define UNPACK_LINKS_MAX 256u /* names of files with several names that may be open at a time */

/*
 * Make all that the archive holds below the caller's root, in its order: folders before what is in them. What is there
 * already is replaced, a folder changed. Owner, group, mode, times and devices are the archive's; names of one file
 * become names of one file. The caller needs the capabilities for all that.
 *
 * -LINUX_EINVAL: the archive is damaged; or what making files answers. What was unpacked until then stays.
 */
int vfs_unpack(const struct caller *caller, const uint8_t *bytes, size_t size_bytes);

#endif
