/*
 * What is in the messages of the test: slices, then the number of the attempt, then bytes derived from it.
 */
#include "tests/channel/programs.h"

#include <string.h>

static uint8_t pattern_of(unsigned attempt) {
    return (uint8_t)(attempt * 37u + 1u);
}

size_t payload_bytes(unsigned slice_count, size_t body_bytes) {
    return slice_count * sizeof(struct grove_slice) + sizeof(uint64_t) + body_bytes;
}

void payload_fill(struct grove_record *record, unsigned attempt, const struct grove_slice *slices,
                  unsigned slice_count) {
    uint8_t *payload = (uint8_t *)(record + 1);
    uint8_t *limit = payload + record->length_bytes;
    uint64_t number = attempt;
    channel_stored(); /* killed with nothing but sizes in it */
    record->flags = slice_count != 0 ? GROVE_RECORD_SLICES : 0;
    record->slices = (uint16_t)slice_count;
    if (slice_count != 0)
        memcpy(payload, slices, slice_count * sizeof *slices);
    payload += slice_count * sizeof *slices;
    memcpy(payload, &number, sizeof number);
    channel_stored();
    payload += sizeof number;
    memset(payload, pattern_of(attempt), (size_t)(limit - payload));
    channel_stored();
}

unsigned payload_check(struct world *world, const struct channel_taken *taken) {
    const uint8_t *payload = taken->payload;
    const uint8_t *limit = payload + taken->header.length_bytes;
    uint64_t number;
    payload += taken->header.slices * sizeof(struct grove_slice);
    memcpy(&number, payload, sizeof number);
    payload += sizeof number;
    if (number >= world->attempt_count)
        world_fail(world, "a record that nobody sent");
    block_check(world, payload, (size_t)(limit - payload), pattern_of((unsigned)number));
    return (unsigned)number;
}

void block_fill(uint8_t *block, size_t length_bytes, unsigned attempt) {
    memset(block, pattern_of(attempt), length_bytes / 2u);
    channel_stored();
    memset(block + length_bytes / 2u, pattern_of(attempt), length_bytes - length_bytes / 2u);
    channel_stored();
}

void block_check(const struct world *world, const uint8_t *block, size_t length_bytes, uint8_t pattern) {
    for (size_t i = 0; i < length_bytes; i++)
        if (block[i] != pattern)
            world_fail(world, "bytes changed under their reader");
}

void slices_check(struct world *world, struct channel_end *end, const struct channel_taken *taken, unsigned attempt) {
    for (unsigned i = 0; i < taken->header.slices; i++) {
        const void *data;
        size_t length;
        if (channel_end_slice(end, taken, i, &data, &length) < 0)
            world_fail(world, "a good slice is refused");
        block_check(world, data, length, pattern_of(attempt));
    }
}
