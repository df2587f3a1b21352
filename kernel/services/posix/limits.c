/* Limits: see limits.h. */
#include "kernel/services/posix/limits.h"

#include "kernel/services/vfs/vfs.h"

#define DESCRIPTORS_SOFT 1024u
#define DESCRIPTORS_HARD 4096u
#define STACK_SOFT_BYTES (UINT64_C(8) << 20)
#define LOCKED_BYTES (UINT64_C(8) << 20)
#define QUEUE_BYTES 819200u

void limits_init(struct limits *limits, uint64_t processes, uint64_t signals) {
    for (uint32_t i = 0; i < LIMITS; i++)
        limits->of[i] = (struct limit_pair){LIMIT_NONE, LIMIT_NONE};
    limits->of[LIMIT_STACK_BYTES].soft = STACK_SOFT_BYTES;
    limits->of[LIMIT_CORE_BYTES].soft = 0;
    limits->of[LIMIT_PROCESSES] = (struct limit_pair){processes, processes};
    limits->of[LIMIT_DESCRIPTORS] = (struct limit_pair){DESCRIPTORS_SOFT, DESCRIPTORS_HARD};
    limits->of[LIMIT_LOCKED_BYTES] = (struct limit_pair){LOCKED_BYTES, LOCKED_BYTES};
    limits->of[LIMIT_SIGNALS] = (struct limit_pair){signals, signals};
    limits->of[LIMIT_QUEUE_BYTES] = (struct limit_pair){QUEUE_BYTES, QUEUE_BYTES};
    limits->of[LIMIT_NICE] = (struct limit_pair){0, 0};
    limits->of[LIMIT_PRIORITY] = (struct limit_pair){0, 0};
}

void limits_apply_to_files(const struct limits *limits, struct caller *caller) {
    caller->file_bytes_max = limits->of[LIMIT_FILE_BYTES].soft;
    caller->is_limited = caller->file_bytes_max != LIMIT_NONE;
}
