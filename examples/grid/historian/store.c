/* The historian's folder: adding and committing; see store.h. */
#include "examples/grid/historian/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than a reading takes on disk: so each full segment holds a snapshot, and whatever retention leaves does. */
#define RECORD_BYTES 128u
#define SNAPSHOT_EVERY_MAX 16384u

static int open_folder(const char *folder, int *descriptor, struct problem *problem) {
    *descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*descriptor >= 0)
        return 0;
    int number = errno;
    snprintf(problem->sentence, sizeof problem->sentence, "cannot open %s: %s", folder, strerror(number));
    return number == ENOENT ? GROVE_NOT_FOUND : number == EACCES ? GROVE_READ_ONLY : GROVE_IO;
}

int store_open(const char *folder, const struct store_limits *limits, struct store **store, struct problem *problem) {
    struct store *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->limits = *limits;
    made->snapshot_every = limits->segment_bytes / RECORD_BYTES;
    if (made->snapshot_every > SNAPSHOT_EVERY_MAX)
        made->snapshot_every = SNAPSHOT_EVERY_MAX;
    int status = open_folder(folder, &made->folder, problem);
    if (status == 0)
        status = store_recover(made, problem);
    if (status < 0) {
        store_close(made);
        return status;
    }
    memcpy(made->expected, made->durable, sizeof made->expected);
    *store = made;
    return 0;
}

void store_close(struct store *store) {
    grove_journal_close(store->journal);
    old_segments_close(&store->old);
    if (store->folder >= 0)
        close(store->folder);
    free(store);
}

/* ---- adding ---- */

static int append(struct store *store, uint32_t kind, uint64_t time_ns, const void *data, size_t bytes) {
    const struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = bytes};
    const struct grove_journal_entry entry = {.kind = kind, .time_ns = time_ns, .parts = &part, .part_count = 1};
    int status = grove_journal_append(store->journal, &entry);
    store->uncommitted += status == 0;
    return status;
}

int store_add(struct store *store, const struct reading *reading) {
    if (reading->feeder == 0 || reading->sequence == 0)
        return GROVE_INVALID;
    struct snapshot_feeder *place = snapshot_place(store->expected, reading->feeder);
    if (place == NULL)
        return GROVE_EXHAUSTED;
    if (numbering_is_repeated(&place->numbering, reading->epoch, reading->sequence) ||
        numbering_is_past(&place->past, reading->epoch, reading->sequence))
        return GROVE_EXISTS;
    if (store->batch_count == STORE_BATCH_MAX)
        return GROVE_AGAIN;
    int status = append(store, STORE_READING, reading->wall_ns, reading, sizeof *reading);
    if (status < 0)
        return status;
    (void)snapshot_take(store->expected, reading);
    store->batch_count++;
    return 0;
}

unsigned store_batch_count(const struct store *store) {
    return store->batch_count;
}

/* ---- committing ---- */

/* All that the journal has in memory: the batch of a commit that failed, and what was added since, are two. */
static int commit_records(struct store *store, struct problem *problem) {
    struct grove_journal_commit done;
    struct grove_journal_problem said = {""};
    while (store->uncommitted > 0) {
        int status = grove_journal_commit(store->journal, &done, &said);
        if (status < 0) {
            /* What the journal says goes on are the readings here. */
            int said_bytes = (int)(status == GROVE_FULL ? strcspn(said.sentence, ";") : strlen(said.sentence));
            snprintf(problem->sentence, sizeof problem->sentence, "%.*s%s", said_bytes, said.sentence,
                     status == GROVE_FULL ? "; readings wait until there is room" : "");
            return status;
        }
        store->uncommitted -= done.count < store->uncommitted ? done.count : store->uncommitted;
    }
    return 0;
}

/* If it does not get to the disk now, it does with the next batch; the one before it is found until then. */
static void write_snapshot(struct store *store) {
    static unsigned char bytes[SNAPSHOT_BYTES_MAX];
    struct problem problem;
    if (append(store, STORE_SNAPSHOT, grove_journal_facts(store->journal).latest_ns, bytes,
               snapshot_encode(store->durable, bytes)) < 0)
        return;
    store->since_snapshot = 0;
    (void)commit_records(store, &problem);
}

/* What the format before left goes as the journal grows. */
static void make_room(struct store *store) {
    uint64_t bytes = grove_journal_facts(store->journal).bytes, keep = store->limits.keep_bytes;
    old_segments_keep(&store->old, keep > bytes ? keep - bytes : 0);
}

int store_commit(struct store *store, struct problem *problem) {
    if (store->uncommitted == 0)
        return 0;
    int status = commit_records(store, problem);
    if (status < 0)
        return status;
    store->commits++;
    store->since_snapshot += store->batch_count;
    store->batch_count = 0;
    memcpy(store->durable, store->expected, sizeof store->durable);
    if (store->since_snapshot >= store->snapshot_every)
        write_snapshot(store);
    if (store->old.count > 0)
        make_room(store);
    return 0;
}

/* ---- looking ---- */

struct store_counts store_counts(const struct store *store) {
    struct grove_journal_facts facts = grove_journal_facts(store->journal);
    struct store_counts counts = {.commits = store->commits,
                                  .segments = facts.segments + store->old.count,
                                  .bytes = facts.bytes + store->old.bytes,
                                  .damaged = facts.damaged_records + store->old.damaged};
    for (unsigned i = 0; i < GRID_FEEDERS_MAX; i++) {
        counts.stored += store->durable[i].numbering.taken;
        counts.missing += store->durable[i].numbering.missing;
    }
    return counts;
}

int store_feeder(const struct store *store, unsigned index, struct snapshot_feeder *feeder) {
    if (index >= GRID_FEEDERS_MAX || store->durable[index].feeder == 0)
        return GROVE_NOT_FOUND;
    *feeder = store->durable[index];
    return 0;
}

int store_latest(const struct store *store, uint64_t feeder, struct reading *reading) {
    for (unsigned i = 0; i < GRID_FEEDERS_MAX; i++)
        if (feeder != 0 && store->durable[i].feeder == feeder && store->durable[i].latest.sequence != 0) {
            *reading = store->durable[i].latest;
            return 0;
        }
    return GROVE_NOT_FOUND;
}
