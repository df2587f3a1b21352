/*
 * Set-up of an end, take-over by a next instance, attaching the peer, and sleeping.
 *
 * What a crash leaves behind. Everything that outlives an instance is in its own segment; the kernel gives a copy to the
 * next instance. A crash keeps a prefix of the stores below, and each prefix is a state to go on from:
 *
 *   publish    record, [mark.end_position, mark.number, reply_count,] write_position
 *              before the last store nothing is visible, and no mark counts; after it all of it does
 *   take       taken_position, then the handler runs
 *              a record that no handler has seen is not marked as redelivered by its stores alone
 *   complete   [held, for each slice kept,] read_position
 *              before it the record is delivered again, with is_redelivered, and is_answered if its mark counts
 *   number     next_number, then it is used
 *              a number may be skipped, never used twice
 *   release    held = 0, when nothing reads it any more
 *
 * What no segment holds dies with the instance: loans that no record carries are free again, holds of the dead
 * instance are dropped by the next one before it attaches, a reservation was never visible.
 *
 * The next instance trusts nothing in the segment: a service may have been taken over by an attacker before it died, and
 * its successor must get off with GROVE_CORRUPT.
 */
#include "lib/channel/internal.h"

#include <string.h>

#define LANES_OFFSET_MIN ((uint64_t)GROVE_SEGMENT_PAGE * (1u + GROVE_LANES))

size_t channel_end_bytes(void) {
    return sizeof(struct channel_end);
}

/* ---- set-up ---- */

static bool layout_is_valid(const struct grove_channel_layout *layout) {
    uint64_t offset = LANES_OFFSET_MIN;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        uint64_t bytes = layout->lane_bytes[lane];
        if (bytes < GROVE_LANE_BYTES_MIN || bytes > GROVE_LANE_BYTES_MAX || (bytes & (bytes - 1u)) != 0)
            return false;
        if (layout->lane_offset_bytes[lane] < offset || layout->lane_offset_bytes[lane] > layout->total_bytes ||
            layout->lane_offset_bytes[lane] % 64u != 0)
            return false;
        offset = layout->lane_offset_bytes[lane] + bytes;
    }
    return layout->arena_bytes <= GROVE_ARENA_BYTES_MAX && layout->arena_bytes % GROVE_ARENA_GRANULE == 0 &&
           layout->arena_offset_bytes >= offset && layout->arena_offset_bytes <= layout->total_bytes &&
           layout->arena_offset_bytes % GROVE_SEGMENT_PAGE == 0 &&
           layout->arena_bytes <= layout->total_bytes - layout->arena_offset_bytes;
}

/* Positions of one lane, both ways, as an earlier instance left them. */
static int lane_take_over(struct channel_end *end, unsigned lane) {
    struct lane_out *out = &end->out[lane];
    struct lane_in *in = &end->in[lane];
    const struct grove_control *control = end->control;
    out->write = control->out[lane].write_position;
    /* Not known before the peer is attached; it cannot be lower, so there is no more room than this. */
    out->peer_read = out->write > out->lane_bytes ? out->write - out->lane_bytes : 0;
    in->read = in->taken = in->peer_write = control->in[lane].read_position;
    in->redelivered_below = control->in[lane].taken_position;
    if (out->write % GROVE_RECORD_ALIGN != 0 || in->read % GROVE_RECORD_ALIGN != 0)
        return GROVE_CORRUPT;
    if (in->redelivered_below > in->read + in->lane_bytes)
        return GROVE_CORRUPT;
    end->reply_count[lane] = control->reply_count[lane];
    reply_marks_take_over(end, lane);
    return 0;
}

static int take_over(struct channel_end *end) {
    struct grove_control *control = end->control;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        int status = lane_take_over(end, lane);
        if (status < 0)
            return status;
    }
    /* 0: the instance before died before it had set up anything. */
    end->next_number = control->next_number != 0 ? control->next_number : 1u;
    end->waiting = control->waiting;
    for (unsigned i = 0; i < GROVE_HELD_MAX; i++)
        if (control->held[i] != 0)
            store_release(&control->held[i], 0);
    /* The kernel has closed the segment of the instance before; this one is open. */
    store_word(&control->signal, control->signal & GROVE_SIGNAL_COUNT);
    channel_end_awake(end);
    return 0;
}

int channel_end_init(struct channel_end *end, enum grove_channel_role role, const struct grove_channel_layout *layout,
                     void *own_segment, bool resumed) {
    if (!layout_is_valid(layout) || (role != GROVE_ROLE_CLIENT && role != GROVE_ROLE_SERVER))
        return GROVE_INVALID;
    memset(end, 0, sizeof *end);
    end->role = role;
    end->layout = *layout;
    end->own = own_segment;
    end->control = own_segment;
    end->next_number = 1u;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        end->out[lane].base = end->own + layout->lane_offset_bytes[lane];
        end->out[lane].lane_bytes = end->in[lane].lane_bytes = layout->lane_bytes[lane];
    }
    if (resumed) {
        int status = take_over(end);
        if (status < 0)
            return status;
    } else {
        store_plain(&end->control->next_number, end->next_number);
    }
    store_word(&end->control->features, GROVE_CONTROL_STEPS);
    return arena_init(end, resumed);
}

void channel_end_deinit(struct channel_end *end) {
    arena_deinit(&end->arena);
}

/* ---- the peer ---- */

