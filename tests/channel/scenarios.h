/*
 * What the programs of world.h do. Small, so that every store of both sides can be a place to die.
 */
#ifndef GROVE_TESTS_CHANNEL_SCENARIOS_H
#define GROVE_TESTS_CHANNEL_SCENARIOS_H

#include "tests/channel/world.h"

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

#endif
