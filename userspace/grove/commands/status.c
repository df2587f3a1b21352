/*
 * grove status: everything about one service.
 */
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/commands/system_client.h"

static int read_own(const struct invocation *invocation, const struct grove_name *name,
                    struct registry_record *record) {
    struct init_page page;
    struct init_record records[INIT_SERVICES_MAX + 1];
    int status = system_init(invocation, INIT_STATUS, "", &page, records);
    if (status != 0)
        return status;
    for (uint32_t index = 0; index < page.count; index++) {
        if (strcmp(records[index].name.text, name->text) == 0) {
            system_record_of(&records[index], record);
            return 0;
        }
    }
    return command_fail(invocation, "there is no system service %s; \"grove ps -p system\" lists them", name->text);
}

static json_t *interfaces(const struct grove_spec *spec, bool provided) {
    json_t *list = json_array();
    uint32_t count = provided ? spec->provides.count : spec->requires.count;
    for (uint32_t index = 0; index < count; index++) {
        const struct grove_spec_interface *one =
            provided ? grove_spec_provided(spec, index) : grove_spec_required(spec, index);
        char text[128];
        (void)snprintf(text, sizeof text, "%s %s%u.%u.%u", grove_spec_text(spec, one->name),
                       provided ? "" : ">=", one->version.major, one->version.minor, one->version.patch);
        (void)json_array_append_new(list, json_string(text));
    }
    return list;
}

/* As the manifest has it. That the service runs says that Linux granted it: a refused class stops the start. */
static json_t *schedule_of(const struct grove_schedule *schedule) {
    static const char *const names[] = {
        [GROVE_SCHEDULE_FAIR] = "fair",
        [GROVE_SCHEDULE_FIXED] = "fixed",
        [GROVE_SCHEDULE_ROUND_ROBIN] = "round-robin",
        [GROVE_SCHEDULE_DEADLINE] = "deadline",
        [GROVE_SCHEDULE_IDLE] = "idle",
    };
    char runtime[32], deadline[32], period[32];
    if (schedule->class >= sizeof names / sizeof *names)
        return json_null();
    if (schedule->class == GROVE_SCHEDULE_DEADLINE)
        return json_sprintf("deadline, %s in each %s, within %s",
                            output_duration(schedule->runtime_ns, runtime, sizeof runtime),
                            output_duration(schedule->period_ns, period, sizeof period),
                            output_duration(schedule->deadline_ns, deadline, sizeof deadline));
    if (schedule->priority == 0)
        return json_string(names[schedule->class]);
    return json_sprintf("%s, priority %d", names[schedule->class], (int)schedule->priority);
}

static void add_spec(const struct invocation *invocation, const struct grove_name *name, json_t *object) {
    struct grove_spec *spec;
    if (system_is_own(name) || system_spec(invocation, name, &spec) != 0)
        return;
    (void)json_object_set_new(object, "description", json_string(grove_spec_text(spec, spec->description)));
    (void)json_object_set_new(object, "manifest", json_string(grove_spec_text(spec, spec->manifest)));
    (void)json_object_set_new(object, "executable", json_string(grove_spec_text(spec, spec->executable)));
    (void)json_object_set_new(object, "schedule", schedule_of(&spec->schedule));
    (void)json_object_set_new(object, "provides", interfaces(spec, true));
    (void)json_object_set_new(object, "requires", interfaces(spec, false));
    free(spec);
}

static int run(struct invocation *invocation) {
    static const struct output_column columns[] = {
        {"name", "name", OUTPUT_TEXT},
        {"description", "description", OUTPUT_TEXT},
        {"state", "state", OUTPUT_STATE},
        {"reason", "reason", OUTPUT_TEXT},
        {"next restart in", "restart_in_ns", OUTPUT_DURATION},
        {"version", "version", OUTPUT_TEXT},
        {"provides", "provides", OUTPUT_LIST},
        {"requires", "requires", OUTPUT_LIST},
        {"schedule", "schedule", OUTPUT_TEXT},
        {"process", "process", OUTPUT_TEXT},
        {"processes", "processes", OUTPUT_TEXT},
        {"up for", "uptime_ns", OUTPUT_DURATION},
        {"time to ready", "time_to_ready_ns", OUTPUT_DURATION},
        {"instances", "generation", OUTPUT_TEXT},
        {"restarts", "restarts", OUTPUT_TEXT},
        {"memory", "memory_bytes", OUTPUT_BYTES},
        {"disk", "disk_bytes", OUTPUT_BYTES},
        {"disk that it may use", "disk_limit_bytes", OUTPUT_BYTES},
        {"sent and received", "network_bytes", OUTPUT_BYTES},
        {"of it in a second at most", "network_limit_rate", OUTPUT_BYTES},
        {"processor time", "processor_ns", OUTPUT_DURATION},
        {"capabilities", "capabilities", OUTPUT_TEXT},
        {"channels", "channels", OUTPUT_TEXT},
        {"refusals", "refusals", OUTPUT_TEXT},
        {"executable", "executable", OUTPUT_TEXT},
        {"manifest", "manifest", OUTPUT_TEXT},
        {0},
    };
    struct grove_session *session;
    struct grove_name name;
    struct registry_record record;
    struct grove_container_record container;
    int status = command_connect(invocation, &session);
    if (status == 0)
        status = system_known_name(invocation, invocation->arguments[0], &name);
    if (status == 0)
        status =
            system_is_own(&name) ? read_own(invocation, &name, &record) : system_status(invocation, &name, &record);
    if (status != 0)
        return status;
    bool is_known = system_container(session, &name, &container);
    json_t *object = system_record_json(&record, is_known ? &container : NULL);
    add_spec(invocation, &name, object);
    output_record(invocation, object, columns);
    return COMMAND_OK;
}

const struct command command_status = {
    .name = "status",
    .summary = "show everything about one service",
    .usage = "NAME",
    .description = "Shows the state of a service and why it is in it, what it provides and requires, what it uses, and "
                   "where it comes from. A bare NAME will do if only one project has a service of that name.",
    .examples = "  grove status grid.historian    one service\n"
                "  grove status registry          a system service",
    .operands = COMMAND_OPERANDS_SERVICE,
    .minimum = 1,
    .maximum = 1,
    .run = run,
};