int channel_end_attach_peer(struct channel_end *end, const void *peer_segment) {
    if (end->is_broken)
        return GROVE_CORRUPT;
    end->peer = peer_segment;
    end->peer_control = peer_segment;
    end->woken = 0;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        end->in[lane].base = end->peer + end->layout.lane_offset_bytes[lane];
    /* Each against what was seen in the segment before: a next instance goes on and never goes back. */
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        if (lane_out_refresh(end, lane) < 0)
            return GROVE_CORRUPT;
    if (arena_take_over(end) < 0)
        end->is_broken = true;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        if (lane_in_refresh(end, lane) < 0)
            return GROVE_CORRUPT;
    return end->is_broken ? GROVE_CORRUPT : 0;
}

bool channel_end_has_peer(const struct channel_end *end) {
    return end->peer != NULL;
}

bool channel_end_is_reading(const struct channel_end *end, const void *peer_segment) {
    if (peer_segment == NULL)
        return false;
    for (unsigned i = 0; i < GROVE_HELD_MAX; i++)
        if (end->held_in[i] == peer_segment)
            return true;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        for (unsigned i = 0; i < GROVE_REPLY_MARKS; i++)
            if (end->in[lane].window[i].segment == peer_segment)
                return true;
    return false;
}

/* ---- sleeping ---- */

/* Has the peer completed or released anything since the caller was last refused? Then it is worth another try. */
static bool has_room(struct channel_end *end) {
    bool has_room = end->arena.is_refused && arena_can_collect(end);
    end->arena.is_refused &= !has_room;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        struct lane_out *out = &end->out[lane];
        if (!out->is_refused || load_ordered(&end->peer_control->in[lane].read_position) == out->refused_at)
            continue;
        out->is_refused = false;
        has_room = true;
    }
    return has_room;
}

/* Anything of what it sleeps for? */
static bool has_work(struct channel_end *end, enum channel_sleep what) {
    if (end->is_broken)
        return true;
    if (end->peer_control == NULL)
        return false;
    if ((what & CHANNEL_FOR_ROOM) != 0 && has_room(end))
        return true;
    for (unsigned lane = 0; lane < GROVE_LANES && (what & CHANNEL_FOR_RECORDS) != 0; lane++) {
        struct lane_in *in = &end->in[lane];
        /* After the ordered store of waiting; pairs with the ordered store in channel_end_publish. */
        if (in->window_next - in->window_first < GROVE_REPLY_MARKS &&
            load_ordered(&end->peer_control->out[lane].write_position) != in->taken)
            return true;
    }
    return false;
}

static uint64_t waiting_count(const struct channel_end *end) {
    return end->waiting >> GROVE_WAITING_COUNT_SHIFT;
}

bool channel_end_prepare_sleep(struct channel_end *end, enum grove_waiting how, enum channel_sleep what,
                               uint32_t *signal) {
    /* Before the look: a wake-up that comes after it changes the word that the caller sleeps on. */
    uint32_t seen = end->peer_control == NULL ? 0 : __atomic_load_n(&end->peer_control->signal, __ATOMIC_SEQ_CST);
    uint64_t for_room = (what & CHANNEL_FOR_ROOM) != 0 ? GROVE_WAITING_FOR_ROOM : 0;
    end->waiting = (waiting_count(end) + 1u) << GROVE_WAITING_COUNT_SHIFT | for_room | (uint64_t)how;
    /* Pairs with the load in must_wake. */
    store_ordered(&end->control->waiting, end->waiting);
    if (has_work(end, what)) {
        channel_end_awake(end);
        return false;
    }
    *signal = seen;
    return true;
}

void channel_end_awake(struct channel_end *end) {
    /* The count stays, so that the next sleep differs from this one. */
    end->waiting = waiting_count(end) << GROVE_WAITING_COUNT_SHIFT;
    store_release(&end->control->waiting, end->waiting);
}

uint32_t *channel_end_own_signal(struct channel_end *end) {
    return &end->control->signal;
}

const uint32_t *channel_end_peer_signal(const struct channel_end *end) {
    return end->peer_control == NULL ? NULL : &end->peer_control->signal;
}

void channel_end_signal(struct channel_end *end) {
    uint32_t *signal = &end->control->signal;
    store_word(signal, (__atomic_load_n(signal, __ATOMIC_RELAXED) + GROVE_SIGNAL_STEP) & GROVE_SIGNAL_COUNT);
}

bool channel_end_peer_is_closed(const struct channel_end *end) {
    return end->peer_control != NULL &&
           (__atomic_load_n(&end->peer_control->signal, __ATOMIC_ACQUIRE) & GROVE_SIGNAL_CLOSED) != 0;
}

bool channel_end_peer_steps(const struct channel_end *end) {
    return end->peer_control != NULL &&
           (__atomic_load_n(&end->peer_control->features, __ATOMIC_RELAXED) & GROVE_CONTROL_STEPS) != 0;
}

uint32_t channel_end_peer_processor(const struct channel_end *end) {
    return end->peer_control == NULL ? 0 : __atomic_load_n(&end->peer_control->processor, __ATOMIC_RELAXED);
}

void channel_end_set_processor(struct channel_end *end, uint32_t processor_plus_one) {
    /* Only a change is stored: the peer reads `waiting`, in the same cache line, after all that it publishes. */
    if (__atomic_load_n(&end->control->processor, __ATOMIC_RELAXED) != processor_plus_one)
        __atomic_store_n(&end->control->processor, processor_plus_one, __ATOMIC_RELAXED);
}
