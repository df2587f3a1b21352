/*
 * Traces as a file in the Trace Event Format (the JSON object form, "traceEvents"), which chrome://tracing, Perfetto and
 * Speedscope open.
 *
 *   a container          a process of the viewer, named once ("M", process_name)
 *   a request's handling a complete event ("X") of the service, from taken to completed, on the first thread that is free
 *   a request's waiting  an asynchronous event ("b", "e") of the client, from sent to applied
 *   sent -> taken        an arrow ("s", "f")
 *
 * Times are microseconds, with fractions, of the monotonic clock.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/commands/trace_book.h"

#define PROCESSES_MAX 256u
#define THREADS_MAX 16u

struct process {
    struct grove_name name;
    uint64_t busy_until_ns[THREADS_MAX];
};

struct trace_file {
    FILE *stream;
    const char *path;
    bool has_events;
    unsigned process_count;
    struct process processes[PROCESSES_MAX];
};

struct trace_file *trace_file_create(const struct invocation *invocation, const char *path) {
    struct trace_file *file = calloc(1, sizeof *file);
    if (file != NULL)
        file->stream = fopen(path, "we");
    if (file == NULL || file->stream == NULL) {
        (void)command_fail(invocation, "the trace cannot be written to %s: %s", path, strerror(errno));
        free(file);
        return NULL;
    }
    file->path = path;
    (void)fputs("{\"displayTimeUnit\": \"ns\", \"traceEvents\": [", file->stream);
    return file;
}

static void put_event(struct trace_file *file, json_t *event) {
    char *text = json_dumps(event, JSON_COMPACT);
    (void)fprintf(file->stream, "%s\n%s", file->has_events ? "," : "", text != NULL ? text : "{}");
    file->has_events = true;
    free(text);
    json_decref(event);
}

/* Numbers of processes begin with 1; what comes after the table is full shares its last entry. */
static unsigned process_of(struct trace_file *file, const struct grove_name *name) {
    const char *text = name->text[0] != '\0' ? name->text : "(unknown)";
    unsigned index = 0;
    while (index < file->process_count && strcmp(file->processes[index].name.text, text) != 0)
        index++;
    if (index == PROCESSES_MAX)
        return PROCESSES_MAX;
    if (index == file->process_count) {
        (void)snprintf(file->processes[index].name.text, sizeof file->processes[index].name.text, "%s", text);
        file->process_count++;
        put_event(file, json_pack("{s:s, s:s, s:i, s:i, s:{s:s}}", "ph", "M", "name", "process_name", "pid",
                                  (int)index + 1, "tid", 0, "args", "name", text));
    }
    return index + 1;
}

static double microseconds(uint64_t time_ns) {
    return (double)time_ns / 1e3;
}

/* A thread of the viewer on which nothing else is going on: events of one thread must not overlap. */
static int thread_of(struct trace_file *file, unsigned process, uint64_t begin_ns, uint64_t end_ns) {
    uint64_t *busy_until_ns = file->processes[process - 1].busy_until_ns;
    unsigned thread = 0;
    while (thread + 1 < THREADS_MAX && busy_until_ns[thread] > begin_ns)
        thread++;
    busy_until_ns[thread] = end_ns;
    return (int)thread + 1;
}

static json_t *event_of(const struct trace_span *span, const char *phase, const char *name, unsigned process,
                        int thread, uint64_t time_ns) {
    char id[20];
    (void)snprintf(id, sizeof id, "%016" PRIx64, span->id.span);
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:s}", "ph", phase, "cat", "request", "name", name, "pid",
                     (int)process, "tid", thread, "ts", microseconds(time_ns), "id", id);
}

static void put_handling(struct trace_file *file, const struct trace *trace, const struct trace_span *span,
                         const char *name) {
    uint64_t taken_ns = span->time_ns[GROVE_TRACE_TAKEN], completed_ns = span->time_ns[GROVE_TRACE_COMPLETED];
    char id[20];
    if (taken_ns == 0)
        return;
    if (completed_ns < taken_ns)
        completed_ns = trace_span_end_ns(span);
    unsigned process = process_of(file, &span->server);
    int thread = thread_of(file, process, taken_ns, completed_ns);
    json_t *event = event_of(span, "X", name, process, thread, taken_ns);
    (void)snprintf(id, sizeof id, "%016" PRIx64, trace->id);
    json_object_set_new(event, "dur", json_real(microseconds(completed_ns - taken_ns)));
    json_object_set_new(
        event, "args",
        json_pack("{s:s, s:s, s:I}", "trace", id, "client", span->client.text, "message", (json_int_t)span->number));
    put_event(file, event);
    if (span->time_ns[GROVE_TRACE_SENT] == 0)
        return;
    event = event_of(span, "f", "sent", process, thread, taken_ns);
    json_object_set_new(event, "bp", json_string("e"));
    put_event(file, event);
}

static void put_waiting(struct trace_file *file, const struct trace_span *span, const char *name) {
    uint64_t sent_ns = span->time_ns[GROVE_TRACE_SENT], applied_ns = span->time_ns[GROVE_TRACE_APPLIED];
    if (sent_ns == 0)
        return;
    unsigned process = process_of(file, &span->client);
    put_event(file, event_of(span, "b", name, process, 0, sent_ns));
    put_event(file, event_of(span, "s", "sent", process, 0, sent_ns));
    put_event(file, event_of(span, "e", name, process, 0, applied_ns > sent_ns ? applied_ns : sent_ns));
}

void trace_file_add(struct trace_file *file, const struct trace *trace) {
    for (const struct trace_span *span = trace->spans; span != NULL; span = span->next_of_trace) {
        char name[GROVE_NAME_MAX + 32];
        (void)snprintf(name, sizeof name, "%s #%u", span->server.text, span->method);
        put_waiting(file, span, name);
        put_handling(file, trace, span, name);
    }
}

int trace_file_close(const struct invocation *invocation, struct trace_file *file) {
    (void)fputs("\n]}\n", file->stream);
    bool is_written = ferror(file->stream) == 0;
    is_written = fclose(file->stream) == 0 && is_written;
    int status = is_written
                     ? COMMAND_OK
                     : command_fail(invocation, "the trace cannot be written to %s: %s", file->path, strerror(errno));
    free(file);
    return status;
}
