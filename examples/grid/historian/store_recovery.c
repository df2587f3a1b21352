/*
 * Opening the historian's folder after whatever happened to it.
 *
 * Only the last segment can be torn, or one that was given up, of which the next one's header says where it ends; the
 * headers of the others give the list, and the header of the last the numbering that its records continue. A last segment
 * without a whole header was being created and holds nothing acknowledged (the header is synchronised before the first
 * record is written): it is removed.
 */
#include "examples/grid/historian/store_internal.h"

#include "grove/abi/status.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int by_number(const void *left, const void *right) {
    const struct store_segment *a = left, *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Numbers of all segments in the folder, in order. Other files are not ours and are left alone. */
static int segments_list(struct store *store, struct problem *problem) {
    int copy = fcntl(store->folder, F_DUPFD_CLOEXEC, 0);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    if (folder == NULL) {
        int status = store_fail(problem, "list", "the folder");
        if (copy >= 0)
            close(copy);
        return status;
    }
    int status = 0;
    for (struct dirent *entry; status == 0 && (entry = readdir(folder)) != NULL;) {
        char name[STORE_NAME_BYTES];
        if (strncmp(entry->d_name, STORE_NAME_PREFIX, strlen(STORE_NAME_PREFIX)) != 0)
            continue;
        uint64_t number = strtoull(entry->d_name + strlen(STORE_NAME_PREFIX), NULL, 10);
        store_segment_name(number, name);
        if (strcmp(name, entry->d_name) == 0)
            status = store_segment_note(store, number, 0);
    }
    closedir(folder);
    if (store->segment_count > 0)
        qsort(store->segment, store->segment_count, sizeof store->segment[0], by_number);
    return status;
}

/* Read and check the header of a segment. */
static int header_read(const struct store *store, const char *name, struct segment_header *header,
                       struct problem *problem) {
    int descriptor = openat(store->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return store_fail(problem, "open", name);
    ssize_t got = pread(descriptor, header, sizeof *header, 0);
    if (got < 0) { /* nothing is known of what it holds: no damage that could be removed */
        int failed = store_fail(problem, "read", name);
        close(descriptor);
        return failed;
    }
    close(descriptor);
    int status = got == (ssize_t)sizeof *header ? segment_header_check(header) : GROVE_CORRUPT;
    if (status == GROVE_CORRUPT)
        snprintf(problem->sentence, sizeof problem->sentence, "%s: its header is damaged; move the file away", name);
    if (status == GROVE_VERSION)
        snprintf(problem->sentence, sizeof problem->sentence, "%s: written by a newer version of the historian", name);
    return status;
}

/* Headers of all segments. A damaged one in the middle is counted and does not stop the historian. */
static int headers_read(struct store *store, struct segment_header *header, struct problem *problem) {
    char name[STORE_NAME_BYTES];
    unsigned count = store->segment_count;
    for (unsigned i = 0; i < count; i++) {
        store_segment_name(store->segment[i].number, name);
        int status = header_read(store, name, header, problem);
        bool is_last = i + 1 == count;
        if (status == GROVE_CORRUPT && is_last && count > 1) {
            if (unlinkat(store->folder, name, 0) < 0)
                return store_fail(problem, "remove", name);
            store->segment_count--;
            store_segment_name(store->segment[i - 1].number, name);
            return header_read(store, name, header, problem);
        }
        if (status == GROVE_CORRUPT && !is_last)
            store->damaged++;
        else if (status < 0)
            return status;
        store->segment[i].created_wall_ns = status < 0 ? 0 : header->created_wall_ns;
        if (i > 0 && status == 0)
            store->segment[i - 1].end_bytes = header->previous_bytes;
    }
    return 0;
}

static void records_apply(struct store *store, const struct segment_record *records, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        const struct reading *reading = &records[i].reading;
        if (!segment_record_is_whole(&records[i]) || reading->feeder == 0)
            continue;
        struct segment_feeder *feeder = store_feeder_place(store->durable, reading->feeder);
        if (feeder == NULL)
            continue;
        numbering_remember(&store->past[feeder - store->durable], &feeder->numbering, reading->epoch);
        numbering_take(&feeder->numbering, reading->epoch, reading->sequence);
        store->latest[feeder - store->durable] = *reading;
    }
}

/* Take in the records of the current segment and cut its torn tail, if that is no witness of damage before it. */
static int current_recover(struct store *store, const struct segment_header *header, uint64_t file_bytes,
                           const char *name, struct problem *problem) {
    uint64_t count = (file_bytes - SEGMENT_HEADER_BYTES) / sizeof(struct segment_record);
    struct segment_extent extent = {.last_batch = header->first_batch - 1};
    memcpy(store->durable, header->feeder, sizeof store->durable);
    if (count > 0) {
        unsigned char *map = mmap(NULL, file_bytes, PROT_READ, MAP_PRIVATE, store->current, 0);
        if (map == MAP_FAILED)
            return store_fail(problem, "read", name);
        const struct segment_record *records = (const void *)(map + SEGMENT_HEADER_BYTES);
        extent = segment_extent(records, count, header->first_batch);
        records_apply(store, records, extent.records);
        munmap(map, file_bytes);
    }
    store->offset = SEGMENT_HEADER_BYTES + extent.records * sizeof(struct segment_record);
    store->damaged += extent.damaged;
    store->next_batch = extent.last_batch + 1;
    store->is_given_up = extent.damaged > 0 || extent.is_half;
    if (file_bytes > store->offset && extent.damaged == 0 &&
        (ftruncate(store->current, (off_t)store->offset) < 0 || fsync(store->current) < 0))
        return store_fail(problem, "cut the torn end of", name);
    return 0;
}

static void bytes_count(struct store *store) {
    char name[STORE_NAME_BYTES];
    struct stat stat;
    for (unsigned i = 0; i < store->segment_count; i++) {
        store_segment_name(store->segment[i].number, name);
        if (fstatat(store->folder, name, &stat, AT_SYMLINK_NOFOLLOW) == 0)
            store->bytes += (uint64_t)stat.st_size;
    }
}

int store_recover(struct store *store, struct problem *problem) {
    struct segment_header header = {.number = 0};
    struct stat stat;
    char name[STORE_NAME_BYTES];
    int status = segments_list(store, problem);
    if (status < 0 || store->segment_count == 0)
        return status;
    status = headers_read(store, &header, problem);
    if (status == GROVE_CORRUPT && store->segment_count == 1) {
        /* The very first segment was being created. */
        store_segment_name(store->segment[0].number, name);
        store->segment_count = 0;
        return unlinkat(store->folder, name, 0) < 0 ? store_fail(problem, "remove", name) : 0;
    }
    if (status < 0)
        return status;
    store_segment_name(header.number, name);
    store->current = openat(store->folder, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (store->current < 0 || fstat(store->current, &stat) < 0)
        return store_fail(problem, "open", name);
    status = current_recover(store, &header, (uint64_t)stat.st_size, name, problem);
    bytes_count(store);
    return status;
}
