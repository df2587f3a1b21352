/*
 * The historian's intake: events of the bus that wait for the disk.
 *
 * Readings are durable events, `grid.reading.FEEDER`, each with one reading or more of that feeder. They are added to the
 * store's batch when their event comes, and the event is deferred; it is finished only after the commit that covers it.
 * The subscription has a name, so the bus keeps its place: what a crash takes from memory is delivered again, and when the
 * disk takes nothing, events stay in the bus's log, and none is dropped. What comes twice is told by the readings' own
 * numbers. The commit comes at the latest `commit_ns` after the first waiting event, and earlier when many wait.
 */
#ifndef GRID_HISTORIAN_INTAKE_H
#define GRID_HISTORIAN_INTAKE_H

#include "examples/grid/historian/store.h"
#include "grove/bus.h"

struct intake_entry {
    struct reading reading;
    bool is_redelivered;
    bool ends_event; /* the last of its event, which `ticket` finishes */
    struct grove_event_ticket ticket;
};
struct intake {
    struct grove_service *service;
    struct store *store;
    uint64_t commit_ns;
    uint64_t *redelivered; /* counter in the state region */
    bool is_armed; /* a commit is due */
    bool is_blocked; /* the last commit failed */
    unsigned events; /* since all was on disk */
    unsigned count, capacity, added; /* the first `added` entries are in the store's batch */
    struct intake_entry *entry;
};

/* From now on readings come by themselves, as soon as there is a bus. */
int intake_start(struct intake *intake);
/* Commit what waits, now; for the end of the service. */
void intake_flush(struct intake *intake);

#endif
