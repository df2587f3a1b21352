/*
 * A journal: records of bytes in a folder of segment files, appended in groups and read by number or by time.
 *
 *     struct grove_journal_options options = {.folder = descriptor, .content = "READINGS"};
 *     grove_journal_open(&options, &journal, &problem);
 *     grove_journal_append(journal, &entry);              any number of times: into memory
 *     grove_journal_commit(journal, &done, &problem);     one write and one fdatasync for all of them
 *
 *     grove_journal_reader_create(journal, &reader);
 *     while (grove_journal_reader_next(reader, &item) == 0)
 *         if (item.gap == GROVE_JOURNAL_NO_GAP)
 *             use(item.sequence, item.data, item.length_bytes);
 *
 * Acknowledged means on disk: what a commit that returned 0 covers is found again after any crash, in order, once. What
 * is not committed is not there. A commit that fails changes nothing that counts; its records stay in memory, the next
 * commit tries again, or grove_journal_discard drops them.
 *
 * Crash argument. A batch (what one commit writes) goes to the disk only after the one before it is there. So whatever a
 * crash tears lies in the last batch of the last segment, and none of that was acknowledged; how the torn part is told
 * from damage stands in lib/journal/walk.h. A segment with a torn tail is never written to again: the next batch begins a new
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
 * GROVE_JOURNAL_QUARANTINE_FILES of them) and on_damage is called. Nothing is skipped in silence, torn tails included.
 *
 * The folder is bounded: the oldest whole segments go by size and by age. Memory: two batches, 24 bytes for each 64 KiB
 * of the segments that were last looked into, and 32 KiB for each reader that is not at the end.
 *
 * Threads: one, but for grove_journal_commit_run, which may run in another one, between begin and end. System calls on file
 * descriptors only. A caller with a file size limit ignores SIGXFSZ.
 *
 * Errors: GROVE_FULL means disk, quota or file limit. The format stands in docs/formats.md; a journal that this version
 * writes is read by every later one.
 */
#ifndef GROVE_JOURNAL_H
#define GROVE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "grove/grove.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GROVE_JOURNAL_RECORD_MAX (UINT32_C(2) << 20) /* bytes of data in a record */
#define GROVE_JOURNAL_BATCH_RECORDS 32768u /* in one batch */
#define GROVE_JOURNAL_QUARANTINE_FILES 64u
#define GROVE_JOURNAL_NAME_BYTES 48u

struct grove_journal;
struct grove_journal_reader;

/* What went wrong, for people: which file, and what the system said. Set whenever a function that takes one fails. */
struct grove_journal_problem {
    char sentence[256];
};

enum grove_journal_damage_kind {
    GROVE_JOURNAL_DAMAGED, /* had been on disk, and fails its check now */
    GROVE_JOURNAL_UNREADABLE, /* the device does not give it */
    GROVE_JOURNAL_TORN, /* a crash cut a batch off that nobody was told of; a flipped bit in the last batch looks like it */
    GROVE_JOURNAL_LOST_SEGMENT, /* both headers fail: nothing in the segment can be read */
};
struct grove_journal_damage {
    enum grove_journal_damage_kind kind;
    uint64_t segment, offset_bytes, length_bytes;
    uint64_t first_sequence, records; /* which numbers are missing; 0 records: none that was acknowledged */
    bool is_known; /* it was found before: its quarantine file is there */
    bool is_saved; /* in the quarantine file */
    char file[GROVE_JOURNAL_NAME_BYTES]; /* name of the segment */
    char quarantine[GROVE_JOURNAL_NAME_BYTES]; /* empty if not saved */
    uint64_t reserved[4];
};
/* Called while the journal is opened or read, once for each extent. It must not use the journal. */
typedef void grove_journal_damage_handler(const struct grove_journal_damage *damage, void *context);

