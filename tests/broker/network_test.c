/* Sockets of the internet through the broker: what is granted works, what is not is refused and named. */
#include "harness.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/uio.h>

struct ports {
    uint16_t allowed, refused;
};

static int connect_to(int type, uint16_t port) {
    struct sockaddr_in address = loopback(port);
    int client = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    EXPECT(client >= 0);
    if (connect(client, (struct sockaddr *)&address, sizeof address) == 0)
        return client;
    int error = errno;
    close(client);
    errno = error;
    return -1;
}

static void connect_both(void *context) {
    const struct ports *ports = context;
    int client = connect_to(SOCK_STREAM, ports->allowed);
    EXPECT(client >= 0);
    EXPECT(write(client, "hello", 5) == 5);
    EXPECT((fcntl(client, F_GETFD) & FD_CLOEXEC) != 0);
    EXPECT_ERROR(connect_to(SOCK_STREAM, ports->refused), EACCES);
    EXPECT_ERROR(connect_to(SOCK_DGRAM, ports->allowed), EACCES);
}

static void expect_refused(unsigned index, uint16_t kind, uint8_t transport, uint16_t port) {
    const struct grove_capability *refused = &harness.refused[index];
    assert_true(index < harness.refused_count);
    assert_int_equal(refused->kind, kind);
    assert_int_equal(refused->argument.value.address.transport, transport);
    assert_int_equal(refused->argument.value.address.port_first, port);
}

static void connect_goes_where_it_may(void **state) {
    (void)state;
    struct ports ports = {0};
    char bytes[8];
    int allowed = serve(SOCK_STREAM, &ports.allowed), refused = serve(SOCK_STREAM, &ports.refused);
    allow(GROVE_CAP_NET_CONNECT, IPPROTO_TCP, ports.allowed);
    run_confined(connect_both, &ports);
    int peer = accept4(allowed, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(read(peer, bytes, sizeof bytes), 5);
    assert_true(is_untouched(refused));
    assert_int_equal(harness.refused_count, 2);
    expect_refused(0, GROVE_CAP_NET_CONNECT, IPPROTO_TCP, ports.refused);
    expect_refused(1, GROVE_CAP_NET_CONNECT, IPPROTO_UDP, ports.allowed);
    close(peer);
    close(allowed);
    close(refused);
}

static void connect_own_network(void *context) {
    const struct ports *ports = context;
    EXPECT_ERROR(connect_to(SOCK_STREAM, ports->refused), EACCES);
    struct sockaddr_in address = loopback(ports->refused);
    int client = socket(AF_INET, SOCK_DGRAM, 0);
    EXPECT_ERROR(sendto(client, "x", 1, 0, (struct sockaddr *)&address, sizeof address), EACCES);
    EXPECT_ERROR(bind(client, (struct sockaddr *)&address, sizeof address), EACCES);
}

static void container_without_network_is_told_what_it_lacks(void **state) {
    (void)state;
    struct ports ports = {0};
    int refused = serve(SOCK_STREAM, &ports.refused);
    harness.has_network = false;
    run_confined(connect_own_network, &ports);
    assert_true(is_untouched(refused));
    assert_int_equal(harness.refused_count, 3);
    expect_refused(0, GROVE_CAP_NET_CONNECT, IPPROTO_TCP, ports.refused);
    expect_refused(1, GROVE_CAP_NET_CONNECT, IPPROTO_UDP, ports.refused);
    expect_refused(2, GROVE_CAP_NET_BIND, IPPROTO_UDP, ports.refused);
    close(refused);
}

/* Every way to name an address of a datagram. */
static void send_datagrams(void *context) {
    const struct ports *ports = context;
    struct sockaddr_in good = loopback(ports->allowed), bad = loopback(ports->refused);
    struct iovec parts[2] = {{(void *)(uintptr_t) "two", 3}, {(void *)(uintptr_t) "three", 5}};
    int client = socket(AF_INET, SOCK_DGRAM, 0);
    EXPECT(sendto(client, "one", 3, 0, (struct sockaddr *)&good, sizeof good) == 3);
    EXPECT_ERROR(sendto(client, "one", 3, 0, (struct sockaddr *)&bad, sizeof bad), EACCES);
    struct msghdr header = {.msg_name = &good, .msg_namelen = sizeof good, .msg_iov = parts, .msg_iovlen = 2};
    EXPECT(sendmsg(client, &header, 0) == 8);
    struct mmsghdr several[3] = {{.msg_hdr = header}, {.msg_hdr = header}, {.msg_hdr = header}};
    several[2].msg_hdr.msg_name = &bad;
    EXPECT(sendmmsg(client, several, 3, 0) == 2);
    EXPECT(several[0].msg_len == 8 && several[1].msg_len == 8);
    header.msg_name = &bad;
    EXPECT_ERROR(sendmsg(client, &header, 0), EACCES);
    bad.sin_family = AF_UNSPEC; /* Linux takes it for AF_INET here */
    EXPECT_ERROR(sendto(client, "one", 3, 0, (struct sockaddr *)&bad, sizeof bad), EACCES);
    EXPECT(connect(client, (struct sockaddr *)&good, sizeof good) == 0);
    EXPECT(send(client, "last", 4, 0) == 4);
    header.msg_name = NULL;
    header.msg_namelen = 0;
    EXPECT(sendmsg(client, &header, 0) == 8);
}

static void datagrams_go_where_they_may(void **state) {
    (void)state;
    struct ports ports = {0};
    int allowed = serve(SOCK_DGRAM, &ports.allowed), refused = serve(SOCK_DGRAM, &ports.refused);
    allow(GROVE_CAP_NET_CONNECT, IPPROTO_UDP, ports.allowed);
    run_confined(send_datagrams, &ports);
    static const char *const expected[] = {"one", "twothree", "twothree", "twothree", "last", "twothree"};
    for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++) {
        char bytes[32] = "";
        assert_int_equal(recv(allowed, bytes, sizeof bytes, 0), strlen(expected[i]));
        assert_memory_equal(bytes, expected[i], strlen(expected[i]));
    }
    assert_true(is_untouched(allowed));
    assert_true(is_untouched(refused));
    close(allowed);
    close(refused);
}

