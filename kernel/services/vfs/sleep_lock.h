/* A lock that may be held while waiting, made of a spin lock and a queue of those who wait. */
#ifndef GROVE_VFS_SLEEP_LOCK_H
#define GROVE_VFS_SLEEP_LOCK_H

#include "kernel/services/vfs/machine.h"

#include <stdbool.h>

struct sleep_lock {
    struct spinlock lock;
    bool is_held;
    struct wait_queue waiting;
};

/* A signal does not end this wait: whoever holds the lock gives it up soon. */
static inline void sleep_lock_take(struct sleep_lock *lock, const struct vfs_machine *machine) {
    spinlock_lock(&lock->lock);
    while (lock->is_held)
        machine_sleep_firmly(machine, &lock->waiting, &lock->lock);
    lock->is_held = true;
    spinlock_unlock(&lock->lock);
}

/* The same, ended by a signal: -LINUX_EINTR. For what is held as long as somebody outside of the kernel likes. */
static inline int sleep_lock_try(struct sleep_lock *lock, const struct vfs_machine *machine) {
    int status = 0;
    spinlock_lock(&lock->lock);
    while (lock->is_held && status == 0)
        status = machine->sleep(machine->context, &lock->waiting, &lock->lock);
    if (status == 0)
        lock->is_held = true;
    spinlock_unlock(&lock->lock);
    return status;
}

static inline void sleep_lock_give_up(struct sleep_lock *lock, const struct vfs_machine *machine) {
    spinlock_lock(&lock->lock);
    lock->is_held = false;
    machine->wake(machine->context, &lock->waiting);
    spinlock_unlock(&lock->lock);
}

#endif
