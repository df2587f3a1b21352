/* Descriptors that stand for a process: pidfd_open(2). */
#ifndef GROVE_POSIX_PID_FILE_H
#define GROVE_POSIX_PID_FILE_H

#include "kernel/services/posix/process.h"

/*
 * A descriptor for the process of this number, whose reference is taken over; it is closed by execve. It never means a later
 * process; poll finds it readable once the process has ended. -LINUX_ENOMEM, EMFILE.
 */
int pid_file_create(struct number *process, uint32_t flags, uint32_t *descriptor);
/* The process's number of a descriptor of the current process. -LINUX_EBADF: it is none of these; -LINUX_ESRCH: it is gone. */
int pid_file_number(uint64_t descriptor, int32_t *number);

#endif
