/* Unix sockets: what the comparison with Linux leaves out: circles, credentials, waiting, limits, the kernel's end, memory. */
#include "kernel/services/net/test/stage.h"

#include <string.h>

static uint8_t large[1 << 18];

static int connect_to(struct stage *stage, struct open_file *file, const char *text) {
    struct socket *socket = socket_of(file);
    struct socket_name name = stage_name(text, strlen(text));
    return socket->operations->connect(socket, &stage->world.caller, &name, false);
}

static int bind_to(struct stage *stage, struct open_file *file, const char *text) {
    struct socket *socket = socket_of(file);
    struct socket_name name = stage_name(text, strlen(text));
    return socket->operations->bind(socket, &stage->world.caller, &name);
}

static void send_file(struct stage *stage, struct open_file *to, struct open_file *file) {
    assert_int_equal(stage_send(stage, to, "f", 1, 0, NULL, file), 1);
}

static void circles_are_broken(void **state) {
    struct stage stage;
    struct open_file *pair[2], *other[2];
    (void)state;
    stage_begin(&stage);
    /* Its own end waits at a socket: nobody else has it. */
    stage_pair(&stage, LINUX_SOCK_STREAM, pair);
    send_file(&stage, pair[0], pair[1]);
    file_unref(pair[1]);
    assert_int_equal(stage.domain.sockets, 2);
    file_unref(pair[0]);
    assert_int_equal(stage.domain.sockets, 0);
    /* Two that wait at each other. */
    stage_pair(&stage, LINUX_SOCK_SEQPACKET, pair);
    stage_pair(&stage, LINUX_SOCK_DGRAM, other);
    send_file(&stage, pair[0], other[1]);
    send_file(&stage, other[0], pair[1]);
    file_unref(pair[1]);
    file_unref(other[1]);
    file_unref(pair[0]);
    assert_int_equal(stage.domain.in_flight, 0); /* other[0] could still send there, but nobody can read */
    file_unref(other[0]);
    assert_int_equal(stage.domain.sockets, 0);
    stage_end(&stage);
}

static void what_can_be_read_is_kept(void **state) {
    struct stage stage;
    struct open_file *pair[2], *way[2], *got;
    struct socket_message message;
    char byte;
    (void)state;
    stage_begin(&stage);
    stage_pair(&stage, LINUX_SOCK_STREAM, pair);
    stage_pair(&stage, LINUX_SOCK_STREAM, way);
    send_file(&stage, pair[0], pair[1]); /* a circle, but for the next line */
    send_file(&stage, way[0], pair[1]);
    file_unref(pair[1]);
    file_unref(way[0]); /* collects */
    assert_int_equal(stage_receive(way[1], &byte, 1, 0, &message), 1);
    assert_int_equal(message.file_count, 1);
    got = message.files[0];
    assert_int_equal(stage_receive(got, &byte, 1, 0, &message), 1);
    assert_ptr_equal(message.files[0], got);
    file_unref(got);
    file_unref(message.files[0]);
    file_unref(way[1]);
    file_unref(pair[0]);
    stage_end(&stage);
}

/* Each waits in the queue of the next, so giving one back would give back the next inside of it. */
static void long_chains_are_given_back_in_rounds(void **state) {
    struct stage stage;
    struct open_file *last = NULL;
    (void)state;
    stage_begin(&stage);
    for (unsigned i = 0; i < 2000; i++) {
        struct open_file *pair[2];
        stage_pair(&stage, LINUX_SOCK_STREAM, pair);
        if (last != NULL) {
            send_file(&stage, pair[0], last);
            file_unref(last);
        }
        file_unref(pair[0]);
        last = pair[1];
    }
    file_unref(last);
    stage_end(&stage);
}

