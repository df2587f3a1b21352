/*
 * Sessions against a kernel that breaks the rules, restarts of either end, and timers: what may come in from outside costs
 * an error with a sentence and never more.
 */
#include "lib/service/timer.h"
#include "lib/testing/fake_kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static unsigned open_descriptors(void) {
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static struct grove_session *open_session(int port) {
    struct grove_session *session = NULL;
    assert_int_equal(grove_session_open(&(struct grove_session_options){.descriptor = port}, &session), 0);
    return session;
}

/* ---- opening ---- */

static int open_after(const void *packet, size_t size_bytes) {
    int ends[2];
    struct grove_session *session = NULL;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    if (size_bytes > 0)
        assert_int_equal(send(ends[0], packet, size_bytes, 0), size_bytes);
    close(ends[0]);
    int status = grove_session_open(&(struct grove_session_options){.descriptor = ends[1]}, &session);
    assert_null(session);
    return status;
}

static void test_broken_greetings_are_explained(void **state) {
    (void)state;
    struct grove_message message = {.version = GROVE_PORT_VERSION, .operation = GROVE_NOTICE_INIT};
    unsigned before = open_descriptors();
    assert_int_equal(open_after(&message, 0), GROVE_CLOSED);
    assert_int_equal(open_after(&message, sizeof message), GROVE_CORRUPT); /* no kernel page */
    assert_int_equal(open_after(&message, 7), GROVE_CORRUPT);
    message.operation = GROVE_NOTICE_PING;
    assert_int_equal(open_after(&message, sizeof message), GROVE_CORRUPT); /* INIT must come first */
    message.version = 9;
    assert_int_equal(open_after(&message, sizeof message), GROVE_VERSION);
    assert_non_null(strstr(grove_last_error(), "version 9"));
    message = (struct grove_message){.version = GROVE_PORT_VERSION, .operation = GROVE_NOTICE_INIT, .objects = 1};
    assert_int_equal(open_after(&message, sizeof message), GROVE_CORRUPT); /* promises a descriptor */
    assert_int_equal(open_descriptors(), before);
}

static void test_missing_kernel_is_explained(void **state) {
    (void)state;
    struct grove_session *session = NULL;
    struct grove_session_options options = {.path = "/nonexistent/kernel.sock", .descriptor = -1};
    assert_int_equal(grove_session_open(&options, &session), GROVE_NOT_FOUND);
    assert_non_null(strstr(grove_last_error(), "grove up"));
    options = (struct grove_session_options){.descriptor = STDIN_FILENO};
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    options.descriptor = file;
    assert_int_equal(grove_session_open(&options, &session), GROVE_INVALID);
    close(file);
    char path[300];
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    options = (struct grove_session_options){.path = path, .descriptor = -1};
    assert_int_equal(grove_session_open(&options, &session), GROVE_INVALID);
}

/* ---- a kernel that talks nonsense later ---- */

static int make_memory(size_t size_bytes, int seals) {
    int memory = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(memory >= 0);
    assert_int_equal(ftruncate(memory, (off_t)size_bytes), 0);
    if (seals != 0)
        assert_int_equal(fcntl(memory, F_ADD_SEALS, seals), 0);
    return memory;
}

static void test_unknown_packets_cost_nothing(void **state) {
    (void)state;
    struct fake_kernel *kernel = fake_kernel_start();
    struct grove_session *session = open_session(fake_kernel_add(kernel, "client", NULL));
    unsigned before = open_descriptors();
    int memory = make_memory(4096, 0);
    int objects[4] = {memory, memory, memory, memory};
    for (unsigned operation = 0; operation < 200; operation++) {
        struct grove_message message = {
            .version = GROVE_PORT_VERSION, .operation = (uint16_t)operation, .objects = 4, .sequence = operation % 3};
        memset(&message.body, (int)operation, sizeof message.body);
        if (operation == GROVE_NOTICE_CHANNEL_NEW)
            continue;
        fake_kernel_say(kernel, "client", &message, sizeof message, objects, 4);
        int status = grove_session_dispatch(session, 0);
        assert_true(status == 0 || status == GROVE_TIMED_OUT);
    }
    close(memory);
    assert_int_equal(open_descriptors(), before);
    grove_session_close(session);
    fake_kernel_stop(kernel);
}

