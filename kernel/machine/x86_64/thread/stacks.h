/*
 * Stacks of threads, each above a page that is not there. Some are kept for the next ones, for to make one and to forget it
 * on all processors takes long.
 */
#ifndef GROVE_X86_64_STACKS_H
#define GROVE_X86_64_STACKS_H

#include <stdint.h>

#define THREAD_STACK_BYTES UINT64_C(16384)

/* The end of one, with undefined contents; 0: there is no memory. */
uint64_t stack_take(void);
void stack_give_back(uint64_t end);
/* The end of the stack that an address lies in. */
uint64_t stack_end_of(uint64_t address);
/* Give back the memory of all that are kept but `keep`. Interrupts are on. */
void stacks_trim(uint32_t keep);
/* How many are kept. */
uint32_t stacks_kept(void);

#endif
