/*
 * One start on groved's side: the memory that the starting child reads until it executes its program. Between start.c,
 * which lays it out, and spare.c, which keeps children that wait for theirs.
 */
#ifndef GROVE_LINUX_LAUNCH_H
#define GROVE_LINUX_LAUNCH_H

#include "kernel/machine/linux/container/container.h"

#define ENVIRONMENT_EXTRA 4u
#define LAUNCH_STACK_BYTES 32768u

/*
 * The child shares groved's memory until it executes its program, so what it reads, and its stack, stay untouched until
 * then (launch_release). Blocks are kept for the next start; there are as many as starts ever were under way together.
 */
struct launch {
    _Alignas(64) char stack[LAUNCH_STACK_BYTES];
    struct plan plan;
    struct streams_child child;
    int report_ends[2], port_ends[2];
    const char *arguments[GROVE_SPEC_ARGUMENTS_MAX + 4];
    const char *environment[GROVE_SPEC_ENVIRONMENT_MAX + ENVIRONMENT_EXTRA + 1];
    char report_text[16], listen_text[32], host_name[GROVE_NAME_MAX + 1];
    int error; /* of the part that failed, an errno */
    enum grove_layer failed_layer; /* of what failed, where that is another than its part's */
    struct launch *stack_of; /* a prepared child runs on the stack of the block it was prepared with; else NULL */
    struct cgroup *last_group; /* of a killed child that still runs on this block; goes when it has ended */
    struct launch *next;
};

/* NULL without memory. */
struct launch *launch_take(void);
void launch_give_back(struct launch *launch);
/* Clone a child that runs `run` with the block's plan on the block's stack. GROVE status; *error is an errno. */
int launch_clone(struct launch *launch, void (*run)(const struct plan *plan), const struct cgroup *group,
                 pid_t *process, int *process_descriptor, int *error);

/*
 * spare.c: one process that has been cloned and stands behind the first layers already, with its own control group, and
 * waits to be told whose instance it is.
 */
struct spare {
    struct launch *launch;
    struct cgroup *cgroup; /* without limits, nothing counted; NULL where groups are left out */
    pid_t process;
    int process_descriptor;
    int report;
    bool is_ready;
    bool is_lent; /* its process is not counted in its project */
    bool has_place; /* one of the reaper's is reserved for it */
    int32_t listener; /* its number in the child; 0: none */
    uint64_t last_wanted;
};

/* A ready spare that was prepared as `plan` wants it, out of the pool and the caller's; false when there is none. */
bool spare_take(const struct plan *plan, struct spare *taken);
/*
 * Tell it to go on with `launch`, whose plan is the child's from then on; the trees of its mounts are closed here. False,
 * with errno, when that is not possible, and nothing has changed.
 */
bool spare_send(const struct spare *spare, const struct launch *launch);
/* Kill it, and free all it has; what it runs on and its group as soon as it has ended, which nobody waits for. */
void spare_end(struct spare *spare);
/* A start with this plan has succeeded: have one ready for the next, a moment later. */
void spare_want(const struct plan *plan);
/* Take over the group of a container's earlier instances; it is read and removed when no start waits. */
void spare_retire(struct container *container);
/* Carry on now what was counted in groups taken over from this container, which is then forgotten. */
void spare_account(struct container *container);
/* No container of this project will be started any more: nothing of ours stays in its group. */
void spare_end_project(machine_project project);
void spare_end_all(void);

#endif
