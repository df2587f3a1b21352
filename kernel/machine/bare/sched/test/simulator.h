/*
 * A machine of virtual processors and virtual time on which the real scheduler runs programs, step by step and always the
 * same for the same seed. A program is a row of segments: so much processor time, then something that it does, such as to
 * sleep, to lock or to call. After every step everything in check.h must hold.
 */
#ifndef GROVE_BARE_SCHED_SIMULATOR_H
#define GROVE_BARE_SCHED_SIMULATOR_H

#include "kernel/machine/bare/sched/sched.h"

#define SIM_PROCESSORS 4u
#define SIM_THREADS 48u
#define MS UINT64_C(1000000)
#define US UINT64_C(1000)
#define ALL_PROCESSORS UINT64_MAX

struct simulator;

struct sim_thread {
    struct sched_thread thread; /* first, so that one can be taken for the other */
    uint64_t left_ns; /* of the segment it is in */
    /* What it does at the end of a segment, as the current thread; it sets left_ns. May block or end the thread. */
    void (*next)(struct simulator *simulator, struct sim_thread *thread);
    uint32_t phase; /* the rest is for `next` */
    uint64_t release_ns, cost_ns, sleep_ns, longest_wait_ns, late_ns;
    uint64_t jobs;
    struct sched_lock *lock;
    struct sim_thread *server, *client;
};

struct simulator {
    struct scheduler scheduler; /* first */
    struct sched_processor processors[SIM_PROCESSORS];
    struct sim_thread threads[SIM_THREADS];
    struct sched_thread *all[SIM_THREADS];
    uint32_t count; /* threads */
    uint64_t now_ns, random;
    uint32_t here;
    uint64_t timers_ns[SIM_PROCESSORS];
    bool is_kicked[SIM_PROCESSORS];
    uint64_t switches, steps;
    void (*after_step)(struct simulator *simulator); /* NULL, or more checks */
};

void sim_open(struct simulator *simulator, uint32_t processors, uint64_t seed);
/* From `low` to `high`. */
uint64_t sim_random(struct simulator *simulator, uint64_t low, uint64_t high);
/* A new thread, started. NULL if it is not admitted. */
struct sim_thread *sim_start(struct simulator *simulator, const struct grove_schedule *schedule, uint64_t affinity,
                             struct sched_group *group,
                             void (*next)(struct simulator *simulator, struct sim_thread *thread));
struct sim_thread *sim_current(struct simulator *simulator);
/* Let the machine run until that moment. */
void sim_run(struct simulator *simulator, uint64_t until_ns);

/* Programs: compute for ever; and compute cost_ns, sleep sleep_ns, and so on. */
void sim_hog(struct simulator *simulator, struct sim_thread *thread);
void sim_sleeper(struct simulator *simulator, struct sim_thread *thread);

#endif
