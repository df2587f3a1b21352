/*
 * The overcurrent relay of one feeder: trips at once above the instantaneous setting, and above the overcurrent setting
 * when that lasts (definite time, IEC 60255-151). Time is that of the readings, so that neither a restart nor a late
 * delivery shortens or lengthens the delay.
 */
#ifndef GRID_PROTECT_RELAY_H
#define GRID_PROTECT_RELAY_H

#include "examples/grid/common/protocol.h"

struct relay {
    uint64_t above_since_ns; /* time of the first reading above the overcurrent setting; 0: the last one was below */
};

/* CAUSE_NONE, CAUSE_INSTANTANEOUS or CAUSE_OVERCURRENT. */
enum trip_cause relay_check(struct relay *relay, const struct config_feeder *feeder, double current_a,
                            uint64_t time_ns);

#endif
