/*
 * grove call: say something to a service from the command line.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "userspace/grove/commands/call_arguments.h"
#include "userspace/grove/commands/system_client.h"
#include "userspace/grove/commands/trace_book.h"
#include "userspace/grove/commands/trace_read.h"

/* After the answer the last steps are waited for so long. */
#define TRACE_WAIT_NS (500 * GROVE_MILLISECOND)
#define TRACE_PERIOD_MS 2

static const struct command_option options[] = {
    {"hex", 'x', "BYTES", "send these bytes, in hexadecimal, and print the reply so"},
    {"timeout", 't', "TIME", "wait no longer than this for the answer (5s)"},
    {"priority", 'P', "LANE", "high, medium or low (medium)"},
    {"trace", 'T', NULL, "show all that the call caused, in whichever service, as a tree"},
    {0},
};

/* What is to be called, and how its messages look. */
struct wanted {
    char endpoint[GROVE_NAME_MAX + 1];
    uint32_t method;
    const char *request, *reply; /* in the spec; NULL: unknown, bytes only */
    struct grove_spec *spec;
};

static bool is_number(const char *text, uint32_t *number) {
    char *end;
    unsigned long value = strtoul(text, &end, 0);
    if (end == text || *end != '\0' || value > UINT32_MAX - 1)
        return false;
    *number = (uint32_t)value;
    return true;
}

static int list_methods(const struct invocation *invocation, const struct grove_spec *spec, const char *method) {
    char known[600] = "";
    for (uint32_t index = 0; index < spec->methods.count; index++) {
        size_t length = strlen(known);
        (void)snprintf(known + length, sizeof known - length, "%s%s", index == 0 ? "" : ", ",
                       grove_spec_text(spec, grove_spec_method(spec, index)->name));
    }
    if (known[0] == '\0')
        return command_fail(invocation, "the manifest of %s names no methods; give the method's number and --hex BYTES",
                            grove_spec_text(spec, spec->name));
    return command_fail(invocation, "%s has no method %s; it has: %s", grove_spec_text(spec, spec->name), method,
                        known);
}

static int find_method(const struct invocation *invocation, struct wanted *wanted, const char *method) {
    const struct grove_spec *spec = wanted->spec;
    uint32_t number = UINT32_MAX;
    bool by_number = is_number(method, &number);
    for (uint32_t index = 0; index < spec->methods.count; index++) {
        const struct grove_spec_method *one = grove_spec_method(spec, index);
        if (by_number ? one->method != number : strcmp(grove_spec_text(spec, one->name), method) != 0)
            continue;
        wanted->method = one->method;
        wanted->request = grove_spec_text(spec, one->request);
        wanted->reply = grove_spec_text(spec, one->reply);
        (void)snprintf(wanted->endpoint, sizeof wanted->endpoint, "%s",
                       grove_spec_text(spec, grove_spec_provided(spec, one->interface)->name));
        return 0;
    }
    if (!by_number)
        return list_methods(invocation, spec, method);
    if (spec->provides.count == 0)
        return command_fail(invocation, "%s provides nothing that could be called", grove_spec_text(spec, spec->name));
    wanted->method = number;
    (void)snprintf(wanted->endpoint, sizeof wanted->endpoint, "%s",
                   grove_spec_text(spec, grove_spec_provided(spec, 0)->name));
    return 0;
}

static int encode(const struct invocation *invocation, const struct wanted *wanted, void *message, size_t *used_bytes) {
    char problem[CALL_PROBLEM_BYTES];
    const char *hex = command_value(invocation, "hex");
    if (hex != NULL) {
        if (call_from_hex(hex, message, CALL_BYTES_MAX, used_bytes) == 0)
            return 0;
        return command_misused(invocation, "--hex takes pairs of hexadecimal digits, at most %u of them: \"00ff 2a\"",
                               CALL_BYTES_MAX);
    }
    if (wanted->request == NULL)
        return command_fail(invocation, "the manifest says nothing of method %u; send bytes with --hex",
                            wanted->method);
    if (call_encode(wanted->request, invocation->arguments + 2, invocation->argument_count - 2, message, CALL_BYTES_MAX,
                    used_bytes, problem, sizeof problem) < 0)
        return command_misused(invocation, "%s", problem);
    return 0;
}

static int print_reply(const struct invocation *invocation, const struct wanted *wanted,
                       const struct grove_answer *answer) {
    char problem[CALL_PROBLEM_BYTES];
    json_t *object;
    bool is_raw = command_has(invocation, "hex") || wanted->reply == NULL;
    if (!is_raw &&
        call_decode(wanted->reply, answer->data, answer->length_bytes, &object, problem, sizeof problem) < 0) {
        command_remark(invocation, "%s; here are its bytes", problem);
        is_raw = true;
    }
    if (is_raw) {
        char *hex = call_to_hex(answer->data, answer->length_bytes);
        if (invocation->json)
            output_json(json_pack("{s:s}", "hex", hex == NULL ? "" : hex));
        else
            printf("%s\n", hex == NULL ? "" : hex);
        free(hex);
        return COMMAND_OK;
    }
    if (invocation->json) {
        output_json(object);
        return COMMAND_OK;
    }
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value) {
        char *text = json_is_string(value) ? strdup(json_string_value(value)) : json_dumps(value, JSON_ENCODE_ANY);
        printf("%s: %s\n", name, text == NULL ? "" : text);
        free(text);
    }
    json_decref(object);
    return COMMAND_OK;
}

