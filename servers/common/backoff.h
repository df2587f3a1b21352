/*
 * When to start a failed service again, and when to give up.
 *
 * The first restart comes after first_delay (usually at once); the following ones wait base_delay, then factor_percent
 * more each time, up to delay_cap. What a service did wrong heals: every quiet span of the longest delay takes one step
 * back. give_up_count restarts inside give_up_window end it. Pure: the caller brings the clock.
 */
#ifndef SERVERS_BACKOFF_H
#define SERVERS_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "grove/abi/spec.h"

#define BACKOFF_REMEMBERED 32u /* give-up counts above this act as this */

/* Zero is a service that never failed. Plain memory: it may lie in a state region and outlive its process. */
struct backoff {
    uint64_t restarts_ns[BACKOFF_REMEMBERED]; /* a ring of the latest restarts */
    uint64_t last_ns; /* of the latest failure */
    uint32_t total; /* restarts ever; total mod BACKOFF_REMEMBERED is the next place */
    uint32_t level; /* steps up the ladder of delays */
};

/* What holds for the delays of every service, whatever its manifest says. 0: nothing does. */
struct backoff_bounds {
    uint64_t least_ns; /* no restart comes sooner after its failure */
    uint64_t most_ns; /* none comes later; stronger than least_ns */
    bool goes_on; /* nothing is given up */
};
/* The policy within the bounds. */
struct grove_restart backoff_bound(const struct grove_restart *policy, const struct backoff_bounds *bounds);

/*
 * A failure at now_ns. True, with the delay until the restart, which is counted as made; false to give up, with nothing
 * changed but the time of the failure. Values of the policy that make no sense (a factor below 100, no cap) are replaced by
 * ones that cannot loop hot.
 */
bool backoff_next(struct backoff *backoff, const struct grove_restart *policy, uint64_t now_ns, uint64_t *delay_ns);
/* A restart that somebody else decided on: counted, and nothing else. */
void backoff_count(struct backoff *backoff, uint64_t now_ns);
/* Start over, as after a person said "start". The number of restarts is kept for the record. */
void backoff_forgive(struct backoff *backoff);

#endif
