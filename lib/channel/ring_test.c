/*
 * The geometry of a lane: each way a record can lie in it, and each way a position can be wrong.
 */
#include "lib/channel/fixture_test.h"

#define HALF_PAYLOAD (TEST_LANE_BYTES / 2u - sizeof(struct grove_record))

static void empty_lane_has_nothing(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    for (int lane = 0; lane < (int)GROVE_LANES; lane++)
        assert_int_equal(channel_end_take(&pair->end[SERVER], (enum grove_lane)lane, &taken), GROVE_AGAIN);
    pair_destroy(pair);
}

static void lanes_are_independent_and_both_ways(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    for (int side = 0; side < SIDES; side++)
        for (int lane = 0; lane < (int)GROVE_LANES; lane++)
            assert_int_equal(
                send_message(&pair->end[side], (enum grove_lane)lane, (uint64_t)side * 8 + (uint64_t)lane, 20), 0);
    for (int side = 0; side < SIDES; side++)
        for (int lane = (int)GROVE_LANES - 1; lane >= 0; lane--) {
            take_expect(&pair->end[!side], (enum grove_lane)lane, (uint64_t)side * 8 + (uint64_t)lane, 20, &taken);
            complete(&pair->end[!side], &taken);
        }
    pair_destroy(pair);
}

static void full_lane_refuses_until_completed(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken first, second;
    uint64_t bytes;
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_LOW, 1, HALF_PAYLOAD), 0);
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_LOW, 2, HALF_PAYLOAD), 0); /* exact fit */
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_LOW, 3, 0), GROVE_AGAIN);
    take_expect(&pair->end[SERVER], GROVE_LANE_LOW, 1, HALF_PAYLOAD, &first);
    take_expect(&pair->end[SERVER], GROVE_LANE_LOW, 2, HALF_PAYLOAD, &second);
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_LOW, 3, 0), GROVE_AGAIN); /* taken is not completed */
    assert_int_equal(channel_end_pending(&pair->end[CLIENT], GROVE_LANE_LOW, &bytes), 0);
    assert_int_equal(bytes, TEST_LANE_BYTES);
    complete(&pair->end[SERVER], &first);
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_LOW, 3, HALF_PAYLOAD), 0);
    complete(&pair->end[SERVER], &second);
    assert_int_equal(channel_end_pending(&pair->end[CLIENT], GROVE_LANE_LOW, &bytes), 0);
    assert_int_equal(bytes, TEST_LANE_BYTES / 2u);
    pair_destroy(pair);
}

static void largest_record_fits_and_larger_is_refused(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct grove_record *record;
    assert_int_equal(channel_end_reserve(&pair->end[CLIENT], GROVE_LANE_HIGH, HALF_PAYLOAD + 1u, &record),
                     GROVE_TOO_LARGE);
    assert_int_equal(channel_end_reserve(&pair->end[CLIENT], GROVE_LANE_HIGH, SIZE_MAX, &record), GROVE_TOO_LARGE);
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, 1, HALF_PAYLOAD), 0);
    pair_destroy(pair);
}

/* Move the lane to every place, with every size: wraps, pads, remainders too short for a header. */
static void every_place_and_size_wraps(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    uint64_t number = 1;
    for (size_t step = 0; step < 600; step++) {
        size_t sizes[3] = {(step * 16u) % HALF_PAYLOAD, step % 97u, (step * 331u) % HALF_PAYLOAD};
        for (int i = 0; i < 3; i++, number++) {
            assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_MEDIUM, number, sizes[i]), 0);
            take_expect(&pair->end[SERVER], GROVE_LANE_MEDIUM, number, sizes[i], &taken);
            assert_int_equal((uintptr_t)taken.payload % GROVE_RECORD_ALIGN, 0);
            complete(&pair->end[SERVER], &taken);
        }
    }
    pair_destroy(pair);
}

static void remainder_without_room_for_a_header_is_skipped(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    /* 2048 + 2032 leaves 16 bytes. */
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, 1, HALF_PAYLOAD), 0);
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, 2, HALF_PAYLOAD - 16u), 0);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 1, HALF_PAYLOAD, &taken);
    complete(&pair->end[SERVER], &taken);
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, 3, 8), 0);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 2, HALF_PAYLOAD - 16u, &taken);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 3, 8, &taken);
    assert_ptr_equal(taken.record, pair->segment[CLIENT] + pair->layout.lane_offset_bytes[GROVE_LANE_HIGH]);
    pair_destroy(pair);
}

