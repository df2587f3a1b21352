/*
 * The spec of a probe: a command run beside a service, with its rights and in a container of its own.
 */
#ifndef SERVERS_SPEC_PROBE_H
#define SERVERS_SPEC_PROBE_H

#include <stddef.h>

#include "grove/abi/spec.h"

#define SPEC_PROBE_SUFFIX "-probe"

/*
 * Make a spec from a checked one: named NAME-probe, running `command` (words between spaces; the first is an absolute
 * path), providing nothing, with its streams thrown away and no restart. malloc'ed, checked. GROVE_INVALID (the command is empty
 * or not a path, or the name would be too long), GROVE_TOO_LARGE, GROVE_NO_MEMORY.
 */
int spec_probe(const struct grove_spec *spec, const char *command, struct grove_spec **probe);
/* The same under the name NAME and `suffix`, with the words already apart: `count` of them, one behind the other's zero byte. */
int spec_beside(const struct grove_spec *spec, const char *suffix, const char *words, unsigned count,
                struct grove_spec **beside);

#endif