static int read_priority(const struct invocation *invocation, enum grove_priority *priority) {
    const char *text = command_value(invocation, "priority");
    *priority = GROVE_PRIORITY_MEDIUM;
    if (text == NULL || strcmp(text, "medium") == 0)
        return 0;
    *priority = strcmp(text, "high") == 0 ? GROVE_PRIORITY_HIGH : GROVE_PRIORITY_LOW;
    if (*priority == GROVE_PRIORITY_HIGH || strcmp(text, "low") == 0)
        return 0;
    return command_misused(invocation, "\"%s\" is no lane: high, medium or low", text);
}

/* ---- tracing the call ---- */

struct call_trace {
    const struct invocation *invocation;
    uint64_t id; /* of the trace; 0: none wanted */
    struct trace_reader reader;
    struct trace_book *book;
    bool is_shown;
};

static void show_trace(const struct trace *trace, void *context) {
    struct call_trace *traced = context;
    if (trace->id != traced->id)
        return;
    trace_print(traced->invocation, trace);
    traced->is_shown = true;
}

/* From here on the calls of this command are parts of a trace whose number it knows. */
static int begin_trace(struct call_trace *traced) {
    struct grove_session *session;
    int status = command_connect(traced->invocation, &session);
    if (status != 0)
        return status;
    traced->reader = (struct trace_reader){.invocation = traced->invocation, .session = session};
    traced->book = trace_book_create(show_trace, traced);
    if (traced->book == NULL)
        return command_fail(traced->invocation, "there is no memory for traces");
    memcpy(&traced->id, grove_session_identity(session)->random, sizeof traced->id);
    if (trace_reader_begin(&traced->reader) < 0)
        return COMMAND_FAILED;
    grove_trace_enter(session, &(struct grove_trace_context){.trace = traced->id, .span = traced->id});
    return 0;
}

static void end_trace(struct call_trace *traced) {
    uint64_t end_ns = grove_now_ns() + TRACE_WAIT_NS;
    struct grove_trace_record record;
    int found = 1;
    while (found >= 0 && !traced->is_shown && grove_now_ns() < end_ns) {
        while ((found = trace_reader_next(&traced->reader, &record)) == 1)
            if (record.span.trace == traced->id || record.span.trace == 0)
                trace_book_add(traced->book, &record);
        trace_book_settle(traced->book, 0);
        if (!traced->is_shown)
            (void)poll(NULL, 0, TRACE_PERIOD_MS);
    }
    trace_reader_end(&traced->reader);
    trace_book_settle(traced->book, GROVE_FOREVER);
    trace_book_destroy(traced->book);
}

static int not_answered(const struct invocation *invocation, const struct wanted *wanted, int status) {
    if (status != GROVE_TIMED_OUT)
        return command_fail_kernel(invocation);
    return command_fail(invocation,
                        "%s did not answer %s in time; --timeout waits longer, and \"grove status %s\" tells how it is",
                        wanted->endpoint, invocation->arguments[1], invocation->arguments[0]);
}

static int call(const struct invocation *invocation, const struct wanted *wanted) {
    static char message[CALL_BYTES_MAX];
    struct grove_channel *channel;
    struct grove_answer answer;
    struct grove_call say = {.method = wanted->method, .data = message};
    int status = encode(invocation, wanted, message, &say.length_bytes);
    if (status == 0)
        status = command_duration(invocation, "timeout", 5 * GROVE_SECOND, &say.timeout_ns);
    if (status == 0)
        status = read_priority(invocation, &say.priority);
    if (status == 0)
        status = system_connect(invocation, wanted->endpoint, &channel);
    struct call_trace traced = {.invocation = invocation};
    bool is_traced = command_has(invocation, "trace");
    if (status == 0 && is_traced)
        status = begin_trace(&traced);
    if (status != 0)
        return status;
    status = grove_call(channel, &say, &answer);
    int shown = status < 0 ? not_answered(invocation, wanted, status) : print_reply(invocation, wanted, &answer);
    if (status == 0)
        grove_answer_release(&answer);
    if (is_traced)
        end_trace(&traced);
    return shown;
}

static int run(struct invocation *invocation) {
    struct wanted wanted = {.method = 0};
    struct grove_name name;
    if (invocation->json && command_has(invocation, "trace"))
        return command_misused(invocation, "--trace is for people; with --json use \"grove trace --tree --json\"");
    int status = system_known_name(invocation, invocation->arguments[0], &name);
    if (status == 0 && system_is_own(&name))
        status = command_fail(invocation, "system services are asked by their own commands: ps, status, logs, restart");
    if (status == 0)
        status = system_spec(invocation, &name, &wanted.spec);
    if (status == 0)
        status = find_method(invocation, &wanted, invocation->arguments[1]);
    if (status == 0)
        status = call(invocation, &wanted);
    free(wanted.spec);
    return status;
}

const struct command command_call = {
    .name = "call",
    .summary = "call a method of a service",
    .usage = "NAME METHOD [ARGUMENT...]",
    .description =
        "Calls a method by the name in the service's manifest. Arguments stand in the order of its signature or "
        "as name=value: \"feeder:u32 value:f64 name:text\" is written 3 49.8 north, or feeder=3 value=49.8 "
        "name=north. Numbers may be decimal or 0x..., bool is true or false, bytes are hexadecimal. The reply is "
        "printed by its signature. A service that is not running and can be started by a connection is.",
    .examples = "  grove call grid.protect reset feeder=3\n"
                "  grove call --json grid.historian count\n"
                "  grove call --trace grid.protect reset feeder=3    and what it caused in other services\n"
                "  grove call grid.historian 7 --hex 0100",
    .operands = COMMAND_OPERANDS_SERVICE,
    .minimum = 2,
    .options = options,
    .run = run,
};
