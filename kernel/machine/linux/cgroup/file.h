/*
 * The files of a cgroup: short texts in a folder. And what the two versions offer to cgroup.c.
 */
#ifndef GROVE_LINUX_CGROUP_FILE_H
#define GROVE_LINUX_CGROUP_FILE_H

#include "kernel/machine/linux/cgroup/cgroup.h"

#define CGROUP_PATH_MAX 768u
#define CGROUP_PLACE_MAX 256u

struct cgroup {
    char place[CGROUP_PLACE_MAX]; /* below the kernel's folder: "12", or "p3/p7/12" in a project */
    uint64_t number; /* of no other one, ever */
    bool is_project; /* holds groups and no processes */
    bool is_frozen; /* asked for */
    int folder; /* version 2: for CLONE_INTO_CGROUP; else -1 */
    struct cgroup *next_busy;
};

/* What is used of a limit, and what came of it: forks refused, nanoseconds waited for a processor. */
struct cgroup_reading {
    uint64_t used, events;
};

/* One version: the operations of cgroup.h on a group, and its set-up. */
struct cgroup_version {
    uint32_t number;
    bool (*probe)(uint64_t boot_id); /* would start_up work? Leaves nothing behind */
    int (*start_up)(uint64_t boot_id);
    void (*shut_down)(void);
    int (*create)(struct cgroup *group);
    /* 0, or -EBUSY while something is in it. */
    int (*remove)(const struct cgroup *group);
    int (*budget)(const struct cgroup *group, const struct grove_budget *budget); /* negative error number */
    void (*join)(const struct cgroup *group, int descriptors[CGROUP_JOIN_MAX]);
    int (*freeze)(const struct cgroup *group, bool freeze);
    bool (*is_frozen)(const struct cgroup *group);
    void (*kill)(const struct cgroup *group);
    int (*usage)(const struct cgroup *group, struct grove_usage *usage);
    uint64_t (*memory_kills)(const struct cgroup *group);
    unsigned (*processes)(const struct cgroup *group, pid_t *processes, unsigned room);
    /*
     * A descriptor on which `events` come when this limit is near or in the way; or a negative error number. Of memory it
     * comes at nine tenths when armed, which it is at first.
     */
    int (*watch)(const struct cgroup *group, enum grove_resource resource, uint64_t limit, uint32_t *events);
    void (*arm)(const struct cgroup *group, uint64_t memory_limit, bool is_armed);
    void (*measure)(const struct cgroup *group, enum grove_resource resource, struct cgroup_reading *reading);
    /* End and remove what the kernel with this number left. Returns how many groups held processes. */
    unsigned (*recover)(uint64_t boot_id);
};
extern const struct cgroup_version cgroup_version1, cgroup_version2;
/* The one that is used; there is one as soon as there is a group. */
const struct cgroup_version *cgroup_used_version(void);

/*
 * The limit that is written for a memory budget. Until its program runs, a container's process shares groved's memory;
 * a group so small that it is used up by then would end groved with it, so none is smaller than 1 MiB.
 */
#define CGROUP_MEMORY_LEAST_BYTES (UINT64_C(1) << 20)
static inline uint64_t cgroup_memory_limit(const struct grove_budget *budget) {
    uint64_t wanted = budget->memory_bytes;
    return wanted != 0 && wanted < CGROUP_MEMORY_LEAST_BYTES ? CGROUP_MEMORY_LEAST_BYTES : wanted;
}

/* All paths are FOLDER/NAME; results are 0 or a negative error number. */

/* FOLDER/PLACE of a group; empty if that is too long, so that whatever is done there fails. */
void file_group_path(const char *folder, const struct cgroup *group, char path[CGROUP_PATH_MAX]);
int file_write(const char *folder, const char *name, const char *text);
int file_write_number(const char *folder, const char *name, uint64_t number);
int file_read(const char *folder, const char *name, char *text, size_t size_bytes);
/* The number at the start of a file, or behind `key` and a space at the start of a line; 0 if there is none. */
uint64_t file_number(const char *folder, const char *name, const char *key);
/* The bytes of a group (file `current`) without those of file caches, which Linux takes back when it needs them. */
uint64_t file_memory_kept(const char *folder, const char *current, const char *prefix);
/* Open FOLDER/NAME; a descriptor or a negative error number. */
int file_open(const char *folder, const char *name, int flags);
/* Process numbers of a cgroup.procs file. */
unsigned file_processes(const char *folder, pid_t *processes, unsigned room);
/* Where a hierarchy is mounted and which of its groups this process is in; `controller` NULL is version 2. */
int file_own_group(const char *controller, char *path, size_t size_bytes);
int file_mount_point(const char *controller, char *path, size_t size_bytes);
/* Kill what is in a group and those below it, and remove them. Returns how many held processes. */
unsigned file_end_tree(const char *folder);

#endif
