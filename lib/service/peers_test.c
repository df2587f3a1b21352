/*
 * What a peer, or the kernel, may do to the other end: not read its replies, keep what was lent to it, write garbage over
 * all it can write, die before its answer comes, turn a program away, or be killed. Each costs an error at most.
 */
#include "lib/session/client.h"
#include "lib/testing/fake_kernel.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ECHO = 1, LEND = 2, HOLD = 3, LET_GO = 4, LARGE = 5 };
#define LONG_TIMEOUT_NS (60 * GROVE_SECOND) /* a test that reaches it has failed */
#define LENT_BYTES (256u << 10)
#define LARGE_BYTES 20000u
#define ARENA_BYTES (1u << 20)

struct world {
    struct fake_kernel *kernel;
    pthread_t server;
    int port;
    unsigned handled; /* read by the other thread */
    struct grove_request *held;
};

/* ---- the service ---- */

static void count(struct world *world) {
    __atomic_add_fetch(&world->handled, 1, __ATOMIC_SEQ_CST);
}

static int on_echo(struct grove_request *request, void *context) {
    count(context);
    return grove_request_wants_reply(request)
               ? grove_reply(request, grove_request_data(request), grove_request_bytes(request))
               : 0;
}

static int on_large(struct grove_request *request, void *context) {
    static const uint8_t block[LARGE_BYTES];
    count(context);
    return grove_reply(request, block, sizeof block);
}

static int on_lend(struct grove_request *request, void *context) {
    struct grove_loan loan;
    count(context);
    int status = grove_request_loan(request, LENT_BYTES, LONG_TIMEOUT_NS, &loan);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error())
                      : grove_reply_loan(request, NULL, 0, &loan);
}

static int on_hold(struct grove_request *request, void *context) {
    struct world *world = context;
    world->held = request;
    count(world);
    return grove_request_defer(request);
}

static int on_let_go(struct grove_request *request, void *context) {
    struct world *world = context;
    (void)request;
    int status = grove_reply(world->held, "late", 4);
    grove_request_finish(world->held);
    return status;
}

static struct grove_session *open_session(int port) {
    struct grove_session *session = NULL;
    assert_int_equal(grove_session_open(&(struct grove_session_options){.descriptor = port}, &session), 0);
    return session;
}

static void *serve(void *context) {
    struct world *world = context;
    struct grove_service *service;
    struct grove_session *session = open_session(world->port);
    assert_int_equal(grove_service_create(&(struct grove_service_options){.session = session}, &service), 0);
    grove_service_on(service, "greeter", ECHO, on_echo, world);
    grove_service_on(service, "greeter", LARGE, on_large, world);
    grove_service_on(service, "greeter", LEND, on_lend, world);
    grove_service_on(service, "greeter", HOLD, on_hold, world);
    grove_service_on(service, "greeter", LET_GO, on_let_go, world);
    assert_int_equal(grove_service_run(service), 0);
    grove_service_destroy(service);
    grove_session_close(session);
    return NULL;
}

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof *world);
    world->kernel = fake_kernel_start();
    world->port = fake_kernel_add(world->kernel, "greeter", "greeter");
    assert_int_equal(pthread_create(&world->server, NULL, serve, world), 0);
    fake_kernel_await_report(world->kernel, "greeter", GROVE_REPORT_READY);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    fake_kernel_notice(world->kernel, "greeter", GROVE_NOTICE_STOP, 0);
    pthread_join(world->server, NULL);
    fake_kernel_stop(world->kernel);
    free(world);
    return 0;
}

static struct grove_channel *connect_channel(struct grove_session *session, uint64_t lane_bytes) {
    struct grove_connect_options options = {
        .session = session, .lane_bytes = {lane_bytes, lane_bytes, lane_bytes}, .arena_bytes = ARENA_BYTES};
    struct grove_channel *channel;
    assert_int_equal(grove_connect_with("greeter", &options, &channel), 0);
    return channel;
}

