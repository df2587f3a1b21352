/*
 * A spin lock. Nobody sleeps or is interrupted while holding one: on the bare machines interrupts are off wherever the
 * kernel runs, except where a processor idles. So each is held for a few hundred instructions at most.
 *
 * It is not fair, on purpose: below a hypervisor a processor may stand still for milliseconds, and a lock that is handed on
 * in the order of arrival would then wait for the one that stands still, at every turn.
 */
#ifndef GROVE_BARE_SPINLOCK_H
#define GROVE_BARE_SPINLOCK_H

#include "pause.h" /* the build's choice of a file for the processor */

#include <stdint.h>

struct spinlock {
    uint32_t is_held;
};

static inline void spinlock_lock(struct spinlock *lock) {
    /* The exchange pairs with the store in spinlock_unlock. Those who wait only read, which leaves the line shared. */
    while (__atomic_exchange_n(&lock->is_held, 1, __ATOMIC_ACQUIRE) != 0)
        while (__atomic_load_n(&lock->is_held, __ATOMIC_RELAXED) != 0)
            pause_processor();
}

static inline void spinlock_unlock(struct spinlock *lock) {
    __atomic_store_n(&lock->is_held, 0, __ATOMIC_RELEASE);
}

#endif
