/*
 * Locks of flock(2): on a whole file, owned by an open file, and unknown to those of fcntl. An open file has at most one;
 * to change it is to give it up and to take the other, as on Linux.
 *
 * The lock that guards record locks guards these too.
 */
#ifndef GROVE_VFS_WHOLE_LOCK_H
#define GROVE_VFS_WHOLE_LOCK_H

#include "kernel/services/vfs/file.h"

enum whole_kind { WHOLE_NONE, WHOLE_SHARED, WHOLE_EXCLUSIVE };

/*
 * Take, change or give up. -LINUX_EAGAIN: somebody has it and `waits` is not set; -LINUX_EINTR. After either it has none. Of a
 * file without an inode nobody else can have a lock, and none is kept.
 */
int whole_lock_set(struct open_file *file, enum whole_kind kind, bool waits);
/* The file ends. */
void whole_lock_release(struct open_file *file);

#endif
