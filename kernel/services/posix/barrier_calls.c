/*
 * membarrier(2): the threads of other processors pass a memory barrier, so that those who run often need none of their own.
 *
 * Every processor is asked, whoever it works for: one that changes threads meanwhile passes barriers by that. What is not
 * here (barriers of the instruction stream, restartable sequences) is missing in the answer to QUERY, and is EINVAL.
 */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/errors.h"

enum {
    QUERY = 0,
    GLOBAL = 1,
    PRIVATE_EXPEDITED = 8,
    REGISTER_PRIVATE_EXPEDITED = 16,
};

static int64_t pass_if_registered(const struct process_memory *memory) {
    if (!__atomic_load_n(&memory->has_barriers, __ATOMIC_RELAXED))
        return -LINUX_EPERM;
    machine_barrier();
    return 0;
}

int64_t system_call_membarrier(const uint64_t arguments[6]) {
    struct process_memory *memory = process_current()->memory;
    if ((uint32_t)arguments[1] != 0)
        return -LINUX_EINVAL;
    switch ((uint32_t)arguments[0]) {
    case QUERY:
        return GLOBAL | PRIVATE_EXPEDITED | REGISTER_PRIVATE_EXPEDITED;
    case GLOBAL:
        machine_barrier();
        return 0;
    case PRIVATE_EXPEDITED:
        return pass_if_registered(memory);
    case REGISTER_PRIVATE_EXPEDITED:
        __atomic_store_n(&memory->has_barriers, true, __ATOMIC_RELAXED);
        return 0;
    default:
        return -LINUX_EINVAL;
    }
}