static void circles_wait_at_connections_too(void **state) {
    struct stage stage;
    (void)state;
    stage_begin(&stage);
    struct open_file *listener = stage_socket(&stage, LINUX_SOCK_STREAM);
    struct open_file *client = stage_socket(&stage, LINUX_SOCK_STREAM);
    assert_int_equal(bind_to(&stage, listener, "at"), 0);
    assert_int_equal(socket_of(listener)->operations->listen(socket_of(listener), 3), 0);
    assert_int_equal(connect_to(&stage, client, "at"), 0);
    send_file(&stage, client, listener);
    send_file(&stage, client, client);
    file_unref(client);
    assert_int_equal(stage.domain.sockets, 3);
    file_unref(listener);
    struct open_file *another = stage_socket(&stage, LINUX_SOCK_STREAM);
    file_unref(another);
    stage_end(&stage);
}

static void too_many_descriptors_do_not_fly(void **state) {
    struct stage stage;
    struct open_file *pair[2], *file;
    uint32_t sent = 0;
    (void)state;
    stage_begin(&stage);
    stage_pair(&stage, LINUX_SOCK_STREAM, pair);
    file = world_open(&stage.world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    for (int64_t status = 1; status == 1;) {
        struct open_file *more[2];
        if (sent % 200 == 0) { /* a sender comes to the limit of its buffer before */
            stage_pair(&stage, LINUX_SOCK_STREAM, more);
            send_file(&stage, pair[0], more[1]);
            sent++;
            file_unref(more[1]);
            file_unref(pair[0]);
            pair[0] = more[0];
        }
        status = stage_send(&stage, pair[0], "f", 1, 0, NULL, file);
        sent += status == 1;
        if (status != 1)
            assert_int_equal(status, -LINUX_ETOOMANYREFS);
    }
    assert_int_equal(sent, UNIX_IN_FLIGHT_MAX);
    file_unref(file);
    file_unref(pair[0]);
    file_unref(pair[1]);
    stage_end(&stage);
}

static void a_sender_comes_to_its_own_limit(void **state) {
    struct stage stage;
    struct open_file *pair[2], *other[2];
    struct socket_message message;
    int64_t sent = 0, received = 0, got, status;
    (void)state;
    stage_begin(&stage);
    stage_pair(&stage, LINUX_SOCK_STREAM, pair);
    stage_pair(&stage, LINUX_SOCK_DGRAM, other);
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (uint8_t)(i * 7 + i / 256);
    while ((status = stage_send(&stage, pair[0], large, 100000, 0, NULL, NULL)) > 0)
        sent += status;
    assert_int_equal(status, -LINUX_EAGAIN);
    assert_in_range(sent, SOCKET_BUFFER_BYTES / 2, 2 * SOCKET_BUFFER_BYTES);
    assert_int_equal(stage_poll(pair[0]) & LINUX_POLLOUT, 0);
    assert_int_equal(stage_send(&stage, other[0], "x", 1, 0, NULL, NULL), 1);
    static uint8_t bytes[50000];
    while ((got = stage_receive(pair[1], bytes, sizeof(bytes), 0, &message)) > 0) {
        for (int64_t i = 0; i < got; i++)
            assert_int_equal(bytes[i], large[(received + i) % 100000]);
        received += got;
    }
    assert_int_equal(received, sent);
    assert_int_equal(stage_poll(pair[0]) & LINUX_POLLOUT, LINUX_POLLOUT);
    assert_int_equal(stage_send(&stage, other[0], large, SOCKET_BUFFER_BYTES, 0, NULL, NULL), -LINUX_EMSGSIZE);
    for (int i = 0; i < 2; i++) {
        file_unref(pair[i]);
        file_unref(other[i]);
    }
    stage_end(&stage);
}

/* What others do while somebody waits. */
static struct {
    struct stage *stage;
    struct open_file *to;
    unsigned times;
} others;

static void send_a_little(struct world *world) {
    (void)world;
    others.times++;
    assert_int_equal(stage_send(others.stage, others.to, "abc", 3, 0, NULL, NULL), 3);
}

static void reads_wait(void **state) {
    struct stage stage;
    struct open_file *pair[2];
    struct socket_message message;
    char bytes[8];
    struct {
        int64_t seconds, microseconds;
    } timeout = {.microseconds = 250000};
    (void)state;
    stage_begin(&stage);
    stage_pair(&stage, LINUX_SOCK_STREAM, pair);
    assert_int_equal(file_change_flags(&stage.world.caller, pair[1], 0), 0);
    others.stage = &stage;
    others.to = pair[0];
    others.times = 0;
    stage.world.on_sleep = send_a_little;
    assert_int_equal(stage_receive(pair[1], bytes, 8, 0, &message), 3);
    assert_int_equal(stage_receive(pair[1], bytes, 8, LINUX_MSG_WAITALL, &message), 8);
    assert_int_equal(others.times, 4);
    assert_int_equal(stage_receive(pair[1], bytes, 8, LINUX_MSG_DONTWAIT, &message), 1);
    stage.world.on_sleep = NULL; /* nobody will come */
    assert_int_equal(stage_receive(pair[1], bytes, 8, 0, &message), -LINUX_EINTR);
    assert_int_equal(
        socket_set_option(socket_of(pair[1]), LINUX_SOL_SOCKET, LINUX_SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
    int64_t before_ns = stage.world.now_ns;
    assert_int_equal(stage_receive(pair[1], bytes, 8, 0, &message), -LINUX_EAGAIN);
    assert_int_equal(stage.world.now_ns - before_ns, 250000000);
    file_unref(pair[0]);
    file_unref(pair[1]);
    stage_end(&stage);
}

static void senders_are_told_apart(void **state) {
    struct stage stage;
    struct open_file *pair[2];
    struct socket_message message;
    char bytes[8];
    int on = 1;
    (void)state;
    stage_begin(&stage);
    stage_pair(&stage, LINUX_SOCK_STREAM, pair);
    assert_int_equal(socket_set_option(socket_of(pair[1]), LINUX_SOL_SOCKET, LINUX_SO_PASSCRED, &on, sizeof(on)), 0);
    assert_int_equal(stage_send(&stage, pair[0], "ab", 2, 0, NULL, NULL), 2);
    stage.who.process = 5;
    assert_int_equal(stage_send(&stage, pair[0], "cd", 2, 0, NULL, NULL), 2);
    assert_int_equal(stage_receive(pair[1], bytes, 8, 0, &message), 2);
    assert_int_equal(message.credentials.process, 4);
    assert_int_equal(stage_receive(pair[1], bytes, 8, 0, &message), 2);
    assert_int_equal(message.credentials.process, 5);
    file_unref(pair[0]);
    file_unref(pair[1]);
    stage_end(&stage);
}

static void who_may_not_write_the_node_does_not_connect(void **state) {
    struct stage stage;
    (void)state;
    stage_begin(&stage);
    struct open_file *listener = stage_socket(&stage, LINUX_SOCK_SEQPACKET);
    struct open_file *client = stage_socket(&stage, LINUX_SOCK_SEQPACKET);
    stage.world.caller.mask = 077;
    assert_int_equal(bind_to(&stage, listener, "private"), 0);
    assert_int_equal(socket_of(listener)->operations->listen(socket_of(listener), 1), 0);
    world_become(&stage.world, WORLD_USER, WORLD_USER);
    assert_int_equal(connect_to(&stage, client, "private"), -LINUX_EACCES);
    world_become_root(&stage.world);
    assert_int_equal(connect_to(&stage, client, "private"), 0);
    file_unref(listener);
    char byte;
    struct socket_message message;
    assert_int_equal(stage_receive(client, &byte, 1, 0, &message), -LINUX_ECONNRESET);
    assert_int_equal(stage_receive(client, &byte, 1, 0, &message), 0);
    file_unref(client);
    stage_end(&stage);
}

/* ---- the kernel's end ---- */

struct echo {
    struct unix_kernel kernel; /* first */
    unsigned requests, ends;
};

static void answer(struct unix_kernel *kernel) {
    struct echo *echo = (struct echo *)kernel;
    uint8_t bytes[64];
    for (;;) {
        struct open_file *files[LINUX_SCM_MAX_FD];
        struct socket_message message = {.files = files};
        struct transfer transfer;
        struct transfer_segment segment = {.base = bytes, .size_bytes = sizeof(bytes)};
        transfer_init(&transfer, &segment, 1);
        message.transfer = &transfer;
        int status = unix_kernel_receive(kernel, &message);
        if (status != 0) {
            echo->ends += status == -LINUX_EPIPE;
            return;
        }
        echo->requests++;
        segment.size_bytes = message.done_bytes;
        transfer_init(&transfer, &segment, 1);
        message.has_credentials = false;
        message.flags = 0;
        assert_int_equal(message.credentials.process, 4);
        assert_int_equal(unix_kernel_send(kernel, &message), 0); /* the same files too */
    }
}

static void the_kernel_answers_at_its_end(void **state) {
    struct stage stage;
    struct echo echo = {.kernel.arrived = answer};
    struct socket *socket;
    struct socket_message message;
    char bytes[16];
    (void)state;
    stage_begin(&stage);
    assert_int_equal(unix_create_kernel_pair(&stage.domain, LINUX_SOCK_SEQPACKET, &echo.kernel, &socket), 0);
    struct open_file *file = socket_open(socket, LINUX_O_NONBLOCK);
    struct open_file *along = world_open(&stage.world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    assert_int_equal(stage_send(&stage, file, "request", 7, 0, NULL, along), 7);
    assert_int_equal(echo.requests, 1);
    assert_int_equal(stage_receive(file, bytes, sizeof(bytes), 0, &message), 7);
    assert_memory_equal(bytes, "request", 7);
    assert_ptr_equal(message.files[0], along);
    file_unref(along);
    file_unref(along);
    file_unref(file);
    assert_int_equal(echo.ends, 1);
    unix_kernel_close(&echo.kernel);
    stage_end(&stage);
}

/* ---- the kernel's listener ---- */

/* Gives one end of a pair of the test's. */
struct gate_keeper {
    struct unix_kernel_listener listener; /* first */
    struct open_file *gives;
    int32_t process; /* that connected last */
    int status;
};

static int give(struct unix_kernel_listener *listener, const struct socket_credentials *who, struct open_file **file) {
    struct gate_keeper *keeper = (struct gate_keeper *)listener;
    keeper->process = who->process;
    if (keeper->status != 0)
        return keeper->status;
    file_ref(keeper->gives);
    *file = keeper->gives;
    return 0;
}

static void the_kernel_puts_another_socket_in_the_place_of_who_connects(void **state) {
    struct stage stage;
    struct gate_keeper keeper = {.listener.connect = give, .status = -LINUX_ENOMEM};
    struct open_file *pair[2];
    struct socket_message message;
    char bytes[8];
    (void)state;
    stage_begin(&stage);
    stage_pair(&stage, LINUX_SOCK_SEQPACKET, pair);
    keeper.gives = pair[1];
    assert_int_equal(
        unix_kernel_listen(&stage.domain, LINUX_SOCK_SEQPACKET, &stage.world.caller, "/door", &keeper.listener), 0);
    struct open_file *client = stage_socket(&stage, LINUX_SOCK_SEQPACKET);
    struct open_file *other = stage_socket(&stage, LINUX_SOCK_STREAM);
    assert_int_equal(connect_to(&stage, other, "/door"), -LINUX_EPROTOTYPE);
    assert_int_equal(connect_to(&stage, client, "/door"), -LINUX_ENOMEM);
    assert_ptr_equal(socket_of(client), socket_first_of(client));
    keeper.status = 0;
    stage.who.process = 77;
    assert_int_equal(connect_to(&stage, client, "/door"), 0);
    assert_int_equal(keeper.process, 77);
    assert_ptr_equal(socket_of(client), socket_of(pair[1]));
    assert_int_equal(connect_to(&stage, client, "/door"), -LINUX_EISCONN);
    assert_int_equal(stage_send(&stage, pair[0], "there", 5, 0, NULL, NULL), 5);
    assert_true((stage_poll(client) & LINUX_POLLIN) != 0);
    assert_int_equal(stage_receive(client, bytes, sizeof(bytes), 0, &message), 5);
    assert_int_equal(stage_send(&stage, client, "back", 4, 0, NULL, NULL), 4);
    assert_int_equal(stage_receive(pair[0], bytes, sizeof(bytes), 0, &message), 4);
    /* A file that was on its way when its socket was replaced lands as the one that it was. */
    struct open_file *late = stage_socket(&stage, LINUX_SOCK_SEQPACKET);
    send_file(&stage, pair[0], late);
    assert_int_equal(connect_to(&stage, late, "/door"), 0);
    assert_int_equal(stage_receive(pair[1], bytes, sizeof(bytes), 0, &message), 1);
    file_unref(message.files[0]);
    file_unref(late);
    unix_kernel_listen_end(&keeper.listener);
    struct open_file *last = stage_socket(&stage, LINUX_SOCK_SEQPACKET);
    assert_int_equal(connect_to(&stage, last, "/door"), -LINUX_ECONNREFUSED);
    file_unref(last);
    file_unref(other);
    file_unref(client);
    file_unref(pair[0]);
    file_unref(pair[1]);
    assert_int_equal(stage.domain.sockets, 0);
    stage_end(&stage);
}

static void files_that_nobody_wants_are_closed(void **state) {
    struct stage stage;
    struct open_file *pair[2], *file;
    char byte;
    (void)state;
    stage_begin(&stage);
    stage_pair(&stage, LINUX_SOCK_STREAM, pair);
    file = world_open(&stage.world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    send_file(&stage, pair[0], file);
    assert_int_equal(file->references, 2);
    assert_int_equal(world_read_file(pair[1], &byte, 1), 1);
    assert_int_equal(file->references, 1);
    file_unref(file);
    file_unref(pair[0]);
    file_unref(pair[1]);
    stage_end(&stage);
}

static void memory_may_run_out(void **state) {
    struct stage stage;
    struct open_file *pair[2], *file;
    int64_t status = -1;
    (void)state;
    stage_begin(&stage);
    stage_pair(&stage, LINUX_SOCK_STREAM, pair);
    file = world_open(&stage.world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    for (uint64_t requests = 0; status < 0; requests++) {
        stage.world.requests_left = requests;
        status = stage_send(&stage, pair[0], large, 20000, 0, NULL, file);
        assert_true(status == 20000 || status == -LINUX_ENOMEM);
    }
    stage.world.requests_left = UINT64_MAX;
    assert_int_equal(file->references, 2);
    file_unref(pair[0]);
    file_unref(pair[1]);
    assert_int_equal(file->references, 1);
    file_unref(file);
    stage_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(circles_are_broken),
        cmocka_unit_test(what_can_be_read_is_kept),
        cmocka_unit_test(long_chains_are_given_back_in_rounds),
        cmocka_unit_test(circles_wait_at_connections_too),
        cmocka_unit_test(too_many_descriptors_do_not_fly),
        cmocka_unit_test(a_sender_comes_to_its_own_limit),
        cmocka_unit_test(reads_wait),
        cmocka_unit_test(senders_are_told_apart),
        cmocka_unit_test(who_may_not_write_the_node_does_not_connect),
        cmocka_unit_test(the_kernel_answers_at_its_end),
        cmocka_unit_test(the_kernel_puts_another_socket_in_the_place_of_who_connects),
        cmocka_unit_test(files_that_nobody_wants_are_closed),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
