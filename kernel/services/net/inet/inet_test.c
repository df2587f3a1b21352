/* Internet sockets: what the comparison with Linux leaves out: time, loss, waiting, limits, memory, what programs seldom do. */
#include "kernel/services/net/inet/tcp/tcp.h"
#include "kernel/services/net/test/stage.h"

#include <stdio.h>
#include <string.h>

#define PORT 502u
#define SECOND_NS UINT64_C(1000000000)

static uint8_t large[1 << 18], got[1 << 18];

static struct open_file *make(struct stage *stage, uint32_t type) {
    return stage_inet_socket(stage, LINUX_AF_INET, type);
}

static int bind_to(struct stage *stage, struct open_file *file, uint16_t port) {
    struct socket_name name = stage_inet_name(INET_LOOPBACK_V4, port);
    return socket_of(file)->operations->bind(socket_of(file), &stage->world.caller, &name);
}

static int connect_to(struct stage *stage, struct open_file *file, uint16_t port) {
    struct socket_name name = stage_inet_name(INET_LOOPBACK_V4, port);
    return socket_of(file)->operations->connect(socket_of(file), &stage->world.caller, &name, false);
}

static struct open_file *listen_at(struct stage *stage, uint16_t port, uint32_t backlog) {
    struct open_file *file = make(stage, LINUX_SOCK_STREAM);
    int on = 1;
    assert_int_equal(socket_set_option(socket_of(file), LINUX_SOL_SOCKET, LINUX_SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind_to(stage, file, port), 0);
    assert_int_equal(socket_of(file)->operations->listen(socket_of(file), backlog), 0);
    return file;
}

static struct open_file *accept_from(struct open_file *listener) {
    struct socket *accepted;
    if (socket_of(listener)->operations->accept(socket_of(listener), false, &accepted) != 0)
        return NULL;
    struct open_file *file = socket_open(accepted, LINUX_O_NONBLOCK);
    if (file == NULL)
        accepted->operations->close(accepted);
    return file;
}

static void make_pair(struct stage *stage, struct open_file *pair[2]) {
    struct open_file *listener = listen_at(stage, PORT, 1);
    pair[0] = make(stage, LINUX_SOCK_STREAM);
    assert_int_equal(connect_to(stage, pair[0], PORT), -LINUX_EINPROGRESS);
    assert_int_equal(connect_to(stage, pair[0], PORT), 0);
    pair[1] = accept_from(listener);
    assert_non_null(pair[1]);
    file_unref(listener);
}

static struct tcp_socket *tcp_at(struct open_file *file) {
    return tcp_of_socket(socket_of(file));
}

static void close_pair(struct open_file *pair[2]) {
    file_unref(pair[0]);
    file_unref(pair[1]);
}

static void a_connection_begins_and_ends(void **state) {
    struct stage stage;
    struct open_file *pair[2];
    struct socket_message message;
    (void)state;
    stage_begin(&stage);
    make_pair(&stage, pair);
    assert_int_equal(tcp_at(pair[0])->state, TCP_ESTABLISHED);
    assert_int_equal(stage_send(&stage, pair[0], "hello", 5, 0, NULL, NULL), 5);
    assert_int_equal(stage_receive(pair[1], got, 10, 0, &message), 5);
    assert_int_equal(socket_of(pair[0])->operations->shut_down(socket_of(pair[0]), LINUX_SHUT_WR), 0);
    assert_int_equal(tcp_at(pair[0])->state, TCP_FIN_WAIT_2);
    assert_int_equal(stage_receive(pair[1], got, 10, 0, &message), 0);
    assert_int_equal(stage_send(&stage, pair[1], "bye", 3, 0, NULL, NULL), 3); /* the other half is open */
    assert_int_equal(stage_receive(pair[0], got, 10, 0, &message), 3);
    file_unref(pair[1]);
    assert_int_equal(tcp_at(pair[0])->state, TCP_TIME_WAIT);
    file_unref(pair[0]);
    assert_int_equal(stage.inet.sockets, 1);
    stage_pass(&stage, 59 * SECOND_NS);
    assert_int_equal(stage.inet.sockets, 1);
    stage_pass(&stage, 62 * SECOND_NS);
    assert_int_equal(stage.inet.sockets, 0);
    stage_end(&stage);
}

/* ---- loss ---- */

static uint32_t loss_state, loss_one_in;

static bool lose(struct inet_domain *domain) {
    (void)domain;
    loss_state = loss_state * 1664525 + 1013904223;
    return (loss_state >> 16) % loss_one_in == 0;
}

/* All bytes come, in order, however many packets get lost. */
static void lost_packets_are_sent_again(void **state) {
    struct stage stage;
    struct open_file *pair[2];
    struct socket_message message;
    (void)state;
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (uint8_t)(i * 7 + i / 256);
    for (uint32_t seed = 1; seed <= 40; seed++) {
        size_t sent = 0, received = 0;
        stage_begin(&stage);
        make_pair(&stage, pair);
        loss_state = seed;
        loss_one_in = 3 + seed % 9;
        stage.inet.loses = lose;
        for (uint64_t now_ns = SECOND_NS / 100; received < sizeof(large); now_ns += SECOND_NS / 50) {
            size_t piece = sizeof(large) - sent < 3000 ? sizeof(large) - sent : 3000;
            int64_t done = piece > 0 ? stage_send(&stage, pair[0], large + sent, piece, 0, NULL, NULL) : 0;
            assert_true(done >= 0 || done == -LINUX_EAGAIN);
            sent += done > 0 ? (size_t)done : 0;
            stage_pass(&stage, (uint64_t)stage.world.now_ns + SECOND_NS / 50);
            done = stage_receive(pair[1], got + received, sizeof(got) - received, 0, &message);
            assert_true(done > 0 || done == -LINUX_EAGAIN);
            received += done > 0 ? (size_t)done : 0;
            if (now_ns > 20000 * SECOND_NS) {
                struct tcp_socket *t = tcp_at(pair[0]), *u = tcp_at(pair[1]);
                printf("seed %u st %d una %u next %u end %u win %u cwnd %u dup %u resends %u due %lu now %lu fires %lu rto %lu| exp %u wend %u early %u charged %lu recv %zu unsent %p\n", seed, t->state, t->unacknowledged-t->first_sequence, t->next-t->first_sequence, t->end-t->first_sequence, t->window, t->congestion_window, t->duplicates, t->resends, t->due_ns[0], stage.world.now_ns, t->fires_ns, t->resend_ns, u->expected-t->first_sequence, u->window_end-t->first_sequence, u->early_count, u->inet.charged_bytes, received, (void*)t->unsent);
                fail();
            }
        }
        assert_memory_equal(got, large, sizeof(large));
        assert_true(stage.inet.counts.resent > 0);
        stage.inet.loses = NULL;
        close_pair(pair);
        stage_end(&stage);
    }
}

static bool lose_all(struct inet_domain *domain) {
    (void)domain;
    return true;
}

static void nobody_answers(void **state) {
    struct stage stage;
    struct open_file *pair[2];
    int on = 1, seconds = 5, count = 3;
    (void)state;
    stage_begin(&stage);
    struct open_file *client = make(&stage, LINUX_SOCK_STREAM);
    stage.inet.loses = lose_all;
    assert_int_equal(connect_to(&stage, client, PORT), -LINUX_EINPROGRESS);
    stage_pass(&stage, 126 * SECOND_NS);
    assert_int_equal(stage_poll(client), 0);
    stage_pass(&stage, 130 * SECOND_NS); /* 1 + 2 + 4 + ... + 64 */
    assert_int_equal(socket_of(client)->operations->take_error(socket_of(client)), LINUX_ETIMEDOUT);
    file_unref(client);
    /* The other end of a connection is gone. */
    stage.inet.loses = NULL;
    make_pair(&stage, pair);
    stage.inet.loses = lose_all;
    assert_int_equal(stage_send(&stage, pair[0], "x", 1, 0, NULL, NULL), 1);
    assert_int_equal(socket_set_option(socket_of(pair[1]), LINUX_SOL_SOCKET, LINUX_SO_KEEPALIVE, &on, sizeof(on)), 0);
    assert_int_equal(
        socket_set_option(socket_of(pair[1]), LINUX_IPPROTO_TCP, LINUX_TCP_KEEPIDLE, &seconds, sizeof(seconds)), 0);
    assert_int_equal(
        socket_set_option(socket_of(pair[1]), LINUX_IPPROTO_TCP, LINUX_TCP_KEEPINTVL, &seconds, sizeof(seconds)), 0);
    assert_int_equal(socket_set_option(socket_of(pair[1]), LINUX_IPPROTO_TCP, LINUX_TCP_KEEPCNT, &count, sizeof(count)),
                     0);
    stage_pass(&stage, (uint64_t)stage.world.now_ns + 19 * SECOND_NS);
    assert_int_equal(tcp_at(pair[1])->state, TCP_ESTABLISHED);
    stage_pass(&stage, (uint64_t)stage.world.now_ns + 2 * SECOND_NS);
    assert_int_equal(socket_of(pair[1])->operations->take_error(socket_of(pair[1])), LINUX_ETIMEDOUT);
    stage_pass(&stage, (uint64_t)stage.world.now_ns + 3000 * SECOND_NS);
    assert_int_equal(socket_of(pair[0])->operations->take_error(socket_of(pair[0])), LINUX_ETIMEDOUT);
    close_pair(pair);
    stage_end(&stage);
}

/* ---- limits ---- */

static void a_writer_comes_to_its_limit(void **state) {
    struct stage stage;
    struct open_file *pair[2];
    struct socket_message message;
    int64_t sent = 0, received = 0, done;
    (void)state;
    stage_begin(&stage);
    make_pair(&stage, pair);
    while ((done = stage_send(&stage, pair[0], large, 100000, 0, NULL, NULL)) > 0)
        sent += done;
    assert_int_equal(done, -LINUX_EAGAIN);
    assert_in_range(sent, TCP_BUFFER_BYTES, 3 * TCP_BUFFER_BYTES);
    assert_int_equal(stage_poll(pair[0]) & LINUX_POLLOUT, 0);
    while ((done = stage_receive(pair[1], got, sizeof(got), 0, &message)) > 0) {
        for (int64_t i = 0; i < done; i++)
            assert_int_equal(got[i], large[(received + i) % 100000]);
        received += done;
    }
    assert_int_equal(received, sent);
    assert_int_equal(stage_poll(pair[0]) & LINUX_POLLOUT, LINUX_POLLOUT);
    close_pair(pair);
    stage_end(&stage);
}

/* A writer of single bytes whom nobody reads from takes little more memory than its bytes. */
static void single_bytes_take_little_memory(void **state) {
    struct stage stage;
    struct open_file *pair[2];
    int64_t sent = 0;
    (void)state;
    stage_begin(&stage);
    make_pair(&stage, pair);
    while (sent < 200000 && stage_send(&stage, pair[0], large, 1, 0, NULL, NULL) == 1)
        sent++;
    assert_true(sent > 100000);
    assert_true(stage.inet.bytes < (uint64_t)sent * 2 + 100000);
    close_pair(pair);
    stage_end(&stage);
}

static void memory_of_all_is_bounded(void **state) {
    struct stage stage;
    struct open_file *pairs[20][2];
    struct socket_message message;
    (void)state;
    stage_begin(&stage);
    stage.inet.bytes_max = 1 << 20;
    for (unsigned i = 0; i < 20; i++) {
        make_pair(&stage, pairs[i]);
        while (stage_send(&stage, pairs[i][0], large, 65536, 0, NULL, NULL) > 0) {
        }
    }
    assert_in_range(stage.inet.bytes, 1 << 20, (1 << 20) + 40 * 65536);
    /* Each still gets something through. */
    for (unsigned i = 0; i < 20; i++)
        while (stage_receive(pairs[i][1], got, sizeof(got), 0, &message) > 0) {
        }
    for (unsigned i = 0; i < 20; i++)
        assert_true(stage_send(&stage, pairs[i][0], large, 100, 0, NULL, NULL) > 0);
    for (unsigned i = 0; i < 20; i++)
        close_pair(pairs[i]);
    stage_end(&stage);
}

static void a_listener_takes_no_more_than_it_said(void **state) {
    struct stage stage;
    struct open_file *clients[10], *accepted;
    (void)state;
    stage_begin(&stage);
    struct open_file *listener = listen_at(&stage, PORT, 3);
    for (unsigned i = 0; i < 10; i++) {
        clients[i] = make(&stage, LINUX_SOCK_STREAM);
        assert_int_equal(connect_to(&stage, clients[i], PORT), -LINUX_EINPROGRESS);
        assert_int_equal(tcp_at(clients[i])->state, i < 4 ? TCP_ESTABLISHED : TCP_SYN_SENT);
    }
    accepted = accept_from(listener);
    assert_non_null(accepted);
    file_unref(accepted);
    stage_pass(&stage, (uint64_t)stage.world.now_ns + 2 * SECOND_NS); /* they try again */
    unsigned established = 0;
    for (unsigned i = 4; i < 10; i++)
        established += tcp_at(clients[i])->state == TCP_ESTABLISHED;
    assert_int_equal(established, 1);
    file_unref(listener); /* with three in its queue */
    stage_pass(&stage, (uint64_t)stage.world.now_ns + 20 * SECOND_NS);
    for (unsigned i = 4; i < 10; i++)
        assert_int_equal(tcp_at(clients[i])->state, TCP_CLOSED);
    for (unsigned i = 0; i < 10; i++)
        file_unref(clients[i]);
    stage_end(&stage);
}

static void old_connections_are_bounded(void **state) {
    struct stage stage;
    (void)state;
    stage_begin(&stage);
    struct open_file *listener = listen_at(&stage, PORT, 1);
    for (unsigned i = 0; i < INET_TIME_WAIT_MAX + 500; i++) {
        struct open_file *client = make(&stage, LINUX_SOCK_STREAM);
        assert_int_equal(connect_to(&stage, client, PORT), -LINUX_EINPROGRESS);
        struct open_file *accepted = accept_from(listener);
        file_unref(client);
        file_unref(accepted);
    }
    assert_int_equal(stage.inet.time_wait_count, INET_TIME_WAIT_MAX);
    assert_int_equal(stage.inet.sockets, INET_TIME_WAIT_MAX + 1);
    file_unref(listener);
    stage_end(&stage);
}

/* ---- what programs seldom do ---- */

static void one_connects_to_itself(void **state) {
    struct stage stage;
    struct socket_message message;
    (void)state;
    stage_begin(&stage);
    struct open_file *file = make(&stage, LINUX_SOCK_STREAM);
    assert_int_equal(bind_to(&stage, file, 7000), 0);
    assert_int_equal(connect_to(&stage, file, 7000), -LINUX_EINPROGRESS);
    assert_int_equal(tcp_at(file)->state, TCP_ESTABLISHED);
    assert_int_equal(stage_send(&stage, file, "self", 4, 0, NULL, NULL), 4);
    assert_int_equal(stage_receive(file, got, 10, 0, &message), 4);
    file_unref(file);
    stage_end(&stage);
}

static void both_connect_at_once(void **state) {
    struct stage stage;
    struct open_file *pair[2];
    struct socket_message message;
    (void)state;
    stage_begin(&stage);
    for (unsigned i = 0; i < 2; i++) {
        pair[i] = make(&stage, LINUX_SOCK_STREAM);
        assert_int_equal(bind_to(&stage, pair[i], (uint16_t)(7000 + i)), 0);
    }
    stage.inet.loses = lose_all; /* the first SYN; it comes again */
    assert_int_equal(connect_to(&stage, pair[0], 7001), -LINUX_EINPROGRESS);
    assert_int_equal(connect_to(&stage, pair[1], 7000), -LINUX_EINPROGRESS);
    stage.inet.loses = NULL;
    stage_pass(&stage, 2 * SECOND_NS);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(tcp_at(pair[i])->state, TCP_ESTABLISHED);
        assert_int_equal(stage_send(&stage, pair[i], "abc", 3, 0, NULL, NULL), 3);
        assert_int_equal(stage_receive(pair[1 - i], got, 10, 0, &message), 3);
    }
    close_pair(pair);
    stage_end(&stage);
}

