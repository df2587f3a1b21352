/*
 * Steps of messages put together: each request a span, all that one request caused a trace.
 *
 * Steps come in any order that two ends report them in. A request is found by its channel and number, which every step has;
 * its place in the trace is told by the sender's step. Bounded: when there is no place for another span, the trace that has
 * been quiet for the longest time is given up, told as unfinished.
 */
#ifndef GROVE_TRACE_BOOK_H
#define GROVE_TRACE_BOOK_H

#include "userspace/grove/command.h"

#define TRACE_SPANS_MAX 16384u
#define TRACE_STAGES (GROVE_TRACE_APPLIED + 1u)

struct trace;
struct trace_span {
    struct trace_span *next; /* of the same hash, or free */
    struct trace *trace;
    struct trace_span *next_of_trace; /* in the order in which they became known; when it is told, began */
    struct grove_trace_context id;
    uint64_t parent;
    grove_object_id channel;
    uint64_t number;
    uint32_t method;
    uint16_t lane;
    struct grove_name client, server; /* "" until it is known */
    uint64_t time_ns[TRACE_STAGES]; /* by enum grove_trace_stage; 0: not reported */
};

struct trace {
    struct trace *next;
    uint64_t id;
    uint64_t last_ns; /* of its latest step */
    struct trace_span *spans, **spans_tail;
    unsigned count;
};

/* Told once for each trace that is over or given up; its spans go after it. */
typedef void trace_book_handler(const struct trace *trace, void *context);

struct trace_book;
/* NULL: no memory. */
struct trace_book *trace_book_create(trace_book_handler *handler, void *context);
void trace_book_destroy(struct trace_book *book);
void trace_book_add(struct trace_book *book, const struct grove_trace_record *record);
/* Tell the traces that are over, and those that have been quiet since `quiet_since_ns` (GROVE_FOREVER: all). */
void trace_book_settle(struct trace_book *book, uint64_t quiet_since_ns);

/* Is it over: completed, and its answer, if there was one, applied? */
bool trace_span_is_over(const struct trace_span *span);
/* From the first step to the last that is known. */
uint64_t trace_span_begin_ns(const struct trace_span *span);
uint64_t trace_span_end_ns(const struct trace_span *span);
/* The span of this trace with that number; NULL: it is not known. */
const struct trace_span *trace_find(const struct trace *trace, uint64_t span);

/* ---- trace_print.c ---- */

/* One tree for people, or one object with `json`. */
void trace_print(const struct invocation *invocation, const struct trace *trace);

/* ---- trace_file.c: the Trace Event Format that chrome://tracing, Perfetto and others open ---- */

struct trace_file;
/* NULL after printing why the file cannot be written. */
struct trace_file *trace_file_create(const struct invocation *invocation, const char *path);
void trace_file_add(struct trace_file *file, const struct trace *trace);
/* Ends and closes it. COMMAND_FAILED after printing what went wrong. */
int trace_file_close(const struct invocation *invocation, struct trace_file *file);

#endif
