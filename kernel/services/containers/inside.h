/*
 * What the files of this folder share: the state of all of it, and one record for each container.
 *
 * Locks, outer first: `lock` (may be held while waiting; the core, records, objects, projects) > locks of the file system
 * layer and of memory > a port's > `news.lock`. Nothing here is called with a spin lock held.
 */
#ifndef GROVE_CONTAINERS_INSIDE_H
#define GROVE_CONTAINERS_INSIDE_H

#include "kernel/services/containers/allowance.h"
#include "kernel/services/containers/containers.h"
#include "kernel/services/containers/news.h"
#include "kernel/services/containers/objects.h"
#include "kernel/services/containers/warnings.h"
#include "kernel/services/vfs/mount.h"

#define PAGE_BUCKETS 64u

struct kernel_port;

struct instance {
    struct news news;
    machine_container container;
    uint64_t name_space; /* of its abstract Unix names: the container's, never 0 */
    /* Guarded by the lock of news. */
    enum grove_layer failed_layer;
    int failed_status; /* not 0: of a start that failed before there was a program */
    int32_t error;
    struct instance_end end;
};

enum record_phase { RECORD_IDLE, RECORD_STARTING, RECORD_RUNNING };

/* A container that was started, until machine_container_destroy. */
struct container_record {
    machine_container index;
    machine_project project;
    const struct grove_spec *spec;
    enum record_phase phase;
    bool is_killed;
    struct allowance *allowance;
    struct warnings warnings;
    struct grove_budget budget;
    struct grove_schedule schedule;
    struct instance instance;
    struct program *program; /* NULL: none */
    struct notify *notify; /* where it says that it is ready; NULL: it does not */
    struct view view;
    bool has_view;
    machine_object stream_read[2]; /* of its log pipes, output and error; they outlive instances */
    struct open_file *stream_write[2];
};

struct project_record {
    struct allowance *allowance;
    struct grove_budget budget;
    struct warnings warnings;
    machine_project parent;
};

struct containers {
    struct vfs *vfs;
    struct unix_domain *sockets;
    const struct containers_host *host;
    struct caller caller;
    enum containers_machine machine;
    struct sleep_lock lock;

    struct core *core;
    void *core_memory;
    size_t core_bytes;
    struct objects objects;
    struct list pages[PAGE_BUCKETS]; /* kernel pages by address; memory.c */
    struct container_record **records; /* by the core's index, as the next two */
    struct kernel_port **ports;
    struct project_record **projects;
    uint32_t record_max, project_max;
    struct file_system *devices; /* what every container has in /dev */
    struct file_system *processes; /* /proc of those that know nothing of Grove; NULL: there is none */

    struct list looking; /* struct warnings that look again at some time */
    uint64_t look_ns; /* when the first of them does; 0: there is none */
    struct news_queue news;
    uint64_t sleeps_until_ns; /* the thread sleeps until then, unless woken; 0: it does not sleep */
    uint64_t retry_ns; /* when to try again to send what there was no memory for; 0: nothing */
};
extern struct containers containers;

static inline const struct vfs_machine *containers_machine(void) {
    return containers.vfs->machine;
}

/* The lock; giving it up wakes the thread if the core has work for it. */
void containers_lock(void);
void containers_unlock(void);
/* Zeroed memory, or NULL. */
void *containers_take(size_t size_bytes);
void containers_give_back(void *memory, size_t size_bytes);
/* The enum grove_status that stands for the negative of an enum linux_error; 0 is GROVE_OK. */
int containers_status(int error);

/* records.c. NULL: it was never started. */
struct container_record *record_find(machine_container container);
/* GROVE_NO_MEMORY. */
int record_make(machine_container container, struct container_record **record);
/* Whom the memory that is made for a container is charged to; NULL: nobody. */
struct memory_account *record_account(machine_container container);

/* memory.c: forget all kernel pages; their files go with the objects. */
void memory_forget_pages(void);

/* life.c: tell the core what was noted about an instance, which is off the queue. */
void life_deliver(struct container_record *record, uint32_t bits);
/* A start that failed on the kernel's side: the core hears of it after the call that asked for it. */
void life_fail_later(struct container_record *record, enum grove_layer layer, int status, int32_t error);
/* Give up what an instance had. */
void life_close(struct container_record *record);

/* view.c: the files that it sees, into record->view; on success `caller` has its root and folder, counted. Linux errors. */
int view_build(struct container_record *record, struct caller *caller);
/* The file system that containers have as /dev. */
int view_make_devices(struct file_system **devices);

/* streams.c: standard streams into the table of descriptors. Takes over those passed. Linux errors. */
int streams_open(struct container_record *record, const struct caller *caller, struct open_file *passed[3],
                 struct descriptors *descriptors);
void streams_close(struct container_record *record);

#endif
