/* The historian's folder: adding, committing, new segments; see store.h, and segment.h for the crash argument. */
#include "examples/grid/historian/store_internal.h"

#include "examples/grid/common/clock.h"
#include "grove/abi/status.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int store_fail(struct problem *problem, const char *what, const char *name) {
    static const struct {
        int number, status;
        const char *advice;
    } known[] = {{ENOSPC, GROVE_FULL, "the disk is full; readings wait until there is room"},
                 {EDQUOT, GROVE_FULL, "the quota is used up; readings wait until there is room"},
                 {EFBIG, GROVE_FULL, "the file is larger than the service's file limit allows"},
                 {EROFS, GROVE_READ_ONLY, "the file system is read-only"},
                 {EACCES, GROVE_READ_ONLY, "the folder may not be written; grant FS_WRITE for it"},
                 {ENOENT, GROVE_NOT_FOUND, "it is not there"}};
    int number = errno;
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].number == number) {
            snprintf(problem->sentence, sizeof problem->sentence, "cannot %s %s: %s", what, name, known[i].advice);
            return known[i].status;
        }
    snprintf(problem->sentence, sizeof problem->sentence, "cannot %s %s: %s", what, name, strerror(number));
    return GROVE_IO;
}

void store_segment_name(uint64_t number, char name[STORE_NAME_BYTES]) {
    snprintf(name, STORE_NAME_BYTES, STORE_NAME_PREFIX "%08" PRIu64 ".segment", number);
}

int store_segment_note(struct store *store, uint64_t number, uint64_t created_wall_ns) {
    if (store->segment_count == store->segment_capacity) {
        unsigned capacity = store->segment_capacity == 0 ? 64 : store->segment_capacity * 2;
        struct store_segment *more = realloc(store->segment, capacity * sizeof *more);
        if (more == NULL)
            return GROVE_NO_MEMORY;
        store->segment = more;
        store->segment_capacity = capacity;
    }
    store->segment[store->segment_count++] =
        (struct store_segment){.number = number, .created_wall_ns = created_wall_ns};
    return 0;
}

struct segment_feeder *store_feeder_place(struct segment_feeder *table, uint64_t feeder) {
    for (unsigned i = 0; i < GRID_FEEDERS_MAX; i++)
        if (table[i].feeder == feeder || table[i].feeder == 0) {
            table[i].feeder = feeder;
            return &table[i];
        }
    return NULL;
}

int store_open(const char *folder, const struct store_limits *limits, struct store **store, struct problem *problem) {
    struct store *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->limits = *limits;
    made->current = -1;
    made->next_batch = 1;
    made->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = made->folder < 0 ? store_fail(problem, "open", folder) : store_recover(made, problem);
    if (status < 0) {
        store_close(made);
        return status;
    }
    memcpy(made->expected, made->durable, sizeof made->expected);
    *store = made;
    return 0;
}

void store_close(struct store *store) {
    if (store->current >= 0)
        close(store->current);
    if (store->folder >= 0)
        close(store->folder);
    free(store->segment);
    free(store);
}

int store_add(struct store *store, const struct reading *reading) {
    if (reading->feeder == 0 || reading->sequence == 0)
        return GROVE_INVALID;
    struct segment_feeder *feeder = store_feeder_place(store->expected, reading->feeder);
    if (feeder == NULL)
        return GROVE_EXHAUSTED;
    struct numbering_past *past = &store->past[feeder - store->expected];
    if (numbering_is_repeated(&feeder->numbering, reading->epoch, reading->sequence) ||
        numbering_is_past(past, reading->epoch, reading->sequence))
        return GROVE_EXISTS;
    if (store->batch_count == STORE_BATCH_MAX)
        return GROVE_AGAIN;
    numbering_remember(past, &feeder->numbering, reading->epoch);
    numbering_take(&feeder->numbering, reading->epoch, reading->sequence);
    store->batch[store->batch_count++].reading = *reading;
    return 0;
}

unsigned store_batch_count(const struct store *store) {
    return store->batch_count;
}

/* Write all of it; a disk that fills up takes a part first and says ENOSPC at the next write. */
static int write_all(int descriptor, const void *data, size_t length, uint64_t offset) {
    for (size_t done = 0; done < length;) {
        ssize_t wrote = pwrite(descriptor, (const char *)data + done, length - done, (off_t)(offset + done));
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return -1;
        done += (size_t)wrote;
    }
    return 0;
}

