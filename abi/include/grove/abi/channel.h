/*
 * The layout of a channel's shared memory, and who may write what.
 *
 * A channel has two ends, client and server. Each end owns one segment: one memory object that this end maps for
 * writing and the other end maps for reading only, enforced by the kernel (a seal on linux, page tables on the bare
 * machines). Everything an end has to say lies in its own segment: what it produces (its three outgoing lanes and its
 * arena) and how far it has completed what it consumes (the read positions of the other end's lanes).
 *
 *     segment of one end (offsets come from the kernel's grove_channel_layout, never from the segment)
 *     +--------------------------+ 0
 *     | struct grove_control     |  one page: positions, sleep flags, held blocks
 *     +--------------------------+ 4096
 *     | reply marks, 3 lanes     |  GROVE_REPLY_MARKS struct grove_reply_mark each, one page a lane
 *     +--------------------------+ lane[0].offset_bytes
 *     | lane high                |  power of two; records, 16-aligned, never wrapping (a PAD record fills the end)
 *     | lane medium              |
 *     | lane low                 |
 *     +--------------------------+ arena_offset_bytes
 *     | arena                    |  blocks of GROVE_ARENA_GRANULE bytes, allocated by this segment's owner
 *     +--------------------------+ total_bytes
 *
 * Positions are byte counts that only grow; position mod lane size is the place. A record is visible once
 * write_position passes its end (publish by position) and is done with once the other end's read_position passes its
 * end (complete by position). write_position - read_position never exceeds the lane size; a peer whose positions break
 * that, or run backwards, is hostile or broken and costs its own channel.
 *
 * Sleeping. An end that is about to sleep stores how in `waiting`, then looks once more, then sleeps: on the peer's
 * `signal` word (futex) or on its doorbell descriptor. An end that has published or completed looks at the peer's
 * `waiting`; if it is set, it increments its own `signal` and wakes. Store of position before load of waiting, and
 * store of waiting before load of position, are sequentially consistent: that pair is what loses no wake-up. When an
 * instance dies the kernel sets GROVE_SIGNAL_CLOSED in its segment's signal word and wakes, so nobody sleeps on the dead.
 *
 * One word for two wakers. A service that sleeps on the signal word of its only client would not hear the kernel. So the
 * kernel adds 1 to that word, too, after each packet to the service, and says in the service's kernel page which channel's
 * (`woken_through`). The owner steps by GROVE_SIGNAL_STEP, and it may load the word before the kernel's addition and store
 * after it: what it stores then is still no value that the word had before, and that is all a sleeper needs.
 */
#ifndef GROVE_ABI_CHANNEL_H
#define GROVE_ABI_CHANNEL_H

#include <stdint.h>

#include "grove/abi/language.h"

#define GROVE_CHANNEL_VERSION 1u
#define GROVE_LANES 3u
#define GROVE_RECORD_ALIGN 16u
#define GROVE_ARENA_GRANULE 4096u
#define GROVE_REPLY_MARKS 256u
#define GROVE_HELD_MAX 64u
#define GROVE_SEGMENT_PAGE 4096u
#define GROVE_LANE_BYTES_MIN 4096u
#define GROVE_LANE_BYTES_MAX (16u << 20)
#define GROVE_ARENA_BYTES_MAX (1u << 30)

enum grove_lane { GROVE_LANE_HIGH = 0, GROVE_LANE_MEDIUM = 1, GROVE_LANE_LOW = 2 };
enum grove_channel_role { GROVE_ROLE_CLIENT = 0, GROVE_ROLE_SERVER = 1 };

/* Told by the kernel to both ends; the only source of sizes. Both segments of a channel have the same layout. */
struct grove_channel_layout {
    uint64_t lane_offset_bytes[GROVE_LANES];
    uint64_t lane_bytes[GROVE_LANES];
    uint64_t arena_offset_bytes;
    uint64_t arena_bytes; /* multiple of GROVE_ARENA_GRANULE; may be 0 */
    uint64_t total_bytes;
};

enum grove_waiting { GROVE_AWAKE = 0, GROVE_WAITING_FUTEX = 1, GROVE_WAITING_BELL = 2 };
/*
 * The `waiting` word: how the owner sleeps, whether it also waits for room (else a completion need not wake it), and
 * above that a count of its sleeps, so that a peer wakes it once for each sleep and not once for each record (and again
 * when it does not come: a wake-up may be lost).
 */
#define GROVE_WAITING_HOW 3u
#define GROVE_WAITING_FOR_ROOM 4u
#define GROVE_WAITING_COUNT_SHIFT 3u
#define GROVE_SIGNAL_CLOSED 0x80000000u /* bit of signal */
#define GROVE_SIGNAL_STEP 0x00010000u /* what the owner adds for each wake-up; below it the kernel counts by 1 */
#define GROVE_SIGNAL_COUNT 0x3fffffffu /* what the owner keeps: no addition of the kernel ever reaches the bit above */

