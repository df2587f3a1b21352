/*
 * What a service puts off is done before it sleeps: calls that wait are gathered and answered together, one that comes
 * alone is answered at once, and a flood of other messages does not put them off for ever.
 */
#include "lib/testing/fake_kernel.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GATHER = 1, OTHER = 2 };
#define CALLS 20u

struct world {
    struct fake_kernel *kernel;
    struct grove_session *session;
    struct grove_channel *channel;
    pthread_t server;
    int server_port;
    struct grove_request *waiting[64];
    unsigned count, rests;
    unsigned others, others_before_rest; /* since something was put off; the most there were */
};

static struct grove_session *open_session(int port) {
    struct grove_session *session = NULL;
    assert_int_equal(grove_session_open(&(struct grove_session_options){.descriptor = port}, &session), 0);
    return session;
}

static int on_gather(struct grove_request *request, void *context) {
    struct world *world = context;
    if (world->count == 0)
        world->others = 0;
    world->waiting[world->count++] = request;
    return grove_request_defer(request);
}

static int on_other(struct grove_request *request, void *context) {
    struct world *world = context;
    (void)request;
    world->others++;
    return 0;
}

static bool on_rest(struct grove_service *service, void *context) {
    struct world *world = context;
    bool has_any = world->count > 0;
    (void)service;
    world->rests++;
    if (has_any && world->others > world->others_before_rest)
        world->others_before_rest = world->others;
    while (world->count > 0) {
        struct grove_request *request = world->waiting[--world->count];
        assert_int_equal(grove_reply(request, "done", 4), 0);
        grove_request_finish(request);
    }
    return has_any;
}

static void *serve(void *context) {
    struct world *world = context;
    struct grove_session *session = open_session(world->server_port);
    struct grove_service *service = NULL;
    assert_int_equal(grove_service_create(&(struct grove_service_options){.session = session}, &service), 0);
    grove_service_on(service, "gatherer", GATHER, on_gather, world);
    grove_service_on(service, "gatherer", OTHER, on_other, world);
    grove_service_on_rest(service, on_rest, world);
    assert_int_equal(grove_service_run(service), 0);
    grove_service_destroy(service);
    grove_session_close(session);
    return NULL;
}

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    world->kernel = fake_kernel_start();
    world->server_port = fake_kernel_add(world->kernel, "gatherer", "gatherer");
    world->session = open_session(fake_kernel_add(world->kernel, "client", NULL));
    assert_int_equal(pthread_create(&world->server, NULL, serve, world), 0);
    fake_kernel_await_report(world->kernel, "gatherer", GROVE_REPORT_READY);
    struct grove_connect_options options = {.session = world->session};
    assert_int_equal(grove_connect_with("gatherer", &options, &world->channel), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    grove_channel_close(world->channel);
    fake_kernel_notice(world->kernel, "gatherer", GROVE_NOTICE_STOP, 0);
    pthread_join(world->server, NULL);
    grove_session_close(world->session);
    fake_kernel_stop(world->kernel);
    free(world);
    return 0;
}

static void count_answer(int status, const struct grove_answer *answer, void *context) {
    (void)answer;
    *(unsigned *)context += status == 0;
}

static void start_calls(struct world *world, unsigned count, unsigned *answered) {
    struct grove_call call = {.method = GATHER, .timeout_ns = 10 * GROVE_SECOND};
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(grove_call_start(world->channel, &call, count_answer, answered), 0);
}

static void await(struct world *world, const unsigned *answered, unsigned count) {
    while (*answered < count)
        assert_int_equal(grove_session_dispatch(world->session, 10 * GROVE_SECOND), 0);
}

static void one_is_answered_at_once(void **state) {
    struct world *world = *state;
    struct grove_call call = {.method = GATHER, .timeout_ns = 10 * GROVE_SECOND};
    for (unsigned i = 0; i < 200; i++) {
        struct grove_answer answer;
        assert_int_equal(grove_call(world->channel, &call, &answer), 0);
        grove_answer_release(&answer);
    }
}

/* They lie in the lane before the service takes the first: it is quiesced meanwhile. */
static void those_that_wait_are_gathered(void **state) {
    struct world *world = *state;
    unsigned answered = 0;
    fake_kernel_notice(world->kernel, "gatherer", GROVE_NOTICE_QUIESCE, 0);
    fake_kernel_await_report(world->kernel, "gatherer", GROVE_REPORT_QUIESCED);
    unsigned rests = world->rests;
    start_calls(world, CALLS, &answered);
    fake_kernel_notice(world->kernel, "gatherer", GROVE_NOTICE_RESUME, 0);
    await(world, &answered, CALLS);
    assert_true(world->rests - rests < CALLS);
}

static void a_flood_does_not_put_them_off(void **state) {
    struct world *world = *state;
    unsigned answered = 0;
    struct grove_call other = {.method = OTHER, .timeout_ns = 10 * GROVE_SECOND};
    fake_kernel_notice(world->kernel, "gatherer", GROVE_NOTICE_QUIESCE, 0);
    fake_kernel_await_report(world->kernel, "gatherer", GROVE_REPORT_QUIESCED);
    start_calls(world, 1, &answered);
    for (unsigned i = 0; i < 500; i++)
        assert_int_equal(grove_send(world->channel, &other), 0);
    fake_kernel_notice(world->kernel, "gatherer", GROVE_NOTICE_RESUME, 0);
    await(world, &answered, 1);
    assert_int_equal(grove_channel_flush(world->channel, 10 * GROVE_SECOND), 0);
    assert_true(world->others_before_rest <= 64);
}

int main(void) {
#define REST_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        REST_TEST(one_is_answered_at_once),
        REST_TEST(those_that_wait_are_gathered),
        REST_TEST(a_flood_does_not_put_them_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
