/* See spill.h. */
#include "servers/bus/spill.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "servers/bus/folders.h"
#include "servers/bus/letters.h"
#include "servers/common/file_status.h"

#define SPILL_CONTENT "GRVSPILL"
#define RECORD_EVENT 1u
#define SEGMENTS 16u /* of a full spill: so much of it is freed at a time */
#define SEGMENT_BYTES_MAX (UINT64_C(4) << 20)
#define BATCH_BYTES (UINT32_C(256) << 10)

static void on_damage(const struct grove_journal_damage *damage, void *context) {
    (void)context;
    (void)fprintf(stderr, "bus: %s of the spilled events, at %llu: %llu bytes %s\n", damage->file,
                  (unsigned long long)damage->offset_bytes, (unsigned long long)damage->length_bytes,
                  damage->kind == GROVE_JOURNAL_TORN ? "were cut off by a crash before they counted" : "are damaged");
}

static int open_journal(struct spill *spill, uint64_t limit_bytes, struct grove_journal_problem *problem) {
    uint64_t segment_bytes = limit_bytes / SEGMENTS;
    struct grove_journal_options options = {
        .folder = spill->folder,
        .flags = GROVE_JOURNAL_UNSYNCHRONISED | GROVE_JOURNAL_PASS_UNREADABLE,
        .limits = {.segment_bytes = segment_bytes == 0                  ? 1
                                    : segment_bytes < SEGMENT_BYTES_MAX ? segment_bytes
                                                                        : SEGMENT_BYTES_MAX,
                   .batch_bytes = BATCH_BYTES},
        .content = SPILL_CONTENT,
        .on_damage = on_damage,
    };
    int status = grove_journal_open(&options, &spill->journal, problem);
    if (status == 0)
        status = grove_journal_reader_create(spill->journal, &spill->reader);
    return status;
}

int spill_open(int parent, const char *name, uint64_t limit_bytes, struct spill *spill,
               struct grove_journal_problem *problem) {
    *spill = (struct spill){.folder = folder_open(parent, name)};
    if (spill->folder < 0) {
        int status = file_status(errno);
        (void)snprintf(problem->sentence, sizeof problem->sentence, "the folder %s cannot be used: %s", name,
                       strerror(errno));
        return status;
    }
    int status = open_journal(spill, limit_bytes, problem);
    if (status < 0)
        spill_close(spill);
    return status;
}

void spill_close(struct spill *spill) {
    grove_journal_reader_destroy(spill->reader);
    grove_journal_close(spill->journal);
    if (spill->folder >= 0)
        (void)close(spill->folder);
    *spill = (struct spill){.folder = -1};
}

int spill_add(struct spill *spill, const struct grove_bus_image *image) {
    const struct iovec part = {.iov_base = (void *)(uintptr_t)image, .iov_len = image->size_bytes};
    const struct grove_journal_entry entry = {
        .kind = RECORD_EVENT, .time_ns = image->time_ns, .parts = &part, .part_count = 1};
    return grove_journal_append(spill->journal, &entry);
}

int spill_commit(struct spill *spill, struct grove_journal_problem *problem) {
    struct grove_journal_commit done;
    int status = grove_journal_commit(spill->journal, &done, problem);
    if (status < 0)
        (void)grove_journal_discard(spill->journal);
    return status;
}

uint64_t spill_next(const struct spill *spill) {
    return grove_journal_facts(spill->journal).next_sequence;
}

void spill_seek(struct spill *spill, uint64_t number) {
    (void)grove_journal_reader_seek(spill->reader, number);
}

/* An image whose check is right is what was written; still nothing is believed that was not looked at. */
int spill_read(struct spill *spill, struct spilled *spilled) {
    struct grove_journal_item item;
    int status;
    spilled->lost = 0;
    while ((status = grove_journal_reader_next(spill->reader, &item)) == 0) {
        bool is_event = item.gap == GROVE_JOURNAL_NO_GAP && item.kind == RECORD_EVENT &&
                        letter_image_is_sound(item.data, item.length_bytes);
        spilled->number = item.last_sequence;
        spilled->image = item.data;
        if (is_event)
            return 0;
        spilled->lost += item.last_sequence - item.sequence + 1;
    }
    return status;
}

void spill_pass(struct spill *spill) {
    grove_journal_reader_pass(spill->reader);
}

void spill_forget(struct spill *spill, uint64_t number) {
    grove_journal_forget_before(spill->journal, number);
}

void spill_rest(struct spill *spill) {
    grove_journal_rest(spill->journal);
}