enum grove_control_features {
    GROVE_CONTROL_STEPS = 1u << 0, /* the owner wakes by GROVE_SIGNAL_STEP; without it, it may count by 1 */
};

/* One page. Every field is written by the segment's owner only; the kernel writes signal after the owner's death. */
struct grove_control {
    GROVE_ALIGNED(64) uint32_t signal; /* futex word the *peer* sleeps on */
    GROVE_ALIGNED(64) uint64_t waiting; /* enum grove_waiting in its low bits: how the owner sleeps */
    uint32_t processor; /* where the owner last ran + 1; 0 unknown. A hint for spinning */
    uint32_t features; /* enum grove_control_features: what the owner's library does; stored before it attaches */
    struct {
        GROVE_ALIGNED(64) uint64_t write_position; /* of the owner's outgoing lane */
    } out[GROVE_LANES];
    struct {
        GROVE_ALIGNED(64) uint64_t read_position; /* the owner has completed the peer's lane up to here */
        uint64_t taken_position; /* and may have begun on what ends up to here: redelivered to its next instance */
    } in[GROVE_LANES];
    GROVE_ALIGNED(64) uint64_t next_number; /* number of the owner's next request; stored before it is used */
    uint64_t reply_count[GROVE_LANES]; /* entries ever written to the reply marks of a lane */
    GROVE_ALIGNED(64) uint64_t held[GROVE_HELD_MAX]; /* peer arena ranges the owner keeps past completion, or 0 */
};

/* A held range: offset + 1 in the low 32 bits, length in the high 32; both fit, see GROVE_ARENA_BYTES_MAX. */
#define GROVE_HELD(offset_bytes, length_bytes) ((uint64_t)(length_bytes) << 32 | ((uint64_t)(offset_bytes) + 1u))

/*
 * Written before the reply is published; it counts once end_position <= write_position of the lane. A new instance
 * finds here which of the requests it sees again have been answered already. Entry i of a lane is at i mod
 * GROVE_REPLY_MARKS; an end stops taking requests while that many taken ones are not completed.
 */
struct grove_reply_mark {
    uint64_t number; /* of the request answered */
    uint64_t end_position; /* of the reply's record in the owner's lane */
};

enum grove_record_kind {
    GROVE_RECORD_PAD = 1, /* fills the lane up to its end; nothing else in it counts. Fewer bytes than a header: none */
    GROVE_RECORD_MESSAGE = 2, /* one way */
    GROVE_RECORD_CALL = 3, /* wants a reply with the same number, in the same lane */
    GROVE_RECORD_REPLY = 4,
    GROVE_RECORD_ERROR = 5, /* reply: method is a negative status, payload a sentence, a zero byte, and the origin */
    GROVE_RECORD_CANCEL = 6, /* the caller no longer waits for this number */
};
enum grove_record_flags {
    GROVE_RECORD_SLICES = 1u << 0, /* the payload begins with `slices` struct grove_slice */
    GROVE_RECORD_TRACED =
        1u << 1, /* both ends report what they do with it; with room behind the payload: struct grove_trace_context */
};

struct grove_record {
    uint32_t size_bytes; /* of all of it, header, payload and padding; multiple of GROVE_RECORD_ALIGN */
    uint32_t length_bytes; /* of the payload that follows */
    uint64_t number; /* request: unique on the channel, from next_number; reply: that of its request */
    uint64_t deadline_ns; /* monotonic clock; 0 is none */
    uint32_t method; /* chosen by the interface; on ERROR a negative enum grove_status */
    uint8_t kind;
    uint8_t flags;
    uint16_t slices;
};

/*
 * Which request of which trace a record is: the last bytes of a record with GROVE_RECORD_TRACED that is at least so much
 * longer than header and payload. Whoever does not know of it steps over it with the padding, so it may be sent to anybody.
 * A trace is everything that one request from outside caused; each request in it is a span. Both numbers are chosen by
 * whoever begins the trace or sends the request, from randomness of its own, and mean nothing but identity; 0 is none.
 */
struct grove_trace_context {
    uint64_t trace;
    uint64_t span;
};

enum grove_slice_space {
    GROVE_SLICE_SENDER = 0, /* in the arena of the record's sender */
    GROVE_SLICE_RECEIVER = 1, /* in the arena of the record's receiver: its own memory handed back */
};
struct grove_slice {
    uint64_t offset_bytes; /* from the start of that arena */
    uint64_t length_bytes;
    uint32_t space;
    uint32_t reserved;
};

#endif
