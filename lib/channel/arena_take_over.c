/*
 * What of the arena is in use, found out by a next instance (see arena.c for what makes a block used).
 *
 * Three sources name ranges: slices in own records that the peer has not completed, the peer's `held` words, and
 * slices in the peer's replies that hand own memory back. The first pass marks their granules, and ranges that touch the
 * same granule become one block; the second counts. The order of the loads is that of arena.c: the peer's read
 * positions (channel_end_attach_peer), then its holds, then its write positions - so a range that moves from one source
 * to the next meanwhile is seen in at least one.
 *
 * The peer runs meanwhile and may be hostile: what the second pass reads may differ from the first. It then finds
 * granules unmarked and counts nothing, or counts a block of this end's own that nobody needed, on this channel only.
 */
#include "lib/channel/arena.h"

enum pass { PASS_MARK, PASS_COUNT };

/* A record of either side that names own memory: lane, and whether the own side sent it. */
struct source {
    unsigned lane;
    bool is_own;
};

static void range_mark(struct arena *arena, uint64_t offset_bytes, uint64_t length_bytes) {
    uint32_t first = granule_of(offset_bytes), count = granules_of_range(offset_bytes, length_bytes);
    bits_fill(arena->used, first, count, true);
    bits_fill(arena->joined, first + 1u, count - 1u, true);
}

static void range_count(struct channel_end *end, struct source source, const struct grove_slice *slice) {
    if (!arena_has(end, slice->offset_bytes, slice->length_bytes))
        return;
    struct arena_block *block = &end->arena.blocks[block_first(&end->arena, granule_of(slice->offset_bytes))];
    if (source.is_own)
        block->records++;
    else
        block->keep_until[source.lane] = end->in[source.lane].peer_write;
}

static void slices_visit(struct channel_end *end, struct source source, enum pass pass, const uint8_t *record,
                         const struct grove_record *header) {
    for (unsigned i = 0; i < header->slices; i++) {
        struct grove_slice slice;
        slice_read(record, i, &slice);
        if (slice.space != (source.is_own ? GROVE_SLICE_SENDER : GROVE_SLICE_RECEIVER) ||
            !range_is_inside(slice.offset_bytes, slice.length_bytes, end->layout.arena_bytes))
            continue;
        if (pass == PASS_MARK)
            range_mark(&end->arena, slice.offset_bytes, slice.length_bytes);
        else
            range_count(end, source, &slice);
    }
}

/* All records of a lane between two positions. */
static int lane_visit(struct channel_end *end, struct source source, enum pass pass) {
    struct lane_out *out = &end->out[source.lane];
    const struct lane_in *in = &end->in[source.lane];
    const uint8_t *base = source.is_own ? out->base : in->base;
    uint64_t position = source.is_own ? out->peer_read : in->read;
    uint64_t limit = source.is_own ? out->write : in->peer_write;
    while (position != limit) {
        struct grove_record header;
        if (record_read(base, in->lane_bytes, &position, limit, &header) < 0)
            return GROVE_CORRUPT;
        const uint8_t *record = base + (position & (in->lane_bytes - 1u));
        slices_visit(end, source, pass, record, &header);
        if (source.is_own && pass == PASS_COUNT && (header.flags & GROVE_RECORD_SLICES))
            out->sliced_count++;
        position += header.size_bytes;
    }
    return 0;
}

static int lanes_visit(struct channel_end *end, enum pass pass) {
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        int status = lane_visit(end, (struct source){lane, true}, pass);
        if (status == 0)
            status = lane_visit(end, (struct source){lane, false}, pass);
        if (status < 0)
            return status;
    }
    return 0;
}

static void held_mark(struct channel_end *end) {
    for (unsigned i = 0; i < GROVE_HELD_MAX; i++) {
        uint64_t held = load_acquire(&end->peer_control->held[i]);
        uint64_t offset = (held & UINT32_MAX) - 1u, length = held >> 32;
        if (held != 0 && range_is_inside(offset, length, end->layout.arena_bytes))
            range_mark(&end->arena, offset, length);
    }
}

int arena_take_over(struct channel_end *end) {
    struct arena *arena = &end->arena;
    if (arena->is_known)
        return 0;
    held_mark(end);
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        end->out[lane].sliced_from = end->out[lane].peer_read;
        if (lane_in_refresh(end, lane) < 0)
            return GROVE_CORRUPT;
    }
    int status = lanes_visit(end, PASS_MARK);
    if (status == 0)
        status = lanes_visit(end, PASS_COUNT);
    if (status < 0)
        return status;
    arena_retire_unused(arena);
    arena->is_known = true;
    return 0;
}
