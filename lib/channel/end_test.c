/*
 * Set-up, take-over field by field, reply marks, numbers, and the words by which the two ends wake each other.
 */
#include "lib/channel/fixture_test.h"

static void wrong_layouts_are_refused(void **state) {
    (void)state;
    struct grove_channel_layout right = test_layout(1), wrong[9];
    for (int i = 0; i < 9; i++)
        wrong[i] = right;
    wrong[0].lane_bytes[0] = 2048;
    wrong[1].lane_bytes[1] = 6000;
    wrong[2].lane_bytes[2] = 2u * (uint64_t)GROVE_LANE_BYTES_MAX;
    wrong[3].lane_offset_bytes[0] = 0;
    wrong[4].lane_offset_bytes[1] = wrong[4].lane_offset_bytes[0]; /* overlap */
    wrong[5].lane_offset_bytes[2] = UINT64_MAX - 63u;
    wrong[6].arena_bytes = 100;
    wrong[7].arena_offset_bytes = 4096;
    wrong[8].total_bytes -= 1;
    uint8_t *segment = segment_create(&right);
    struct channel_end *end = calloc(1, sizeof *end);
    for (int i = 0; i < 9; i++)
        assert_int_equal(channel_end_init(end, GROVE_ROLE_CLIENT, &wrong[i], segment, false), GROVE_INVALID);
    assert_int_equal(channel_end_init(end, (enum grove_channel_role)7, &right, segment, false), GROVE_INVALID);
    free(end);
    free(segment);
}

static void expect_take_over(uint64_t *field, struct pair *pair, uint64_t value, int expected) {
    *field = value;
    assert_int_equal(pair_hand_over(pair, SERVER), expected);
    pair_destroy(pair);
}

/* The instance before may have left anything. */
static void take_over_checks_each_field(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->out[1].write_position, pair, 8, GROVE_CORRUPT);
    pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->out[1].write_position, pair, UINT64_C(2) * TEST_LANE_BYTES,
                     GROVE_CORRUPT);
    pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->out[1].write_position, pair, 64, GROVE_CORRUPT); /* no record there */
    pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->in[1].read_position, pair, 24, GROVE_CORRUPT);
    pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->in[1].read_position, pair, 32, GROVE_CORRUPT);
    pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->in[1].read_position, pair, UINT64_MAX - 15u, GROVE_CORRUPT);
    pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->in[1].taken_position, pair, UINT64_MAX, GROVE_CORRUPT);
    pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->reply_count[1], pair, UINT64_MAX, 0);
    pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->held[5], pair, UINT64_MAX, 0);
    pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->waiting, pair, UINT64_MAX, 0);
    pair = pair_create();
    expect_take_over(&control_of(pair, SERVER)->next_number, pair, 0, 0);
}

static void peer_that_goes_back_is_refused(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, 1, 16), 0);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 1, 16, &taken);
    uint8_t *fresh = segment_create(&pair->layout);
    assert_int_equal(channel_end_attach_peer(&pair->end[SERVER], fresh), GROVE_CORRUPT);
    free(fresh);
    pair_destroy(pair);
}

static void only_what_was_taken_is_redelivered(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    for (uint64_t i = 1; i <= 4; i++)
        assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, i, 16), 0);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 1, 16, &taken);
    assert_false(taken.is_redelivered);
    complete(&pair->end[SERVER], &taken);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 2, 16, &taken);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 3, 16, &taken);
    for (int instance = 0; instance < 2; instance++) {
        assert_int_equal(pair_hand_over(pair, SERVER), 0);
        take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 2, 16, &taken);
        assert_true(taken.is_redelivered);
        assert_false(taken.is_answered);
    }
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 3, 16, &taken);
    assert_true(taken.is_redelivered);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 4, 16, &taken);
    assert_false(taken.is_redelivered);
    pair_destroy(pair);
}

