/*
 * What is done about the next failure of a service: restart it at once, later, with others, or give it up. Each cause has a
 * ladder of its own. Pure: the caller brings the clock.
 *
 *     level   0            1 .. restarts-1        restarts, restarts+1, ...
 *     done    restart      restart                the steps of the escalation, one after the other;
 *     after   first delay  delay, growing         the last one is repeated
 *
 * Every failure takes one step up, every quiet span of heal_ns one step down.
 */
#ifndef SERVERS_REINCARNATION_POLICY_H
#define SERVERS_REINCARNATION_POLICY_H

#include "grove/health.h"

/* Zero is a service that never failed for this cause. Plain memory: it lies in the state region. */
struct ladder {
    uint64_t last_ns; /* of the latest failure, monotonic */
    uint32_t level, total;
};
struct remedy {
    uint32_t step; /* enum grove_recovery_step */
    uint32_t level; /* where the ladder stands, before this failure is counted */
    uint64_t delay_ns;
};

struct remedy policy_next(const struct ladder *ladder, const struct grove_recovery_policy *policy, uint64_t now_ns);
/* The remedy was applied. */
void policy_count(struct ladder *ladder, const struct remedy *remedy, uint64_t now_ns);

#endif
