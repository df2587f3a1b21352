/*
 * The raw limit of a boot: a kernel that does nothing. It says "x" on the first serial port with its first instructions, and
 * stops. What passes until then is the emulator's and its firmware's.
 */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad begin

    .text
    .code32
    .global begin
begin:
    mov $0x3f8, %dx
    mov $'x', %al
    out %al, %dx
1:  hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
