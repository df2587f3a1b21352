/*
 * Times, levels and patterns of grove logs. See log_filter.h.
 *
 * A line that states no level counts as info, on whichever stream it came; what the log service says itself as a warning.
 */
#include "userspace/grove/commands/log_filter.h"

#include <string.h>
#include <time.h>

#include "userspace/grove/commands/log_line.h"

static uint64_t wall_clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

/* A date, a time of day, or both, in local time. */
static bool read_date(const char *text, uint64_t *time_ns) {
    static const char *const forms[] = {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%d",          "%H:%M:%S",          "%H:%M"};
    time_t now = time(NULL);
    for (size_t index = 0; index < sizeof forms / sizeof forms[0]; index++) {
        struct tm parts;
        if (localtime_r(&now, &parts) == NULL)
            return false;
        parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
        parts.tm_isdst = -1;
        const char *end = strptime(text, forms[index], &parts);
        if (end == NULL || *end != '\0')
            continue;
        time_t seconds = mktime(&parts);
        if (seconds < 0)
            return false;
        *time_ns = (uint64_t)seconds * GROVE_SECOND;
        return true;
    }
    return false;
}

/* "10m" is so long ago. */
static int read_time(const struct invocation *invocation, const char *option, uint64_t absent_ns, uint64_t *time_ns) {
    const char *text = command_value(invocation, option);
    uint64_t ago_ns, now_ns = wall_clock_ns();
    *time_ns = absent_ns;
    if (text == NULL || (strpbrk(text, ":-") != NULL && read_date(text, time_ns)))
        return 0;
    if (strpbrk(text, ":-") != NULL)
        return command_misused(
            invocation,
            "\"%s\" is no time: write 10m (so long ago), 14:30, 14:30:59, 2026-01-31 or \"2026-01-31 "
            "14:30\"",
            text);
    int status = command_duration(invocation, option, 0, &ago_ns);
    if (status == 0)
        *time_ns = now_ns > ago_ns ? now_ns - ago_ns : 0;
    return status;
}

static int read_level(const struct invocation *invocation, int *level) {
    const char *text = command_value(invocation, "level");
    *level = text == NULL ? 0 : log_level_of(text);
    return *level >= 0 ? 0 : command_misused(invocation, "\"%s\" is no level: debug, info, warning or error", text);
}

static int read_pattern(const struct invocation *invocation, struct log_filter *filter) {
    const char *text = command_value(invocation, "grep");
    char problem[160];
    if (text == NULL)
        return 0;
    int error = regcomp(&filter->pattern, text, REG_EXTENDED | REG_NOSUB);
    if (error != 0) {
        (void)regerror(error, &filter->pattern, problem, sizeof problem);
        return command_misused(invocation, "--grep takes an extended regular expression, and \"%s\" is none: %s", text,
                               problem);
    }
    filter->has_pattern = true;
    return 0;
}

int log_filter_init(const struct invocation *invocation, struct log_filter *filter) {
    *filter = (struct log_filter){.until_ns = GROVE_FOREVER};
    int status = read_time(invocation, "since", 0, &filter->since_ns);
    if (status == 0)
        status = read_time(invocation, "until", GROVE_FOREVER, &filter->until_ns);
    if (status == 0)
        status = read_level(invocation, &filter->level);
    return status == 0 ? read_pattern(invocation, filter) : status;
}

void log_filter_deinit(struct log_filter *filter) {
    if (filter->has_pattern)
        regfree(&filter->pattern);
}

bool log_filter_takes(const struct log_filter *filter, const struct log_line *line) {
    if (line->time_ns < filter->since_ns || line->time_ns > filter->until_ns)
        return false;
    int level = log_line_level(line->text);
    if (level < 0)
        level = line->stream == LOG_STREAM_LOG ? GROVE_LOG_WARNING : GROVE_LOG_INFO;
    return level >= filter->level && (!filter->has_pattern || regexec(&filter->pattern, line->text, 0, NULL, 0) == 0);
}

bool log_filter_looks_inside(const struct log_filter *filter) {
    return filter->has_pattern || filter->level > 0 || filter->until_ns != GROVE_FOREVER;
}
