/*
 * The journal's bytes on disk: segments and records. docs/formats.md has the tables of offsets.
 *
 *     +------------------------------+ 0
 *     | struct journal_header        |  4096 bytes: identity, and where numbers stood when the segment began
 *     +------------------------------+ 4096
 *     | the same again               |  so that no single bad block takes the segment away
 *     +------------------------------+ 8192
 *     | record | record | record ... |  struct journal_record (48 bytes) and data, padded to 8; batch after batch
 *     +------------------------------+
 *     | zeros                        |  preallocated
 *     +------------------------------+ segment_bytes
 *
 * Little-endian. A record is whole when both its checks fit. Both begin with the segment's salt, a random number that
 * never leaves the file: so nobody can write data that looks like a record when a reader looks for the next one behind
 * damage. Pure: these functions work on memory.
 */
#ifndef LIB_JOURNAL_FORMAT_H
#define LIB_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grove/journal.h"

#define JOURNAL_VERSION 1u
#define JOURNAL_COPY_OFFSET 4096u
#define JOURNAL_DATA_OFFSET 8192u

struct journal_header {
    char magic[8]; /* "GRVJRNL1" */
    uint32_t version, header_bytes;
    uint64_t number; /* 1, 2, ... as in the file's name */
    uint64_t salt;
    uint64_t first_sequence; /* of its first record */
    uint64_t first_batch;
    uint64_t created_ns; /* since 1970 */
    uint64_t latest_ns; /* the largest time of any record before this segment; 0: none */
    uint64_t previous_number, previous_bytes; /* what counts of the segment before; 0: there was none */
    char content[8]; /* what the records are, filled with zeros */
    unsigned char reserved[4096 - 88 - 4];
    uint32_t check; /* CRC-32C of all before it */
};
_Static_assert(sizeof(struct journal_header) == 4096, "the header has one size on every machine");

enum journal_record_flags {
    JOURNAL_LAST = 1, /* of its batch */
    JOURNAL_MARK = 2, /* no record of anybody's: it says that the batch before is on disk; has no number of its own */
    JOURNAL_MARKED = 4, /* its batch begins with a mark */
};

struct journal_record {
    uint32_t check; /* CRC-32C of the salt and bytes 4 to 47 */
    uint32_t data_check; /* CRC-32C of the salt and the data */
    uint32_t length_bytes; /* of the data */
    uint16_t position; /* in its batch, from 0 */
    uint16_t flags; /* enum journal_record_flags */
    uint64_t sequence; /* from 1, grows by one; a mark has that of the record which comes next */
    uint64_t batch; /* from 1, grows with each batch, over all segments */
    uint64_t time_ns; /* since 1970, as the writer said */
    uint32_t kind; /* as the writer said */
    uint32_t reserved;
};
_Static_assert(sizeof(struct journal_record) == 48, "a record has one size on every machine");

static inline uint64_t journal_padded(uint64_t bytes) {
    return (bytes + 7) & ~UINT64_C(7);
}

/* A record with its data and padding. */
static inline uint64_t journal_record_bytes(const struct journal_record *record) {
    return sizeof *record + journal_padded(record->length_bytes);
}

void journal_header_seal(struct journal_header *header);
/* 0, GROVE_CORRUPT, or GROVE_VERSION. */
int journal_header_check(const struct journal_header *header);
/* What the checks of a segment's records begin with. */
uint32_t journal_seed(const struct journal_header *header);
/* Fill in the two checks; all else is set. */
void journal_record_seal(struct journal_record *record, const void *data, uint32_t seed);
bool journal_record_is_whole(const struct journal_record *record, uint32_t seed);
bool journal_data_is_whole(const struct journal_record *record, const void *data, uint32_t seed);
/* The number of the first record in the batch of this one. */
uint64_t journal_batch_sequence(const struct journal_record *record);

#endif
