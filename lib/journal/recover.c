/*
 * Opening a folder of segments: which are there, what counts of each, and where writing goes on. The crash argument is in
 * journal.h. Nothing that counts is changed: the last batch is written again as it is, and a segment that a crash left
 * before anything was in it is removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "lib/journal/internal.h"

static int compare_numbers(const void *left, const void *right) {
    uint64_t a = ((const struct journal_segment *)left)->number, b = ((const struct journal_segment *)right)->number;
    return (a > b) - (a < b);
}

static int note_segment(struct grove_journal *journal, const char *name) {
    journal->quarantined += strncmp(name, "quarantine-", 11) == 0;
    char *end, expected[GROVE_JOURNAL_NAME_BYTES];
    uint64_t number = strtoull(name, &end, 10);
    journal_segment_name(number, expected);
    if (number == 0 || number == UINT64_MAX || strcmp(name, expected) != 0)
        return 0;
    int status = journal_table_grow(journal, 1);
    if (status == 0)
        journal->segment[journal->segment_count++] = (struct journal_segment){.number = number};
    return status;
}

static int list_segments(struct grove_journal *journal, struct grove_journal_problem *problem) {
    int descriptor = openat(journal->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    const struct dirent *entry;
    int status = 0;
    if (folder == NULL) {
        status = journal_fail(problem, "read", "the folder of the journal");
        if (descriptor >= 0)
            (void)close(descriptor);
        return status;
    }
    while (status == 0 && (entry = readdir(folder)) != NULL)
        status = note_segment(journal, entry->d_name);
    (void)closedir(folder);
    if (journal->segment_count > 1)
        qsort(journal->segment, journal->segment_count, sizeof journal->segment[0], compare_numbers);
    return status;
}

/* ---- headers ---- */

/* Either copy will do. GROVE_CORRUPT: neither can be read and trusted. */
static int read_header(int descriptor, uint64_t number, struct journal_header *header) {
    static const off_t places[] = {0, JOURNAL_COPY_OFFSET};
    for (unsigned copy = 0; copy < 2; copy++) {
        if (pread(descriptor, header, sizeof *header, places[copy]) != (ssize_t)sizeof *header)
            continue;
        int status = journal_header_check(header);
        if (status == GROVE_VERSION)
            return status;
        if (status == 0 && header->number == number)
            return 0;
    }
    return GROVE_CORRUPT;
}

/* A crash came while it was made: there is nothing but zeros where records would be. */
static bool holds_nothing(int descriptor, uint64_t file_bytes) {
    unsigned char bytes[4096];
    for (uint64_t offset = JOURNAL_DATA_OFFSET; offset < file_bytes;) {
        ssize_t got = pread(descriptor, bytes, sizeof bytes, (off_t)offset);
        if (got <= 0)
            return false;
        for (ssize_t index = 0; index < got; index++)
            if (bytes[index] != 0)
                return false;
        offset += (uint64_t)got;
    }
    return true;
}

static void lose_segment(struct grove_journal *journal, struct journal_segment *segment, int descriptor) {
    struct grove_journal_damage damage = {
        .kind = GROVE_JOURNAL_LOST_SEGMENT, .segment = segment->number, .length_bytes = segment->file_bytes};
    segment->first_sequence = 0;
    segment->end_bytes = JOURNAL_DATA_OFFSET;
    journal_report(journal, descriptor, &damage);
}

static void take_header(struct grove_journal *journal, unsigned index, const struct journal_header *header) {
    struct journal_segment *segment = &journal->segment[index];
    segment->first_sequence = header->first_sequence;
    segment->first_batch = header->first_batch;
    segment->created_ns = header->created_ns;
    segment->latest_ns = header->latest_ns;
    segment->seed = journal_seed(header);
    for (unsigned before = index; before-- > 0;)
        if (journal->segment[before].number == header->previous_number && header->previous_bytes >= JOURNAL_DATA_OFFSET)
            journal->segment[before].end_bytes = header->previous_bytes;
        else if (journal->segment[before].number > header->previous_number)
            journal->segment[before].end_bytes = JOURNAL_DATA_OFFSET; /* given up before anything was in it */
        else
            break;
}