static void reservation_is_invisible_until_published(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct grove_record *record, *again;
    struct channel_taken taken;
    assert_int_equal(channel_end_reserve(&pair->end[CLIENT], GROVE_LANE_HIGH, 64, &record), 0);
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_HIGH, &taken), GROVE_AGAIN);
    /* A reservation given up is simply made again. */
    assert_int_equal(channel_end_reserve(&pair->end[CLIENT], GROVE_LANE_HIGH, 8, &again), 0);
    assert_ptr_equal(record, again);
    enum grove_waiting waiting;
    *again = (struct grove_record){.kind = GROVE_RECORD_MESSAGE, .number = 5};
    assert_false(channel_end_publish(&pair->end[CLIENT], GROVE_LANE_HIGH, &waiting));
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_HIGH, &taken), 0);
    assert_int_equal(taken.header.length_bytes, 8);
    pair_destroy(pair);
}

static void completion_in_any_order_moves_over_the_prefix(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken[4];
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, i, 16), 0);
    for (uint64_t i = 0; i < 4; i++)
        take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, i, 16, &taken[i]);
    const uint64_t *read = &control_of(pair, SERVER)->in[GROVE_LANE_HIGH].read_position;
    complete(&pair->end[SERVER], &taken[2]);
    assert_int_equal(*read, 0);
    complete(&pair->end[SERVER], &taken[0]);
    assert_int_equal(*read, taken[0].end_position);
    complete(&pair->end[SERVER], &taken[0]); /* a second time counts for nothing */
    assert_int_equal(*read, taken[0].end_position);
    complete(&pair->end[SERVER], &taken[1]);
    assert_int_equal(*read, taken[2].end_position);
    complete(&pair->end[SERVER], &taken[3]);
    assert_int_equal(*read, taken[3].end_position);
    pair_destroy(pair);
}

static void at_most_a_window_of_records_is_taken(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken, first;
    uint64_t sent = 0, count = 0;
    /* A lane of 4096 bytes holds 128 empty records, so the window cannot fill: completed ones behind the first count. */
    while (count < GROVE_REPLY_MARKS) {
        while (sent < GROVE_REPLY_MARKS + 1u && send_message(&pair->end[CLIENT], GROVE_LANE_LOW, sent, 0) == 0)
            sent++;
        if (channel_end_take(&pair->end[SERVER], GROVE_LANE_LOW, count == 0 ? &first : &taken) < 0)
            break;
        count++;
    }
    assert_int_equal(count, TEST_LANE_BYTES / sizeof(struct grove_record));
    complete(&pair->end[SERVER], &first);
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_LOW, sent, 0), 0);
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_LOW, &taken), 0);
    pair_destroy(pair);
}

static void window_in_a_larger_lane_is_bounded(void **state) {
    (void)state;
    struct grove_channel_layout layout = test_layout(0);
    layout.lane_bytes[GROVE_LANE_LOW] = UINT64_C(4) * TEST_LANE_BYTES;
    layout.total_bytes = layout.arena_offset_bytes += UINT64_C(3) * TEST_LANE_BYTES;
    uint8_t *own = segment_create(&layout), *peer = segment_create(&layout);
    struct channel_end *end = calloc(2, sizeof *end);
    assert_int_equal(channel_end_init(&end[0], GROVE_ROLE_CLIENT, &layout, own, false), 0);
    assert_int_equal(channel_end_init(&end[1], GROVE_ROLE_SERVER, &layout, peer, false), 0);
    assert_int_equal(channel_end_attach_peer(&end[0], peer), 0);
    assert_int_equal(channel_end_attach_peer(&end[1], own), 0);
    struct channel_taken taken[GROVE_REPLY_MARKS + 1];
    for (uint64_t i = 0; i < GROVE_REPLY_MARKS + 1u; i++)
        assert_int_equal(send_message(&end[0], GROVE_LANE_LOW, i, 0), 0);
    for (unsigned i = 0; i < GROVE_REPLY_MARKS; i++)
        assert_int_equal(channel_end_take(&end[1], GROVE_LANE_LOW, &taken[i]), 0);
    assert_int_equal(channel_end_take(&end[1], GROVE_LANE_LOW, &taken[GROVE_REPLY_MARKS]), GROVE_AGAIN);
    uint32_t signal;
    assert_true(
        channel_end_prepare_sleep(&end[1], GROVE_WAITING_FUTEX, CHANNEL_FOR_RECORDS, &signal)); /* or it would spin */
    channel_end_awake(&end[1]);
    complete(&end[1], &taken[0]);
    assert_int_equal(channel_end_take(&end[1], GROVE_LANE_LOW, &taken[GROVE_REPLY_MARKS]), 0);
    channel_end_deinit(&end[0]);
    channel_end_deinit(&end[1]);
    free(end);
    free(own);
    free(peer);
}

