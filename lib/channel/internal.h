/*
 * The private state of one end, and what the files of this folder call of each other.
 *
 * Nothing here is shared: it is lost with the instance and rebuilt from the two segments (end.c). Values from the peer
 * enter in four places only, and are checked there: lane_out_refresh and lane_in_refresh (positions), record_read
 * (headers), slice_read (slices). Everything behind them trusts its arguments.
 */
#ifndef GROVE_CHANNEL_INTERNAL_H
#define GROVE_CHANNEL_INTERNAL_H

#include "lib/channel/end.h"
#include "lib/channel/store.h"

#define RECORD_HEADER_BYTES ((uint64_t)sizeof(struct grove_record))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)

/* A lane that this end fills. */
struct lane_out {
    uint8_t *base;
    uint64_t lane_bytes;
    uint64_t write; /* published up to here */
    uint64_t peer_read; /* completed by the peer up to here, as last seen */
    /* The caller was told that there is no room, or what is pending, when the peer had completed up to refused_at. */
    uint64_t refused_at;
    bool is_refused;
    /* The reservation: a PAD record of pad_bytes, then a record of size_bytes (0: nothing is reserved). */
    uint32_t pad_bytes, size_bytes, length_bytes;
    /* Records with slices that the peer has not completed: how many, and a position not behind the first of them. */
    uint32_t sliced_count;
    uint64_t sliced_from;
};

/* A record taken and not yet passed by the read position. */
struct window_entry {
    const uint8_t *segment; /* the mapping of the peer it lies in; NULL once it is completed */
    uint64_t end_position;
};

/* A lane that this end empties. Tickets count the records ever taken; the window holds those from first to next. */
struct lane_in {
    const uint8_t *base; /* NULL without a peer */
    uint64_t lane_bytes;
    uint64_t read; /* completed up to here */
    uint64_t taken; /* taken up to here */
    uint64_t peer_write; /* published by the peer up to here, as last seen */
    uint64_t redelivered_below; /* an earlier instance may have begun on these */
    uint32_t window_first, window_next;
    struct window_entry window[GROVE_REPLY_MARKS];
};

struct arena_block;
struct arena {
    uint32_t granules;
    uint64_t *used; /* bit n: granule n is in use */
    uint64_t *joined; /* bit n: granule n belongs to the same block as n - 1 */
    struct arena_block *blocks; /* entry n counts if granule n is the first of a block */
    uint32_t retired_first, retired_last; /* blocks nobody refers to that may still be read; ARENA_NONE */
    bool is_known; /* false from a take-over until the peer's segment tells what it still reads */
    bool is_refused; /* the caller was told that no block is free */
    void *memory;
};

struct channel_end {
    struct grove_control *control; /* own segment */
    const struct grove_control *peer_control; /* hostile; NULL until attached */
    uint8_t *own;
    const uint8_t *peer;
    struct lane_out out[GROVE_LANES];
    struct lane_in in[GROVE_LANES];
    uint64_t next_number;
    uint64_t reply_count[GROVE_LANES];
    uint64_t waiting; /* what the own word says */
    uint64_t woken; /* the peer's waiting word for which it was last woken */
    uint64_t woken_ms; /* when that was */
    bool is_broken; /* the peer broke the protocol: everything is GROVE_CORRUPT from now on */
    enum grove_channel_role role;
    struct grove_channel_layout layout;
    struct arena arena;
    const uint8_t *held_in[GROVE_HELD_MAX]; /* the peer's mapping a held range lies in; NULL: free */
};

/* The peer broke the protocol: remember it, and say so. */
static inline int channel_broken(struct channel_end *end) {
    end->is_broken = true;
    return GROVE_CORRUPT;
}

/* ring.c */
int lane_out_refresh(struct channel_end *end, unsigned lane); /* load the peer's read position: GROVE_CORRUPT */
int lane_in_refresh(struct channel_end *end, unsigned lane); /* load the peer's write position: GROVE_CORRUPT */
/*
 * Copy and check the header of the record at *position, below `limit`, in a lane at `base`, stepping over a PAD; *position
 * becomes the start of the record. GROVE_AGAIN: nothing before the limit. GROVE_CORRUPT.
 */
int record_read(const uint8_t *base, uint64_t lane_bytes, uint64_t *position, uint64_t limit,
                struct grove_record *header);
/* The entry of a taken and uncompleted record, or NULL. */
struct window_entry *window_find(struct lane_in *in, uint32_t ticket);

/* slice.c */
/* Copy slice `index` of a record at `record`, whose checked header says that it has it. */
void slice_read(const uint8_t *record, unsigned index, struct grove_slice *slice);
/* Is [offset, offset + length) not empty and inside [0, total)? */
bool range_is_inside(uint64_t offset_bytes, uint64_t length_bytes, uint64_t total_bytes);

/* Until channel_end_prepare_sleep has looked: the oldest refusal counts, whatever is loaded after it. */
static inline void lane_out_refused(struct lane_out *out) {
    if (!out->is_refused)
        out->refused_at = out->peer_read;
    out->is_refused = true;
}

/* reply_marks.c */
void reply_marks_add(struct channel_end *end, unsigned lane, uint64_t number, uint64_t end_position);
bool reply_marks_has(const struct channel_end *end, unsigned lane, uint64_t number);
/* Drop what an earlier instance wrote for replies that it did not live to publish. */
void reply_marks_take_over(struct channel_end *end, unsigned lane);

/* arena.c */
int arena_init(struct channel_end *end, bool resumed);
void arena_deinit(struct arena *arena);
/* After a take-over: find out from both segments what is still in use. GROVE_CORRUPT. */
int arena_take_over(struct channel_end *end);
/* The record at `record` is about to be published on `lane`, ending at end_position: count the blocks it carries. */
void arena_carry(struct channel_end *end, unsigned lane, const uint8_t *record, const struct grove_record *header);
/* The peer has completed more of a lane: stop counting what its records carried. */
void arena_reclaim(struct channel_end *end, unsigned lane);
/* Would a collection free a block? */
bool arena_can_collect(const struct channel_end *end);
bool arena_has(const struct channel_end *end, uint64_t offset_bytes, uint64_t length_bytes); /* all of it in use? */
int arena_keep(struct channel_end *end, uint64_t offset_bytes); /* one more loan of the block around it */

#endif
