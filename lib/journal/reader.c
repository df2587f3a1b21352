/*
 * Reading a journal: records in the order of their numbers, and in between what is missing. A reader keeps a descriptor of
 * the segment it is in, so a segment that is removed beneath it is still read to its end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "lib/journal/internal.h"

struct grove_journal_reader {
    struct grove_journal *journal;
    uint64_t sequence; /* of the next item; what has a smaller number is passed over */
    uint64_t segment; /* number of the one it is in; 0: none yet */
    struct journal_walk walk; /* its descriptor is the reader's; -1 none */
    struct grove_journal_damage extent; /* passed, and not yet known what it took; length 0: none */
};

int grove_journal_reader_create(struct grove_journal *journal, struct grove_journal_reader **reader) {
    struct grove_journal_reader *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->journal = journal;
    made->walk.descriptor = -1;
    made->sequence = grove_journal_facts(journal).first_sequence;
    *reader = made;
    return 0;
}

static void leave(struct grove_journal_reader *reader) {
    if (reader->walk.descriptor >= 0)
        (void)close(reader->walk.descriptor);
    journal_window_free(&reader->walk.window);
    reader->walk = (struct journal_walk){.descriptor = -1};
    reader->extent = (struct grove_journal_damage){0};
    reader->segment = 0;
}

void grove_journal_reader_destroy(struct grove_journal_reader *reader) {
    if (reader == NULL)
        return;
    leave(reader);
    free(reader);
}

int grove_journal_reader_seek(struct grove_journal_reader *reader, uint64_t sequence) {
    leave(reader);
    reader->sequence = sequence > 0 ? sequence : 1;
    return 0;
}

uint64_t grove_journal_reader_sequence(const struct grove_journal_reader *reader) {
    return reader->sequence;
}

/* ---- entering a segment ---- */

