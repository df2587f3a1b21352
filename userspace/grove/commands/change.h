/*
 * start, stop and restart: the same command in three moods.
 */
#ifndef GROVE_COMMAND_CHANGE_H
#define GROVE_COMMAND_CHANGE_H

#include "userspace/grove/commands/system_client.h"

#define CHANGE_OPTIONS \
    {"project", 'p', "NAME", "all services of this project"}, {"all", 'a', NULL, "all services of all projects"}, { \
        "tree", 'T', NULL, "and all services that require one of them, in order" \
    }
#define CHANGE_WAIT_OPTIONS \
    {"no-wait", 'n', NULL, "do not wait until they are ready"}, { \
        "timeout", 't', "TIME", "wait no longer than this (30s)" \
    }

/* Apply a method of the registry to the operands, the project or all; then, if `waits`, until they are ready. */
int change_run(struct invocation *invocation, uint32_t method, const char *done, bool waits);

#endif
