/*
 * A full fence in every thread of those processes that asked for it, made by one of them: membarrier(2) with
 * MEMBARRIER_CMD_GLOBAL_EXPEDITED. Who does often what another seldom has to see leaves its own fences out in return.
 */
#ifndef GROVE_LIB_BUS_BARRIER_H
#define GROVE_LIB_BUS_BARRIER_H

#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BARRIER_FOR_ALL 2 /* MEMBARRIER_CMD_GLOBAL_EXPEDITED */
#define BARRIER_ASK 4 /* MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED */

/* From now on this process takes part. False: this machine, or the sandbox, has no such thing. */
static inline bool barrier_ask(void) {
    return syscall(SYS_membarrier, BARRIER_ASK, 0, 0) == 0;
}
/* False: no fence was made anywhere else. */
static inline bool barrier_for_all(void) {
    return syscall(SYS_membarrier, BARRIER_FOR_ALL, 0, 0) == 0;
}

#endif
