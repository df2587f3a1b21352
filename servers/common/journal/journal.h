/*
 * A journal: records of bytes in a folder of segment files, appended in groups and read by number or by time.
 *
 *     journal_append(journal, &entry);              any number of times: into memory
 *     journal_commit(journal, &done, &problem);     one write and one fdatasync for all of them
 *
 * Acknowledged means on disk: what a commit that returned 0 covers is found again after any crash, in order, once. What
 * is not committed is not there. A commit that fails changes nothing that counts; its records stay in memory, the next
 * commit tries again, or journal_discard drops them.
 *
 * Crash argument. A batch (what one commit writes) goes to the disk only after the one before it is there. So whatever a
 * crash tears lies in the last batch of the last segment, and none of that was acknowledged; how the torn part is told
 * from damage stands in walk.h. A segment with a torn tail is never written to again: the next batch begins a new
 * segment, whose header says how much of the one before counts (previous_bytes), and that header is on disk, file and
 * folder, before a record follows it. Until then every opening comes to the same end.
 *
 * An fdatasync that fails is final for its segment: Linux marks the pages clean, and a later one would succeed for data
 * that never reached the disk. The segment is given up at the end of the last batch that is known to be on disk, and the
 * batch is written again into a new one. A process that died between such a failure and the new header leaves pages that
 * nobody can tell from good ones; therefore opening writes the last batch once more and synchronises it.
 *
 * Damage (a flipped bit, a lost sector, in what had been on disk) costs only the records that it hits. Whoever reads
 * across it is told which numbers are missing; the bytes are copied to quarantine-SEGMENT-OFFSET.bytes (at most
 * JOURNAL_QUARANTINE_FILES of them) and on_damage is called. Nothing is skipped in silence, torn tails included.
 *
 * The folder is bounded: the oldest whole segments go by size and by age. Memory: two batches, 24 bytes for each 64 KiB
 * of the segments that were last looked into, and 32 KiB for each reader that is not at the end.
 *
 * Threads: one, but for journal_commit_run, which may run in another one, between begin and end. System calls on file
 * descriptors only. A caller with a file size limit ignores SIGXFSZ.
 *
 * Errors: GROVE_FULL (disk, quota or file limit), GROVE_READ_ONLY, GROVE_IO, GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS,
 * GROVE_NOT_FOUND (the folder), GROVE_VERSION (written by a later version), with a sentence in *problem.
 */
#ifndef SERVERS_JOURNAL_JOURNAL_H
#define SERVERS_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "servers/common/journal/format.h"

#define JOURNAL_BATCH_RECORDS 32768u /* in one batch */
#define JOURNAL_QUARANTINE_FILES 64u
#define JOURNAL_NAME_BYTES 48u

struct journal;
struct journal_reader;

struct journal_problem {
    char sentence[256];
};

enum journal_damage_kind {
    JOURNAL_DAMAGED, /* had been on disk, and fails its check now */
    JOURNAL_UNREADABLE, /* the device does not give it */
    JOURNAL_TORN, /* a crash cut a batch off that nobody was told of; a flipped bit in the last batch looks like it */
    JOURNAL_LOST_SEGMENT, /* both headers fail: the file is set aside as NAME.damaged */
};
struct journal_damage {
    enum journal_damage_kind kind;
    uint64_t segment, offset_bytes, length_bytes;
    uint64_t first_sequence, records; /* which numbers are missing; 0 records: none that was acknowledged */
    bool is_known; /* it was found before: its quarantine file is there */
    bool is_saved; /* in the quarantine file */
    char file[JOURNAL_NAME_BYTES]; /* name of the segment */
    char quarantine[JOURNAL_NAME_BYTES]; /* empty if not saved */
};
typedef void journal_damage_handler(const struct journal_damage *damage, void *context);

struct journal_limits {
    uint64_t segment_bytes; /* 64 KiB to 1 GiB; 0: 8 MiB */
    uint64_t keep_bytes; /* of all segments, the one written to included; 0: no limit. At least two segments stay */
    uint64_t keep_ns; /* 0: no limit */
    uint32_t batch_bytes; /* in memory for one batch; 0: 1 MiB. At most a quarter of a segment is used */
};
struct journal_options {
    int folder; /* borrowed until close */
    struct journal_limits limits;
    const char *content; /* up to 8 bytes that say what the records are; a journal of other content is refused */
    journal_damage_handler *on_damage; /* NULL: nobody is told */
    void *context;
};
/* Open, recover, or begin. Reads the last segment whole, of the others the headers. Takes no new space. */
int journal_open(const struct journal_options *options, struct journal **journal, struct journal_problem *problem);
/* What is not committed is dropped. */
void journal_close(struct journal *journal);

