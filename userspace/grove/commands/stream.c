/*
 * grove stream: in which streams the bus keeps durable events, and for how long.
 */
#include <string.h>

#include "grove/bus.h"
#include "userspace/grove/command.h"

#define RETAIN_BYTES (UINT64_C(256) << 20)

static const struct command_option options[] = {
    {"size", 's', "SIZE", "set: keep so much, the oldest goes first; 0 is no limit. 256M for a new stream"},
    {"age", 'a', "TIME", "set: keep nothing that is older than this; 0s is no limit, as for a new stream"},
    {0},
};

/* ---- list ---- */

static json_t *row_of(const struct grove_bus_stream *stream) {
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", stream->name, "pattern", stream->pattern,
                     "retain_bytes", (json_int_t)stream->retain_bytes, "retain_ns", (json_int_t)stream->retain_ns,
                     "first", (json_int_t)stream->first_sequence, "last", (json_int_t)stream->last_sequence, "events",
                     (json_int_t)stream->events, "bytes", (json_int_t)stream->bytes, "damaged",
                     (json_int_t)stream->damaged);
}

static int list(const struct invocation *invocation, struct grove_session *session) {
    static const struct output_column columns[] = {
        {"NAME", "name", OUTPUT_TEXT},   {"PATTERN", "pattern", OUTPUT_TEXT}, {"EVENTS", "events", OUTPUT_TEXT},
        {"FIRST", "first", OUTPUT_TEXT}, {"LAST", "last", OUTPUT_TEXT},       {"BYTES", "bytes", OUTPUT_BYTES},
        {"SIZE", "size", OUTPUT_BYTES},  {"AGE", "age_ns", OUTPUT_DURATION},  {0},
    };
    json_t *rows = json_array();
    struct grove_bus_stream stream;
    uint64_t cursor = 0;
    int status;
    while ((status = grove_bus_stream_next(session, &cursor, &stream)) == 0) {
        json_t *row = row_of(&stream);
        /* Without a limit there is nothing in its column. */
        if (!invocation->json && stream.retain_bytes != 0)
            json_object_set_new(row, "size", json_integer((json_int_t)stream.retain_bytes));
        if (!invocation->json && stream.retain_ns != 0)
            json_object_set_new(row, "age_ns", json_integer((json_int_t)stream.retain_ns));
        json_array_append_new(rows, row);
    }
    if (status != GROVE_NOT_FOUND) {
        json_decref(rows);
        return command_fail_library(invocation, "the streams cannot be listed");
    }
    output_table(invocation, rows, columns, "there are no streams");
    return COMMAND_OK;
}

/* ---- set, remove ---- */

/* GROVE_NOT_FOUND: there is none of that name. */
static int find(struct grove_session *session, const char *name, struct grove_bus_stream *stream) {
    uint64_t cursor = 0;
    int status;
    while ((status = grove_bus_stream_next(session, &cursor, stream)) == 0 && strcmp(stream->name, name) != 0)
        continue;
    return status;
}

/* What is not given stays as it is. */
static int set(const struct invocation *invocation, struct grove_session *session) {
    const char *name = invocation->arguments[1];
    const char *pattern = invocation->argument_count > 2 ? invocation->arguments[2] : "";
    struct grove_bus_stream stream;
    int status = find(session, name, &stream);
    if (status < 0 && status != GROVE_NOT_FOUND)
        return command_fail_library(invocation, "the streams cannot be looked at");
    if (status == GROVE_NOT_FOUND)
        stream = (struct grove_bus_stream){.retain_bytes = RETAIN_BYTES};
    if (strlen(name) >= sizeof stream.name || strlen(pattern) >= sizeof stream.pattern)
        return command_misused(invocation, "a name has at most 63 bytes, and a pattern 255");
    status = command_size(invocation, "size", stream.retain_bytes, &stream.retain_bytes);
    if (status == 0)
        status = command_duration(invocation, "age", stream.retain_ns, &stream.retain_ns);
    if (status != 0)
        return status;
    memcpy(stream.name, name, strlen(name) + 1);
    memcpy(stream.pattern, pattern, strlen(pattern) + 1);
    if (grove_bus_stream_set(session, &stream) < 0)
        return command_fail_library(invocation, "the stream %s cannot be set", name);
    if (find(session, name, &stream) == 0 && invocation->json)
        output_json(row_of(&stream));
    return COMMAND_OK;
}

static int remove_stream(const struct invocation *invocation, struct grove_session *session) {
    const char *name = invocation->arguments[1];
    if (grove_bus_stream_remove(session, name) < 0)
        return command_fail_library(invocation, "the stream %s cannot be removed", name);
    if (invocation->json)
        output_json(json_pack("{s:s}", "name", name));
    return COMMAND_OK;
}

static int run(struct invocation *invocation) {
    static const struct {
        const char *name;
        unsigned minimum, maximum; /* arguments, this one included */
        int (*act)(const struct invocation *invocation, struct grove_session *session);
    } actions[] = {{"list", 0, 1, list}, {"set", 2, 3, set}, {"remove", 2, 2, remove_stream}};
    const char *wanted = invocation->argument_count > 0 ? invocation->arguments[0] : "list";
    struct grove_session *session = NULL;
    unsigned at = 0;
    while (at < sizeof actions / sizeof actions[0] && strcmp(wanted, actions[at].name) != 0)
        at++;
    if (at == sizeof actions / sizeof actions[0])
        return command_misused(invocation, "\"%s\" is none of list, set and remove", wanted);
    if (invocation->argument_count < actions[at].minimum || invocation->argument_count > actions[at].maximum)
        return command_misused(invocation, "give the name of a stream, and to set a new one its pattern");
    if (actions[at].act != set && (command_has(invocation, "size") || command_has(invocation, "age")))
        return command_misused(invocation, "--size and --age go with set");
    int status = command_connect(invocation, &session);
    return status != 0 ? status : actions[at].act(invocation, session);
}

const struct command command_stream = {
    .name = "stream",
    .summary = "in which streams durable events are kept, and for how long",
    .usage = "[list] | set NAME [PATTERN] | remove NAME",
    .description =
        "Durable events are kept in streams, each with a limit by size and by age. An event goes to the stream "
        "whose pattern matches its subject, and to the stream \"durable\" if none does; no two patterns may match "
        "the same subject. Without a verb the streams are listed. \"set\" makes a stream, or changes the limits of "
        "one; \"remove\" drops it with the events that it keeps. What is read again, with grove sub --from, comes "
        "from all of them in the order of its numbers.",
    .examples = "  grove stream                                       what is kept\n"
                "  grove stream set readings 'grid.reading.>' --size 2G --age 30d\n"
                "  grove stream set durable --age 7d                  all else\n"
                "  grove stream remove readings",
    .minimum = 0,
    .maximum = 3,
    .options = options,
    .run = run,
};
