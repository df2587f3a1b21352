/*
 * What the contestants of ring-bench share: two pinned processes over one piece of shared memory, and a clock. Two
 * processes and not two threads, because that is what a service and its client are: changing the address space is part of
 * what the machine asks for.
 *
 * A contest runs `side` in two processes, 0 and 1, pinned to the processors asked for, and times side 0 from the moment
 * both are there to its return. Batches are small and the contests take turns, so that what else runs on the machine
 * meets all of them alike; the figures are medians.
 */
#ifndef GROVE_BENCH_RING_H
#define GROVE_BENCH_RING_H

#include <stdbool.h>
#include <stdint.h>

struct contest {
    const char *figure; /* name in the JSON */
    const char *who; /* "raw" or "grove" */
    bool is_across; /* on two processors */
    unsigned operations;
    void (*prepare)(void); /* before the fork: what it allocates is shared only if it is bench_shared */
    void (*side)(int side, unsigned operations);
};

extern const struct contest raw_contests[], grove_contests[];
extern const unsigned raw_contest_count, grove_contest_count;

void *bench_shared(uint64_t size_bytes); /* zeroed, shared, touched; never freed */
void bench_futex_wait(uint32_t *word, uint32_t seen);
void bench_futex_wake(uint32_t *word);

static inline void bench_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield");
#endif
}

/* Between two looks at what the other processor writes: each look takes the cache line away from it. */
struct bench_back_off {
    unsigned pauses;
};
static inline void bench_back_off(struct bench_back_off *back_off) {
    for (unsigned i = 0; i <= back_off->pauses; i++)
        bench_pause();
    if (back_off->pauses < 31u)
        back_off->pauses = 2u * back_off->pauses + 1u;
}

#endif
