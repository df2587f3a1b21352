/* Reading back what is on disk, a bounded piece at a time; see store_range in store.h. */
#include "examples/grid/historian/store_internal.h"

#include "grove/abi/status.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORDS_AT_ONCE 512u
#define RECORDS_LOOKED_AT_MAX 65536u
#define DISORDER_NS 2000000000u /* readings are stored in the order of their arrival, which is nearly that of time */

struct scan {
    const struct store *store;
    uint64_t feeder, from_ns, to_ns;
    struct reading *readings;
    unsigned count, capacity;
    unsigned looked_at;
    uint64_t last_wall_ns;
    bool is_past; /* a reading after the range was seen */
};

static bool scan_is_over(const struct scan *scan) {
    return scan->is_past || scan->count == scan->capacity || scan->looked_at >= RECORDS_LOOKED_AT_MAX;
}

static void scan_record(struct scan *scan, const struct segment_record *record) {
    scan->looked_at++;
    if (!segment_record_is_whole(record))
        return;
    scan->last_wall_ns = record->reading.wall_ns;
    if (record->reading.wall_ns > scan->to_ns)
        scan->is_past = true;
    else if (record->reading.feeder == scan->feeder && record->reading.wall_ns >= scan->from_ns)
        scan->readings[scan->count++] = record->reading;
}

/* Offset of the first record that can lie in the range, by halving: records have one size and times that grow. */
static uint64_t first_offset(const struct scan *scan, int descriptor, uint64_t end) {
    uint64_t low = 0, high = (end - SEGMENT_HEADER_BYTES) / sizeof(struct segment_record);
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct segment_record record;
        off_t offset = (off_t)(SEGMENT_HEADER_BYTES + middle * sizeof record);
        if (pread(descriptor, &record, sizeof record, offset) != (ssize_t)sizeof record)
            return SEGMENT_HEADER_BYTES;
        if (segment_record_is_whole(&record) && record.reading.wall_ns + DISORDER_NS < scan->from_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return SEGMENT_HEADER_BYTES + low * sizeof(struct segment_record);
}

/* Where the committed part of a segment ends. */
static uint64_t segment_end(const struct store *store, unsigned index, int descriptor) {
    struct stat stat;
    if (index + 1 == store->segment_count)
        return store->offset;
    if (store->segment[index].end_bytes >= SEGMENT_HEADER_BYTES)
        return store->segment[index].end_bytes;
    return fstat(descriptor, &stat) < 0 || stat.st_size < (off_t)SEGMENT_HEADER_BYTES ? SEGMENT_HEADER_BYTES
                                                                                      : (uint64_t)stat.st_size;
}

static void scan_segment(struct scan *scan, unsigned index) {
    static struct segment_record records[RECORDS_AT_ONCE];
    char name[STORE_NAME_BYTES];
    store_segment_name(scan->store->segment[index].number, name);
    int descriptor = openat(scan->store->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return; /* somebody moved it away: what is in it is not here */
    uint64_t end = segment_end(scan->store, index, descriptor);
    uint64_t offset = first_offset(scan, descriptor, end);
    while (!scan_is_over(scan) && offset + sizeof records[0] <= end) {
        uint64_t wanted = end - offset < sizeof records ? end - offset : sizeof records;
        ssize_t got = pread(descriptor, records, (size_t)wanted, (off_t)offset);
        unsigned whole = got <= 0 ? 0 : (unsigned)((size_t)got / sizeof records[0]);
        if (whole == 0)
            break;
        for (unsigned i = 0; i < whole && !scan_is_over(scan); i++)
            scan_record(scan, &records[i]);
        offset += whole * sizeof records[0];
    }
    close(descriptor);
}

/* The last segment that began before the range did. */
static unsigned first_segment(const struct store *store, uint64_t from_ns) {
    unsigned first = 0;
    for (unsigned i = 0; i < store->segment_count; i++)
        if (store->segment[i].created_wall_ns != 0 && store->segment[i].created_wall_ns <= from_ns)
            first = i;
    return first;
}

int store_range(const struct store *store, uint64_t feeder, uint64_t from_ns, uint64_t to_ns, struct reading *readings,
                unsigned *count, uint64_t *next_ns) {
    struct scan scan = {
        .store = store, .feeder = feeder, .from_ns = from_ns, .to_ns = to_ns, .readings = readings, .capacity = *count};
    if (scan.capacity == 0 || from_ns > to_ns)
        return GROVE_INVALID;
    for (unsigned i = first_segment(store, from_ns); i < store->segment_count && !scan_is_over(&scan); i++)
        scan_segment(&scan, i);
    bool has_more = scan_is_over(&scan) && !scan.is_past;
    *count = scan.count;
    *next_ns = has_more ? scan.last_wall_ns + 1 : 0;
    return 0;
}
