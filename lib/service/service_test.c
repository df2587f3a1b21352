/*
 * What the author of a service and of a client may rely on, against a kernel in a thread of the test.
 */
#include "lib/service/greeter_test.h"
#include "lib/testing/play_hand_over.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void *serve(void *context) {
    struct world *world = context;
    struct grove_session *session = open_session(world->server_port);
    struct grove_service *service;
    assert_int_equal(grove_service_create(&(struct grove_service_options){.session = session}, &service), 0);
    grove_service_on(service, "greeter", ECHO, on_echo, world);
    grove_service_on(service, "greeter", FAIL, on_fail, world);
    grove_service_on(service, "greeter", LEND, on_lend, world);
    grove_service_on(service, "greeter", PART, on_part, world);
    grove_service_on(service, "greeter", COUNT, on_count, world);
    grove_service_on(service, "greeter", ORDER, on_order, world);
    grove_service_on(service, "greeter", NOTHING, on_nothing, world);
    grove_service_on(service, "greeter", DEFER, on_defer, &service);
    int watched[2] = {-1, -1};
    if (world->uses_epoll) {
        assert_int_equal(pipe(watched), 0);
        grove_descriptor_handler *never = (grove_descriptor_handler *)(uintptr_t)abort;
        assert_int_equal(grove_service_watch(service, watched[0], POLLIN, never, NULL), 0);
    }
    assert_int_equal(grove_service_run(service), 0);
    grove_service_destroy(service);
    grove_session_close(session);
    for (int i = 0; i < 2 && world->uses_epoll; i++)
        close(watched[i]);
    return NULL;
}

/* How the service sleeps: on several words, on its only client's, or in epoll. */
enum sleep { SLEEP_WORDS, SLEEP_ONE_WORD, SLEEP_EPOLL };

static int set_up_with(void **state, enum sleep sleep) {
    struct world *world = calloc(1, sizeof *world);
    world->uses_epoll = sleep == SLEEP_EPOLL;
    world->kernel = fake_kernel_start();
    if (sleep == SLEEP_ONE_WORD)
        fake_kernel_wake_through_clients(world->kernel);
    world->server_port = fake_kernel_add(world->kernel, "greeter", "greeter");
    world->client_session = open_session(fake_kernel_add(world->kernel, "client", NULL));
    assert_int_equal(pthread_create(&world->server, NULL, serve, world), 0);
    fake_kernel_await_report(world->kernel, "greeter", GROVE_REPORT_READY);
    struct grove_connect_options options = {.session = world->client_session};
    assert_int_equal(grove_connect_with("greeter", &options, &world->channel), 0);
    *state = world;
    return 0;
}

static int set_up(void **state) {
    return set_up_with(state, SLEEP_WORDS);
}

static int set_up_one_word(void **state) {
    return set_up_with(state, SLEEP_ONE_WORD);
}

static int set_up_epoll(void **state) {
    return set_up_with(state, SLEEP_EPOLL);
}

static int tear_down(void **state) {
    struct world *world = *state;
    grove_channel_close(world->channel);
    fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_STOP, 0);
    pthread_join(world->server, NULL);
    grove_session_close(world->client_session);
    fake_kernel_stop(world->kernel);
    free(world);
    return 0;
}

/* ---- tests ---- */

static int call(struct world *world, uint32_t method, const char *data, struct grove_answer *answer) {
    struct grove_call request = {
        .method = method, .data = data, .length_bytes = strlen(data), .timeout_ns = 10 * GROVE_SECOND};
    return grove_call(world->channel, &request, answer);
}

static void expect_answer(struct world *world, uint32_t method, const char *data, const char *expected) {
    struct grove_answer answer;
    int status = call(world, method, data, &answer);
    if (status < 0)
        print_error("%s\n", grove_last_error());
    assert_int_equal(status, 0);
    assert_int_equal(answer.length_bytes, strlen(expected));
    assert_memory_equal(answer.data, expected, strlen(expected));
    grove_answer_release(&answer);
}

