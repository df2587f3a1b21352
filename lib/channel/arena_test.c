/*
 * Blocks of the arena: when they are lent, and everything that keeps them from being lent again.
 */
#include "lib/channel/fixture_test.h"

#define WHOLE ((size_t)TEST_ARENA_GRANULES * GROVE_ARENA_GRANULE)

static void *data;
static uint64_t offset;

/* The whole arena can be lent: no block is in use and none is lost. */
static void expect_all_free(struct channel_end *end) {
    assert_int_equal(channel_end_loan(end, WHOLE, &data, &offset), 0);
    channel_end_loan_return(end, offset);
}

static void expect_in_use(struct channel_end *end) {
    assert_int_equal(channel_end_loan(end, WHOLE, &data, &offset), GROVE_AGAIN);
}

static void loans_use_up_and_return(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_end *client = &pair->end[CLIENT];
    uint64_t offsets[TEST_ARENA_GRANULES];
    assert_int_equal(channel_end_loan(client, WHOLE + 1u, &data, &offset), GROVE_TOO_LARGE);
    for (unsigned i = 0; i < TEST_ARENA_GRANULES; i++)
        assert_int_equal(channel_end_loan(client, i == 0 ? 0 : GROVE_ARENA_GRANULE, &data, &offsets[i]), 0);
    assert_int_equal(channel_end_loan(client, 1, &data, &offset), GROVE_AGAIN);
    /* Two neighbours make room for a larger one, two that are apart do not. */
    channel_end_loan_return(client, offsets[1]);
    channel_end_loan_return(client, offsets[3]);
    assert_int_equal(channel_end_loan(client, GROVE_ARENA_GRANULE + 1u, &data, &offset), GROVE_AGAIN);
    channel_end_loan_return(client, offsets[2]);
    assert_int_equal(channel_end_loan(client, UINT64_C(3) * GROVE_ARENA_GRANULE, &data, &offset), 0);
    assert_int_equal(offset, offsets[1]);
    channel_end_loan_return(client, offsets[1]);
    channel_end_loan_return(client, offsets[1]); /* twice: no harm */
    channel_end_loan_return(client, UINT64_MAX);
    for (unsigned i = 0; i < TEST_ARENA_GRANULES; i++)
        channel_end_loan_return(client, offsets[i]);
    expect_all_free(client);
    pair_destroy(pair);
}

static void block_returns_when_its_record_is_completed(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    const void *read;
    size_t length;
    assert_int_equal(channel_end_loan(&pair->end[CLIENT], 5000, &data, &offset), 0);
    memset(data, 0x5a, 5000);
    send_slice(&pair->end[CLIENT], GROVE_LANE_LOW, GROVE_RECORD_MESSAGE, 1, offset, 5000, GROVE_SLICE_SENDER);
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_LOW, &taken), 0);
    assert_int_equal(channel_end_slice(&pair->end[SERVER], &taken, 0, &read, &length), 0);
    assert_int_equal(length, 5000);
    assert_int_equal(((const uint8_t *)read)[4999], 0x5a);
    assert_int_equal(channel_end_slice(&pair->end[SERVER], &taken, 1, &read, &length), GROVE_INVALID);
    expect_in_use(&pair->end[CLIENT]);
    complete(&pair->end[SERVER], &taken);
    expect_all_free(&pair->end[CLIENT]);
    pair_destroy(pair);
}

static void block_in_two_records_returns_after_both(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken first, second;
    assert_int_equal(channel_end_loan(&pair->end[CLIENT], 8192, &data, &offset), 0);
    assert_int_equal(channel_end_loan_keep(&pair->end[CLIENT], offset), 0);
    send_slice(&pair->end[CLIENT], GROVE_LANE_LOW, GROVE_RECORD_MESSAGE, 1, offset, 100, GROVE_SLICE_SENDER);
    send_slice(&pair->end[CLIENT], GROVE_LANE_HIGH, GROVE_RECORD_MESSAGE, 2, offset + 5000, 100, GROVE_SLICE_SENDER);
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_HIGH, &first), 0);
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_LOW, &second), 0);
    complete(&pair->end[SERVER], &first);
    expect_in_use(&pair->end[CLIENT]);
    complete(&pair->end[SERVER], &second);
    expect_all_free(&pair->end[CLIENT]);
    pair_destroy(pair);
}