static void answered_calls_are_known(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken, reply;
    for (uint64_t i = 1; i <= 3; i++)
        assert_int_equal(send_kind(&pair->end[CLIENT], GROVE_LANE_LOW, GROVE_RECORD_CALL, i, 16), 0);
    for (uint64_t i = 1; i <= 3; i++)
        take_expect(&pair->end[SERVER], GROVE_LANE_LOW, i, 16, &taken);
    assert_int_equal(send_kind(&pair->end[SERVER], GROVE_LANE_LOW, GROVE_RECORD_REPLY, 2, 16), 0);
    assert_int_equal(send_kind(&pair->end[SERVER], GROVE_LANE_LOW, GROVE_RECORD_ERROR, 3, 16), 0);
    for (int instance = 0; instance < 3; instance++) {
        assert_int_equal(pair_hand_over(pair, SERVER), 0);
        for (uint64_t i = 1; i <= 3; i++) {
            take_expect(&pair->end[SERVER], GROVE_LANE_LOW, i, 16, &taken);
            assert_int_equal(taken.is_answered, i != 1);
        }
    }
    take_expect(&pair->end[CLIENT], GROVE_LANE_LOW, 2, 16, &reply);
    take_expect(&pair->end[CLIENT], GROVE_LANE_LOW, 3, 16, &reply);
    assert_int_equal(channel_end_take(&pair->end[CLIENT], GROVE_LANE_LOW, &reply), GROVE_AGAIN);
    pair_destroy(pair);
}

/* A mark for a reply that was never published must not begin to count when the lane grows past it. */
static void mark_without_its_reply_never_counts(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    assert_int_equal(send_kind(&pair->end[CLIENT], GROVE_LANE_LOW, GROVE_RECORD_CALL, 1, 16), 0);
    take_expect(&pair->end[SERVER], GROVE_LANE_LOW, 1, 16, &taken);
    reply_marks_add(&pair->end[SERVER], GROVE_LANE_LOW, 1, 48); /* and it dies */
    assert_int_equal(pair_hand_over(pair, SERVER), 0);
    assert_int_equal(send_message(&pair->end[SERVER], GROVE_LANE_LOW, 50, 16), 0); /* ends at 48 */
    assert_int_equal(pair_hand_over(pair, SERVER), 0);
    take_expect(&pair->end[SERVER], GROVE_LANE_LOW, 1, 16, &taken);
    assert_true(taken.is_redelivered);
    assert_false(taken.is_answered);
    pair_destroy(pair);
}

static void marks_are_used_in_turn(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    for (uint64_t i = 1; i <= UINT64_C(3) * GROVE_REPLY_MARKS; i++) {
        assert_int_equal(send_kind(&pair->end[CLIENT], GROVE_LANE_LOW, GROVE_RECORD_CALL, i, 16), 0);
        take_expect(&pair->end[SERVER], GROVE_LANE_LOW, i, 16, &taken);
        assert_int_equal(send_kind(&pair->end[SERVER], GROVE_LANE_LOW, GROVE_RECORD_REPLY, i, 0), 0);
        if (i % 7u == 0) {
            assert_int_equal(pair_hand_over(pair, SERVER), 0);
            take_expect(&pair->end[SERVER], GROVE_LANE_LOW, i, 16, &taken);
            assert_true(taken.is_answered);
        }
        complete(&pair->end[SERVER], &taken);
        take_expect(&pair->end[CLIENT], GROVE_LANE_LOW, i, 0, &taken);
        complete(&pair->end[CLIENT], &taken);
    }
    pair_destroy(pair);
}

static void numbers_go_on(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    uint64_t last = channel_end_next_number(&pair->end[CLIENT]);
    assert_int_not_equal(last, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pair_hand_over(pair, CLIENT), 0);
        uint64_t number = channel_end_next_number(&pair->end[CLIENT]);
        assert_true(number > last);
        last = number;
    }
    pair_destroy(pair);
}