/* CHANNEL_NEW with memory and layouts that are wrong in every way: refused, and nothing is mapped or left open. */
static void test_broken_channels_are_turned_away(void **state) {
    (void)state;
    static const struct {
        size_t size_bytes;
        int seals;
        uint64_t total_bytes, lane_bytes;
    } broken[] = {
        {4096, F_SEAL_SHRINK, 1 << 20, 4096}, /* smaller than its layout */
        {1 << 20, 0, 1 << 20, 4096}, /* may shrink under us */
        {1 << 20, F_SEAL_SHRINK, 1 << 20, 5000}, /* no power of two */
        {1 << 20, F_SEAL_SHRINK, 16384, 1 << 19}, /* lanes beyond the end */
        {1 << 20, F_SEAL_SHRINK, 0, 4096}, /* empty */
        {1 << 20, F_SEAL_SHRINK, UINT64_MAX, 4096},
    };
    struct fake_kernel *kernel = fake_kernel_start();
    struct grove_session *session = open_session(fake_kernel_add(kernel, "greeter", "greeter"));
    struct grove_service *service;
    assert_int_equal(grove_service_create(&(struct grove_service_options){.session = session}, &service), 0);
    assert_int_equal(grove_service_on(service, "greeter", 1, (grove_handler *)(uintptr_t)abort, NULL), 0);
    grove_service_dispatch(service, 0);
    unsigned before = open_descriptors();
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct grove_message message = {
            .version = GROVE_PORT_VERSION, .operation = GROVE_NOTICE_CHANNEL_NEW, .objects = 1};
        message.body.channel_new.channel = (struct grove_channel_reply){.channel = 100 + i};
        message.body.channel_new.channel.layout = (struct grove_channel_layout){
            .lane_offset_bytes = {16384, 32768, 65536},
            .lane_bytes = {broken[i].lane_bytes, broken[i].lane_bytes, broken[i].lane_bytes},
            .total_bytes = broken[i].total_bytes};
        strcpy(message.body.channel_new.endpoint.text, "test.greeter");
        memset(message.body.channel_new.client.text, 'x', sizeof message.body.channel_new.client.text); /* never ends */
        int memory = make_memory(broken[i].size_bytes, broken[i].seals);
        fake_kernel_say(kernel, "greeter", &message, sizeof message, &memory, 1);
        close(memory);
        assert_int_equal(grove_service_dispatch(service, GROVE_SECOND), 0);
        fake_kernel_await_request(kernel, "greeter", GROVE_REQUEST_CHANNEL_CLOSE);
    }
    assert_int_equal(open_descriptors(), before);
    grove_service_destroy(service);
    grove_session_close(session);
    fake_kernel_stop(kernel);
}

static void test_flood_of_notices_is_bounded(void **state) {
    (void)state;
    struct fake_kernel *kernel = fake_kernel_start();
    struct grove_session *session = open_session(fake_kernel_add(kernel, "client", NULL));
    int status = 0;
    for (int i = 0; i < 200 && status == 0; i++) {
        for (int n = 0; n < 50; n++)
            fake_kernel_notice(kernel, "client", GROVE_NOTICE_BUDGET_WARNING, 0);
        struct grove_message message = {.operation = GROVE_REQUEST_KERNEL_READ}; /* reads all notices on its way */
        status = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, GROVE_SECOND);
    }
    assert_int_equal(status, GROVE_EXHAUSTED);
    grove_session_close(session);
    fake_kernel_stop(kernel);
}

static void test_hang_up_ends_the_run_loop(void **state) {
    (void)state;
    struct fake_kernel *kernel = fake_kernel_start();
    struct grove_session *session = open_session(fake_kernel_add(kernel, "greeter", "greeter"));
    struct grove_service *service;
    assert_int_equal(grove_service_create(&(struct grove_service_options){.session = session}, &service), 0);
    assert_int_equal(grove_service_dispatch(service, 0), GROVE_TIMED_OUT);
    fake_kernel_stop(kernel);
    int descriptor = grove_service_descriptor(service); /* a closed port is only seen by polling it */
    assert_true(descriptor >= 0);
    int status;
    while ((status = grove_service_dispatch(service, GROVE_SECOND)) == 0)
        continue;
    assert_int_equal(status, GROVE_CLOSED);
    grove_service_destroy(service);
    grove_session_close(session);
}

/* ---- requests that are answered later ---- */

struct heard {
    int count, status;
    uint16_t operation;
    char sentence[200];
};

static void on_reply(int status, const struct grove_message *reply, void *context) {
    struct heard *heard = context;
    heard->count++;
    heard->status = status;
    heard->operation = reply->operation;
    snprintf(heard->sentence, sizeof heard->sentence, "%s", grove_last_error());
}

