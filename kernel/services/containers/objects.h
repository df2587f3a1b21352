/*
 * machine_object: the numbers by which the core knows open files. A bounded table; a number holds an entry's place and how
 * often that was used, so one that was closed is found out as long as the place was not used 8192 times since, and places
 * are used in turn.
 *
 * Each number holds a reference on its file. Guarded by the lock of containers.
 */
#ifndef GROVE_CONTAINERS_OBJECTS_H
#define GROVE_CONTAINERS_OBJECTS_H

#include "kernel/core/machine.h"
#include "kernel/services/vfs/file.h"

#define OBJECTS_MAX 65536u

struct object_entry {
    struct open_file *file; /* NULL: the place is free */
    uint32_t uses;
    uint32_t next_free;
};

struct objects {
    struct object_entry *entries;
    uint32_t capacity, used;
    uint32_t touched; /* places below this were in use at some time */
    uint32_t first_free, last_free; /* the longest free one first; `capacity`: none */
    uint64_t stale; /* times that a number was used that is closed: a mistake of the kernel's */
};

/* capacity is at most OBJECTS_MAX. -LINUX_ENOMEM. */
int objects_init(struct objects *objects, const struct vfs_machine *machine, uint32_t capacity);
/* Closes what is open. */
void objects_deinit(struct objects *objects, const struct vfs_machine *machine);
/* A number for a file, whose reference is taken over on success. GROVE_NO_DESCRIPTORS. */
int objects_add(struct objects *objects, struct open_file *file, machine_object *object);
/* The file of a number, without a reference; NULL: the number is closed. */
struct open_file *objects_find(struct objects *objects, machine_object object);
/* Free the number and hand its reference out; NULL as above. */
struct open_file *objects_take(struct objects *objects, machine_object object);
/* Whether this many more can be added. */
bool objects_have_room(const struct objects *objects, uint32_t count);

#endif
