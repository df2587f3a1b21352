/*
 * grove logs: what services wrote, of one, of some or of all in one order by time.
 *
 * Each service is a source of lines in the order of their time (log_source.h); a heap over the sources gives the oldest one
 * next. So memory holds one page of each source, whatever is kept on the disk. Following asks the log service who has
 * written, reads what that was, and merges it in the same way.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "userspace/grove/commands/log_filter.h"
#include "userspace/grove/commands/log_line.h"

static const struct command_option options[] = {
    {"follow", 'f', NULL, "go on with what is written from now on"},
    {"number", 'n', "COUNT", "only the last COUNT lines (all that is kept)"},
    {"since", 'S', "TIME", "nothing older than this: 10s, 5m, 1h ago, 14:30, \"2026-01-31 14:30\""},
    {"until", 'U', "TIME", "nothing younger than this, written in the same ways"},
    {"grep", 'g', "PATTERN", "only lines that match this extended regular expression"},
    {"level", 'l', "LEVEL", "debug, info, warning or error: nothing below; lines that state none count as info"},
    {"time", 'T', NULL, "show when each line was written (always with more than one service)"},
    {0},
};

#define SOURCES_MAX 16384u
#define WAIT_MS ((uint32_t)(SYSTEM_TIMEOUT_NS / GROVE_MILLISECOND))

static const char *const stream_names[LOG_SOURCE_STREAMS] = {"out", "error", "log"};

struct kept_line {
    struct log_line line;
    struct grove_name name;
};

struct reader {
    const struct invocation *invocation;
    struct log_filter filter;
    struct log_source *sources;
    struct log_source **heap; /* those with a line to give, the oldest line first */
    unsigned source_count, heap_count;
    bool is_all; /* services that begin to write later are sources too */
    bool with_name, with_time;
    uint64_t lines; /* --number; 0: all */
    uint64_t sequence; /* of the log service: where CHANGES goes on */
    struct kept_line *last; /* ring of the last lines while catching up; NULL: print at once */
    size_t first, count;
};

/* ---- lines out ---- */

static void print_time(uint64_t time_ns) {
    char text[64];
    time_t seconds = (time_t)(time_ns / GROVE_SECOND);
    struct tm parts;
    if (localtime_r(&seconds, &parts) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts) == 0)
        return;
    printf("%s.%06" PRIu64 " ", text, time_ns % GROVE_SECOND / 1000);
}

static json_t *string_of(const char *text) {
    json_t *string = json_string(text); /* NULL where the service wrote what is no UTF-8 */
    return string != NULL ? string : json_string("(not UTF-8)");
}

static void print_json(const struct log_line *line, const struct grove_name *name) {
    char key[64], value[GROVE_LOG_LINE_MAX];
    int level = log_line_level(line->text);
    json_t *object =
        json_pack("{s:I, s:i, s:s, s:s, s:o}", "time_ns", (json_int_t)line->time_ns, "clock_steps", (int)line->steps,
                  "service", name->text, "stream", stream_names[line->stream], "text", string_of(line->text));
    if (level >= 0) {
        json_t *fields = json_object();
        for (const char *at = line->text; log_line_next(&at, key, sizeof key, value, sizeof value);)
            if (strcmp(key, "level") == 0 || strcmp(key, "message") == 0)
                json_object_set_new(object, key, string_of(value));
            else
                json_object_set_new(fields, key, string_of(value));
        json_object_set_new(object, "fields", fields);
    }
    output_json_line(object);
}

static enum output_colour colour_of(const struct log_line *line) {
    static const enum output_colour by_level[] = {OUTPUT_DIM, OUTPUT_PLAIN, OUTPUT_WARNING, OUTPUT_BAD};
    int level = log_line_level(line->text);
    if (level >= 0)
        return by_level[level];
    return line->stream == LOG_STREAM_ERROR ? OUTPUT_WARNING
           : line->stream == LOG_STREAM_LOG ? OUTPUT_DIM
                                            : OUTPUT_PLAIN;
}

