/*
 * How another processor comes up: it begins here in 16-bit mode, in a copy of this at LAYOUT_TRAMPOLINE, and goes to 64-bit
 * mode in one step. The tables it is given map that page, for reading and executing, and the kernel's half. All come up at
 * once and share the copy, to which nothing here writes: who comes first takes the first free number.
 */
#include "kernel/machine/x86_64/boot/layout.h"

#define COPY(symbol) ((symbol) - trampoline_start)

    .section .rodata
    .balign 16
    .code16
    .global trampoline_start, trampoline_end, trampoline_root, trampoline_processor_bytes
trampoline_start:
    cli
    cld
    mov $(LAYOUT_TRAMPOLINE >> 4), %ax
    mov %ax, %ds
    mov $0x20, %eax /* CR4.PAE */
    mov %eax, %cr4
    movl COPY(trampoline_root), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx /* EFER: long mode, NX */
    rdmsr
    or $0x900, %eax
    wrmsr
    lgdtl COPY(trampoline_pointer)
    mov $0x80010033, %eax /* CR0: paging and protection at once */
    mov %eax, %cr0
    ljmpl $SELECTOR_KERNEL_CODE, $(LAYOUT_TRAMPOLINE + COPY(trampoline_long))

    .code64
trampoline_long:
    mov $SELECTOR_KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov $1, %edi
    movabs $processors_arrived, %rax
    lock xadd %edi, (%rax)
    cmp $PROCESSORS_LIMIT, %edi
    jae 2f
    imul trampoline_processor_bytes(%rip), %rdi
    movabs $processors, %rax
    add %rax, %rdi
    mov PROCESSOR_KERNEL_STACK(%rdi), %rsp
    mov %rdi, %rax
    mov %rdi, %rdx
    shr $32, %rdx
    mov $0xc0000101, %ecx /* GS base */
    wrmsr
    xor %ebp, %ebp
    movabs $processors_enter, %rax
    call *%rax
    ud2
2:  cli /* too late, or one too many: there is no stack for it */
    hlt
    jmp 2b

    .balign 8
trampoline_descriptors:
    .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff /* marked as used: the processor would write that here */
trampoline_pointer:
    .short 3 * 8 - 1
    .long LAYOUT_TRAMPOLINE + COPY(trampoline_descriptors)
    .balign 8
trampoline_processor_bytes: .quad 0 /* of one struct processor */
trampoline_root: .long 0
trampoline_end:

    .section .note.GNU-stack, "", @progbits
