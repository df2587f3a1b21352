/*
 * Record locks of fcntl(2), on ranges of a file's bytes. Two families, which conflict with each other alike: POSIX locks
 * belong to a process (its table of descriptors) and go when it closes any descriptor of the file; locks of an open file
 * description (OFD) belong to the open file and go with its last descriptor. Who already has locks in a range changes them:
 * they are merged, cut or split.
 *
 * A POSIX lock that would wait in a circle of processes is refused with -LINUX_EDEADLK; as on Linux, a circle is looked for
 * over at most RECORD_CHAIN_MAX steps, and OFD locks are left out.
 *
 * A file without an inode is nobody else's: what is locked there is nobody's concern, and not kept.
 *
 * One lock guards all of it, the innermost but for the machine's.
 */
#ifndef GROVE_VFS_RECORD_LOCK_H
#define GROVE_VFS_RECORD_LOCK_H

#include "kernel/services/vfs/file.h"

#define RECORD_CHAIN_MAX 10u
#define RECORD_LOCKS_MAX 4096u /* on one file */

/* F_RDLCK, F_WRLCK, F_UNLCK. */
enum record_kind { RECORD_READ = 0, RECORD_WRITE = 1, RECORD_NONE = 2 };

struct record_range {
    int64_t first, last; /* last is INT64_MAX for "to the end, wherever it is" */
};

struct record_owner {
    const void *owner; /* a table of descriptors or an open file */
    int32_t process; /* what F_GETLK tells; -1 for an OFD lock */
};

struct record_lock {
    struct list link; /* in the inode's list */
    struct record_owner owner;
    enum record_kind kind;
    struct record_range range;
};

/* From l_whence, l_start and l_len. -LINUX_EINVAL, -LINUX_EOVERFLOW. */
int record_range(const struct open_file *file, uint32_t whence, int64_t start, int64_t length,
                 struct record_range *range);
/* Is the file open for a lock of this kind? -LINUX_EBADF, EINVAL. */
int record_lock_check(const struct open_file *file, enum record_kind kind);
/* The first lock in the way of this one, copied into *found; its kind is RECORD_NONE if there is none. -LINUX_EBADF, EINVAL. */
int record_lock_test(struct open_file *file, const struct record_owner *owner, enum record_kind kind,
                     const struct record_range *range, struct record_lock *found);
/*
 * Take, change or (RECORD_NONE) give up. -LINUX_EAGAIN: somebody has it and `waits` is not set; -LINUX_EDEADLK, EINTR;
 * -LINUX_EBADF: not open for that; -LINUX_ENOLCK: no memory, or too many; -LINUX_EINVAL.
 */
int record_lock_set(struct open_file *file, const struct record_owner *owner, enum record_kind kind,
                    const struct record_range *range, bool waits);
/* All of an owner on a file. */
void record_locks_release(struct vfs *vfs, struct inode *inode, const void *owner);

#endif
