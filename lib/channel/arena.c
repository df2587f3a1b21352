/*
 * The arena: blocks of the own segment, lent to the application and read in place by the peer.
 *
 * A block is a run of granules. It is in use while any of these is true:
 *   - the application has it on loan (loans);
 *   - a record that the peer has not completed carries a slice of it (records);
 *   - the peer holds a range of it past completion (its `held` words);
 *   - the peer may hand it back: a completed CALL carried it, and the reply, published before the completion, is
 *     not completed yet by this end (keep_until, a position in each of the peer's lanes).
 * The first two are counted here. When both reach zero the block is retired: it waits in a list, where arena_collect
 * looks at the other two until neither is true.
 *
 * Why nothing is freed while readable: the peer stores a hold before it completes the record, and publishes a reply
 * before it completes the call; this end loads the read position first, and the holds and the write position after it.
 *
 * Which granules are used, and where blocks begin, is private. A next instance finds it out anew from both segments:
 * slices of records that are not completed, ranges held, slices handed back in replies that are not taken. Blocks
 * that were on loan only are free again, since the application that had them is gone.
 *
 * Work is bounded: a search by the size of the arena in words, a collection by the number of retired blocks.
 */
#include "lib/channel/arena.h"

#include <stdlib.h>

void bits_fill(uint64_t *bits, uint32_t first, uint32_t count, bool value) {
    while (count != 0) {
        uint32_t shift = first % 64u;
        uint32_t here = count < 64u - shift ? count : 64u - shift;
        uint64_t mask = (UINT64_MAX << shift) & (UINT64_MAX >> (63u - (shift + here - 1u) % 64u));
        bits[first / 64u] = value ? bits[first / 64u] | mask : bits[first / 64u] & ~mask;
        first += here;
        count -= here;
    }
}

/* The first bit of this value at or after `from`, or `limit`. */
static uint32_t bits_find(const uint64_t *bits, uint32_t from, uint32_t limit, bool value) {
    while (from < limit) {
        uint64_t word = (value ? bits[from / 64u] : ~bits[from / 64u]) >> (from % 64u);
        if (word != 0) {
            uint32_t found = from + (uint32_t)__builtin_ctzll(word);
            return found < limit ? found : limit;
        }
        from = (from / 64u + 1u) * 64u;
    }
    return limit;
}

/* ---- blocks ---- */

/* The nearest granule that is not joined to the one before it. */
uint32_t block_first(const struct arena *arena, uint32_t granule) {
    uint32_t word = granule / 64u;
    uint64_t starts = ~arena->joined[word] & (UINT64_MAX >> (63u - granule % 64u));
    while (starts == 0 && word != 0)
        starts = ~arena->joined[--word];
    return starts == 0 ? 0 : word * 64u + 63u - (uint32_t)__builtin_clzll(starts);
}

static uint32_t block_granules(const struct arena *arena, uint32_t first) {
    return bits_find(arena->joined, first + 1u, arena->granules, false) - first;
}

static void block_free(struct arena *arena, uint32_t first) {
    uint32_t count = block_granules(arena, first);
    bits_fill(arena->used, first, count, false);
    bits_fill(arena->joined, first, count, false);
}

static void block_retire(struct arena *arena, uint32_t first) {
    arena->blocks[first].retired_next = ARENA_NONE;
    arena->blocks[first].is_retired = true;
    if (arena->retired_last == ARENA_NONE)
        arena->retired_first = first;
    else
        arena->blocks[arena->retired_last].retired_next = first;
    arena->retired_last = first;
}

static bool block_is_counted(const struct arena_block *block) {
    return block->records != 0 || block->loans != 0;
}

static void block_retire_if_unused(struct arena *arena, uint32_t first) {
    if (!block_is_counted(&arena->blocks[first]) && !arena->blocks[first].is_retired)
        block_retire(arena, first);
}

void arena_retire_unused(struct arena *arena) {
    uint32_t first = bits_find(arena->used, 0, arena->granules, true);
    while (first < arena->granules) {
        block_retire_if_unused(arena, first);
        first = bits_find(arena->used, first + block_granules(arena, first), arena->granules, true);
    }
}

/* ---- set-up ---- */

