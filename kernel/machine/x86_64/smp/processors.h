/*
 * All processors: how they come up, and how one lets others do something.
 */
#ifndef GROVE_X86_64_PROCESSORS_H
#define GROVE_X86_64_PROCESSORS_H

#include "kernel/machine/bare/boot/acpi.h"
#include "kernel/machine/x86_64/cpu/processor.h"

#define KERNEL_STACK_BYTES (4 * PAGE_BYTES)
#define EMERGENCY_STACK_BYTES PAGE_BYTES

/* A canary and stacks with guard pages. */
void processors_prepare(struct processor *processor);
/*
 * Start those of the table, one after the other, until `limit` run, the one that booted included. One that does not come
 * up is left out, and that is said.
 */
void processors_start(const struct acpi_processors *table, uint32_t limit);
/* How many run; their numbers are below that. */
uint32_t processors_count(void);

/*
 * Let a thread of the kernel call `function` on that processor alone. There is one such call for each processor at a time:
 * the caller waits for its last with processors_wait.
 */
void processors_call(uint32_t number, void (*function)(void *argument), void *argument);
/* Until it has returned. What it wrote is seen then. */
void processors_wait(uint32_t number);

/*
 * Interrupt all processors and let each call `function`, with interrupts off, this one too. Returns when all have. No spin
 * lock is held.
 */
void processors_interrupt(void (*function)(void *argument), void *argument);
/* Called by the interrupt with VECTOR_CALL. */
void processors_called(void);

#endif
