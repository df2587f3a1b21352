/*
 * The settings of protection: what grove config gives, key by key, and for the rest what grid.conf says.
 *
 *     deadline                       from a reading's time stamp to the confirmed trip
 *     feeder.N.instantaneous         A: trip at once above this
 *     feeder.N.overcurrent           A: trip when above this for
 *     feeder.N.delay
 *     stage.K.below                  Hz: shed when below this for
 *     stage.K.delay
 *     stage.K.feeders                so many feeders
 *
 * The manifest declares the keys with their ranges, so a value out of range never gets here. What ranges cannot say is
 * checked by settings_check, before a change applies: stages go down, and overcurrent lies below instantaneous.
 *
 * Plain data, which protect keeps in its state region: an instance that starts while the configuration service is dead
 * protects with what counted last.
 */
#ifndef GRID_PROTECT_SETTINGS_H
#define GRID_PROTECT_SETTINGS_H

#include "examples/grid/common/config.h"
#include "grove/config.h"

struct settings {
    uint64_t change; /* number of the newest change of the configuration that is in it; 0: grid.conf alone */
    uint64_t deadline_ns;
    struct {
        double instantaneous_a, overcurrent_a;
        uint64_t overcurrent_ns;
    } feeder[GRID_FEEDERS_MAX];
    uint64_t stage_count;
    struct config_stage stage[GRID_STAGES_MAX];
};

/* What a configuration says by itself. */
void settings_take(struct settings *settings, const struct grid_config *config);
/* From now on the configuration says this. */
void settings_apply(const struct settings *settings, struct grid_config *config);
/*
 * Read all keys, as of one change, over what grid.conf says (`plant`). With a proposal, its values count instead of those
 * that are now. GROVE_AGAIN: a change came in between each time.
 */
int settings_read(struct grove_config *keys, const struct grove_config_proposal *proposal,
                  const struct grid_config *plant, struct settings *settings);
/* GROVE_INVALID, and *problem says which two do not fit together. */
int settings_check(const struct settings *settings, const struct grid_config *plant, struct problem *problem);

#endif
