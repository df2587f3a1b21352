/*
 * The profile that a substation plays: what happens when, to which feeder.
 *
 *     loop 30s                                        it begins again after this
 *     system base 10000 inertia 4 droop 5 reserve 400 kW, s, %, kW: see grid_model.h
 *     at 0s  feeder 1 load 1200                       kW
 *     at 5s  feeder 1 load 1400 ramp 2s               reached after 2 s, in a straight line
 *     at 0s  feeder 1 voltage 10000                   V
 *     at 2s  feeder 4 fault 1500                      A, a short circuit; 0 ends it
 *     at 5s  generation 7000 ramp 500ms               kW that the power stations give
 *
 * Lines of one quantity stand in the order of their times. Before its first line a quantity has the value of its last
 * one, because the profile repeats; with no line at all: load 0, voltage 10000, fault 0, generation as much as the load.
 */
#ifndef GRID_SUBSTATION_PROFILE_H
#define GRID_SUBSTATION_PROFILE_H

#include "examples/grid/common/lines.h"

#define PROFILE_FEEDERS_MAX 64u
#define PROFILE_EVENTS_MAX 32u /* of one quantity of one feeder */

struct profile_event {
    uint64_t time_ns, ramp_ns;
    double value;
};
struct profile_track {
    unsigned count;
    struct profile_event event[PROFILE_EVENTS_MAX];
};
enum profile_quantity { PROFILE_LOAD, PROFILE_VOLTAGE, PROFILE_FAULT, PROFILE_QUANTITIES };

struct profile {
    uint64_t loop_ns;
    double base_kw, inertia_s, droop_percent, reserve_kw;
    unsigned feeder_count; /* the highest feeder number */
    struct profile_track generation;
    struct profile_track feeder[PROFILE_FEEDERS_MAX][PROFILE_QUANTITIES];
};

/* GROVE_INVALID and what lines_parse_file returns; *problem says what is wrong and where. */
int profile_load(const char *path, struct profile *profile, struct problem *problem);
int profile_parse(const char *source, const char *text, size_t length_bytes, struct profile *profile,
                  struct problem *problem);
/* The value of a track at a time since the profile began; `otherwise` if the track has no event. */
double profile_value(const struct profile *profile, const struct profile_track *track, uint64_t time_ns,
                     double otherwise);

#endif
