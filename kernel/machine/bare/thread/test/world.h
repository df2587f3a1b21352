/*
 * A machine with one processor, virtual time and one program, on which the calls of a thread run in this computer's process.
 * When all threads sleep, time goes on to the next timer; without any, `idle` must do something.
 */
#ifndef GROVE_BARE_THREAD_WORLD_H
#define GROVE_BARE_THREAD_WORLD_H

#include "kernel/machine/bare/thread/thread.h"

#define WORLD_THREADS 4u
#define WORLD_WORDS 256u

struct space {
    struct futex_space futex; /* first */
};

struct process {
    struct space space;
    struct thread *threads[WORLD_THREADS];
    uint32_t count;
    bool is_full, is_denied; /* no more threads; nobody may change how they are scheduled */
};

struct world {
    uint64_t now_ns;
    struct sched_processor processor;
    struct process process;
    struct thread first; /* number 1, which runs */
    struct thread made; /* by thread_create; not run */
    bool is_made, is_discarded, is_started;
    int64_t result;
    uint64_t stack, pointer; /* what was set for the one that was made */
    _Alignas(8) uint32_t words[WORLD_WORDS]; /* all of the program's memory, at the address where it is */
    bool is_read_only;
    void (*idle)(struct world *world);
};
extern struct world world;

/* A new one. */
void world_open(void);
/* The address of a word of the program's. */
uint64_t world_word(uint32_t index);

#endif
