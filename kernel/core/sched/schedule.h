/* Scheduling parameters: the core checks who may have which; the machine applies them. */
#ifndef GROVE_CORE_SCHEDULE_H
#define GROVE_CORE_SCHEDULE_H

#include "grove/abi/capability.h"
#include "grove/abi/spec.h"

/* Known class, values in range. */
bool schedule_is_valid(const struct grove_schedule *schedule);
/* The permission it needs; false if it needs none. */
bool schedule_needs(const struct grove_schedule *schedule, struct grove_capability *needed);

#endif
