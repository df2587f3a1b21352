/*
 * A spin lock. Nobody sleeps or is interrupted while holding one: on the bare machines interrupts are off until the last one
 * is given up. So each is held for a few hundred instructions at most, and may be taken by interrupts too.
 *
 * It is not fair, on purpose: below a hypervisor a processor may stand still for milliseconds, and a lock that is handed on
 * in the order of arrival would then wait for the one that stands still, at every turn.
 */
#ifndef GROVE_BARE_SPINLOCK_H
#define GROVE_BARE_SPINLOCK_H

#include "hold.h" /* the build's choice: what keeps interrupts away */
#include "pause.h" /* the build's choice of a file for the processor */

#include <stdint.h>

struct spinlock {
    uint32_t is_held;
};

static inline void spinlock_lock(struct spinlock *lock) {
    hold_begin();
    /* The exchange pairs with the store in spinlock_unlock. Those who wait only read, which leaves the line shared. */
    while (__atomic_exchange_n(&lock->is_held, 1, __ATOMIC_ACQUIRE) != 0)
        while (__atomic_load_n(&lock->is_held, __ATOMIC_RELAXED) != 0)
            pause_processor();
}

static inline void spinlock_unlock(struct spinlock *lock) {
    __atomic_store_n(&lock->is_held, 0, __ATOMIC_RELEASE);
    hold_end();
}

#endif
