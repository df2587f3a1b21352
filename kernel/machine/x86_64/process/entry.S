/*
 * Between the kernel and a program: into it, out of it for good, system calls, and copies of its memory.
 *
 * A system call lays the same frame on the stack as an interrupt (struct interrupt_frame) and leaves by SYSRET. That is
 * safe for every address a program can have: it lies at least a page below where addresses stop being canonical.
 */
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/interrupt/frame.inc"

    .text
/* uint64_t process_enter(struct interrupt_frame *frame, uint64_t *context): returns what process_leave says. */
    .global process_enter
process_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rsi)
    /* Nothing of the kernel's or an earlier program's is left in the vector registers. */
    fninit
    push $0x1f80
    ldmxcsr (%rsp)
    add $8, %rsp
    .irp number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    pxor %xmm\number, %xmm\number
    .endr
    mov %rdi, %rsp
    jmp interrupt_return

/* _Noreturn void process_leave(uint64_t context, uint64_t value) */
    .global process_leave
process_leave:
    mov %rdi, %rsp
    mov %rsi, %rax
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .global system_call_entry
system_call_entry:
    swapgs
    mov %rsp, %gs:PROCESSOR_USER_STACK
    mov %gs:PROCESSOR_KERNEL_STACK, %rsp
    pushq $SELECTOR_USER_DATA | 3
    pushq %gs:PROCESSOR_USER_STACK
    push %r11
    pushq $SELECTOR_USER_CODE | 3
    push %rcx
    pushq $0
    pushq $256 /* no interrupt has this vector */
    save_registers
    mov %rsp, %rdi
    call system_call_dispatch
    restore_registers
    mov 16(%rsp), %rcx /* rip */
    mov 32(%rsp), %r11 /* flags */
    mov 40(%rsp), %rsp
    swapgs
    sysretq

/*
 * uint64_t user_copy(void *to, const void *from, uint64_t count): one of them is in the lower half. Returns how many bytes
 * were not copied: the page fault handler goes on at user_copy_end when the program has no such memory.
 */
    .global user_copy, user_copy_begin, user_copy_end
user_copy:
    mov %rdx, %rcx
    testb $1, interrupt_has_smap(%rip)
    jz 1f
    stac
1:
user_copy_begin:
    rep movsb
user_copy_end:
    testb $1, interrupt_has_smap(%rip)
    jz 2f
    clac
2:  mov %rcx, %rax
    ret

    .section .note.GNU-stack, "", @progbits
