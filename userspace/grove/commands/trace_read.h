/*
 * Reading the kernel's ring of trace steps, one after the other, and knowing what was missed.
 */
#ifndef GROVE_TRACE_READ_H
#define GROVE_TRACE_READ_H

#include "userspace/grove/command.h"

/* Set the first two, and the rest to zeros. */
struct trace_reader {
    const struct invocation *invocation;
    struct grove_session *session;
    uint64_t next; /* sequence number of the step that comes next */
    uint64_t missed; /* steps that were gone before they could be read */
};

/* Switch tracing on; steps from before are passed over. 0, or a negative status after printing why not. */
int trace_reader_begin(struct trace_reader *reader);
/* 1 and the next step; 0: there is none now; or a negative status after printing what went wrong. */
int trace_reader_next(struct trace_reader *reader, struct grove_trace_record *record);
/* Switch tracing off again; what was reported so far can still be read. */
void trace_reader_end(struct trace_reader *reader);

#endif
