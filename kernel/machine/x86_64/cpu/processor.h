/*
 * What each processor has of its own. In the kernel its GS base points to its struct processor; the assembler and the
 * compiler (for the canary of the stack protector) know some of the offsets: see boot/layout.h.
 */
#ifndef GROVE_X86_64_PROCESSOR_H
#define GROVE_X86_64_PROCESSOR_H

#include "kernel/machine/bare/mm/buddy.h"
#include "kernel/machine/x86_64/boot/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROCESSORS_MAX 64u
#define DESCRIPTORS 7u

/* Vectors with a stack of their own, because the one in use may be what is wrong. */
enum emergency_stack { EMERGENCY_DOUBLE_FAULT = 1, EMERGENCY_NOT_MASKABLE, EMERGENCY_MACHINE_CHECK, EMERGENCY_STACKS };

/* Intel's manual, volume 3, section 8.7: the 64-bit task-state segment. */
struct task_state {
    uint32_t reserved_0;
    uint64_t stacks[3];
    uint64_t reserved_1;
    uint64_t emergency_stacks[7];
    uint64_t reserved_2;
    uint16_t reserved_3, ports_offset;
} __attribute__((packed));

struct machine_thread;
struct sched_processor;
struct space;
struct thread;

struct processor {
    struct processor *self;
    uint64_t user_stack; /* kept there for a moment at a system call */
    uint64_t kernel_stack; /* its end: where a system call or an interrupt from a program begins */
    struct thread *thread; /* that runs here; see kernel/machine/bare/thread/thread.h */
    uint32_t holds; /* see kernel/machine/x86_64/hold/hold.h */
    uint32_t reserved;
    uint64_t canary; /* of the thread that runs here */
    uint32_t number; /* dense from 0; 0 is the one that booted */
    uint32_t apic_id;
    uint64_t descriptors[DESCRIPTORS];
    struct task_state task;
    struct frame_cache frames; /* see kernel/machine/x86_64/mm/memory.h */
    uint64_t interrupts, timer_interrupts; /* counted since it started */
    uint64_t deadline_ns; /* see kernel/machine/x86_64/time/clock.h */
    struct sched_processor *sched; /* the rest: see kernel/machine/x86_64/thread/machine.h */
    struct machine_thread *idle, *previous, *vector_owner;
    struct space *space; /* whose tables are loaded, NULL: the kernel's; see kernel/machine/x86_64/mm/translation.c */
    bool is_space_left; /* nobody runs in it here; it is still loaded, as that costs nothing until somebody changes it */
    uint64_t fs_base, gs_base; /* what is loaded for a program */
    bool is_up; /* stored with release by itself, loaded with acquire by the one that starts it */
};

_Static_assert(offsetof(struct processor, user_stack) == PROCESSOR_USER_STACK, "known to the assembler");
_Static_assert(offsetof(struct processor, kernel_stack) == PROCESSOR_KERNEL_STACK, "known to the assembler");
_Static_assert(offsetof(struct processor, thread) == PROCESSOR_THREAD, "known to thread_current");
_Static_assert(offsetof(struct processor, holds) == PROCESSOR_HOLDS, "known to hold.h");
_Static_assert(offsetof(struct processor, canary) == PROCESSOR_CANARY, "known to the compiler");

extern struct processor processors[PROCESSORS_MAX];

/* The one this runs on; with interrupts on only for as long as it runs there. */
static inline struct processor *processor_here(void) {
    struct processor *self;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(self));
    return self;
}

/*
 * Load this processor's descriptor tables and GS, and switch on what protects the kernel (SMEP, SMAP, UMIP) and system
 * calls. The stacks in `self->task` may still be missing.
 */
void processor_init(struct processor *self, uint32_t number);
/* A number that is hard to guess where the processor has an instruction for it, and otherwise differs from boot to boot. */
uint64_t processor_random(void);

/* What processor_init switched on, the same for all. */
struct processor_features {
    bool has_smep, has_smap, has_umip, has_random, has_large_pages;
};
extern struct processor_features processor_features;

#endif