static void one_socket_serves_both_versions(void **state) {
    struct stage stage;
    struct socket_name any = {.size_bytes = 28, .bytes = {LINUX_AF_INET6, 0, PORT >> 8, PORT & 0xff}}, name;
    struct socket_name loopback = any;
    (void)state;
    loopback.bytes[23] = 1;
    stage_begin(&stage);
    struct open_file *listener = stage_inet_socket(&stage, LINUX_AF_INET6, LINUX_SOCK_STREAM);
    struct socket *socket = socket_of(listener);
    assert_int_equal(socket->operations->bind(socket, &stage.world.caller, &any), 0);
    assert_int_equal(socket->operations->listen(socket, 5), 0);
    struct open_file *v4 = make(&stage, LINUX_SOCK_STREAM);
    struct open_file *v6 = stage_inet_socket(&stage, LINUX_AF_INET6, LINUX_SOCK_STREAM);
    assert_int_equal(connect_to(&stage, v4, PORT), -LINUX_EINPROGRESS);
    assert_int_equal(
        socket_of(v6)->operations->connect(socket_of(v6), &stage.world.caller, &loopback, false), -LINUX_EINPROGRESS);
    for (int i = 0; i < 2; i++) {
        struct open_file *accepted = accept_from(listener);
        assert_int_equal(socket_of(accepted)->operations->get_name(socket_of(accepted), false, &name), 0);
        assert_int_equal(name.size_bytes, 28);
        static const uint8_t mapped[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};
        if (i == 0)
            assert_memory_equal(name.bytes + 8, mapped, 16);
        else
            assert_memory_equal(name.bytes + 8, loopback.bytes + 8, 16);
        file_unref(accepted);
    }
    struct open_file *another = make(&stage, LINUX_SOCK_STREAM);
    assert_int_equal(bind_to(&stage, another, PORT), -LINUX_EADDRINUSE);
    file_unref(another);
    file_unref(v4);
    file_unref(v6);
    file_unref(listener);
    stage_end(&stage);
}

