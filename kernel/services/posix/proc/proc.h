/* What /proc and /sys show of this machine: proc(5), sysfs(5), as far as programs look. */
#ifndef GROVE_POSIX_PROC_H
#define GROVE_POSIX_PROC_H

#include "kernel/machine/bare/mm/space_look.h"
#include "kernel/services/procfs/procfs.h"

struct process;
struct process_memory;

/* The kinds of file systems "proc" and "sysfs", to be mounted. `processors`: how many there are. -LINUX_EEXIST. */
int proc_begin(struct vfs *vfs, uint32_t processors);

/* ---- for the tables only ---- */

extern uint32_t proc_processors;
/* Below /proc: files of the machine, links to the caller, and one folder for each process. */
extern const struct proc_node proc_root, sys_root;
/* Of each process: process.c. */
extern const struct proc_list proc_processes;

/* Who may look, and what then stays while it is looked at: access.c. Locked: may the current process look into that one? */
bool proc_may_look(const struct process *process);
/*
 * The memory of a process, with a reference (process_memory_unref); NULL, and 0: it has none any more. -LINUX_ESRCH; -LINUX_EACCES: with
 * `is_checked`, and it may not be looked at.
 */
int proc_hold_memory(int32_t id, bool is_checked, struct process_memory **memory);
/* A process whose descriptors may be looked at, with a reference. -LINUX_ENOENT, EACCES. */
int proc_hold_files(int32_t id, struct process **held);

/* Links, and what is told of open files: links.c. */
int proc_link_self(const struct proc_place *place, char *text, size_t size_bytes, struct path *to);
int proc_link_thread_self(const struct proc_place *place, char *text, size_t size_bytes, struct path *to);
int proc_link_program(const struct proc_place *place, char *text, size_t size_bytes, struct path *to);
int proc_link_folder(const struct proc_place *place, char *text, size_t size_bytes, struct path *to);
int proc_link_root(const struct proc_place *place, char *text, size_t size_bytes, struct path *to);
extern const struct proc_list proc_descriptors, proc_descriptor_facts;
struct proc_place proc_numbered_place(const struct proc_place *folder, int32_t number);

/* Memory: memory.c. */
int proc_print_arguments(const struct proc_place *place, struct proc_text *text);
int proc_print_environment(const struct proc_place *place, struct proc_text *text);
int proc_print_auxiliary(const struct proc_place *place, struct proc_text *text);
int proc_print_maps(const struct proc_place *place, struct proc_text *text);
int proc_print_sized_maps(const struct proc_place *place, struct proc_text *text);
int proc_print_memory_sums(const struct proc_place *place, struct proc_text *text);
struct proc_memory_sums {
    bool is_there; /* else it is a zombie, and all is 0 */
    struct space_sums space;
    uint64_t arguments_start, arguments_end, environment_start, environment_end;
};
/* -LINUX_ESRCH. */
int proc_memory_sums(int32_t id, struct proc_memory_sums *sums);

/* The mounts that the caller sees: mounts.c. */
int proc_print_mounts(const struct proc_place *place, struct proc_text *text);
int proc_print_mount_facts(const struct proc_place *place, struct proc_text *text);
proc_owner proc_owner_of;

#define PROC_FILE (LINUX_S_IFREG | 0444u)
#define PROC_FOLDER (LINUX_S_IFDIR | 0555u)
#define PROC_LINK (LINUX_S_IFLNK | 0777u)

#endif
