/*
 * What one service wrote, in a bounded journal (grove/journal.h) in the folder FOLDER/NAME.
 *
 * A record holds what was read from a stream at one time; lines may go over several. Its kind is the stream, and above that
 * byte the steps of its stamp (order.h). Nothing is synchronised: what is appended outlives every process, and of the last half minute a crash of the machine may take a
 * part. Damage costs the records that it hits, is said to the reader in their place, and its bytes are kept beside the
 * journal. Each service has so much as the limits say: the oldest goes.
 *
 * Segments of the format before (old_segments.h) are read, before the journal, until it has grown and takes their room.
 */
#ifndef SERVERS_LOG_KEPT_H
#define SERVERS_LOG_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grove/journal.h"
#include "servers/log/old_segments.h"
#include "servers/log/order.h"
#include "servers/log/page.h"

#define KEPT_SEGMENTS 4u /* a limit is split into */
#define KEPT_BYTES (UINT64_C(4) << 20) /* the usual limit */
#define KEPT_CHUNK_MAX 16384u

/* Of each service's log; the same for all. */
struct kept_limits {
    uint64_t keep_bytes;
    uint64_t keep_ns; /* 0: no limit */
};

struct kept {
    const struct kept_limits *limits; /* borrowed */
    int folder; /* of this service; -1 closed */
    struct grove_journal *journal; /* NULL: not needed yet, or it could not be opened; then it is tried again */
    struct old_segments old;
    uint64_t dropped_bytes; /* could not be written; said in the log when there is room again */
};

/*
 * Find what is there, or make the folder. `parent` is the folder of all. The limits stay the caller's, who may change them and
 * then says so (kept_limit). Negative status, nothing left open.
 */
int kept_open(struct kept *kept, int parent, const char *name, const struct kept_limits *limits);
void kept_limit(struct kept *kept, uint64_t now_ns);
void kept_close(struct kept *kept);
/*
 * Append one chunk, at most KEPT_CHUNK_MAX. GROVE_FULL, GROVE_READ_ONLY, GROVE_IO, GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS:
 * it was dropped and counted.
 */
int kept_append(struct kept *kept, struct order_stamp stamp, uint32_t stream, const void *bytes, uint32_t length_bytes);

/* A place between two records: `offset` is a number of the journal, or with a segment, one of the old format, bytes. */
struct kept_position {
    uint32_t segment; /* 0: in the journal */
    uint64_t offset; /* 0 and no segment: before everything */
};
/*
 * Fill a page from a position on. What was removed meanwhile is said, as damage is. The position moves; *is_end says that
 * nothing more is there now. Errors: those of opening and reading, but for GROVE_IO of a part, which is passed as damage.
 */
int kept_read(struct kept *kept, struct kept_position *position, struct page *page, bool *is_end);
/* The position from which on at least `lines` lines are there (or all, if there are fewer, or lines is 0). */
int kept_tail(struct kept *kept, uint32_t lines, struct kept_position *position);

/* The journal, opened. */
int kept_journal(struct kept *kept, struct grove_journal **journal);

#endif
