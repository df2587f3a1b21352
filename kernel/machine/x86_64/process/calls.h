/* System calls of programs: see kernel/machine/bare/process/calls.h for the table. */
#ifndef GROVE_X86_64_CALLS_H
#define GROVE_X86_64_CALLS_H

#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"
#include "kernel/services/vfs/errors.h"

#include <stdbool.h>
#include <stdint.h>

/* Let this processor take system calls. */
void system_calls_enable(void);
/* Called by the assembler, with interrupts off, as it returns. True: more than the result was changed in the frame. */
bool system_call_dispatch(struct interrupt_frame *frame);

#endif
