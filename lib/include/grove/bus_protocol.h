/*
 * What is said to the bus, on the endpoint "system.bus", and the layout of its rings.
 *
 * Fixed structures in the byte order of the processor, which is little-endian on all machines, each followed by texts
 * and data whose lengths it tells. A structure of a version never changes; new methods are appended. grove/bus.h is the
 * way to use all this; a program that includes only that is independent of what stands here.
 *
 * Channels. What a client sends is taken off a lane in order, so messages that are answered late have channels of their
 * own, told apart by the channel's tag: MAIN for what is done with at once (EMIT, calls, ACKNOWLEDGE), DEFERRED for
 * PUBLISH and PUBLISH_DURABLE, REQUESTS for REQUEST, EVENTS for POLL.
 *
 * Getting events. A subscription is served in one of two ways, which the answer to SUBSCRIBE tells. By ring: the bus
 * writes each event once into a region that it grants to all subscribers of the pattern, and they read in place. By
 * queue: events come in the answer to POLL and are acknowledged. There is at most one POLL under way for each lane of a
 * client; it tells how far the rings have been read, and is answered when there is more, or an event in a queue. So only
 * a subscriber that sleeps costs a wake-up.
 *
 * Direct rings. A publisher may have a ring of its own, for what it publishes at most once on subjects of one pattern: a
 * region that it owns, grants to the bus with GROVE_REGION_ONWARD and names in DIRECT_OPEN. The bus shows it to whoever
 * subscribed with SUBSCRIBE_DIRECT, says on the board whether it may be used (enum grove_bus_direct_mode), and marks in its own
 * rings from where to where it is used (struct grove_bus_control). So a reader has one order for what a publisher
 * said by its ring and by the bus.
 */
#ifndef GROVE_BUS_PROTOCOL_H
#define GROVE_BUS_PROTOCOL_H

#include "grove/bus.h"

#define GROVE_BUS_PROTOCOL_VERSION 1u

enum grove_bus_channel {
    GROVE_BUS_CHANNEL_MAIN = 0x62757301, /* tags of grove_connect_with: "bus", 1 */
    GROVE_BUS_CHANNEL_DEFERRED = 0x62757302,
    GROVE_BUS_CHANNEL_REQUESTS = 0x62757303,
    GROVE_BUS_CHANNEL_EVENTS = 0x62757304,
};

enum grove_bus_method {
    GROVE_BUS_EMIT = 1, /* bus_publication, one way: at most once */
    GROVE_BUS_PUBLISH = 2, /* bus_publication, one way: at least once */
    GROVE_BUS_PUBLISH_DURABLE = 3, /* bus_publication -> grove_published */
    GROVE_BUS_REQUEST = 4, /* bus_publication -> an event image: the answer */
    GROVE_BUS_MAY_PUBLISH = 5, /* bus_text (subject) -> nothing */
    GROVE_BUS_SUBSCRIBE = 6, /* bus_subscription -> bus_subscribed */
    GROVE_BUS_UNSUBSCRIBE = 7, /* bus_member -> nothing */
    GROVE_BUS_PAUSE = 8, /* bus_member, with value 1 to pause and 0 to resume -> nothing */
    GROVE_BUS_POLL = 9, /* bus_poll -> items */
    GROVE_BUS_ACKNOWLEDGE = 10, /* bus_poll without places, one way */
    GROVE_BUS_METRICS = 11, /* bus_member (ignored) -> grove_bus_metrics */
    GROVE_BUS_SUBSCRIPTION_METRICS = 12, /* bus_member -> grove_subscription_metrics */
    GROVE_BUS_SUBSCRIPTION_NEXT = 13, /* bus_member, with the cursor as value -> cursor 8, grove_subscription_record */
    GROVE_BUS_DEAD_LETTER_NEXT = 14, /* bus_dead_letters -> cursor 8, grove_dead_letter */
    GROVE_BUS_DEAD_LETTER_DATA = 15, /* bus_dead_letters -> the event's data, or as the slice */
    GROVE_BUS_DEAD_LETTER_REPLAY = 16, /* bus_dead_letters -> count 8 */
    GROVE_BUS_DEAD_LETTER_PURGE = 17, /* bus_dead_letters -> count 8 */
    GROVE_BUS_STREAM_SET = 18, /* bus_member (ignored), grove_bus_stream -> nothing */
    GROVE_BUS_STREAM_NEXT = 19, /* bus_member, with the cursor as value -> cursor 8, grove_bus_stream */
    GROVE_BUS_STREAM_REMOVE = 20, /* bus_member (ignored), grove_bus_stream, of which the name counts -> nothing */
    GROVE_BUS_SUBSCRIBE_DIRECT = 21, /* as SUBSCRIBE, by whoever reads direct rings as well */
    GROVE_BUS_DIRECT_OPEN = 22, /* bus_direct_open -> bus_direct_opened */
    /* One way, with a direct ring's id as the value; behind all and before all that is published by the bus. */
    GROVE_BUS_DIRECT_BEGIN = 23, /* bus_member: from here on the ring is used */
    GROVE_BUS_DIRECT_END = 24, /* bus_member: not any more */
    GROVE_BUS_DIRECT_SLEEP = 25, /* bus_poll with places in direct rings, one way: wake me when there is more in them */
    GROVE_BUS_DIRECT_WAKE = 26, /* bus_member, one way: there is more, and somebody sleeps by a bell */
    GROVE_BUS_DIRECT_CLOSE = 27, /* bus_member, one way: the ring is given up */
    GROVE_BUS_DIRECT_NEXT = 28, /* bus_member, with the cursor as value -> cursor 8, grove_direct_record */
};

