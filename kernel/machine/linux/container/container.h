/*
 * What the files of container/ share: the record of one container and the steps of its life.
 *
 *     start.c        lays out a plan and clones          child*.c       carries the plan out
 *     spare.c        children prepared beforehand        launch.h       what those two share
 *     life.c         follows the instance to its end     operations.c   what the core asks meanwhile
 *     leaving.c      mount namespaces of ended instances
 *     view.c         granted paths                       filter.c       system calls
 *     identity.c     user ids and owners                 streams.c      standard streams, sockets, readiness
 *     namespaces.c   what is made once, at start-up      probe.c        which layers work here
 *     limits.c       of each process                     warnings.c     before a limit of all of them
 *     victims.c      whom Linux ends first for memory
 *
 * All of it runs on groved's loop thread. A record is made when a container is first started and freed by
 * machine_container_destroy; the index is the core's.
 */
#ifndef GROVE_LINUX_CONTAINER_H
#define GROVE_LINUX_CONTAINER_H

#include "kernel/machine/linux/cgroup/cgroup.h"
#include "kernel/machine/linux/container/plan.h"
#include "kernel/machine/linux/quota/quota.h"
#include "kernel/machine/linux/traffic/traffic.h"

enum container_phase { CONTAINER_IDLE, CONTAINER_STARTING, CONTAINER_RUNNING };

/* A user namespace that maps one owner of files to the container's user, for id-mapped mounts. */
struct container_mapping {
    uid_t owner_user;
    gid_t owner_group;
    int user_namespace;
};
#define CONTAINER_MAPPINGS_MAX 4u

struct container {
    machine_container index;
    machine_project project;
    const struct grove_spec *spec;
    enum container_phase phase;

    pid_t process; /* 0: none */
    int process_descriptor;
    int mount_namespace; /* -1: not held (leaving.h) */
    int report; /* groved's end of the set-up socket; stays open while a small init runs */

    int stream_read[2], stream_write[2]; /* log pipes of output and error; they outlive instances */
    int notify; /* readiness socket; -1 none */
    char notify_path[108];

    struct launch *launch; /* what a child that has not executed its program yet still reads */
    struct traffic *traffic; /* of the running instance; NULL: it has no limit on the network */
    struct quota *quota; /* of the running instance; NULL: it has no limit on disk */
    struct cgroup *cgroup;
    struct cgroup_watch *watch; /* of its limits; NULL: it never had one */
    uint64_t watch_timer; /* until watching begins */
    uint64_t victim_timer; /* until its processes have a handicap */
    uint64_t memory_kills; /* counted by the cgroup before this instance */
    /* What was counted in groups that earlier instances were in. */
    uint64_t processor_before_ns, memory_peak_before_bytes;
    struct relay_account *traffic_account; /* of all instances; NULL: none was limited yet */
    uint64_t tree_processor_ns; /* of this instance, as far as it was asked; without a control group */

    uid_t user;
    gid_t group;
    struct container_mapping mappings[CONTAINER_MAPPINGS_MAX];
    unsigned mapping_count;

    struct grove_budget budget; /* the one that holds now */
    struct grove_schedule schedule;
    bool has_new_budget; /* its group does not say it yet */

    bool is_executing; /* the child reported that all layers stand */
    bool was_announced; /* core_container_started was called for this instance */
    bool is_ready_early; /* said READY=1 before the end of its set-up socket was read */
    bool is_killed; /* groved killed it */
    bool has_own_processes; /* a process namespace, whose first process takes all others with it */
    bool is_frozen; /* or being frozen */
    bool has_failed, has_ended, has_listener;
    enum grove_layer failed_layer;
    int32_t failed_error;
    int failed_status; /* of a start that failed on groved's side, told by the timer */
    uint64_t failure_timer, freeze_timer;
    int32_t end_status; /* wait status of the program, as its small init told */
};

/* What is made once. */
struct container_shared {
    int network_namespace; /* empty; -1: each container gets one of its own */
    int bare_namespace; /* mount namespace with /new and /dev */
    int system_namespace; /* the same with the system files; -1 until first used */
    int null; /* /dev/null */
    int init; /* the small init, as a sealed memory file */
    uint64_t landlock_rights, landlock_scopes;
    uint32_t landlock_attribute_bytes;
};
extern struct container_shared container_shared;

