/*
 * Asking the service of hooks, for the commands that show what hooks did.
 */
#ifndef GROVE_SYSTEM_HOOKS_H
#define GROVE_SYSTEM_HOOKS_H

#include "grove/hooks.h"
#include "userspace/grove/commands/system_client.h"

/*
 * All hooks that are set, as a JSON array; its reference is the caller's. COMMAND_FAILED after printing why not; with
 * `is_optional` nothing is printed, and a service of hooks that does not answer is not waited for long.
 */
int system_hooks(const struct invocation *invocation, bool is_optional, json_t **hooks);

#endif
