/* Sizes of a segment: abi/channel.h draws it. */
#include "kernel/core/state.h"

#define MARK_BYTES (GROVE_REPLY_MARKS * sizeof(struct grove_reply_mark))

_Static_assert(sizeof(struct grove_control) <= GROVE_SEGMENT_PAGE, "the control structure is one page");
_Static_assert(MARK_BYTES == GROVE_SEGMENT_PAGE, "the reply marks of a lane are one page");

static int lane_size(uint64_t wanted, uint64_t default_bytes, uint64_t *bytes) {
    if (wanted > GROVE_LANE_BYTES_MAX)
        return GROVE_TOO_LARGE;
    uint64_t size = GROVE_LANE_BYTES_MIN;
    while (size < (wanted != 0 ? wanted : default_bytes))
        size *= 2;
    *bytes = size;
    return GROVE_OK;
}

static int arena_size(uint64_t wanted, uint64_t *bytes) {
    uint64_t size = wanted == 0 ? GROVE_ARENA_BYTES_DEFAULT : wanted == GROVE_ARENA_NONE ? 0 : wanted;
    if (size > GROVE_ARENA_BYTES_MAX)
        return GROVE_TOO_LARGE;
    *bytes = (size + GROVE_ARENA_GRANULE - 1) / GROVE_ARENA_GRANULE * GROVE_ARENA_GRANULE;
    return GROVE_OK;
}

int channel_layout(const uint64_t lane_bytes[GROVE_LANES], uint64_t arena_bytes, struct grove_channel_layout *out) {
    static const uint32_t defaults[GROVE_LANES] = GROVE_LANE_BYTES_DEFAULT;
    struct grove_channel_layout layout = {0};
    uint64_t offset = GROVE_SEGMENT_PAGE + GROVE_LANES * MARK_BYTES;
    for (uint32_t lane = 0; lane < GROVE_LANES; lane++) {
        int status = lane_size(lane_bytes[lane], defaults[lane], &layout.lane_bytes[lane]);
        if (status < 0)
            return status;
        layout.lane_offset_bytes[lane] = offset;
        offset += layout.lane_bytes[lane];
    }
    int status = arena_size(arena_bytes, &layout.arena_bytes);
    if (status < 0)
        return status;
    layout.arena_offset_bytes = offset;
    layout.total_bytes = offset + layout.arena_bytes;
    *out = layout;
    return GROVE_OK;
}
