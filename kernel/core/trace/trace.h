/*
 * The ring of trace records: steps of messages, reported by both ends while tracing is on. Not durable, not trusted.
 *
 * Tracing is on while at least one container that asked for it lives (`is_tracing`): whoever reads traces may be killed,
 * and nobody else would switch it off.
 */
#ifndef GROVE_CORE_TRACE_H
#define GROVE_CORE_TRACE_H

#include "grove/abi/port.h"

#include <stdbool.h>

#define TRACE_RECORDS 2048u

struct trace_log {
    struct grove_trace_record *records;
    uint64_t next; /* sequence numbers start at 1 */
    uint32_t is_on;
    uint32_t tracers; /* containers whose is_tracing is set */
};

struct core;
struct container;

/* A container wishes for traces, or no longer does; its wish ends with its instance. */
void trace_wish(struct core *core, struct container *container, bool is_tracing);

#endif
