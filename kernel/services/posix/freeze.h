/*
 * Freezing: all threads of a number of processes stand still at the border to user mode until they are thawed or ended. Programs
 * see nothing of it but that time has passed.
 *
 * A freezer is whoever has the processes'; what a process makes has the same one. A thread that is in a call is brought out of it as
 * by a signal, and the call is made again when it is thawed, each call and from where it was: no EINTR is seen, and a time-out
 * ends when it would have (process_call_began_ns). What a call has done already it tells, as after a signal. A thread that waits for
 * its vfork's child stands still where it is; so does one that is stopped. What is held up in the kernel (a disk) is waited for.
 *
 * Signals come and wait, but for those that end the process: they end it, frozen or not. Who begins while it is frozen begins frozen.
 */
#ifndef GROVE_POSIX_FREEZE_H
#define GROVE_POSIX_FREEZE_H

#include "kernel/services/posix/process.h"

/* Guarded by the lock of processes, as all functions here but the first three. */
struct freezer {
    bool is_frozen;
    bool is_told;
    uint32_t threads, standing; /* of all its processes: how many there are, and do nothing */
    struct wait_queue thawed;
    /* All of its threads stand still, at least one. At most once for each freeze. The lock is held. */
    void (*stands)(struct freezer *freezer);
};

void freezer_init(struct freezer *freezer, void (*stands)(struct freezer *freezer));
/* Nothing if it is so already. `stands` may be called before this returns. */
void freezer_freeze(struct freezer *freezer);
void freezer_thaw(struct freezer *freezer);

/* ---- for the files of this layer; without a freezer nothing is done ---- */

void freezer_add_thread(struct process_thread *part);
void freezer_remove_thread(const struct process_thread *part);
bool freezer_wants(const struct process_thread *part);
/* The current thread stands still until it is thawed or must end. */
void freezer_stand_here(struct process_thread *part);
/* It sleeps in a wait that nothing but its end interrupts, and so stands still; and does no more. */
void freezer_sleep_begin(struct process_thread *part);
void freezer_sleep_end(struct process_thread *part);

#endif
