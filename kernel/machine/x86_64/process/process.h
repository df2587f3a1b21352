/*
 * The first programs: one at a time, on the processor that booted, from the initramfs to its end.
 *
 * A program is a static Linux ELF file with a memory of its own. What it does wrong ends it, and never the kernel.
 */
#ifndef GROVE_X86_64_PROCESS_H
#define GROVE_X86_64_PROCESS_H

#include "kernel/machine/bare/mm/space.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"

#include <stdbool.h>
#include <stddef.h>

struct process {
    struct space space;
    uint64_t context; /* the kernel's stack where process_enter was called */
    const char *name;
};

/*
 * Run `image` (a whole file, which stays where it is) with the words of `line` as its arguments, the first of them
 * `name`. Returns its exit status as a shell says it: 128 and the number of the signal that ended it. A negative status
 * if it was not started.
 */
int process_run(const char *name, const uint8_t *image, size_t size_bytes, const char *line, int *exit_status);

/* The one that runs; NULL for none. */
struct process *process_current(void);
/* End it; never returns to it. `exit_status` as above. */
_Noreturn void process_end(int exit_status);
/*
 * An exception in a program, or a page fault in a copy of its memory. False: it was neither, and the kernel is wrong.
 * Does not return if it ends the program.
 */
bool process_exception(struct interrupt_frame *frame);

#endif
