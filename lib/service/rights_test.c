/*
 * What a service hears when it asks what its client may do: a yes is kept until something is revoked, a no never.
 */
#include "lib/testing/fake_kernel.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAY = 1, HOLDS = 2, MAY_LATER = 3 };

/* What the client asks the service to ask about itself. */
struct question {
    uint16_t kind;
    bool is_whole; /* everything of the kind */
    char text[600];
    uint64_t quantity; /* HOLDS */
};

struct world {
    struct fake_kernel *kernel;
    struct grove_session *client_session;
    struct grove_channel *channel;
    pthread_t server;
    int server_port;
};

static struct grove_session *open_session(int port) {
    struct grove_session *session = NULL;
    assert_int_equal(grove_session_open(&(struct grove_session_options){.descriptor = port}, &session), 0);
    return session;
}

/* ---- the service ---- */

static int ask_may(struct grove_request *request) {
    const struct question *question = grove_request_data(request);
    int status = grove_request_client_may(request, question->kind, question->is_whole ? NULL : question->text);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : 0;
}

static int on_may(struct grove_request *request, void *context) {
    (void)context;
    return ask_may(request);
}

static int on_holds(struct grove_request *request, void *context) {
    const struct question *question = grove_request_data(request);
    struct grove_capability capability = {.kind = question->kind};
    (void)context;
    capability.argument.kind = GROVE_ARGUMENT_QUANTITY;
    capability.argument.value.quantity = question->quantity;
    int status = grove_request_client_holds(request, &capability);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : 0;
}

static struct grove_request *deferred;

static void ask_late(struct grove_service *service, void *context) {
    (void)service;
    (void)context;
    if (ask_may(deferred) == 0)
        grove_reply(deferred, NULL, 0);
    grove_request_finish(deferred);
}

static int on_may_later(struct grove_request *request, void *context) {
    deferred = request;
    assert_int_equal(grove_request_defer(request), 0);
    return grove_service_after(*(struct grove_service **)context, GROVE_MILLISECOND, ask_late, NULL, NULL);
}

static void *serve(void *context) {
    struct world *world = context;
    struct grove_session *session = open_session(world->server_port);
    struct grove_service *service;
    assert_int_equal(grove_service_create(&(struct grove_service_options){.session = session}, &service), 0);
    grove_service_on(service, "keeper", MAY, on_may, NULL);
    grove_service_on(service, "keeper", HOLDS, on_holds, NULL);
    grove_service_on(service, "keeper", MAY_LATER, on_may_later, &service);
    assert_int_equal(grove_service_run(service), 0);
    grove_service_destroy(service);
    grove_session_close(session);
    return NULL;
}

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    world->kernel = fake_kernel_start();
    world->server_port = fake_kernel_add(world->kernel, "keeper", "keeper");
    world->client_session = open_session(fake_kernel_add(world->kernel, "client", NULL));
    assert_int_equal(pthread_create(&world->server, NULL, serve, world), 0);
    fake_kernel_await_report(world->kernel, "keeper", GROVE_REPORT_READY);
    struct grove_connect_options options = {.session = world->client_session};
    assert_int_equal(grove_connect_with("keeper", &options, &world->channel), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    grove_channel_close(world->channel);
    fake_kernel_notice(world->kernel, "keeper", GROVE_NOTICE_STOP, 0);
    pthread_join(world->server, NULL);
    grove_session_close(world->client_session);
    fake_kernel_stop(world->kernel);
    free(world);
    return 0;
}

/* ---- tests ---- */

static int ask(struct world *world, uint32_t method, const struct question *question) {
    struct grove_call call = {
        .method = method, .data = question, .length_bytes = sizeof *question, .timeout_ns = 10 * GROVE_SECOND};
    return grove_call(world->channel, &call, NULL);
}

static int may(struct world *world, uint16_t kind, const char *text) {
    struct question question = {.kind = kind, .is_whole = text == NULL};
    snprintf(question.text, sizeof question.text, "%s", text != NULL ? text : "");
    return ask(world, MAY, &question);
}

static unsigned checks(const struct world *world) {
    return fake_kernel_count_requests(world->kernel, "keeper", GROVE_REQUEST_CAPABILITY_CHECK);
}

static void test_a_yes_is_kept(void **state) {
    struct world *world = *state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(may(world, GROVE_CAP_STORE_READ, "grid.a"), 0);
    assert_int_equal(checks(world), 1);
    /* Whatever differs is asked. */
    assert_int_equal(may(world, GROVE_CAP_STORE_WRITE, "grid.a"), 0);
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, "grid.b"), 0);
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, "grid.aa"), 0);
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, NULL), 0);
    assert_int_equal(checks(world), 5);
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, NULL), 0);
    assert_int_equal(checks(world), 5);
}

