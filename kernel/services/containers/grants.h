/* Which paths a spec grants: one entry for each, with the sum of the rights, the shortest first. */
#ifndef GROVE_CONTAINERS_GRANTS_H
#define GROVE_CONTAINERS_GRANTS_H

#include "grove/abi/spec.h"

#include <stdbool.h>

struct grant {
    const char *path; /* in the spec; absolute, without "." and ".." */
    bool can_write, can_execute;
    bool is_optional; /* left out if it is not there */
    bool is_created; /* a folder that is made if it is not there */
};

/* `grants` has room for GROVE_SPEC_CAPABILITIES_MAX. Returns how many there are. */
uint32_t grants_collect(const struct grove_spec *spec, struct grant *grants);
/* Is `path` below `folder`, not the same? */
bool grant_is_below(const char *path, const char *folder);

#endif