static void print_line(const struct reader *reader, const struct log_line *line, const struct grove_name *name) {
    const struct invocation *invocation = reader->invocation;
    if (invocation->json) {
        print_json(line, name);
        return;
    }
    if (reader->with_time)
        print_time(line->time_ns);
    if (reader->with_name)
        printf("%s%s%s ", output_on(invocation, OUTPUT_STRONG), name->text, output_off(invocation));
    printf("%s%s%s\n", output_on(invocation, colour_of(line)), line->text, output_off(invocation));
}

static void keep_line(struct reader *reader, const struct log_line *line, const struct grove_name *name) {
    struct kept_line *place = &reader->last[(reader->first + reader->count) % reader->lines];
    if (reader->count == reader->lines) {
        free(place->line.text);
        reader->first = (reader->first + 1) % reader->lines;
    } else {
        reader->count++;
    }
    *place = (struct kept_line){.line = *line, .name = *name};
    place->line.text = strdup(line->text);
}

/* Caught up: print what was kept, and from now on at once. */
static void print_kept(struct reader *reader) {
    for (size_t index = 0; index < reader->count; index++) {
        struct kept_line *kept = &reader->last[(reader->first + index) % reader->lines];
        if (kept->line.text != NULL)
            print_line(reader, &kept->line, &kept->name);
        free(kept->line.text);
    }
    free(reader->last);
    reader->last = NULL;
    reader->count = 0;
    (void)fflush(stdout);
}

static void line_done(struct reader *reader, const struct log_source *source) {
    const struct log_line *line = log_source_line(source);
    if (!log_filter_takes(&reader->filter, line))
        return;
    if (reader->last != NULL)
        keep_line(reader, line, &source->name);
    else
        print_line(reader, line, &source->name);
}

/* ---- the heap: the source with the oldest line first ---- */

static bool is_older(const struct log_source *one, const struct log_source *other) {
    const struct log_line *line = log_source_line(one), *line_of_other = log_source_line(other);
    return line->steps != line_of_other->steps ? line->steps < line_of_other->steps
                                               : line->time_ns < line_of_other->time_ns;
}

static void heap_swap(struct reader *reader, unsigned one, unsigned other) {
    struct log_source *kept = reader->heap[one];
    reader->heap[one] = reader->heap[other];
    reader->heap[other] = kept;
}

static void heap_sink(struct reader *reader) {
    for (unsigned at = 0, child; (child = 2 * at + 1) < reader->heap_count; at = child) {
        if (child + 1 < reader->heap_count && is_older(reader->heap[child + 1], reader->heap[child]))
            child++;
        if (!is_older(reader->heap[child], reader->heap[at]))
            return;
        heap_swap(reader, at, child);
    }
}

