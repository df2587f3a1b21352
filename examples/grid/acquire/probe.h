/* acquire --probe: read every feeder once, without Grove, and print what its register map makes of the device. */
#ifndef GRID_ACQUIRE_PROBE_H
#define GRID_ACQUIRE_PROBE_H

#include "examples/grid/common/config.h"

/* Returns the exit status: 0 if every feeder gave a good reading within two seconds. */
int probe_run(const struct grid_config *config);

#endif
