/* Opening, appending, committing, keeping the folder bounded; see journal.h. */
#include "grove/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "lib/journal/internal.h"

#define BATCH_BYTES_AT_FIRST (UINT32_C(4) << 10)
#define BATCH_BYTES_AT_REST (UINT32_C(16) << 10)
#define TABLE_AT_FIRST 4u

static void set_limits(struct grove_journal *journal, const struct grove_journal_limits *limits) {
    struct grove_journal_limits *set = &journal->limits;
    *set = *limits;
    if (set->segment_bytes == 0)
        set->segment_bytes = JOURNAL_SEGMENT_BYTES;
    if (set->keep_bytes > 0 && set->segment_bytes > set->keep_bytes / 4)
        set->segment_bytes = set->keep_bytes / 4;
    if (set->segment_bytes < JOURNAL_SEGMENT_MIN)
        set->segment_bytes = JOURNAL_SEGMENT_MIN;
    if (set->segment_bytes > JOURNAL_SEGMENT_MAX)
        set->segment_bytes = JOURNAL_SEGMENT_MAX;
    if (set->batch_bytes == 0)
        set->batch_bytes = JOURNAL_BATCH_BYTES;
    if (set->batch_bytes > set->segment_bytes / 4)
        set->batch_bytes = (uint32_t)(set->segment_bytes / 4);
}

static void publish_facts(struct grove_journal *journal) {
    journal->facts.next_sequence = journal->writer.next_sequence;
    journal->facts.latest_ns = journal->writer.latest_ns;
}

int grove_journal_open(const struct grove_journal_options *options, struct grove_journal **journal,
                       struct grove_journal_problem *problem) {
    struct grove_journal *made = calloc(1, sizeof *made);
    if (made == NULL) {
        errno = ENOMEM;
        return journal_fail(problem, "open", "the journal");
    }
    made->folder = made->writer.folder = options->folder;
    made->on_damage = options->on_damage;
    made->context = options->context;
    memcpy(made->content, options->content, strnlen(options->content, sizeof made->content));
    memcpy(made->writer.content, made->content, sizeof made->content);
    made->writer.is_unsynchronised = (options->flags & GROVE_JOURNAL_UNSYNCHRONISED) != 0;
    made->passes_unreadable = (options->flags & GROVE_JOURNAL_PASS_UNREADABLE) != 0;
    set_limits(made, &options->limits);
    made->writer.descriptor = -1;
    made->writer.next_sequence = made->writer.next_batch = 1;
    int status = journal_recover(made, problem);
    if (status < 0) {
        grove_journal_close(made);
        return status;
    }
    publish_facts(made);
    *journal = made;
    return 0;
}

void grove_journal_close(struct grove_journal *journal) {
    if (journal == NULL)
        return;
    if (!journal->is_committing)
        journal_writer_mark(&journal->writer);
    if (journal->writer.descriptor >= 0)
        (void)close(journal->writer.descriptor);
    for (unsigned index = 0; index < journal->segment_count; index++)
        journal_index_free(&journal->segment[index].index);
    free(journal->segment);
    free(journal->reported);
    free(journal->open.bytes);
    free(journal->writer.batch.bytes);
    free(journal);
}

/* ---- the table of segments ---- */

int journal_table_grow(struct grove_journal *journal, unsigned more) {
    if (journal->segment_count + more <= journal->segment_capacity)
        return 0;
    unsigned capacity = journal->segment_capacity == 0 ? TABLE_AT_FIRST : journal->segment_capacity * 2;
    struct journal_segment *grown = realloc(journal->segment, capacity * sizeof *grown);
    if (grown == NULL)
        return GROVE_NO_MEMORY;
    journal->segment = grown;
    journal->segment_capacity = capacity;
    return 0;
}

void journal_table_remove(struct grove_journal *journal, unsigned index) {
    struct journal_segment *segment = &journal->segment[index];
    char name[GROVE_JOURNAL_NAME_BYTES];
    journal_segment_name(segment->number, name);
    (void)unlinkat(journal->folder, name, 0);
    journal->bytes -= segment->file_bytes < journal->bytes ? segment->file_bytes : journal->bytes;
    journal_index_free(&segment->index);
    journal->segment_count--;
    memmove(segment, segment + 1, (journal->segment_count - index) * sizeof *segment);
}

