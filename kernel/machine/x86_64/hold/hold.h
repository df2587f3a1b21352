/*
 * Staying on this processor: while it is held, by spin locks and by what looks at the processor's own memory, interrupts are
 * off, and so nothing else runs on it. Holds nest, and are counted for each processor. In the kernel interrupts are on
 * exactly where the count is 0, but for a few instructions on the way in and out.
 */
#ifndef GROVE_X86_64_HOLD_H
#define GROVE_X86_64_HOLD_H

#include "kernel/machine/x86_64/boot/layout.h"

#include <stdint.h>

static inline void hold_begin(void) {
    __asm__ volatile("cli\n\tincl %%gs:%c0" : : "i"(PROCESSOR_HOLDS) : "memory", "cc");
}

static inline void hold_end(void) {
    __asm__ volatile("decl %%gs:%c0\n\tjnz 1f\n\tsti\n1:" : : "i"(PROCESSOR_HOLDS) : "memory", "cc");
}

/* How many there are here. */
static inline uint32_t hold_count(void) {
    uint32_t count;
    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(count) : "i"(PROCESSOR_HOLDS) : "memory");
    return count;
}

#endif
