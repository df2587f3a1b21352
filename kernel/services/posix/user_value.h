/* What system calls read from and write to a program's memory at fixed places. Without locks. */
#ifndef GROVE_POSIX_USER_VALUE_H
#define GROVE_POSIX_USER_VALUE_H

#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/vfs/errors.h"

static inline int64_t user_write(uint64_t to, const void *from, size_t size_bytes) {
    return process_write(to, from, size_bytes) ? 0 : -LINUX_EFAULT;
}

static inline int64_t user_read(void *to, uint64_t from, size_t size_bytes) {
    return process_read(to, from, size_bytes) ? 0 : -LINUX_EFAULT;
}

/* Nothing where the program gave no address. */
static inline int64_t user_write_wanted(uint64_t to, const void *from, size_t size_bytes) {
    return to != 0 ? user_write(to, from, size_bytes) : 0;
}

#endif
