/*
 * Between the kernel and a program: system calls, and copies of its memory.
 *
 * A system call lays the same frame on the stack as an interrupt (struct interrupt_frame) and leaves by SYSRET. That is
 * safe for every address a program can have: it lies at least a page below where addresses stop being canonical.
 */
#include "kernel/machine/x86_64/boot/layout.h"
#define VECTOR_SYSTEM_CALL 0x100 /* as in interrupts.h */
#include "kernel/machine/x86_64/interrupt/frame.inc"

    .text
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
    push %rax /* the number, in place of an error */
    pushq $VECTOR_SYSTEM_CALL
    save_registers
    mov %rsp, %rdi
    call system_call_dispatch
    test %al, %al /* something was changed: all of it counts, and SYSRET does not bring all of it back */
    jnz interrupt_return
    restore_registers
    mov 16(%rsp), %rcx /* rip */
    mov 32(%rsp), %r11 /* flags */
    mov 40(%rsp), %rsp
    swapgs
    sysretq

    .macro open_user_memory
    testb $1, interrupt_has_smap(%rip)
    jz 9f
    stac
9:
    .endm
    .macro close_user_memory
    testb $1, interrupt_has_smap(%rip)
    jz 9f
    clac
9:
    .endm

/*
 * uint64_t user_copy(void *to, const void *from, uint64_t count): one of them is in the lower half. Returns how many bytes
 * were not copied. In words as far as it goes. When the program has no such memory, the page fault handler goes on at
 * user_copy_bytes, which copies what is left up to the very byte that is missing, and from there at user_copy_end.
 */
    .global user_copy, user_copy_begin, user_copy_bytes, user_copy_end
user_copy:
    mov %rdx, %rcx
    shr $3, %rcx
    and $7, %edx
    open_user_memory
user_copy_begin:
    rep movsq
user_copy_bytes:
    lea (%rdx, %rcx, 8), %rcx
    rep movsb
user_copy_end:
    close_user_memory
    mov %rcx, %rax
    ret

/*
 * uint64_t user_load_word(uint64_t address): the 32-bit word of the program there; more than 32 bits can hold: there is none, and
 * the page fault handler went on at user_load_word_end.
 */
    .global user_load_word, user_load_word_begin, user_load_word_end
user_load_word:
    open_user_memory
user_load_word_begin:
    mov (%rdi), %eax
    close_user_memory
    ret
user_load_word_end:
    close_user_memory
    mov $-1, %rax
    ret

    .section .note.GNU-stack, "", @progbits
