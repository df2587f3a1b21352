/*
 * Control groups: what limits and counts all processes of a container together.
 *
 * Two versions behind one table of operations (cgroup.c): version 2, a subtree below the cgroup that groved was started
 * in or, for root, below the root; version 1, a folder in each hierarchy that groved needs (memory, pids, cpu, cpuacct,
 * freezer). All groups of one kernel lie below one folder "grove-kernel-BOOTID", so recovery finds them by name, and the
 * kernel holds a lock on it while it lives, so that empty ones of dead kernels can be told apart and removed.
 *
 * A container's group is made when it is first started and removed when the container is destroyed. It outlives
 * instances, so counters are cumulative. It lies in the group of its project, if that has one, so that a project's limits
 * hold for all its containers together. Nothing here blocks: a group that cannot be removed yet is removed later.
 */
#ifndef GROVE_LINUX_CGROUP_H
#define GROVE_LINUX_CGROUP_H

#include "kernel/machine/linux/linux.h"

#define CGROUP_JOIN_MAX 6u

struct cgroup;

/* Can one be written here, and which? Leaves nothing behind. */
bool cgroup_probe(uint32_t *version);
/* Find out which version can be written here and make grove-kernel-BOOTID. Sets *version; 0 when neither can be. */
int cgroup_start_up(uint64_t boot_id, uint32_t *version);
void cgroup_shut_down(void);

/* In the group of this project, or in the kernel's folder if that project has none. */
int cgroup_create(machine_container index, machine_project project, struct cgroup **group);
void cgroup_destroy(struct cgroup *group);

/*
 * A project's group with these limits: made in that of its parent, or changed. What it holds must be gone before it is
 * destroyed. GROVE status; nothing is left of one that could not be made.
 */
int cgroup_project_set(machine_project project, machine_project parent, const struct grove_budget *budget);
/*
 * So many processes more, or fewer if negative, that groved has of its own in a project: its limit and those above are
 * moved by as much, so that they are at nobody's expense.
 */
void cgroup_project_lend(machine_project project, int processes);
/* Is this limit (of MEMORY or PROCESSOR) that of the project or of one above it? */
bool cgroup_project_shares(machine_project project, enum grove_resource resource, uint64_t limit);
/*
 * Something in the project was killed for its memory: whoever is in the projects that were near their limits hears of it,
 * if they have not been warned. From the loop only, like what else calls the core. True if there were such projects.
 */
bool cgroup_project_killed(machine_project project);
/* Has the group's memory come near this limit at some time? */
bool cgroup_was_near(const struct cgroup *group, uint64_t memory_limit);
void cgroup_project_destroy(machine_project project);

/* GROVE_OK, or GROVE_LAYER_MISSING with *error an errno when a wanted limit cannot be set here. */
int cgroup_budget(struct cgroup *group, const struct grove_budget *budget, int *error);

/* Version 2: a descriptor for CLONE_INTO_CGROUP, else -1. */
int cgroup_clone_descriptor(const struct cgroup *group);
/* Version 1: files to which the child writes "0"; ended by -1. */
void cgroup_join_descriptors(const struct cgroup *group, int descriptors[CGROUP_JOIN_MAX]);

int cgroup_freeze(struct cgroup *group, bool freeze);
/* True when all of it stands still. */
bool cgroup_is_frozen(const struct cgroup *group);
/* Kill everything in it, frozen or not. Best effort: the end of the process namespace's first process does it too. */
void cgroup_kill(struct cgroup *group);
int cgroup_usage(const struct cgroup *group, struct grove_usage *usage);
/* Its processes at this moment, at most `room` of them; returns how many. */
unsigned cgroup_processes(const struct cgroup *group, pid_t *processes, unsigned room);
/* How many processes the kernel has killed in it for lack of memory. */
uint64_t cgroup_memory_kills(const struct cgroup *group);

/*
 * The memory that groved and everything below it may use together: the least limit of the groups that groved itself is in, of
 * either version, or all that the machine has.
 */
uint64_t cgroup_memory_around(void);

/* recovery: kill and remove the groups that the kernel with this number left. Returns how many held processes. */
unsigned cgroup_recover(uint64_t boot_id);

#endif
