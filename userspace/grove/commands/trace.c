/*
 * grove trace: the way of messages through the system.
 *
 * While it runs, both ends of every channel report each step of a message to the kernel. It switches that off when it
 * ends, also when it is interrupted.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/commands/system_client.h"

static const struct command_option options[] = {
    {"for", 'f', "TIME", "end after this time (until interrupted)"},
    {"number", 'n', "COUNT", "end after COUNT steps"},
    {0},
};

#define PERIOD_MS 20
#define REMEMBERED 4096u

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

static void print_step(const struct invocation *invocation, const struct grove_trace_record *record) {
    const char *stage = record->stage < sizeof stages / sizeof stages[0] && stages[record->stage] != NULL
                            ? stages[record->stage]
                            : "unknown";
    const char *lane = record->lane < 3 ? lanes[record->lane] : "unknown";
    uint64_t after_ns = since_sent(record);
    if (invocation->json) {
        output_json_line(json_pack("{s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:s}", "time_ns", (json_int_t)record->time_ns,
                                   "after_ns", (json_int_t)after_ns, "channel", (json_int_t)record->channel, "message",
                                   (json_int_t)record->number, "stage", stage, "lane", lane, "method",
                                   (json_int_t)record->method, "container", record->container.text));
        return;
    }
    printf("%12.6f  %+10.1f µs  %-9s %-6s channel %" PRIu64 " message %" PRIu64 " method %u  %s\n",
           (double)record->time_ns / 1e9, (double)after_ns / 1e3, stage, lane, record->channel & UINT32_MAX,
           record->number, record->method, record->container.text);
}

/* One record at or after *sequence; 1 if there was one, 0 if not. */
static int read_step(const struct invocation *invocation, struct grove_session *session, uint32_t enable,
                     uint64_t *sequence, struct grove_trace_record *record) {
    struct grove_message message = {.operation = GROVE_REQUEST_TRACE_READ};
    message.body.trace_read = (struct grove_trace_read){.sequence = *sequence, .enable = enable};
    int status = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, SYSTEM_TIMEOUT_NS);
    if (status == GROVE_NOT_FOUND || status == GROVE_AGAIN)
        return 0;
    if (status < 0) {
        (void)command_fail_library(invocation, "messages cannot be traced");
        return status;
    }
    *record = message.body.trace;
    *sequence = record->sequence + 1;
    return 1;
}

/* Channels of the shell itself would show each look as a message. */
static bool is_wanted(const struct grove_trace_record *record, const struct grove_name *name) {
    return name->text[0] == '\0' || strcmp(record->container.text, name->text) == 0;
}

static int follow(const struct invocation *invocation, struct grove_session *session, const struct grove_name *name,
                  uint64_t end_ns, uint64_t most) {
    struct grove_trace_record record;
    uint64_t sequence = 0, shown = 0;
    int found = read_step(invocation, session, 1, &sequence, &record);
    while (found >= 0 && !is_interrupted && shown < most) {
        if (found == 1 && is_wanted(&record, name)) {
            print_step(invocation, &record);
            shown++;
        }
        if (found == 0) {
            (void)fflush(stdout);
            if (grove_now_ns() >= end_ns)
                break;
            (void)poll(NULL, 0, PERIOD_MS);
        }
        found = read_step(invocation, session, 0, &sequence, &record);
    }
    (void)read_step(invocation, session, 2, &sequence, &record);
    return found < 0 ? COMMAND_FAILED : COMMAND_OK;
}

static int run(struct invocation *invocation) {
    struct grove_session *session;
    struct grove_name name = {""};
    uint64_t span_ns, most;
    struct sigaction action = {.sa_handler = interrupted};
    int status = command_duration(invocation, "for", 0, &span_ns);
    if (status == 0)
        status = command_number(invocation, "number", 1, UINT32_MAX, UINT64_MAX, &most);
    if (status == 0)
        status = command_connect(invocation, &session);
    if (status == 0 && invocation->argument_count > 0)
        status = system_name(invocation, invocation->arguments[0], &name);
    if (status != 0)
        return status;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    return follow(invocation, session, &name, span_ns == 0 ? UINT64_MAX : grove_now_ns() + span_ns, most);
}

const struct command command_trace = {
    .name = "trace",
    .summary = "show the steps of messages",
    .usage = "[NAME]",
    .description =
        "Switches tracing on and prints each step of each message: sent, taken, completed, replied, applied, with "
        "the time since it was sent. With NAME, only the steps that this service took. Tracing is switched off at "
        "the end; services are not slowed down then.",
    .examples = "  grove trace --for 2s              everything for two seconds\n"
                "  grove trace grid.protect -n 20    twenty steps of one service",
    .operands = COMMAND_OPERANDS_SERVICE,
    .maximum = 1,
    .options = options,
    .run = run,
};
