/*
 * The first instructions: from 32-bit mode without paging, as both boot protocols leave the processor, to boot_start in
 * the upper half.
 *
 * The tables made here map the first 4 GiB three times, writable and executable: at 0 for the switch itself, at
 * LAYOUT_DIRECT, and their beginning at LAYOUT_IMAGE. They serve until memory_start has made the real ones. From the upper
 * half the image is moved to where it will run: see move.h.
 */
#include "kernel/machine/x86_64/boot/layout.h"

#define PHYSICAL(symbol) ((symbol) - LAYOUT_IMAGE)

    /* Multiboot2, section 3.1: it lies in the first 32 KiB of the file, aligned to 8 bytes. */
    .section .head, "ax", @progbits
    .balign 8
multiboot_header:
    .long 0xe85250d6, 0, multiboot_header_end - multiboot_header
    .long -(0xe85250d6 + 0 + (multiboot_header_end - multiboot_header))
    .short 3, 0 /* the entry: the ELF header names a virtual address */
    .long 12, PHYSICAL(boot_entry_multiboot)
    .balign 8
    .short 6, 0 /* modules on page boundaries */
    .long 8
    .short 0, 0
    .long 8
multiboot_header_end:

    /* PVH: XEN_ELFNOTE_PHYS32_ENTRY, the physical address to begin at. */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad PHYSICAL(boot_entry_pvh)

    .section .bss.boot_tables, "aw", @nobits
    .balign 4096
    .global boot_tables
boot_tables:
boot_root: .skip 4096
boot_low: .skip 4096
boot_high: .skip 4096
boot_directories: .skip 4 * 4096
    .global boot_image_directory
boot_image_directory: .skip 4096
    .global boot_stack_guard
boot_stack_guard: .skip 4096
boot_stack: .skip LAYOUT_BOOT_STACK_BYTES
boot_stack_end:

    .section .rodata
    .balign 8
    .global boot_descriptors
boot_descriptors:
    .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
boot_descriptors_end:
boot_descriptors_pointer:
    .short boot_descriptors_end - boot_descriptors - 1
    .quad PHYSICAL(boot_descriptors)
boot_complaint:
    .asciz "grove: this processor has no 64-bit mode, or cannot forbid to execute a page\r\n"

    .text
    .code32
    .global boot_entry_pvh, boot_entry_multiboot
boot_entry_pvh:
    mov $BOOT_PVH, %eax
boot_entry_multiboot:
    cli
    cld
    mov %eax, %ebp
    mov %ebx, %esi
    mov $PHYSICAL(boot_stack_end), %esp

    mov $0x80000001, %eax
    cpuid
    and $0x20100000, %edx /* long mode, NX */
    cmp $0x20100000, %edx
    jne boot_refuse

    lea PHYSICAL(boot_low) + 3, %eax
    mov %eax, PHYSICAL(boot_root)
    mov %eax, PHYSICAL(boot_root) + 8 * 256
    movl $PHYSICAL(boot_high) + 3, PHYSICAL(boot_root) + 8 * 511
    movl $PHYSICAL(boot_directories) + 3, PHYSICAL(boot_low)
    movl $PHYSICAL(boot_directories) + 0x1003, PHYSICAL(boot_low) + 8
    movl $PHYSICAL(boot_directories) + 0x2003, PHYSICAL(boot_low) + 16
    movl $PHYSICAL(boot_directories) + 0x3003, PHYSICAL(boot_low) + 24
    movl $PHYSICAL(boot_image_directory) + 3, PHYSICAL(boot_high) + 8 * 510
    xor %ecx, %ecx
1:  mov %ecx, %eax
    shl $21, %eax
    or $0x83, %eax /* present, writable, 2 MiB */
    mov %eax, PHYSICAL(boot_directories)(, %ecx, 8)
    cmp $LAYOUT_IMAGE_PIECES, %ecx
    jae 2f
    mov %eax, PHYSICAL(boot_image_directory)(, %ecx, 8)
2:  inc %ecx
    cmp $2048, %ecx
    jne 1b

    mov $0x20, %eax /* CR4.PAE */
    mov %eax, %cr4
    mov $PHYSICAL(boot_root), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx /* EFER: long mode, NX */
    rdmsr
    or $0x900, %eax
    wrmsr
    mov $0x80010033, %eax /* CR0: paging, write protection also for the kernel, native errors */
    mov %eax, %cr0
    lgdt PHYSICAL(boot_descriptors_pointer)
    ljmp $SELECTOR_KERNEL_CODE, $PHYSICAL(boot_long)

/* Without a console driver: the characters of boot_complaint to the first serial port, and stop. */
boot_refuse:
    mov $PHYSICAL(boot_complaint), %esi
    mov $0x3f8, %dx
1:  lodsb
    test %al, %al
    jz 2f
    out %al, %dx
    jmp 1b
2:  hlt
    jmp 2b

    .code64
    /* The stack, and GS: the canary is at a fixed distance from it. */
    .macro use_own_memory
    mov $boot_stack_end, %rsp
    mov $processors, %rax
    mov %rax, %rdx
    shr $32, %rdx
    mov $0xc0000101, %ecx
    wrmsr
    xor %ebp, %ebp
    .endm

boot_long:
    movabs $boot_upper_half, %rax
    jmp *%rax
boot_upper_half:
    mov $SELECTOR_KERNEL_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov %ebp, %r12d
    mov %esi, %r13d
    use_own_memory
    mov %r12d, %edi
    mov %r13d, %esi
    call boot_prepare
    /* From here on at its new place: the next address has been changed, too. */
    mov $boot_moved, %rax
    jmp *%rax
boot_moved:
    use_own_memory
    mov %r12d, %edi
    call boot_start
    ud2

/* void boot_switch_stack(void *top, void (*function)(void)): go on in function, on another stack, for good. */
    .global boot_switch_stack
boot_switch_stack:
    mov %rdi, %rsp
    xor %ebp, %ebp
    call *%rsi
    ud2

    .section .note.GNU-stack, "", @progbits