static void test_call_is_answered(void **state) {
    for (int i = 0; i < 2000; i++)
        expect_answer(*state, ECHO, "hello", "hello");
    expect_answer(*state, NOTHING, "hello", "");
}

static void test_every_priority_is_answered(void **state) {
    struct world *world = *state;
    for (int priority = GROVE_PRIORITY_INHERIT; priority <= GROVE_PRIORITY_LOW; priority++) {
        struct grove_answer answer;
        struct grove_call request = {
            .method = ECHO, .data = "x", .length_bytes = 1, .priority = (enum grove_priority)priority};
        assert_int_equal(grove_call(world->channel, &request, &answer), 0);
        grove_answer_release(&answer);
    }
}

static void test_failure_carries_its_sentence_and_origin(void **state) {
    struct grove_answer answer;
    assert_int_equal(call(*state, FAIL, "x", &answer), GROVE_FULL);
    assert_string_equal(grove_last_error(), "feeder 7 has no room: remove a reading (said by test.greeter)");
    assert_int_equal(call(*state, 99, "x", &answer), GROVE_NOT_FOUND);
    assert_non_null(strstr(grove_last_error(), "no method 99"));
}

static void test_deferred_request_is_answered_later(void **state) {
    expect_answer(*state, DEFER, "x", "late");
}

static void test_loan_goes_and_comes_back(void **state) {
    struct world *world = *state;
    size_t size_bytes = 1 << 20;
    for (int round = 0; round < 12; round++) { /* more than the arena holds, so blocks must come back */
        struct grove_loan loan;
        assert_int_equal(grove_loan(world->channel, size_bytes, 10 * GROVE_SECOND, &loan), 0);
        memset(loan.data, round, size_bytes);
        struct grove_call request = {.method = LEND, .timeout_ns = 10 * GROVE_SECOND, .loan = &loan};
        struct grove_answer answer;
        assert_int_equal(grove_call(world->channel, &request, &answer), 0);
        assert_int_equal(answer.slice_bytes, size_bytes);
        assert_int_equal(((const uint8_t *)answer.slice)[size_bytes - 1], round + 1);
        grove_answer_release(&answer);
    }
}

static void test_slice_is_handed_back_in_part(void **state) {
    struct world *world = *state;
    struct grove_loan loan;
    assert_int_equal(grove_loan(world->channel, 4096, GROVE_SECOND, &loan), 0);
    uint8_t *mine = loan.data;
    for (unsigned i = 0; i < 4096; i++)
        mine[i] = (uint8_t)i;
    struct grove_call request = {.method = PART, .timeout_ns = 10 * GROVE_SECOND, .loan = &loan};
    struct grove_answer answer;
    assert_int_equal(grove_call(world->channel, &request, &answer), 0);
    assert_int_equal(answer.slice_bytes, 50);
    assert_ptr_equal(answer.slice, mine + 100);
    grove_answer_release(&answer);
}

static void test_one_way_messages_all_arrive(void **state) {
    struct world *world = *state;
    struct grove_call message = {
        .method = COUNT, .data = "12345678", .length_bytes = 8, .timeout_ns = 10 * GROVE_SECOND};
    for (int i = 0; i < 20000; i++) /* more than the lane holds */
        assert_int_equal(grove_send(world->channel, &message), 0);
    assert_int_equal(grove_channel_flush(world->channel, 10 * GROVE_SECOND), 0);
    assert_int_equal(world->handled[COUNT], 20000);
}

static void test_bad_arguments_are_explained(void **state) {
    struct world *world = *state;
    struct grove_answer answer;
    assert_int_equal(
        grove_call(world->channel, &(struct grove_call){.method = 1, .timeout_ns = GROVE_FOREVER}, &answer),
        GROVE_INVALID);
    assert_int_equal(grove_call(world->channel, &(struct grove_call){.method = 1, .length_bytes = 3}, &answer),
                     GROVE_INVALID);
    static const uint8_t large[1 << 20];
    struct grove_call request = {.method = 1, .data = large, .length_bytes = sizeof large};
    assert_int_equal(grove_call(world->channel, &request, &answer), GROVE_TOO_LARGE);
    assert_non_null(strstr(grove_last_error(), "grove_loan"));
    struct grove_channel *channel;
    struct grove_connect_options options = {.session = world->client_session};
    assert_int_equal(grove_connect_with("nobody", &options, &channel), GROVE_NOT_FOUND);
    assert_non_null(strstr(grove_last_error(), "test.nobody"));
    assert_int_equal(grove_connect_with("no body", &options, &channel), GROVE_INVALID);
}

