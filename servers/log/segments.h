/*
 * What one service wrote, in bounded segments on disk.
 *
 *     FOLDER/NAME/00000001.log, 00000002.log, ...: struct segment_record (32 bytes) | bytes, padded to 8
 *
 * A record holds what was read from a stream at one time; lines may go over several. It is intact when its length and
 * check fit. What is behind the last intact record is a torn tail (a crash of the machine in the middle) and is cut off
 * when the segment is opened for writing; damage before it stays where it is and is said to the reader in its place.
 * At most SEGMENT_BYTES a segment and SEGMENTS_KEPT segments a service: the oldest is removed.
 */
#ifndef SERVERS_LOG_SEGMENTS_H
#define SERVERS_LOG_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/log/protocol.h"

#define SEGMENT_BYTES (UINT64_C(1) << 20)
#define SEGMENTS_KEPT 4u
#define SEGMENT_CHUNK_MAX 16384u
#define SEGMENT_MAGIC 0x474f4c47u /* "GLOG" */

struct segment_record {
    uint32_t magic;
    uint32_t length_bytes;
    uint64_t time_ns; /* wall clock */
    uint32_t stream; /* enum log_stream */
    uint32_t reserved;
    uint64_t check; /* FNV-1a over the record with check 0, and its bytes */
};

struct segments {
    int folder; /* of this service; -1 closed */
    int current; /* the segment being written; -1 none */
    uint32_t first; /* oldest kept; 0: none */
    uint32_t last; /* the one being written */
    uint64_t size_bytes; /* of the last */
    uint64_t dropped_bytes; /* could not be written; said in the log when there is room again */
};

/* Find what is there, or make the folder. `parent` is the folder of all. Negative status, nothing left open. */
int segments_open(struct segments *segments, int parent, const char *name);
void segments_close(struct segments *segments);
/* Append one chunk, at most SEGMENT_CHUNK_MAX. GROVE_FULL, GROVE_READ_ONLY, GROVE_IO: it was dropped and counted. */
int segments_append(struct segments *segments, uint64_t time_ns, uint32_t stream, const void *bytes,
                    uint32_t length_bytes);

/*
 * Fill `buffer` with struct log_chunk records from a position on. A position that was removed meanwhile goes on at the
 * oldest kept. *used_bytes and the position are updated, *is_end says that nothing more is there.
 */
struct segment_position {
    uint32_t segment;
    uint64_t offset_bytes;
};
int segments_read(const struct segments *segments, struct segment_position *position, uint64_t since_ns, void *buffer,
                  size_t buffer_bytes, size_t *used_bytes, uint32_t *count, bool *is_end);
/* The position from which on at least `lines` lines are there (or all, if there are fewer, or lines is 0). */
int segments_tail(const struct segments *segments, uint32_t lines, struct segment_position *position);

#endif
