/*
 * The segment file that the historian wrote before it had a journal: layout, checks, and what is left of it after a crash.
 * It is read and no more written (old_segments.h); sealing is for tests.
 *
 *     +---------------------------+ 0
 *     | struct segment_header     |  8192 bytes: identity, and the numbering of every feeder when the segment began
 *     +---------------------------+ 8192
 *     | struct segment_record     |  72 bytes each, batch after batch
 *     | ...                       |
 *     +---------------------------+ end of file
 *
 * Little-endian. A batch is what one fdatasync covers; a record says which batch it belongs to, its position in it and
 * the size of the batch. Nothing in a batch is acknowledged before the fdatasync has returned.
 *
 * Crash argument. Batches are written one after the other, each only after the one before is on disk. So whatever a
 * crash tears lies in the last batch, and none of that was acknowledged: it is delivered again. At the first record that
 * fails its check, the records around it tell its batch. If a whole record of a later batch exists, that batch had been
 * acknowledged, and the record is damage: it is counted and skipped, and what follows is kept. If none exists, it is the
 * torn tail, and the file is cut there. (A bit that flips in the very last batch looks like a torn tail, and costs what
 * follows in that batch.)
 *
 * That a later batch exists is all that tells damage from a torn tail, so no crash may take that witness away. A segment
 * with damage is therefore neither cut nor written to again: the next batch begins a new one, whose header says how much
 * of the one before counts (`previous_bytes`). Until that header is on disk every opening comes to the same end. So it is
 * where half a batch is kept: a torn batch behind it in the same segment would look like damage.
 *
 * docs/formats.md has the table of offsets. Pure: these functions work on memory.
 */
#ifndef GRID_HISTORIAN_SEGMENT_H
#define GRID_HISTORIAN_SEGMENT_H

#include "examples/grid/common/numbering.h"
#include "examples/grid/common/protocol.h"

#define SEGMENT_VERSION 1u
#define SEGMENT_HEADER_BYTES 8192u

struct segment_feeder {
    uint64_t feeder; /* its number; 0: unused */
    struct numbering numbering;
};
struct segment_header {
    char magic[8]; /* "GRVHIST1" */
    uint32_t version, header_bytes, record_bytes, feeders;
    uint64_t number; /* 1, 2, ... as in the file's name */
    uint64_t created_wall_ns;
    uint64_t first_batch;
    struct segment_feeder feeder[GRID_FEEDERS_MAX];
    uint64_t previous_bytes; /* what counts of the segment before, which was given up; 0: all of it */
    unsigned char reserved[SEGMENT_HEADER_BYTES - 56 - GRID_FEEDERS_MAX * sizeof(struct segment_feeder) - 4];
    uint32_t check; /* CRC-32C of all before it */
};
_Static_assert(sizeof(struct segment_header) == SEGMENT_HEADER_BYTES, "the header has one size on every machine");

struct segment_record {
    uint32_t check; /* CRC-32C of all after it */
    uint16_t position, count; /* in its batch, from 0 */
    uint64_t batch;
    struct reading reading;
};
_Static_assert(sizeof(struct segment_record) == 72, "a record has one size on every machine");

void segment_header_seal(struct segment_header *header);
/* 0, GROVE_CORRUPT, or GROVE_VERSION. */
int segment_header_check(const struct segment_header *header);
void segment_record_seal(struct segment_record *record);
bool segment_record_is_whole(const struct segment_record *record);

/* What the records of a segment, or of its last part, are good for. */
struct segment_extent {
    uint64_t records; /* to keep: what follows is a torn tail */
    uint64_t damaged; /* of these, failed their check */
    uint64_t last_batch;
    bool is_half; /* only the beginning of the last batch is there */
};
/* `count` whole-sized records in memory; `first_batch` is that of the header. */
struct segment_extent segment_extent(const struct segment_record *records, uint64_t count, uint64_t first_batch);

#endif