/* What is being read stays where it is when the peer's next instance brings a new segment. */
static void old_mapping_is_read_until_completed(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    assert_int_equal(send_message(&pair->end[CLIENT], GROVE_LANE_HIGH, 1, 16), 0);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 1, 16, &taken);
    uint8_t *next = segment_create(&pair->layout);
    memcpy(next, pair->segment[CLIENT], pair->layout.total_bytes);
    assert_int_equal(channel_end_attach_peer(&pair->end[SERVER], next), 0);
    assert_true(channel_end_is_reading(&pair->end[SERVER], pair->segment[CLIENT]));
    assert_false(channel_end_is_reading(&pair->end[SERVER], next));
    assert_int_equal(*(const uint8_t *)taken.payload, 1);
    complete(&pair->end[SERVER], &taken);
    assert_false(channel_end_is_reading(&pair->end[SERVER], pair->segment[CLIENT]));
    free(next);
    pair_destroy(pair);
}

/* ---- sleeping ---- */

static void sleeper_is_woken_once(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_end *client = &pair->end[CLIENT], *server = &pair->end[SERVER];
    struct grove_record *record;
    enum grove_waiting waiting = GROVE_AWAKE;
    uint32_t signal;
    for (int sleep = 0; sleep < 3; sleep++) {
        assert_true(channel_end_prepare_sleep(server, sleep == 1 ? GROVE_WAITING_BELL : GROVE_WAITING_FUTEX,
                                              CHANNEL_FOR_RECORDS, &signal));
        assert_int_equal(signal, *channel_end_peer_signal(server));
        for (int message = 0; message < 3; message++) {
            assert_int_equal(channel_end_reserve(client, GROVE_LANE_HIGH, 0, &record), 0);
            *record = (struct grove_record){.kind = GROVE_RECORD_MESSAGE};
            assert_int_equal(channel_end_publish(client, GROVE_LANE_HIGH, &waiting), message == 0);
            if (message == 0)
                channel_end_signal(client);
        }
        assert_int_equal(waiting, sleep == 1 ? GROVE_WAITING_BELL : GROVE_WAITING_FUTEX);
        assert_int_not_equal(signal, *channel_end_peer_signal(server));
        channel_end_awake(server);
        struct channel_taken taken;
        while (channel_end_take(server, GROVE_LANE_HIGH, &taken) == 0)
            complete(server, &taken);
    }
    pair_destroy(pair);
}

/* The first wake-up may be lost on its way. That it was long ago is said here, and not waited for. */
static void sleeper_that_does_not_come_is_woken_again(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_end *client = &pair->end[CLIENT], *server = &pair->end[SERVER];
    enum grove_waiting waiting = GROVE_AWAKE;
    uint32_t signal;
    assert_true(channel_end_prepare_sleep(server, GROVE_WAITING_FUTEX, CHANNEL_FOR_RECORDS, &signal));
    assert_true(channel_end_must_wake(client, &waiting));
    client->woken_ms = 0;
    assert_true(channel_end_must_wake(client, &waiting));
    assert_int_equal(waiting, GROVE_WAITING_FUTEX);
    channel_end_awake(server);
    assert_false(channel_end_must_wake(client, &waiting));
    pair_destroy(pair);
}

static void nobody_sleeps_over_work(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    uint32_t signal;
    struct channel_taken taken;
    for (int lane = 0; lane < (int)GROVE_LANES; lane++) {
        assert_int_equal(send_message(&pair->end[CLIENT], (enum grove_lane)lane, 1, 16), 0);
        assert_false(channel_end_prepare_sleep(&pair->end[SERVER], GROVE_WAITING_FUTEX, CHANNEL_FOR_RECORDS, &signal));
        assert_int_equal(control_of(pair, SERVER)->waiting & GROVE_WAITING_HOW, GROVE_AWAKE);
        take_expect(&pair->end[SERVER], (enum grove_lane)lane, 1, 16, &taken);
        complete(&pair->end[SERVER], &taken);
    }
    pair_destroy(pair);
}

