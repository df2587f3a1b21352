/* Exceptions of programs, and of the kernel where it touches their memory. */
#ifndef GROVE_X86_64_FAULT_H
#define GROVE_X86_64_FAULT_H

#include "kernel/machine/x86_64/interrupt/interrupts.h"

/*
 * An exception in a program, or a page fault where the kernel copies its memory; with interrupts off, as it returns. False:
 * it was neither, and the kernel is wrong.
 */
bool process_exception(struct interrupt_frame *frame);

#endif
