/* Threads that ended: what is done with them once nobody can use them any more. */
#ifndef GROVE_X86_64_ENDED_H
#define GROVE_X86_64_ENDED_H

#include "kernel/machine/x86_64/thread/machine.h"

/* The current thread is about to end: from here on threads_trim waits for it. */
void threads_begin_end(void);
/* Give the processor up for good. */
_Noreturn void threads_end(void);
/* After each switch, by the thread that goes on: if the one before has ended, note it. */
void threads_note_ended(void);
/* Give the memory of those back that were noted. No spin lock is held. */
void threads_collect(void);
/* Let a thread of the kernel do that from now on. */
void threads_start_collector(void);

#endif