static void test_refusal_names_the_line_that_grants(void **state) {
    struct world *world = *state;
    struct grove_capability capability = {.kind = GROVE_CAP_FS_READ};
    grove_handle handle;
    assert_int_equal(grove_capability_derive(world->client_session, 1, &capability, &handle), GROVE_DENIED);
    assert_non_null(strstr(grove_last_error(), "test.client may not derive a capability"));
    assert_non_null(strstr(grove_last_error(), "`- FS_READ:/data` to `capabilities:`"));
    assert_non_null(strstr(grove_last_error(), "--allow FS_READ:/data"));
}

static void test_life_cycle_is_answered(void **state) {
    struct world *world = *state;
    fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_PING, 4711);
    assert_int_equal(fake_kernel_await_report(world->kernel, "greeter", GROVE_REPORT_PONG), 4711);
    fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_QUIESCE, 0);
    fake_kernel_await_report(world->kernel, "greeter", GROVE_REPORT_QUIESCED);
    struct grove_answer answer;
    struct grove_call request = {.method = ECHO, .timeout_ns = 20 * GROVE_MILLISECOND};
    unsigned before = world->handled[ECHO];
    assert_int_equal(grove_call(world->channel, &request, &answer), GROVE_TIMED_OUT);
    fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_RESUME, 0);
    expect_answer(world, NOTHING, "", "");
    assert_int_equal(world->handled[ECHO], before); /* its deadline had passed: the handler did not run */
}

static void test_highest_lane_is_served_first(void **state) {
    struct world *world = *state;
    fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_QUIESCE, 0);
    fake_kernel_await_report(world->kernel, "greeter", GROVE_REPORT_QUIESCED);
    for (int priority = GROVE_PRIORITY_LOW; priority >= GROVE_PRIORITY_HIGH; priority--)
        for (int i = 0; i < 2; i++) {
            struct grove_call message = {.method = ORDER, .priority = (enum grove_priority)priority};
            assert_int_equal(grove_send(world->channel, &message), 0);
        }
    fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_RESUME, 0);
    assert_int_equal(grove_channel_flush(world->channel, 10 * GROVE_SECOND), 0);
    assert_string_equal(world->order, "HHMMLL");
}

static void test_full_lane_is_refused_at_the_deadline(void **state) {
    struct world *world = *state;
    fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_QUIESCE, 0);
    fake_kernel_await_report(world->kernel, "greeter", GROVE_REPORT_QUIESCED);
    static const uint8_t block[4000];
    struct grove_call message = {.method = COUNT,
                                 .priority = GROVE_PRIORITY_HIGH,
                                 .data = block,
                                 .length_bytes = sizeof block,
                                 .timeout_ns = 5 * GROVE_MILLISECOND};
    unsigned accepted = 0;
    int status;
    while ((status = grove_send(world->channel, &message)) == 0)
        accepted++;
    assert_int_equal(status, GROVE_EXHAUSTED);
    assert_true(accepted > 0);
    uint64_t bytes = 0;
    assert_int_equal(grove_channel_pending(world->channel, GROVE_LANE_HIGH, &bytes), 0);
    assert_true(bytes > 0);
    fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_RESUME, 0);
    assert_int_equal(grove_channel_flush(world->channel, 10 * GROVE_SECOND), 0);
    assert_int_equal(world->handled[COUNT], accepted);
}

struct async_result {
    unsigned count, ok;
};

static void on_async(int status, const struct grove_answer *answer, void *context) {
    struct async_result *result = context;
    result->count++;
    result->ok += status == 0 && answer->length_bytes == 5 && memcmp(answer->data, "async", 5) == 0;
}