struct journal_entry {
    uint32_t kind; /* kept with the record */
    uint64_t time_ns; /* since 1970 */
    const struct iovec *parts;
    unsigned part_count;
};
/* Into the open batch. GROVE_AGAIN (the batch is full: commit first), GROVE_TOO_LARGE, GROVE_NO_MEMORY. */
int journal_append(struct journal *journal, const struct journal_entry *entry);
/* Records in the open batch. */
uint32_t journal_pending(const struct journal *journal);

/* What a commit has put on disk: records first_sequence to first_sequence + count - 1, in the order of their appending. */
struct journal_commit {
    uint64_t first_sequence;
    uint32_t count;
};
int journal_commit(struct journal *journal, struct journal_commit *done, struct journal_problem *problem);
/*
 * The same in three steps, for a loop that must not wait for the disk. Begin closes the open batch (false: there is
 * nothing to write, a commit is under way, or there is no memory); run writes, in any thread; end takes the result. Appending goes on
 * meanwhile, into the next batch. After a failed end the batch is still there: begin, run and end again, or discard.
 */
bool journal_commit_begin(struct journal *journal);
void journal_commit_run(struct journal *journal);
int journal_commit_end(struct journal *journal, struct journal_commit *done, struct journal_problem *problem);
/* Drop the records of the batch that failed; not while a commit is under way. Returns how many. */
uint32_t journal_discard(struct journal *journal);
/*
 * When nothing is to be done for a while: write a mark behind the last batch, without waiting for the disk, so that a bit
 * which flips there is known to be damage and no torn tail; and give back memory that only bursts need.
 */
void journal_rest(struct journal *journal);

struct journal_facts {
    uint64_t first_sequence; /* kept */
    uint64_t next_sequence; /* of what is committed next */
    uint64_t latest_ns;
    uint64_t segments, bytes;
    uint64_t damaged_extents, damaged_records, torn_extents; /* found since it was opened */
    uint64_t commits, failures;
};
struct journal_facts journal_facts(const struct journal *journal);
/* Remove what is too old at now_ns. By size it happens by itself. */
void journal_retain(struct journal *journal, uint64_t now_ns);
/* Other limits from now on; segment_bytes counts from the next segment on. */
void journal_limit(struct journal *journal, const struct journal_limits *limits);
/* Remove whole segments that hold only numbers below `sequence`. */
void journal_forget_before(struct journal *journal, uint64_t sequence);

/* ---- reading ------------------------------------------------------------------------------------------------------- */

enum journal_gap {
    JOURNAL_NO_GAP,
    JOURNAL_GAP_REMOVED, /* too old or too many: they are no longer kept */
    JOURNAL_GAP_DAMAGED,
};
struct journal_item {
    enum journal_gap gap;
    uint64_t sequence;
    uint64_t last_sequence; /* of a gap; of a record the same as sequence */
    uint64_t time_ns;
    uint32_t kind;
    size_t length_bytes;
    const void *data; /* valid until the reader is used again */
};
/* At the oldest record kept. Readers end before their journal does. GROVE_NO_MEMORY. */
int journal_reader_create(struct journal *journal, struct journal_reader **reader);
void journal_reader_destroy(struct journal_reader *reader);
/* To the record with that number, or the first one after it; one that is not there yet is waited for. */
int journal_reader_seek(struct journal_reader *reader, uint64_t sequence);
/* To the first record that has this time or a later one, or follows one that has. */
int journal_reader_seek_time(struct journal_reader *reader, uint64_t time_ns);
/* The number that the next item begins with. */
uint64_t journal_reader_sequence(const struct journal_reader *reader);
/*
 * The next record, or the gap before it. GROVE_AGAIN: all that is on disk was read; more may come. GROVE_IO: the device
 * does not give it; call again to try again, or journal_reader_pass to go on behind what cannot be read.
 */
int journal_reader_next(struct journal_reader *reader, struct journal_item *item);
void journal_reader_pass(struct journal_reader *reader);

#endif
