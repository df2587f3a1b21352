/*
 * File systems whose files are text that a function prints when they are opened: /proc, and what programs look at in /sys.
 *
 * What there is stands in tables: a node is a file, a link or a folder; a folder has a table of its own, or a list, which is
 * one node for each number that there is now (processes, descriptors), or both. So nothing of it lies in memory but what is
 * being looked at: names are not remembered (file_system.is_volatile), and an open file keeps what was printed at its
 * opening, so that it reads one state however slowly.
 *
 * Everything of a node but `print` is called with the tree's lock held.
 */
#ifndef GROVE_PROCFS_H
#define GROVE_PROCFS_H

#include "kernel/services/vfs/file.h"

/* What is printed; it grows by doubling, to 4 MiB. */
struct proc_text {
    const struct vfs_machine *machine;
    char *bytes;
    size_t size_bytes, room_bytes;
    bool is_short; /* memory ran out, or it is too long: the rest is missing */
};

/* Understands what kernel/machine/bare/text/format.h does. */
void proc_print(struct proc_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void proc_print_bytes(struct proc_text *text, const void *bytes, size_t size_bytes);

/* Which process, and which of its threads or descriptors, a node is about; 0 and -1 for none. */
struct proc_place {
    int32_t process;
    int32_t number;
};

struct proc_node;

/* Entries of a folder that are numbers, or a word and a number. */
struct proc_list {
    const char *prefix; /* at most 8 bytes; NULL: none */
    /* The lowest number above `after` that there is; -1: none. */
    int32_t (*next)(const struct proc_place *folder, int32_t after);
    /* The place of one that there is. */
    struct proc_place (*place)(const struct proc_place *folder, int32_t number);
    const struct proc_node *node; /* what each is; its name is not used */
};

struct proc_node {
    const char *name; /* NULL: the table ends */
    uint32_t mode; /* with its kind */
    const struct proc_node *children; /* of a folder; or NULL */
    const struct proc_list *list; /* of a folder; or NULL */
    /* A file's contents. Without locks, may wait. -LINUX_ENOENT: what it is about has gone; other errors of opening. */
    int (*print)(const struct proc_place *place, struct proc_text *text);
    /*
     * Where a link leads, as a text of at most size_bytes with its end; *to is where following it really leads, with
     * references, if that is more than the text says, and is left alone otherwise. Returns the text's length, or an error.
     */
    int (*link)(const struct proc_place *place, char *text, size_t size_bytes, struct path *to);
};

/* The owner of what there is at a place; 0 and 0 if nobody told. */
typedef void proc_owner(const struct proc_place *place, uint32_t *user, uint32_t *group);

/* A file system with this node, a folder, as its root. `owner` may be NULL. -LINUX_ENOMEM. */
int procfs_create(struct vfs *vfs, const char *kind, const struct proc_node *root, proc_owner *owner,
                  struct file_system **created);

#endif
