/*
 * Under-frequency load shedding in stages.
 *
 * The frequency of the grid is the median of what the feeders measured within the last 100 ms, so that one broken
 * measurement sheds nobody. When it stays below a stage's setting for the stage's delay, the stage acts once: it sheds
 * its number of feeders, those with the highest priority number that are still closed. Several stages may act together
 * when the frequency falls fast. A stage that has acted is armed again by the operator's reset only: feeders that come
 * back by themselves would make the frequency swing.
 *
 * Plain data, in the state region of protect.
 */
#ifndef GRID_PROTECT_SHEDDING_H
#define GRID_PROTECT_SHEDDING_H

#include "examples/grid/common/protocol.h"

struct shedding {
    uint64_t stages_done;
    uint64_t below_since_ns[GRID_STAGES_MAX]; /* 0: not below */
    double frequency_hz; /* the last median; 0: none yet */
    struct {
        uint64_t time_ns;
        double frequency_hz;
    } measured[GRID_FEEDERS_MAX];
};

/*
 * Take a good reading's frequency. Returns a bit for each feeder (index) to shed now; `is_open` tells which are open or
 * about to be.
 */
uint64_t shedding_measure(struct shedding *shedding, const struct grid_config *config, unsigned feeder,
                          double frequency_hz, uint64_t time_ns, const bool is_open[GRID_FEEDERS_MAX]);
/* All stages are armed again. */
void shedding_reset(struct shedding *shedding);

#endif
