/*
 * What the system calls on files need of the process that makes them, and of its memory. The kernel takes it from struct
 * process (kernel/services/posix/files_of_process.c); tests bring a process of their own.
 */
#ifndef GROVE_POSIX_FILES_CURRENT_H
#define GROVE_POSIX_FILES_CURRENT_H

#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/vfs/descriptors.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/mount.h"

struct files {
    struct vfs *vfs;
    struct descriptors *descriptors;
    struct caller *caller; /* chdir and its like change it, with the tree's lock held */
    int32_t process; /* its number, as F_GETLK tells it */
    uint32_t real_user, real_group; /* which access asks for */
    uint64_t permitted; /* capabilities that a real user 0 has in access */
};

/* The process of the current thread, which is a program's. */
struct files files_of_current(void);
/*
 * ppoll and its like: until the call returns to the program, signals of this set (in its memory; 0: nothing changes) are
 * blocked instead. -LINUX_EINVAL: `size` is not that of a set; -LINUX_EFAULT.
 */
int files_block_signals(uint64_t set_address, uint64_t size);
/* It wrote where nobody reads: SIGPIPE. */
void files_send_broken_pipe(void);
/* What a call that makes a file larger answers; SIGXFSZ first if that is more than RLIMIT_FSIZE allows. */
int64_t files_note_limit(const struct caller *caller, int64_t answer);

#endif
