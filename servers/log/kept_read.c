/*
 * Reading pages of a log, and finding the last lines. A reader of the journal lives for one call: whoever follows a log costs
 * nothing in between. The index of the journal leads it to at most 64 KiB before the position.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "grove/abi/status.h"
#include "servers/log/kept.h"

#define TAIL_RECORDS_AT_FIRST 64u

/* What cannot be read is a gap in what is. */
static int next_item(struct grove_journal_reader *reader, struct grove_journal_item *item) {
    int status = grove_journal_reader_next(reader, item);
    if (status == GROVE_IO) {
        grove_journal_reader_pass(reader);
        status = grove_journal_reader_next(reader, item);
    }
    return status;
}

/* ---- pages ---- */

static struct order_stamp stamp_of(const struct grove_journal_item *item) {
    return (struct order_stamp){.time_ns = item->time_ns, .steps = LOG_CHUNK_STEPS(item->kind)};
}

static bool put_gap(struct page *page, const struct grove_journal_item *gap, struct order_stamp stamp) {
    char text[128];
    uint64_t pieces = gap->last_sequence - gap->sequence + 1;
    (void)snprintf(text, sizeof text,
                   gap->gap == GROVE_JOURNAL_GAP_REMOVED ? "%" PRIu64
                                                           " pieces of the log were removed before they were read\n"
                                                         : "up to %" PRIu64 " pieces of the log are damaged here\n",
                   pieces);
    return page_say(page, stamp, text);
}

static bool put_item(struct page *page, const struct grove_journal_item *item) {
    uint32_t steps = page->with_steps ? LOG_CHUNK_STEPS(item->kind) : 0;
    struct log_chunk chunk = {.time_ns = item->time_ns,
                              .length_bytes = (uint32_t)item->length_bytes,
                              .stream = LOG_CHUNK_STREAM(LOG_CHUNK_KIND(item->kind), steps)};
    return page_put(page, &chunk, item->data);
}

/*
 * A gap has no stamp of its own: it is said with that of the record behind it, or, at the end, with the latest of all. It
 * is waiting while `gap` holds one. False: the page is full, and the position says where to go on.
 */
static bool take_item(struct page *page, const struct grove_journal_item *item, struct grove_journal_item *gap,
                      uint64_t *position) {
    if (item->gap != GROVE_JOURNAL_NO_GAP) {
        *gap = *item;
        return true;
    }
    bool is_wanted = item->time_ns >= page->since_ns;
    if (is_wanted && gap->gap != GROVE_JOURNAL_NO_GAP && !put_gap(page, gap, stamp_of(item)))
        return false;
    gap->gap = GROVE_JOURNAL_NO_GAP;
    *position = item->sequence;
    if (is_wanted && !put_item(page, item))
        return false;
    *position = item->sequence + 1;
    return true;
}

static int read_journal(struct kept *kept, uint64_t *position, struct page *page, bool *is_end) {
    struct grove_journal *journal = NULL;
    struct grove_journal_reader *reader = NULL;
    struct grove_journal_item item, gap = {.gap = GROVE_JOURNAL_NO_GAP};
    int status = kept_journal(kept, &journal);
    if (status == 0)
        status = grove_journal_reader_create(journal, &reader);
    if (status < 0)
        return status;
    struct grove_journal_facts facts = grove_journal_facts(journal);
    /* What is behind the end is not one of ours: it was lost with the machine. */
    if (*position == 0 || *position > facts.next_sequence)
        *position = facts.first_sequence;
    bool is_by_time = page->since_ns > 0 && *position == facts.first_sequence;
    if (is_by_time && grove_journal_reader_seek_time(reader, page->since_ns) == 0)
        *position = grove_journal_reader_sequence(reader);
    (void)grove_journal_reader_seek(reader, *position);
    struct order_stamp latest = {.time_ns = facts.latest_ns};
    while ((status = next_item(reader, &item)) == 0) {
        latest.steps = item.gap == GROVE_JOURNAL_NO_GAP ? LOG_CHUNK_STEPS(item.kind) : latest.steps;
        if (!take_item(page, &item, &gap, position))
            break;
    }
    *is_end = status == GROVE_AGAIN;
    if (*is_end && gap.gap != GROVE_JOURNAL_NO_GAP && facts.latest_ns >= page->since_ns)
        *is_end = put_gap(page, &gap, latest);
    if (*is_end)
        *position = facts.next_sequence;
    grove_journal_reader_destroy(reader);
    return status == GROVE_AGAIN ? 0 : status;
}

