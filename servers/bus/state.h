/*
 * What outlives an instance of the bus: one state region, used in place.
 *
 *     +--------------------+ 0
 *     | struct state_head  |  numbers, counters, how far each table has ever been used
 *     | queues[]           |  subscriptions served by queue; the members of a group share one
 *     | members[]          |  who is subscribed
 *     | subjects[]         |  subjects and their sequence numbers
 *     | events[]           |  accepted, and not done with by every queue they are for
 *     | publications[]     |  durable ones under way
 *     +--------------------+ arena: in granules of 64 bytes; for each event its deliveries, then its image
 *
 * Every entry counts only while its `state` is STATE_USED, which is stored last when it is made and first when it is
 * given up. So a crash leaves an entry whole or absent. The free space of the arena is not stored: it is what no event
 * uses. Pages that were never used cost no memory.
 *
 * The region's layout is versioned: another version's is not read, and what it held is lost, which is said.
 */
#ifndef SERVERS_BUS_STATE_H
#define SERVERS_BUS_STATE_H

#include "grove/bus_protocol.h"

#define STATE_MAGIC 0x42555353u
#define STATE_VERSION 2u
#define STATE_QUEUES 1024u
#define STATE_MEMBERS 4096u
#define STATE_SUBJECTS 4096u
#define STATE_EVENTS 8192u
#define STATE_PUBLICATIONS 2048u
#define STATE_GRANULE 64u
#define STATE_DOUBTS 32u /* instances that end before what one of them left in doubt has come again */

enum state_entry { STATE_FREE = 0, STATE_USED = 1 };

/* Published with one order, so that a reader after a crash sees either all of the entry or that it is free. */
static inline void state_store(uint32_t *word, uint32_t value) {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

struct state_counters {
    uint64_t published, delivered, unmatched, dropped_by_publishers, dropped, refused, retried, dead, bytes_published;
};

struct saved_queue {
    uint32_t state, serial;
    uint32_t quality, slow, in_order, max_retries, backoff_factor, queue_events, in_flight, is_spilled;
    uint64_t timeout_ns, backoff_first_ns, backoff_cap_ns, block_ns, spill_bytes;
    uint64_t fetched; /* durable: the number in the log that comes next into the queue */
    uint64_t live_from; /* durable: numbers below were in the log before the subscription */
    uint64_t spilled_from,
        spilled_bytes; /* while is_spilled: the number on disk that comes next, and what is left there */
    char pattern[GROVE_SUBJECT_MAX + 1];
    char group[GROVE_BUS_GROUP_MAX + 1]; /* empty: one member */
    char name[GROVE_BUS_GROUP_MAX + 1];
};

enum saved_member_flags { MEMBER_PAUSED = 1u << 0, MEMBER_DIRECT = 1u << 1 /* it reads rings of publishers */ };
struct saved_member {
    uint32_t state, serial;
    uint32_t queue; /* index + 1; 0: by ring */
    uint32_t lane, generation, ring, flags, /* enum saved_member_flags */
        is_left; /* is_left: its instance has ended, the next one may take it over */
    grove_object_id client;
    struct grove_name client_name;
    struct grove_subscription_metrics metrics;
    char pattern[GROVE_SUBJECT_MAX + 1];
};

struct saved_subject {
    uint32_t state, length_bytes;
    uint64_t sequence;
    char text[GROVE_SUBJECT_MAX + 1];
};

enum delivery_state {
    DELIVERY_QUEUED = 0,
    DELIVERY_OUT = 1,
    DELIVERY_DELAYED = 2,
    DELIVERY_DONE = 3,
    DELIVERY_LOOKED = 4, /* queued, and hooks have looked at it */
    DELIVERY_SPILLING = 5, /* to be written to disk, behind what is there */
};
struct saved_delivery {
    uint32_t queue, queue_serial; /* a queue that has another serial now is gone */
    uint32_t state; /* enum delivery_state */
    uint32_t attempts;
};

struct saved_event {
    uint32_t state, serial;
    uint32_t subject, deliveries;
    uint64_t offset_bytes, size_bytes; /* in the arena; of deliveries and image */
};

/* A durable publication under way: durable.h. */
struct saved_publication {
    uint32_t state, reserved;
    uint64_t channel, number; /* of the request */
    uint64_t sequence; /* that it has in the log, if it is there */
};

struct state_head {
    uint32_t magic, version;
    uint64_t size_bytes, arena_bytes;
    uint64_t sequence; /* of the newest event */
    uint32_t queues_used, members_used, subjects_used, events_used; /* no entry behind these was ever in use */
    uint32_t publications_used, unused;
    uint32_t serial; /* of the entry made last */
    uint32_t instances;
    uint64_t spill_mark; /* of this region: names the files that are its queues' own; 0: not chosen yet */
    /*
     * The publication begun last, and before it those that were so when earlier instances ended. They alone may come again
     * although they were accepted: a crash between acceptance and leaving the lane. `is_done` says that it was accepted; if
     * not, the event with this sequence number, kept, says so.
     */
    struct state_doubt {
        uint64_t channel, number, method, sequence;
        uint32_t is_done, reserved;
    } doubt, earlier[STATE_DOUBTS];
    struct state_counters counters;
};

struct state {
    struct grove_region *region;
    struct state_head *head;
    struct saved_queue *queues;
    struct saved_member *members;
    struct saved_subject *subjects;
    struct saved_event *events;
    struct saved_publication *publications;
    uint8_t *arena;
    uint64_t *used; /* one bit for each granule */
    uint64_t granules, next, used_granules;
    uint32_t free_event, free_publication; /* none before it is free */
};

/* Bytes of a region with such an arena. */
uint64_t state_bytes(uint64_t arena_bytes);
/*
 * Lay the tables over memory; what an earlier instance left there is checked and kept, unless `is_fresh`. GROVE_NO_MEMORY;
 * GROVE_VERSION: it was not this version's, and has been emptied.
 */
int state_open(struct state *state, void *memory, uint64_t size_bytes, bool is_fresh);
void state_close(struct state *state);

/* Index of a free entry, whose serial is new; it counts when its state is stored. GROVE_EXHAUSTED. */
int state_new_queue(struct state *state, uint32_t *index);
int state_new_member(struct state *state, uint32_t *index);
/*
 * Room for an event with so many deliveries and so large an image. It counts after state_commit_event, and its room is
 * free again after state_free_event. GROVE_EXHAUSTED.
 */
int state_new_event(struct state *state, uint32_t deliveries, uint64_t image_bytes, uint32_t *index);
void state_commit_event(struct state *state, uint32_t index);
void state_free_event(struct state *state, uint32_t index);

static inline struct saved_delivery *state_deliveries(const struct state *state, uint32_t event) {
    return (struct saved_delivery *)(void *)(state->arena + state->events[event].offset_bytes);
}
static inline struct grove_bus_image *state_image(const struct state *state, uint32_t event) {
    return (struct grove_bus_image *)(void *)(state_deliveries(state, event) + state->events[event].deliveries);
}

#endif
