/*
 * Fuzz target: the historian's segment file. A header of any bytes is judged, and any records behind it give an extent
 * that lies inside the file and ends in a whole record.
 *
 * The first 8 bytes of the input are the first batch. In a second pass the checks are put right, so that numbers of
 * batches and positions beyond them are tried as well.
 */
#include "examples/grid/historian/segment.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

static void try_header(const uint8_t *data, size_t size_bytes) {
    static struct segment_header header;
    memset(&header, 0, sizeof header);
    memcpy(&header, data, size_bytes < sizeof header ? size_bytes : sizeof header);
    (void)segment_header_check(&header);
    segment_header_seal(&header);
    (void)segment_header_check(&header);
}

static void try_records(const struct segment_record *records, uint64_t count, uint64_t first_batch) {
    struct segment_extent extent = segment_extent(records, count, first_batch);
    expect(extent.records <= count && extent.damaged <= extent.records);
    expect(extent.records == 0 || segment_record_is_whole(&records[extent.records - 1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    uint64_t first_batch;
    if (size_bytes < sizeof first_batch)
        return 0;
    memcpy(&first_batch, data, sizeof first_batch);
    data += sizeof first_batch;
    size_bytes -= sizeof first_batch;
    try_header(data, size_bytes);
    uint64_t count = size_bytes / sizeof(struct segment_record);
    /* A block of just that size, so that a read past its end is seen. */
    struct segment_record *records = calloc(count + (count == 0), sizeof *records);
    if (records == NULL)
        return 0;
    memcpy(records, data, count * sizeof *records);
    try_records(records, count, first_batch);
    for (uint64_t i = 0; i < count; i++)
        if (records[i].position % 3 != 0)
            segment_record_seal(&records[i]);
    try_records(records, count, first_batch);
    free(records);
    return 0;
}
