/*
 * Walking over the records of one segment, whatever stands in it.
 *
 * A step finds a whole record, or an extent that fails its checks with something whole behind it, or that nothing whole
 * follows. Nothing is believed that a check does not cover, and memory stays bounded by one record.
 *
 * journal_measure says where the part that counts ends in a segment that may have a torn tail:
 *
 * Batches are written one after the other, each only after the one before is on disk, so only the last batch of a
 * segment can be torn. Call it L: the highest number that any whole record has. Of it count the records whose positions
 * run 0, 1, 2, ... without a gap. What comes after was never acknowledged, and is delivered to the journal again. Of all
 * batches before L everything counts, and what fails its checks there is damage, since it was on disk: it stays where it
 * is, and readers are told of it. The numbers of the records in L, less their positions, say how many records stood
 * before it, also when the extent in between swallowed them.
 *
 * One thread per walk; reads only.
 */
#ifndef LIB_JOURNAL_WALK_H
#define LIB_JOURNAL_WALK_H

#include "lib/journal/format.h"

/* A part of a file in memory. Zero is empty. */
struct journal_window {
    unsigned char *bytes;
    uint64_t offset_bytes;
    size_t length_bytes, capacity_bytes;
};
void journal_window_free(struct journal_window *window);

struct journal_walk {
    int descriptor; /* borrowed */
    uint32_t seed;
    uint64_t offset_bytes; /* the next thing to look at */
    uint64_t end_bytes; /* nothing counts from here on */
    uint64_t sequence; /* of the record expected next */
    uint64_t batch; /* of the record before; the next one's is not smaller */
    bool passes_unreadable; /* a block that cannot be read is an extent, and no error */
    struct journal_window window;
};

enum journal_found_kind {
    JOURNAL_FOUND_RECORD,
    JOURNAL_FOUND_EXTENT, /* fails its checks; something whole follows */
    JOURNAL_FOUND_END, /* nothing whole from offset_bytes to the end */
};
struct journal_found {
    enum journal_found_kind kind;
    uint64_t offset_bytes, length_bytes;
    struct journal_record record; /* RECORD */
    const unsigned char *data; /* RECORD: valid until the next step */
    bool is_unreadable; /* EXTENT, END: some of it could not be read */
};
/* 0, GROVE_IO (the walk stands where it stood), GROVE_NO_MEMORY. */
int journal_walk_next(struct journal_walk *walk, struct journal_found *found);

struct journal_measure {
    uint64_t end_bytes; /* where what counts ends */
    uint64_t used_bytes; /* where anything but zeros ends; not above end_bytes: there is no torn tail */
    uint64_t next_sequence, next_batch, latest_ns;
    uint64_t
        batch_offset_bytes; /* where the last batch that counts begins; end_bytes: it is a mark, or there is none */
    bool is_unreadable; /* something was passed that could not be read: what was in it is not known */
};
/* `walk` stands at the segment's beginning. 0, GROVE_IO, GROVE_NO_MEMORY. */
int journal_measure(struct journal_walk *walk, uint64_t latest_ns, struct journal_measure *measure);

#endif