/* Behind it: subject, reply_to, headers, data. Data that does not fit the lane is the message's slice instead. */
struct grove_bus_publication {
    uint32_t version;
    uint16_t subject_bytes, reply_bytes; /* without terminators, which are not sent */
    uint32_t headers_bytes, data_bytes;
    uint32_t dropped; /* events that this session dropped since it last said so */
    uint32_t flags; /* GROVE_BUS_IN_SLICE: headers and data are in the slice; GROVE_BUS_IN_RING */
};
#define GROVE_BUS_IN_SLICE 1u
#define GROVE_BUS_IN_RING 2u /* it is in a direct ring of its publisher's as well: not for who reads that */

/* Which dead letters: all that is not 0 or empty must fit. */
struct grove_bus_dead_letters {
    uint32_t version, reserved;
    uint64_t cursor; /* NEXT: behind this id */
    uint64_t id, before_ns;
    char subject[GROVE_SUBJECT_MAX + 1]; /* a pattern */
    struct grove_name subscriber;
};

struct grove_bus_text {
    uint32_t version, length_bytes; /* the text follows */
};

struct grove_bus_member {
    uint32_t version, member;
    uint64_t value;
};

/* Texts not used are empty. `generation` is that of the session's identity: an instance takes over what an earlier one had. */
struct grove_bus_subscription {
    uint32_t version, generation;
    uint32_t quality, lane, slow, start;
    uint32_t in_order, is_paused;
    uint32_t max_retries, backoff_factor, queue_events, in_flight;
    uint64_t timeout_ns, backoff_first_ns, backoff_cap_ns, block_ns, spill_bytes, start_sequence, start_time_ns;
    char pattern[GROVE_SUBJECT_MAX + 1];
    char group[GROVE_BUS_GROUP_MAX + 1];
    char name[GROVE_BUS_GROUP_MAX + 1];
};

struct grove_bus_subscribed {
    uint32_t version, member;
    uint64_t ring; /* id of the region that was granted; 0: served by queue */
    uint64_t position; /* where to begin in it */
    struct grove_version kernel_version;
};

/*
 * Behind it: acknowledgements, each followed by its sentence padded to 8; then, for POLL, a place for each subscription of
 * the lane. An ACKNOWLEDGE has no places.
 */
struct grove_bus_poll {
    uint32_t version, generation;
    uint32_t acknowledgements, places;
    uint32_t answer_bytes, reserved; /* as large an answer as the lane takes */
};
struct grove_bus_acknowledgement {
    uint64_t token; /* of the event image */
    uint32_t member;
    int32_t status; /* 0, or the handler's */
    uint32_t sentence_bytes; /* at most GROVE_BUS_ERROR_MAX */
    uint32_t reserved;
};
struct grove_bus_place {
    uint64_t ring, position; /* 0: by queue */
    uint32_t member;
    uint32_t reserved; /* 0, or of a direct ring: enum grove_bus_place_kind */
};
enum grove_bus_place_kind {
    GROVE_BUS_PLACE_ASKS = 1, /* POLL: which ring has this id? */
    GROVE_BUS_PLACE_SLEEPS =
        2, /* POLL, DIRECT_SLEEP: wake me by a bell when there is more (in DIRECT_SLEEP 0: by its word) */
};
#define GROVE_BUS_POLL_ENTRIES_MAX 1024u