static int call(struct grove_channel *channel, uint32_t method, struct grove_answer *answer) {
    return grove_call(channel, &(struct grove_call){.method = method, .timeout_ns = LONG_TIMEOUT_NS}, answer);
}

struct told {
    unsigned count;
    int worst, last;
    size_t length_bytes;
    uint64_t number;
};

static void on_answer(int status, const struct grove_answer *answer, void *context) {
    struct told *told = context;
    told->count++;
    told->last = status;
    told->worst = status < told->worst ? status : told->worst;
    told->length_bytes = answer->length_bytes;
}

static void dispatch_until(struct grove_session *session, const struct told *told, unsigned count) {
    while (told->count < count)
        assert_int_equal(grove_session_dispatch(session, LONG_TIMEOUT_NS), 0);
}

static void await_handled(struct world *world, unsigned count) {
    while (__atomic_load_n(&world->handled, __ATOMIC_SEQ_CST) < count)
        sched_yield();
}

/* ---- slow readers ---- */

/*
 * The lane holds three of the replies, the service's list a MiB, which is 53 more; then it must stop taking, serve the others, and go on
 * when there is room.
 */
static void test_replies_wait_for_a_client_that_does_not_read(void **state) {
    enum { CALLS = 100, KEPT = 3 + 53 };
    struct world *world = *state;
    struct grove_session *session = open_session(fake_kernel_add(world->kernel, "slow", NULL));
    struct grove_session *other = open_session(fake_kernel_add(world->kernel, "other", NULL));
    struct grove_channel *channel = connect_channel(session, 1 << 16), *quick = connect_channel(other, 1 << 16);
    struct told told = {0};
    struct grove_call large = {.method = LARGE, .timeout_ns = LONG_TIMEOUT_NS};
    for (unsigned i = 0; i < CALLS; i++)
        assert_int_equal(grove_call_start(channel, &large, on_answer, &told), 0);
    await_handled(world, KEPT);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(call(quick, ECHO, NULL), 0);
    assert_int_equal(__atomic_load_n(&world->handled, __ATOMIC_SEQ_CST), KEPT + 10); /* and no more than that is kept */
    dispatch_until(session, &told, CALLS);
    assert_int_equal(told.worst, 0);
    assert_int_equal(told.length_bytes, LARGE_BYTES);
    grove_channel_close(quick);
    grove_channel_close(channel);
    grove_session_close(other);
    grove_session_close(session);
}

/* The client keeps all that the arena can lend: the handler waits for room, and goes on when one answer is released. */
static void test_loan_waits_for_the_client_to_release(void **state) {
    enum { HELD = ARENA_BYTES / LENT_BYTES };
    struct world *world = *state;
    struct grove_session *session = open_session(fake_kernel_add(world->kernel, "client", NULL));
    struct grove_channel *channel = connect_channel(session, 1 << 16);
    struct grove_answer held[HELD];
    struct told told = {0};
    for (unsigned i = 0; i < HELD; i++)
        assert_int_equal(call(channel, LEND, &held[i]), 0);
    struct grove_call one_more = {.method = LEND, .timeout_ns = LONG_TIMEOUT_NS};
    assert_int_equal(grove_call_start(channel, &one_more, on_answer, &told), 0);
    await_handled(world, HELD + 1); /* it is in its handler, where nothing but room lets it go on */
    grove_answer_release(&held[1]);
    grove_answer_release(&held[0]);
    dispatch_until(session, &told, 1);
    assert_int_equal(told.last, 0);
    for (unsigned i = 2; i < HELD; i++)
        grove_answer_release(&held[i]);
    grove_channel_close(channel);
    grove_session_close(session);
}

