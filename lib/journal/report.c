/*
 * Telling of damage: once for each extent, with a copy of its bytes in a quarantine file, as the segment itself goes one
 * day. A crash in the middle leaves a shorter copy.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "lib/journal/internal.h"

#define COPY_MAX_BYTES (UINT64_C(4) << 20)

/* A part of the folder that is damaged is told of again where there is no memory; its file is there, and says so. */
static bool is_reported(const struct grove_journal *journal, const struct grove_journal_damage *damage) {
    for (unsigned index = 0; journal->reported != NULL && index < journal->reported_count && index < JOURNAL_REMEMBERED;
         index++)
        if (journal->reported[index].segment == damage->segment &&
            journal->reported[index].offset_bytes == damage->offset_bytes)
            return true;
    return false;
}

static void remember(struct grove_journal *journal, const struct grove_journal_damage *damage) {
    if (journal->reported == NULL)
        journal->reported = calloc(JOURNAL_REMEMBERED, sizeof *journal->reported);
    if (journal->reported == NULL)
        return;
    unsigned place = journal->reported_count++ % JOURNAL_REMEMBERED;
    journal->reported[place].segment = damage->segment;
    journal->reported[place].offset_bytes = damage->offset_bytes;
}

static bool copy(int from, int to, uint64_t offset_bytes, uint64_t length_bytes) {
    unsigned char bytes[4096];
    if (length_bytes > COPY_MAX_BYTES)
        length_bytes = COPY_MAX_BYTES;
    while (length_bytes > 0) {
        size_t step = length_bytes < sizeof bytes ? (size_t)length_bytes : sizeof bytes;
        ssize_t got = pread(from, bytes, step, (off_t)offset_bytes);
        if (got <= 0 || write(to, bytes, (size_t)got) != got)
            return false;
        offset_bytes += (uint64_t)got;
        length_bytes -= (uint64_t)got;
    }
    return true;
}

/* What was found by an earlier process has its file, and is known. */
static void save(struct grove_journal *journal, int descriptor, struct grove_journal_damage *damage) {
    char name[2 * GROVE_JOURNAL_NAME_BYTES];
    struct stat facts;
    (void)snprintf(name, sizeof name, "quarantine-%010" PRIu64 "-%" PRIu64 ".bytes", damage->segment,
                   damage->offset_bytes);
    if (strlen(name) >= sizeof damage->quarantine)
        return;
    if (fstatat(journal->folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0) {
        damage->is_known = damage->is_saved = true;
        memcpy(damage->quarantine, name, strlen(name) + 1);
        return;
    }
    if (descriptor < 0 || journal->quarantined >= GROVE_JOURNAL_QUARANTINE_FILES)
        return;
    int file = openat(journal->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0)
        return;
    journal->quarantined++;
    damage->is_saved = copy(descriptor, file, damage->offset_bytes, damage->length_bytes);
    memcpy(damage->quarantine, name, strlen(name) + 1);
    (void)close(file);
}

void journal_report(struct grove_journal *journal, int descriptor, struct grove_journal_damage *damage) {
    if (is_reported(journal, damage))
        return;
    remember(journal, damage);
    journal_segment_name(damage->segment, damage->file);
    save(journal, descriptor, damage);
    if (damage->kind == GROVE_JOURNAL_TORN)
        journal->facts.torn_extents++;
    else
        journal->facts.damaged_extents++;
    journal->facts.damaged_records += damage->records;
    if (journal->on_damage != NULL)
        journal->on_damage(damage, journal->context);
}
