/*
 * What a spec says about health and recovery: the sections HEALTH and RECOVERY of grove/health.h, or, without them, the
 * spec's one probe.
 */
#ifndef SERVERS_HEALTH_PLAN_H
#define SERVERS_HEALTH_PLAN_H

#include "grove/abi/spec.h"
#include "grove/health.h"

/* Intervals below this would be a busy loop. */
#define HEALTH_INTERVAL_MIN_NS (10 * GROVE_MILLISECOND)

/*
 * The checks of a spec that passed grove_spec_check. Returns how many are in `plans` now, at most
 * GROVE_HEALTH_CHECKS_MAX: none for a spec without checks, or with a section that is not one (which *is_broken says).
 */
unsigned health_plans(const struct grove_spec *spec, struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX],
                      bool *is_broken);
/* Does the spec say how to recover? A section that is not one counts as none. */
bool health_recovery(const struct grove_spec *spec, struct grove_recovery_section *recovery);
/* NULL if the plan is one that can be run, else a constant sentence. Missing times are filled in. */
const char *health_plan_mend(struct grove_health_plan *plan);

#endif