static void held_block_stays_past_completion(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    uint32_t hold;
    assert_int_equal(channel_end_loan(&pair->end[CLIENT], 9000, &data, &offset), 0);
    send_slice(&pair->end[CLIENT], GROVE_LANE_LOW, GROVE_RECORD_MESSAGE, 1, offset + 4096, 10, GROVE_SLICE_SENDER);
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_LOW, &taken), 0);
    assert_int_equal(channel_end_hold(&pair->end[SERVER], &taken, 0, &hold), 0);
    complete(&pair->end[SERVER], &taken);
    expect_in_use(&pair->end[CLIENT]);
    assert_true(channel_end_is_reading(&pair->end[SERVER], pair->segment[CLIENT]));
    /* The owner's next instance knows as much. */
    assert_int_equal(pair_hand_over(pair, CLIENT), 0);
    expect_in_use(&pair->end[CLIENT]);
    channel_end_release(&pair->end[SERVER], hold);
    channel_end_release(&pair->end[SERVER], hold);
    expect_all_free(&pair->end[CLIENT]);
    assert_false(channel_end_is_reading(&pair->end[SERVER], pair->segment[CLIENT]));
    pair_destroy(pair);
}

static void holds_are_bounded_and_die_with_the_holder(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    uint32_t hold;
    assert_int_equal(channel_end_loan(&pair->end[CLIENT], 1, &data, &offset), 0);
    send_slice(&pair->end[CLIENT], GROVE_LANE_LOW, GROVE_RECORD_MESSAGE, 1, offset, 1, GROVE_SLICE_SENDER);
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_LOW, &taken), 0);
    for (unsigned i = 0; i < GROVE_HELD_MAX; i++)
        assert_int_equal(channel_end_hold(&pair->end[SERVER], &taken, 0, &hold), 0);
    assert_int_equal(channel_end_hold(&pair->end[SERVER], &taken, 0, &hold), GROVE_EXHAUSTED);
    complete(&pair->end[SERVER], &taken);
    expect_in_use(&pair->end[CLIENT]);
    assert_int_equal(pair_hand_over(pair, SERVER), 0);
    expect_all_free(&pair->end[CLIENT]);
    pair_destroy(pair);
}

/* A reply hands the caller's own block back; the call is completed before the caller looks. */
static void block_handed_back_stays_until_the_reply_is_completed(void **state) {
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        struct pair *pair = pair_create();
        struct channel_end *client = &pair->end[CLIENT], *server = &pair->end[SERVER];
        struct channel_taken call, reply;
        const void *read;
        size_t length;
        assert_int_equal(channel_end_loan(client, 5000, &data, &offset), 0);
        memset(data, 0x77, 5000);
        send_slice(client, GROVE_LANE_HIGH, GROVE_RECORD_CALL, 9, offset, 5000, GROVE_SLICE_SENDER);
        assert_int_equal(channel_end_take(server, GROVE_LANE_HIGH, &call), 0);
        send_slice(server, GROVE_LANE_HIGH, GROVE_RECORD_REPLY, 9, offset + 4096, 100, GROVE_SLICE_RECEIVER);
        complete(server, &call);
        expect_in_use(client);
        if (restart)
            assert_int_equal(pair_hand_over(pair, CLIENT), 0);
        expect_in_use(client);
        assert_int_equal(channel_end_take(client, GROVE_LANE_HIGH, &reply), 0);
        assert_int_equal(channel_end_slice(client, &reply, 0, &read, &length), 0);
        assert_ptr_equal(read, pair->segment[CLIENT] + pair->layout.arena_offset_bytes + offset + 4096);
        assert_int_equal(*(const uint8_t *)read, 0x77);
        complete(client, &reply);
        expect_all_free(client);
        pair_destroy(pair);
    }
}

static void own_block_can_be_held_past_the_reply(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_end *client = &pair->end[CLIENT], *server = &pair->end[SERVER];
    struct channel_taken call, reply;
    uint32_t hold;
    assert_int_equal(channel_end_loan(client, 5000, &data, &offset), 0);
    send_slice(client, GROVE_LANE_HIGH, GROVE_RECORD_CALL, 9, offset, 5000, GROVE_SLICE_SENDER);
    assert_int_equal(channel_end_take(server, GROVE_LANE_HIGH, &call), 0);
    send_slice(server, GROVE_LANE_HIGH, GROVE_RECORD_REPLY, 9, offset, 100, GROVE_SLICE_RECEIVER);
    complete(server, &call);
    expect_in_use(client); /* and so retired */
    assert_int_equal(channel_end_take(client, GROVE_LANE_HIGH, &reply), 0);
    assert_int_equal(channel_end_hold(client, &reply, 0, &hold), 0);
    complete(client, &reply);
    expect_in_use(client);
    channel_end_release(client, hold);
    expect_all_free(client);
    pair_destroy(pair);
}

static void next_instance_frees_what_no_record_carries(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    uint64_t carried;
    assert_int_equal(channel_end_loan(&pair->end[CLIENT], 4096, &data, &offset), 0); /* dies with the instance */
    assert_int_equal(channel_end_loan(&pair->end[CLIENT], 4096, &data, &carried), 0);
    send_slice(&pair->end[CLIENT], GROVE_LANE_LOW, GROVE_RECORD_MESSAGE, 1, carried, 4096, GROVE_SLICE_SENDER);
    assert_int_equal(pair_hand_over(pair, CLIENT), 0);
    assert_int_equal(channel_end_loan(&pair->end[CLIENT], WHOLE - UINT64_C(2) * 4096u, &data, &offset), 0);
    assert_int_equal(offset, carried + 4096u);
    channel_end_loan_return(&pair->end[CLIENT], offset);
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_LOW, &taken), 0);
    complete(&pair->end[SERVER], &taken);
    expect_all_free(&pair->end[CLIENT]);
    pair_destroy(pair);
}