/* ---- a peer that breaks the rules ---- */

static void expect_corrupt_take(struct pair *pair) {
    struct channel_taken taken;
    struct grove_record *record;
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_HIGH, &taken), GROVE_CORRUPT);
    /* And for good. */
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_LOW, &taken), GROVE_CORRUPT);
    assert_int_equal(channel_end_reserve(&pair->end[SERVER], GROVE_LANE_LOW, 0, &record), GROVE_CORRUPT);
    pair_destroy(pair);
}

static void write_positions_are_checked(void **state) {
    (void)state;
    static const uint64_t wrong[] = {TEST_LANE_BYTES + 16u, 8, UINT64_MAX, UINT64_MAX - 15u, UINT64_C(1) << 63};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct pair *pair = pair_create();
        control_of(pair, CLIENT)->out[GROVE_LANE_HIGH].write_position = wrong[i];
        expect_corrupt_take(pair);
    }
    struct pair *pair = pair_create();
    struct channel_taken taken;
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, 1, 16), 0);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 1, 16, &taken);
    control_of(pair, CLIENT)->out[GROVE_LANE_HIGH].write_position = 0; /* backwards */
    expect_corrupt_take(pair);
}

static void read_positions_are_checked(void **state) {
    (void)state;
    static const uint64_t wrong[] = {TEST_LANE_BYTES, 8, UINT64_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct pair *pair = pair_create();
        uint64_t bytes;
        assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, 1, 16), 0);
        control_of(pair, SERVER)->in[GROVE_LANE_HIGH].read_position = wrong[i];
        assert_int_equal(channel_end_pending(&pair->end[CLIENT], GROVE_LANE_HIGH, &bytes), GROVE_CORRUPT);
        assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_LOW, 1, 16), GROVE_CORRUPT);
        pair_destroy(pair);
    }
}

static void headers_are_checked(void **state) {
    (void)state;
    static const struct grove_record wrong[] = {
        {.size_bytes = 0, .kind = GROVE_RECORD_MESSAGE},
        {.size_bytes = 16, .kind = GROVE_RECORD_MESSAGE},
        {.size_bytes = 40, .kind = GROVE_RECORD_MESSAGE},
        {.size_bytes = 96, .kind = GROVE_RECORD_MESSAGE}, /* past the write position */
        {.size_bytes = UINT32_MAX - 15u, .kind = GROVE_RECORD_MESSAGE},
        {.size_bytes = 80, .length_bytes = 49, .kind = GROVE_RECORD_MESSAGE},
        {.size_bytes = 80, .length_bytes = UINT32_MAX, .kind = GROVE_RECORD_MESSAGE},
        {.size_bytes = 80, .kind = 0},
        {.size_bytes = 80, .kind = GROVE_RECORD_CANCEL + 1},
        {.size_bytes = 80, .kind = GROVE_RECORD_MESSAGE, .flags = 0x80},
        {.size_bytes = 80, .kind = GROVE_RECORD_MESSAGE, .slices = 1},
        {.size_bytes = 80, .kind = GROVE_RECORD_MESSAGE, .flags = GROVE_RECORD_SLICES},
        {.size_bytes = 80, .length_bytes = 47, .kind = GROVE_RECORD_MESSAGE, .flags = GROVE_RECORD_SLICES, .slices = 2},
        {.size_bytes = 80, .kind = GROVE_RECORD_PAD}, /* not up to the end of the lane */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct pair *pair = pair_create();
        assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, 1, 48), 0);
        memcpy(pair->segment[CLIENT] + pair->layout.lane_offset_bytes[GROVE_LANE_HIGH], &wrong[i], sizeof wrong[i]);
        expect_corrupt_take(pair);
    }
}

