/*
 * Files in memory without a name in any folder that a program could find: memfd_create. They lie in a tmpfs of their own
 * without limits, which is made with the first of them and is there until the layer ends. What they take up is charged as any
 * file's.
 */
#ifndef GROVE_VFS_MEMORY_FILE_H
#define GROVE_VFS_MEMORY_FILE_H

#include "kernel/services/vfs/file.h"

#define MEMORY_FILE_NAME_MAX 249u /* bytes */

/*
 * An empty file, open for reading and writing, with one reference. `name` is for people only and may be any text. With
 * is_sealable it can get seals (seal.h). `mode` are its permissions. -LINUX_ENOMEM, EINVAL: the name is too long.
 */
int memory_file_create(const struct caller *caller, const char *name, uint32_t mode, bool is_sealable,
                       struct open_file **created);
/* Give back what the first one made; no such file is open. Called by vfs_deinit. */
void memory_files_end(struct vfs *vfs);

#endif
