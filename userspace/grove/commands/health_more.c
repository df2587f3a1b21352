/*
 * The words of grove health: alerts, silences, sinks, and what reincarnation remembers.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "userspace/grove/commands/health.h"

static void set_number(json_t *object, const char *member, uint64_t number) {
    (void)json_object_set_new(object, member, json_integer((json_int_t)number));
}

static uint64_t ago_ns(uint64_t time_ns) {
    uint64_t now_ns = grove_now_ns();
    return time_ns <= now_ns ? now_ns - time_ns : 0;
}

/* A list of one method, as a table. */
static int list(const struct invocation *invocation, const char *endpoint, uint32_t method, const char *pattern,
                size_t item_bytes, bool pages, health_item_handler *handler, const struct output_column *columns,
                const char *none) {
    struct grove_health_query query = {.version = GROVE_HEALTH_VERSION};
    struct grove_health_page page;
    json_t *rows = json_array();
    name_set(&query.name, pattern == NULL ? "" : pattern);
    int status =
        health_ask(invocation, endpoint, method, &query, sizeof query, item_bytes, pages, handler, rows, &page);
    if (status == 0)
        output_table(invocation, rows, columns, none);
    else
        json_decref(rows);
    return status;
}

/* ---- alerts ---- */

static int add_alert(const void *item, void *context) {
    const struct grove_health_alert *alert = item;
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", alert->service.text, "alert", alert->check,
                               "severity", grove_health_severity_text(alert->severity), "cause",
                               grove_health_cause_text(alert->cause), "text", alert->text);
    set_number(object, "times", alert->times);
    set_number(object, "since_ns", ago_ns(alert->since_ns));
    set_number(object, "last_ns", ago_ns(alert->last_ns));
    (void)json_object_set_new(object, "silenced", json_boolean(alert->is_silenced != 0));
    return json_array_append_new(context, object);
}

int health_alerts(struct invocation *invocation) {
    static const struct output_column columns[] = {
        {"NAME", "name", OUTPUT_TEXT},         {"ALERT", "alert", OUTPUT_TEXT},
        {"SEVERITY", "severity", OUTPUT_TEXT}, {"SINCE", "since_ns", OUTPUT_DURATION},
        {"TIMES", "times", OUTPUT_TEXT},       {"SILENCED", "silenced", OUTPUT_TEXT},
        {"TEXT", "text", OUTPUT_TEXT},         {0},
    };
    if (invocation->argument_count > 2)
        return command_misused(invocation, "alerts takes one pattern at most");
    return list(invocation, GROVE_HEALTH_ENDPOINT, GROVE_HEALTH_ALERTS,
                invocation->argument_count == 2 ? invocation->arguments[1] : NULL, sizeof(struct grove_health_alert),
                true, add_alert, columns, "no alerts");
}

/* ---- silences ---- */

int health_silence(struct invocation *invocation) {
    struct grove_health_silence silence = {.version = GROVE_HEALTH_VERSION};
    if (invocation->argument_count != 3 || value_duration(invocation->arguments[2], &silence.duration_ns) < 0 ||
        strlen(invocation->arguments[1]) > GROVE_NAME_MAX)
        return command_misused(invocation, "silence takes a service, or a pattern like 'grid.*', and a time like 1h; 0 "
                                           "ends it");
    name_set(&silence.name, invocation->arguments[1]);
    return health_tell(invocation, GROVE_HEALTH_SILENCE, &silence, sizeof silence);
}

static int add_silence(const void *item, void *context) {
    const struct grove_health_silence *silence = item;
    json_t *object = json_pack("{s:s}", "pattern", silence->name.text);
    set_number(object, "left_ns", silence->duration_ns);
    return json_array_append_new(context, object);
}

int health_silences(struct invocation *invocation) {
    static const struct output_column columns[] = {
        {"PATTERN", "pattern", OUTPUT_TEXT}, {"LEFT", "left_ns", OUTPUT_DURATION}, {0}};
    return list(invocation, GROVE_HEALTH_ENDPOINT, GROVE_HEALTH_SILENCES, NULL, sizeof(struct grove_health_silence),
                false, add_silence, columns, "no silences");
}

/* ---- sinks ---- */

static int add_sink(const void *item, void *context) {
    const struct grove_health_sink *sink = item;
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "sink", sink->name, "kind",
                               sink->kind == GROVE_SINK_WEBHOOK ? "webhook" : "command", "severity",
                               grove_health_severity_text(sink->severity), "argument", sink->argument);
    if (sink->service.text[0] != '\0')
        (void)json_object_set_new(object, "service", json_string(sink->service.text));
    set_number(object, "told", sink->told);
    set_number(object, "failed", sink->failed);
    return json_array_append_new(context, object);
}