int kept_read(struct kept *kept, struct kept_position *position, struct page *page, bool *is_end) {
    bool is_old = position->segment != 0 || (position->offset == 0 && kept->old.first != 0);
    *is_end = false;
    if (is_old) {
        struct old_position old = {position->segment, position->offset};
        int status = old_segments_read(kept->folder, &kept->old, &old, page, is_end);
        *position = (struct kept_position){old.segment, old.offset_bytes};
        if (status < 0 || !*is_end)
            return status;
        *position = (struct kept_position){0};
    }
    return read_journal(kept, &position->offset, page, is_end);
}

/* ---- the last lines ---- */

static uint32_t newlines(const char *bytes, size_t length_bytes) {
    uint32_t count = 0;
    for (const char *end = bytes + length_bytes; (bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL; bytes++)
        count++;
    return count;
}

/* Read from a number on until more than `most` lines were seen, or to the end: how many, and in which record that was. */
static int count_lines(struct grove_journal *journal, uint64_t from, uint32_t most, uint32_t *lines, uint64_t *record) {
    struct grove_journal_reader *reader;
    struct grove_journal_item item;
    int status = grove_journal_reader_create(journal, &reader);
    if (status < 0)
        return status;
    (void)grove_journal_reader_seek(reader, from);
    *lines = 0;
    *record = from;
    while (*lines <= most && (status = next_item(reader, &item)) == 0) {
        *record = item.sequence;
        if (item.gap == GROVE_JOURNAL_NO_GAP)
            *lines += newlines(item.data, item.length_bytes);
    }
    grove_journal_reader_destroy(reader);
    return status == GROVE_AGAIN ? 0 : status;
}

/* As old_segments_tail. Goes back by steps that grow, so that all of it is read not much more than once. */
static int tail_of_journal(struct grove_journal *journal, uint32_t *lines, uint64_t *position) {
    struct grove_journal_facts facts = grove_journal_facts(journal);
    uint64_t span = TAIL_RECORDS_AT_FIRST;
    uint32_t here = 0;
    *position = facts.next_sequence;
    while (*position > facts.first_sequence && here < *lines) {
        uint64_t kept = facts.next_sequence - facts.first_sequence, record;
        *position = facts.next_sequence - (span < kept ? span : kept);
        int status = count_lines(journal, *position, UINT32_MAX - 1, &here, &record);
        if (status < 0)
            return status;
        span *= 8;
    }
    if (here < *lines) {
        *lines -= here;
        return 0;
    }
    int status = count_lines(journal, *position, here - *lines, &here, position);
    *lines = 0;
    return status;
}

int kept_tail(struct kept *kept, uint32_t lines, struct kept_position *position) {
    struct grove_journal *journal = NULL;
    struct old_position old;
    uint32_t wanted = lines + 1; /* one more: the first of them may have begun in the record before */
    *position = (struct kept_position){0};
    if (lines == 0 || lines == UINT32_MAX)
        return 0;
    int status = kept_journal(kept, &journal);
    if (status == 0)
        status = tail_of_journal(journal, &wanted, &position->offset);
    if (status < 0 || wanted == 0 || kept->old.first == 0)
        return status;
    status = old_segments_tail(kept->folder, &kept->old, &wanted, &old);
    if (status == 0)
        *position = (struct kept_position){old.segment, old.offset_bytes};
    return status;
}
