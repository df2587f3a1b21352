/*
 * The historian's folder: readings on disk, in segment files `readings-NNNNNNNN.segment`.
 *
 * Readings are added to a batch in memory and become durable together with store_commit. A commit that fails (a full
 * disk) changes nothing: the batch is kept and the next commit tries again. Repetitions are told by their numbers and
 * not stored twice. One thread.
 */
#ifndef GRID_HISTORIAN_STORE_H
#define GRID_HISTORIAN_STORE_H

#include "examples/grid/common/lines.h"
#include "examples/grid/historian/segment.h"

#define STORE_BATCH_MAX 1024u

struct store;

struct store_limits {
    uint64_t segment_bytes; /* a segment that reaches this is followed by a new one */
    uint64_t keep_bytes; /* of all segments: the oldest ones are removed before the newest grows the folder over it */
};

struct store_counts {
    uint64_t stored, missing;
    uint64_t commits; /* since the start */
    uint64_t segments, bytes; /* of what is kept; `stored` also counts what was removed since */
    uint64_t damaged;
};

/*
 * Open the folder and recover: the torn tail of the last segment is cut, but for one with damage, which stays as it is
 * (segment.h). GROVE_IO, GROVE_READ_ONLY, GROVE_NOT_FOUND, GROVE_NO_MEMORY, GROVE_VERSION, GROVE_CORRUPT with *problem
 * set. Does not need free space. The store removes whole segments only, and never the one it writes to.
 */
int store_open(const char *folder, const struct store_limits *limits, struct store **store, struct problem *problem);
void store_close(struct store *store);
/* 0: in the batch now. GROVE_EXISTS: a repetition. GROVE_AGAIN: the batch is full. GROVE_EXHAUSTED: too many feeders. */
int store_add(struct store *store, const struct reading *reading);
unsigned store_batch_count(const struct store *store);
/* Everything added is on disk after this returned 0. GROVE_FULL, GROVE_READ_ONLY, GROVE_IO with *problem set. */
int store_commit(struct store *store, struct problem *problem);

struct store_counts store_counts(const struct store *store);
/* The numbering on disk of the feeder at `index`; GROVE_NOT_FOUND after the last. */
int store_feeder(const struct store *store, unsigned index, struct segment_feeder *feeder);
/* The last committed reading. GROVE_NOT_FOUND. */
int store_latest(const struct store *store, uint64_t feeder, struct reading *reading);
/*
 * Up to *count committed readings of a feeder with wall-clock times in [from, to], oldest first. Looks at a bounded
 * number of records; *next_ns is where to go on, 0 if there is nothing more. GROVE_IO.
 */
int store_range(const struct store *store, uint64_t feeder, uint64_t from_ns, uint64_t to_ns, struct reading *readings,
                unsigned *count, uint64_t *next_ns);

#endif
