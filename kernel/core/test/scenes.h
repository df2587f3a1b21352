/* Scenes with which the tests of several parts begin: who is there, and what they may do. */
#ifndef GROVE_CORE_TEST_SCENES_H
#define GROVE_CORE_TEST_SCENES_H

#include "kernel/core/test/world.h"

/* "grid.maker", which may make, control and connect to all of grid, and has something of each kind to give away. */
#define SCENE_PERMISSIONS 7u
extern const struct world_permission scene_permissions[SCENE_PERMISSIONS];
extern const struct world_spec scene_maker_spec;
/* "grid.reader", which may read a folder that the maker may read too. */
extern const struct world_spec scene_reader_spec;

/* Boot, and start the maker below init. */
machine_container scene_maker_open(struct world *world);
/* enum grove_container_state of a container. */
uint8_t scene_state(const struct world *world, machine_container container);

/* Two services below init: `first` has a channel to the endpoint of `second`. */
struct scene_two {
    struct world world;
    machine_container first, second;
    grove_handle first_handle, second_handle, channel, back; /* the channel's two ends */
};
void scene_two_open(struct scene_two *two);

#endif