/* ---- append ---- */

static int make_room(struct journal_batch *batch, size_t more_bytes) {
    if (batch->length_bytes + more_bytes <= batch->capacity_bytes)
        return 0;
    size_t capacity = batch->capacity_bytes == 0 ? BATCH_BYTES_AT_FIRST : batch->capacity_bytes;
    while (capacity < batch->length_bytes + more_bytes)
        capacity *= 2;
    unsigned char *grown = realloc(batch->bytes, capacity);
    if (grown == NULL)
        return GROVE_NO_MEMORY;
    batch->bytes = grown;
    batch->capacity_bytes = capacity;
    return 0;
}

static void put_record(struct journal_batch *batch, const struct grove_journal_entry *entry, uint32_t length_bytes) {
    struct journal_record record = {.length_bytes = length_bytes, .time_ns = entry->time_ns, .kind = entry->kind};
    unsigned char *place = batch->bytes + batch->length_bytes;
    memset(place, 0, (size_t)journal_record_bytes(&record));
    memcpy(place, &record, sizeof record);
    place += sizeof record;
    for (unsigned part = 0; part < entry->part_count; part++) {
        if (entry->parts[part].iov_len > 0)
            memcpy(place, entry->parts[part].iov_base, entry->parts[part].iov_len);
        place += entry->parts[part].iov_len;
    }
    batch->length_bytes += (size_t)journal_record_bytes(&record);
    batch->records++;
}

int grove_journal_append(struct grove_journal *journal, const struct grove_journal_entry *entry) {
    struct journal_batch *batch = &journal->open;
    size_t length_bytes = 0;
    for (unsigned part = 0; part < entry->part_count; part++) {
        if (entry->parts[part].iov_len > GROVE_JOURNAL_RECORD_MAX - length_bytes)
            return GROVE_TOO_LARGE;
        length_bytes += entry->parts[part].iov_len;
    }
    size_t record_bytes = sizeof(struct journal_record) + (size_t)journal_padded(length_bytes);
    bool is_full = batch->length_bytes + record_bytes > journal->limits.batch_bytes;
    if (batch->records > 0 && (is_full || batch->records == GROVE_JOURNAL_BATCH_RECORDS))
        return GROVE_AGAIN;
    int status = make_room(batch, record_bytes);
    if (status == 0)
        put_record(batch, entry, (uint32_t)length_bytes);
    return status;
}

uint32_t grove_journal_pending(const struct grove_journal *journal) {
    return journal->open.records;
}

/* ---- commit ---- */

/* Appending goes on in the buffer of the batch before. */
static void close_open_batch(struct grove_journal *journal) {
    struct journal_batch empty = journal->writer.batch;
    if (empty.records > 0)
        return; /* that one first */
    journal->writer.batch = journal->open;
    journal->open = empty;
}

bool grove_journal_commit_begin(struct grove_journal *journal) {
    struct journal_writer *writer = &journal->writer;
    if (journal->is_committing || (writer->batch.records == 0 && journal->open.records == 0))
        return false;
    if (journal_table_grow(journal, JOURNAL_BEGUN_MAX) < 0)
        return false;
    close_open_batch(journal);
    writer->segment_bytes = journal->limits.segment_bytes;
    journal->is_committing = true;
    return true;
}

void grove_journal_commit_run(struct grove_journal *journal) {
    journal_writer_run(&journal->writer);
}

static void retain_by_size(struct grove_journal *journal) {
    while (journal->limits.keep_bytes > 0 && journal->segment_count > 2 && journal->bytes > journal->limits.keep_bytes)
        journal_table_remove(journal, 0);
}

static bool is_empty(const struct journal_segment *segment) {
    return segment->end_bytes <= JOURNAL_DATA_OFFSET;
}

/* What the writer began goes into the table; room for it was made before. */
static void take_begun(struct grove_journal *journal) {
    struct journal_writer *writer = &journal->writer;
    for (unsigned index = 0; index < writer->begun_count; index++) {
        if (journal->segment_count > 0) {
            struct journal_segment *before = &journal->segment[journal->segment_count - 1];
            if (index == 0 && writer->has_released) {
                journal->bytes -= before->file_bytes - before->end_bytes;
                before->file_bytes = before->end_bytes;
            }
            if (is_empty(before) && before->first_sequence == writer->begun[index].first_sequence)
                journal_table_remove(journal, journal->segment_count - 1);
        }
        journal->segment[journal->segment_count++] = writer->begun[index];
        journal->bytes += writer->begun[index].file_bytes;
    }
    if (writer->begun_count > 0)
        retain_by_size(journal);
}

