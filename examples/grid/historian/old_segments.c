/*
 * See old_segments.h. Only the last segment can be torn, or one that was given up, of which the next one's header says where
 * it ends. A last segment without a whole header was being created and holds nothing: it is removed.
 */
#include "examples/grid/historian/old_segments.h"

#include "grove/abi/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_PREFIX "readings-"
#define NAME_BYTES 40u
#define RECORDS_AT_ONCE 512u
#define DISORDER_NS 2000000000u /* readings are stored in the order of their arrival, which is nearly that of time */

static void name_of(uint64_t number, char name[NAME_BYTES]) {
    snprintf(name, NAME_BYTES, NAME_PREFIX "%08" PRIu64 ".segment", number);
}

static int fail(struct problem *problem, const char *what, const char *name) {
    snprintf(problem->sentence, sizeof problem->sentence, "cannot %s %s: %s", what, name, strerror(errno));
    return GROVE_IO;
}

/* ---- finding them ---- */

static int note(struct old_segments *old, uint64_t number, const struct stat *facts) {
    if (old->count == old->capacity) {
        unsigned capacity = old->capacity == 0 ? 64 : old->capacity * 2;
        struct old_segment *more = realloc(old->list, capacity * sizeof *more);
        if (more == NULL)
            return GROVE_NO_MEMORY;
        old->list = more;
        old->capacity = capacity;
    }
    uint64_t bytes = (uint64_t)facts->st_size;
    old->list[old->count++] = (struct old_segment){.number = number, .bytes = bytes, .end_bytes = bytes};
    old->bytes += bytes;
    return 0;
}