static void serve_in_child(void *context) {
    const struct ports *ports = context;
    struct sockaddr_in good = loopback(ports->allowed), bad = loopback(ports->refused), none = loopback(0);
    int server = socket(AF_INET, SOCK_STREAM, 0), other = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_ERROR(bind(server, (struct sockaddr *)&bad, sizeof bad), EACCES);
    EXPECT_ERROR(bind(server, (struct sockaddr *)&none, sizeof none), EACCES);
    EXPECT(bind(server, (struct sockaddr *)&good, sizeof good) == 0);
    EXPECT(listen(server, 5) == 0);
    EXPECT_ERROR(listen(other, 5), EACCES); /* would be bound to everything */
    int peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    EXPECT(peer >= 0);
    EXPECT(write(peer, "served", 6) == 6);
}

static int client_of_child;

static uint16_t free_port(void) {
    uint16_t port = 0;
    close(serve(SOCK_STREAM, &port));
    return port;
}

static void try_connect(struct loop *loop, void *context) {
    struct sockaddr_in address = loopback(*(const uint16_t *)context);
    client_of_child = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client_of_child, (struct sockaddr *)&address, sizeof address) == 0)
        return;
    close(client_of_child);
    uint64_t timer;
    assert_int_equal(loop_at(loop, machine_clock_ns() + 1000000, try_connect, context, &timer), 0);
}

static void bind_and_listen_only_where_granted(void **state) {
    (void)state;
    struct ports ports = {.allowed = free_port(), .refused = 1};
    uint64_t timer;
    char bytes[8];
    if (!can_confine())
        skip();
    allow(GROVE_CAP_NET_BIND, IPPROTO_TCP, ports.allowed);
    assert_int_equal(loop_at(linux_machine->loop, 0, try_connect, &ports.allowed, &timer), 0);
    run_confined(serve_in_child, &ports);
    assert_int_equal(read(client_of_child, bytes, sizeof bytes), 6);
    close(client_of_child);
    expect_refused(0, GROVE_CAP_NET_BIND, IPPROTO_TCP, 1);
    expect_refused(1, GROVE_CAP_NET_BIND, IPPROTO_TCP, 0);
}

static void choose_own_port(void *context) {
    const struct ports *ports = context;
    struct sockaddr_in none = loopback(0), good = loopback(ports->allowed);
    int client = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT(bind(client, (struct sockaddr *)&none, sizeof none) == 0);
    EXPECT_ERROR(listen(client, 1), EACCES);
    EXPECT(connect(client, (struct sockaddr *)&good, sizeof good) == 0);
}

static void client_may_choose_its_port_but_not_listen(void **state) {
    (void)state;
    struct ports ports = {0};
    int allowed = serve(SOCK_STREAM, &ports.allowed);
    allow(GROVE_CAP_NET_CONNECT, IPPROTO_TCP, ports.allowed);
    run_confined(choose_own_port, &ports);
    close(allowed);
}

static void bind_version6(void *context) {
    const struct ports *ports = context;
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(ports->allowed)};
    int server = socket(AF_INET6, SOCK_STREAM, 0), is_only = 0;
    socklen_t bytes = sizeof is_only;
    if (server < 0 && errno == EAFNOSUPPORT)
        return;
    EXPECT(bind(server, (struct sockaddr *)&any, sizeof any) == 0);
    EXPECT(getsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &is_only, &bytes) == 0 && is_only == 1);
}

static void version6_grant_does_not_serve_version4(void **state) {
    (void)state;
    struct ports ports = {.allowed = free_port()};
    allow(GROVE_CAP_NET_BIND, IPPROTO_TCP, ports.allowed);
    harness.rules[0].is_version6 = true;
    run_confined(bind_version6, &ports);
}

