/*
 * Programs of containers: the processes of one instance. Each process that a member makes is a member too, and none ever
 * leaves but by its end. They see one another and nobody else: numbers of others are not there for them. What they use is
 * on the accounts of their container.
 *
 * The first one inherits the orphans among them, and its end takes all others with it. A thread leaves the container's scheduler
 * group before anybody hears that the program is over, so that the group may go then.
 *
 * How containers ask for programs stands in kernel/services/containers/host.h; program_host.c serves that. All of struct
 * program is guarded by the lock of processes, but for what stays as it was made.
 */
#ifndef GROVE_POSIX_PROGRAM_H
#define GROVE_POSIX_PROGRAM_H

#include "grove/abi/operation.h"
#include "kernel/services/posix/freeze.h"

struct instance;
struct grove_spec;
struct host_programs;
struct memory_account;
struct sched_group;

struct program {
    /* As it was made. */
    uint64_t id; /* never 0, and never given out again */
    struct instance *instance;
    const struct grove_spec *spec;
    struct memory_account *memory, *processes; /* one holder of each */
    struct sched_group *group; /* NULL: none */
    struct process *first; /* counted */
    int32_t first_number;

    struct freezer freezer; /* all members stand still for it */
    struct list members; /* struct process by in_program, zombies too */
    uint32_t count; /* of those */
    bool is_ending; /* nothing begins in it any more */
    int32_t failure; /* Linux's error, positive: the program could not be loaded */
    enum grove_layer failed_layer; /* or what it needs before that could not be set up */
};

/* ---- for the files of this layer; locked ---- */

/* One more member, with its first thread. -LINUX_EAGAIN: the container may have no more, or is ending. */
int program_join(struct process *process);
void program_leave(struct process *process);
/* The same for one thread more of a member, or of any process: where there is no program nothing is done. */
int program_add_thread(const struct process *process);
void program_remove_thread(const struct process *process);
/* A thread runs on its container's account from now on; or the current one does no more. */
void program_enter_group(const struct process *process, struct thread *thread);
void program_leave_group(struct thread *thread);
/* Tell the rest of them to end. */
void program_end_others(const struct process *first);
/* Has it no other member left? */
bool program_is_alone(const struct process *first);

static inline uint64_t program_id_of(const struct process *process) {
    return process->program != NULL ? process->program->id : 0;
}

/* Whom all its orphans fall to: process 1, or the first of its program. */
static inline struct process *program_heir(const struct process *process) {
    return process->program != NULL ? process->program->first : processes.first;
}

/* ---- without locks ---- */

/* The first process is gone, with this status as wait tells it; the program itself may be gone when this returns. */
void program_over(struct program *program, int32_t status, bool lacked_memory);

/*
 * How sockets are made that a spec wants before its program begins (sockets/listen.h), in its first thread. Set before the first program;
 * NULL: a spec that wants some cannot start.
 */
typedef int program_sockets(const struct grove_spec *spec, const struct caller *caller, struct descriptors *descriptors,
                            uint32_t *count);
extern program_sockets *program_listen;

/* What containers ask for (host.h). */
void programs_serve(struct host_programs *programs);

#endif