static int by_number(const void *left, const void *right) {
    const struct old_segment *a = left, *b = right;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* Other files are not ours and are left alone. */
static int find(struct old_segments *old, struct problem *problem) {
    int copy = openat(old->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    int status = 0;
    if (folder == NULL) {
        status = fail(problem, "list", "the folder");
        if (copy >= 0)
            close(copy);
        return status;
    }
    for (struct dirent *entry; status == 0 && (entry = readdir(folder)) != NULL;) {
        char name[NAME_BYTES];
        struct stat facts;
        if (strncmp(entry->d_name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0)
            continue;
        uint64_t number = strtoull(entry->d_name + strlen(NAME_PREFIX), NULL, 10);
        name_of(number, name);
        if (strcmp(name, entry->d_name) == 0 && fstatat(old->folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0)
            status = note(old, number, &facts);
    }
    closedir(folder);
    if (old->count > 0)
        qsort(old->list, old->count, sizeof old->list[0], by_number);
    return status;
}

/* ---- headers ---- */

static int read_header(const struct old_segments *old, const char *name, struct segment_header *header,
                       struct problem *problem) {
    int descriptor = openat(old->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return fail(problem, "open", name);
    ssize_t got = pread(descriptor, header, sizeof *header, 0);
    /* Nothing is known of what cannot be read: that is no damage. */
    int status = got < 0                          ? fail(problem, "read", name)
                 : got == (ssize_t)sizeof *header ? segment_header_check(header)
                                                  : GROVE_CORRUPT;
    close(descriptor);
    if (status == GROVE_VERSION)
        snprintf(problem->sentence, sizeof problem->sentence, "%s: written by a newer version of the historian", name);
    return status;
}

static int remove_last(struct old_segments *old, struct problem *problem) {
    char name[NAME_BYTES];
    struct old_segment *last = &old->list[old->count - 1];
    name_of(last->number, name);
    if (unlinkat(old->folder, name, 0) < 0)
        return fail(problem, "remove", name);
    old->bytes -= last->bytes;
    old->count--;
    return 0;
}

/* The header of the last one is left in *last. */
static int read_headers(struct old_segments *old, struct segment_header *last, struct problem *problem) {
    struct segment_header header;
    char name[NAME_BYTES];
    for (unsigned i = 0; i < old->count; i++) {
        name_of(old->list[i].number, name);
        int status = read_header(old, name, &header, problem);
        if (status == GROVE_CORRUPT && i + 1 == old->count)
            return remove_last(old, problem);
        if (status == GROVE_CORRUPT) {
            old->damaged++;
            old->list[i].end_bytes = 0;
            continue;
        }
        if (status < 0)
            return status;
        old->list[i].created_wall_ns = header.created_wall_ns;
        if (i > 0 && header.previous_bytes >= SEGMENT_HEADER_BYTES &&
            header.previous_bytes < old->list[i - 1].end_bytes)
            old->list[i - 1].end_bytes = header.previous_bytes;
        *last = header;
    }
    return 0;
}

/* ---- where the numbering stands ---- */

static void take_records(struct snapshot_feeder *feeders, const struct segment_record *records, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        if (segment_record_is_whole(&records[i]) && records[i].reading.feeder != 0)
            (void)snapshot_take(feeders, &records[i].reading);
}

static int read_last(struct old_segments *old, const struct segment_header *header, struct snapshot_feeder *feeders,
                     struct problem *problem) {
    struct old_segment *last = &old->list[old->count - 1];
    char name[NAME_BYTES];
    for (unsigned i = 0; i < GRID_FEEDERS_MAX; i++)
        feeders[i] =
            (struct snapshot_feeder){.feeder = header->feeder[i].feeder, .numbering = header->feeder[i].numbering};
    uint64_t count = (last->bytes - SEGMENT_HEADER_BYTES) / sizeof(struct segment_record);
    if (count == 0)
        return 0;
    name_of(last->number, name);
    int descriptor = openat(old->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    unsigned char *map = descriptor < 0 ? MAP_FAILED : mmap(NULL, last->bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (descriptor >= 0)
        close(descriptor);
    if (map == MAP_FAILED)
        return fail(problem, "read", name);
    const struct segment_record *records = (const void *)(map + SEGMENT_HEADER_BYTES);
    struct segment_extent extent = segment_extent(records, count, header->first_batch);
    take_records(feeders, records, extent.records);
    munmap(map, last->bytes);
    last->end_bytes = SEGMENT_HEADER_BYTES + extent.records * sizeof(struct segment_record);
    old->damaged += extent.damaged;
    return 0;
}

int old_segments_open(struct old_segments *old, int folder, struct snapshot_feeder *feeders, struct problem *problem) {
    static struct segment_header last;
    *old = (struct old_segments){.folder = folder};
    last.number = 0;
    int status = find(old, problem);
    if (status == 0)
        status = read_headers(old, &last, problem);
    if (status == 0 && old->count > 0 && last.number == old->list[old->count - 1].number)
        status = read_last(old, &last, feeders, problem);
    if (status < 0)
        old_segments_close(old);
    return status;
}

void old_segments_close(struct old_segments *old) {
    free(old->list);
    old->list = NULL;
    old->count = old->capacity = 0;
}

/* ---- reading ---- */

/* Offset of the first record that can have this time, by halving: records have one size and times that grow. */
static uint64_t first_offset(uint64_t from_ns, int descriptor, uint64_t end) {
    uint64_t low = 0, high = (end - SEGMENT_HEADER_BYTES) / sizeof(struct segment_record);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct segment_record record;
        off_t offset = (off_t)(SEGMENT_HEADER_BYTES + middle * sizeof record);
        if (pread(descriptor, &record, sizeof record, offset) != (ssize_t)sizeof record)
            return SEGMENT_HEADER_BYTES;
        if (segment_record_is_whole(&record) && record.reading.wall_ns + DISORDER_NS < from_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return SEGMENT_HEADER_BYTES + low * sizeof(struct segment_record);
}

static bool visit_segment(const struct old_segments *old, const struct old_segment *segment, uint64_t from_ns,
                          old_segments_visitor *visitor, void *context) {
    static struct segment_record records[RECORDS_AT_ONCE];
    char name[NAME_BYTES];
    bool goes_on = true;
    name_of(segment->number, name);
    int descriptor = openat(old->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0 || segment->end_bytes < SEGMENT_HEADER_BYTES) {
        if (descriptor >= 0)
            close(descriptor);
        return true; /* somebody moved it away, or nothing of it counts: what is in it is not here */
    }
    uint64_t offset = first_offset(from_ns, descriptor, segment->end_bytes);
    while (goes_on && offset + sizeof records[0] <= segment->end_bytes) {
        uint64_t left = segment->end_bytes - offset;
        ssize_t got = pread(descriptor, records, left < sizeof records ? left : sizeof records, (off_t)offset);
        unsigned whole = got <= 0 ? 0 : (unsigned)((size_t)got / sizeof records[0]);
        if (whole == 0)
            break;
        for (unsigned i = 0; i < whole && goes_on; i++)
            if (segment_record_is_whole(&records[i]))
                goes_on = visitor(&records[i].reading, context);
        offset += whole * sizeof records[0];
    }
    close(descriptor);
    return goes_on;
}

bool old_segments_each(const struct old_segments *old, uint64_t from_ns, old_segments_visitor *visitor, void *context) {
    unsigned first = 0;
    for (unsigned i = 0; i < old->count; i++)
        if (old->list[i].created_wall_ns != 0 && old->list[i].created_wall_ns <= from_ns)
            first = i;
    for (unsigned i = first; i < old->count; i++)
        if (!visit_segment(old, &old->list[i], from_ns, visitor, context))
            return false;
    return true;
}

/* ---- removing ---- */

void old_segments_keep(struct old_segments *old, uint64_t bytes) {
    while (old->count > 0 && old->bytes > bytes) {
        char name[NAME_BYTES];
        name_of(old->list[0].number, name);
        if (unlinkat(old->folder, name, 0) < 0 && errno != ENOENT)
            return; /* tried again with the next commit */
        old->bytes -= old->list[0].bytes;
        old->count--;
        memmove(old->list, old->list + 1, old->count * sizeof old->list[0]);
    }
}