static void heap_add(struct reader *reader, struct log_source *source) {
    unsigned at = reader->heap_count++;
    reader->heap[at] = source;
    for (; at > 0 && is_older(reader->heap[at], reader->heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap_swap(reader, at, (at - 1) / 2);
}

/* Read until the source has a line to give or nothing more is there. */
static int fill(struct reader *reader, struct log_source *source, uint32_t wait_ms) {
    int status = 0;
    while (status == 0 && log_source_line(source) == NULL && (!source->is_end || wait_ms > 0)) {
        status = log_source_read(reader->invocation, source, wait_ms);
        wait_ms = 0;
    }
    return status;
}

/* Give all that the sources in the heap have, the oldest line first. */
static int give(struct reader *reader) {
    int status = 0;
    while (status == 0 && reader->heap_count > 0) {
        struct log_source *source = reader->heap[0];
        line_done(reader, source);
        log_source_drop(source);
        if (log_source_line(source) == NULL)
            status = fill(reader, source, 0);
        if (log_source_line(source) == NULL)
            reader->heap[0] = reader->heap[--reader->heap_count];
        heap_sink(reader);
    }
    return status;
}

/* ---- sources ---- */

static struct log_source *find_source(const struct reader *reader, const struct grove_name *name) {
    for (unsigned index = 0; index < reader->source_count; index++)
        if (strcmp(reader->sources[index].name.text, name->text) == 0)
            return &reader->sources[index];
    return NULL;
}

static int add_source(struct reader *reader, const struct grove_name *name) {
    if (reader->source_count == SOURCES_MAX)
        return command_fail(reader->invocation, "there are logs of more than %u services: name those that you want",
                            SOURCES_MAX);
    bool is_tail = reader->lines > 0 && !log_filter_looks_inside(&reader->filter);
    log_source_init(&reader->sources[reader->source_count++], name, is_tail ? (uint32_t)reader->lines : 0,
                    reader->filter.since_ns);
    return 0;
}

static int names_page(const struct reader *reader, uint32_t method, const void *wanted, size_t bytes,
                      struct log_names_page *head, struct grove_name *names) {
    struct grove_channel *channel;
    struct grove_answer answer;
    int status = system_connect(reader->invocation, LOG_ENDPOINT, &channel);
    if (status == 0)
        status = system_call(reader->invocation, channel, method, wanted, bytes, 2 * SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    bool is_whole = answer.length_bytes >= sizeof *head;
    if (is_whole) {
        memcpy(head, answer.data, sizeof *head);
        is_whole = head->count <= LOG_NAMES_MAX && answer.length_bytes >= sizeof *head + head->count * sizeof *names;
    }
    if (is_whole)
        memcpy(names, (const char *)answer.data + sizeof *head, head->count * sizeof *names);
    grove_answer_release(&answer);
    for (uint32_t index = 0; is_whole && index < head->count; index++)
        names[index].text[GROVE_NAME_MAX] = '\0';
    return is_whole ? 0 : command_fail(reader->invocation, "the log service answered with too little");
}

/* The moment from which on to follow is that of the first page: what is written later is asked for again. */
static int add_all(struct reader *reader) {
    struct grove_name names[LOG_NAMES_MAX];
    struct log_names wanted = {.version = LOG_PROTOCOL_VERSION};
    struct log_names_page head = {0};
    int status;
    do {
        status = names_page(reader, LOG_NAMES, &wanted, sizeof wanted, &head, names);
        if (status == 0 && wanted.after.text[0] == '\0')
            reader->sequence = head.sequence;
        for (uint32_t index = 0; status == 0 && reader->is_all && index < head.count; index++)
            status = add_source(reader, &names[index]);
        if (status == 0 && head.count > 0)
            wanted.after = names[head.count - 1];
    } while (status == 0 && reader->is_all && head.count == LOG_NAMES_MAX);
    return status;
}

static int add_named(struct reader *reader) {
    int status = 0;
    for (unsigned index = 0; status == 0 && index < reader->invocation->argument_count; index++) {
        struct grove_name name;
        status = system_name(reader->invocation, reader->invocation->arguments[index], &name);
        if (status == 0 && find_source(reader, &name) == NULL)
            status = add_source(reader, &name);
    }
    return status;
}

/* ---- reading ---- */

static int read_all(struct reader *reader) {
    int status = 0;
    for (unsigned index = 0; status == 0 && index < reader->source_count; index++) {
        struct log_source *source = &reader->sources[index];
        status = fill(reader, source, 0);
        if (status == 0 && log_source_line(source) != NULL)
            heap_add(reader, source);
    }
    return status == 0 ? give(reader) : status;
}

static int read_begun(struct reader *reader) {
    for (unsigned index = 0; index < reader->source_count; index++) {
        struct log_source *source = &reader->sources[index];
        log_source_finish(source);
        if (log_source_line(source) != NULL)
            heap_add(reader, source);
    }
    return give(reader);
}

static int read_changed(struct reader *reader, const struct grove_name *name) {
    struct log_source *source = find_source(reader, name);
    int status = 0;
    if (source == NULL && !reader->is_all)
        return 0;
    if (source == NULL) {
        status = add_source(reader, name);
        source = &reader->sources[reader->source_count - 1];
    }
    source->is_end = false;
    if (status == 0)
        status = fill(reader, source, 0);
    if (status == 0 && log_source_line(source) != NULL)
        heap_add(reader, source);
    return status;
}

static int wait_for_many(struct reader *reader) {
    struct grove_name names[LOG_NAMES_MAX];
    struct log_names_page head = {0};
    struct log_changes wanted = {.version = LOG_PROTOCOL_VERSION, .wait_ms = WAIT_MS, .sequence = reader->sequence};
    int status = names_page(reader, LOG_CHANGES, &wanted, sizeof wanted, &head, names);
    for (uint32_t index = 0; status == 0 && index < head.count; index++)
        status = read_changed(reader, &names[index]);
    if (status == 0)
        reader->sequence = head.sequence;
    return status == 0 ? give(reader) : status;
}

static int wait_for_one(struct reader *reader) {
    struct log_source *source = &reader->sources[0];
    int status = fill(reader, source, WAIT_MS);
    if (status == 0 && log_source_line(source) != NULL)
        heap_add(reader, source);
    return status == 0 ? give(reader) : status;
}

static int read_logs(struct reader *reader) {
    bool is_followed = command_has(reader->invocation, "follow");
    int status = read_all(reader);
    if (status == 0 && !is_followed)
        status = read_begun(reader);
    if (status == 0 && reader->last != NULL)
        print_kept(reader);
    while (status == 0 && is_followed && fflush(stdout) == 0) /* else nobody reads any more */
        status = reader->is_all || reader->source_count > 1 ? wait_for_many(reader) : wait_for_one(reader);
    return status;
}

static int prepare(struct reader *reader) {
    const struct invocation *invocation = reader->invocation;
    /* Their places are taken from the system only when they are used. */
    reader->sources = calloc(SOURCES_MAX, sizeof *reader->sources);
    reader->heap = calloc(SOURCES_MAX, sizeof(*reader->heap));
    if (reader->sources == NULL || reader->heap == NULL)
        return command_fail(invocation, "there is no memory for the logs of all services");
    int status = command_number(invocation, "number", 1, 1000000, 0, &reader->lines);
    if (status == 0)
        status = log_filter_init(invocation, &reader->filter);
    if (status == 0)
        status = add_named(reader);
    if (status == 0 && invocation->argument_count != 1)
        status = add_all(reader);
    if (status == 0 && reader->lines > 0) {
        reader->last = calloc(reader->lines, sizeof *reader->last);
        if (reader->last == NULL)
            return command_fail(invocation, "there is no memory for %" PRIu64 " lines", reader->lines);
    }
    return status;
}

static int run(struct invocation *invocation) {
    struct reader reader = {.invocation = invocation,
                            .is_all = invocation->argument_count == 0,
                            .with_name = invocation->argument_count != 1};
    reader.with_time = reader.with_name || command_has(invocation, "time");
    int status = prepare(&reader);
    if (status == 0)
        status = read_logs(&reader);
    for (unsigned index = 0; index < reader.source_count; index++)
        log_source_deinit(&reader.sources[index]);
    for (size_t index = 0; index < reader.count; index++)
        free(reader.last[(reader.first + index) % reader.lines].line.text);
    free(reader.last);
    free(reader.sources);
    free(reader.heap);
    log_filter_deinit(&reader.filter);
    return status;
}

const struct command command_logs = {
    .name = "logs",
    .summary = "print what services wrote",
    .usage = "[NAME...]",
    .description =
        "Prints what services wrote to their standard output and error, as far as it is kept (a few megabytes for "
        "each service), also of instances that have ended. Without NAME, or with several, the lines of all stand in "
        "one order by time, each with its time and service; what was written after the clock was set back stands "
        "behind "
        "what was written before. With --json each line is one object with time, clock_steps (how often the clock had "
        "been set back), service, stream and text, and where the service wrote it with grove_log, level, message and "
        "fields.",
    .examples = "  grove logs -n 20 grid.historian          the last lines\n"
                "  grove logs -f                            of all services, and all that follows\n"
                "  grove logs --level warning --since 1h    what went wrong in the last hour\n"
                "  grove logs --grep 'feeder [23]' --until 14:30 grid.protect",
    .operands = COMMAND_OPERANDS_SERVICE,
    .options = options,
    .run = run,
};
