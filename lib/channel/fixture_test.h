/*
 * Two connected ends over plain memory, for the unit tests of this folder.
 */
#ifndef GROVE_CHANNEL_FIXTURE_TEST_H
#define GROVE_CHANNEL_FIXTURE_TEST_H

#include "lib/channel/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEST_LANE_BYTES 4096u
#define TEST_ARENA_GRANULES 8u

enum { CLIENT, SERVER, SIDES };

struct pair {
    struct grove_channel_layout layout;
    uint8_t *segment[SIDES];
    struct channel_end end[SIDES];
};

static inline struct grove_channel_layout test_layout(uint64_t arena_granules) {
    struct grove_channel_layout layout = {.lane_bytes = {TEST_LANE_BYTES, TEST_LANE_BYTES, TEST_LANE_BYTES}};
    uint64_t offset = (uint64_t)GROVE_SEGMENT_PAGE * (1u + GROVE_LANES);
    for (unsigned lane = 0; lane < GROVE_LANES; lane++, offset += TEST_LANE_BYTES)
        layout.lane_offset_bytes[lane] = offset;
    layout.arena_offset_bytes = offset;
    layout.arena_bytes = arena_granules * GROVE_ARENA_GRANULE;
    layout.total_bytes = offset + layout.arena_bytes;
    return layout;
}

static inline struct grove_control *control_of(struct pair *pair, int side) {
    return (struct grove_control *)(void *)pair->segment[side];
}

/* A segment that the address sanitizer guards at both ends. */
static inline uint8_t *segment_create(const struct grove_channel_layout *layout) {
    uint8_t *segment = aligned_alloc(GROVE_SEGMENT_PAGE, layout->total_bytes);
    assert_non_null(segment);
    memset(segment, 0, layout->total_bytes);
    return segment;
}

static inline struct pair *pair_create(void) {
    struct pair *pair = calloc(1, sizeof *pair);
    assert_non_null(pair);
    pair->layout = test_layout(TEST_ARENA_GRANULES);
    for (int side = 0; side < SIDES; side++) {
        pair->segment[side] = segment_create(&pair->layout);
        assert_int_equal(channel_end_init(&pair->end[side], (enum grove_channel_role)side, &pair->layout,
                                          pair->segment[side], false),
                         0);
    }
    assert_int_equal(channel_end_attach_peer(&pair->end[CLIENT], pair->segment[SERVER]), 0);
    assert_int_equal(channel_end_attach_peer(&pair->end[SERVER], pair->segment[CLIENT]), 0);
    return pair;
}

static inline void pair_destroy(struct pair *pair) {
    for (int side = 0; side < SIDES; side++) {
        channel_end_deinit(&pair->end[side]);
        free(pair->segment[side]);
    }
    free(pair);
}

/* A side dies and its next instance takes over, as the kernel does it: a copy of the segment, shown to the peer. */
static inline int pair_hand_over(struct pair *pair, int side) {
    uint8_t *copy = segment_create(&pair->layout);
    memcpy(copy, pair->segment[side], pair->layout.total_bytes);
    channel_end_deinit(&pair->end[side]);
    free(pair->segment[side]);
    pair->segment[side] = copy;
    int status =
        channel_end_init(&pair->end[side], (enum grove_channel_role)side, &pair->layout, pair->segment[side], true);
    if (status == 0)
        status = channel_end_attach_peer(&pair->end[side], pair->segment[!side]);
    if (status == 0)
        status = channel_end_attach_peer(&pair->end[!side], pair->segment[side]);
    return status;
}

/* Fill in and publish a record with this payload size, each byte of it derived from the number. */
static inline int send_kind(struct channel_end *end, enum grove_lane lane, uint8_t kind, uint64_t number,
                            size_t payload_bytes) {
    struct grove_record *record;
    int status = channel_end_reserve(end, lane, payload_bytes, &record);
    if (status < 0)
        return status;
    record->number = number;
    record->kind = kind;
    record->flags = 0;
    record->slices = 0;
    memset(record + 1, (int)(number & 0xff), payload_bytes);
    enum grove_waiting waiting;
    channel_end_publish(end, lane, &waiting);
    return 0;
}

static inline int send_message(struct channel_end *end, enum grove_lane lane, uint64_t number, size_t payload_bytes) {
    return send_kind(end, lane, GROVE_RECORD_MESSAGE, number, payload_bytes);
}

/* Publish a record that carries one slice. */
static inline void send_slice(struct channel_end *end, enum grove_lane lane, uint8_t kind, uint64_t number,
                              uint64_t offset_bytes, uint64_t length_bytes, enum grove_slice_space space) {
    struct grove_record *record;
    assert_int_equal(channel_end_reserve(end, lane, sizeof(struct grove_slice), &record), 0);
    record->number = number;
    record->kind = kind;
    record->flags = GROVE_RECORD_SLICES;
    record->slices = 1;
    *(struct grove_slice *)(void *)(record + 1) =
        (struct grove_slice){.offset_bytes = offset_bytes, .length_bytes = length_bytes, .space = space};
    enum grove_waiting waiting;
    channel_end_publish(end, lane, &waiting);
}

static inline void take_expect(struct channel_end *end, enum grove_lane lane, uint64_t number, size_t payload_bytes,
                               struct channel_taken *taken) {
    assert_int_equal(channel_end_take(end, lane, taken), 0);
    assert_int_equal(taken->header.number, number);
    assert_int_equal(taken->header.length_bytes, payload_bytes);
    for (size_t i = 0; i < payload_bytes; i++)
        assert_int_equal(((const uint8_t *)taken->payload)[i], number & 0xff);
}

static inline void complete(struct channel_end *end, const struct channel_taken *taken) {
    enum grove_waiting waiting;
    channel_end_complete(end, taken, &waiting);
}

#endif
