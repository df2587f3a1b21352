/*
 * Numbers of processes, threads, groups and sessions. They are one space, as on Linux: the first thread has the number of its
 * process, a group that of the process that made it.
 *
 * A number is counted by whatever bears it, and its value given out again only when nobody does; so the number of a group
 * whose leader is gone names no new process. Values are given out in turn, so that one comes back late. A descriptor of a
 * process holds its number, and so never means a later process. Guarded by the lock of processes.
 */
#ifndef GROVE_POSIX_NUMBER_H
#define GROVE_POSIX_NUMBER_H

#include "kernel/core/list.h"
#include "kernel/machine/bare/wait/wait.h"

#include <stdint.h>

#define NUMBERS_MAX 32768 /* values are below: what Linux begins with */

struct process;
struct process_thread;
struct terminal;

struct number {
    int32_t value;
    uint64_t program; /* whose members alone see it (program.h); 0: of no container */
    uint32_t references;
    struct list link; /* in its bucket */
    struct process *process; /* that bears it; not counted: cleared when it is waited for */
    struct process_thread *thread; /* that bears it; cleared at its end */
    struct list group, session; /* processes that are in the group, in the session of this number */
    struct terminal *terminal; /* that controls the session */
    struct wait_queue ended; /* woken when its process is a zombie */
};

/* The next value is 1. */
void numbers_init(void);
/* A free one for this program, with a reference. -LINUX_EAGAIN: none is free; -LINUX_ENOMEM. The lock of processes is held, as for all. */
int number_take(uint64_t program, struct number **number);
struct number *number_ref(struct number *number);
void number_unref(struct number *number);
/* NULL: nobody bears it. No reference. */
struct number *number_find(int32_t value);
/* The same for the current process: NULL also where others than it bear it and it may not see them. The kernel sees all. */
struct number *number_see(int32_t value);

/* Of NULL: 0. */
static inline int32_t number_value(const struct number *number) {
    return number != NULL ? number->value : 0;
}

#endif
