/*
 * grove restart: stop and start, keeping channels and messages.
 */
#include "userspace/grove/commands/change.h"

static const struct command_option options[] = {CHANGE_OPTIONS, CHANGE_WAIT_OPTIONS, {0}};

static int run(struct invocation *invocation) {
    return change_run(invocation, REGISTRY_RESTART, "restarted", true);
}

const struct command command_restart = {
    .name = "restart",
    .summary = "restart services",
    .usage = "[NAME...]",
    .description =
        "Stops services and starts them again. Their channels, and the messages in them, are kept for the new "
        "instance. System services can be restarted, too.",
    .examples = "  grove restart grid.historian    one service\n"
                "  grove restart --tree grid.alarm    and what requires it, in order\n"
                "  grove restart log               a system service",
    .operands = COMMAND_OPERANDS_SERVICE,
    .options = options,
    .run = run,
};
