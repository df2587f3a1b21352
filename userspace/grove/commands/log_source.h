/*
 * What one service wrote, line by line, as the log service gives it.
 *
 * The log service gives pages of chunks as they were read from the streams; lines are put together here, each stream by
 * itself, so that two streams that write at the same time do not mix within a line. A source holds the lines of one page and
 * up to one begun line for each stream, of LOG_LINE_MAX bytes at most: a longer one is given in parts.
 */
#ifndef GROVE_LOG_SOURCE_H
#define GROVE_LOG_SOURCE_H

#include "userspace/grove/commands/system_client.h"

#define LOG_SOURCE_STREAMS 3u
#define LOG_LINE_MAX 65536u

struct log_line {
    char *text; /* malloc'ed */
    uint64_t time_ns; /* when it began, wall clock */
    uint32_t steps; /* how often the clock had been set back until then */
    uint32_t stream; /* enum log_stream */
};

struct log_source {
    struct grove_name name;
    struct log_read wanted; /* what to ask next */
    struct {
        char *text;
        size_t length, size;
        uint64_t time_ns;
        uint32_t steps;
    } begun[LOG_SOURCE_STREAMS];
    struct log_line *lines; /* of the page, from `first` on not given yet */
    size_t first, count, size;
    bool is_end; /* nothing more was there when it was asked last */
};

/* `lines`: of the tail; 0: all that is kept. */
void log_source_init(struct log_source *source, const struct grove_name *name, uint32_t lines, uint64_t since_ns);
void log_source_deinit(struct log_source *source);
/* Ask for the next page; wait_ms 0: as it is. 0, or COMMAND_FAILED after printing why. */
int log_source_read(const struct invocation *invocation, struct log_source *source, uint32_t wait_ms);
/* The oldest line that was not given; NULL: read more. */
const struct log_line *log_source_line(const struct log_source *source);
void log_source_drop(struct log_source *source); /* that line */
/* Nothing more will be read: begun lines become lines. */
void log_source_finish(struct log_source *source);

#endif
