/*
 * Fuzz target: the table of streams as the bus finds it on disk. What is taken for good has names that are those of folders,
 * patterns that are apart, and is written again as it was read. The check is made right first, so that the rest is reached.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/journal/crc32c.h"
#include "servers/bus/stream_table.h"

#define CHECK_OFFSET 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

static void expect_apart(const struct stream_table *table) {
    for (unsigned at = 0; at < table->count; at++) {
        expect(stream_name_is_valid(table->entries[at].name));
        expect(grove_pattern_check(table->entries[at].pattern) == 0);
        for (unsigned other = 1; at > 0 && other < at; other++)
            expect(!grove_patterns_overlap(table->entries[at].pattern, table->entries[other].pattern));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static uint8_t bytes[STREAM_TABLE_BYTES_MAX + 64], again[STREAM_TABLE_BYTES_MAX];
    struct stream_table table, second;
    if (size_bytes > sizeof bytes)
        return 0;
    memcpy(bytes, data, size_bytes);
    if (size_bytes >= STREAM_TABLE_HEAD_BYTES) {
        uint32_t check = crc32c(0, bytes + STREAM_TABLE_HEAD_BYTES, size_bytes - STREAM_TABLE_HEAD_BYTES);
        memcpy(bytes + CHECK_OFFSET, &check, sizeof check);
    }
    if (stream_table_read(bytes, size_bytes, &table) < 0)
        return 0;
    expect_apart(&table);
    size_t length_bytes = stream_table_write(&table, again);
    expect(length_bytes == size_bytes && stream_table_read(again, length_bytes, &second) == 0);
    expect(memcmp(table.entries, second.entries, table.count * sizeof table.entries[0]) == 0);
    return 0;
}
