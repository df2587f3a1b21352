/*
 * Two ends, the programs that use them, and a ledger of what they were promised, for tests that kill either side.
 *
 * The programs are state machines: world_step runs one of them for one step (a send, or a record handled). Everything
 * a program knows lies in struct program and is lost when it is killed; what the outside world has seen (messages
 * accepted, handled, replies applied) lies in the ledger. Promises are checked as they are made (nothing is handled
 * twice unless marked, no block changes under its reader) and at the end, in world_check_end: nothing accepted was
 * lost, nothing is left over.
 */
#ifndef GROVE_TESTS_CHANNEL_WORLD_H
#define GROVE_TESTS_CHANNEL_WORLD_H

#include "lib/channel/end.h"

enum { CLIENT, SERVER, SIDES };

#define WORLD_ATTEMPTS 256u
#define WORLD_OLD_SEGMENTS 8u
#define PROGRAM_DEFERRED 3u
#define PROGRAM_HOLDS 2u

enum answer { ANSWER_PLAIN, ANSWER_LOAN, ANSWER_BACK, ANSWER_ERROR };

/* One thing that a scenario's client sends. */
struct item {
    uint8_t kind; /* MESSAGE, CALL or CANCEL; 0 ends the list */
    uint8_t lane;
    uint8_t slices; /* parts of one block that it carries */
    uint8_t answer; /* enum answer, to a CALL */
    uint16_t body_bytes;
    bool is_held; /* the server holds the first slice past completion */
    uint32_t block_bytes;
};

struct scenario {
    const char *name;
    const struct item *items;
    unsigned deferred; /* the server completes so many at a time, the last taken first */
    bool is_eager; /* the client sends all it can before it looks at replies */
};

/* How the two sides take turns, and how long a killed one stays away. */
struct schedule {
    unsigned turns[SIDES];
    unsigned dead_turns; /* turns of the other side before the next instance starts */
    unsigned show_turns; /* turns of the other side before it changes over to the next instance's segment */
    bool is_moved; /* the next instance gets the same memory, as on the bare machines, and not a copy */
};

struct held {
    const uint8_t *data;
    size_t length_bytes;
    uint32_t hold;
    unsigned age;
    uint8_t pattern;
    bool is_used;
};

/* One instance of a program. */
struct program {
    struct channel_end *end;
    bool is_alive, is_shown; /* shown: changed over to the peer's newest segment */
    bool has_pending; /* a record handled, whose answer waits for room */
    struct channel_taken pending;
    struct channel_taken deferred[PROGRAM_DEFERRED];
    unsigned deferred_count;
    struct held held[PROGRAM_HOLDS];
};

/* What is known of one attempt to send an item; an item killed on its way is attempted again. */
struct attempt {
    const struct item *item;
    uint64_t number;
    bool is_accepted; /* publish returned */
    unsigned handled, applied;
};

struct world {
    const struct scenario *scenario;
    struct schedule schedule;
    struct grove_channel_layout layout;
    uint8_t *segment[SIDES];
    uint8_t *old_segment[SIDES][WORLD_OLD_SEGMENTS]; /* of earlier instances; the peer may still read them */
    struct program program[SIDES];
    unsigned instances[SIDES];
    const struct item *next_item;
    unsigned attempt_count;
    struct attempt attempt[WORLD_ATTEMPTS];
    uint64_t highest_number;
    char where[160]; /* what the test is doing, for world_fail */
};

struct world *world_create(const struct scenario *scenario, const struct schedule *schedule);
void world_destroy(struct world *world);
/* One step of a side's program; false if there was nothing to do. A store in it may not return. */
bool world_step(struct world *world, int side);
/* The side is no more: its program is lost, its segment stays. */
void world_kill(struct world *world, int side);
/* Start the side's first or next instance as the kernel does: on a copy of the segment, shown the peer's. */
void world_start(struct world *world, int side);
/* The side changes over to the newest segment of its peer, and gives up old ones that it no longer reads. */
void world_show(struct world *world, int side);
void world_check_end(struct world *world);
_Noreturn void world_fail(const struct world *world, const char *sentence);
/* A store that the application makes (a record, a block), as opposed to one of lib/channel. */
void channel_stored(void);

#endif
