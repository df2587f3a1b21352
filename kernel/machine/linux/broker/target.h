/*
 * The process that waits in a notified call: its memory, descriptors, identity and place. What is read here was true when
 * it was read and may be a lie a moment later: act on the copy, on the duplicate, and on nothing else. And since a process
 * number can be used again, believe it only after broker_is_waiting.
 *
 * Functions return 0 or more, or a negative error number as the container is to see it.
 */
#ifndef GROVE_LINUX_BROKER_TARGET_H
#define GROVE_LINUX_BROKER_TARGET_H

#include "kernel/machine/linux/broker/broker.h"

#define TARGET_GROUPS_MAX 32

/* EFAULT unless all of it can be read or written. */
int target_read(pid_t thread, uint64_t address, void *buffer, size_t bytes);
int target_write(pid_t thread, uint64_t address, const void *buffer, size_t bytes);
/* A zero-terminated text of at most bytes - 1; ENAMETOOLONG, EFAULT. Returns its length. */
int target_read_text(pid_t thread, uint64_t address, char *text, size_t bytes);
int target_read_address(pid_t thread, uint64_t address, uint64_t bytes, struct socket_address *copy);

/* A duplicate of its descriptor: the caller closes it. EBADF. */
int target_descriptor(pid_t thread, int descriptor);

struct target_identity {
    pid_t process;
    uid_t user;
    gid_t group;
    mode_t umask;
    unsigned group_count;
    gid_t groups[TARGET_GROUPS_MAX];
};
int target_identity(pid_t thread, struct target_identity *identity);
/* Open a link of /proc/THREAD ("root", "cwd", "ns/user") as a place (O_PATH). */
int target_open(pid_t thread, const char *link, int flags);

#endif
