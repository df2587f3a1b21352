/*
 * Which system calls programs made that are not there: the answer is ENOSYS, and this keeps count of it.
 *
 * A table of fixed size by program name and call; what does not fit any more is counted together.
 */
#ifndef GROVE_POSIX_MISSING_H
#define GROVE_POSIX_MISSING_H

#include "kernel/services/posix/process.h"

struct missing_call {
    char name[PROCESS_NAME_BYTES]; /* of the program */
    uint32_t call; /* its number on this processor */
    uint64_t count;
};

/* The current process made this call. */
void missing_count(uint32_t call);
/* The entries in the order in which they came up, from index 0 on. False: there are no more. */
bool missing_entry(uint32_t index, struct missing_call *entry);
/* How many calls found no room in the table. */
uint64_t missing_overflow(void);

#endif