static void nothing_is_lent_before_the_peer_is_known(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    channel_end_deinit(&pair->end[CLIENT]);
    assert_int_equal(
        channel_end_init(&pair->end[CLIENT], GROVE_ROLE_CLIENT, &pair->layout, pair->segment[CLIENT], true), 0);
    assert_int_equal(channel_end_loan(&pair->end[CLIENT], 1, &data, &offset), GROVE_AGAIN);
    assert_int_equal(channel_end_attach_peer(&pair->end[CLIENT], pair->segment[SERVER]), 0);
    expect_all_free(&pair->end[CLIENT]);
    pair_destroy(pair);
}

static void slices_are_checked(void **state) {
    (void)state;
    static const struct grove_slice wrong[] = {
        {.offset_bytes = 0, .length_bytes = 0},
        {.offset_bytes = WHOLE, .length_bytes = 1},
        {.offset_bytes = WHOLE - 1u, .length_bytes = 2},
        {.offset_bytes = UINT64_MAX, .length_bytes = 2},
        {.offset_bytes = 2, .length_bytes = UINT64_MAX},
        {.offset_bytes = 0, .length_bytes = 1, .space = 2},
        {.offset_bytes = 0, .length_bytes = 1, .space = GROVE_SLICE_RECEIVER}, /* not by a message */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct pair *pair = pair_create();
        struct channel_taken taken;
        const void *read;
        size_t length;
        uint32_t hold;
        send_slice(&pair->end[CLIENT], GROVE_LANE_LOW, GROVE_RECORD_MESSAGE, 1, wrong[i].offset_bytes,
                   wrong[i].length_bytes, (enum grove_slice_space)wrong[i].space);
        assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_LOW, &taken), 0);
        assert_int_equal(channel_end_hold(&pair->end[SERVER], &taken, 0, &hold), GROVE_CORRUPT);
        assert_int_equal(channel_end_slice(&pair->end[SERVER], &taken, 0, &read, &length), GROVE_CORRUPT);
        pair_destroy(pair);
    }
}

static void memory_never_lent_is_not_accepted_back(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    const void *read;
    size_t length;
    send_slice(&pair->end[SERVER], GROVE_LANE_LOW, GROVE_RECORD_REPLY, 1, 0, 16, GROVE_SLICE_RECEIVER);
    assert_int_equal(channel_end_take(&pair->end[CLIENT], GROVE_LANE_LOW, &taken), 0);
    assert_int_equal(channel_end_slice(&pair->end[CLIENT], &taken, 0, &read, &length), GROVE_CORRUPT);
    pair_destroy(pair);
}

static void hostile_holds_cost_only_this_arena(void **state) {
    (void)state;
    struct pair *pair = pair_create();
    struct channel_taken taken;
    memset(control_of(pair, SERVER)->held, 0xff, sizeof control_of(pair, SERVER)->held);
    assert_int_equal(channel_end_loan(&pair->end[CLIENT], 1, &data, &offset), 0);
    send_slice(&pair->end[CLIENT], GROVE_LANE_LOW, GROVE_RECORD_MESSAGE, 1, offset, 1, GROVE_SLICE_SENDER);
    assert_int_equal(channel_end_take(&pair->end[SERVER], GROVE_LANE_LOW, &taken), 0);
    control_of(pair, SERVER)->held[0] = GROVE_HELD(0, UINT32_MAX);
    complete(&pair->end[SERVER], &taken);
    expect_in_use(&pair->end[CLIENT]);
    assert_int_equal(pair_hand_over(pair, CLIENT), 0);
    memset(control_of(pair, SERVER)->held, 0, sizeof control_of(pair, SERVER)->held);
    expect_all_free(&pair->end[CLIENT]);
    pair_destroy(pair);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loans_use_up_and_return),
        cmocka_unit_test(block_returns_when_its_record_is_completed),
        cmocka_unit_test(block_in_two_records_returns_after_both),
        cmocka_unit_test(held_block_stays_past_completion),
        cmocka_unit_test(holds_are_bounded_and_die_with_the_holder),
        cmocka_unit_test(block_handed_back_stays_until_the_reply_is_completed),
        cmocka_unit_test(own_block_can_be_held_past_the_reply),
        cmocka_unit_test(next_instance_frees_what_no_record_carries),
        cmocka_unit_test(nothing_is_lent_before_the_peer_is_known),
        cmocka_unit_test(slices_are_checked),
        cmocka_unit_test(memory_never_lent_is_not_accepted_back),
        cmocka_unit_test(hostile_holds_cost_only_this_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
