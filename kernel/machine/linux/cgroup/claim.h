/*
 * The folder grove-kernel-BOOTID of a running kernel in a hierarchy, and telling it from one that a killed kernel left.
 *
 * A kernel holds a lock (flock) on its folder for as long as it lives; Linux drops it when the process is gone, whichever
 * way it went. So a folder that can be locked belongs to nobody, whatever run folder its kernel had, and no process
 * number has to be believed. Making a folder and looking for abandoned ones both happen under a lock on the folder
 * above, so that none is taken away between its making and its locking.
 */
#ifndef GROVE_LINUX_CGROUP_CLAIM_H
#define GROVE_LINUX_CGROUP_CLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A lock on a folder that kernels share; closed to unlock it. -1 if it cannot be had: somebody sits on it. */
int claim_lock(const char *base);
/* The path of a kernel's folder. 0 or -ENAMETOOLONG. */
int claim_path(const char *base, uint64_t boot_id, char *path, size_t size_bytes);
/* Make a kernel's folder and lock it. Returns the lock, closed to give the folder up, or a negative error number. */
int claim_make(const char *path);
/* With the base locked: remove the empty folders of kernels that are gone. Returns how many folders are left. */
unsigned claim_sweep(const char *base);

#endif
