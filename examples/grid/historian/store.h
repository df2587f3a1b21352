/*
 * The historian's folder: readings on disk, in a journal (grove/journal.h) of content GRIDHIST.
 *
 * A record of kind 1 is a reading, one of kind 2 a snapshot of the numbering (snapshot.h). Readings are added to a batch in
 * memory and become durable together with store_commit. A commit that fails (a full disk) changes nothing: the batch is
 * kept and the next commit tries again. Repetitions are told by their numbers and not stored twice. One thread.
 *
 * Segments of the format before (old_segments.h) are read, before the journal, until their room is needed.
 */
#ifndef GRID_HISTORIAN_STORE_H
#define GRID_HISTORIAN_STORE_H

#include "examples/grid/common/lines.h"
#include "examples/grid/historian/snapshot.h"

#define STORE_BATCH_MAX 1024u

struct store;

struct store_limits {
    uint64_t segment_bytes; /* a segment that reaches this is followed by a new one; at least 64 KiB */
    uint64_t keep_bytes; /* of all that is kept: the oldest segments go; at least four segments */
};

struct store_counts {
    uint64_t stored, missing;
    uint64_t commits; /* since the start */
    uint64_t segments, bytes; /* of what is kept; `stored` also counts what was removed since */
    uint64_t damaged;
};

/*
 * Open the folder and learn where the numbering stands. GROVE_NOT_FOUND, GROVE_IO, GROVE_READ_ONLY, GROVE_FULL, GROVE_NO_MEMORY,
 * GROVE_VERSION, GROVE_INVALID (it holds a journal of something else) with *problem set.
 */
int store_open(const char *folder, const struct store_limits *limits, struct store **store, struct problem *problem);
void store_close(struct store *store);
/*
 * 0: in the batch now. GROVE_EXISTS: a repetition. GROVE_AGAIN: the batch is full. GROVE_EXHAUSTED: too many feeders.
 * GROVE_NO_MEMORY.
 */
int store_add(struct store *store, const struct reading *reading);
unsigned store_batch_count(const struct store *store);
/* Everything added is on disk after this returned 0. GROVE_FULL, GROVE_READ_ONLY, GROVE_IO with *problem set. */
int store_commit(struct store *store, struct problem *problem);

struct store_counts store_counts(const struct store *store);
/* The numbering on disk of the feeder at `index`; GROVE_NOT_FOUND after the last. */
int store_feeder(const struct store *store, unsigned index, struct snapshot_feeder *feeder);
/* The last committed reading. GROVE_NOT_FOUND. */
int store_latest(const struct store *store, uint64_t feeder, struct reading *reading);
/*
 * Up to *count committed readings of a feeder with wall-clock times in [from, to], oldest first. Looks at a bounded
 * number of records; *next_ns is where to go on, 0 if there is nothing more. GROVE_INVALID, GROVE_NO_MEMORY,
 * GROVE_NO_DESCRIPTORS.
 */
int store_range(const struct store *store, uint64_t feeder, uint64_t from_ns, uint64_t to_ns, struct reading *readings,
                unsigned *count, uint64_t *next_ns);

#endif
