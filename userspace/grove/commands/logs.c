/*
 * grove logs: what a service wrote.
 *
 * The log service gives chunks as they were read from the streams; lines are put together here, each stream by itself, so
 * that two streams that write at the same time do not mix within a line.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "userspace/grove/commands/system_client.h"

static const struct command_option options[] = {
    {"follow", 'f', NULL, "go on with what is written from now on"},
    {"number", 'n', "COUNT", "only the last COUNT lines (all that is kept)"},
    {"since", 'S', "TIME", "nothing older than this: 10s, 5m, 1h"},
    {"time", 'T', NULL, "show when each line was written"},
    {0},
};

#define STREAMS 3u
static const char *const stream_names[STREAMS] = {"out", "error", "log"};

/* A line that has begun. */
struct partial {
    char *text;
    size_t length, size;
    uint64_t time_ns;
};

struct line {
    char *text;
    uint64_t time_ns;
    uint32_t stream;
};

struct printer {
    const struct invocation *invocation;
    struct partial partials[STREAMS];
    struct line *last; /* ring of the last `keep` lines while catching up; NULL: print at once */
    size_t keep, first, count;
    bool with_time;
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

static void print_line(const struct printer *printer, uint32_t stream, uint64_t time_ns, const char *text) {
    const struct invocation *invocation = printer->invocation;
    if (invocation->json) {
        json_t *string = json_string(text); /* NULL where the service wrote what is no UTF-8 */
        output_json_line(json_pack("{s:I, s:s, s:o}", "time_ns", (json_int_t)time_ns, "stream", stream_names[stream],
                                   "text", string != NULL ? string : json_string("(not UTF-8)")));
        return;
    }
    if (printer->with_time)
        print_time(time_ns);
    enum output_colour colour = stream == LOG_STREAM_ERROR ? OUTPUT_WARNING
                                : stream == LOG_STREAM_LOG ? OUTPUT_DIM
                                                           : OUTPUT_PLAIN;
    printf("%s%s%s\n", output_on(invocation, colour), text, output_off(invocation));
}

static void line_done(struct printer *printer, uint32_t stream, uint64_t time_ns, const char *text) {
    if (printer->last == NULL) {
        print_line(printer, stream, time_ns, text);
        return;
    }
    struct line *place = &printer->last[(printer->first + printer->count) % printer->keep];
    if (printer->count == printer->keep) {
        free(place->text);
        printer->first = (printer->first + 1) % printer->keep;
    } else {
        printer->count++;
    }
    *place = (struct line){.text = strdup(text), .time_ns = time_ns, .stream = stream};
}

static void forget_kept(struct printer *printer) {
    for (size_t index = 0; index < printer->count; index++)
        free(printer->last[(printer->first + index) % printer->keep].text);
    free(printer->last);
    printer->last = NULL;
    printer->count = 0;
}

/* Caught up: print what was kept, and from now on at once. */
static void print_kept(struct printer *printer) {
    for (size_t index = 0; index < printer->count; index++) {
        struct line *line = &printer->last[(printer->first + index) % printer->keep];
        if (line->text != NULL)
            print_line(printer, line->stream, line->time_ns, line->text);
    }
    forget_kept(printer);
    (void)fflush(stdout);
}

static void printer_deinit(struct printer *printer) {
    forget_kept(printer);
    for (uint32_t stream = 0; stream < STREAMS; stream++)
        free(printer->partials[stream].text);
}

/* ---- chunks in ---- */

static void append(struct partial *partial, const char *text, size_t length) {
    if (partial->length + length + 1 > partial->size) {
        size_t size = 2 * (partial->length + length + 1);
        char *grown = realloc(partial->text, size);
        if (grown == NULL)
            return;
        partial->text = grown;
        partial->size = size;
    }
    memcpy(partial->text + partial->length, text, length);
    partial->length += length;
    partial->text[partial->length] = '\0';
}

static void add_chunk(struct printer *printer, const struct log_chunk *chunk, const char *text) {
    uint32_t stream = chunk->stream < STREAMS ? chunk->stream : 0;
    struct partial *partial = &printer->partials[stream];
    size_t left = chunk->length_bytes;
    while (left > 0) {
        const char *end = memchr(text, '\n', left);
        size_t length = end == NULL ? left : (size_t)(end - text);
        if (partial->length == 0)
            partial->time_ns = chunk->time_ns;
        append(partial, text, length);
        if (end == NULL)
            return;
        line_done(printer, stream, partial->time_ns, partial->text == NULL ? "" : partial->text);
        partial->length = 0;
        text += length + 1;
        left -= length + 1;
    }
}

static void print_unfinished(struct printer *printer) {
    for (uint32_t stream = 0; stream < STREAMS; stream++) {
        struct partial *partial = &printer->partials[stream];
        if (partial->length > 0)
            line_done(printer, stream, partial->time_ns, partial->text);
    }
}

static int add_page(struct printer *printer, const struct grove_answer *answer, struct log_page *page) {
    size_t offset = sizeof *page;
    if (answer->length_bytes < sizeof *page)
        return command_fail(printer->invocation, "the log service answered with too little");
    memcpy(page, answer->data, sizeof *page);
    for (uint32_t index = 0; index < page->count; index++) {
        struct log_chunk chunk;
        if (answer->length_bytes - offset < sizeof chunk)
            break;
        memcpy(&chunk, (const char *)answer->data + offset, sizeof chunk);
        offset += sizeof chunk;
        size_t padded = ((size_t)chunk.length_bytes + 7u) & ~(size_t)7;
        if (answer->length_bytes - offset < padded)
            break;
        add_chunk(printer, &chunk, (const char *)answer->data + offset);
        offset += padded;
    }
    return 0;
}

/* ---- reading ---- */

static int read_page(struct printer *printer, struct log_read *wanted, bool *is_end) {
    struct grove_channel *channel;
    struct grove_answer answer;
    struct log_page page = {0};
    int status = system_connect(printer->invocation, LOG_ENDPOINT, &channel);
    if (status == 0)
        status =
            system_call(printer->invocation, channel, LOG_READ, wanted, sizeof *wanted, 2 * SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    status = add_page(printer, &answer, &page);
    grove_answer_release(&answer);
    if (status != 0)
        return status;
    wanted->segment = page.segment;
    wanted->offset_bytes = page.offset_bytes;
    wanted->flags |= LOG_READ_FROM_POSITION;
    *is_end = page.is_end != 0;
    return 0;
}

static int read_all(struct printer *printer, struct log_read *wanted, bool follow) {
    bool is_end = false;
    int status = 0;
    while (status == 0 && !is_end)
        status = read_page(printer, wanted, &is_end);
    if (status != 0)
        return status;
    if (!follow) {
        print_unfinished(printer);
        if (printer->last != NULL)
            print_kept(printer);
        return 0;
    }
    if (printer->last != NULL)
        print_kept(printer);
    wanted->flags |= LOG_READ_WAIT;
    wanted->wait_ms = (uint32_t)(SYSTEM_TIMEOUT_NS / GROVE_MILLISECOND);
    while (status == 0) {
        status = read_page(printer, wanted, &is_end);
        if (fflush(stdout) != 0)
            break; /* nobody reads any more */
    }
    return status;
}

static uint64_t wall_clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

static int run(struct invocation *invocation) {
    struct log_read wanted = {.version = LOG_PROTOCOL_VERSION};
    struct printer printer = {.invocation = invocation, .with_time = command_has(invocation, "time")};
    uint64_t lines = 0, since_ns = 0;
    int status = command_number(invocation, "number", 1, 1000000, 0, &lines);
    if (status == 0)
        status = command_duration(invocation, "since", 0, &since_ns);
    if (status == 0)
        status = system_name(invocation, invocation->arguments[0], &wanted.name);
    if (status != 0)
        return status;
    wanted.lines = (uint32_t)lines;
    wanted.since_ns = since_ns == 0 ? 0 : wall_clock_ns() - since_ns;
    printer.keep = lines;
    if (lines > 0) {
        printer.last = calloc(lines, sizeof *printer.last);
        if (printer.last == NULL)
            return command_fail(invocation, "there is no memory for %" PRIu64 " lines", lines);
    }
    status = read_all(&printer, &wanted, command_has(invocation, "follow"));
    printer_deinit(&printer);
    return status;
}

const struct command command_logs = {
    .name = "logs",
    .summary = "print what a service wrote",
    .usage = "NAME",
    .description =
        "Prints what a service wrote to its standard output and error, as far as it is kept (a few megabytes for "
        "each service), also of instances that have ended. With --json each line is one object with time, "
        "stream and text.",
    .examples = "  grove logs -n 20 grid.historian    the last lines\n"
                "  grove logs -f grid.historian       and all that follow",
    .operands = COMMAND_OPERANDS_SERVICE,
    .minimum = 1,
    .maximum = 1,
    .options = options,
    .run = run,
};