static int open_segment(const struct grove_journal *journal, const struct journal_segment *segment) {
    char name[GROVE_JOURNAL_NAME_BYTES];
    journal_segment_name(segment->number, name);
    return openat(journal->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

static void begin_walk(struct grove_journal_reader *reader, const struct journal_segment *segment, int descriptor,
                       const struct journal_index_entry *place) {
    leave(reader);
    reader->segment = segment->number;
    reader->walk = (struct journal_walk){.descriptor = descriptor,
                                         .seed = segment->seed,
                                         .offset_bytes = place->offset_bytes,
                                         .end_bytes = segment->end_bytes,
                                         .sequence = place->sequence,
                                         .batch = place->batch};
}

static int status_of_open(void) {
    if (errno == EMFILE || errno == ENFILE)
        return GROVE_NO_DESCRIPTORS;
    return errno == ENOMEM ? GROVE_NO_MEMORY : GROVE_IO;
}

static int enter(struct grove_journal_reader *reader, struct journal_segment *segment) {
    struct journal_index_entry place = {
        .offset_bytes = JOURNAL_DATA_OFFSET, .sequence = segment->first_sequence, .batch = segment->first_batch};
    int descriptor = open_segment(reader->journal, segment);
    if (descriptor < 0)
        return status_of_open();
    if (reader->sequence > segment->first_sequence)
        place = journal_index_find(reader->journal, segment, descriptor, reader->sequence, UINT64_MAX);
    begin_walk(reader, segment, descriptor, &place);
    return 0;
}

/* The segment to begin with: the last whose first number is not above the wanted one. NULL: there is none. */
static struct journal_segment *segment_of(const struct grove_journal *journal, uint64_t sequence) {
    struct journal_segment *found = journal->segment_count > 0 ? &journal->segment[0] : NULL;
    for (unsigned index = 1; index < journal->segment_count; index++)
        if (journal->segment[index].first_sequence <= sequence)
            found = &journal->segment[index];
    return found;
}

static struct journal_segment *segment_after(const struct grove_journal *journal, uint64_t number) {
    for (unsigned index = 0; index < journal->segment_count; index++)
        if (journal->segment[index].number > number)
            return &journal->segment[index];
    return NULL;
}

static struct journal_segment *segment_numbered(const struct grove_journal *journal, uint64_t number) {
    for (unsigned index = 0; index < journal->segment_count; index++)
        if (journal->segment[index].number == number)
            return &journal->segment[index];
    return NULL;
}

/* ---- by time ---- */

static void walk_to_time(struct grove_journal_reader *reader, struct journal_segment *segment, int descriptor,
                         uint64_t time_ns) {
    struct journal_index_entry place = journal_index_find(reader->journal, segment, descriptor, UINT64_MAX, time_ns);
    struct journal_walk walk = {.descriptor = descriptor,
                                .seed = segment->seed,
                                .offset_bytes = place.offset_bytes,
                                .end_bytes = segment->end_bytes,
                                .sequence = place.sequence,
                                .batch = place.batch,
                                .passes_unreadable = true};
    struct journal_found found;
    reader->sequence = place.sequence;
    while (journal_walk_next(&walk, &found) == 0 && found.kind != JOURNAL_FOUND_END) {
        if (found.kind != JOURNAL_FOUND_RECORD || (found.record.flags & JOURNAL_MARK) != 0)
            continue;
        reader->sequence = found.record.sequence;
        if (found.record.time_ns >= time_ns)
            break;
        reader->sequence++;
    }
    journal_window_free(&walk.window);
}

int grove_journal_reader_seek_time(struct grove_journal_reader *reader, uint64_t time_ns) {
    struct grove_journal *journal = reader->journal;
    struct journal_segment *segment = journal->segment_count > 0 ? &journal->segment[0] : NULL;
    leave(reader);
    reader->sequence = grove_journal_facts(journal).first_sequence;
    for (unsigned index = 1; index < journal->segment_count; index++)
        if (journal->segment[index].latest_ns < time_ns)
            segment = &journal->segment[index];
    if (segment == NULL || segment->latest_ns >= time_ns)
        return 0;
    int descriptor = open_segment(journal, segment);
    if (descriptor < 0)
        return status_of_open();
    walk_to_time(reader, segment, descriptor, time_ns);
    (void)close(descriptor);
    return 0;
}

/* ---- the next item ---- */

static void pass_extent(struct grove_journal_reader *reader, const struct journal_found *found) {
    struct grove_journal_damage *extent = &reader->extent;
    if (extent->length_bytes == 0)
        *extent = (struct grove_journal_damage){.segment = reader->segment, .offset_bytes = found->offset_bytes};
    extent->length_bytes = found->offset_bytes + found->length_bytes - extent->offset_bytes;
    if (found->is_unreadable)
        extent->kind = GROVE_JOURNAL_UNREADABLE;
}

/* Numbers from `expected` on are not there, up to `next`. Tells of it, and makes an item of what the reader wanted. */
static bool make_gap(struct grove_journal_reader *reader, uint64_t expected, uint64_t next,
                     struct grove_journal_item *item) {
    struct grove_journal_damage *extent = &reader->extent;
    bool is_kept = segment_numbered(reader->journal, reader->segment) != NULL;
    if (next > expected && is_kept) {
        extent->first_sequence = expected;
        extent->records = next - expected;
        if (extent->segment == 0)
            *extent = (struct grove_journal_damage){.segment = reader->segment,
                                                    .offset_bytes = reader->walk.offset_bytes,
                                                    .first_sequence = expected,
                                                    .records = next - expected};
        journal_report(reader->journal, reader->walk.descriptor, extent);
    }
    *extent = (struct grove_journal_damage){0}; /* a mark alone, if no number is missing */
    if (next <= reader->sequence)
        return false;
    *item = (struct grove_journal_item){.gap = is_kept ? GROVE_JOURNAL_GAP_DAMAGED : GROVE_JOURNAL_GAP_REMOVED,
                                        .sequence = reader->sequence,
                                        .last_sequence = next - 1};
    reader->sequence = next;
    return true;
}

enum step { STEP_AGAIN, STEP_ITEM, STEP_WAIT };

static enum step take_record(struct grove_journal_reader *reader, const struct journal_found *found, uint64_t expected,
                             struct grove_journal_item *item) {
    const struct journal_record *record = &found->record;
    if (make_gap(reader, expected, record->sequence, item)) {
        /* The record itself comes next time. */
        reader->walk.offset_bytes = found->offset_bytes;
        reader->walk.sequence = record->sequence;
        return STEP_ITEM;
    }
    if ((record->flags & JOURNAL_MARK) != 0 || record->sequence < reader->sequence)
        return STEP_AGAIN;
    *item = (struct grove_journal_item){.sequence = record->sequence,
                                        .last_sequence = record->sequence,
                                        .time_ns = record->time_ns,
                                        .kind = record->kind,
                                        .length_bytes = record->length_bytes,
                                        .data = found->data};
    reader->sequence = record->sequence + 1;
    return STEP_ITEM;
}

/* Nothing whole follows in this segment. */
static enum step take_end(struct grove_journal_reader *reader, const struct journal_found *found,
                          struct grove_journal_item *item, int *status) {
    struct grove_journal *journal = reader->journal;
    struct journal_segment *next = segment_after(journal, reader->segment);
    uint64_t next_sequence = next != NULL ? next->first_sequence : journal->facts.next_sequence;
    uint64_t expected = reader->walk.sequence;
    if (found->length_bytes > 0)
        pass_extent(reader, found);
    reader->walk.offset_bytes = found->offset_bytes + found->length_bytes;
    reader->walk.sequence = next_sequence;
    bool is_item = make_gap(reader, expected, next_sequence, item);
    if (next == NULL) {
        if (!is_item)
            journal_window_free(&reader->walk.window);
        return is_item ? STEP_ITEM : STEP_WAIT;
    }
    *status = enter(reader, next);
    if (is_item)
        *status = 0; /* the segment is entered again by number */
    return is_item ? STEP_ITEM : STEP_AGAIN;
}

/* In a segment, or GROVE_AGAIN: nothing is there yet. */
static int find_place(struct grove_journal_reader *reader, struct grove_journal_item *item, bool *is_item) {
    struct grove_journal *journal = reader->journal;
    struct journal_segment *segment;
    if (reader->segment != 0) {
        segment = segment_numbered(journal, reader->segment);
        if (segment != NULL)
            reader->walk.end_bytes = segment->end_bytes;
        return 0;
    }
    if (reader->sequence >= journal->facts.next_sequence)
        return GROVE_AGAIN;
    segment = segment_of(journal, reader->sequence);
    if (segment == NULL)
        return GROVE_AGAIN;
    if (segment->first_sequence > reader->sequence) {
        *item = (struct grove_journal_item){.gap = GROVE_JOURNAL_GAP_REMOVED,
                                            .sequence = reader->sequence,
                                            .last_sequence = segment->first_sequence - 1};
        reader->sequence = segment->first_sequence;
        *is_item = true;
        return 0;
    }
    return enter(reader, segment);
}

int grove_journal_reader_next(struct grove_journal_reader *reader, struct grove_journal_item *item) {
    bool is_item = false;
    for (;;) {
        struct journal_found found;
        int status = find_place(reader, item, &is_item);
        if (status < 0 || is_item)
            return status;
        uint64_t expected = reader->walk.sequence;
        enum step step = STEP_AGAIN;
        status = journal_walk_next(&reader->walk, &found);
        if (status < 0)
            return status;
        if (found.kind == JOURNAL_FOUND_EXTENT)
            pass_extent(reader, &found);
        else if (found.kind == JOURNAL_FOUND_RECORD)
            step = take_record(reader, &found, expected, item);
        else
            step = take_end(reader, &found, item, &status);
        reader->walk.passes_unreadable = reader->walk.passes_unreadable && found.kind == JOURNAL_FOUND_EXTENT;
        if (status < 0 || step == STEP_ITEM)
            return status;
        if (step == STEP_WAIT)
            return GROVE_AGAIN;
    }
}

void grove_journal_reader_pass(struct grove_journal_reader *reader) {
    reader->walk.passes_unreadable = true;
}
