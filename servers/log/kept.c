/* Opening and appending; see kept.h. Reading is in kept_read.c. */
#include "servers/log/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "servers/common/file_status.h"

int kept_open(struct kept *kept, int parent, const char *name, const struct kept_limits *limits) {
    *kept = (struct kept){.limits = limits, .folder = -1};
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return file_status(errno);
    kept->folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (kept->folder < 0)
        return file_status(errno);
    int status = old_segments_find(kept->folder, &kept->old);
    if (status < 0)
        kept_close(kept);
    return status;
}

void kept_close(struct kept *kept) {
    grove_journal_close(kept->journal);
    if (kept->folder >= 0)
        (void)close(kept->folder);
    kept->journal = NULL;
    kept->folder = -1;
}

/* A torn tail is what a death cut off: it is still in the pipe, and comes again. */
static void on_damage(const struct grove_journal_damage *damage, void *context) {
    (void)context;
    if (damage->kind == GROVE_JOURNAL_TORN || damage->is_known)
        return;
    (void)fprintf(stderr, "log: %s of a service's log %s, %" PRIu64 " bytes at %" PRIu64 "%s%s\n", damage->file,
                  damage->kind == GROVE_JOURNAL_UNREADABLE ? "cannot be read" : "is damaged", damage->length_bytes,
                  damage->offset_bytes, damage->is_saved ? "; they are kept in " : "",
                  damage->is_saved ? damage->quarantine : "");
}

static struct grove_journal_limits limits_of(const struct kept *kept) {
    return (struct grove_journal_limits){.segment_bytes = kept->limits->keep_bytes / KEPT_SEGMENTS,
                                         .keep_bytes = kept->limits->keep_bytes,
                                         .keep_ns = kept->limits->keep_ns};
}

int kept_journal(struct kept *kept, struct grove_journal **journal) {
    struct grove_journal_problem problem;
    struct grove_journal_options options = {.folder = kept->folder,
                                            .flags = GROVE_JOURNAL_UNSYNCHRONISED | GROVE_JOURNAL_PASS_UNREADABLE,
                                            .limits = limits_of(kept),
                                            .content = "GROVELOG",
                                            .on_damage = on_damage};
    int status = kept->journal != NULL ? 0 : grove_journal_open(&options, &kept->journal, &problem);
    if (status == 0)
        *journal = kept->journal;
    return status;
}

/* Old segments take the room that the journal leaves them. */
static void make_room(struct kept *kept) {
    if (kept->old.first == 0)
        return;
    uint64_t segments = grove_journal_facts(kept->journal).segments;
    old_segments_keep(kept->folder, &kept->old, segments < KEPT_SEGMENTS ? KEPT_SEGMENTS - (uint32_t)segments : 0);
}

void kept_limit(struct kept *kept, uint64_t now_ns) {
    const struct grove_journal_limits limits = limits_of(kept);
    if (kept->journal == NULL)
        return; /* it is opened with these */
    grove_journal_limit(kept->journal, &limits);
    grove_journal_retain(kept->journal, now_ns);
}

static int append(struct kept *kept, struct order_stamp stamp, uint32_t stream, const void *bytes,
                  uint32_t length_bytes) {
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length_bytes};
    struct grove_journal_entry entry = {
        .kind = LOG_CHUNK_STREAM(stream, stamp.steps), .time_ns = stamp.time_ns, .parts = &part, .part_count = 1};
    struct grove_journal_commit done;
    struct grove_journal_problem problem;
    struct grove_journal *journal = NULL;
    int status = kept_journal(kept, &journal);
    if (status == 0)
        status = grove_journal_append(journal, &entry);
    if (status < 0)
        return status;
    status = grove_journal_commit(journal, &done, &problem);
    if (status < 0)
        (void)grove_journal_discard(journal);
    else
        make_room(kept);
    grove_journal_rest(journal); /* there are many logs, and few that write now */
    return status;
}

int kept_append(struct kept *kept, struct order_stamp stamp, uint32_t stream, const void *bytes,
                uint32_t length_bytes) {
    if (length_bytes > KEPT_CHUNK_MAX)
        return GROVE_TOO_LARGE;
    if (kept->dropped_bytes > 0) {
        char text[128];
        int length = snprintf(text, sizeof text, "%" PRIu64 " bytes were dropped here: the log could not be written\n",
                              kept->dropped_bytes);
        if (append(kept, stamp, LOG_STREAM_LOG, text, (uint32_t)length) == 0)
            kept->dropped_bytes = 0;
    }
    int status = append(kept, stamp, stream, bytes, length_bytes);
    if (status < 0)
        kept->dropped_bytes += length_bytes;
    return status;
}