static void pad_chains_end(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    uint8_t *lane = pair->segment[CLIENT] + pair->layout.lane_offset_bytes[GROVE_LANE_HIGH];
    *(struct grove_record *)(void *)lane =
        (struct grove_record){.size_bytes = TEST_LANE_BYTES, .kind = GROVE_RECORD_PAD};
    control_of(pair, CLIENT)->out[GROVE_LANE_HIGH].write_position = TEST_LANE_BYTES;
    expect_corrupt_take(pair);
}

static void header_is_copied_once(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, 7, 48), 0);
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_HIGH, &taken), 0);
    memset(pair->segment[CLIENT] + pair->layout.lane_offset_bytes[GROVE_LANE_HIGH], 0xff, 80);
    assert_int_equal(taken.header.number, 7);
    assert_int_equal(taken.header.length_bytes, 48);
    complete(&pair->end[SERVER], &taken);
    assert_int_equal(control_of(pair, SERVER)->in[GROVE_LANE_HIGH].read_position, 80);
    pair_destroy(pair);
}

/* Behind the payload, where whoever does not look for it sees padding; in a lane that is filled and emptied in turn. */
static void a_record_carries_its_trace(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    const struct grove_trace_context sent = {.trace = 7, .span = UINT64_MAX};
    struct grove_trace_context seen = {0};
    struct channel_taken taken;
    struct grove_record *record;
    enum grove_waiting waiting;
    assert_int_equal(channel_end_reserve_traced(&pair->end[CLIENT], GROVE_LANE_LOW, HALF_PAYLOAD, &sent, &record),
                     GROVE_TOO_LARGE);
    assert_int_equal(channel_end_reserve_traced(&pair->end[CLIENT], GROVE_LANE_LOW, SIZE_MAX, &sent, &record),
                     GROVE_TOO_LARGE);
    for (size_t bytes = 0; bytes < 100; bytes++) {
        assert_int_equal(channel_end_reserve_traced(&pair->end[CLIENT], GROVE_LANE_HIGH, bytes, &sent, &record), 0);
        *record = (struct grove_record){.number = bytes, .kind = GROVE_RECORD_MESSAGE, .flags = GROVE_RECORD_TRACED};
        memset(record + 1, (int)bytes, bytes);
        channel_end_publish(&pair->end[CLIENT], GROVE_LANE_HIGH, &waiting);
        take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, bytes, bytes, &taken);
        assert_true(channel_taken_trace(&taken, &seen));
        assert_memory_equal(&seen, &sent, sizeof seen);
        complete(&pair->end[SERVER], &taken);
    }
    /* One that says that it is traced and has no room for it. */
    assert_int_equal(channel_end_reserve(&pair->end[CLIENT], GROVE_LANE_HIGH, 33, &record), 0);
    *record = (struct grove_record){.number = 1, .kind = GROVE_RECORD_MESSAGE, .flags = GROVE_RECORD_TRACED};
    memset(record + 1, 1, 33);
    channel_end_publish(&pair->end[CLIENT], GROVE_LANE_HIGH, &waiting);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 1, 33, &taken);
    assert_false(channel_taken_trace(&taken, &seen));
    complete(&pair->end[SERVER], &taken);
    pair_destroy(pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_lane_has_nothing),
        cmocka_unit_test(lanes_are_independent_and_both_ways),
        cmocka_unit_test(full_lane_refuses_until_completed),
        cmocka_unit_test(largest_record_fits_and_larger_is_refused),
        cmocka_unit_test(every_place_and_size_wraps),
        cmocka_unit_test(remainder_without_room_for_a_header_is_skipped),
        cmocka_unit_test(reservation_is_invisible_until_published),
        cmocka_unit_test(completion_in_any_order_moves_over_the_prefix),
        cmocka_unit_test(at_most_a_window_of_records_is_taken),
        cmocka_unit_test(window_in_a_larger_lane_is_bounded),
        cmocka_unit_test(write_positions_are_checked),
        cmocka_unit_test(read_positions_are_checked),
        cmocka_unit_test(headers_are_checked),
        cmocka_unit_test(pad_chains_end),
        cmocka_unit_test(header_is_copied_once),
        cmocka_unit_test(a_record_carries_its_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
