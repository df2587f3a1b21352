/*
 * The same as hold.h of the folder above, and measured: for how many cycles interrupts were off on each processor at most,
 * and where that began and ended. The kernel that holds tests is built with this one in its place.
 */
#ifndef GROVE_X86_64_HOLD_H
#define GROVE_X86_64_HOLD_H

#include "kernel/machine/x86_64/boot/layout.h"

#include <stdint.h>

/* trace.c: the count has become 1, or is about to become 0. Interrupts are off. */
void hold_trace_begin(void);
void hold_trace_end(void);

/* How many there are here. */
static inline uint32_t hold_count(void) {
    uint32_t count;
    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(count) : "i"(PROCESSOR_HOLDS) : "memory");
    return count;
}

static inline void hold_begin(void) {
    __asm__ volatile("cli\n\tincl %%gs:%c0" : : "i"(PROCESSOR_HOLDS) : "memory", "cc");
    if (hold_count() == 1)
        hold_trace_begin();
}

static inline void hold_end(void) {
    if (hold_count() == 1)
        hold_trace_end();
    __asm__ volatile("decl %%gs:%c0\n\tjnz 1f\n\tsti\n1:" : : "i"(PROCESSOR_HOLDS) : "memory", "cc");
}

/* For whoever counts a hold that the processor began itself: an interrupt. */
static inline void hold_note_begin(void) {
    if (hold_count() == 1)
        hold_trace_begin();
}

static inline void hold_note_end(void) {
    if (hold_count() == 1)
        hold_trace_end();
}

#endif
