/*
 * The policies of a spec for limits that are reached: section GROVE_SECTION_LIMITS, as grove/resource.h lays it out.
 */
#ifndef SERVERS_SPEC_LIMITS_H
#define SERVERS_SPEC_LIMITS_H

#include <stdbool.h>

#include "grove/resource.h"

/* Is it a policy, with values in range? */
bool limit_is_valid(const struct grove_limit *limit);
/* NULL, or a constant sentence that says what is wrong with the section. A spec without one is good. */
const char *spec_limits_fault(const struct grove_spec *spec);
/* The policy for a resource; TELL if there is none. The spec has passed spec_limits_fault. */
struct grove_limit spec_limit(const struct grove_spec *spec, uint32_t resource);

#endif