/* ---- malice ---- */

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Garbage over all that a client can write: at times only positions, at times records behind positions that make sense. */
static void scribble(struct grove_channel *channel, uint64_t *seed) {
    struct attachment *base = &channel->base;
    struct grove_control *control = base->own;
    uint64_t kind = next_random(seed) % 4;
    for (unsigned i = 0; i < 200; i++) {
        uint64_t place = kind == 0 ? next_random(seed) % sizeof *control : next_random(seed) % base->layout.total_bytes;
        ((uint8_t *)base->own)[place] = (uint8_t)next_random(seed);
    }
    uint64_t lane = next_random(seed) % GROVE_LANES;
    uint8_t *records = (uint8_t *)base->own + base->layout.lane_offset_bytes[lane];
    if (kind >= 2) {
        static const uint32_t methods[] = {0, ECHO, LARGE}; /* not those that wait for the client to go on */
        struct grove_record record = {.size_bytes = 64,
                                      .length_bytes = (uint32_t)(next_random(seed) % 40),
                                      .number = next_random(seed),
                                      .method = methods[next_random(seed) % 3],
                                      .kind = (uint8_t)(next_random(seed) % 8),
                                      .flags = kind == 3,
                                      .slices = (uint16_t)(next_random(seed) % 3)};
        memcpy(records + control->out[lane].write_position % base->layout.lane_bytes[lane], &record, sizeof record);
        __atomic_store_n(&control->out[lane].write_position, control->out[lane].write_position + 64, __ATOMIC_SEQ_CST);
    }
    control->signal++;
}

/* A hostile client is turned away or ignored; an honest one beside it is answered every time. */
static void test_scribbling_client_harms_nobody(void **state) {
    struct world *world = *state;
    uint64_t seed = 88172645463325252u;
    struct grove_session *session = open_session(fake_kernel_add(world->kernel, "hostile", NULL));
    struct grove_session *other = open_session(fake_kernel_add(world->kernel, "honest", NULL));
    struct grove_channel *honest = connect_channel(other, 1 << 16);
    for (unsigned round = 0; round < 150; round++) {
        struct grove_channel *hostile = connect_channel(session, 1 << 12);
        for (unsigned i = 0; i < 4; i++) {
            scribble(hostile, &seed);
            struct grove_answer answer;
            struct grove_call echo = {.method = ECHO, .data = "me", .length_bytes = 2, .timeout_ns = LONG_TIMEOUT_NS};
            assert_int_equal(grove_call(honest, &echo, &answer), 0); /* the service has had its turn on both */
            assert_memory_equal(answer.data, "me", 2);
            grove_answer_release(&answer);
        }
        grove_channel_close(hostile);
    }
    grove_channel_close(honest);
    grove_session_close(other);
    grove_session_close(session);
}

/* ---- an instance that is gone when its answer comes ---- */

static void on_orphan(uint64_t number, int status, const struct grove_answer *answer, void *context) {
    struct told *told = context;
    told->number = number;
    on_answer(status, answer, told);
}

static void test_next_instance_gets_the_orphan_answer(void **state) {
    struct world *world = *state;
    int port = fake_kernel_add(world->kernel, "client", NULL);
    pid_t first = fork();
    if (first == 0) {
        struct told told = {0};
        struct grove_channel *channel = connect_channel(open_session(port), 1 << 16);
        struct grove_call hold = {.method = HOLD, .timeout_ns = LONG_TIMEOUT_NS};
        _exit(grove_call_start(channel, &hold, on_answer, &told) < 0);
    }
    close(port);
    int ended = 1;
    assert_int_equal(waitpid(first, &ended, 0), first);
    assert_int_equal(ended, 0);
    await_handled(world, 1);

    struct told told = {0};
    struct grove_session *session = open_session(fake_kernel_restart(world->kernel, "client"));
    struct grove_channel *channel = connect_channel(session, 1 << 16);
    assert_true(grove_channel_is_resumed(channel));
    grove_channel_on_orphan(channel, on_orphan, &told);
    assert_int_equal(call(channel, LET_GO, NULL), 0);
    dispatch_until(session, &told, 1);
    assert_int_equal(told.last, 0);
    assert_int_equal(told.length_bytes, 4);
    assert_int_equal(told.number, 1);
    assert_int_equal(grove_session_dispatch(session, 0), GROVE_TIMED_OUT); /* told once */
    assert_int_equal(told.count, 1);
    grove_channel_close(channel);
    grove_session_close(session);
}

