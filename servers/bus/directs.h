/*
 * Direct rings: what publishers write and subscribers read with the bus beside, not in between. grove/bus_protocol.h has the
 * layouts and the order, docs/bus.md what may be relied on.
 *
 *   directs.c  whose they are, and when they are used      direct_readers.c  who is shown them, and how they sleep
 *
 * The bus knows whose ring it is and what may be said in it, shows it to whoever subscribes to some of that, and says on the
 * board when it may be used: not while hooks look at the bus, and only beside the bus while anybody gets such events from it.
 * Nothing outlives an instance: publishers see that the bus has died before their next event, and open another one.
 */
#ifndef SERVERS_BUS_DIRECTS_H
#define SERVERS_BUS_DIRECTS_H

#include "servers/bus/bus.h"

#define DIRECT_BITS (STATE_MEMBERS / 64u)

/* A publisher's ring. */
struct direct {
    uint64_t id;
    unsigned slot;
    struct client *client; /* NULL: it is over */
    struct grove_name publisher;
    uint64_t publisher_id;
    uint32_t publisher_ring;
    char pattern[GROVE_SUBJECT_MAX + 1];
    struct grove_region *region;
    const struct grove_bus_direct_ring *ring;
    bool is_begun;
    bool is_ending; /* its publisher is to give it up, and has not said yet how far it wrote */
    uint64_t shown[DIRECT_BITS], bells[DIRECT_BITS]; /* by member: who was shown it, and who of them sleeps by a bell */
};

struct directs {
    struct grove_region *board;
    struct grove_bus_slot *slots;
    struct direct *at[GROVE_BUS_DIRECTS_MAX];
    uint64_t opened; /* ever */
    bool has_barriers;
    bool is_look_due;
};

static inline bool direct_has(const uint64_t *bits, const struct member *member) {
    return (bits[member->index / 64] >> member->index % 64 & 1) != 0;
}

static inline void direct_set(uint64_t *bits, const struct member *member, bool is_set) {
    uint64_t bit = UINT64_C(1) << member->index % 64;
    bits[member->index / 64] = is_set ? bits[member->index / 64] | bit : bits[member->index / 64] & ~bit;
}

static inline bool direct_is_empty(const uint64_t *bits) {
    for (unsigned i = 0; i < DIRECT_BITS; i++)
        if (bits[i] != 0)
            return false;
    return true;
}

static inline uint64_t direct_written(const struct direct *direct) {
    return __atomic_load_n(&direct->ring->ring.written, __ATOMIC_ACQUIRE);
}

int on_direct_open(struct grove_request *request, void *bus);
int on_direct_begin(struct grove_request *request, void *bus);
int on_direct_end(struct grove_request *request, void *bus);
int on_direct_close(struct grove_request *request, void *bus);
int on_direct_sleep(struct grove_request *request, void *bus);
int on_direct_wake(struct grove_request *request, void *bus);
int on_direct_next(struct grove_request *request, void *bus);

/* Who gets what, or what hooks look at, has changed: say so on the board before anybody is told. */
void directs_update(struct bus *bus);
/* A member that reads direct rings: from where on, in those that there are. */
void directs_join(struct bus *bus, struct member *member);
void directs_leave(struct bus *bus, struct member *member);
/* What such a member may read no more is given up, and opened anew without it. */
void directs_hide(struct bus *bus, const struct member *member);
/* An instance of a publisher has ended. */
void directs_gone(struct bus *bus, const struct client *client);
/* Publishers that lost a right. */
void directs_look_at_rights(struct bus *bus);

/* The publisher finds it with its next event; readers are told, and read it to its end. It may be gone after this. */
void direct_finish(struct bus *bus, struct direct *direct);
/* Say on the board how it may be used now. */
void direct_set_mode(struct bus *bus, const struct direct *direct);
void direct_free(struct bus *bus, struct direct *direct);
/* The one of the sender's own that a message is about; NULL: it has none of that id (any more). */
struct direct *direct_own(struct bus *bus, struct grove_request *request);

/* ---- direct_readers.c ---- */

/* Let a member look: it polls, and is answered. */
void direct_wake_member(struct bus *bus, struct member *member);
/* Walk those that a member has to be told of; `after` NULL: the first. `is_over`: it is to be told that it is no more. */
struct direct *directs_news(const struct bus *bus, const struct member *member, const struct direct *after,
                            bool *is_over);
/* Show it, and fill in the item: the region is 0 if it could not be granted. */
void direct_show(struct direct *direct, struct member *member, struct grove_request *request,
                 struct grove_bus_direct_shown *shown);
/* It was told. The ring may be gone after this. */
void direct_told_over(struct bus *bus, struct direct *direct, const struct member *member);
/* A client's poll says that it sleeps by a bell until there is more in a ring. True: there is. */
bool direct_sleeps(struct bus *bus, struct client *client, const struct grove_bus_place *place);
struct direct *direct_find(const struct bus *bus, uint64_t id);
uint64_t direct_id(const struct direct *direct);

#endif
