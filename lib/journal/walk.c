/* Walking over records; see walk.h. */
#include "lib/journal/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/abi/status.h"

#define WINDOW_BYTES (UINT32_C(32) << 10)
#define BLOCK_BYTES 4096u
#define ALIGNMENT 8u

void journal_window_free(struct journal_window *window) {
    free(window->bytes);
    *window = (struct journal_window){0};
}

static int window_grow(struct journal_window *window, size_t bytes) {
    size_t capacity = bytes > WINDOW_BYTES ? bytes : WINDOW_BYTES;
    if (window->capacity_bytes >= capacity)
        return 0;
    unsigned char *more = realloc(window->bytes, capacity);
    if (more == NULL)
        return GROVE_NO_MEMORY;
    window->bytes = more;
    window->capacity_bytes = capacity;
    return 0;
}

/* Make `bytes` at an offset readable in memory. GROVE_NOT_FOUND: the file or what counts of it ends before. */
static int window_at(struct journal_walk *walk, uint64_t offset_bytes, size_t bytes, const unsigned char **data) {
    struct journal_window *window = &walk->window;
    if (offset_bytes > walk->end_bytes || walk->end_bytes - offset_bytes < bytes)
        return GROVE_NOT_FOUND;
    bool is_there =
        offset_bytes >= window->offset_bytes && offset_bytes - window->offset_bytes + bytes <= window->length_bytes;
    if (!is_there) {
        int status = window_grow(window, bytes);
        if (status < 0)
            return status;
        uint64_t room = walk->end_bytes - offset_bytes;
        size_t wanted = room < window->capacity_bytes ? (size_t)room : window->capacity_bytes;
        ssize_t got;
        window->offset_bytes = offset_bytes;
        for (window->length_bytes = 0; window->length_bytes < wanted; window->length_bytes += (size_t)got) {
            got = pread(walk->descriptor, window->bytes + window->length_bytes, wanted - window->length_bytes,
                        (off_t)(offset_bytes + window->length_bytes));
            if (got < 0 && errno == EINTR)
                got = 0;
            else if (got <= 0 && window->length_bytes >= bytes)
                break;
            else if (got <= 0)
                return got < 0 ? GROVE_IO : GROVE_NOT_FOUND;
        }
    }
    *data = window->bytes + (offset_bytes - window->offset_bytes);
    return 0;
}

/* Ranges first: they cost nothing, and tell zeros and most data from a record. */
static bool record_is_plausible(const struct journal_walk *walk, const struct journal_record *record,
                                uint64_t offset_bytes) {
    uint64_t room = walk->end_bytes - offset_bytes;
    uint64_t most = walk->end_bytes / sizeof *record; /* of both, in what lies between */
    if (record->sequence < walk->sequence || record->sequence - walk->sequence > most)
        return false;
    if (record->batch < walk->batch || record->batch - walk->batch > most)
        return false;
    if (record->batch == UINT64_MAX || record->sequence == UINT64_MAX)
        return false;
    if (record->length_bytes > GROVE_JOURNAL_RECORD_MAX || journal_record_bytes(record) > room)
        return false;
    return journal_batch_sequence(record) <= record->sequence && journal_record_is_whole(record, walk->seed);
}

/* 0: the head of a record stands there. GROVE_NOT_FOUND: none does. GROVE_AGAIN: the end comes first. */
static int head_at(struct journal_walk *walk, uint64_t offset_bytes, struct journal_record *record) {
    const unsigned char *bytes;
    int status = window_at(walk, offset_bytes, sizeof *record, &bytes);
    if (status < 0)
        return status == GROVE_NOT_FOUND ? GROVE_AGAIN : status;
    memcpy(record, bytes, sizeof *record);
    return record_is_plausible(walk, record, offset_bytes) ? 0 : GROVE_NOT_FOUND;
}

static int take_record(struct journal_walk *walk, struct journal_found *found) {
    struct journal_record *record = &found->record;
    const unsigned char *bytes;
    int status = window_at(walk, walk->offset_bytes, (size_t)journal_record_bytes(record), &bytes);
    if (status < 0 && status != GROVE_NOT_FOUND)
        return status;
    found->kind = JOURNAL_FOUND_EXTENT;
    found->offset_bytes = walk->offset_bytes;
    found->length_bytes = journal_record_bytes(record);
    walk->offset_bytes += found->length_bytes;
    if (status == 0 && journal_data_is_whole(record, bytes + sizeof *record, walk->seed)) {
        found->kind = JOURNAL_FOUND_RECORD;
        found->data = bytes + sizeof *record;
        walk->sequence = record->sequence + ((record->flags & JOURNAL_MARK) == 0);
        walk->batch = record->batch;
    }
    return 0;
}

