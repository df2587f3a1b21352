/* Entry of the small init: the stack, as the kernel laid it out, is the only argument. */
    .text
    .global _start
_start:
    mov x29, #0
    mov x0, sp
    bl init_main
    .section .note.GNU-stack, "", %progbits
