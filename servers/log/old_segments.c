/*
 * Reading segments of the old format. See old_segments.h.
 *
 * A record that fails its check is damage if an intact one follows, and the torn tail if none does. Damage is passed over
 * and said to the reader. The search for what follows goes by the steps of 8 bytes at which records stand. It is bounded:
 * what a service wrote may look like the beginnings of many records, so only SEARCH_BYTES_MAX are checked.
 */
#include "servers/log/old_segments.h"

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

#include "grove/abi/status.h"
#include "servers/common/file_status.h"

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

static void file_name(char *text, size_t text_bytes, uint32_t number) {
    (void)snprintf(text, text_bytes, "%08" PRIu32 ".log", number);
}

/* ---- one segment, mapped for reading ---- */

struct view {
    const char *bytes;
    uint64_t size_bytes;
};

static int view_open(int folder, uint32_t number, struct view *view) {
    char name[32];
    struct stat facts;
    file_name(name, sizeof name, number);
    *view = (struct view){0};
    int descriptor = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return errno == ENOENT ? GROVE_NOT_FOUND : file_status(errno);
    int status = fstat(descriptor, &facts) < 0 ? file_status(errno) : 0;
    if (status == 0 && facts.st_size > 0) {
        uint64_t size_bytes =
            (uint64_t)facts.st_size < 2 * OLD_SEGMENT_BYTES ? (uint64_t)facts.st_size : 2 * OLD_SEGMENT_BYTES;
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
    return record->magic == OLD_SEGMENT_MAGIC && record->length_bytes <= OLD_SEGMENT_CHUNK_MAX &&
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
static const char *find_behind(const struct view *view, uint64_t *offset_bytes, struct segment_record *record) {
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
        if (checked_bytes > SEARCH_BYTES_MAX)
            return NULL;
        if ((bytes = check_record(view, at, record)) != NULL) {
            *offset_bytes = at;
            return bytes;
        }
    }
    return NULL;
}

/* The first intact record at or behind an offset, which moves to it. NULL: none, and the offset stays. */
static const char *next_record(const struct view *view, uint64_t *offset_bytes, struct segment_record *record) {
    const char *bytes = record_at(view, *offset_bytes, record);
    return bytes != NULL ? bytes : find_behind(view, offset_bytes, record);
}

/* ---- which there are ---- */

static void note(struct old_segments *old, const char *name) {
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    if (number == 0 || number >= UINT32_MAX || strcmp(end, ".log") != 0)
        return;
    if (old->first == 0 || number < old->first)
        old->first = (uint32_t)number;
    if (number > old->last)
        old->last = (uint32_t)number;
}

int old_segments_find(int folder, struct old_segments *old) {
    int descriptor = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = descriptor < 0 ? NULL : fdopendir(descriptor);
    const struct dirent *entry;
    *old = (struct old_segments){0};
    if (listing == NULL) {
        int status = file_status(errno);
        if (descriptor >= 0)
            (void)close(descriptor);
        return status;
    }
    while ((entry = readdir(listing)) != NULL)
        note(old, entry->d_name);
    (void)closedir(listing);
    /* A stray number far below the others would make every walk long. */
    if (old->last - old->first >= OLD_SEGMENTS_KEPT)
        old->first = old->last - OLD_SEGMENTS_KEPT + 1;
    return 0;
}

void old_segments_keep(int folder, struct old_segments *old, uint32_t count) {
    while (old->first != 0 && old->last - old->first >= count) {
        char name[32];
        file_name(name, sizeof name, old->first++);
        (void)unlinkat(folder, name, 0);
        if (old->first > old->last)
            *old = (struct old_segments){0};
    }
}

/* ---- read ---- */

static bool put_record(struct page *page, const struct segment_record *record, const char *bytes) {
    struct log_chunk chunk = {
        .time_ns = record->time_ns, .length_bytes = record->length_bytes, .stream = record->stream};
    return page_put(page, &chunk, bytes);
}

/* Stands for what is passed over. */
static bool put_damage(struct page *page, uint64_t damaged_bytes, uint64_t time_ns) {
    char text[96];
    (void)snprintf(text, sizeof text, "%" PRIu64 " bytes of the log are damaged here\n", damaged_bytes);
    return page_say(page, (struct order_stamp){.time_ns = time_ns}, text);
}

/* From an offset to the end of a segment. False: the page is full, and the offset says where to go on. */
static bool read_view(const struct view *view, uint64_t *offset_bytes, struct page *page) {
    struct segment_record record;
    const char *bytes;
    uint64_t at = *offset_bytes;
    while ((bytes = next_record(view, &at, &record)) != NULL) {
        bool is_wanted = record.time_ns >= page->since_ns;
        if (is_wanted && at != *offset_bytes && !put_damage(page, at - *offset_bytes, record.time_ns))
            return false;
        *offset_bytes = at;
        if (is_wanted && !put_record(page, &record, bytes))
            return false;
        at += step_bytes(&record);
        *offset_bytes = at;
    }
    return true;
}

int old_segments_read(int folder, const struct old_segments *old, struct old_position *position, struct page *page,
                      bool *is_end) {
    *is_end = false;
    if (position->segment < old->first)
        *position = (struct old_position){old->first, 0};
    for (; position->segment != 0 && position->segment <= old->last;
         *position = (struct old_position){position->segment + 1, 0}) {
        struct view view;
        int status = view_open(folder, position->segment, &view);
        if (status < 0 && status != GROVE_NOT_FOUND)
            return status;
        bool is_done = read_view(&view, &position->offset_bytes, page);
        view_close(&view);
        if (!is_done)
            return 0;
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

static uint32_t count_lines(const struct view *view) {
    struct segment_record record;
    const char *bytes;
    uint32_t lines = 0;
    for (uint64_t offset = 0; (bytes = next_record(view, &offset, &record)) != NULL; offset += step_bytes(&record))
        lines += newlines(bytes, record.length_bytes);
    return lines;
}

/* The record at or before the line that is `skip` lines after the segment's beginning. */
static uint64_t offset_after(const struct view *view, uint32_t skip) {
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

int old_segments_tail(int folder, const struct old_segments *old, uint32_t *lines, struct old_position *position) {
    *position = (struct old_position){old->first, 0};
    for (uint32_t number = old->last; number >= old->first && number > 0 && *lines > 0; number--) {
        struct view view;
        int status = view_open(folder, number, &view);
        if (status == GROVE_NOT_FOUND)
            continue;
        if (status < 0)
            return status;
        uint32_t here = count_lines(&view);
        if (here >= *lines)
            *position = (struct old_position){number, offset_after(&view, here - *lines)};
        *lines -= here < *lines ? here : *lines;
        view_close(&view);
    }
    return 0;
}