int arena_init(struct channel_end *end, bool resumed) {
    struct arena *arena = &end->arena;
    uint32_t granules = (uint32_t)(end->layout.arena_bytes / GROVE_ARENA_GRANULE);
    *arena = (struct arena){
        .granules = granules, .retired_first = ARENA_NONE, .retired_last = ARENA_NONE, .is_known = !resumed};
    if (granules == 0)
        return 0;
    size_t words = (granules + 63u) / 64u;
    arena->memory = calloc(1, 2u * words * sizeof(uint64_t) + granules * sizeof(struct arena_block));
    if (arena->memory == NULL)
        return GROVE_NO_MEMORY;
    arena->used = arena->memory;
    arena->joined = arena->used + words;
    arena->blocks = (struct arena_block *)(void *)(arena->joined + words);
    return 0;
}

void arena_deinit(struct arena *arena) {
    free(arena->memory);
    arena->memory = NULL;
    arena->granules = 0;
}

/* ---- what comes back ---- */

static bool block_is_held(const struct channel_end *end, uint32_t first) {
    uint64_t from = (uint64_t)first * GROVE_ARENA_GRANULE;
    uint64_t until = from + (uint64_t)block_granules(&end->arena, first) * GROVE_ARENA_GRANULE;
    for (unsigned i = 0; i < GROVE_HELD_MAX; i++) {
        /* Pairs with the stores in channel_end_hold and channel_end_release. Any value is harmless: it is only compared. */
        uint64_t held = load_acquire(&end->peer_control->held[i]);
        uint64_t offset = (held & UINT32_MAX) - 1u, length = held >> 32;
        if (held != 0 && offset < until && offset + length > from)
            return true;
    }
    return false;
}

static bool block_is_kept(const struct channel_end *end, const struct arena_block *block) {
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        if (end->in[lane].read < block->keep_until[lane])
            return true;
    return false;
}

static bool block_is_read(const struct channel_end *end, uint32_t first) {
    return block_is_kept(end, &end->arena.blocks[first]) || (end->peer_control != NULL && block_is_held(end, first));
}

bool arena_can_collect(const struct channel_end *end) {
    const struct arena *arena = &end->arena;
    for (uint32_t first = arena->retired_first; first != ARENA_NONE; first = arena->blocks[first].retired_next)
        if (!block_is_counted(&arena->blocks[first]) && !block_is_read(end, first))
            return true;
    return false;
}

/* Free the retired blocks that nobody can read any more. */
static void arena_collect(struct channel_end *end) {
    struct arena *arena = &end->arena;
    uint32_t next = arena->retired_first;
    arena->retired_first = arena->retired_last = ARENA_NONE;
    while (next != ARENA_NONE) {
        uint32_t first = next;
        struct arena_block *block = &arena->blocks[first];
        next = block->retired_next;
        block->is_retired = false;
        if (block_is_counted(block))
            continue; /* the application asked for it again */
        if (block_is_read(end, first))
            block_retire(arena, first);
        else
            block_free(arena, first);
    }
}

/* Calls `visit` for each used block that a record of this end's own carries. */
typedef void block_visitor(struct channel_end *end, unsigned lane, uint8_t kind, uint32_t first);

static void record_visit(struct channel_end *end, unsigned lane, const uint8_t *record,
                         const struct grove_record *header, block_visitor *visit) {
    for (unsigned i = 0; i < header->slices; i++) {
        struct grove_slice slice;
        slice_read(record, i, &slice);
        if (slice.space == GROVE_SLICE_SENDER && arena_has(end, slice.offset_bytes, slice.length_bytes))
            visit(end, lane, header->kind, block_first(&end->arena, granule_of(slice.offset_bytes)));
    }
}

/* The first record that carries a loan takes it over; more of them add to it. */
static void carry_block(struct channel_end *end, unsigned lane, uint8_t kind, uint32_t first) {
    (void)lane;
    (void)kind;
    struct arena_block *block = &end->arena.blocks[first];
    block->records++;
    if (block->loans != 0)
        block->loans--;
}

static void drop_block(struct channel_end *end, unsigned lane, uint8_t kind, uint32_t first) {
    struct arena_block *block = &end->arena.blocks[first];
    if (block->records == 0)
        return;
    /* The reply was published before the call was completed, so it ends below what is published by now. */
    if (kind == GROVE_RECORD_CALL)
        block->keep_until[lane] = end->in[lane].peer_write;
    block->records--;
    block_retire_if_unused(&end->arena, first);
}

void arena_carry(struct channel_end *end, unsigned lane, const uint8_t *record, const struct grove_record *header) {
    struct lane_out *out = &end->out[lane];
    if (out->sliced_count++ == 0)
        out->sliced_from = out->write;
    record_visit(end, lane, record, header, carry_block);
}

