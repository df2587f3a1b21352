/* What store.c, store_recovery.c and store_range.c share. */
#ifndef GRID_HISTORIAN_STORE_INTERNAL_H
#define GRID_HISTORIAN_STORE_INTERNAL_H

#include "examples/grid/historian/old_segments.h"
#include "examples/grid/historian/store.h"
#include "grove/journal.h"

/* Kinds of the journal's records. */
enum { STORE_READING = 1, STORE_SNAPSHOT = 2 };

struct store {
    int folder; /* descriptor */
    struct grove_journal *journal;
    struct old_segments old;
    struct store_limits limits;
    uint64_t commits;
    uint64_t snapshot_every, since_snapshot; /* records */
    unsigned batch_count; /* readings that were added and are not on disk */
    uint32_t uncommitted; /* records in the journal's memory */
    struct snapshot_feeder durable[GRID_FEEDERS_MAX]; /* as on disk */
    struct snapshot_feeder expected[GRID_FEEDERS_MAX]; /* as it will be when the batch is on disk */
};

/* Open the journal and learn where the numbering stands: `durable`, and `since_snapshot`. */
int store_recover(struct store *store, struct problem *problem);

#endif