static void memory_runs_out_everywhere(void **state) {
    struct stage stage;
    (void)state;
    for (uint64_t requests = 0; requests < 60; requests++) {
        struct open_file *files[3] = {NULL};
        struct socket_message message;
        stage_begin(&stage);
        files[0] = listen_at(&stage, PORT, 1);
        files[1] = make(&stage, LINUX_SOCK_STREAM);
        stage.world.requests_left = requests;
        (void)connect_to(&stage, files[1], PORT);
        files[2] = accept_from(files[0]);
        (void)stage_send(&stage, files[1], large, 3000, 0, NULL, NULL);
        if (files[2] != NULL)
            (void)stage_receive(files[2], got, 3000, 0, &message);
        (void)stage_send(&stage, files[1], large, 10, 0, NULL, NULL);
        for (int i = 0; i < 3; i++)
            if (files[i] != NULL)
                file_unref(files[i]);
        stage_end(&stage);
    }
}

static struct {
    struct stage *stage;
    struct open_file *to;
} others;

static void send_a_little(struct world *world) {
    (void)world;
    assert_int_equal(stage_send(others.stage, others.to, "abc", 3, 0, NULL, NULL), 3);
}

static void reads_wait(void **state) {
    struct stage stage;
    struct open_file *pair[2];
    struct socket_message message;
    struct {
        int64_t seconds, microseconds;
    } timeout = {.microseconds = 250000};
    (void)state;
    stage_begin(&stage);
    make_pair(&stage, pair);
    assert_int_equal(file_change_flags(&stage.world.caller, pair[1], 0), 0);
    others.stage = &stage;
    others.to = pair[0];
    stage.world.on_sleep = send_a_little;
    assert_int_equal(stage_receive(pair[1], got, 8, 0, &message), 3);
    assert_int_equal(stage_receive(pair[1], got, 8, LINUX_MSG_WAITALL, &message), 8);
    assert_int_equal(stage_receive(pair[1], got, 8, LINUX_MSG_DONTWAIT, &message), 1);
    stage.world.on_sleep = NULL;
    assert_int_equal(stage_receive(pair[1], got, 8, 0, &message), -LINUX_EINTR);
    assert_int_equal(
        socket_set_option(socket_of(pair[1]), LINUX_SOL_SOCKET, LINUX_SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
    assert_int_equal(stage_receive(pair[1], got, 8, 0, &message), -LINUX_EAGAIN);
    close_pair(pair);
    stage_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_begins_and_ends),    cmocka_unit_test(lost_packets_are_sent_again),
        cmocka_unit_test(nobody_answers),                  cmocka_unit_test(a_writer_comes_to_its_limit),
        cmocka_unit_test(single_bytes_take_little_memory), cmocka_unit_test(memory_of_all_is_bounded),
        cmocka_unit_test(a_listener_takes_no_more_than_it_said),
        cmocka_unit_test(old_connections_are_bounded),     cmocka_unit_test(one_connects_to_itself),
        cmocka_unit_test(both_connect_at_once),            cmocka_unit_test(one_socket_serves_both_versions),
        cmocka_unit_test(memory_runs_out_everywhere),      cmocka_unit_test(reads_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
