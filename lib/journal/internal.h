/* What the parts of the journal share: the table of segments, the writer, and the files. */
#ifndef LIB_JOURNAL_INTERNAL_H
#define LIB_JOURNAL_INTERNAL_H

#include "grove/journal.h"
#include "lib/journal/walk.h"

#define JOURNAL_SEGMENT_BYTES (UINT64_C(8) << 20)
#define JOURNAL_SEGMENT_MIN (UINT64_C(64) << 10)
#define JOURNAL_SEGMENT_MAX (UINT64_C(1) << 30)
#define JOURNAL_BATCH_BYTES (UINT32_C(1) << 20)
#define JOURNAL_BEGUN_MAX 2u
#define JOURNAL_REMEMBERED 64u

/* ---- segments ---- */

/* A place in a segment from which a walk can begin. */
struct journal_index_entry {
    uint64_t offset_bytes, sequence, batch;
    uint64_t latest_ns; /* of all records before */
};
struct journal_index {
    struct journal_index_entry *entry;
    unsigned count, capacity;
    uint64_t used; /* when it was last used, by the journal's count of uses */
};
struct journal_segment {
    uint64_t number, first_sequence, first_batch, created_ns;
    uint64_t latest_ns; /* of all records before it */
    uint64_t end_bytes; /* what counts of it and is on disk */
    uint64_t file_bytes;
    uint32_t seed;
    struct journal_index index;
};

/* ---- the writer ---- */

struct journal_batch {
    unsigned char *bytes; /* records whose numbers and checks are filled in when they are written */
    size_t length_bytes, capacity_bytes;
    uint32_t records;
};

/* While a commit is under way only journal_commit_run touches this. */
struct journal_writer {
    int folder, descriptor; /* borrowed; of the last segment, -1 none */
    uint64_t segment_bytes;
    uint64_t number; /* of the last segment; also of one that could not be begun */
    uint64_t previous_number; /* of the last segment that holds something */
    uint64_t offset_bytes; /* where the next batch goes */
    uint64_t durable_bytes; /* what counts of previous_number, without a mark behind it */
    uint64_t counts_bytes; /* the same of the segment that is open */
    uint32_t seed;
    bool is_unsynchronised; /* GROVE_JOURNAL_UNSYNCHRONISED */
    bool is_given_up; /* nothing more may be written to it */
    bool is_marked; /* the next batch begins with the mark that is there already */
    uint64_t next_sequence, next_batch, latest_ns;
    char content[8];
    struct journal_batch batch;
    struct journal_segment begun[JOURNAL_BEGUN_MAX];
    unsigned begun_count;
    bool has_released; /* the segment before the first begun one gave back what it did not use */
    struct grove_journal_commit done;
    int status;
    struct grove_journal_problem problem;
};

/* Write the batch and synchronise it. Sets status, problem, done; begins segments as needed. */
void journal_writer_run(struct journal_writer *writer);
/* Put a mark behind the last batch; nothing happens if that is not possible. */
void journal_writer_mark(struct journal_writer *writer);

/* ---- the journal ---- */

struct grove_journal {
    int folder; /* borrowed */
    struct grove_journal_limits limits;
    char content[8];
    grove_journal_damage_handler *on_damage;
    void *context;
    struct journal_segment *segment; /* oldest first */
    unsigned segment_count, segment_capacity;
    uint64_t bytes, uses;
    struct journal_batch open;
    struct journal_writer writer;
    bool is_committing;
    struct grove_journal_facts facts; /* what is on disk, for the thread of the loop */
    struct journal_place {
        uint64_t segment, offset_bytes;
    } * reported; /* damage that was told of, a ring of JOURNAL_REMEMBERED; NULL: none, or no memory to remember it */
    unsigned reported_count;
    unsigned quarantined; /* files there are */
    bool passes_unreadable; /* GROVE_JOURNAL_PASS_UNREADABLE */
};

/* Set the sentence from errno; returns the status. */
int journal_fail(struct grove_journal_problem *problem, const char *what, const char *name);
void journal_segment_name(uint64_t number, char name[GROVE_JOURNAL_NAME_BYTES]);
/* Room in the table for `more` segments. */
int journal_table_grow(struct grove_journal *journal, unsigned more);
/* Forget the segment at an index of the table, and remove its file. */
void journal_table_remove(struct grove_journal *journal, unsigned index);
/* Find what is there; see journal_open. */
int journal_recover(struct grove_journal *journal, struct grove_journal_problem *problem);
/* Keep a copy of the damaged bytes and tell of them, once. `descriptor` -1: no copy can be made. */
void journal_report(struct grove_journal *journal, int descriptor, struct grove_journal_damage *damage);

/* ---- index ---- */

/* The last known place in the segment whose records before are all below `sequence`, or not later than time_ns. */
struct journal_index_entry journal_index_find(struct grove_journal *journal, struct journal_segment *segment,
                                              int descriptor, uint64_t sequence, uint64_t time_ns);
void journal_index_free(struct journal_index *index);

#endif
