/*
 * Appending and reading segments. See segments.h for the format.
 *
 * A record is written by one writev. Should only a part of it go in (the disk is full), the segment is cut back to where
 * it was, so a reader never meets half a record but after a crash of the machine.
 *
 * A record that fails its check is damage if an intact one follows, and the torn tail if none does. Damage is passed over and
 * said to the reader, and never cut off. The search for what follows goes by the steps of 8 bytes at which records stand. It
 * is bounded: what a service wrote may look like the beginnings of many records, so only SEARCH_BYTES_MAX are checked.
 * Where it gave up nothing is cut either: the next record begins a new segment.
 */
#include "servers/log/segments.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "grove/abi/status.h"

#define SEARCH_BYTES_MAX (UINT64_C(4) << 20)

static uint64_t fnv(uint64_t hash, const void *data, size_t bytes) {
    const unsigned char *next = data;
    for (size_t index = 0; index < bytes; index++)
        hash = (hash ^ next[index]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t check_of(const struct segment_record *record, const void *bytes) {
    struct segment_record plain = *record;
    plain.check = 0;
    return fnv(fnv(UINT64_C(14695981039346656037), &plain, sizeof plain), bytes, record->length_bytes);
}

static uint64_t padded(uint64_t bytes) {
    return (bytes + 7) & ~UINT64_C(7);
}

static int status_of(int error) {
    if (error == ENOSPC || error == EDQUOT)
        return GROVE_FULL;
    if (error == EROFS || error == EACCES || error == EPERM)
        return GROVE_READ_ONLY;
    if (error == ENOMEM)
        return GROVE_NO_MEMORY;
    return error == EMFILE || error == ENFILE ? GROVE_NO_DESCRIPTORS : GROVE_IO;
}

static void file_name(char *text, size_t text_bytes, uint32_t number) {
    (void)snprintf(text, text_bytes, "%08" PRIu32 ".log", number);
}

/* ---- one segment, mapped for reading ---- */

struct view {
    const char *bytes;
    uint64_t size_bytes;
    bool is_unsearched; /* a search gave up before the end */
};

static int view_open(const struct segments *segments, uint32_t number, struct view *view) {
    char name[32];
    struct stat facts;
    file_name(name, sizeof name, number);
    *view = (struct view){0};
    int descriptor = openat(segments->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return errno == ENOENT ? GROVE_NOT_FOUND : status_of(errno);
    int status = fstat(descriptor, &facts) < 0 ? status_of(errno) : 0;
    if (status == 0 && facts.st_size > 0) {
        uint64_t size_bytes = (uint64_t)facts.st_size < 2 * SEGMENT_BYTES ? (uint64_t)facts.st_size : 2 * SEGMENT_BYTES;
        void *bytes = mmap(NULL, size_bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (bytes == MAP_FAILED)
            status = GROVE_NO_MEMORY;
        else
            *view = (struct view){.bytes = bytes, .size_bytes = size_bytes};
    }
    (void)close(descriptor);
    return status;
}

static void view_close(struct view *view) {
    if (view->bytes != NULL)
        (void)munmap((void *)(uintptr_t)view->bytes, view->size_bytes);
    *view = (struct view){0};
}

static uint64_t step_bytes(const struct segment_record *record) {
    return sizeof *record + padded(record->length_bytes);
}

/* What stands at an offset looks like a record, of which all is there. */
static bool looks_like_record(const struct view *view, uint64_t offset_bytes, struct segment_record *record) {
    if (offset_bytes > view->size_bytes || view->size_bytes - offset_bytes < sizeof *record)
        return false;
    memcpy(record, view->bytes + offset_bytes, sizeof *record);
    return record->magic == SEGMENT_MAGIC && record->length_bytes <= SEGMENT_CHUNK_MAX &&
           step_bytes(record) <= view->size_bytes - offset_bytes;
}

static const char *check_record(const struct view *view, uint64_t offset_bytes, const struct segment_record *record) {
    const char *bytes = view->bytes + offset_bytes + sizeof *record;
    return check_of(record, bytes) == record->check ? bytes : NULL;
}

/* The intact record at an offset: its bytes, or NULL. */
static const char *record_at(const struct view *view, uint64_t offset_bytes, struct segment_record *record) {
    return looks_like_record(view, offset_bytes, record) ? check_record(view, offset_bytes, record) : NULL;
}

/* The next intact record behind one that is not; first where that one says that it ends. */
static const char *find_behind(struct view *view, uint64_t *offset_bytes, struct segment_record *record) {
    uint64_t checked_bytes = 0, after = *offset_bytes;
    if (looks_like_record(view, after, record))
        after += step_bytes(record);
    const char *bytes = after != *offset_bytes ? record_at(view, after, record) : NULL;
    if (bytes != NULL) {
        *offset_bytes = after;
        return bytes;
    }
    for (uint64_t at = *offset_bytes + 8; at < view->size_bytes; at += 8) {
        if (!looks_like_record(view, at, record))
            continue;
        checked_bytes += step_bytes(record);
        view->is_unsearched = checked_bytes > SEARCH_BYTES_MAX;
        if (view->is_unsearched)
            return NULL;
        if ((bytes = check_record(view, at, record)) != NULL) {
            *offset_bytes = at;
            return bytes;
        }
    }
    return NULL;
}

/* The first intact record at or behind an offset, which moves to it. NULL: none, and the offset stays. */
static const char *next_record(struct view *view, uint64_t *offset_bytes, struct segment_record *record) {
    const char *bytes = record_at(view, *offset_bytes, record);
    return bytes != NULL ? bytes : find_behind(view, offset_bytes, record);
}

/* ---- open ---- */

static int find_range(struct segments *segments) {
    int descriptor = openat(segments->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    const struct dirent *entry;
    if (folder == NULL) {
        int status = status_of(errno);
        if (descriptor >= 0)
            (void)close(descriptor);
        return status;
    }
    while ((entry = readdir(folder)) != NULL) {
        char *end;
        unsigned long number = strtoul(entry->d_name, &end, 10);
        if (number == 0 || number >= UINT32_MAX || strcmp(end, ".log") != 0)
            continue;
        if (segments->first == 0 || number < segments->first)
            segments->first = (uint32_t)number;
        if (number > segments->last)
            segments->last = (uint32_t)number;
    }
    (void)closedir(folder);
    /* A stray number far below the others would make every walk long. */
    if (segments->last - segments->first >= SEGMENTS_KEPT)
        segments->first = segments->last - SEGMENTS_KEPT + 1;
    return 0;
}

/*
 * Where the last intact record ends: behind it is a torn tail. What cannot be looked at (no descriptor, no memory), or was not
 * searched to the end, is not known to be torn, and must not be cut.
 */
static int intact_bytes(const struct segments *segments, uint32_t number, uint64_t *intact, bool *is_known) {
    struct view view;
    struct segment_record record;
    uint64_t offset_bytes = 0;
    int status = view_open(segments, number, &view);
    if (status < 0)
        return status;
    while (next_record(&view, &offset_bytes, &record) != NULL)
        offset_bytes += step_bytes(&record);
    *is_known = !view.is_unsearched;
    view_close(&view);
    *intact = offset_bytes;
    return 0;
}

static void next_segment(struct segments *segments);

static int open_current(struct segments *segments) {
    char name[32];
    bool is_known = true;
    file_name(name, sizeof name, segments->last);
    segments->current = openat(segments->folder, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (segments->current < 0)
        return status_of(errno);
    int status = intact_bytes(segments, segments->last, &segments->size_bytes, &is_known);
    if (status == 0 && !is_known) {
        next_segment(segments);
        return open_current(segments); /* which is empty */
    }
    if (status == 0 && ftruncate(segments->current, (off_t)segments->size_bytes) < 0)
        status = status_of(errno);
    if (status < 0) {
        (void)close(segments->current);
        segments->current = -1;
    }
    return status;
}

int segments_open(struct segments *segments, int parent, const char *name) {
    *segments = (struct segments){.folder = -1, .current = -1};
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return status_of(errno);
    segments->folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (segments->folder < 0)
        return status_of(errno);
    int status = find_range(segments);
    if (status < 0) {
        segments_close(segments);
        return status;
    }
    if (segments->last == 0)
        segments->first = segments->last = 1;
    return 0;
}

void segments_close(struct segments *segments) {
    if (segments->current >= 0)
        (void)close(segments->current);
    if (segments->folder >= 0)
        (void)close(segments->folder);
    segments->current = segments->folder = -1;
}

/* ---- append ---- */

static void next_segment(struct segments *segments) {
    if (segments->current >= 0)
        (void)close(segments->current);
    segments->current = -1;
    segments->last++;
    segments->size_bytes = 0;
    for (; segments->last - segments->first >= SEGMENTS_KEPT; segments->first++) {
        char name[32];
        file_name(name, sizeof name, segments->first);
        (void)unlinkat(segments->folder, name, 0);
    }
}

static int write_record(struct segments *segments, const struct segment_record *record, const void *bytes) {
    static const char zeros[8];
    uint64_t total_bytes = step_bytes(record);
    struct iovec parts[3] = {
        {.iov_base = (void *)(uintptr_t)record, .iov_len = sizeof *record},
        {.iov_base = (void *)(uintptr_t)bytes, .iov_len = record->length_bytes},
        {.iov_base = (void *)(uintptr_t)zeros, .iov_len = padded(record->length_bytes) - record->length_bytes},
    };
    ssize_t written = pwritev(segments->current, parts, 3, (off_t)segments->size_bytes);
    if (written == (ssize_t)total_bytes) {
        segments->size_bytes += total_bytes;
        return 0;
    }
    int status = written < 0 ? status_of(errno) : GROVE_FULL;
    if (ftruncate(segments->current, (off_t)segments->size_bytes) < 0)
        next_segment(segments); /* half a record cannot be taken back: leave it behind */
    return status;
}

static int append(struct segments *segments, uint64_t time_ns, uint32_t stream, const void *bytes,
                  uint32_t length_bytes) {
    struct segment_record record = {
        .magic = SEGMENT_MAGIC, .length_bytes = length_bytes, .time_ns = time_ns, .stream = stream};
    record.check = check_of(&record, bytes);
    if (segments->current < 0) {
        int status = open_current(segments);
        if (status < 0)
            return status;
    }
    if (segments->size_bytes + step_bytes(&record) > SEGMENT_BYTES) {
        next_segment(segments);
        int status = open_current(segments);
        if (status < 0)
            return status;
    }
    return write_record(segments, &record, bytes);
}

int segments_append(struct segments *segments, uint64_t time_ns, uint32_t stream, const void *bytes,
                    uint32_t length_bytes) {
    if (length_bytes > SEGMENT_CHUNK_MAX)
        return GROVE_TOO_LARGE;
    if (segments->dropped_bytes > 0) {
        char text[128];
        int length = snprintf(text, sizeof text, "%" PRIu64 " bytes were dropped here: the log could not be written\n",
                              segments->dropped_bytes);
        if (append(segments, time_ns, LOG_STREAM_LOG, text, (uint32_t)length) == 0)
            segments->dropped_bytes = 0;
    }
    int status = append(segments, time_ns, stream, bytes, length_bytes);
    if (status < 0)
        segments->dropped_bytes += length_bytes;
    return status;
}

/* ---- read ---- */

static bool put_chunk(const struct segment_record *record, const char *bytes, char *buffer, size_t buffer_bytes,
                      size_t *used_bytes) {
    struct log_chunk chunk = {
        .time_ns = record->time_ns, .length_bytes = record->length_bytes, .stream = record->stream};
    size_t needed_bytes = sizeof chunk + (size_t)padded(record->length_bytes);
    if (buffer_bytes - *used_bytes < needed_bytes)
        return false;
    memset(buffer + *used_bytes, 0, needed_bytes);
    memcpy(buffer + *used_bytes, &chunk, sizeof chunk);
    memcpy(buffer + *used_bytes + sizeof chunk, bytes, record->length_bytes);
    *used_bytes += needed_bytes;
    return true;
}

/* Stands for what is passed over: a record of the log service's own. */
static bool put_damage(uint64_t damaged_bytes, uint64_t time_ns, char *buffer, size_t buffer_bytes,
                       size_t *used_bytes) {
    char text[96];
    int length = snprintf(text, sizeof text, "%" PRIu64 " bytes of the log are damaged here\n", damaged_bytes);
    struct segment_record record = {.length_bytes = (uint32_t)length, .time_ns = time_ns, .stream = LOG_STREAM_LOG};
    return put_chunk(&record, text, buffer, buffer_bytes, used_bytes);
}

/* One page being filled. */
struct page {
    uint64_t since_ns;
    char *buffer;
    size_t buffer_bytes, *used_bytes;
    uint32_t *count;
};

/* From an offset to the end of a segment. False: the page is full, and the offset says where to go on. */
static bool read_view(struct view *view, uint64_t *offset_bytes, const struct page *page) {
    struct segment_record record;
    const char *bytes;
    uint64_t at = *offset_bytes;
    while ((bytes = next_record(view, &at, &record)) != NULL) {
        bool is_wanted = record.time_ns >= page->since_ns;
        if (is_wanted && at != *offset_bytes) {
            if (!put_damage(at - *offset_bytes, record.time_ns, page->buffer, page->buffer_bytes, page->used_bytes))
                return false;
            ++*page->count;
        }
        *offset_bytes = at;
        if (is_wanted) {
            if (!put_chunk(&record, bytes, page->buffer, page->buffer_bytes, page->used_bytes))
                return false;
            ++*page->count;
        }
        at += step_bytes(&record);
        *offset_bytes = at;
    }
    return true;
}

int segments_read(const struct segments *segments, struct segment_position *position, uint64_t since_ns, void *buffer,
                  size_t buffer_bytes, size_t *used_bytes, uint32_t *count, bool *is_end) {
    const struct page page = {since_ns, buffer, buffer_bytes, used_bytes, count};
    *used_bytes = 0;
    *count = 0;
    *is_end = false;
    if (position->segment < segments->first || position->segment > segments->last)
        *position = (struct segment_position){segments->first, 0};
    for (; position->segment <= segments->last; position->segment++, position->offset_bytes = 0) {
        struct view view;
        int status = view_open(segments, position->segment, &view);
        if (status < 0 && status != GROVE_NOT_FOUND)
            return status;
        bool is_done = read_view(&view, &position->offset_bytes, &page);
        view_close(&view);
        if (!is_done)
            return 0;
        if (position->segment == segments->last)
            break;
    }
    *is_end = true;
    return 0;
}

static uint32_t newlines(const char *bytes, uint32_t length_bytes) {
    uint32_t count = 0;
    for (const char *end = bytes + length_bytes; (bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL; bytes++)
        count++;
    return count;
}

static uint32_t count_lines(struct view *view) {
    struct segment_record record;
    const char *bytes;
    uint32_t lines = 0;
    for (uint64_t offset = 0; (bytes = next_record(view, &offset, &record)) != NULL; offset += step_bytes(&record))
        lines += newlines(bytes, record.length_bytes);
    return lines;
}

/* The record at or before the line that is `skip` lines after the segment's beginning. */
static uint64_t offset_after(struct view *view, uint32_t skip) {
    struct segment_record record;
    const char *bytes;
    uint64_t offset = 0;
    for (uint32_t lines = 0; (bytes = next_record(view, &offset, &record)) != NULL; offset += step_bytes(&record)) {
        lines += newlines(bytes, record.length_bytes);
        if (lines > skip)
            break;
    }
    return offset;
}

int segments_tail(const struct segments *segments, uint32_t lines, struct segment_position *position) {
    uint32_t wanted = lines + 1; /* one more: the first of them may have begun in the record before */
    *position = (struct segment_position){segments->first, 0};
    if (lines == 0 || lines == UINT32_MAX)
        return 0;
    for (uint32_t number = segments->last; number >= segments->first && number > 0; number--) {
        struct view view;
        int status = view_open(segments, number, &view);
        if (status == GROVE_NOT_FOUND)
            continue;
        if (status < 0)
            return status;
        uint32_t here = count_lines(&view);
        if (here >= wanted)
            *position = (struct segment_position){number, offset_after(&view, here - wanted)};
        view_close(&view);
        if (here >= wanted)
            return 0;
        wanted -= here;
    }
    return 0;
}