void arena_reclaim(struct channel_end *end, unsigned lane) {
    struct lane_out *out = &end->out[lane];
    if (lane_in_refresh(end, lane) < 0)
        return;
    while (out->sliced_count != 0 && out->sliced_from < out->peer_read) {
        struct grove_record header;
        uint64_t position = out->sliced_from;
        /* The own lane: written by this end alone, so a failure here means that an earlier instance left nonsense. */
        if (record_read(out->base, out->lane_bytes, &position, out->write, &header) < 0) {
            end->is_broken = true;
            return;
        }
        if (position + header.size_bytes > out->peer_read)
            return;
        if (header.flags & GROVE_RECORD_SLICES) {
            record_visit(end, lane, out->base + (position & (out->lane_bytes - 1u)), &header, drop_block);
            out->sliced_count--;
        }
        out->sliced_from = position + header.size_bytes;
    }
}

bool arena_has(const struct channel_end *end, uint64_t offset_bytes, uint64_t length_bytes) {
    if (!range_is_inside(offset_bytes, length_bytes, end->layout.arena_bytes))
        return false;
    uint32_t first = granule_of(offset_bytes), limit = first + granules_of_range(offset_bytes, length_bytes);
    return bits_find(end->arena.used, first, limit, false) == limit;
}

/* ---- loans ---- */

/* First fit, so that a block just freed is lent again while it is still in the processor's cache. */
static bool arena_find(const struct arena *arena, uint32_t count, uint32_t *first) {
    uint32_t from = 0;
    while (from < arena->granules) {
        from = bits_find(arena->used, from, arena->granules, false);
        if (arena->granules - from < count)
            return false;
        uint32_t limit = bits_find(arena->used, from, from + count, true);
        if (limit == from + count) {
            *first = from;
            return true;
        }
        from = limit;
    }
    return false;
}

/* See what the peer has completed and released since. */
static int arena_refresh(struct channel_end *end) {
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        if (end->out[lane].sliced_count != 0) {
            int status = lane_out_refresh(end, lane);
            if (status < 0)
                return status;
        }
    if (end->arena.retired_first != ARENA_NONE)
        arena_collect(end);
    return 0;
}

/* The caller may go to sleep now: a block comes back by a completion or by the end of a hold. */
static void arena_refused(struct channel_end *end) {
    end->arena.is_refused = true;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        if (end->out[lane].sliced_count != 0)
            lane_out_refused(&end->out[lane]);
}

int channel_end_loan(struct channel_end *end, size_t length_bytes, void **data, uint64_t *offset_bytes) {
    struct arena *arena = &end->arena;
    if (length_bytes > end->layout.arena_bytes || arena->granules == 0)
        return GROVE_TOO_LARGE;
    if (end->is_broken)
        return GROVE_CORRUPT;
    if (!arena->is_known)
        return GROVE_AGAIN;
    int status = arena_refresh(end);
    if (status < 0)
        return status;
    uint32_t count = length_bytes == 0 ? 1u : granules_of_range(0, length_bytes), first;
    if (!arena_find(arena, count, &first)) {
        arena_refused(end);
        return GROVE_AGAIN;
    }
    bits_fill(arena->used, first, count, true);
    bits_fill(arena->joined, first + 1u, count - 1u, true);
    arena->blocks[first] = (struct arena_block){.loans = 1, .retired_next = ARENA_NONE};
    *offset_bytes = (uint64_t)first * GROVE_ARENA_GRANULE;
    *data = end->own + end->layout.arena_offset_bytes + *offset_bytes;
    return 0;
}

void channel_end_loan_return(struct channel_end *end, uint64_t offset_bytes) {
    if (!arena_has(end, offset_bytes, 1))
        return;
    uint32_t first = block_first(&end->arena, granule_of(offset_bytes));
    if (end->arena.blocks[first].loans == 0)
        return;
    end->arena.blocks[first].loans--;
    block_retire_if_unused(&end->arena, first);
}

int arena_keep(struct channel_end *end, uint64_t offset_bytes) {
    struct arena *arena = &end->arena;
    uint32_t first = block_first(arena, granule_of(offset_bytes));
    struct arena_block *block = &arena->blocks[first];
    if (block->loans == UINT32_MAX)
        return GROVE_EXHAUSTED;
    block->loans++;
    return 0;
}

int channel_end_loan_keep(struct channel_end *end, uint64_t offset_bytes) {
    return arena_has(end, offset_bytes, 1) ? arena_keep(end, offset_bytes) : GROVE_INVALID;
}
