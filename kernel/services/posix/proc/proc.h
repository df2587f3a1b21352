/* What /proc and /sys show of this machine: proc(5), sysfs(5), as far as programs look. */
#ifndef GROVE_POSIX_PROC_H
#define GROVE_POSIX_PROC_H

#include "kernel/services/procfs/procfs.h"

/* The kinds of file systems "proc" and "sysfs", to be mounted. `processors`: how many there are. -LINUX_EEXIST. */
int proc_begin(struct vfs *vfs, uint32_t processors);

/* ---- for the tables only ---- */

extern uint32_t proc_processors;
/* Below /proc: files of the machine, links to the caller, and one folder for each process. */
extern const struct proc_node proc_root, sys_root;
/* Of each process: process.c. */
extern const struct proc_list proc_processes;
int proc_link_self(const struct proc_place *place, char *text, size_t size_bytes, struct path *to);
int proc_link_thread_self(const struct proc_place *place, char *text, size_t size_bytes, struct path *to);
/* The mounts that the caller sees: mounts.c. */
int proc_print_mounts(const struct proc_place *place, struct proc_text *text);
proc_owner proc_owner_of;

#define PROC_FILE (LINUX_S_IFREG | 0444u)
#define PROC_FOLDER (LINUX_S_IFDIR | 0555u)
#define PROC_LINK (LINUX_S_IFLNK | 0777u)

#endif
