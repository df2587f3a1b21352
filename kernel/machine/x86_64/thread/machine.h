/*
 * Threads on this machine: what kernel/machine/bare/thread/thread.h leaves to it.
 *
 * A thread lies with its stack in one piece of the kernel's memory, above a page that is not there:
 *
 *   guard page | stack, growing down ... struct thread_registers | vector registers | struct machine_thread
 *
 * The registers of a program lie at the stack's end, wherever the program was when it entered the kernel.
 */
#ifndef GROVE_X86_64_MACHINE_THREAD_H
#define GROVE_X86_64_MACHINE_THREAD_H

#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"

/* What a system call or an interrupt from a program lays on the stack. */
struct thread_registers {
    struct interrupt_frame frame;
};

struct machine_thread {
    struct thread thread; /* first */
    uint64_t stack; /* where its stack pointer was when it was replaced */
    uint64_t stack_end; /* where system calls and interrupts from its program begin; 16-byte aligned */
    uint64_t canary;
    void *vector; /* its vector registers, while another thread has the processor */
    struct space *space; /* what it uses as a program's memory; NULL for none */
    uint64_t fs_base, gs_base; /* the program's */
    void (*function)(void *argument); /* of one of the kernel's own */
    void *argument;
    struct machine_thread *next; /* among those that ended */
    struct processor *vector_on; /* where `vector` was loaded last */
};

static inline struct machine_thread *machine_thread_of(struct thread *thread) {
    return (struct machine_thread *)thread;
}

/* Once all processors are up, on the first one: run `function` as the first thread there, on all others what comes. */
_Noreturn void threads_start(void (*function)(void));
/* What the others do from then on. */
_Noreturn void threads_enter_processor(void);

/* Let a thread that is not started run on these processors only: a bit for each. */
void threads_set_affinity(struct thread *thread, uint64_t affinity);
/* Make registers that a program gave (sigreturn) safe to go to user mode with. */
void thread_make_safe(struct thread_registers *registers);
/* As thread_set_pointer, for GS. */
void thread_set_other_pointer(struct thread *thread, uint64_t pointer);
/* Load what belongs to a thread's program into this processor; called where it goes on. */
void thread_load_bases(const struct machine_thread *thread);
/* How many there are (atomic), and: wait until there are no more than `count`. */
extern uint32_t threads_count;
void threads_wait(uint32_t count);
/* Wait until the memory of all threads that began to end went back, and give back what was kept for new ones. */
void threads_trim(void);

/* Whether threads_leave has anything to do, interrupts off. */
static inline bool threads_must_leave(void) {
    const struct processor *here = processor_here();
    return __atomic_load_n(&here->sched->must_choose, __ATOMIC_RELAXED) ||
           __atomic_load_n(&here->thread->is_interrupted, __ATOMIC_RELAXED);
}
/* The end of an interrupt's or a call's way back to user mode, interrupts off: whatever has to be done before that. */
void threads_leave(void);
/* An interrupt in the kernel, about to return to where it was, holding once: let another thread run if one should. */
void threads_leave_interrupt(void);
/* The timer or a call by another processor. */
void threads_interrupt(void);

#endif
