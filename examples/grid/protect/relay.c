/* The overcurrent relay; see relay.h. Pure. */
#include "examples/grid/protect/relay.h"

enum trip_cause relay_check(struct relay *relay, const struct config_feeder *feeder, double current_a,
                            uint64_t time_ns) {
    if (feeder->instantaneous_a > 0 && current_a > feeder->instantaneous_a)
        return CAUSE_INSTANTANEOUS;
    if (feeder->overcurrent_a <= 0 || !(current_a > feeder->overcurrent_a)) {
        relay->above_since_ns = 0;
        return CAUSE_NONE;
    }
    if (relay->above_since_ns == 0)
        relay->above_since_ns = time_ns;
    bool has_lasted = time_ns >= relay->above_since_ns && time_ns - relay->above_since_ns >= feeder->overcurrent_ns;
    return has_lasted ? CAUSE_OVERCURRENT : CAUSE_NONE;
}