/* What is out of range is brought into it. Fields to come are 0 in the programs of today. */
struct grove_journal_limits {
    uint64_t segment_bytes; /* 64 KiB to 1 GiB, at most a quarter of keep_bytes; 0: 8 MiB */
    uint64_t keep_bytes; /* of all segments, the one written to included; 0: no limit. At least two segments stay */
    uint64_t keep_ns; /* 0: no limit */
    uint32_t batch_bytes; /* in memory for one batch; 0: 1 MiB. At most a quarter of a segment is used */
    uint32_t reserved;
};
enum grove_journal_flags {
    /*
     * A commit writes and does not wait for the disk: what it covers outlives the process, and of what the last half
     * minute held a crash of the machine may keep any part. Readers are told what is missing in the middle; numbers at the
     * end may be given a second time. No room is reserved, and a resting journal has no buffers: for many small ones.
     */
    GROVE_JOURNAL_UNSYNCHRONISED = 1u << 0,
    /*
     * Open although a part of the last segment cannot be read. What it held is damage to readers (who try again to read
     * it), and as many numbers are passed over as could have been in it. Without this the opening fails with GROVE_IO.
     */
    GROVE_JOURNAL_PASS_UNREADABLE = 1u << 1,
};
struct grove_journal_options {
    int folder; /* descriptor of a folder that may be written to; borrowed until close. Nothing else writes there */
    uint32_t flags; /* enum grove_journal_flags */
    struct grove_journal_limits limits;
    const char *content; /* up to 8 bytes that say what the records are; a journal of other content is refused */
    grove_journal_damage_handler *on_damage; /* NULL: nobody is told */
    void *context;
    uint64_t reserved[4];
};
/*
 * Open, recover, or begin. Reads the last segment whole, of the others the headers. Takes no new space. Two journals, of
 * one process or of two, must not be open in one folder at a time.
 *
 * GROVE_INVALID: the folder holds a journal of other content, and is left as it is. GROVE_VERSION: a later version wrote
 * it. GROVE_FULL, GROVE_READ_ONLY, GROVE_IO (the last segment cannot be read, or not be synchronised), GROVE_NOT_FOUND,
 * GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS.
 */
GROVE_PUBLIC int grove_journal_open(const struct grove_journal_options *options, struct grove_journal **journal,
                                    struct grove_journal_problem *problem);
/* After its readers, and after a commit under way has ended. What is not committed is dropped. NULL: nothing happens. */
GROVE_PUBLIC void grove_journal_close(struct grove_journal *journal);

struct grove_journal_entry {
    uint32_t kind; /* kept with the record */
    unsigned part_count;
    uint64_t
        time_ns; /* since 1970; kept with the record. Going back is allowed: seeking by time goes by the latest so far */
    const struct iovec *parts; /* one after the other they are the record's bytes; copied */
};
/*
 * Into the open batch, in memory. GROVE_AGAIN: the batch is full, commit first (a batch that holds nothing takes any
 * record). GROVE_TOO_LARGE: more than GROVE_JOURNAL_RECORD_MAX bytes. GROVE_NO_MEMORY.
 */
GROVE_PUBLIC int grove_journal_append(struct grove_journal *journal, const struct grove_journal_entry *entry);
/* Records in the open batch. */
GROVE_PUBLIC uint32_t grove_journal_pending(const struct grove_journal *journal);

/* What a commit has put on disk: records first_sequence to first_sequence + count - 1, in the order of their appending. */
struct grove_journal_commit {
    uint64_t first_sequence;
    uint32_t count; /* 0: there was nothing to write */
    uint32_t reserved;
};
/*
 * Write the open batch, or the one of a commit that failed, and wait until it is on disk. Errors: GROVE_FULL,
 * GROVE_READ_ONLY, GROVE_IO, GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS; see above for what they leave.
 */
GROVE_PUBLIC int grove_journal_commit(struct grove_journal *journal, struct grove_journal_commit *done,
                                      struct grove_journal_problem *problem);
/*
 * The same in three steps, for a loop that must not wait for the disk. Begin closes the open batch (false: there is
 * nothing to write, a commit is under way, or there is no memory); run writes, in any thread; end takes the result, with
 * the errors of grove_journal_commit. Appending goes on meanwhile, into the next batch. After a failed end the batch is
 * still there: begin, run and end again, or discard.
 */
GROVE_PUBLIC bool grove_journal_commit_begin(struct grove_journal *journal);
GROVE_PUBLIC void grove_journal_commit_run(struct grove_journal *journal);
GROVE_PUBLIC int grove_journal_commit_end(struct grove_journal *journal, struct grove_journal_commit *done,
                                          struct grove_journal_problem *problem);
