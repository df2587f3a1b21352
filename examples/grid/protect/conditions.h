/*
 * What protection has to tell: conditions that begin and end, as events for the alarm service.
 *
 * Conditions follow from the state by themselves; what has been told is kept beside them, and each difference becomes
 * one event. So a kill between a decision and its event loses no event: the next instance sees the difference again. A
 * kill between an event and the note that it was told sends it twice; the alarm service takes that for what it is.
 */
#ifndef GRID_PROTECT_CONDITIONS_H
#define GRID_PROTECT_CONDITIONS_H

#include "examples/grid/common/outbox.h"
#include "examples/grid/protect/breakers.h"
#include "examples/grid/protect/shedding.h"

/* In the state region: bit n of a word is enum alarm_kind n. The last word is for the grid as a whole. */
struct conditions {
    uint32_t told[GRID_FEEDERS_MAX + 1];
};

/* `good_ns`: when each feeder last gave a good reading, 0 for not since this instance began at `began_ns`. */
void conditions_update(struct conditions *conditions, struct outbox *outbox, const struct grid_config *config,
                       const struct breaker *breakers, const struct shedding *shedding, const uint64_t *good_ns,
                       uint64_t began_ns);

#endif
