/*
 * grove health: is all well, what is not, and what was seen. What changes something, and the lists beside the services,
 * are in health_more.c.
 */
#include "userspace/grove/commands/health.h"

#include <stdlib.h>
#include <string.h>

static const struct command_option options[] = {
    {"watch", 'w', NULL, "go on, with a line for each change"},
    {"severity", 0, "LEVEL", "sink: the least that is told: info, warning or critical (warning)"},
    {0},
};

/* ---- asking ---- */

static int too_short(const struct invocation *invocation, struct grove_answer *answer) {
    grove_answer_release(answer);
    return command_fail(invocation,
                        "the answer is shorter than it says; grove and the system services are of different "
                        "versions: \"grove down --all\" and \"grove up\" put that right");
}

static int ask_page(const struct invocation *invocation, const char *endpoint, uint32_t method, const void *request,
                    size_t request_bytes, size_t item_bytes, health_item_handler *handler, void *context,
                    struct grove_health_page *page) {
    struct grove_channel *channel;
    struct grove_answer answer;
    _Alignas(8) char item[1024];
    int status = system_connect(invocation, endpoint, &channel);
    if (status == 0)
        status = system_call(invocation, channel, method, request, request_bytes, 4 * SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    if (answer.length_bytes < sizeof *page)
        return too_short(invocation, &answer);
    memcpy(page, answer.data, sizeof *page);
    if (item_bytes > sizeof item || (answer.length_bytes - sizeof *page) / item_bytes < page->count)
        return too_short(invocation, &answer);
    for (uint32_t index = 0; status == 0 && index < page->count; index++) {
        memcpy(item, (const char *)answer.data + sizeof *page + index * item_bytes, item_bytes);
        status = handler(item, context);
    }
    grove_answer_release(&answer);
    return status;
}

int health_ask(const struct invocation *invocation, const char *endpoint, uint32_t method, const void *request,
               size_t request_bytes, size_t item_bytes, bool pages, health_item_handler *handler, void *context,
               struct grove_health_page *page) {
    struct grove_health_query query;
    int status;
    if (!pages)
        return ask_page(invocation, endpoint, method, request, request_bytes, item_bytes, handler, context, page);
    memcpy(&query, request, sizeof query);
    do {
        status = ask_page(invocation, endpoint, method, &query, sizeof query, item_bytes, handler, context, page);
        query.cursor = status == 0 ? page->cursor : 0;
    } while (query.cursor != 0);
    return status;
}

int health_tell(const struct invocation *invocation, uint32_t method, const void *request, size_t request_bytes) {
    struct grove_channel *channel;
    struct grove_answer answer;
    int status = system_connect(invocation, GROVE_HEALTH_ENDPOINT, &channel);
    if (status == 0)
        status = system_call(invocation, channel, method, request, request_bytes, SYSTEM_TIMEOUT_NS, &answer);
    if (status == 0)
        grove_answer_release(&answer);
    return status;
}

/* ---- services ---- */

static void set_number(json_t *object, const char *member, uint64_t number) {
    (void)json_object_set_new(object, member, json_integer((json_int_t)number));
}

static void set_text(json_t *object, const char *member, const char *text) {
    if (text[0] != '\0')
        (void)json_object_set_new(object, member, json_string(text));
}

static void set_ago(json_t *object, const char *member, uint64_t time_ns) {
    uint64_t now_ns = grove_now_ns();
    if (time_ns != 0 && time_ns <= now_ns)
        set_number(object, member, now_ns - time_ns);
}

static json_t *record_json(const struct grove_health_record *record) {
    json_t *object =
        json_pack("{s:s, s:s}", "name", record->name.text, "health", grove_health_status_text(record->status));
    if (record->cause != GROVE_CAUSE_NONE)
        set_text(object, "cause", grove_health_cause_text(record->cause));
    set_number(object, "checks", record->checks);
    set_number(object, "failing", record->failing);
    set_number(object, "alerts", record->alerts);
    set_number(object, "generation", record->generation);
    set_number(object, "memory_bytes", record->memory_bytes);
    set_ago(object, "for_ns", record->since_ns);
    set_text(object, "reason", record->reason);
    return object;
}

static int add_record(const void *item, void *context) {
    return json_array_append_new(context, record_json(item));
}

static enum output_colour colour_of(uint32_t status) {
    return status == GROVE_HEALTH_FAILING ? OUTPUT_BAD : status == GROVE_HEALTH_DEGRADED ? OUTPUT_WARNING : OUTPUT_GOOD;
}

static int show_services(struct invocation *invocation) {
    static const struct output_column columns[] = {
        {"NAME", "name", OUTPUT_TEXT},      {"HEALTH", "health", OUTPUT_STATE}, {"CHECKS", "checks", OUTPUT_TEXT},
        {"FOR", "for_ns", OUTPUT_DURATION}, {"REASON", "reason", OUTPUT_TEXT},  {0},
    };
    struct grove_health_query query = {.version = GROVE_HEALTH_VERSION};
    struct grove_health_page page = {0};
    json_t *rows = json_array();
    int status = health_ask(invocation, GROVE_HEALTH_ENDPOINT, GROVE_HEALTH_QUERY, &query, sizeof query,
                            sizeof(struct grove_health_record), true, add_record, rows, &page);
    if (status != 0) {
        json_decref(rows);
        return status;
    }
    if (invocation->json) {
        output_json(json_pack("{s:s, s:o}", "health", grove_health_status_text(page.status), "services", rows));
    } else {
        printf("%s%s%s\n", output_on(invocation, colour_of(page.status)), grove_health_status_text(page.status),
               output_off(invocation));
        output_table(invocation, rows, columns, "no service has checks; write some below health: in a manifest");
    }
    return page.status == GROVE_HEALTH_FAILING ? COMMAND_FAILED : COMMAND_OK;
}

/* ---- watch ---- */

static int show_change(const void *item, void *context) {
    const struct invocation *invocation = context;
    const struct grove_health_record *record = item;
    if (invocation->json) {
        output_json_line(record_json(record));
        return 0;
    }
    printf("%s%-8s%s  %s%s%s\n", output_on(invocation, colour_of(record->status)),
           grove_health_status_text(record->status), output_off(invocation), record->name.text,
           record->reason[0] == '\0' ? "" : ": ", record->reason);
    return fflush(stdout) == 0 ? 0 : COMMAND_FAILED;
}

static int watch(struct invocation *invocation, const struct grove_name *name) {
    struct grove_health_watch watch = {
        .version = GROVE_HEALTH_VERSION, .wait_ms = (uint32_t)(SYSTEM_TIMEOUT_NS / GROVE_MILLISECOND), .name = *name};
    int status = 0;
    while (status == 0) {
        struct grove_health_page page = {0};
        status = health_ask(invocation, GROVE_HEALTH_ENDPOINT, GROVE_HEALTH_WATCH, &watch, sizeof watch,
                            sizeof(struct grove_health_record), false, show_change, invocation, &page);
        watch.sequence = page.sequence;
    }
    return status;
}

/* ---- checks ---- */

static json_t *check_json(const struct grove_health_check *check) {
    static const char *const breakers[] = {"closed", "open", "half-open"};
    uint64_t now_ns = grove_now_ns();
    json_t *object = json_pack(
        "{s:s, s:s, s:s, s:s}", "check", check->plan.name, "kind", grove_health_kind_text(check->plan.kind), "health",
        grove_health_status_text(check->status), "severity", grove_health_severity_text(check->plan.severity));
    set_text(object, "argument", check->plan.argument);
    set_text(object, "breaker", check->breaker < 3 ? breakers[check->breaker] : "unknown");
    if (check->cause != GROVE_CAUSE_NONE)
        set_text(object, "cause", grove_health_cause_text(check->cause));
    set_number(object, "failures_in_row", check->failures_in_row);
    set_number(object, "tries", check->tries);
    set_number(object, "failures", check->failures);
    if (check->latency_ns != 0)
        set_number(object, "latency_ns", check->latency_ns);
    if (check->latency_median_ns != 0)
        set_number(object, "latency_median_ns", check->latency_median_ns);
    set_ago(object, "last_ns", check->last_ns);
    if (check->next_ns > now_ns)
        set_number(object, "next_ns", check->next_ns - now_ns);
    set_text(object, "reason", check->reason);
    return object;
}

static int add_check(const void *item, void *context) {
    return json_array_append_new(context, check_json(item));
}

static int show_checks(struct invocation *invocation, uint32_t method, const char *service) {
    static const struct output_column columns[] = {
        {"CHECK", "check", OUTPUT_TEXT},
        {"KIND", "kind", OUTPUT_TEXT},
        {"HEALTH", "health", OUTPUT_STATE},
        {"LAST", "last_ns", OUTPUT_DURATION},
        {"LATENCY", "latency_ns", OUTPUT_DURATION},
        {"MEDIAN", "latency_median_ns", OUTPUT_DURATION},
        {"TRIES", "tries", OUTPUT_TEXT},
        {"FAILED", "failures", OUTPUT_TEXT},
        {"BREAKER", "breaker", OUTPUT_TEXT},
        {"REASON", "reason", OUTPUT_TEXT},
        {0},
    };
    struct grove_health_query query = {.version = GROVE_HEALTH_VERSION};
    struct grove_health_page page;
    int status = system_known_name(invocation, service, &query.name);
    if (status != 0)
        return status;
    json_t *rows = json_array();
    status = health_ask(invocation, GROVE_HEALTH_ENDPOINT, method, &query, sizeof query,
                        sizeof(struct grove_health_check), false, add_check, rows, &page);
    query.cursor = page.cursor; /* what the first page does not hold has been tried with it */
    if (status == 0 && query.cursor != 0)
        status = health_ask(invocation, GROVE_HEALTH_ENDPOINT, GROVE_HEALTH_CHECKS, &query, sizeof query,
                            sizeof(struct grove_health_check), true, add_check, rows, &page);
    if (status == 0)
        output_table(invocation, rows, columns, "it has no checks");
    else
        json_decref(rows);
    return status;
}

static int show_probe(struct invocation *invocation) {
    return invocation->argument_count == 2 ? show_checks(invocation, GROVE_HEALTH_PROBE, invocation->arguments[1])
                                           : command_misused(invocation, "probe takes the name of a service");
}

/* ---- history ---- */

static int add_sample(const void *item, void *context) {
    const struct grove_health_sample *sample = item;
    json_t *object = json_object();
    set_ago(object, "ago_ns", sample->time_ns);
    set_text(object, "result", sample->result == GROVE_CAUSE_NONE ? "ok" : grove_health_cause_text(sample->result));
    set_number(object, "latency_ns", (uint64_t)sample->latency_us * 1000);
    set_number(object, "memory_bytes", (uint64_t)sample->memory_kib * 1024);
    set_number(object, "generation", sample->generation);
    return json_array_append_new(context, object);
}

static int show_history(struct invocation *invocation) {
    static const struct output_column columns[] = {
        {"AGO", "ago_ns", OUTPUT_DURATION},         {"RESULT", "result", OUTPUT_TEXT},
        {"LATENCY", "latency_ns", OUTPUT_DURATION}, {"MEMORY", "memory_bytes", OUTPUT_BYTES},
        {"INSTANCE", "generation", OUTPUT_TEXT},    {0},
    };
    struct grove_health_query query = {.version = GROVE_HEALTH_VERSION};
    struct grove_health_page page;
    if (invocation->argument_count != 3 || strlen(invocation->arguments[2]) >= sizeof query.check)
        return command_misused(invocation, "history takes the name of a service and that of a check");
    int status = system_known_name(invocation, invocation->arguments[1], &query.name);
    if (status != 0)
        return status;
    memcpy(query.check, invocation->arguments[2], strlen(invocation->arguments[2]));
    json_t *rows = json_array();
    status = health_ask(invocation, GROVE_HEALTH_ENDPOINT, GROVE_HEALTH_HISTORY, &query, sizeof query,
                        sizeof(struct grove_health_sample), false, add_sample, rows, &page);
    if (status == 0)
        output_table(invocation, rows, columns, "it was not tried so far");
    else
        json_decref(rows);
    return status;
}

/* ---- the command ---- */

static const struct {
    const char *word;
    int (*run)(struct invocation *invocation);
} words[] = {
    {"probe", show_probe},         {"history", show_history}, {"alerts", health_alerts}, {"silence", health_silence},
    {"silences", health_silences}, {"sinks", health_sinks},   {"sink", health_sink},     {"recovery", health_recovery},
};

static int run(struct invocation *invocation) {
    struct grove_name name = {""};
    const char *first = invocation->argument_count > 0 ? invocation->arguments[0] : NULL;
    for (size_t index = 0; first != NULL && index < sizeof words / sizeof words[0]; index++)
        if (strcmp(words[index].word, first) == 0)
            return words[index].run(invocation);
    if (invocation->argument_count > 1)
        return command_misused(invocation,
                               "\"%s\" is none of probe, history, alerts, silence, silences, sinks, sink, "
                               "recovery",
                               first);
    if (!command_has(invocation, "watch"))
        return first == NULL ? show_services(invocation) : show_checks(invocation, GROVE_HEALTH_CHECKS, first);
    int status = first == NULL ? 0 : system_known_name(invocation, first, &name);
    return status != 0 ? status : watch(invocation, &name);
}

const struct command command_health = {
    .name = "health",
    .summary = "show whether services are well, and why not",
    .usage = "[NAME | WORD...]",
    .description =
        "Shows the overall status and every service that has checks or is down; with a NAME, its checks. The exit "
        "status is 1 when a service is failing.\n\n"
        "Further words: \"probe NAME\" tries its checks now, or asks for a heartbeat; \"history NAME CHECK\" shows the "
        "latest results; \"alerts [PATTERN]\" what is to be known; \"silence PATTERN TIME\" tells no alerts of these "
        "services for a time (0 ends it), \"silences\" lists that; \"sinks\" where alerts are told, \"sink NAME "
        "webhook "
        "URL\", \"sink NAME command SERVICE COMMAND...\" and \"sink NAME remove\" change that; \"recovery [NAME]\" "
        "shows "
        "what reincarnation remembers.",
    .examples = "  grove health                            is all well?\n"
                "  grove health -w --json                  each change, for a program\n"
                "  grove health grid.historian             its checks\n"
                "  grove health silence 'grid.*' 1h        no alerts while it is worked on\n"
                "  grove health sink ops webhook http://127.0.0.1:9000/alerts",
    .operands = COMMAND_OPERANDS_SERVICE,
    .options = options,
    .run = run,
};
