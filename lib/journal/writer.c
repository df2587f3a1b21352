/*
 * Putting batches on disk; the crash argument is in journal.h. Runs in whatever thread called journal_commit_run, and
 * touches nothing but the writer. Whatever fails leaves the batch in memory and the durable part as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "lib/journal/internal.h"

int journal_fail(struct grove_journal_problem *problem, const char *what, const char *name) {
    static const struct {
        int number, status;
        const char *advice;
    } known[] = {{ENOSPC, GROVE_FULL, "the disk is full; it goes on when there is room"},
                 {EDQUOT, GROVE_FULL, "the disk quota is used up; it goes on when there is room"},
                 {EFBIG, GROVE_FULL, "the file is larger than the limit for files allows"},
                 {EROFS, GROVE_READ_ONLY, "the file system is read-only"},
                 {EACCES, GROVE_READ_ONLY, "the folder may not be written to"},
                 {EPERM, GROVE_READ_ONLY, "the folder may not be written to"},
                 {ENOMEM, GROVE_NO_MEMORY, "memory is exhausted"},
                 {EMFILE, GROVE_NO_DESCRIPTORS, "no file descriptor is free"},
                 {ENFILE, GROVE_NO_DESCRIPTORS, "no file descriptor is free"},
                 {ENOENT, GROVE_NOT_FOUND, "it is not there"}};
    int number = errno;
    for (unsigned index = 0; index < sizeof known / sizeof known[0]; index++)
        if (known[index].number == number) {
            (void)snprintf(problem->sentence, sizeof problem->sentence, "cannot %s %s: %s", what, name,
                           known[index].advice);
            return known[index].status;
        }
    (void)snprintf(problem->sentence, sizeof problem->sentence, "cannot %s %s: %s", what, name, strerror(number));
    return GROVE_IO;
}

void journal_segment_name(uint64_t number, char name[GROVE_JOURNAL_NAME_BYTES]) {
    (void)snprintf(name, GROVE_JOURNAL_NAME_BYTES, "%010" PRIu64 ".journal", number);
}

static int fail(struct journal_writer *writer, const char *what, uint64_t number) {
    char name[GROVE_JOURNAL_NAME_BYTES];
    int error = errno;
    journal_segment_name(number, name);
    errno = error;
    return journal_fail(&writer->problem, what, name);
}

/* Write all of it; a disk that fills up takes a part first and says ENOSPC at the next write. */
static int write_all(int descriptor, const void *data, size_t length_bytes, uint64_t offset_bytes) {
    for (size_t done = 0; done < length_bytes;) {
        ssize_t wrote =
            pwrite(descriptor, (const char *)data + done, length_bytes - done, (off_t)(offset_bytes + done));
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote == 0)
            errno = ENOSPC;
        if (wrote <= 0)
            return -1;
        done += (size_t)wrote;
    }
    return 0;
}

/* ---- a new segment ---- */

static uint64_t wall_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void make_header(const struct journal_writer *writer, uint64_t number, struct journal_header *header) {
    *header = (struct journal_header){.number = number,
                                      .first_sequence = writer->next_sequence,
                                      .first_batch = writer->next_batch,
                                      .created_ns = wall_ns(),
                                      .latest_ns = writer->latest_ns,
                                      .previous_number = writer->previous_number,
                                      .previous_bytes = writer->previous_number == 0 ? 0 : writer->durable_bytes};
    memcpy(header->content, writer->content, sizeof header->content);
    if (getrandom(&header->salt, sizeof header->salt, GRND_NONBLOCK) != (ssize_t)sizeof header->salt)
        header->salt = header->created_ns ^ (uintptr_t)header; /* early at boot: still different for each segment */
    journal_header_seal(header);
}

/* Both copies, the room for records, and the name: all on disk when this returns 0, unless nothing is synchronised. */
static int fill_segment(const struct journal_writer *writer, int descriptor, const struct journal_header *header) {
    /* Not every file system can reserve room; then the file grows as it is written. */
    if (!writer->is_unsynchronised && fallocate(descriptor, 0, 0, (off_t)writer->segment_bytes) < 0 &&
        errno != EOPNOTSUPP && errno != ENOSYS)
        return -1;
    if (write_all(descriptor, header, sizeof *header, 0) < 0 ||
        write_all(descriptor, header, sizeof *header, JOURNAL_COPY_OFFSET) < 0)
        return -1;
    if (writer->is_unsynchronised)
        return 0;
    return fsync(descriptor) < 0 || fsync(writer->folder) < 0 ? -1 : 0;
}

/* The segment before keeps what counts, and gives back the rest. Only now: its end is on disk in the next header. */
static void leave_segment(struct journal_writer *writer) {
    if (writer->descriptor < 0)
        return;
    bool is_released = ftruncate(writer->descriptor, (off_t)writer->counts_bytes) == 0;
    if (writer->begun_count == 0)
        writer->has_released = is_released;
    (void)close(writer->descriptor);
    writer->descriptor = -1;
}

