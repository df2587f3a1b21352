/* System calls of programs: see kernel/machine/bare/process/calls.h for the table. */
#ifndef GROVE_X86_64_CALLS_H
#define GROVE_X86_64_CALLS_H

#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"
#include "kernel/services/vfs/errors.h"

#include <stdint.h>

/* The six arguments as they came, in registers. Returns what the program sees: a negative number is an error. */
typedef int64_t system_call(const uint64_t arguments[6]);
#define DECLARE_SYSTEM_CALL(name, x86_64, aarch64) system_call system_call_##name;
SYSTEM_CALLS(DECLARE_SYSTEM_CALL)
#undef DECLARE_SYSTEM_CALL

/* Let this processor take system calls. */
void system_calls_enable(void);
/* Called by the assembler, with interrupts off. */
void system_call_dispatch(struct interrupt_frame *frame);

#endif
