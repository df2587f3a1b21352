/*
 * grove ps: all services and how they are.
 */
#include <string.h>

#include "servers/common/name_table.h"
#include "servers/common/names.h"
#include "userspace/grove/commands/system_client.h"

static const struct command_option options[] = {
    {"project", 'p', "NAME", "only services of this project"},
    {"in", 'i', "STATE",
     "only services in this state: registered, waiting, starting, ready, stopping, stopped, "
     "failed, given-up, degraded or quiescing"},
    {0},
};

struct listing {
    const struct invocation *invocation;
    struct grove_session *session;
    json_t *rows;
};

static int add_row(const struct registry_record *record, void *context) {
    struct listing *listing = context;
    struct grove_container_record container;
    bool is_known = system_container(listing->session, &record->name, &container);
    return json_array_append_new(listing->rows, system_record_json(record, is_known ? &container : NULL));
}

static int read_state(const struct invocation *invocation, uint32_t *states) {
    const char *wanted = command_value(invocation, "in");
    *states = 0;
    if (wanted == NULL)
        return 0;
    for (uint32_t state = 0; state < REGISTRY_STATE_COUNT; state++)
        if (strcmp(wanted, system_state_text(state)) == 0)
            *states = 1u << state;
    return *states != 0 ? 0 : command_misused(invocation, "\"%s\" is no state of a service", wanted);
}

static int add_system(struct listing *listing, uint32_t states) {
    struct init_page page;
    struct init_record records[INIT_SERVICES_MAX + 1];
    int status = system_init(listing->invocation, INIT_STATUS, "", &page, records);
    for (uint32_t index = 0; status == 0 && index < page.count; index++) {
        struct registry_record record;
        system_record_of(&records[index], &record);
        if (states == 0 || (states & 1u << record.state) != 0)
            status = add_row(&record, listing);
    }
    return status;
}

static int run(struct invocation *invocation) {
    static const struct output_column columns[] = {
        {"NAME", "name", OUTPUT_TEXT},
        {"STATE", "state", OUTPUT_STATE},
        {"PID", "process", OUTPUT_TEXT},
        {"RESTARTS", "restarts", OUTPUT_TEXT},
        {"MEMORY", "memory_bytes", OUTPUT_BYTES},
        {"UP", "uptime_ns", OUTPUT_DURATION},
        {"REASON", "reason", OUTPUT_TEXT},
        {0},
    };
    struct registry_query query = {.version = REGISTRY_PROTOCOL_VERSION};
    struct listing listing = {.invocation = invocation};
    const char *project = command_value(invocation, "project");
    int status = read_state(invocation, &query.states);
    if (status == 0)
        status = command_connect(invocation, &listing.session);
    if (status != 0)
        return status;
    listing.rows = json_array();
    name_set(&query.project, project == NULL ? "" : project);
    if (project == NULL || strcmp(project, "system") == 0)
        status = add_system(&listing, query.states);
    if (status == 0)
        status = system_query(invocation, &query, add_row, &listing);
    if (status != 0) {
        json_decref(listing.rows);
        return status;
    }
    output_table(invocation, listing.rows, columns, "no services; \"grove up FOLDER\" starts a project");
    return COMMAND_OK;
}

const struct command command_ps = {
    .name = "ps",
    .summary = "list services and their states",
    .usage = "",
    .description = "Lists the system services and every registered service with its state, process, restarts, memory "
                   "and, where something went wrong, the reason.",
    .examples = "  grove ps                     all services\n"
                "  grove ps -p grid             those of one project\n"
                "  grove ps --in failed --json   what failed, for a program",
    .options = options,
    .run = run,
};