static void update_last(struct grove_journal *journal) {
    struct journal_writer *writer = &journal->writer;
    if (journal->segment_count == 0 || writer->number != writer->previous_number)
        return;
    struct journal_segment *last = &journal->segment[journal->segment_count - 1];
    last->end_bytes = writer->durable_bytes;
    if (last->end_bytes > last->file_bytes) {
        journal->bytes += last->end_bytes - last->file_bytes;
        last->file_bytes = last->end_bytes;
    }
}

int grove_journal_commit_end(struct grove_journal *journal, struct grove_journal_commit *done,
                             struct grove_journal_problem *problem) {
    struct journal_writer *writer = &journal->writer;
    journal->is_committing = false;
    take_begun(journal);
    update_last(journal);
    publish_facts(journal);
    journal->facts.commits += writer->status == 0;
    journal->facts.failures += writer->status < 0;
    if (writer->status < 0) {
        *problem = writer->problem;
        return writer->status;
    }
    *done = writer->done;
    return 0;
}

int grove_journal_commit(struct grove_journal *journal, struct grove_journal_commit *done,
                         struct grove_journal_problem *problem) {
    if (grove_journal_commit_begin(journal)) {
        grove_journal_commit_run(journal);
        return grove_journal_commit_end(journal, done, problem);
    }
    if (!journal->is_committing && (journal->open.records > 0 || journal->writer.batch.records > 0)) {
        close_open_batch(journal); /* a batch that failed, which may be discarded */
        errno = ENOMEM;
        return journal_fail(problem, "commit to", "the journal");
    }
    *done = (struct grove_journal_commit){.first_sequence = journal->writer.next_sequence};
    return 0;
}

uint32_t grove_journal_discard(struct grove_journal *journal) {
    struct journal_batch *batch = &journal->writer.batch;
    uint32_t records = batch->records;
    if (journal->is_committing)
        return 0;
    batch->records = 0;
    batch->length_bytes = 0;
    return records;
}

static void shrink(struct journal_batch *batch, size_t kept_bytes) {
    if (batch->records == 0 && batch->capacity_bytes > kept_bytes) {
        free(batch->bytes);
        *batch = (struct journal_batch){0};
    }
}

void grove_journal_rest(struct grove_journal *journal) {
    size_t kept_bytes = journal->writer.is_unsynchronised ? 0 : BATCH_BYTES_AT_REST;
    shrink(&journal->open, kept_bytes);
    if (journal->is_committing)
        return;
    shrink(&journal->writer.batch, kept_bytes);
    journal_writer_mark(&journal->writer);
}

/* ---- what is kept ---- */

struct grove_journal_facts grove_journal_facts(const struct grove_journal *journal) {
    struct grove_journal_facts facts = journal->facts;
    facts.first_sequence = journal->segment_count == 0 ? facts.next_sequence : journal->segment[0].first_sequence;
    facts.segments = journal->segment_count;
    facts.bytes = journal->bytes;
    return facts;
}

void grove_journal_retain(struct grove_journal *journal, uint64_t now_ns) {
    if (journal->limits.keep_ns == 0 || now_ns < journal->limits.keep_ns)
        return;
    uint64_t oldest_ns = now_ns - journal->limits.keep_ns;
    /* All of a segment is as old as the next one's header says of the records before it. */
    while (journal->segment_count > 1 && journal->segment[1].latest_ns < oldest_ns)
        journal_table_remove(journal, 0);
}

void grove_journal_limit(struct grove_journal *journal, const struct grove_journal_limits *limits) {
    set_limits(journal, limits);
    retain_by_size(journal);
}

void grove_journal_forget_before(struct grove_journal *journal, uint64_t sequence) {
    while (journal->segment_count > 1 && journal->segment[1].first_sequence <= sequence)
        journal_table_remove(journal, 0);
}
