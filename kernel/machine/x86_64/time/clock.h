/*
 * Time since the kernel began, from the processors' cycle counters, and one deadline for each processor, from its local
 * APIC. There is no tick: a processor without a deadline is not interrupted.
 *
 * The cycle counters of all processors are taken to run alike, as they do in QEMU and on every processor of the last
 * fifteen years.
 */
#ifndef GROVE_X86_64_CLOCK_H
#define GROVE_X86_64_CLOCK_H

#include "kernel/machine/bare/time/clock.h"

#define CLOCK_NEVER UINT64_MAX

/* Measure both against the timer that every PC has (8254). Once, on the first processor; takes two milliseconds. */
void clock_init(void);
/* Interrupt this processor at that time, or soon if it has passed; CLOCK_NEVER: not at all. The last call counts. */
void clock_set_deadline(uint64_t deadline_ns);
/* Called by the interrupt with VECTOR_TIMER. */
void clock_interrupt(void);
/* Spin. For what the hardware wants to be waited for. */
void clock_spin_ns(uint64_t duration_ns);
/* Cycles in a second, as measured. */
uint64_t clock_cycles_per_second(void);

#endif
