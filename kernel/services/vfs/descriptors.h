/*
 * Descriptors: the numbers under which a process has its open files. Threads share one table; fork copies it, and the copies
 * stand for the same open files.
 *
 * The lowest free number is given out, as POSIX demands; `lowest_free` remembers from where on to look. The table grows by
 * doubling. Its lock is held for looking up and changing numbers only: files are closed without it.
 */
#ifndef GROVE_VFS_DESCRIPTORS_H
#define GROVE_VFS_DESCRIPTORS_H

#include "kernel/services/vfs/file.h"

struct descriptor {
    struct open_file *file; /* counted; NULL: the number is free */
    bool closes_on_execute;
};

struct descriptors {
    struct vfs *vfs;
    struct spinlock lock;
    struct descriptor *entries;
    uint32_t capacity; /* entries that there are */
    uint32_t limit; /* no number is that or more: RLIMIT_NOFILE */
    uint32_t lowest_free; /* below it none is free */
};

/* An empty table; numbers are below `limit`. */
void descriptors_init(struct descriptors *table, struct vfs *vfs, uint32_t limit);
/* Closes all. */
void descriptors_deinit(struct descriptors *table);
/* fork: the same files under the same numbers, into a table that was not initialised. -LINUX_ENOMEM. */
int descriptors_copy(struct descriptors *from, struct descriptors *to);
/* execve: close what is marked. */
void descriptors_execute(struct descriptors *table);

/*
 * The lowest free number from `from` on, for this file, whose reference is taken over on success. -LINUX_EMFILE;
 * -LINUX_EINVAL: `from` is not below the limit; -LINUX_ENOMEM.
 */
int descriptors_add(struct descriptors *table, struct open_file *file, uint32_t from, bool closes_on_execute,
                    uint32_t *number);
/* The file of a number, with a reference. -LINUX_EBADF, as all that follow. */
int descriptors_get(struct descriptors *table, uint32_t number, struct open_file **file);
/* Also gives up the process's record locks on that file, as POSIX demands, whatever other descriptors it has. */
int descriptors_close(struct descriptors *table, uint32_t number);
/* dup2 and dup3 for two different numbers: `to` is closed first if it is open. -LINUX_EBADF also: `to` is not below the limit. */
int descriptors_replace(struct descriptors *table, uint32_t from, uint32_t to, bool closes_on_execute);
/* dup and F_DUPFD. Errors also of descriptors_add. */
int descriptors_duplicate(struct descriptors *table, uint32_t number, uint32_t from, bool closes_on_execute,
                          uint32_t *duplicate);
/* Is a number free now? For calls that must not do anything where none is. */
bool descriptors_has_room(struct descriptors *table);
/* A number above all that are open. */
uint32_t descriptors_end(struct descriptors *table);
int descriptors_read_mark(struct descriptors *table, uint32_t number, bool *closes_on_execute);
int descriptors_mark(struct descriptors *table, uint32_t number, bool closes_on_execute);

#endif
