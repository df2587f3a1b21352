/*
 * A small power grid: loads behind breakers, power stations, and the frequency that follows from the two.
 *
 * The swing equation of one equivalent machine of rating S and inertia H at nominal frequency f0:
 *
 *     df/dt = f0 / (2 H S) * (generation + governor - load)
 *
 * The governor follows the frequency by its droop R with a time constant of a second: -(f - f0) / f0 / R * S, upwards no
 * more than the reserve, downwards as far as the stations go. Load rises and falls with the frequency by 1.5 % per 1 %.
 * (Kundur, Power System Stability and Control, chapter 11, has all of it.) So shed load visibly helps.
 *
 * The state is plain data and lives in the substation's state region: a substation that is restarted is still the same
 * grid, with the same breakers open, at the right place of its profile.
 */
#ifndef GRID_SUBSTATION_GRID_MODEL_H
#define GRID_SUBSTATION_GRID_MODEL_H

#include "examples/grid/substation/profile.h"

#define MODEL_NOMINAL_HZ 50.0

struct grid_state {
    uint32_t magic;
    uint32_t reserved;
    uint64_t start_ns; /* monotonic time at which the profile began */
    uint64_t now_ns; /* the model has been computed up to here */
    double frequency_hz;
    double governor_kw;
    uint8_t is_open[PROFILE_FEEDERS_MAX]; /* breakers */
};
struct feeder_values {
    double voltage_v, current_a, power_kw;
    bool is_closed;
};

/* Begin at `now_ns` unless the memory holds a state already. */
void model_start(struct grid_state *state, uint64_t now_ns);
/* Compute up to `now_ns`, at most two seconds of it: after a longer pause the rest is skipped. */
void model_advance(struct grid_state *state, const struct profile *profile, uint64_t now_ns);
struct feeder_values model_feeder(const struct grid_state *state, const struct profile *profile, unsigned feeder);

#endif
