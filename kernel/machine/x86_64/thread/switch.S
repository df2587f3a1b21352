/* From one thread's stack to another's, and how a new thread begins. */
#include "kernel/machine/x86_64/boot/layout.h"

    .text
/* void thread_switch_stack(uint64_t *from, uint64_t to): what is to be kept lies on the stack. */
    .global thread_switch_stack
thread_switch_stack:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* Where the stack of a new thread returns to; rbx is the thread. */
    .global thread_begin
thread_begin:
    xor %ebp, %ebp
    mov %rbx, %rdi
    call thread_begun
    mov %rax, %rsp /* it goes to user mode, with its registers there */
    jmp interrupt_return

/* _Noreturn void thread_return_to_user(struct thread_registers *registers), interrupts off */
    .global thread_return_to_user
thread_return_to_user:
    mov %rdi, %rsp
    jmp interrupt_return

    .section .note.GNU-stack, "", @progbits