int health_sinks(struct invocation *invocation) {
    static const struct output_column columns[] = {
        {"SINK", "sink", OUTPUT_TEXT},         {"KIND", "kind", OUTPUT_TEXT},
        {"SEVERITY", "severity", OUTPUT_TEXT}, {"TOLD", "told", OUTPUT_TEXT},
        {"FAILED", "failed", OUTPUT_TEXT},     {"SERVICE", "service", OUTPUT_TEXT},
        {"ARGUMENT", "argument", OUTPUT_TEXT}, {0},
    };
    return list(invocation, GROVE_HEALTH_ENDPOINT, GROVE_HEALTH_SINKS, NULL, sizeof(struct grove_health_sink), false,
                add_sink, columns,
                "no sinks: alerts are on the bus, in the log of system.health, and in \"grove health alerts\"");
}

static int read_severity(const struct invocation *invocation, uint32_t *severity) {
    const char *text = command_value(invocation, "severity");
    for (*severity = 0; text != NULL && *severity <= GROVE_SEVERITY_CRITICAL; ++*severity)
        if (strcmp(text, grove_health_severity_text(*severity)) == 0)
            return 0;
    *severity = GROVE_SEVERITY_WARNING;
    return text == NULL ? 0
                        : command_misused(invocation, "\"%s\" is no severity; write info, warning or critical", text);
}

/* The command's words with single blanks between them. False if they do not fit. */
static bool join(const struct invocation *invocation, unsigned from, char *out, size_t out_bytes) {
    size_t used = 0;
    for (unsigned index = from; index < invocation->argument_count; index++) {
        int length =
            snprintf(out + used, out_bytes - used, "%s%s", index == from ? "" : " ", invocation->arguments[index]);
        if (length < 0 || (size_t)length >= out_bytes - used)
            return false;
        used += (size_t)length;
    }
    return true;
}

int health_sink(struct invocation *invocation) {
    struct grove_health_sink sink = {.version = GROVE_HEALTH_VERSION};
    unsigned count = invocation->argument_count;
    const char *kind = count > 2 ? invocation->arguments[2] : "";
    int status = read_severity(invocation, &sink.severity);
    if (status != 0)
        return status;
    text_set(sink.name, sizeof sink.name, count > 1 ? invocation->arguments[1] : "");
    if (count == 3 && strcmp(kind, "remove") == 0)
        return health_tell(invocation, GROVE_HEALTH_SINK_REMOVE, &sink, sizeof sink);
    bool is_webhook = count == 4 && strcmp(kind, "webhook") == 0,
         is_command = count > 4 && strcmp(kind, "command") == 0;
    if ((!is_webhook && !is_command) || strlen(invocation->arguments[1]) >= sizeof sink.name ||
        !join(invocation, is_webhook ? 3 : 4, sink.argument, sizeof sink.argument))
        return command_misused(invocation, "sink takes \"NAME webhook URL\", \"NAME command SERVICE COMMAND...\" or "
                                           "\"NAME remove\"");
    sink.kind = is_webhook ? GROVE_SINK_WEBHOOK : GROVE_SINK_COMMAND;
    if (is_command)
        status = system_known_name(invocation, invocation->arguments[3], &sink.service);
    return status != 0 ? status : health_tell(invocation, GROVE_HEALTH_SINK_PUT, &sink, sizeof sink);
}

/* ---- recovery ---- */

static int add_recovery(const void *item, void *context) {
    const struct grove_recovery_record *record = item;
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "name", record->name.text, "cause",
                               grove_recovery_cause_text(record->last_cause), "step",
                               grove_recovery_step_text(record->last_step), "reason", record->reason);
    for (uint32_t cause = 0; cause < GROVE_RECOVERY_CAUSES; cause++) {
        json_t *counts = json_object();
        set_number(counts, "level", record->level[cause]);
        set_number(counts, "total", record->total[cause]);
        if (record->last_ns[cause] != 0)
            set_number(counts, "last_ns", ago_ns(record->last_ns[cause]));
        (void)json_object_set_new(object, grove_recovery_cause_text(cause), counts);
        char member[32];
        (void)snprintf(member, sizeof member, "%s_total", grove_recovery_cause_text(cause));
        set_number(object, member, record->total[cause]);
    }
    return json_array_append_new(context, object);
}

int health_recovery(struct invocation *invocation) {
    static const struct output_column columns[] = {
        {"NAME", "name", OUTPUT_TEXT},
        {"CRASH", "crash_total", OUTPUT_TEXT},
        {"HANG", "hang_total", OUTPUT_TEXT},
        {"CHECK", "check_total", OUTPUT_TEXT},
        {"BUDGET", "budget_total", OUTPUT_TEXT},
        {"LAST", "cause", OUTPUT_TEXT},
        {"STEP", "step", OUTPUT_TEXT},
        {"REASON", "reason", OUTPUT_TEXT},
        {0},
    };
    struct grove_name name = {""};
    int status = 0;
    if (invocation->argument_count > 2)
        return command_misused(invocation, "recovery takes one name at most");
    if (invocation->argument_count == 2)
        status = system_known_name(invocation, invocation->arguments[1], &name);
    return status != 0 ? status
                       : list(invocation, GROVE_REINCARNATION_ENDPOINT, GROVE_REINCARNATION_QUERY, name.text,
                              sizeof(struct grove_recovery_record), true, add_recovery, columns,
                              "nothing was recovered so far");
}
