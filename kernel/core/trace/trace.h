/* The ring of trace records: steps of messages, reported by both ends while tracing is on. Not durable, not trusted. */
#ifndef GROVE_CORE_TRACE_H
#define GROVE_CORE_TRACE_H

#include "grove/abi/port.h"

#define TRACE_RECORDS 2048u

struct trace_log {
    struct grove_trace_record *records;
    uint64_t next; /* sequence numbers start at 1 */
    uint32_t is_on;
};

#endif
