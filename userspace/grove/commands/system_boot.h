/*
 * Starting a kernel with its system services, for `grove up`.
 */
#ifndef GROVE_SYSTEM_BOOT_H
#define GROVE_SYSTEM_BOOT_H

#include <sys/types.h>

#include "userspace/grove/commands/system_client.h"

/*
 * Compile the system manifests to RUN/boot/ and start groved, without waiting: *process is to be waited for. Returns 0,
 * or COMMAND_FAILED after saying what is missing and where it was looked for.
 */
int boot_begin(const struct invocation *invocation, const char *optional_layers, pid_t *process);
/* Wait until groved serves (it said itself why not, otherwise) and the registry can be reached. */
int boot_finish(const struct invocation *invocation, pid_t process, uint64_t deadline_ns);
/* Wait until the registry of a running kernel can be reached. */
int boot_reach_registry(const struct invocation *invocation, uint64_t deadline_ns);

#endif