static void test_calls_not_waited_for_are_told(void **state) {
    struct world *world = *state;
    struct async_result result = {0};
    struct grove_call request = {.method = ECHO, .data = "async", .length_bytes = 5, .timeout_ns = 10 * GROVE_SECOND};
    for (int i = 0; i < 100; i++)
        assert_int_equal(grove_call_start(world->channel, &request, on_async, &result), 0);
    expect_answer(world, ECHO, "sync", "sync"); /* overtakes none, loses none */
    while (result.count < 100)
        assert_int_equal(grove_session_dispatch(world->client_session, 10 * GROVE_SECOND), 0);
    assert_int_equal(result.ok, 100);
}

static void test_call_not_waited_for_times_out(void **state) {
    struct world *world = *state;
    struct async_result result = {0};
    fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_QUIESCE, 0);
    fake_kernel_await_report(world->kernel, "greeter", GROVE_REPORT_QUIESCED);
    struct grove_call request = {.method = ECHO, .timeout_ns = GROVE_MILLISECOND};
    assert_int_equal(grove_call_start(world->channel, &request, on_async, &result), 0);
    while (result.count == 0)
        grove_session_dispatch(world->client_session, 10 * GROVE_SECOND);
    assert_int_equal(result.ok, 0);
    assert_int_equal(result.count, 1);
}

static void test_close_cancels_what_waits(void **state) {
    struct world *world = *state;
    struct async_result result = {0};
    struct grove_channel *channel;
    struct grove_connect_options options = {.session = world->client_session, .tag = 7};
    assert_int_equal(grove_connect_with("greeter", &options, &channel), 0);
    struct grove_call request = {.method = ECHO, .timeout_ns = 10 * GROVE_SECOND};
    assert_int_equal(grove_call_start(channel, &request, on_async, &result), 0);
    grove_channel_close(channel);
    assert_int_equal(result.count, 1);
}

static void test_call_ends_when_the_server_is_destroyed(void **state) {
    struct world *world = *state;
    expect_answer(world, ECHO, "x", "x");
    fake_kernel_destroy(world->kernel, "greeter");
    struct grove_answer answer;
    assert_int_equal(call(world, ECHO, "x", &answer), GROVE_CLOSED);
    assert_non_null(strstr(grove_last_error(), "gone"));
}

static void test_unanswered_kernel_request_times_out(void **state) {
    struct world *world = *state;
    struct grove_message message = {.operation = GROVE_REQUEST_CAPABILITY_READ};
    assert_int_equal(grove_kernel_request(world->client_session, &message, NULL, 0, NULL, NULL, GROVE_MILLISECOND),
                     GROVE_TIMED_OUT);
}

static void test_trace_reports_each_step(void **state) {
    struct world *world = *state;
    fake_kernel_trace(world->kernel, "greeter", true);
    fake_kernel_trace(world->kernel, "client", true);
    expect_answer(world, ECHO, "x", "x");
    fake_kernel_await_request(world->kernel, "client", GROVE_REQUEST_TRACE_EMIT);
    fake_kernel_await_request(world->kernel, "greeter", GROVE_REQUEST_TRACE_EMIT);
    expect_answer(world, ECHO, "x", "x");
}

static void test_many_clients_are_served(void **state) {
    struct world *world = *state;
    enum { CLIENTS = 40 };
    struct grove_channel *channels[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        struct grove_connect_options options = {
            .session = world->client_session, .tag = 100 + (uint64_t)i, .arena_bytes = GROVE_ARENA_NONE};
        assert_int_equal(grove_connect_with("greeter", &options, &channels[i]), 0);
    }
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < CLIENTS; i++) {
            struct grove_call request = {
                .method = ECHO, .data = "many", .length_bytes = 4, .timeout_ns = 10 * GROVE_SECOND};
            struct grove_answer answer;
            assert_int_equal(grove_call(channels[i], &request, &answer), 0);
            grove_answer_release(&answer);
        }
    for (int i = 0; i < CLIENTS; i++)
        grove_channel_close(channels[i]);
    expect_answer(world, ECHO, "x", "x");
}

