/*
 * What a service wrote before the log was a journal: segments of the old format, which are only read.
 *
 *     FOLDER/NAME/00000001.log, 00000002.log, ...: struct segment_record (32 bytes) | bytes, padded to 8
 *
 * A record holds what was read from a stream at one time; lines may go over several. It is intact when its length and
 * check fit. What is behind the last intact record is a torn tail and counts for nothing; damage before it is said to the
 * reader in its place. They go, the oldest first, as the journal beside them grows (kept.h).
 */
#ifndef SERVERS_LOG_OLD_SEGMENTS_H
#define SERVERS_LOG_OLD_SEGMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "servers/log/page.h"

#define OLD_SEGMENT_BYTES (UINT64_C(1) << 20)
#define OLD_SEGMENTS_KEPT 4u
#define OLD_SEGMENT_CHUNK_MAX 16384u
#define OLD_SEGMENT_MAGIC 0x474f4c47u /* "GLOG" */

struct segment_record {
    uint32_t magic;
    uint32_t length_bytes;
    uint64_t time_ns; /* wall clock */
    uint32_t stream; /* enum log_stream */
    uint32_t reserved;
    uint64_t check; /* FNV-1a over the record with check 0, and its bytes */
};

struct old_segments {
    uint32_t first, last; /* numbers; 0: there are none */
};
struct old_position {
    uint32_t segment;
    uint64_t offset_bytes;
};

/* Which there are in a folder. Negative status: it cannot be listed. */
int old_segments_find(int folder, struct old_segments *old);
/*
 * Fill a page from a position on, which moves. One that was removed meanwhile goes on at the oldest kept. *is_end says that
 * nothing more is there, and that the position is behind all of them. Negative status: one cannot be opened or mapped.
 */
int old_segments_read(int folder, const struct old_segments *old, struct old_position *position, struct page *page,
                      bool *is_end);
/*
 * The position from which on at least *lines lines are there. *lines becomes how many are still wanted before that: 0, or
 * there are not so many, and the position is that of the first segment.
 */
int old_segments_tail(int folder, const struct old_segments *old, uint32_t *lines, struct old_position *position);
/* Remove the oldest until at most `count` are there. */
void old_segments_keep(int folder, struct old_segments *old, uint32_t count);

#endif
