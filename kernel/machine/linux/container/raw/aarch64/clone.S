/*
 * long raw_clone3(struct clone_args *arguments, size_t size, void (*run)(const void *), const void *argument)
 *
 * clone3 for a child on a stack of its own: the child cannot return into its parent's frames, so it calls `run`, which
 * never returns. The parent gets the process number or a negative error number.
 */
    .text
    .global raw_clone3
    .hidden raw_clone3
    .type raw_clone3, %function
raw_clone3:
    mov x8, #435
    svc #0
    cbz x0, 1f
    ret
1:  mov x29, #0
    mov x30, #0
    mov x0, x3
    blr x2
    brk #0
    .size raw_clone3, . - raw_clone3
    .section .note.GNU-stack, "", %progbits