enum grove_bus_item_kind {
    GROVE_BUS_ITEM_EVENT = 1, /* an event image follows */
    GROVE_BUS_ITEM_RING = 2, /* bus_place follows: the subscription goes on in this ring when the old one is read */
    GROVE_BUS_ITEM_ENDED = 3, /* bus_ended follows: there is no such subscription (any more) */
    GROVE_BUS_ITEM_LARGE = 4, /* an event whose image is the answer's slice */
    GROVE_BUS_ITEM_DIRECT = 5, /* bus_direct_shown follows: there is such a ring */
    GROVE_BUS_ITEM_DIRECT_OVER = 6, /* bus_direct_over follows: there is no such ring any more */
};
struct grove_bus_item {
    uint32_t kind, size_bytes; /* of all of it, padded to 8 */
};
struct grove_bus_ended {
    uint32_t member;
    int32_t status; /* GROVE_NOT_FOUND: subscribe again; GROVE_DENIED: its right is revoked */
};

/*
 * An event as it stands in rings and in answers. Behind it: subject, publisher, reply_to, each with a zero byte; then
 * headers; then data, from the next multiple of 8 on.
 */
struct grove_bus_image {
    uint32_t size_bytes; /* of all of it: a multiple of 16 */
    uint16_t flags; /* enum grove_event_flags, GROVE_BUS_IMAGE_PAD, GROVE_BUS_IMAGE_TRACED */
    uint16_t subject_bytes;
    uint16_t publisher_bytes, reply_bytes;
    uint32_t headers_bytes;
    uint32_t data_bytes, publisher_ring;
    uint32_t attempt, member; /* by queue: whose it is; in a ring 0 */
    uint64_t publisher_id;
    uint64_t time_ns, sequence, subject_sequence, durable_sequence;
    uint64_t token; /* by queue: what to acknowledge; in a ring: how many events were written to it before */
    uint64_t missed; /* by queue: events dropped since the last one; in a ring 0 */
};
#define GROVE_BUS_IMAGE_CONTROL 0x2000u /* no event: a struct grove_bus_control follows */
#define GROVE_BUS_IMAGE_TRACED 0x4000u /* its last 16 bytes are the struct grove_trace_context of its publication */
#define GROVE_BUS_IMAGE_PAD 0x8000u /* fills the ring up to its end; only size_bytes counts besides */

/*
 * A ring: one page of struct grove_bus_ring, then size_bytes of images. Positions are byte counts that only grow; position
 * mod size is the place. An image never wraps.
 *
 * The writer stores `reserved`, then the bytes below it, then `written`. So what lies between reserved - size and written
 * is whole: a reader copies an image and looks at `reserved` after that. One that was overtaken goes on at a mark.
 */
#define GROVE_BUS_RING_MAGIC 0x474e5242u /* "BRNG" */
#define GROVE_BUS_RING_VERSION 1u
#define GROVE_BUS_RING_HEAD_BYTES 4096u
#define GROVE_BUS_RING_MARKS 32u
struct grove_bus_ring {
    uint32_t magic, version;
    uint64_t size_bytes; /* a power of two; no image is larger than half of it */
    uint64_t instance; /* of the bus: counts of images of one instance go on from ring to ring */
    uint64_t reserved_words[5];
    uint64_t reserved; /* all below may be overwritten; on a line of its own with what readers look at */
    uint64_t written; /* images below are complete */
    uint64_t count; /* of images ever written */
    uint64_t more_words[5];
    /* Entry n mod 32: where the first image begins that begins at or behind n * (size / 32). */
    uint64_t marks[GROVE_BUS_RING_MARKS];
};

/* ---- direct rings --------------------------------------------------------------------------------------------------- */

#define GROVE_BUS_DIRECT_TAG UINT64_C(0x676e697274636964) /* of the region: "dictring" */
#define GROVE_BUS_DIRECT_MAGIC 0x474e5244u /* "DRNG" */
#define GROVE_BUS_DIRECTS_MAX 64u
#define GROVE_BUS_DIRECT_BYTES_MIN 16384u
#define GROVE_BUS_DIRECT_BYTES_MAX (16u << 20)

