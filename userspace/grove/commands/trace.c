/*
 * grove trace: the way of messages through the system, step by step, as trees of what caused what, or as a file.
 *
 * While it runs, both ends of every channel report each step of a message to the kernel. It switches that off when it
 * ends, also when it is interrupted. The kernel keeps the latest steps only; how many this command did not see is said.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/commands/system_client.h"
#include "userspace/grove/commands/trace_book.h"
#include "userspace/grove/commands/trace_read.h"

static const struct command_option options[] = {
    {"for", 'f', "TIME", "end after this time (until interrupted)"},
    {"number", 'n', "COUNT", "end after COUNT steps, with --tree after COUNT trees"},
    {"tree", 't', NULL, "show each request with all that it caused, as a tree, when it is over"},
    {"output", 'o', "FILE", "write what was traced to FILE, which trace viewers open (Trace Event Format)"},
    {0},
};

#define PERIOD_MS 20
#define REMEMBERED 4096u
/* A request of which nothing is heard for so long is shown as it is. */
#define QUIET_NS (5 * GROVE_SECOND)

static volatile sig_atomic_t is_interrupted;

static void interrupted(int number) {
    (void)number;
    is_interrupted = 1;
}

static const char *const stages[] = {[GROVE_TRACE_SENT] = "sent",
                                     [GROVE_TRACE_TAKEN] = "taken",
                                     [GROVE_TRACE_COMPLETED] = "completed",
                                     [GROVE_TRACE_REPLIED] = "replied",
                                     [GROVE_TRACE_APPLIED] = "applied"};
static const char *const lanes[] = {"high", "medium", "low"};

/* When a message was sent, so that later steps say how long after. */
static struct {
    grove_object_id channel;
    uint64_t number, time_ns;
} sent[REMEMBERED];

static uint64_t since_sent(const struct grove_trace_record *record) {
    unsigned index = (unsigned)((record->channel * 31 + record->number) % REMEMBERED);
    if (record->stage == GROVE_TRACE_SENT) {
        sent[index].channel = record->channel;
        sent[index].number = record->number;
        sent[index].time_ns = record->time_ns;
    }
    if (sent[index].channel != record->channel || sent[index].number != record->number ||
        record->time_ns < sent[index].time_ns)
        return 0;
    return record->time_ns - sent[index].time_ns;
}

/* As text: JSON has no numbers of 64 bits. */
static void put_number(json_t *object, const char *member, uint64_t number) {
    char text[20];
    (void)snprintf(text, sizeof text, "%016" PRIx64, number);
    if (number != 0)
        json_object_set_new(object, member, json_string(text));
}

static void print_step(const struct invocation *invocation, const struct grove_trace_record *record) {
    const char *stage = record->stage < sizeof stages / sizeof stages[0] && stages[record->stage] != NULL
                            ? stages[record->stage]
                            : "unknown";
    const char *lane = record->lane < 3 ? lanes[record->lane] : "unknown";
    uint64_t after_ns = since_sent(record);
    if (invocation->json) {
        json_t *step = json_pack("{s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:s}", "time_ns", (json_int_t)record->time_ns,
                                 "after_ns", (json_int_t)after_ns, "channel", (json_int_t)record->channel, "message",
                                 (json_int_t)record->number, "stage", stage, "lane", lane, "method",
                                 (json_int_t)record->method, "container", record->container.text);
        put_number(step, "trace", record->span.trace);
        put_number(step, "span", record->span.span);
        put_number(step, "parent", record->parent);
        output_json_line(step);
        return;
    }
    printf("%12.6f  %+10.1f µs  %-9s %-6s channel %" PRIu64 " message %" PRIu64 " method %u  %s\n",
           (double)record->time_ns / 1e9, (double)after_ns / 1e3, stage, lane, record->channel & UINT32_MAX,
           record->number, record->method, record->container.text);
}

struct tracer {
    const struct invocation *invocation;
    struct trace_reader reader;
    const char *own; /* name of this command's own container: its requests are not shown */
    struct grove_name name; /* only what this service takes part in; "": all */
    bool wants_trees;
    struct trace_book *book; /* NULL: steps only */
    struct trace_file *file; /* NULL: none */
    uint64_t shown, most;
};

static bool takes_part(const struct trace *trace, const char *name) {
    for (const struct trace_span *span = trace->spans; span != NULL; span = span->next_of_trace)
        if (strcmp(span->client.text, name) == 0 || strcmp(span->server.text, name) == 0)
            return true;
    return false;
}

static void trace_is_over(const struct trace *trace, void *context) {
    struct tracer *tracer = context;
    if (tracer->shown >= tracer->most || strcmp(trace->spans->client.text, tracer->own) == 0 ||
        (tracer->name.text[0] != '\0' && !takes_part(trace, tracer->name.text)))
        return;
    if (tracer->file != NULL)
        trace_file_add(tracer->file, trace);
    if (tracer->wants_trees)
        trace_print(tracer->invocation, trace);
    tracer->shown++;
}

