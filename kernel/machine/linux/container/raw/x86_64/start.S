/* Entry of the small init: the stack, as the kernel laid it out, is the only argument. */
    .text
    .global _start
_start:
    xor %ebp, %ebp
    mov %rsp, %rdi
    and $-16, %rsp
    call init_main
    .section .note.GNU-stack, "", %progbits