static void completion_wakes_only_who_waits_for_room(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_end *client = &pair->end[CLIENT], *server = &pair->end[SERVER];
    struct channel_taken taken;
    enum grove_waiting waiting;
    uint32_t signal;
    for (int for_room = 0; for_room < 2; for_room++) {
        assert_int_equal(send_message(client, GROVE_LANE_HIGH, 1, 16), 0);
        take_expect(server, GROVE_LANE_HIGH, 1, 16, &taken);
        assert_true(channel_end_prepare_sleep(client, GROVE_WAITING_FUTEX,
                                              for_room ? CHANNEL_FOR_BOTH : CHANNEL_FOR_RECORDS, &signal));
        assert_int_equal(channel_end_complete(server, &taken, &waiting), for_room);
        channel_end_awake(client);
        uint64_t bytes;
        assert_int_equal(channel_end_pending(client, GROVE_LANE_HIGH, &bytes), 0);
    }
    pair_destroy(pair);
}

/* Whoever was refused does not sleep over room that came since, even if something else has looked at it meanwhile. */
static void nobody_sleeps_over_room(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_end *client = &pair->end[CLIENT], *server = &pair->end[SERVER];
    struct channel_taken taken;
    uint32_t signal;
    uint64_t bytes, count = 0;
    while (send_message(client, GROVE_LANE_HIGH, 1, 16) == 0)
        count++;
    assert_true(channel_end_prepare_sleep(client, GROVE_WAITING_FUTEX, CHANNEL_FOR_BOTH, &signal));
    channel_end_awake(client);
    take_expect(server, GROVE_LANE_HIGH, 1, 16, &taken);
    complete(server, &taken);
    assert_int_equal(channel_end_pending(client, GROVE_LANE_HIGH, &bytes), 0);
    assert_int_equal(bytes, (count - 1u) * 48u);
    assert_int_equal(channel_end_attach_peer(client, pair->segment[SERVER]), 0);
    assert_false(channel_end_prepare_sleep(client, GROVE_WAITING_FUTEX, CHANNEL_FOR_BOTH, &signal));
    assert_int_equal(send_message(client, GROVE_LANE_HIGH, 1, 16), 0);
    assert_true(
        channel_end_prepare_sleep(client, GROVE_WAITING_FUTEX, CHANNEL_FOR_BOTH, &signal)); /* and it does not spin */
    pair_destroy(pair);
}

static void nobody_sleeps_over_a_block(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_end *client = &pair->end[CLIENT], *server = &pair->end[SERVER];
    struct channel_taken taken;
    enum grove_waiting waiting;
    void *data;
    uint64_t offset;
    uint32_t signal, hold;
    assert_int_equal(channel_end_loan(client, pair->layout.arena_bytes, &data, &offset), 0);
    send_slice(client, GROVE_LANE_LOW, GROVE_RECORD_MESSAGE, 1, offset, 64, GROVE_SLICE_SENDER);
    assert_int_equal(channel_end_loan(client, 1, &data, &offset), GROVE_AGAIN);
    assert_true(channel_end_prepare_sleep(client, GROVE_WAITING_FUTEX, CHANNEL_FOR_BOTH, &signal));
    channel_end_awake(client);
    assert_int_equal(channel_end_take(server, GROVE_LANE_LOW, &taken), 0);
    assert_int_equal(channel_end_hold(server, &taken, 0, &hold), 0);
    complete(server, &taken);
    assert_false(channel_end_prepare_sleep(client, GROVE_WAITING_FUTEX, CHANNEL_FOR_BOTH, &signal));
    assert_int_equal(channel_end_loan(client, 1, &data, &offset), GROVE_AGAIN); /* held */
    assert_true(channel_end_prepare_sleep(client, GROVE_WAITING_FUTEX, CHANNEL_FOR_BOTH, &signal));
    channel_end_release(server, hold);
    assert_true(channel_end_must_wake(server, &waiting));
    channel_end_awake(client);
    assert_false(channel_end_prepare_sleep(client, GROVE_WAITING_FUTEX, CHANNEL_FOR_BOTH, &signal));
    assert_int_equal(channel_end_loan(client, 1, &data, &offset), 0);
    pair_destroy(pair);
}

