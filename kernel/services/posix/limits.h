/* What a process may use of what: getrlimit(2). Each limit is kept by whoever gives out what it limits. */
#ifndef GROVE_POSIX_LIMITS_H
#define GROVE_POSIX_LIMITS_H

#include <stdint.h>

#define LIMIT_NONE UINT64_MAX

enum limit {
    LIMIT_CPU,
    LIMIT_FILE_BYTES,
    LIMIT_DATA_BYTES,
    LIMIT_STACK_BYTES,
    LIMIT_CORE_BYTES,
    LIMIT_RESIDENT_BYTES,
    LIMIT_PROCESSES,
    LIMIT_DESCRIPTORS,
    LIMIT_LOCKED_BYTES,
    LIMIT_SPACE_BYTES,
    LIMIT_LOCKS,
    LIMIT_SIGNALS,
    LIMIT_QUEUE_BYTES,
    LIMIT_NICE,
    LIMIT_PRIORITY,
    LIMIT_REAL_TIME_US,
    LIMITS,
};

struct limit_pair {
    uint64_t soft, hard;
};

struct limits {
    struct limit_pair of[LIMITS];
};

/* What process 1 begins with. `processes` and `signals` as the machine's memory allows. */
void limits_init(struct limits *limits, uint64_t processes, uint64_t signals);

struct caller;
/* RLIMIT_FSIZE, for whoever makes files larger. */
void limits_apply_to_files(const struct limits *limits, struct caller *caller);

#endif
