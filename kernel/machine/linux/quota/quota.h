/*
 * Quotas on what a container keeps on disk: groved's side.
 *
 * An instance whose budget has `disk_bytes` gets one account, and each folder or file that it may write is mounted in its view
 * through a process of groved's own (server.h), which takes room from the account before it does what it is asked. Nothing else
 * reaches these files from inside, so the sum cannot pass the limit, however fast and by whatever call the container writes.
 * What others write there meanwhile is counted when the next instance starts.
 *
 * The processes end with the mount namespace of their instance, or when groved does. If one of them ends before (killed from
 * outside), the instance is ended too: it could not go on with its files anyway.
 *
 * All of it runs on groved's loop thread; nothing waits, counting what is there at the start included.
 */
#ifndef GROVE_LINUX_QUOTA_H
#define GROVE_LINUX_QUOTA_H

#include "kernel/machine/linux/linux.h"

#include <sys/stat.h>

struct quota;

/* Whoever the container is in its view, and who is told what. */
struct quota_owner {
    machine_container container;
    const char *name; /* for the log */
    uid_t user;
    gid_t group;
};

/* Does it work here? Runs in a child process, with mounts of its own. */
bool quota_works(void);

/* An account with this limit and nothing on it. GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS. */
int quota_create(const struct quota_owner *owner, uint64_t limit_bytes, struct quota **quota);
/*
 * A detached mount of the folder or file `source` (O_PATH, with this status), to be given to the view. A descriptor, or a
 * negative error number: EXDEV for the root of all files, E2BIG for more than QUOTA_MOUNTS_MAX.
 */
#define QUOTA_MOUNTS_MAX 16u
int quota_mount(struct quota *quota, int source, const struct stat *status);
/* All mounts have been made: they are served once each of them is counted. */
void quota_begin(struct quota *quota);
/* The limit of a running instance. */
void quota_set(struct quota *quota, uint64_t limit_bytes);
uint64_t quota_used(const struct quota *quota);
/* Add what its processes use. */
void quota_usage(const struct quota *quota, struct grove_usage *usage);
/* The instance has ended: nothing of this is the container's any more. NULL is allowed. */
void quota_end(struct quota *quota);
/* groved ends: so do all of the processes. */
void quota_end_all(void);

#endif