static void take_step(struct tracer *tracer, const struct grove_trace_record *record) {
    if (tracer->book != NULL) {
        trace_book_add(tracer->book, record);
    } else if (tracer->name.text[0] == '\0' || strcmp(record->container.text, tracer->name.text) == 0) {
        print_step(tracer->invocation, record);
        tracer->shown++;
    }
}

/* Nothing is there to be read now. */
static void take_breath(struct tracer *tracer) {
    uint64_t now_ns = grove_now_ns();
    if (tracer->book != NULL)
        trace_book_settle(tracer->book, now_ns > QUIET_NS ? now_ns - QUIET_NS : 0);
    (void)fflush(stdout);
    if (tracer->shown < tracer->most)
        (void)poll(NULL, 0, PERIOD_MS);
}

static int follow(struct tracer *tracer, uint64_t end_ns) {
    struct grove_trace_record record;
    int found = trace_reader_begin(&tracer->reader);
    while (found >= 0 && !is_interrupted && tracer->shown < tracer->most) {
        found = trace_reader_next(&tracer->reader, &record);
        if (found == 1)
            take_step(tracer, &record);
        else if (found == 0 && grove_now_ns() >= end_ns)
            break;
        else if (found == 0)
            take_breath(tracer);
    }
    trace_reader_end(&tracer->reader);
    if (tracer->book != NULL)
        trace_book_settle(tracer->book, GROVE_FOREVER);
    if (tracer->reader.missed > 0)
        command_remark(tracer->invocation, "%" PRIu64 " steps were not seen: there were more than can be read in time",
                       tracer->reader.missed);
    return found < 0 ? COMMAND_FAILED : COMMAND_OK;
}

static int open_book(struct tracer *tracer) {
    const char *path = command_value(tracer->invocation, "output");
    tracer->wants_trees = command_has(tracer->invocation, "tree");
    if (path == NULL && !tracer->wants_trees)
        return 0;
    tracer->book = trace_book_create(trace_is_over, tracer);
    if (tracer->book == NULL)
        return command_fail(tracer->invocation, "there is no memory for traces");
    if (path != NULL)
        tracer->file = trace_file_create(tracer->invocation, path);
    return path != NULL && tracer->file == NULL ? COMMAND_FAILED : 0;
}

static int run(struct invocation *invocation) {
    struct grove_session *session;
    struct tracer tracer = {.invocation = invocation};
    uint64_t span_ns;
    struct sigaction action = {.sa_handler = interrupted};
    int status = command_duration(invocation, "for", 0, &span_ns);
    if (status == 0)
        status = command_number(invocation, "number", 1, UINT32_MAX, UINT64_MAX, &tracer.most);
    if (status == 0)
        status = command_connect(invocation, &session);
    if (status == 0 && invocation->argument_count > 0)
        status = system_name(invocation, invocation->arguments[0], &tracer.name);
    if (status == 0)
        status = open_book(&tracer);
    if (status == 0) {
        (void)sigaction(SIGINT, &action, NULL);
        (void)sigaction(SIGTERM, &action, NULL);
        tracer.reader = (struct trace_reader){.invocation = invocation, .session = session};
        tracer.own = grove_session_identity(session)->name.text;
        status = follow(&tracer, span_ns == 0 ? UINT64_MAX : grove_now_ns() + span_ns);
    }
    if (tracer.file != NULL) {
        int closed = trace_file_close(invocation, tracer.file);
        status = status != 0 ? status : closed;
    }
    trace_book_destroy(tracer.book);
    return status;
}

const struct command command_trace = {
    .name = "trace",
    .summary = "show the steps of messages",
    .usage = "[NAME]",
    .description =
        "Switches tracing on and prints each step of each message: sent, taken, completed, replied, applied, with "
        "the time since it was sent. With NAME, only the steps that this service took. Tracing is switched off at "
        "the end; services are not slowed down then.\n\n"
        "With --tree each request is shown with all the requests that it caused, in whichever service: how long it "
        "waited until it was taken, how long the service worked on it, and how long it took in all. With NAME, only "
        "trees in which this service takes part. The same goes to a file with --output, which chrome://tracing and "
        "https://ui.perfetto.dev open. \"grove call --trace\" follows one call.",
    .examples = "  grove trace --for 2s                    everything for two seconds\n"
                "  grove trace grid.protect -n 20          twenty steps of one service\n"
                "  grove trace --tree grid.protect -n 1    one request with all that it caused\n"
                "  grove trace --for 5s -o trace.json      five seconds for a trace viewer",
    .operands = COMMAND_OPERANDS_SERVICE,
    .maximum = 1,
    .options = options,
    .run = run,
};
