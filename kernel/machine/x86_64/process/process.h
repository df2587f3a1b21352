/*
 * The first programs: one at a time, from the initramfs to its end, with threads on all processors.
 *
 * A program is a static Linux ELF file with a memory of its own. What it does wrong ends it, and never the kernel.
 */
#ifndef GROVE_X86_64_PROCESS_H
#define GROVE_X86_64_PROCESS_H

#include "kernel/machine/bare/mm/space.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/thread.h"

#include <stdbool.h>
#include <stddef.h>

struct process {
    struct space space;
    uint64_t clock_page; /* see vdso/vdso.h: where its ELF header lies */
    const char *name;
    struct spinlock lock; /* of the rest */
    struct list threads; /* their in_process */
    uint32_t thread_count;
    int32_t last_number;
    bool is_ending; /* every thread is told to end */
    int exit_status;
    uint64_t ended_run_ns; /* what its threads ran that are gone */
    struct wait_queue ended; /* woken when the last thread is gone */
};

/*
 * Run `image` (a whole file, which stays where it is) with the words of `line` as its arguments, the first of them
 * `name`. Returns its exit status as a shell says it: 128 and the number of the signal that ended it. A negative status
 * if it was not started.
 */
int process_run(const char *name, const uint8_t *image, size_t size_bytes, const char *line, int *exit_status);

/* That of the current thread; NULL: it is the kernel's own. */
struct process *process_current(void);
/* End it: each of its threads ends on its way back to user mode. `exit_status` as above; the first call counts. */
void process_end(int exit_status);

#endif
