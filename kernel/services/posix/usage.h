/* What processes used, as programs ask for it. */
#ifndef GROVE_POSIX_USAGE_H
#define GROVE_POSIX_USAGE_H

#include "kernel/services/posix/process.h"

/* struct rusage, into a program's memory. -LINUX_EFAULT. */
int64_t usage_write(uint64_t to, const struct process_usage *usage);

#endif
