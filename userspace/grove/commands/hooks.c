/*
 * grove hooks: who looks at what, set and cleared by a person, and what services add to the system.
 */
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/commands/extension_list.h"
#include "userspace/grove/commands/system_hooks.h"

static const struct command_option options[] = {
    {"pattern", 'P', "PATTERN",
     "set: names, subjects or namespaces that it looks at; * is any token, > all that follow (>)"},
    {"priority", 'p', "NUMBER", "set: the lowest is asked first (100)"},
    {"timeout", 't', "TIME", "set: how long it has to answer (100ms)"},
    {"extensions", 'e', NULL, "list what services add to the system: protocols, storage, health checks, metrics"},
    {0},
};

static const struct output_column columns[] = {
    {"POINT", "point", OUTPUT_TEXT},
    {"HOOK", "endpoint", OUTPUT_TEXT},
    {"PATTERN", "pattern", OUTPUT_TEXT},
    {"PRIORITY", "priority", OUTPUT_TEXT},
    {"ASKED", "asked", OUTPUT_TEXT},
    {"CHANGES", "changes", OUTPUT_TEXT},
    {"VETOES", "vetoes", OUTPUT_TEXT},
    {"FAILED", "failures", OUTPUT_TEXT},
    {"LONGEST", "longest_ns", OUTPUT_DURATION},
    {"LEFT OUT FOR", "paused_ns", OUTPUT_DURATION},
    {"LAST FAILURE", "last_failure", OUTPUT_TEXT},
    {NULL, NULL, OUTPUT_TEXT},
};

static int list(const struct invocation *invocation) {
    json_t *hooks;
    int status = system_hooks(invocation, false, &hooks);
    if (status == 0)
        output_table(invocation, hooks, columns, "no hook is set");
    return status;
}

static int read_point(const struct invocation *invocation, const char *text, enum grove_hook_point *point) {
    char known[300] = "";
    for (uint32_t number = 0; number < GROVE_HOOK_POINTS; number++) {
        const char *name = grove_hook_point_text(number);
        if (strcmp(name, text) == 0) {
            *point = (enum grove_hook_point)number;
            return 0;
        }
        (void)snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", number == 0 ? "" : ", ", name);
    }
    return command_misused(invocation, "\"%s\" is no point; there are %s", text, known);
}

static int set(const struct invocation *invocation, struct grove_session *session, const struct grove_hook *hook) {
    if (grove_hook_set(session, hook) < 0)
        return command_fail_kernel(invocation);
    return COMMAND_OK;
}

static int change(const struct invocation *invocation, struct grove_session *session) {
    struct grove_hook hook = {.pattern = command_value(invocation, "pattern")};
    struct grove_name endpoint;
    uint64_t priority;
    const char *verb = invocation->arguments[0];
    bool is_set = strcmp(verb, "set") == 0;
    if ((!is_set && strcmp(verb, "clear") != 0) || invocation->argument_count != 3)
        return command_misused(invocation,
                               "write \"set POINT ENDPOINT\", \"clear POINT ENDPOINT\", or nothing to list");
    int status = read_point(invocation, invocation->arguments[1], &hook.point);
    if (status == 0)
        status = command_number(invocation, "priority", 0, INT32_MAX, 100, &priority);
    if (status == 0)
        status = command_duration(invocation, "timeout", 0, &hook.timeout_ns);
    if (status == 0)
        status = system_name(invocation, invocation->arguments[2], &endpoint);
    if (status != 0)
        return status;
    hook.priority = (int32_t)priority;
    hook.endpoint = endpoint.text;
    if (is_set)
        return set(invocation, session, &hook);
    return grove_hook_clear(session, hook.point, hook.endpoint) < 0 ? command_fail_kernel(invocation) : COMMAND_OK;
}

static int run(struct invocation *invocation) {
    struct grove_session *session;
    int status = command_connect(invocation, &session);
    if (status != 0)
        return status;
    if (command_has(invocation, "extensions"))
        return extension_list(invocation, session, &(struct extension_filter){0});
    return invocation->argument_count == 0 ? list(invocation) : change(invocation, session);
}

const struct command command_hooks = {
    .name = "hooks",
    .summary = "show and set who looks before and after things are done",
    .usage = "[set POINT ENDPOINT | clear POINT ENDPOINT]",
    .description =
        "Lists the hooks that are set: at which point, in which order, how often each was asked, changed something, "
        "said no or failed, and whether it is left out for a while because it failed again and again.\n\n"
        "With \"set\" the service that provides ENDPOINT is asked at POINT, with \"clear\" no more. Points are "
        "before- and after- each of load, start, publish, deliver, write and read. What a hook answers is written in "
        "docs/hooks.md.",
    .examples = "  grove hooks                                               who looks at what\n"
                "  grove hooks set before-start ops.guard --pattern 'grid.>'\n"
                "  grove hooks clear before-start ops.guard\n"
                "  grove hooks --extensions                                  what services add to the system",
    .operands = COMMAND_OPERANDS_SERVICE,
    .maximum = 3,
    .options = options,
    .run = run,
};
