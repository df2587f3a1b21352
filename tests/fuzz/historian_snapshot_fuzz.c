/*
 * Fuzz target: a snapshot of the historian's numbering. What is none changes nothing; what is one is written as it was read,
 * and readings can be taken on top of it.
 */
#include "examples/grid/historian/snapshot.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static struct snapshot_feeder table[GRID_FEEDERS_MAX];
    static unsigned char bytes[SNAPSHOT_BYTES_MAX];
    struct reading reading = {.epoch = 3, .sequence = 7, .feeder = 9};
    memset(table, 0, sizeof table);
    if (!snapshot_decode(table, data, size_bytes)) {
        expect(table[0].feeder == 0);
        return 0;
    }
    expect(snapshot_encode(table, bytes) == size_bytes);
    expect(memcmp(bytes, data, size_bytes) == 0);
    if (snapshot_take(table, &reading))
        expect(!snapshot_take(table, &reading));
    return 0;
}
