/* Segment files in memory; see segment.h for the layout and the crash argument. */
#include "examples/grid/historian/segment.h"

#include "examples/grid/historian/checksum.h"
#include "grove/abi/status.h"

#include <string.h>

static const char magic[8] = {'G', 'R', 'V', 'H', 'I', 'S', 'T', '1'};

void segment_header_seal(struct segment_header *header) {
    memcpy(header->magic, magic, sizeof magic);
    header->version = SEGMENT_VERSION;
    header->header_bytes = SEGMENT_HEADER_BYTES;
    header->record_bytes = sizeof(struct segment_record);
    header->feeders = GRID_FEEDERS_MAX;
    header->check = checksum(header, offsetof(struct segment_header, check));
}

int segment_header_check(const struct segment_header *header) {
    if (memcmp(header->magic, magic, sizeof magic) != 0 ||
        header->check != checksum(header, offsetof(struct segment_header, check)))
        return GROVE_CORRUPT;
    bool is_known = header->version == SEGMENT_VERSION && header->header_bytes == SEGMENT_HEADER_BYTES &&
                    header->record_bytes == sizeof(struct segment_record) && header->feeders == GRID_FEEDERS_MAX;
    return is_known ? 0 : GROVE_VERSION;
}

static uint32_t record_checksum(const struct segment_record *record) {
    return checksum((const unsigned char *)record + sizeof record->check, sizeof *record - sizeof record->check);
}

void segment_record_seal(struct segment_record *record) {
    record->check = record_checksum(record);
}

bool segment_record_is_whole(const struct segment_record *record) {
    return record->check == record_checksum(record);
}

/* The last whole record's batch from `from` on; 0 if there is none. Batches only grow, so this is the largest. */
static uint64_t largest_batch_after(const struct segment_record *records, uint64_t from, uint64_t count) {
    for (uint64_t i = count; i > from; i--)
        if (segment_record_is_whole(&records[i - 1]))
            return records[i - 1].batch;
    return 0;
}

/* The batch that the record after `before` belongs to; numbers do not wrap. */
static uint64_t batch_after(const struct segment_record *before) {
    return before->position + 1u < before->count ? before->batch : before->batch + (before->batch < UINT64_MAX);
}

struct segment_extent segment_extent(const struct segment_record *records, uint64_t count, uint64_t first_batch) {
    struct segment_extent extent = {.last_batch = first_batch - 1};
    const struct segment_record *whole = NULL; /* the last one seen */
    uint64_t largest = 0;
    bool looked = false;
    for (uint64_t i = 0; i < count; i++) {
        if (segment_record_is_whole(&records[i])) {
            whole = &records[i];
            extent.last_batch = whole->batch;
            extent.is_half = whole->position + 1u < whole->count;
            extent.records = i + 1;
            continue;
        }
        if (!looked)
            largest = largest_batch_after(records, i, count);
        looked = true;
        /* Several damaged ones in a row may have crossed into later batches; this is the earliest it can be, and if a
         * later batch than that exists, it had been acknowledged. */
        if (largest <= (whole == NULL ? first_batch : batch_after(whole)))
            return extent;
        extent.records = i + 1;
        extent.damaged++;
    }
    return extent;
}
