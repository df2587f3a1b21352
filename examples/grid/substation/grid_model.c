/* The swing equation; see grid_model.h. Pure. */
#include "examples/grid/substation/grid_model.h"

#include <math.h>

#define STATE_MAGIC 0x44524733u
#define STEP_NS 2000000u
#define LONGEST_ADVANCE_NS 2000000000u
#define GOVERNOR_SECONDS 1.0
#define LOAD_FREQUENCY_FACTOR 1.5
#define SQRT3_COS_PHI (1.7320508 * 0.95)

void model_start(struct grid_state *state, uint64_t now_ns) {
    bool is_sound = state->magic == STATE_MAGIC && state->now_ns <= now_ns && state->start_ns <= state->now_ns &&
                    state->frequency_hz > 40 && state->frequency_hz < 60 && isfinite(state->governor_kw);
    if (is_sound)
        return;
    *state = (struct grid_state){
        .magic = STATE_MAGIC, .start_ns = now_ns, .now_ns = now_ns, .frequency_hz = MODEL_NOMINAL_HZ};
}

static double track_now(const struct grid_state *state, const struct profile *profile, unsigned feeder,
                        enum profile_quantity quantity, double otherwise) {
    return profile_value(profile, &profile->feeder[feeder][quantity], state->now_ns - state->start_ns, otherwise);
}

static double total_load(const struct grid_state *state, const struct profile *profile, bool only_closed) {
    double load = 0;
    for (unsigned i = 0; i < profile->feeder_count; i++)
        if (!only_closed || !state->is_open[i])
            load += track_now(state, profile, i, PROFILE_LOAD, 0);
    return load;
}

static double clamp(double value, double least, double most) {
    return fmin(fmax(value, least), most);
}

static void model_step(struct grid_state *state, const struct profile *profile, double seconds) {
    double deviation = (state->frequency_hz - MODEL_NOMINAL_HZ) / MODEL_NOMINAL_HZ;
    double generation = profile_value(profile, &profile->generation, state->now_ns - state->start_ns,
                                      total_load(state, profile, false));
    double load = total_load(state, profile, true) * (1 + LOAD_FREQUENCY_FACTOR * deviation);
    double wanted =
        clamp(-deviation / (profile->droop_percent / 100) * profile->base_kw, -generation, profile->reserve_kw);
    state->governor_kw += (wanted - state->governor_kw) * fmin(seconds / GOVERNOR_SECONDS, 1);
    double slope =
        MODEL_NOMINAL_HZ / (2 * profile->inertia_s * profile->base_kw) * (generation + state->governor_kw - load);
    state->frequency_hz = clamp(state->frequency_hz + slope * seconds, 45, 55);
}

void model_advance(struct grid_state *state, const struct profile *profile, uint64_t now_ns) {
    if (now_ns <= state->now_ns)
        return;
    if (now_ns - state->now_ns > LONGEST_ADVANCE_NS)
        state->now_ns = now_ns - LONGEST_ADVANCE_NS;
    while (state->now_ns + STEP_NS <= now_ns) {
        model_step(state, profile, STEP_NS / 1e9);
        state->now_ns += STEP_NS;
    }
}

struct feeder_values model_feeder(const struct grid_state *state, const struct profile *profile, unsigned feeder) {
    double voltage = track_now(state, profile, feeder, PROFILE_VOLTAGE, 10000);
    double fault = track_now(state, profile, feeder, PROFILE_FAULT, 0);
    double load = track_now(state, profile, feeder, PROFILE_LOAD, 0);
    if (state->is_open[feeder])
        return (struct feeder_values){.voltage_v = voltage};
    double current = voltage < 1 ? 0 : load * 1000 / (SQRT3_COS_PHI * voltage);
    return (struct feeder_values){.voltage_v = fault > 0 ? voltage / 2 : voltage,
                                  .current_a = current + fault,
                                  .power_kw = load,
                                  .is_closed = true};
}
