/*
 * A lock that is held while its holder may sleep: by many in common, or by one alone. Whoever wants it alone goes before
 * those who come later, so a thread never takes in common what it has in common already. No spin lock is held by who takes it.
 */
#ifndef GROVE_BARE_SHARE_LOCK_H
#define GROVE_BARE_SHARE_LOCK_H

#include "kernel/machine/bare/wait/wait.h"

/* All zero: nobody has it. */
struct share_lock {
    struct spinlock lock;
    uint32_t holders; /* in common */
    uint32_t waiting; /* for having it alone */
    uint32_t is_alone; /* somebody has it alone */
    uint32_t changes; /* how often somebody took it alone; atomic */
    struct wait_queue changed;
};

/* What somebody found who had it in common holds as long as this stays the same as it was meanwhile. */
static inline uint32_t share_lock_changes(const struct share_lock *lock) {
    return __atomic_load_n(&lock->changes, __ATOMIC_ACQUIRE);
}

void share_lock_take(struct share_lock *lock);
void share_lock_give_up(struct share_lock *lock);
void share_lock_take_alone(struct share_lock *lock);
void share_lock_give_up_alone(struct share_lock *lock);

#endif
