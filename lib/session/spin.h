/*
 * Deciding how long to look again before sleeping.
 *
 * Waking a halted processor costs tens of microseconds, so looking again for a while beats sleeping when the peer is at
 * work on another processor, and only then: on the same processor a spin keeps the peer from running. What a spin may
 * cost follows what spins have brought: it doubles when one paid and halves when one did not, down to none, and is tried
 * again now and then. With one processor there is no spinning at all.
 */
#ifndef GROVE_SESSION_SPIN_H
#define GROVE_SESSION_SPIN_H

#include <stdbool.h>
#include <stdint.h>

struct spin {
    uint32_t budget_ns; /* what the next spin may cost */
    uint32_t skipped; /* waits since the last spin, while the budget is used up */
};

struct spin_turn {
    uint64_t end_ns; /* known from the first look at the clock on */
    uint32_t budget_ns;
    uint32_t turns;
};

void spin_init(struct spin *spin);
/* This thread's processor + 1, or 0 when unknown. */
uint32_t spin_processor(void);
/* Should this wait begin with a spin? `peer_processor` as in struct grove_control. */
bool spin_begin(struct spin *spin, uint32_t own_processor, uint32_t peer_processor, struct spin_turn *turn);
/* One pause; false when the time is over. */
bool spin_goes_on(struct spin_turn *turn);
/* What came of it. */
void spin_end(struct spin *spin, bool has_paid);

#endif
