/* Exceptions and interrupts: their table, what was interrupted, and who handles what. */
#ifndef GROVE_X86_64_INTERRUPTS_H
#define GROVE_X86_64_INTERRUPTS_H

#include <stdbool.h>
#include <stdint.h>

#define VECTORS 256u
#define VECTOR_DEBUG 1u
#define VECTOR_NOT_MASKABLE 2u
#define VECTOR_BREAKPOINT 3u
#define VECTOR_DOUBLE_FAULT 8u
#define VECTOR_PROTECTION 13u
#define VECTOR_PAGE_FAULT 14u
#define VECTOR_MACHINE_CHECK 18u
#define EXCEPTIONS 32u
#define VECTOR_TIMER 0xf0u
#define VECTOR_WAKE 0xf1u
#define VECTOR_CALL 0xf2u /* see processors_interrupt */
#define VECTOR_FORGET 0xf3u /* see kernel/machine/x86_64/mm/translation.h */
#define VECTOR_SPURIOUS 0xffu
/* In struct interrupt_frame: a system call, whose number is in `error`; and a bit for one that was changed meanwhile. */
#define VECTOR_SYSTEM_CALL 0x100u
#define VECTOR_CHANGED 0x200u

/* As interrupt/entries.S lays it on the stack. */
struct interrupt_frame {
    uint64_t r15, r14, r13, r12, r11, rbp, rbx, rcx, rax;
    uint64_t rdi, rsi, rdx, r10, r8, r9; /* a system call's arguments, in their order */
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

static inline bool interrupt_is_from_user(const struct interrupt_frame *frame) {
    return (frame->cs & 3) != 0;
}

/* Fill in the table; once, by the processor that booted. */
void interrupts_init(void);
/* Make this processor use it. */
void interrupts_load_table(void);
/* What a vector below EXCEPTIONS means, for people. */
const char *interrupts_exception_name(uint64_t vector);
/* Called by the assembler for each exception and interrupt, with interrupts off, and left with interrupts off. */
void interrupts_dispatch(struct interrupt_frame *frame);

#endif
