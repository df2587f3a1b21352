/*
 * A fair spin lock: who came first gets it first. Nobody sleeps or is interrupted while holding one: on the bare machines
 * interrupts are off wherever the kernel runs, except where a processor idles.
 */
#ifndef GROVE_BARE_SPINLOCK_H
#define GROVE_BARE_SPINLOCK_H

#include "pause.h" /* the build's choice of a file for the processor */

#include <stdint.h>

struct spinlock {
    uint32_t next, serving;
};

static inline void spinlock_lock(struct spinlock *lock) {
    uint32_t mine = __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&lock->serving, __ATOMIC_ACQUIRE) != mine) /* pairs with the store in spinlock_unlock */
        pause_processor();
}

static inline void spinlock_unlock(struct spinlock *lock) {
    __atomic_store_n(&lock->serving, lock->serving + 1, __ATOMIC_RELEASE);
}

#endif
