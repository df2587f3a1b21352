/* What store.c, store_recovery.c, store_range.c and store_retention.c share. */
#ifndef GRID_HISTORIAN_STORE_INTERNAL_H
#define GRID_HISTORIAN_STORE_INTERNAL_H

#include "examples/grid/historian/store.h"

#define STORE_NAME_PREFIX "readings-"
#define STORE_NAME_BYTES 40u

struct store_segment {
    uint64_t number;
    uint64_t created_wall_ns;
    uint64_t end_bytes; /* what counts of it; 0: all that is there */
};

struct store {
    int folder; /* descriptor */
    int current; /* the last segment, open for writing; -1: none yet */
    bool is_given_up; /* it holds damage or half a batch: the next batch begins a new one */
    struct store_limits limits;
    uint64_t offset; /* end of what is durable in the current segment */
    uint64_t next_batch;
    uint64_t commits, damaged, bytes;
    unsigned segment_count, segment_capacity;
    struct store_segment *segment;
    struct segment_feeder durable[GRID_FEEDERS_MAX]; /* as on disk */
    struct segment_feeder expected[GRID_FEEDERS_MAX]; /* as it will be when the batch is on disk */
    /* Of the feeder in the same place of both: the bus reads its log again from up to a second back, whatever began anew since. */
    struct numbering_past past[GRID_FEEDERS_MAX];
    struct reading latest[GRID_FEEDERS_MAX];
    unsigned batch_count;
    struct segment_record batch[STORE_BATCH_MAX];
};

void store_segment_name(uint64_t number, char name[STORE_NAME_BYTES]);
/* Remember a segment. GROVE_NO_MEMORY. */
int store_segment_note(struct store *store, uint64_t number, uint64_t created_wall_ns);
/* Find the folder's segments and open the last one, cut to what is whole. */
int store_recover(struct store *store, struct problem *problem);
/* The place of a feeder in a table, a free one if it is new; NULL if the table is full. */
struct segment_feeder *store_feeder_place(struct segment_feeder *table, uint64_t feeder);
/* Remove the oldest segments until the current one may grow to its full size within the limit. */
void store_retain(struct store *store);
/* errno as a status, with a sentence. */
int store_fail(struct problem *problem, const char *what, const char *name);

#endif
