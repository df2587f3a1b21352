/*
 * Where exceptions and interrupts enter: one short piece for each vector, all of the same length, so that the table can be
 * filled in by a loop. See struct interrupt_frame for what lies on the stack when interrupts_dispatch is called.
 */
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/interrupt/frame.inc"

#define STUB_BYTES 16

    .text
    .balign STUB_BYTES
    .global interrupt_stubs
interrupt_stubs:
    .set vector, 0
    .rept 256
    .balign STUB_BYTES
    /* Only these push an error code themselves. */
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq $0
    .endif
    pushq $vector
    .if vector == 1 || vector == 2 || vector == 8 || vector == 18
    jmp interrupt_anywhere
    .else
    jmp interrupt_common
    .endif
    .set vector, vector + 1
    .endr

    /* A program may have set AC, which would open its memory to the kernel. */
    .macro forbid_user_memory
    testb $1, interrupt_has_smap(%rip)
    jz 9f
    clac
9:
    .endm

interrupt_common:
    testb $3, 24(%rsp)
    jz 1f
    swapgs
1:  save_registers
    forbid_user_memory
    cld
    mov %rsp, %rdi
    call interrupts_dispatch
    .global interrupt_return
interrupt_return:
    restore_registers
    testb $3, 24(%rsp)
    jz 1f
    swapgs
1:  add $16, %rsp
    iretq

/*
 * These may come between two instructions of an entry, where the code segment does not tell whose GS is loaded. The
 * kernel's base is in the upper half and a program's never is.
 */
interrupt_anywhere:
    save_registers
    forbid_user_memory
    cld
    xor %ebx, %ebx
    mov $0xc0000101, %ecx
    rdmsr
    test %edx, %edx
    js 1f
    swapgs
    inc %ebx
1:  mov %rsp, %rdi
    call interrupts_dispatch
    test %ebx, %ebx
    jz 1f
    swapgs
1:  restore_registers
    add $16, %rsp
    iretq

    .section .bss
    .global interrupt_has_smap
interrupt_has_smap: .skip 1

    .section .note.GNU-stack, "", @progbits
