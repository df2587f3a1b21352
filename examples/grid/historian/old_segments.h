/*
 * Segments of the format before the journal, `readings-NNNNNNNN.segment` (segment.h): read, never written, and removed when
 * the readings in the journal need their room.
 */
#ifndef GRID_HISTORIAN_OLD_SEGMENTS_H
#define GRID_HISTORIAN_OLD_SEGMENTS_H

#include "examples/grid/common/lines.h"
#include "examples/grid/historian/segment.h"
#include "examples/grid/historian/snapshot.h"

struct old_segment {
    uint64_t number;
    uint64_t created_wall_ns; /* 0: not known */
    uint64_t bytes; /* of the file */
    uint64_t end_bytes; /* what counts of it */
};
struct old_segments {
    int folder; /* borrowed */
    unsigned count, capacity;
    struct old_segment *list; /* the oldest first */
    uint64_t bytes;
    uint64_t damaged; /* records, and whole segments, that fail their check */
};

/*
 * What is there, and where the numbering of every feeder stood at the end of it. GROVE_IO, GROVE_NO_MEMORY, GROVE_VERSION, with
 * *problem set.
 */
int old_segments_open(struct old_segments *old, int folder, struct snapshot_feeder *feeders, struct problem *problem);
void old_segments_close(struct old_segments *old);
/* Every whole reading from the first one on that may have this time (since 1970), until the visitor says false. */
typedef bool old_segments_visitor(const struct reading *reading, void *context);
bool old_segments_each(const struct old_segments *old, uint64_t from_ns, old_segments_visitor *visitor, void *context);
/* Remove the oldest ones until those that are left take at most so many bytes. */
void old_segments_keep(struct old_segments *old, uint64_t bytes);

#endif