/* The successor goes to sleep before the other end has changed over to its segment. */
static void successor_asleep_is_woken_after_the_attach(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_end *client = &pair->end[CLIENT], *server = &pair->end[SERVER];
    uint8_t *old = pair->segment[SERVER], *next = segment_create(&pair->layout);
    uint32_t signal;
    enum grove_waiting waiting;
    memcpy(next, old, pair->layout.total_bytes);
    channel_end_deinit(server);
    assert_int_equal(channel_end_init(server, GROVE_ROLE_SERVER, &pair->layout, next, true), 0);
    assert_int_equal(channel_end_attach_peer(server, pair->segment[CLIENT]), 0);
    assert_true(channel_end_prepare_sleep(server, GROVE_WAITING_BELL, CHANNEL_FOR_RECORDS, &signal));
    assert_int_equal(send_message(client, GROVE_LANE_HIGH, 1, 16), 0); /* looks at the old segment */
    assert_int_equal(channel_end_attach_peer(client, next), 0);
    assert_true(channel_end_must_wake(client, &waiting));
    assert_int_equal(waiting, GROVE_WAITING_BELL);
    pair->segment[SERVER] = next;
    free(old);
    pair_destroy(pair);
}

static void closed_segment_is_seen_and_opened_by_the_next(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    assert_false(channel_end_peer_is_closed(&pair->end[CLIENT]));
    control_of(pair, SERVER)->signal |= GROVE_SIGNAL_CLOSED;
    assert_true(channel_end_peer_is_closed(&pair->end[CLIENT]));
    assert_int_equal(pair_hand_over(pair, SERVER), 0);
    assert_false(channel_end_peer_is_closed(&pair->end[CLIENT]));
    pair_destroy(pair);
}

static void without_a_peer_everything_waits(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_end *client = &pair->end[CLIENT];
    struct channel_taken taken;
    uint32_t signal = 7;
    channel_end_deinit(client);
    memset(pair->segment[CLIENT], 0, pair->layout.total_bytes);
    assert_int_equal(channel_end_init(client, GROVE_ROLE_CLIENT, &pair->layout, pair->segment[CLIENT], false), 0);
    assert_false(channel_end_has_peer(client));
    assert_null(channel_end_peer_signal(client));
    assert_int_equal(channel_end_take(client, GROVE_LANE_HIGH, &taken), GROVE_AGAIN);
    for (uint64_t i = 0; i < TEST_LANE_BYTES / 64u; i++)
        assert_int_equal(send_message(client, GROVE_LANE_HIGH, i, 32), 0);
    assert_int_equal(send_message(client, GROVE_LANE_HIGH, 9, 32), GROVE_AGAIN);
    assert_true(channel_end_prepare_sleep(client, GROVE_WAITING_BELL, CHANNEL_FOR_BOTH, &signal));
    assert_int_equal(signal, 0);
    assert_int_equal(channel_end_attach_peer(client, pair->segment[SERVER]), 0);
    take_expect(&pair->end[SERVER], GROVE_LANE_HIGH, 0, 32, &taken);
    pair_destroy(pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_layouts_are_refused),
        cmocka_unit_test(take_over_checks_each_field),
        cmocka_unit_test(peer_that_goes_back_is_refused),
        cmocka_unit_test(only_what_was_taken_is_redelivered),
        cmocka_unit_test(answered_calls_are_known),
        cmocka_unit_test(mark_without_its_reply_never_counts),
        cmocka_unit_test(marks_are_used_in_turn),
        cmocka_unit_test(numbers_go_on),
        cmocka_unit_test(old_mapping_is_read_until_completed),
        cmocka_unit_test(sleeper_is_woken_once),
        cmocka_unit_test(sleeper_that_does_not_come_is_woken_again),
        cmocka_unit_test(nobody_sleeps_over_work),
        cmocka_unit_test(completion_wakes_only_who_waits_for_room),
        cmocka_unit_test(nobody_sleeps_over_room),
        cmocka_unit_test(nobody_sleeps_over_a_block),
        cmocka_unit_test(successor_asleep_is_woken_after_the_attach),
        cmocka_unit_test(closed_segment_is_seen_and_opened_by_the_next),
        cmocka_unit_test(without_a_peer_everything_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