static int header_write(struct store *store, int descriptor, uint64_t number, uint64_t created_wall_ns) {
    struct segment_header header = {.number = number,
                                    .created_wall_ns = created_wall_ns,
                                    .first_batch = store->next_batch,
                                    .previous_bytes = store->is_given_up ? store->offset : 0};
    memcpy(header.feeder, store->durable, sizeof header.feeder);
    segment_header_seal(&header);
    if (write_all(descriptor, &header, sizeof header, 0) < 0 || fsync(descriptor) < 0)
        return -1;
    return fsync(store->folder);
}

/* Begin the next segment. On failure nothing of it is left, so that the next attempt starts clean. */
static int segment_begin(struct store *store, struct problem *problem) {
    uint64_t number = store->segment_count == 0 ? 1 : store->segment[store->segment_count - 1].number + 1;
    uint64_t created_wall_ns = clock_wall_ns();
    char name[STORE_NAME_BYTES];
    store_segment_name(number, name);
    int descriptor = openat(store->folder, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (descriptor < 0)
        return store_fail(problem, "create", name);
    int status = 0;
    if (header_write(store, descriptor, number, created_wall_ns) < 0)
        status = store_fail(problem, "write", name);
    if (status == 0)
        status = store_segment_note(store, number, created_wall_ns);
    if (status < 0) {
        close(descriptor);
        unlinkat(store->folder, name, 0);
        return status;
    }
    if (store->current >= 0)
        close(store->current);
    if (store->is_given_up)
        store->segment[store->segment_count - 2].end_bytes = store->offset;
    store->is_given_up = false;
    store->current = descriptor;
    store->offset = SEGMENT_HEADER_BYTES;
    store->bytes += SEGMENT_HEADER_BYTES;
    store_retain(store);
    return 0;
}

static int batch_write(struct store *store, struct problem *problem) {
    char name[STORE_NAME_BYTES];
    size_t bytes = store->batch_count * sizeof store->batch[0];
    for (unsigned i = 0; i < store->batch_count; i++) {
        struct segment_record *record = &store->batch[i];
        record->batch = store->next_batch;
        record->position = (uint16_t)i;
        record->count = (uint16_t)store->batch_count;
        segment_record_seal(record);
    }
    if (write_all(store->current, store->batch, bytes, store->offset) == 0 && fdatasync(store->current) == 0)
        return 0;
    store_segment_name(store->segment[store->segment_count - 1].number, name);
    int status = store_fail(problem, "write", name);
    /* Give back what part of the batch took. If that fails too, the next attempt writes over the same place. */
    if (ftruncate(store->current, (off_t)store->offset) < 0)
        return status;
    return status;
}

int store_commit(struct store *store, struct problem *problem) {
    if (store->batch_count == 0)
        return 0;
    uint64_t bytes = store->batch_count * sizeof store->batch[0];
    bool is_full = store->offset > SEGMENT_HEADER_BYTES && store->offset + bytes > store->limits.segment_bytes;
    int status = store->current < 0 || is_full || store->is_given_up ? segment_begin(store, problem) : 0;
    if (status == 0)
        status = batch_write(store, problem);
    if (status < 0)
        return status;
    store->offset += bytes;
    store->bytes += bytes;
    store->next_batch++;
    store->commits++;
    memcpy(store->durable, store->expected, sizeof store->durable);
    for (unsigned i = 0; i < store->batch_count; i++) {
        struct segment_feeder *place = store_feeder_place(store->durable, store->batch[i].reading.feeder);
        store->latest[place - store->durable] = store->batch[i].reading;
    }
    store->batch_count = 0;
    return 0;
}

struct store_counts store_counts(const struct store *store) {
    struct store_counts counts = {
        .commits = store->commits, .segments = store->segment_count, .bytes = store->bytes, .damaged = store->damaged};
    for (unsigned i = 0; i < GRID_FEEDERS_MAX; i++) {
        counts.stored += store->durable[i].numbering.taken;
        counts.missing += store->durable[i].numbering.missing;
    }
    return counts;
}

int store_feeder(const struct store *store, unsigned index, struct segment_feeder *feeder) {
    if (index >= GRID_FEEDERS_MAX || store->durable[index].feeder == 0)
        return GROVE_NOT_FOUND;
    *feeder = store->durable[index];
    return 0;
}

int store_latest(const struct store *store, uint64_t feeder, struct reading *reading) {
    for (unsigned i = 0; i < GRID_FEEDERS_MAX; i++)
        if (feeder != 0 && store->durable[i].feeder == feeder && store->latest[i].sequence != 0) {
            *reading = store->latest[i];
            return 0;
        }
    return GROVE_NOT_FOUND;
}
