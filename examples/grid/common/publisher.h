/*
 * A publisher: an outbox, and the bus that empties it by durable events.
 *
 * What waits is taken as a batch: the oldest items, those of one subject together in one event. Nothing more is published
 * before the bus has said of each event of the batch that it is on disk; only then does the outbox forget the batch. So
 * the bus writes a batch with one synchronisation, items of a subject are never overtaken by later ones, and a kill at any
 * instruction publishes at most one batch again, whose items keep their numbers.
 *
 * publisher_flush never waits: while the bus is dead its channel holds the batch and the outbox the rest.
 */
#ifndef GRID_COMMON_PUBLISHER_H
#define GRID_COMMON_PUBLISHER_H

#include "examples/grid/common/outbox.h"
#include "grove/bus.h"

#define PUBLISHER_EVENTS_MAX OUTBOX_KEYS_MAX
#define PUBLISHER_DATA_MAX 4096u /* of one event */

/* Where an item goes. */
typedef void publisher_subject(const void *item, char subject[GROVE_SUBJECT_MAX + 1]);
/* The event of `count` items of one subject, at most PUBLISHER_DATA_MAX bytes: returns how many it has. */
typedef size_t publisher_write(const void *const *items, unsigned count, unsigned char *data);

struct publisher;
struct publisher_event {
    struct publisher *publisher;
    char subject[GROVE_SUBJECT_MAX + 1];
    bool is_under_way, is_done;
};
struct publisher {
    struct outbox outbox;
    const char *name; /* of what is published, for complaints */
    publisher_subject *subject;
    publisher_write *write;
    unsigned batch_items; /* at most so many at a time, which must fit into one event */
    uint64_t begin, end; /* positions of the batch under way; the same: there is none */
    unsigned event_count, events_open;
    struct publisher_event event[PUBLISHER_EVENTS_MAX];
    uint64_t retry_ns; /* no attempt before */
    uint64_t published; /* items that are on disk, since this instance began */
    bool has_complained; /* about the present failure, on standard error */
};

/* Publish what waits, as far as it goes now. Call it after each put, and now and then. */
void publisher_flush(struct publisher *publisher);

#endif