static void test_a_revocation_ends_every_yes(void **state) {
    struct world *world = *state;
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, "grid.a"), 0);
    assert_int_equal(may(world, GROVE_CAP_BUS_PUB, "grid.b"), 0);
    fake_kernel_set_poor(world->kernel, "client", true);
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, "grid.a"), GROVE_DENIED);
    assert_int_equal(may(world, GROVE_CAP_BUS_PUB, "grid.b"), GROVE_DENIED);
    assert_int_equal(checks(world), 4);
}

static void test_a_no_is_not_kept_and_explains_itself(void **state) {
    struct world *world = *state;
    fake_kernel_set_poor(world->kernel, "client", true);
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, "grid.a"), GROVE_DENIED);
    assert_non_null(strstr(grove_last_error(), "test.client may not"));
    assert_non_null(strstr(grove_last_error(), "add `- STORE_READ:grid.a` to `capabilities:`"));
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, "grid.a"), GROVE_DENIED);
    assert_int_equal(checks(world), 2);
    fake_kernel_set_poor(world->kernel, "client", false);
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, "grid.a"), 0);
}

/* More than there are places for: what is answered is still right, for each of them. */
static void test_many_things_are_asked(void **state) {
    struct world *world = *state;
    char text[32];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 200; i++) {
            snprintf(text, sizeof text, "grid.n%d", i);
            assert_int_equal(may(world, GROVE_CAP_STORE_READ, text), 0);
        }
    assert_true(checks(world) >= 200);
    fake_kernel_set_poor(world->kernel, "client", true);
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "grid.n%d", i);
        assert_int_equal(may(world, GROVE_CAP_STORE_READ, text), GROVE_DENIED);
    }
}

static void test_quantities_are_told_apart(void **state) {
    struct world *world = *state;
    struct question small = {.kind = GROVE_CAP_SHM_CREATE, .quantity = 1};
    struct question large = {.kind = GROVE_CAP_SHM_CREATE, .quantity = UINT64_C(1) << 40};
    assert_int_equal(ask(world, HOLDS, &small), 0);
    assert_int_equal(ask(world, HOLDS, &small), 0);
    assert_int_equal(checks(world), 1);
    assert_int_equal(ask(world, HOLDS, &large), 0);
    assert_int_equal(checks(world), 2);
    small.kind = GROVE_CAP_STORE_READ; /* which takes a pattern */
    assert_int_equal(ask(world, HOLDS, &small), GROVE_INVALID);
    assert_int_equal(checks(world), 2);
}

static void test_a_deferred_request_can_ask(void **state) {
    struct world *world = *state;
    struct question question = {.kind = GROVE_CAP_CONFIG_READ, .text = "grid.alarm"};
    assert_int_equal(ask(world, MAY_LATER, &question), 0);
    assert_int_equal(may(world, GROVE_CAP_CONFIG_READ, "grid.alarm"), 0);
    assert_int_equal(checks(world), 1);
    fake_kernel_set_poor(world->kernel, "client", true);
    assert_int_equal(ask(world, MAY_LATER, &question), GROVE_DENIED);
}

static void test_malformed_questions_reach_no_kernel(void **state) {
    struct world *world = *state;
    char longest[520];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, "grid..a"), GROVE_INVALID);
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, ""), GROVE_INVALID);
    assert_int_equal(may(world, GROVE_CAP_STORE_READ, longest), GROVE_INVALID);
    assert_int_equal(may(world, GROVE_CAP_FS_READ, "data"), GROVE_INVALID);
    assert_int_equal(may(world, GROVE_CAP_NET_BIND, "127.0.0.1:80"), GROVE_INVALID);
    assert_int_equal(may(world, GROVE_CAP_CHANNEL, NULL), GROVE_INVALID);
    assert_int_equal(may(world, GROVE_CAP_NONE, NULL), GROVE_INVALID);
    assert_int_equal(checks(world), 0);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_a_yes_is_kept),
        WORLD_TEST(test_a_revocation_ends_every_yes),
        WORLD_TEST(test_a_no_is_not_kept_and_explains_itself),
        WORLD_TEST(test_many_things_are_asked),
        WORLD_TEST(test_quantities_are_told_apart),
        WORLD_TEST(test_a_deferred_request_can_ask),
        WORLD_TEST(test_malformed_questions_reach_no_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