static void try_the_unusual(void *context) {
    const struct ports *ports = context;
    struct sockaddr_in good = loopback(ports->allowed), bad = loopback(ports->refused);
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(ports->refused)};
    EXPECT_ERROR(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
    EXPECT_ERROR(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), EACCES);
    EXPECT_ERROR(socket(AF_INET, SOCK_STREAM, 132), EPROTONOSUPPORT); /* SCTP */
    EXPECT_ERROR(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
    EXPECT_ERROR(socket(AF_NETLINK, SOCK_RAW, 0), EAFNOSUPPORT);
    int client = socket(AF_INET, SOCK_STREAM, 0), version6 = socket(AF_INET6, SOCK_STREAM, 0);
    EXPECT_ERROR(sendto(client, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&bad, sizeof bad), EOPNOTSUPP);
    static const uint8_t route[] = {131, 7, 4, 127, 0, 0, 1, 0}; /* loose source route */
    EXPECT_ERROR(setsockopt(client, IPPROTO_IP, IP_OPTIONS, route, sizeof route), EPERM);
    struct msghdr header = {.msg_name = &good, .msg_namelen = sizeof good};
    char control[CMSG_SPACE(sizeof route)] = {0};
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    struct cmsghdr *part = CMSG_FIRSTHDR(&header);
    *part = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof route), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_RETOPTS};
    memcpy(CMSG_DATA(part), route, sizeof route);
    int datagram = socket(AF_INET, SOCK_DGRAM, 0);
    EXPECT_ERROR(sendmsg(datagram, &header, 0), EPERM);
    EXPECT_ERROR(connect(99, (struct sockaddr *)&good, sizeof good), EBADF);
    EXPECT_ERROR(connect(client, (struct sockaddr *)8, sizeof good), EFAULT);
    EXPECT_ERROR(connect(client, (struct sockaddr *)&good, 1 << 20), EINVAL);
    EXPECT_ERROR(connect(STDERR_FILENO, (struct sockaddr *)&good, sizeof good), ENOTSOCK);
    if (version6 < 0)
        return;
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
    EXPECT_ERROR(connect(version6, (struct sockaddr *)&mapped, sizeof mapped), EACCES);
    mapped.sin6_port = htons(ports->allowed);
    EXPECT(connect(version6, (struct sockaddr *)&mapped, sizeof mapped) == 0);
}

static void unusual_ways_are_closed(void **state) {
    (void)state;
    struct ports ports = {0};
    int allowed = serve(SOCK_STREAM, &ports.allowed), refused = serve(SOCK_STREAM, &ports.refused);
    allow(GROVE_CAP_NET_CONNECT, 0, ports.allowed);
    run_confined(try_the_unusual, &ports);
    assert_true(is_untouched(refused));
    close(allowed);
    close(refused);
}

/* Fills a stream until its reader, who reads nothing, lets no more in; then the send is a job that waits. */
static void send_until_stuck(void *context) {
    static char block[100000];
    int client = connect_to(SOCK_STREAM, *(const uint16_t *)context);
    struct iovec vector = {block, sizeof block};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    for (;;)
        EXPECT(sendmsg(client, &header, 0) > 0);
}

static void waiting_job_ends_with_its_caller(void **state) {
    (void)state;
    uint16_t port = 0;
    int server = serve(SOCK_STREAM, &port);
    allow(GROVE_CAP_NET_CONNECT, IPPROTO_TCP, port);
    run_confined_and_kill(send_until_stuck, &port, 1);
    close(server);
}

static void run_python(void *context) {
    const struct ports *ports = context;
    char script[1024];
    snprintf(script, sizeof script,
             "import socket\n"
             "s = socket.create_connection(('127.0.0.1', %u), 20)\n"
             "s.sendall(b'python'); s.close()\n"
             "try:\n"
             "    socket.create_connection(('127.0.0.1', %u), 20)\n"
             "except PermissionError:\n"
             "    raise SystemExit(0)\n"
             "raise SystemExit(1)\n",
             ports->allowed, ports->refused);
    execl("/usr/bin/python3", "python3", "-S", "-c", script, (char *)NULL);
    EXPECT(false);
}

static void unmodified_program_works(void **state) {
    (void)state;
    struct ports ports = {0};
    char bytes[16];
    if (access("/usr/bin/python3", X_OK) < 0)
        skip();
    int allowed = serve(SOCK_STREAM, &ports.allowed), refused = serve(SOCK_STREAM, &ports.refused);
    allow(GROVE_CAP_NET_CONNECT, IPPROTO_TCP, ports.allowed);
    run_confined(run_python, &ports);
    int peer = accept4(allowed, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(read(peer, bytes, sizeof bytes), 6);
    assert_true(is_untouched(refused));
    close(peer);
    close(allowed);
    close(refused);
}

int main(void) {
#define TRIED(test) cmocka_unit_test_setup_teardown(test, harness_reset, harness_check)
    const struct CMUnitTest tests[] = {
        TRIED(connect_goes_where_it_may),
        TRIED(container_without_network_is_told_what_it_lacks),
        TRIED(datagrams_go_where_they_may),
        TRIED(bind_and_listen_only_where_granted),
        TRIED(client_may_choose_its_port_but_not_listen),
        TRIED(version6_grant_does_not_serve_version4),
        TRIED(unusual_ways_are_closed),
        TRIED(waiting_job_ends_with_its_caller),
        TRIED(unmodified_program_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
