/*
 * Version 2: the group in which this kernel makes its folder, and what has to change there before groups can be limited.
 * See room.c.
 */
#ifndef GROVE_LINUX_CGROUP_ROOM_H
#define GROVE_LINUX_CGROUP_ROOM_H

#include "kernel/machine/linux/cgroup/file.h"

struct room {
    char base[CGROUP_PATH_MAX / 2]; /* the group that is ours to divide */
    char kernel[CGROUP_PATH_MAX - 64]; /* BASE/grove-kernel-BOOTID */
    bool is_root; /* BASE is the root of the tree: it may hold processes as well */
    bool has_moved; /* groved sits in KERNEL/kernel */
    int claim; /* the lock on KERNEL; -1 */
};

/* The group this process was started in, as one that can be divided; or the root of the tree. Negative error number. */
int room_find(struct room *room, bool at_root);
/*
 * Make KERNEL with controllers for what is below it. Other processes of the base are moved aside if `may_move_others`;
 * else -EBUSY if there are any. Leaves nothing changed on failure.
 */
int room_make(struct room *room, uint64_t boot_id, bool may_move_others);
/* Pass the controllers on to the groups below this one, which holds no process. Negative error number. */
int room_divide(const char *folder);
/* Put everything back as it was, as far as other kernels in the same base allow. */
void room_leave(struct room *room);

#endif