/* Drop the records of the batch that failed; not while a commit is under way. Returns how many. */
GROVE_PUBLIC uint32_t grove_journal_discard(struct grove_journal *journal);
/*
 * When nothing is to be done for a while: write a mark behind the last batch, without waiting for the disk, so that a bit
 * which flips there is known to be damage and no torn tail; and give back memory that only bursts need. Without
 * synchronisation there is no mark, and all buffers are given back.
 */
GROVE_PUBLIC void grove_journal_rest(struct grove_journal *journal);

struct grove_journal_facts {
    uint64_t first_sequence; /* kept */
    uint64_t next_sequence; /* of what is committed next; from 1 */
    uint64_t latest_ns; /* the largest time of any record; 0: none */
    uint64_t segments, bytes;
    uint64_t damaged_extents, damaged_records, torn_extents; /* found since it was opened */
    uint64_t commits, failures;
    uint64_t reserved[6];
};
/* Of now; during a commit, of before it. */
GROVE_PUBLIC struct grove_journal_facts grove_journal_facts(const struct grove_journal *journal);
/* Remove whole segments that hold only what is older than keep_ns at now_ns (since 1970). By size it happens by itself. */
GROVE_PUBLIC void grove_journal_retain(struct grove_journal *journal, uint64_t now_ns);
/* Other limits from now on; segment_bytes counts from the next segment on. */
GROVE_PUBLIC void grove_journal_limit(struct grove_journal *journal, const struct grove_journal_limits *limits);
/* Remove whole segments that hold only numbers below `sequence`. */
GROVE_PUBLIC void grove_journal_forget_before(struct grove_journal *journal, uint64_t sequence);

/* ---- reading ------------------------------------------------------------------------------------------------------- */

enum grove_journal_gap {
    GROVE_JOURNAL_NO_GAP,
    GROVE_JOURNAL_GAP_REMOVED, /* too old or too many: they are no longer kept */
    GROVE_JOURNAL_GAP_DAMAGED,
};
struct grove_journal_item {
    enum grove_journal_gap gap;
    uint32_t kind;
    uint64_t sequence;
    uint64_t last_sequence; /* of a gap; of a record the same as sequence */
    uint64_t time_ns;
    size_t length_bytes;
    const void *data; /* aligned to 8; valid until the reader is used again */
    uint64_t reserved[2];
};
/* At the oldest record kept. Readers end before their journal does. GROVE_NO_MEMORY. */
GROVE_PUBLIC int grove_journal_reader_create(struct grove_journal *journal, struct grove_journal_reader **reader);
/* NULL: nothing happens. */
GROVE_PUBLIC void grove_journal_reader_destroy(struct grove_journal_reader *reader);
/* To the record with that number, or the first one after it; one that is not there yet is waited for. Always 0. */
GROVE_PUBLIC int grove_journal_reader_seek(struct grove_journal_reader *reader, uint64_t sequence);
/*
 * To the first record that has this time (since 1970) or a later one, or follows one that has. GROVE_IO, GROVE_NO_MEMORY,
 * GROVE_NO_DESCRIPTORS: the reader stands at the oldest record.
 */
GROVE_PUBLIC int grove_journal_reader_seek_time(struct grove_journal_reader *reader, uint64_t time_ns);
/* The number that the next item begins with. */
GROVE_PUBLIC uint64_t grove_journal_reader_sequence(const struct grove_journal_reader *reader);
/*
 * The next record, or the gap before it. GROVE_AGAIN: all that is on disk was read; more may come. GROVE_IO: the device
 * does not give it; call again to try again, or grove_journal_reader_pass to go on behind what cannot be read.
 * GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS: call again.
 */
GROVE_PUBLIC int grove_journal_reader_next(struct grove_journal_reader *reader, struct grove_journal_item *item);
/* What follows and cannot be read is a gap in the next answer. */
GROVE_PUBLIC void grove_journal_reader_pass(struct grove_journal_reader *reader);

#ifdef __cplusplus
}
#endif

#endif