/* 0; GROVE_NOT_FOUND: there is nothing in it, and it is to be forgotten. */
static int look_at_segment(struct grove_journal *journal, unsigned index, struct grove_journal_problem *problem) {
    struct journal_segment *segment = &journal->segment[index];
    struct journal_header header;
    struct stat facts;
    char name[GROVE_JOURNAL_NAME_BYTES];
    journal_segment_name(segment->number, name);
    int descriptor = openat(journal->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0 || fstat(descriptor, &facts) < 0) {
        int status = journal_fail(problem, "open", name);
        if (descriptor >= 0)
            (void)close(descriptor);
        return status == GROVE_NOT_FOUND ? GROVE_IO : status;
    }
    segment->file_bytes = segment->end_bytes = (uint64_t)facts.st_size;
    int status = read_header(descriptor, segment->number, &header);
    if (status == 0 && memcmp(header.content, journal->content, sizeof header.content) != 0) {
        (void)snprintf(problem->sentence, sizeof problem->sentence,
                       "%s belongs to another journal (%.8s): this folder cannot be used", name, header.content);
        status = GROVE_INVALID;
    } else if (status == 0)
        take_header(journal, index, &header);
    else if (status == GROVE_VERSION)
        (void)snprintf(problem->sentence, sizeof problem->sentence, "%s was written by a later version", name);
    else if (index + 1 == journal->segment_count && holds_nothing(descriptor, segment->file_bytes))
        status = GROVE_NOT_FOUND;
    else {
        lose_segment(journal, segment, descriptor);
        status = 0;
    }
    (void)close(descriptor);
    return status;
}

static int look_at_segments(struct grove_journal *journal, struct grove_journal_problem *problem) {
    for (unsigned index = 0; index < journal->segment_count; index++) {
        int status = look_at_segment(journal, index, problem);
        if (status == GROVE_NOT_FOUND)
            journal_table_remove(journal, index--);
        else if (status < 0)
            return status;
    }
    for (unsigned index = 0; index < journal->segment_count; index++)
        journal->bytes += journal->segment[index].file_bytes;
    return 0;
}

/* ---- the last segment ---- */

/* Pages that a failed synchronisation left clean look like any others: make them dirty, and synchronise for certain. */
static int write_again(int descriptor, uint64_t from_bytes, uint64_t to_bytes) {
    unsigned char bytes[4096];
    while (from_bytes < to_bytes) {
        uint64_t left = to_bytes - from_bytes;
        ssize_t got = pread(descriptor, bytes, left < sizeof bytes ? (size_t)left : sizeof bytes, (off_t)from_bytes);
        if (got == 0)
            break; /* the room behind a header was not reserved any more */
        if (got < 0 || pwrite(descriptor, bytes, (size_t)got, (off_t)from_bytes) != got)
            return -1;
        from_bytes += (uint64_t)got;
    }
    return fsync(descriptor);
}

/*
 * Nothing tells that the last batch was on disk, nor, if it is the first one, that the header and the name were. They may
 * be there because a process wrote them and was killed before it synchronised.
 */
static int make_certain(const struct grove_journal *journal, int descriptor, const struct journal_measure *measure) {
    bool is_first = measure->batch_offset_bytes == JOURNAL_DATA_OFFSET;
    if (journal->writer.is_unsynchronised || (!is_first && measure->batch_offset_bytes == measure->end_bytes))
        return 0; /* a mark follows it */
    if (write_again(descriptor, is_first ? 0 : measure->batch_offset_bytes, measure->end_bytes) < 0)
        return -1;
    return is_first ? fsync(journal->folder) : 0;
}

static void report_torn_tail(struct grove_journal *journal, int descriptor, const struct journal_segment *segment,
                             const struct journal_measure *measure) {
    struct grove_journal_damage damage = {.kind = GROVE_JOURNAL_TORN,
                                          .segment = segment->number,
                                          .offset_bytes = measure->end_bytes,
                                          .length_bytes = measure->used_bytes - measure->end_bytes,
                                          .first_sequence = measure->next_sequence};
    journal_report(journal, descriptor, &damage);
}

static int measure_last(struct journal_segment *segment, int descriptor, bool passes_unreadable,
                        struct journal_measure *measure) {
    struct journal_walk walk = {.descriptor = descriptor,
                                .seed = segment->seed,
                                .offset_bytes = JOURNAL_DATA_OFFSET,
                                .end_bytes = segment->file_bytes,
                                .sequence = segment->first_sequence,
                                .batch = segment->first_batch,
                                .passes_unreadable = passes_unreadable};
    int status = journal_measure(&walk, segment->latest_ns, measure);
    journal_window_free(&walk.window);
    return status;
}

