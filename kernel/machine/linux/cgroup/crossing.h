/*
 * When a limit deserves a warning: once for each time that it is reached, however often it is looked at.
 *
 * A level (memory) is reached at nine tenths and counts as left below eight, so that one that sways around the mark is
 * told once. Events (a fork that was refused, time that was waited for a processor) reach it when one comes, and leave it
 * when none has come for a while. In both cases the next warning is at least CROSSING_REST_NS after the last.
 */
#ifndef GROVE_LINUX_CGROUP_CROSSING_H
#define GROVE_LINUX_CGROUP_CROSSING_H

#include <stdbool.h>
#include <stdint.h>

#define CROSSING_REST_NS UINT64_C(1000000000)
#define CROSSING_CALM_NS UINT64_C(30000000000)

struct crossing {
    bool is_over;
    uint64_t warned_ns; /* 0: never */
    uint64_t event_ns;
};

static inline uint64_t crossing_mark(uint64_t limit) {
    return limit - limit / 10;
}

static inline uint64_t crossing_left_mark(uint64_t limit) {
    return limit - limit / 5;
}

/* Looked at, or looked at when an event came: is this to be told? */
bool crossing_level(struct crossing *crossing, uint64_t now_ns, uint64_t used, uint64_t limit);
bool crossing_event(struct crossing *crossing, uint64_t now_ns);
/*
 * The limit has ended something: is this still to be told? What was told a moment ago counts, because with what was ended
 * the level has fallen as well.
 */
bool crossing_end(struct crossing *crossing, uint64_t now_ns);

#endif
