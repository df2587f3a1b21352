/*
 * Seals of files in memory: what can never be done with a file any more. Only files of memfd_create can get any.
 *
 * A seal is set, and then it is looked whether somebody may still do what it forbids; who wants to do it announces that
 * first and then looks at the seals. So one of both sees the other.
 */
#ifndef GROVE_VFS_SEAL_H
#define GROVE_VFS_SEAL_H

#include "kernel/services/vfs/file.h"

#define LINUX_F_SEAL_SEAL 0x01u
#define LINUX_F_SEAL_SHRINK 0x02u
#define LINUX_F_SEAL_GROW 0x04u
#define LINUX_F_SEAL_WRITE 0x08u
#define LINUX_F_SEAL_FUTURE_WRITE 0x10u
#define LINUX_F_SEAL_EXEC 0x20u

static inline uint32_t inode_seals(const struct inode *inode) {
    return __atomic_load_n(&inode->seals, __ATOMIC_SEQ_CST);
}

/* With `writers` held: may [offset, offset + size_bytes) be written, or the file become that large? 0 or -LINUX_EPERM. */
int seal_check_write(struct inode *inode, uint64_t offset, uint64_t size_bytes);
int seal_check_resize(struct inode *inode, uint64_t size_bytes);
/* fcntl's F_GET_SEALS and F_ADD_SEALS. -LINUX_EINVAL: no file that has seals, or no such seal; EPERM: not open for
 * writing, or sealed against it; EBUSY: somebody has it mapped writable. */
int64_t file_seals(struct open_file *file);
int64_t file_add_seals(struct open_file *file, uint32_t seals);

#endif
