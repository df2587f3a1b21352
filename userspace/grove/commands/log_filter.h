/*
 * Which lines are wanted: by time, by level, by pattern.
 */
#ifndef GROVE_LOG_FILTER_H
#define GROVE_LOG_FILTER_H

#include <regex.h>

#include "userspace/grove/commands/log_source.h"

struct log_filter {
    uint64_t since_ns, until_ns; /* wall clock; 0 and GROVE_FOREVER: any */
    int level; /* at least this one; 0: any */
    bool has_pattern;
    regex_t pattern;
};

/* From --since, --until, --level, --grep. 0, or COMMAND_MISUSED after printing what would be right. */
int log_filter_init(const struct invocation *invocation, struct log_filter *filter);
void log_filter_deinit(struct log_filter *filter);
bool log_filter_takes(const struct log_filter *filter, const struct log_line *line);
/* Does it ask for more than the time? Then the latest lines cannot be counted before they are read. */
bool log_filter_looks_inside(const struct log_filter *filter);

#endif