static void test_later_replies_find_their_handlers(void **state) {
    (void)state;
    struct fake_kernel *kernel = fake_kernel_start();
    struct grove_session *session = open_session(fake_kernel_add(kernel, "client", NULL));
    struct heard good = {0}, refused = {0}, never = {0};
    struct grove_message read = {.operation = GROVE_REQUEST_KERNEL_READ};
    struct grove_message derive = {.operation = GROVE_REQUEST_CAPABILITY_DERIVE};
    struct grove_message unanswered = {.operation = GROVE_REQUEST_CAPABILITY_READ};
    assert_int_equal(grove_kernel_request_start(session, &read, NULL, NULL), GROVE_INVALID);
    assert_int_equal(grove_kernel_request_start(session, &unanswered, on_reply, &never), 0);
    assert_int_equal(grove_kernel_request_start(session, &derive, on_reply, &refused), 0);
    assert_int_equal(grove_kernel_request_start(session, &read, on_reply, &good), 0);
    /* A request that is waited for takes its own reply only, and runs no handler meanwhile. */
    struct grove_message waited = {.operation = GROVE_REQUEST_KERNEL_READ};
    assert_int_equal(grove_kernel_request(session, &waited, NULL, 0, NULL, NULL, GROVE_SECOND), 0);
    assert_int_equal(good.count + refused.count, 0);
    while (good.count + refused.count < 2)
        assert_int_equal(grove_session_dispatch(session, 10 * GROVE_SECOND), 0);
    assert_int_equal(good.status, 0);
    assert_int_equal(good.operation, GROVE_REQUEST_KERNEL_READ);
    assert_int_equal(refused.status, GROVE_DENIED);
    assert_non_null(strstr(refused.sentence, "FS_READ:/data"));
    /* A reply to a request that nobody made costs nothing. */
    struct grove_message forged = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_KERNEL_READ, .sequence = (UINT64_C(1) << 62) + 99};
    fake_kernel_say(kernel, "client", &forged, sizeof forged, NULL, 0);
    assert_int_equal(grove_session_dispatch(session, 10 * GROVE_SECOND), 0);
    int status = 0;
    for (unsigned count = 0; count < 300 && status == 0; count++)
        status = grove_kernel_request_start(session, &unanswered, on_reply, &never);
    assert_int_equal(status, GROVE_EXHAUSTED);
    grove_session_close(session);
    assert_int_equal(never.count, 0);
    fake_kernel_stop(kernel);
}

/* ---- an instance that dies ---- */

static int on_dying(struct grove_request *request, void *context) {
    uint32_t *state = context;
    if (grove_request_method(request) == 2 && grove_request_is_redelivered(request))
        _exit(9); /* its reply was published before the death: law 4 lets it run no second time */
    state[0]++;
    state[1] += grove_request_is_redelivered(request);
    if (grove_request_method(request) == 2)
        grove_reply(request, "answered", 8);
    if (!grove_request_is_redelivered(request) && state[0] % 5 == 3) {
        state[2]++;
        _exit(7); /* in the middle of the handler */
    }
    return grove_request_wants_reply(request) && grove_request_method(request) != 2 ? grove_reply(request, "done", 4)
                                                                                    : 0;
}

static _Noreturn void serve_and_die(int port) {
    struct grove_session *session;
    struct grove_service *service;
    struct grove_region *region;
    bool is_fresh;
    if (grove_session_open(&(struct grove_session_options){.descriptor = port}, &session) < 0 ||
        grove_region_state(session, 4096, &region, &is_fresh) < 0)
        _exit(1);
    uint32_t *state = grove_region_data(region, NULL);
    if (grove_service_create(&(struct grove_service_options){.session = session}, &service) < 0 ||
        grove_service_on(service, "greeter", GROVE_METHOD_ANY, on_dying, state) < 0)
        _exit(1);
    _exit(grove_service_run(service) < 0 ? 1 : 0);
}

static pid_t begin(int port, const struct grove_session *other) {
    (void)other;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        serve_and_die(port);
    close(port);
    return child;
}

struct answers {
    unsigned count, failed;
};

static void on_answer(int status, const struct grove_answer *answer, void *context) {
    struct answers *answers = context;
    (void)answer;
    answers->count++;
    answers->failed += status < 0;
}

