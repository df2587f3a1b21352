/* Reading back what is on disk, a bounded piece at a time; see store_range in store.h. */
#include "examples/grid/historian/store_internal.h"

#include <string.h>

#define RECORDS_LOOKED_AT_MAX 65536u
#define DISORDER_NS 2000000000u /* readings are stored in the order of their arrival, which is nearly that of time */

struct scan {
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

/* Returns whether to go on. */
static bool scan_reading(const struct reading *reading, void *context) {
    struct scan *scan = context;
    scan->looked_at++;
    scan->last_wall_ns = reading->wall_ns;
    if (reading->wall_ns > scan->to_ns)
        scan->is_past = true;
    else if (reading->feeder == scan->feeder && reading->wall_ns >= scan->from_ns)
        scan->readings[scan->count++] = *reading;
    return !scan_is_over(scan);
}

static int scan_journal(const struct store *store, struct scan *scan) {
    struct grove_journal_reader *reader = NULL;
    struct grove_journal_item item;
    struct reading reading;
    bool goes_on = true;
    int status = grove_journal_reader_create(store->journal, &reader);
    if (status < 0)
        return status;
    if (scan->from_ns > DISORDER_NS)
        (void)grove_journal_reader_seek_time(reader, scan->from_ns - DISORDER_NS);
    while (goes_on && ((status = grove_journal_reader_next(reader, &item)) == 0 || status == GROVE_IO)) {
        if (status == GROVE_IO) {
            grove_journal_reader_pass(reader);
            continue;
        }
        if (item.gap != GROVE_JOURNAL_NO_GAP || item.kind != STORE_READING || item.length_bytes != sizeof reading)
            continue;
        memcpy(&reading, item.data, sizeof reading);
        goes_on = scan_reading(&reading, scan);
    }
    grove_journal_reader_destroy(reader);
    return status == GROVE_AGAIN ? 0 : status;
}

int store_range(const struct store *store, uint64_t feeder, uint64_t from_ns, uint64_t to_ns, struct reading *readings,
                unsigned *count, uint64_t *next_ns) {
    struct scan scan = {.feeder = feeder, .from_ns = from_ns, .to_ns = to_ns, .readings = readings, .capacity = *count};
    if (scan.capacity == 0 || from_ns > to_ns)
        return GROVE_INVALID;
    int status = 0;
    if (old_segments_each(&store->old, from_ns, scan_reading, &scan))
        status = scan_journal(store, &scan);
    if (status < 0)
        return status;
    bool has_more = scan_is_over(&scan) && !scan.is_past;
    *count = scan.count;
    *next_ns = has_more ? scan.last_wall_ns + 1 : 0;
    return 0;
}
