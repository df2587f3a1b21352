/*
 * What is said to the log service, on the endpoint "system.log". Same conventions as the registry's protocol.
 */
#ifndef SERVERS_LOG_PROTOCOL_H
#define SERVERS_LOG_PROTOCOL_H

#include "grove/abi/port.h"

#define LOG_ENDPOINT "system.log"
#define LOG_PROTOCOL_VERSION 1u

enum log_method {
    LOG_ATTACH = 1, /* log_attach, one way, from init and registry: this container may have new streams */
    LOG_READ = 2, /* log_read -> log_page, chunks */
    LOG_NAMES = 3, /* log_names -> log_names_page, names in their order: of whom something is kept */
    LOG_CHANGES = 4, /* log_changes -> log_names_page, names: who has written; waits until somebody has */
};

struct log_attach {
    uint32_t version, reserved;
    struct grove_name name;
};

#define LOG_WAIT_MS_MAX 30000u

enum log_read_flags {
    LOG_READ_FROM_POSITION = 1u << 0, /* go on at `segment`, `offset_bytes`; else at the last `lines` lines */
    LOG_READ_WAIT = 1u << 1, /* nothing there: answer when there is, or after wait_ms with nothing */
    LOG_READ_STEPS = 1u << 2, /* with the chunks' steps; a log service that does not know of them passes this over */
};
struct log_read {
    uint32_t version, flags;
    struct grove_name name;
    uint32_t lines; /* 0: all that is kept */
    uint32_t segment; /* as a page said; nobody else's numbers */
    uint64_t offset_bytes;
    uint64_t since_ns; /* wall clock: nothing older */
    uint32_t wait_ms; /* at most LOG_WAIT_MS_MAX */
    uint32_t reserved;
};

/*
 * Chunks follow: struct log_chunk and its bytes, padded to 8. A chunk is what was read at one time: it may begin and end
 * inside a line; the reader puts lines together. At least the asked number of lines is there, the first may be a part.
 */
struct log_page {
    uint32_t version, count;
    uint32_t segment; /* where to go on */
    uint32_t is_end; /* 1: nothing more is there now */
    uint64_t offset_bytes;
};

enum log_stream { LOG_STREAM_OUT = 0, LOG_STREAM_ERROR = 1, LOG_STREAM_LOG = 2 /* said by the log service itself */ };
struct log_chunk {
    uint64_t time_ns; /* wall clock, since 1970 */
    uint32_t length_bytes;
    uint32_t
        stream; /* enum log_stream; with LOG_READ_STEPS above that byte how often the clock had been set back until then */
};
/*
 * Of all services together, what was written first has the smaller number of steps, or as many and the smaller time: a clock
 * that is set back begins a step (order.h).
 */
#define LOG_CHUNK_STREAM(kind, steps) ((uint32_t)(kind) | (uint32_t)(steps) << 8)
#define LOG_CHUNK_KIND(stream) ((stream)&0xffu)
#define LOG_CHUNK_STEPS(stream) ((stream) >> 8)

#define LOG_PAGE_BYTES 28672u

/* Names after this one; "" from the first. A page with fewer than LOG_NAMES_MAX names is the last. */
struct log_names {
    uint32_t version, reserved;
    struct grove_name after;
};

/* Who has written after `sequence`; the reply's is where to go on. Nobody: it waits, for wait_ms at most. 0: all. */
struct log_changes {
    uint32_t version, wait_ms; /* at most LOG_WAIT_MS_MAX */
    uint64_t sequence;
};

#define LOG_NAMES_MAX 256u
struct log_names_page {
    uint32_t version, count;
    uint64_t sequence; /* NAMES: of now */
};

#endif
