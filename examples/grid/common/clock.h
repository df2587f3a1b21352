/* The two clocks of the grid: monotonic, the same as Grove's deadlines, for reactions; wall clock, for people. */
#ifndef GRID_COMMON_CLOCK_H
#define GRID_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline uint64_t clock_now_ns(void) {
    return clock_read_ns(CLOCK_MONOTONIC);
}

static inline uint64_t clock_wall_ns(void) {
    return clock_read_ns(CLOCK_REALTIME);
}

#endif
