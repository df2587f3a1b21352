/*
 * grove stop: services shall rest, and stay registered.
 */
#include "userspace/grove/commands/change.h"

static const struct command_option options[] = {CHANGE_OPTIONS, {0}};

static int run(struct invocation *invocation) {
    return change_run(invocation, REGISTRY_STOP, "stopped", false);
}

const struct command command_stop = {
    .name = "stop",
    .summary = "stop services",
    .usage = "[NAME...]",
    .description =
        "Stops services in the reverse order of their requirements and waits until they have ended. They stay "
        "registered and are not started again until somebody says so.",
    .examples = "  grove stop grid.historian    one service\n"
                "  grove stop -p grid           all of a project",
    .operands = COMMAND_OPERANDS_SERVICE,
    .options = options,
    .run = run,
};
