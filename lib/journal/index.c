/*
 * Where walks may begin inside a segment: a place for every 64 KiB, found by walking over it once, when it is first looked
 * into. At most JOURNAL_INDEXES segments have one at a time; the one that was not used for longest goes.
 */
#include <stdlib.h>

#include "grove/abi/status.h"
#include "lib/journal/internal.h"

#define INDEX_STEP_BYTES (UINT64_C(64) << 10)
#define JOURNAL_INDEXES 8u

void journal_index_free(struct journal_index *index) {
    free(index->entry);
    *index = (struct journal_index){0};
}

static void forget_oldest(struct grove_journal *journal) {
    struct journal_index *oldest = NULL;
    unsigned count = 0;
    for (unsigned index = 0; index < journal->segment_count; index++) {
        struct journal_index *one = &journal->segment[index].index;
        count += one->count > 0;
        if (one->count > 0 && (oldest == NULL || one->used < oldest->used))
            oldest = one;
    }
    if (count >= JOURNAL_INDEXES)
        journal_index_free(oldest);
}

static int add_entry(struct journal_index *index, const struct journal_index_entry *entry) {
    if (index->count == index->capacity) {
        unsigned capacity = index->capacity == 0 ? 8 : index->capacity * 2;
        struct journal_index_entry *grown = realloc(index->entry, capacity * sizeof *grown);
        if (grown == NULL)
            return GROVE_NO_MEMORY;
        index->entry = grown;
        index->capacity = capacity;
    }
    index->entry[index->count++] = *entry;
    return 0;
}

static struct journal_index_entry beginning(const struct journal_segment *segment) {
    return (struct journal_index_entry){.offset_bytes = JOURNAL_DATA_OFFSET,
                                        .sequence = segment->first_sequence,
                                        .batch = segment->first_batch,
                                        .latest_ns = segment->latest_ns};
}

/* Walk from the last entry to the end of what is on disk. What cannot be read is passed; readers will meet it. */
static void extend(struct journal_segment *segment, int descriptor) {
    struct journal_index *index = &segment->index;
    struct journal_index_entry last = index->count > 0 ? index->entry[index->count - 1] : beginning(segment);
    struct journal_walk walk = {.descriptor = descriptor,
                                .seed = segment->seed,
                                .offset_bytes = last.offset_bytes,
                                .end_bytes = segment->end_bytes,
                                .sequence = last.sequence,
                                .batch = last.batch,
                                .passes_unreadable = true};
    struct journal_found found;
    uint64_t latest_ns = last.latest_ns;
    bool is_first = index->count == 0;
    while (journal_walk_next(&walk, &found) == 0 && found.kind != JOURNAL_FOUND_END) {
        if (found.kind != JOURNAL_FOUND_RECORD || (found.record.flags & JOURNAL_MARK) != 0)
            continue;
        if (is_first || found.offset_bytes - last.offset_bytes >= INDEX_STEP_BYTES) {
            last = (struct journal_index_entry){.offset_bytes = found.offset_bytes,
                                                .sequence = found.record.sequence,
                                                .batch = found.record.batch,
                                                .latest_ns = latest_ns};
            if (is_first)
                last = beginning(segment);
            is_first = false;
            if (add_entry(index, &last) < 0)
                break;
        }
        if (found.record.time_ns > latest_ns)
            latest_ns = found.record.time_ns;
    }
    journal_window_free(&walk.window);
}

struct journal_index_entry journal_index_find(struct grove_journal *journal, struct journal_segment *segment,
                                              int descriptor, uint64_t sequence, uint64_t time_ns) {
    struct journal_index *index = &segment->index;
    struct journal_index_entry found = beginning(segment);
    if (index->count == 0)
        forget_oldest(journal);
    index->used = ++journal->uses;
    extend(segment, descriptor);
    for (unsigned place = 0; place < index->count; place++)
        if (index->entry[place].sequence <= sequence && index->entry[place].latest_ns < time_ns)
            found = index->entry[place];
    return found;
}