/*
 * Nobody knows what stood in the part that cannot be read: it stays with what counts, so that readers try it again, and no
 * number that may be in it is used again.
 */
static void pass_unreadable(struct grove_journal *journal, const struct journal_segment *segment,
                            struct journal_measure *measure) {
    uint64_t numbers = segment->file_bytes / sizeof(struct journal_record);
    struct grove_journal_damage damage = {.kind = GROVE_JOURNAL_UNREADABLE,
                                          .segment = segment->number,
                                          .offset_bytes = measure->end_bytes,
                                          .length_bytes = measure->used_bytes - measure->end_bytes,
                                          .first_sequence = measure->next_sequence,
                                          .records = numbers};
    if (damage.length_bytes > 0)
        journal_report(journal, -1, &damage);
    measure->end_bytes = measure->batch_offset_bytes = measure->used_bytes;
    measure->next_sequence += numbers;
    measure->next_batch += numbers;
}

/* The next header has to say what counts of the last segment that holds something: an empty one may be removed. */
static void set_previous(struct grove_journal *journal, unsigned index) {
    for (unsigned at = index + 1; at-- > 0;)
        if (journal->segment[at].end_bytes > JOURNAL_DATA_OFFSET) {
            journal->writer.previous_number = journal->segment[at].number;
            journal->writer.durable_bytes = journal->segment[at].end_bytes;
            return;
        }
}

/* Go on in the segment at `index`, whose header is whole; nothing of what is behind it in the table counts. */
static int continue_segment(struct grove_journal *journal, unsigned index, struct grove_journal_problem *problem) {
    struct journal_segment *segment = &journal->segment[index];
    struct journal_writer *writer = &journal->writer;
    struct journal_measure measure;
    char name[GROVE_JOURNAL_NAME_BYTES];
    journal_segment_name(segment->number, name);
    writer->descriptor = openat(journal->folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (writer->descriptor < 0)
        return journal_fail(problem, "open for writing", name);
    int status = measure_last(segment, writer->descriptor, journal->passes_unreadable, &measure);
    if (status < 0) {
        (void)snprintf(problem->sentence, sizeof problem->sentence, "cannot read %s: %s", name,
                       status == GROVE_IO ? "the device reports an error" : "memory is exhausted");
        return status;
    }
    bool is_tail_unknown = measure.is_unreadable && measure.used_bytes > measure.end_bytes;
    if (is_tail_unknown)
        pass_unreadable(journal, segment, &measure);
    else if (make_certain(journal, writer->descriptor, &measure) < 0)
        return journal_fail(problem, "synchronise", name);
    if (measure.used_bytes > measure.end_bytes)
        report_torn_tail(journal, writer->descriptor, segment, &measure);
    writer->number = segment->number;
    writer->seed = segment->seed;
    writer->offset_bytes = writer->counts_bytes = segment->end_bytes = measure.end_bytes;
    set_previous(journal, index);
    writer->next_sequence = measure.next_sequence;
    writer->next_batch = measure.next_batch;
    writer->latest_ns = measure.latest_ns;
    writer->is_given_up = is_tail_unknown || measure.used_bytes > measure.end_bytes;
    return 0;
}

/* Segments whose headers are lost hold nothing that can be read; numbers which they may have held are never used again. */
static void pass_lost_segments(struct grove_journal *journal, unsigned known) {
    struct journal_writer *writer = &journal->writer;
    for (unsigned index = known; index < journal->segment_count; index++) {
        writer->next_sequence += journal->segment[index].file_bytes / sizeof(struct journal_record);
        writer->next_batch += journal->segment[index].file_bytes / sizeof(struct journal_record);
        writer->number = journal->segment[index].number;
        writer->is_given_up = true;
        journal->segment[index].first_sequence = writer->next_sequence;
    }
    for (unsigned index = known; index-- > 0;)
        if (journal->segment[index].first_sequence == 0)
            journal->segment[index].first_sequence = journal->segment[index + 1].first_sequence;
}

int journal_recover(struct grove_journal *journal, struct grove_journal_problem *problem) {
    int status = list_segments(journal, problem);
    if (status == 0)
        status = look_at_segments(journal, problem);
    if (status < 0)
        return status;
    unsigned known = journal->segment_count;
    while (known > 0 && journal->segment[known - 1].first_sequence == 0)
        known--;
    if (known > 0)
        status = continue_segment(journal, known - 1, problem);
    if (status == 0)
        pass_lost_segments(journal, known);
    return status;
}