/* ---- the kernel ---- */

static void test_turned_away_with_a_sentence(void **state) {
    static const struct {
        int status;
        const char *word;
    } cases[] = {{GROVE_DENIED, "user"},
                 {GROVE_EXHAUSTED, "shells"},
                 {GROVE_NO_DESCRIPTORS, "descriptor"},
                 {GROVE_NO_MEMORY, "memory"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int ends[2];
        struct grove_session *session = NULL;
        struct grove_message init = {
            .version = GROVE_PORT_VERSION, .operation = GROVE_NOTICE_INIT, .status = cases[i].status};
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
        assert_int_equal(send(ends[0], &init, sizeof init, 0), sizeof init);
        assert_int_equal(grove_session_open(&(struct grove_session_options){.descriptor = ends[1]}, &session),
                         cases[i].status);
        assert_non_null(strstr(grove_last_error(), cases[i].word));
        close(ends[0]);
    }
}

static void *kill_kernel(void *context) {
    struct world *world = context;
    fake_kernel_await_request(world->kernel, "client", GROVE_REQUEST_CHANNEL_ATTACHED);
    fake_kernel_stop(world->kernel); /* like a kill: nobody is told, the ports hang up */
    return NULL;
}

/* A call, and a run loop, that wait when the kernel is killed end long before their deadlines. */
static void expect_closed(bool has_peer, bool is_call) {
    struct world world = {.kernel = fake_kernel_start()};
    int port = fake_kernel_add(world.kernel, "greeter", "greeter");
    struct grove_session *session = open_session(fake_kernel_add_shell(world.kernel, "client"));
    struct grove_session *peer = has_peer ? open_session(port) : NULL;
    struct grove_service *service = NULL;
    struct told told = {0};
    pthread_t killer;
    if (has_peer) {
        assert_int_equal(grove_service_create(&(struct grove_service_options){.session = peer}, &service), 0);
        grove_service_on(service, "greeter", ECHO, on_echo, &world);
    }
    struct grove_channel *channel = connect_channel(session, 1 << 16);
    if (has_peer) { /* it attaches, and then looks at nothing any more */
        assert_int_equal(grove_service_dispatch(service, LONG_TIMEOUT_NS), 0);
        fake_kernel_await_request(world.kernel, "greeter", GROVE_REQUEST_CHANNEL_ATTACHED);
    }
    struct grove_call echo = {.method = ECHO, .timeout_ns = LONG_TIMEOUT_NS};
    int status = 0;
    if (!is_call)
        assert_int_equal(grove_call_start(channel, &echo, on_answer, &told), 0);
    assert_int_equal(pthread_create(&killer, NULL, kill_kernel, &world), 0);
    if (is_call) {
        status = grove_call(channel, &echo, NULL);
    } else {
        while (status == 0)
            status = grove_session_dispatch(session, LONG_TIMEOUT_NS);
    }
    assert_int_equal(status, GROVE_CLOSED);
    assert_non_null(strstr(grove_last_error(), "kernel"));
    pthread_join(killer, NULL);
    grove_channel_close(channel);
    grove_session_close(session);
    if (!has_peer)
        close(port);
    grove_service_destroy(service);
    grove_session_close(peer);
}

static void test_call_ends_when_the_kernel_is_killed(void **state) {
    (void)state;
    expect_closed(false, true);
    expect_closed(true, true);
}

static void test_run_loop_ends_when_the_kernel_is_killed(void **state) {
    (void)state;
    expect_closed(false, false);
    expect_closed(true, false);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_replies_wait_for_a_client_that_does_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loan_waits_for_the_client_to_release, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scribbling_client_harms_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_next_instance_gets_the_orphan_answer, set_up, tear_down),
        cmocka_unit_test(test_turned_away_with_a_sentence),
        cmocka_unit_test(test_call_ends_when_the_kernel_is_killed),
        cmocka_unit_test(test_run_loop_ends_when_the_kernel_is_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