/* The server dies in its handler, before and after it answered; every call is answered once all the same. */
static void test_calls_outlive_the_server(void **state) {
    (void)state;
    struct fake_kernel *kernel = fake_kernel_start();
    struct answers answers = {0};
    int client_port = fake_kernel_add(kernel, "client", NULL);
    pid_t child = begin(fake_kernel_add(kernel, "greeter", "greeter"), NULL);
    struct grove_session *session = open_session(client_port);
    struct grove_channel *channel;
    struct grove_connect_options options = {.session = session};
    assert_int_equal(grove_connect_with("greeter", &options, &channel), 0);
    for (uint32_t i = 0; i < 40; i++) {
        struct grove_call call = {.method = 1 + i / 4 % 2, .timeout_ns = 20 * GROVE_SECOND};
        assert_int_equal(grove_call_start(channel, &call, on_answer, &answers), 0);
    }
    unsigned deaths = 0;
    while (answers.count < 40) {
        grove_session_dispatch(session, GROVE_MILLISECOND);
        int status;
        if (waitpid(child, &status, WNOHANG) != child)
            continue;
        assert_int_equal(WEXITSTATUS(status), 7);
        deaths++;
        child = begin(fake_kernel_restart(kernel, "greeter"), session);
    }
    assert_int_equal(answers.failed, 0);
    assert_int_equal(answers.count, 40);
    assert_true(deaths > 2);
    grove_channel_close(channel);
    fake_kernel_notice(kernel, "greeter", GROVE_NOTICE_STOP, 0);
    waitpid(child, NULL, 0);
    grove_session_close(session);
    fake_kernel_stop(kernel);
}

/* ---- timers ---- */

static void never(struct grove_service *service, void *context) {
    (void)service;
    (void)context;
}

static void test_timers_come_in_order(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    struct timer due;
    uint32_t numbers[100], cancelled = 0;
    for (uint32_t i = 0; i < 100; i++) {
        struct timer timer = {.due_ns = 1000 + i * 37 % 100, .handler = never};
        assert_int_equal(timer_add(&heap, &timer, &numbers[i]), 0);
    }
    for (uint32_t i = 0; i < 100; i += 3, cancelled++)
        timer_cancel(&heap, numbers[i]);
    for (uint32_t i = 0; i < 100; i += 3)
        timer_cancel(&heap, numbers[i]); /* a second time: hits nobody */
    assert_false(timer_take_due(&heap, 999, &due));
    uint64_t last_ns = 0;
    for (uint32_t i = 0; i < 100 - cancelled; i++) {
        assert_true(timer_take_due(&heap, 5000, &due));
        assert_true(due.due_ns >= last_ns);
        last_ns = due.due_ns;
    }
    assert_false(timer_take_due(&heap, 5000, &due));
    assert_int_equal(timer_next_ns(&heap), GROVE_FOREVER);
    timer_deinit(&heap);
}

static void test_periodic_timer_keeps_its_grid(void **state) {
    (void)state;
    struct timer_heap heap = {0};
    struct timer due, timer = {.due_ns = 1000, .period_ns = 100, .handler = never};
    uint32_t number;
    assert_int_equal(timer_add(&heap, &timer, &number), 0);
    assert_true(timer_take_due(&heap, 1001, &due));
    assert_int_equal(timer_next_ns(&heap), 1100);
    assert_true(timer_take_due(&heap, 1350, &due)); /* late: two turns are missed and not made up for */
    assert_int_equal(timer_next_ns(&heap), 1400);
    timer_cancel(&heap, number);
    assert_int_equal(timer_next_ns(&heap), GROVE_FOREVER);
    timer_deinit(&heap);
}

static void test_every_status_has_a_name(void **state) {
    (void)state;
    assert_string_equal(grove_status_name(GROVE_DENIED), "DENIED");
    assert_string_equal(grove_status_text(GROVE_DENIED), "a capability is missing");
    assert_string_equal(grove_status_name(-1000), "UNKNOWN");
    for (int status = 0; status >= GROVE_NO_DESCRIPTORS; status--)
        assert_string_not_equal(grove_status_name(status), "UNKNOWN");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_greetings_are_explained),
        cmocka_unit_test(test_missing_kernel_is_explained),
        cmocka_unit_test(test_unknown_packets_cost_nothing),
        cmocka_unit_test(test_broken_channels_are_turned_away),
        cmocka_unit_test(test_later_replies_find_their_handlers),
        cmocka_unit_test(test_flood_of_notices_is_bounded),
        cmocka_unit_test(test_hang_up_ends_the_run_loop),
        cmocka_unit_test(test_calls_outlive_the_server),
        cmocka_unit_test(test_timers_come_in_order),
        cmocka_unit_test(test_periodic_timer_keeps_its_grid),
        cmocka_unit_test(test_every_status_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
