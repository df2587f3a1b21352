/*
 * grove start: services that are registered shall run.
 */
#include "userspace/grove/commands/change.h"

static const struct command_option options[] = {CHANGE_OPTIONS, CHANGE_WAIT_OPTIONS, {0}};

static int run(struct invocation *invocation) {
    return change_run(invocation, REGISTRY_START, "started", true);
}

const struct command command_start = {
    .name = "start",
    .summary = "start registered services",
    .usage = "[NAME...]",
    .description =
        "Starts services and all that they require, in the order of their requirements, and waits until they "
        "are ready. A service that was given up is tried again. It stays wanted: after a restart of the system "
        "it comes back.",
    .examples = "  grove start grid.historian    one service\n"
                "  grove start -p grid           all of a project",
    .operands = COMMAND_OPERANDS_SERVICE,
    .options = options,
    .run = run,
};