/* Look for the next head behind something that is none. */
static int resynchronise(struct journal_walk *walk, struct journal_found *found) {
    struct journal_record record;
    uint64_t offset_bytes = walk->offset_bytes;
    int status = GROVE_NOT_FOUND;
    while (status != 0 && status != GROVE_AGAIN) {
        offset_bytes += ALIGNMENT;
        status = head_at(walk, offset_bytes, &record);
        if (status == GROVE_IO && walk->passes_unreadable) {
            found->is_unreadable = true;
            offset_bytes = (offset_bytes | (BLOCK_BYTES - 1)) + 1 - ALIGNMENT;
        } else if (status < 0 && status != GROVE_NOT_FOUND && status != GROVE_AGAIN)
            return status;
    }
    found->offset_bytes = walk->offset_bytes;
    found->kind = status == 0 ? JOURNAL_FOUND_EXTENT : JOURNAL_FOUND_END;
    found->length_bytes = (status == 0 ? offset_bytes : walk->end_bytes) - walk->offset_bytes;
    if (status == 0)
        walk->offset_bytes = offset_bytes;
    return 0;
}

int journal_walk_next(struct journal_walk *walk, struct journal_found *found) {
    *found = (struct journal_found){.kind = JOURNAL_FOUND_END, .offset_bytes = walk->offset_bytes};
    if (walk->offset_bytes >= walk->end_bytes)
        return 0;
    int status = head_at(walk, walk->offset_bytes, &found->record);
    if (status == 0)
        status = take_record(walk, found);
    else if (status == GROVE_NOT_FOUND || status == GROVE_AGAIN)
        return resynchronise(walk, found);
    if (status == GROVE_IO && walk->passes_unreadable) {
        found->is_unreadable = true;
        return resynchronise(walk, found);
    }
    return status;
}

/* ---- where what counts ends ---- */

/* A whole record of a later batch: all before that batch was on disk. */
static void begin_batch(struct journal_measure *measure, const struct journal_found *found) {
    uint64_t first = journal_batch_sequence(&found->record);
    if (first > measure->next_sequence) {
        measure->end_bytes = found->offset_bytes;
        measure->next_sequence = first;
    }
    measure->next_batch = found->record.batch + 1;
    measure->batch_offset_bytes = measure->end_bytes;
}

static void count_record(struct journal_measure *measure, const struct journal_found *found) {
    const struct journal_record *record = &found->record;
    bool is_mark = (record->flags & JOURNAL_MARK) != 0;
    if (record->position == 0)
        measure->batch_offset_bytes = found->offset_bytes;
    measure->end_bytes = found->offset_bytes + found->length_bytes;
    measure->next_sequence = record->sequence + !is_mark;
    if (is_mark)
        measure->batch_offset_bytes = measure->end_bytes;
    else if (record->time_ns > measure->latest_ns)
        measure->latest_ns = record->time_ns;
}

/* Where anything but zeros ends, at or after end_bytes. */
static int find_used(struct journal_walk *walk, struct journal_measure *measure) {
    const unsigned char *bytes;
    for (uint64_t offset = measure->end_bytes; offset < walk->end_bytes;) {
        uint64_t left = walk->end_bytes - offset;
        size_t step = left < BLOCK_BYTES ? (size_t)left : BLOCK_BYTES;
        int status = window_at(walk, offset, step, &bytes);
        bool is_passed = status == GROVE_IO && walk->passes_unreadable;
        if (status == GROVE_NOT_FOUND)
            return 0;
        if (status < 0 && !is_passed)
            return status;
        if (is_passed)
            measure->used_bytes = offset + step;
        measure->is_unreadable = measure->is_unreadable || is_passed;
        for (size_t index = 0; index < step && !is_passed; index++)
            if (bytes[index] != 0)
                measure->used_bytes = offset + index + 1;
        offset += step;
    }
    return 0;
}

int journal_measure(struct journal_walk *walk, uint64_t latest_ns, struct journal_measure *measure) {
    struct journal_measure made = {.end_bytes = walk->offset_bytes,
                                   .next_sequence = walk->sequence,
                                   .next_batch = walk->batch,
                                   .latest_ns = latest_ns,
                                   .batch_offset_bytes = walk->offset_bytes};
    struct journal_found found;
    uint32_t expected_position = 0;
    bool is_torn = false;
    do {
        int status = journal_walk_next(walk, &found);
        if (status < 0)
            return status;
        made.is_unreadable = made.is_unreadable || found.is_unreadable;
        if (found.kind != JOURNAL_FOUND_RECORD)
            continue;
        if (found.record.batch >= made.next_batch) {
            begin_batch(&made, &found);
            expected_position = 0;
            is_torn = false;
        }
        if (found.record.position != expected_position++)
            is_torn = true;
        if ((found.record.flags & JOURNAL_LAST) != 0)
            expected_position = UINT32_MAX;
        if (!is_torn)
            count_record(&made, &found);
    } while (found.kind != JOURNAL_FOUND_END);
    made.used_bytes = made.end_bytes;
    int status = find_used(walk, &made);
    if (status == 0)
        *measure = made;
    return status;
}