static void enter_segment(struct journal_writer *writer, int descriptor, const struct journal_header *header) {
    leave_segment(writer);
    writer->begun[writer->begun_count++] = (struct journal_segment){
        .number = header->number,
        .first_sequence = header->first_sequence,
        .first_batch = header->first_batch,
        .created_ns = header->created_ns,
        .latest_ns = header->latest_ns,
        .end_bytes = JOURNAL_DATA_OFFSET,
        .file_bytes = writer->segment_bytes, /* what it will have, also where nothing was reserved */
        .seed = journal_seed(header),
    };
    writer->descriptor = descriptor;
    writer->number = header->number;
    writer->seed = journal_seed(header);
    writer->offset_bytes = writer->counts_bytes = JOURNAL_DATA_OFFSET;
    writer->is_given_up = writer->is_marked = false;
}

/* On failure nothing of it is left, so that the next attempt starts clean. */
static int begin_segment(struct journal_writer *writer) {
    struct journal_header header;
    char name[GROVE_JOURNAL_NAME_BYTES];
    uint64_t number = writer->number + 1;
    journal_segment_name(number, name);
    int descriptor = openat(writer->folder, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return fail(writer, "create", number);
    make_header(writer, number, &header);
    if (fill_segment(writer, descriptor, &header) < 0) {
        int status = fail(writer, "begin", number);
        (void)close(descriptor);
        (void)unlinkat(writer->folder, name, 0);
        return status;
    }
    enter_segment(writer, descriptor, &header);
    return 0;
}

/* ---- a batch ---- */

static void seal_batch(struct journal_writer *writer) {
    uint16_t position = writer->is_marked ? 1 : 0;
    uint64_t sequence = writer->next_sequence;
    for (size_t offset = 0; offset < writer->batch.length_bytes; position++, sequence++) {
        struct journal_record record;
        unsigned char *place = writer->batch.bytes + offset;
        memcpy(&record, place, sizeof record);
        offset += (size_t)journal_record_bytes(&record);
        record.position = position;
        record.flags = (uint16_t)((writer->is_marked ? JOURNAL_MARKED : 0) |
                                  (offset == writer->batch.length_bytes ? JOURNAL_LAST : 0));
        record.sequence = sequence;
        record.batch = writer->next_batch;
        journal_record_seal(&record, place + sizeof record, writer->seed);
        memcpy(place, &record, sizeof record);
    }
}

static uint64_t latest_of(const struct journal_batch *batch, uint64_t latest_ns) {
    struct journal_record record;
    for (size_t offset = 0; offset < batch->length_bytes; offset += (size_t)journal_record_bytes(&record)) {
        memcpy(&record, batch->bytes + offset, sizeof record);
        if (record.time_ns > latest_ns)
            latest_ns = record.time_ns;
    }
    return latest_ns;
}

static void batch_is_durable(struct journal_writer *writer) {
    writer->done =
        (struct grove_journal_commit){.first_sequence = writer->next_sequence, .count = writer->batch.records};
    writer->offset_bytes += writer->batch.length_bytes;
    writer->durable_bytes = writer->counts_bytes = writer->offset_bytes;
    writer->previous_number = writer->number;
    writer->latest_ns = latest_of(&writer->batch, writer->latest_ns);
    writer->next_sequence += writer->batch.records;
    writer->next_batch++;
    writer->is_marked = false;
    writer->batch.length_bytes = 0;
    writer->batch.records = 0;
}

static bool needs_segment(const struct journal_writer *writer) {
    bool is_full = writer->offset_bytes > JOURNAL_DATA_OFFSET &&
                   writer->offset_bytes + writer->batch.length_bytes > writer->segment_bytes;
    return writer->descriptor < 0 || writer->is_given_up || is_full;
}

static int write_batch(struct journal_writer *writer) {
    if (needs_segment(writer)) {
        int status = begin_segment(writer);
        if (status < 0)
            return status;
    }
    seal_batch(writer);
    /* Half a batch may be there after an error; if it is discarded, nothing of it may ever be taken for the next one. */
    writer->is_given_up = true;
    if (write_all(writer->descriptor, writer->batch.bytes, writer->batch.length_bytes, writer->offset_bytes) < 0)
        return fail(writer, "write", writer->number);
    if (!writer->is_unsynchronised && fdatasync(writer->descriptor) < 0)
        return fail(writer, "synchronise", writer->number);
    writer->is_given_up = false;
    batch_is_durable(writer);
    return 0;
}

void journal_writer_run(struct journal_writer *writer) {
    writer->begun_count = 0;
    writer->has_released = false;
    writer->done = (struct grove_journal_commit){0};
    writer->status = write_batch(writer);
    /* A segment that was given up says nothing of the disk as a whole: try a new one at once. */
    if (writer->status < 0 && writer->is_given_up && writer->begun_count < JOURNAL_BEGUN_MAX)
        writer->status = write_batch(writer);
}

void journal_writer_mark(struct journal_writer *writer) {
    struct journal_record mark = {
        .flags = JOURNAL_MARK | JOURNAL_MARKED, .sequence = writer->next_sequence, .batch = writer->next_batch};
    bool is_possible = !writer->is_unsynchronised && writer->descriptor >= 0 && !writer->is_given_up &&
                       !writer->is_marked && writer->offset_bytes > JOURNAL_DATA_OFFSET &&
                       writer->offset_bytes + sizeof mark <= writer->segment_bytes;
    if (!is_possible)
        return;
    journal_record_seal(&mark, NULL, writer->seed);
    if (write_all(writer->descriptor, &mark, sizeof mark, writer->offset_bytes) < 0)
        return; /* the next batch is written over it */
    writer->offset_bytes += sizeof mark;
    writer->is_marked = true;
}
