/* The first program and the services, from the initramfs to their end, which is the machine's. */
#ifndef GROVE_X86_64_PROCESS_H
#define GROVE_X86_64_PROCESS_H

#include <stddef.h>
#include <stdint.h>

/* Once, on the first thread: what process_run needs for as long as the machine runs. Panics without memory. */
void process_prepare(void);
/* What runs. */
struct process_plan {
    const uint8_t *archive; /* an initramfs */
    size_t archive_bytes;
    const char *path; /* of process 1; NULL: there is none, only services */
    const char *line; /* the words that are its arguments */
    const char *services; /* the spec of their init; NULL: there are none */
};
/*
 * Unpack the archive, and run process 1 until it ends, services beside it; without one the services, until somebody ends them.
 * Its exit status is told as a shell says it: 128 and the number of the signal that ended it; 0 without one. An error of Linux,
 * negative, if it was not started.
 */
int process_run(const struct process_plan *plan, int *exit_status);

#endif
