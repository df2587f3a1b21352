/*
 * How settings reach a running protection: opened at the start, looked at with each reading, applied when they have changed.
 *
 * Protection waits for the configuration service only when it has nothing to protect with: at the very first start. Later
 * instances begin with the settings in the state region, and look for the service with a patience of a few milliseconds, once
 * a second until they have it.
 */
#ifndef GRID_PROTECT_TUNING_H
#define GRID_PROTECT_TUNING_H

#include "examples/grid/protect/settings.h"

struct tuning {
    const struct grid_config *plant; /* as grid.conf has it */
    struct grid_config *config; /* what counts now */
    struct settings *settings; /* in the state region */
    struct grove_config *keys; /* NULL: not open */
    bool has_no_keys; /* the manifest declares none: grid.conf alone counts */
    uint64_t seen; /* change number that was looked at last, applied or not */
    uint64_t retry_ns;
    bool has_complained; /* about the configuration service, on standard error */
};

/*
 * Begin: `is_kept`, with what the state region holds, or else with what the configuration says now. The errors of
 * grove_config_open, and GROVE_INVALID, when there is nothing to begin with; grove_last_error or *problem has the sentence.
 */
int tuning_start(struct tuning *tuning, bool is_kept, struct problem *problem);
/* Apply what has changed since; a look into shared memory when nothing has. */
void tuning_update(struct tuning *tuning);
/* Look for the configuration service if it was not there: now and then. */
void tuning_tick(struct tuning *tuning);

#endif