/* A client and the kernel wake the service at the same moments; each is heard. */
static void test_calls_and_notices_are_both_heard(void **state) {
    struct world *world = *state;
    for (uint64_t round = 1; round <= 2000; round++) {
        fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_PING, round);
        expect_answer(world, ECHO, "x", "x");
        assert_int_equal(fake_kernel_await_report(world->kernel, "greeter", GROVE_REPORT_PONG), round);
    }
}

/* Whoever it was woken through goes; the one that stays takes its place. */
static void test_the_client_that_stays_is_heard(void **state) {
    struct world *world = *state;
    struct grove_connect_options options = {.session = world->client_session, .tag = 7};
    struct grove_channel *other;
    assert_int_equal(grove_connect_with("greeter", &options, &other), 0);
    struct grove_call request = {.method = ECHO, .data = "x", .length_bytes = 1, .timeout_ns = 10 * GROVE_SECOND};
    for (uint64_t round = 1; round <= 100; round++) {
        assert_int_equal(grove_call(other, &request, NULL), 0);
        grove_channel_close(world->channel);
        world->channel = other;
        fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_PING, round);
        assert_int_equal(fake_kernel_await_report(world->kernel, "greeter", GROVE_REPORT_PONG), round);
        options.tag++;
        assert_int_equal(grove_connect_with("greeter", &options, &other), 0);
    }
    grove_channel_close(other);
}

/* ---- the kernel's call that hands the processor over, played by two of Linux's ---- */

static int set_up_handed_over(void **state) {
    return hand_over_play_begin() == 0 ? set_up(state) : -1;
}

static int tear_down_handed_over(void **state) {
    int status = tear_down(state);
    return hand_over_play_end() == 0 ? status : -1;
}

/* Who finds the other awake has nothing to hand over: that may be so now and then, but not always. */
static void test_a_call_hands_over_both_ways(void **state) {
    for (unsigned round = 0; round < 100; round++)
        expect_answer(*state, ECHO, "x", "x");
    assert_true(hand_over_play_count(true) > 0);
    assert_true(hand_over_play_count(false) > 0);
}

#define WORLD_TEST(name) \
    cmocka_unit_test_setup_teardown(name, set_up, tear_down), \
        {#name " (handed over)", name, set_up_handed_over, tear_down_handed_over, NULL}, \
        {#name " (one word)", name, set_up_one_word, tear_down, NULL}, { \
#name " (epoll)", name, set_up_epoll, tear_down, NULL \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_call_hands_over_both_ways, set_up_handed_over, tear_down_handed_over),
        WORLD_TEST(test_call_is_answered),
        WORLD_TEST(test_every_priority_is_answered),
        WORLD_TEST(test_failure_carries_its_sentence_and_origin),
        WORLD_TEST(test_deferred_request_is_answered_later),
        WORLD_TEST(test_loan_goes_and_comes_back),
        WORLD_TEST(test_slice_is_handed_back_in_part),
        WORLD_TEST(test_one_way_messages_all_arrive),
        WORLD_TEST(test_bad_arguments_are_explained),
        WORLD_TEST(test_refusal_names_the_line_that_grants),
        WORLD_TEST(test_life_cycle_is_answered),
        WORLD_TEST(test_highest_lane_is_served_first),
        WORLD_TEST(test_full_lane_is_refused_at_the_deadline),
        WORLD_TEST(test_calls_not_waited_for_are_told),
        WORLD_TEST(test_call_not_waited_for_times_out),
        WORLD_TEST(test_close_cancels_what_waits),
        WORLD_TEST(test_call_ends_when_the_server_is_destroyed),
        WORLD_TEST(test_unanswered_kernel_request_times_out),
        WORLD_TEST(test_trace_reports_each_step),
        WORLD_TEST(test_many_clients_are_served),
        WORLD_TEST(test_calls_and_notices_are_both_heard),
        WORLD_TEST(test_the_client_that_stays_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