struct grove_bus_direct_open {
    uint32_t version, generation;
    uint64_t region; /* id of the one that was granted */
    char pattern[GROVE_SUBJECT_MAX + 1]; /* its first token is no wildcard */
};
struct grove_bus_direct_opened {
    uint32_t version, slot; /* slot: of the board */
    uint64_t id; /* of the ring, used once: its upper half is the bus's instance as in the bus's rings */
    uint64_t board; /* id of the region that was granted */
};

/*
 * The board: one page that the bus writes and publishers read. A publisher looks at its slot before each event, and
 * behind it whether `armed` is what it was when it woke its readers last.
 */
enum grove_bus_direct_mode {
    GROVE_BUS_DIRECT_CLOSED = 0, /* publish by the bus */
    GROVE_BUS_DIRECT_ONLY = 1, /* write to the ring */
    GROVE_BUS_DIRECT_BOTH = 2, /* write to the ring, and publish by the bus with GROVE_BUS_IN_RING */
    GROVE_BUS_DIRECT_OVER = 3, /* publish by the bus; this ring is never used again, open another one */
};
struct grove_bus_slot {
    uint32_t mode;
    uint32_t armed; /* changes when a reader is about to sleep on the ring's `signal` */
    uint32_t bells; /* changes when a reader is about to sleep in another way: send DIRECT_WAKE */
    uint32_t features; /* GROVE_BUS_BARRIERS */
    uint64_t id; /* of the ring whose slot it is; 0: none */
    uint64_t words[5];
};
/*
 * Between its event and its look at the board a publisher has a full fence, unless both sides say this: then the bus, behind
 * changing a word of the board and before its own look, makes one for all publishers at once (membarrier on linux).
 */
#define GROVE_BUS_BARRIERS 1u
#define GROVE_BUS_BOARD_BYTES 4096u /* a slot for each ring */

/*
 * A direct ring: a page of this, then size_bytes of images. The beginning is that of the bus's rings, with the same rules
 * for reading; `instance` is 0.
 */
struct grove_bus_direct_ring {
    struct grove_bus_ring ring;
    uint64_t pad_words[8];
    uint32_t signal; /* changes before sleepers are woken; they sleep on it */
    uint32_t is_closed; /* nothing is written any more; stored after the last event */
    uint32_t features; /* GROVE_BUS_BARRIERS: its publisher leaves the fence to the bus, where the board lets it */
    uint32_t reserved;
};

/* An event in a direct ring. Behind it: subject and reply_to, each with a zero byte; headers; data from a multiple of 8 on. */
struct grove_bus_direct_image {
    uint32_t size_bytes; /* of all of it: a multiple of 16 */
    uint16_t flags; /* GROVE_BUS_IMAGE_PAD, GROVE_BUS_IMAGE_TRACED */
    uint16_t subject_bytes;
    uint16_t reply_bytes, reserved;
    uint32_t headers_bytes;
    uint32_t data_bytes, reserved_word;
    uint64_t time_ns; /* since 1970, UTC, by the publisher's clock */
    uint64_t token; /* how many events were written to the ring before */
};

/* In the bus's rings, for those who subscribed with SUBSCRIBE_DIRECT: an image with GROVE_BUS_IMAGE_CONTROL. */
enum grove_bus_control_kind {
    GROVE_BUS_CONTROL_BEGINS = 1, /* what its publisher says next is in the ring, from `position` on */
    GROVE_BUS_CONTROL_ENDS =
        2, /* what it said until here is in the ring below `position`; then it goes on by the bus */
};
struct grove_bus_control {
    uint32_t kind, reserved;
    uint64_t id, position;
};

struct grove_bus_direct_shown {
    uint64_t id, region; /* region 0: it could not be granted. Subscribe again with SUBSCRIBE, and get all by the bus */
    uint64_t position; /* where the subscription begins in it */
    uint64_t publisher_id;
    uint32_t member, publisher_ring;
    uint32_t is_begun; /* it was in use when the subscription was made; otherwise a control image says when it is */
    uint32_t reserved;
    struct grove_name publisher;
    char pattern[GROVE_SUBJECT_MAX + 1]; /* what its publisher may say in it */
};
struct grove_bus_direct_over {
    uint64_t id;
    uint32_t member, reserved;
};

#endif
