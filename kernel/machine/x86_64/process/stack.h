/* What lies on a program's stack when it begins: System V ABI for x86-64, section 3.4.1. */
#ifndef GROVE_X86_64_STACK_H
#define GROVE_X86_64_STACK_H

#include "kernel/machine/bare/process/elf.h"

/*
 * Arguments (`name`, then the words of `line`), no environment, and the auxiliary vector, into the memory of the program
 * that runs. *stack is where its stack pointer begins. GROVE_TOO_LARGE: too many words; GROVE_NO_MEMORY.
 */
int stack_fill(const char *name, const char *line, const struct elf_program *program, uint64_t base, uint64_t *stack);

#endif
