/* Scheduling parameters: the core checks who may have which; the machine applies them. */
#ifndef GROVE_CORE_SCHEDULE_H
#define GROVE_CORE_SCHEDULE_H

#include "grove/abi/capability.h"
#include "grove/abi/spec.h"

/* The permission that a valid schedule needs; false if it needs none. */
bool schedule_needs(const struct grove_schedule *schedule, struct grove_capability *needed);

#endif
