/* The channel of these tests: as small as one can be, so that lanes and arena fill up and wrap around often. */
#ifndef GROVE_TESTS_SMALL_LAYOUT_H
#define GROVE_TESTS_SMALL_LAYOUT_H

#include "grove/abi/channel.h"

#define SMALL_LANE_BYTES 4096u
#define SMALL_ARENA_GRANULES 8u

static inline struct grove_channel_layout small_layout(void) {
    struct grove_channel_layout layout = {.arena_bytes = (uint64_t)SMALL_ARENA_GRANULES * GROVE_ARENA_GRANULE};
    uint64_t offset = (uint64_t)GROVE_SEGMENT_PAGE * (1u + GROVE_LANES);
    for (unsigned lane = 0; lane < GROVE_LANES; lane++, offset += SMALL_LANE_BYTES) {
        layout.lane_offset_bytes[lane] = offset;
        layout.lane_bytes[lane] = SMALL_LANE_BYTES;
    }
    layout.arena_offset_bytes = offset;
    layout.total_bytes = offset + layout.arena_bytes;
    return layout;
}

#endif