/* The record of an index; NULL if it was never started. _make makes it. */
struct container *container_find(machine_container index);
int container_make(machine_container index, struct container **container);
/* Take over what a start says; the first one also decides who the container is. */
void container_adopt(struct container *container, const struct machine_start *start);
/* Layers that the tests leave out to see that the attack then works: bit n is enum grove_layer n. Weak; 0. */
uint64_t container_left_out(void);
/* May this layer be missing, by the installation's choice? */
bool container_is_optional(enum grove_layer layer);

/* namespaces.c */
int namespaces_system(int *descriptor);
void namespaces_close(void);
extern const char *const *namespaces_system_links;
extern const char *const *namespaces_system_folders;
/* True if the system files include this path. */
bool namespaces_system_holds(const char *path);

/* identity.c */
void identity_choose(struct container *container, const struct machine_start *start);
/*
 * A user namespace in which `owner` stands for the container's user, made once per container and owner; for
 * MOUNT_ATTR_IDMAP. Negative error number on failure.
 */
/* Choose the range of user ids of this kernel, and give it back. */
void identity_start_up(void);
void identity_close(void);
int identity_mapping(struct container *container, uid_t owner_user, gid_t owner_group, int *user_namespace);

/*
 * view.c: opens every granted path; what is written goes through the container's quota, if it has one. On failure *error is an
 * errno, and *layer that which could not be set up. The trees are closed by view_close.
 */
int view_open(struct container *container, struct plan *plan, enum grove_layer *layer, int *error);
void view_close(const struct plan *plan);

/* filter.c: the cached programs for what the spec needs. Valid as long as groved runs. */
int filter_get(const struct grove_spec *spec, struct filter *filter);

/* streams.c, sockets.c: on failure GROVE status or, where it says so, a negative error number */
struct streams_child { /* the child's ends, closed by the parent after the clone */
    int own[PLAN_LISTEN_MAX + 16];
    unsigned own_count;
};
void streams_keep(struct streams_child *child, int descriptor);
void streams_close_child(struct streams_child *child);
int streams_open(struct container *container, const struct machine_start *start, struct plan *plan);
/* Readiness socket: opened before a start, watched until the instance ends. */
int notify_open(struct container *container);
void notify_close(struct container *container);
/* Sockets for the spec's NET_BIND addresses, in its order. Returns a negative error number. */
int listen_open(const struct grove_spec *spec, struct plan *plan, struct streams_child *child);

/* warnings.c: of the limits of a running container. Told by the core only after the call, but for the last. */
void warnings_begin(struct container *container);
/* Its limits have changed. */
void warnings_renew(struct container *container);
/* Somebody reads its usage. */
void warnings_look(struct container *container);
void warnings_end(struct container *container);
void warnings_close(struct container *container);
/* It was killed for its memory: it is warned before the core hears of it, if it was not yet. */
enum grove_memory_limit warnings_killed_for_memory(struct container *container);

/* victims.c: its processes are ended before groved where memory runs out, from a moment after this on. */
void victims_begin(struct container *container);
void victims_end(struct container *container);

/* limits.c */
/* Is what it sends and receives limited? */
bool limits_network(const struct grove_budget *budget);
void limits_plan(const struct container *container, struct plan *plan);
/* May a running instance, with what its start made, be held to this budget? */
bool limits_can_change(const struct container *container, const struct grove_budget *budget);
/* Of what groved itself holds it to: disk and network. */
void limits_change(const struct container *container, const struct grove_budget *budget);
/* The relay of a new instance, with the account of all of them. `name` is for the log. As traffic_create. */
int limits_begin_traffic(struct container *container, const char *name);
/* Add what groved's processes use that hold the limits on disk and network. */
void limits_usage(const struct container *container, struct grove_usage *usage);
void limits_end(struct container *container); /* what they have used is the container's for good */

/* start.c: the child of this container has executed its program or is gone. */
void launch_release(struct container *container);
/* The same after a start that succeeded: the next one of its kind is prepared for. */
void launch_done(struct container *container);
void launch_free_all(void);

/* life.c: follow an instance that was cloned; on failure nothing is watched */
int life_watch(struct container *container);
/* Fetch the filter's listener from the child and have the broker answer it. On failure *error is an errno. */
int life_listen(struct container *container, int process_descriptor, int number, int *error);
void life_listen_no_more(struct container *container);
/* Close what an instance used and forget it. */
void life_close(struct container *container);

#endif
