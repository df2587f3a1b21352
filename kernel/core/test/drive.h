/*
 * A driver of a world by bytes: it turns a stream of choices into requests and machine events that mostly make sense,
 * because handles and names are drawn from what exists. The randomised test feeds it from a seed, the fuzz target from
 * its input.
 */
#ifndef GROVE_CORE_TEST_DRIVE_H
#define GROVE_CORE_TEST_DRIVE_H

#include "kernel/core/test/world.h"

#define DRIVE_ACTORS 24u
#define DRIVE_HANDLES 64u

struct drive {
    struct world world;
    const uint8_t *bytes; /* choices; after the last one all are 0 */
    size_t left;
    machine_container actors[DRIVE_ACTORS];
    uint32_t actor_count;
    grove_handle handles[DRIVE_HANDLES]; /* seen in replies and notices */
    uint32_t handle_at;
};

void drive_open(struct drive *drive, const uint8_t *bytes, size_t count);
/* One action; false when the choices are used up. */
bool drive_step(struct drive *drive);
void drive_close(struct drive *drive);

#endif
