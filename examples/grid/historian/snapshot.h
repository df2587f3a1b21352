/*
 * The historian's second kind of record: where the numbering of every feeder stands.
 *
 *     +-------------------------+
 *     | struct snapshot_head    |  version, number of feeders
 *     | struct snapshot_feeder  |  640 bytes each
 *     +-------------------------+
 *
 * Little-endian. Readings and snapshots lie in one journal; the newest snapshot and the readings behind it tell how to go on,
 * whatever of the beginning has been removed. docs/formats.md has the table of offsets. Pure.
 */
#ifndef GRID_HISTORIAN_SNAPSHOT_H
#define GRID_HISTORIAN_SNAPSHOT_H

#include "examples/grid/common/numbering.h"
#include "examples/grid/common/protocol.h"

#define SNAPSHOT_VERSION 1u

/* Also what the historian knows of a feeder in memory. */
struct snapshot_feeder {
    uint64_t feeder; /* its number; 0: unused */
    struct numbering numbering;
    /* The bus reads its log again from up to a second back, whatever began anew since. */
    struct numbering_past past;
    struct reading latest; /* sequence 0: none */
};
_Static_assert(sizeof(struct snapshot_feeder) == 640, "a feeder has one size on every machine");

struct snapshot_head {
    uint32_t version, feeders;
};

#define SNAPSHOT_BYTES_MAX (sizeof(struct snapshot_head) + GRID_FEEDERS_MAX * sizeof(struct snapshot_feeder))

/* The place of a feeder in a table of GRID_FEEDERS_MAX, a free one if it is new; NULL if the table is full. */
struct snapshot_feeder *snapshot_place(struct snapshot_feeder *table, uint64_t feeder);
/* Take a reading into its feeder's place. False: it is a repetition, or there is no place. */
bool snapshot_take(struct snapshot_feeder *table, const struct reading *reading);
/* The bytes of a table, into room for SNAPSHOT_BYTES_MAX. Returns how many. */
size_t snapshot_encode(const struct snapshot_feeder *table, void *bytes);
/* A table from bytes. False: they are none of this version, and the table is as it was. */
bool snapshot_decode(struct snapshot_feeder *table, const void *bytes, size_t length_bytes);

#endif
