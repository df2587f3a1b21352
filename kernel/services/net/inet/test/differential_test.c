/*
 * Our internet sockets and Linux's answer the same: random calls on a few sockets of both, every answer, everything received and
 * what poll says compared after each. Each round has a network namespace of its own on Linux, so that nothing of the last one
 * is in its way; where that may not be made the test is skipped.
 *
 * How large buffers are is each system's own, so queues are kept short; time does not pass. The seeds are fixed; GROVE_SEED tries
 * another one, GROVE_SHOW=1 prints the steps.
 */
#include "kernel/services/net/inet/tcp/tcp.h"
#include "kernel/services/net/test/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS 150u
#define STEPS 300u
#define SLOTS 8u
#define SENDS_MAX 24u
#define BYTES_MAX 700u
#define FIRST_PORT 5001u
#define PORTS 3u

struct slot {
    int theirs; /* -1: free */
    struct open_file *ours;
    uint32_t sends;
};

static uint64_t random_state, seed;
static unsigned step;
static struct stage stage;
static struct slot slots[SLOTS];
static bool is_shown;

static uint32_t pick(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static bool one_in(uint32_t count) {
    return pick(count) == 0;
}

static int64_t answer(int64_t returned) {
    return returned < 0 ? -errno : returned;
}

static void same(const char *what, int64_t theirs, int64_t ours) {
    if (is_shown)
        fprintf(stderr, "%u: %s: %lld\n", step, what, (long long)theirs);
    if (theirs != ours)
        fail_msg("seed %llu, step %u, %s: Linux says %lld, we %lld", (unsigned long long)seed, step, what,
                 (long long)theirs, (long long)ours);
}

static struct socket *socket_at(const struct slot *slot) {
    return socket_of(slot->ours);
}

static struct slot *free_slot(void) {
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].theirs < 0)
            return &slots[i];
    return NULL;
}

static struct slot *pick_slot(void) {
    for (unsigned tries = 0; tries < 50; tries++) {
        struct slot *slot = &slots[pick(SLOTS)];
        if (slot->theirs >= 0)
            return slot;
    }
    return NULL;
}

static void close_slot(struct slot *slot) {
    (void)close(slot->theirs);
    file_unref(slot->ours);
    slot->theirs = -1;
}

static struct socket_name pick_name(bool is_for_binding) {
    static const uint32_t addresses[] = {INET_LOOPBACK_V4, INET_LOOPBACK_V4, INET_LOOPBACK_V4, 0x7f000002, 0, 0x7f112233};
    uint32_t address = addresses[pick(ITEMS(addresses))];
    if (one_in(40))
        address = one_in(2) ? 0x0a000001 : 0x7fffffff;
    uint16_t port = is_for_binding && one_in(4) ? 0 : (uint16_t)(FIRST_PORT + pick(PORTS));
    struct socket_name name = stage_inet_name(address, port);
    if (one_in(40))
        name.size_bytes = pick(16);
    if (is_shown)
        fprintf(stderr, "%u: name %#x:%u, %u bytes\n", step, address, port, name.size_bytes);
    return name;
}

/* ---- steps ---- */

static void make(void) {
    struct slot *slot = free_slot();
    uint32_t type = one_in(3) ? LINUX_SOCK_DGRAM : LINUX_SOCK_STREAM;
    if (slot == NULL)
        return;
    *slot = (struct slot){.theirs = socket(AF_INET, (int)(type | SOCK_NONBLOCK), 0),
                          .ours = stage_inet_socket(&stage, LINUX_AF_INET, type)};
    same("socket", type, type);
    int on = 1; /* Linux would hold small segments back */
    if (type == LINUX_SOCK_STREAM)
        same("TCP_NODELAY", answer(setsockopt(slot->theirs, IPPROTO_TCP, (int)LINUX_TCP_NODELAY, &on, sizeof(on))),
             socket_set_option(socket_at(slot), LINUX_IPPROTO_TCP, LINUX_TCP_NODELAY, &on, sizeof(on)));
}

static void bind_one(struct slot *slot) {
    struct socket_name name = pick_name(true);
    same("bind", answer(bind(slot->theirs, (const struct sockaddr *)name.bytes, name.size_bytes)),
         socket_at(slot)->operations->bind(socket_at(slot), &stage.world.caller, &name));
}

static void connect_one(struct slot *slot) {
    struct socket_name name = pick_name(false);
    if (one_in(12))
        memset(name.bytes, 0, 2); /* AF_UNSPEC */
    else if (socket_at(slot)->type == LINUX_SOCK_DGRAM && inet_of(socket_at(slot))->remote.port != 0)
        return; /* what a second connect that fails leaves behind depends on how Linux finds its sockets */
    same("connect", answer(connect(slot->theirs, (const struct sockaddr *)name.bytes, name.size_bytes)),
         socket_at(slot)->operations->connect(socket_at(slot), &stage.world.caller, &name, false));
}

static void listen_one(struct slot *slot) {
    uint32_t backlog = pick(3);
    same("listen", answer(listen(slot->theirs, (int)backlog)),
         socket_at(slot)->operations->listen(socket_at(slot), backlog));
}

static void accept_one(struct slot *slot) {
    struct slot *into = free_slot();
    struct socket *accepted = NULL;
    if (into == NULL)
        return;
    int64_t theirs = answer(accept4(slot->theirs, NULL, NULL, SOCK_NONBLOCK));
    int ours = socket_at(slot)->operations->accept(socket_at(slot), false, &accepted);
    same("accept", theirs < 0 ? theirs : 0, ours);
    if (theirs < 0)
        return;
    *into = (struct slot){.theirs = (int)theirs, .ours = socket_open(accepted, LINUX_O_NONBLOCK)};
}

static void send_one(struct slot *slot) {
    uint8_t bytes[BYTES_MAX];
    struct socket_name name = pick_name(false);
    bool has_name = one_in(3) && socket_at(slot)->type == LINUX_SOCK_DGRAM;
    size_t size = one_in(10) ? 0 : one_in(2) ? pick(20) : pick(BYTES_MAX);
    struct iovec vector = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (++slot->sends > SENDS_MAX || (has_name && name.size_bytes == 0))
        return;
    if (has_name) {
        message.msg_name = name.bytes;
        message.msg_namelen = name.size_bytes;
    }
    memset(bytes, (int)pick(256), sizeof(bytes));
    same("send", answer(sendmsg(slot->theirs, &message, MSG_NOSIGNAL)),
         stage_send(&stage, slot->ours, bytes, size, 0, has_name ? &name : NULL, NULL));
}

/* What each system chose by itself is only compared in that there is one. */
static void same_name(const struct socket_name *ours, const void *theirs, socklen_t size) {
    uint16_t ports[2];
    same("size of the name", size, ours->size_bytes);
    if (size < 16)
        return;
    memcpy(&ports[0], (const uint8_t *)theirs + 2, 2);
    memcpy(&ports[1], ours->bytes + 2, 2);
    uint32_t port = (uint32_t)(ports[0] >> 8 | (ports[0] & 0xff) << 8);
    bool is_chosen = port >= 32768;
    same("port", is_chosen ? 1 : ports[0], is_chosen ? ports[1] != 0 : ports[1]);
    same("address", memcmp((const uint8_t *)theirs + 4, ours->bytes + 4, 4), 0);
}

static void receive_one(struct slot *slot) {
    static const uint32_t all_flags[] = {0, 0, 0, 0, LINUX_MSG_PEEK, LINUX_MSG_TRUNC, LINUX_MSG_WAITALL};
    uint8_t theirs[2 * BYTES_MAX], ours[2 * BYTES_MAX];
    uint8_t name[128];
    size_t size = one_in(12) ? 0 : one_in(3) ? pick(30) : pick(2 * BYTES_MAX);
    uint32_t flags = all_flags[pick(ITEMS(all_flags))];
    struct iovec vector = {.iov_base = theirs, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_name = name, .msg_namelen = sizeof(name)};
    struct socket_message got;
    if (size == 0 && socket_at(slot)->type == LINUX_SOCK_STREAM)
        return;
    memset(theirs, 0, sizeof(theirs));
    memset(ours, 0, sizeof(ours));
    if (is_shown)
        fprintf(stderr, "%u: receive %zu with %#x\n", step, size, flags);
    int64_t result = answer(recvmsg(slot->theirs, &message, (int)flags));
    same("receive", result, stage_receive(slot->ours, ours, size, flags, &got));
    assert_memory_equal(theirs, ours, size);
    if (result < 0)
        return;
    same("truncated", message.msg_flags & MSG_TRUNC, got.told & LINUX_MSG_TRUNC);
    same_name(&got.name, name, message.msg_namelen);
}

static void shut_one(struct slot *slot) {
    uint32_t how = pick(4);
    bool is_new = socket_at(slot)->type == LINUX_SOCK_STREAM && tcp_of_socket(socket_at(slot))->state == TCP_CLOSED &&
                  tcp_of_socket(socket_at(slot))->progress == TCP_UNCONNECTED;
    if (!one_in(3) || is_new) /* Linux remembers it for what is accepted, should it ever listen */
        return;
    same("shutdown", answer(shutdown(slot->theirs, (int)how)),
         socket_at(slot)->operations->shut_down(socket_at(slot), how));
}

/* What is left to be seen of a connection that is over depends on how it ended, on Linux on much more. */
static bool is_over(const struct slot *slot) {
    return socket_at(slot)->type == LINUX_SOCK_STREAM &&
           tcp_is_in(tcp_of_socket(socket_at(slot)), TCP_IS_OVER);
}

static void ask_names(struct slot *slot) {
    uint8_t name[128];
    struct socket_name ours;
    for (int of_peer = 0; of_peer < 2; of_peer++) {
        socklen_t size = sizeof(name);
        int64_t theirs = answer(of_peer ? getpeername(slot->theirs, (struct sockaddr *)name, &size)
                                        : getsockname(slot->theirs, (struct sockaddr *)name, &size));
        same(of_peer ? "getpeername" : "getsockname", theirs,
             socket_at(slot)->operations->get_name(socket_at(slot), of_peer != 0, &ours));
        if (theirs == 0 && !is_over(slot))
            same_name(&ours, name, size);
    }
}

static void ask_options(struct slot *slot) {
    static const uint32_t options[][2] = {{SOL_SOCKET, LINUX_SO_TYPE},
                                          {SOL_SOCKET, LINUX_SO_ERROR},
                                          {SOL_SOCKET, LINUX_SO_ERROR},
                                          {SOL_SOCKET, LINUX_SO_ACCEPTCONN},
                                          {SOL_SOCKET, LINUX_SO_DOMAIN},
                                          {SOL_SOCKET, LINUX_SO_PROTOCOL},
                                          {SOL_SOCKET, LINUX_SO_REUSEADDR},
                                          {SOL_SOCKET, LINUX_SO_LINGER},
                                          {SOL_SOCKET, LINUX_SO_PEERCRED},
                                          {LINUX_IPPROTO_TCP, LINUX_TCP_NODELAY},
                                          {LINUX_IPPROTO_TCP, LINUX_TCP_KEEPIDLE},
                                          {LINUX_IPPROTO_TCP, LINUX_TCP_KEEPCNT},
                                          {LINUX_IPPROTO_IP, LINUX_IP_TTL},
                                          {LINUX_IPPROTO_IP, LINUX_IP_TOS},
                                          {LINUX_IPPROTO_IP, LINUX_IP_MTU_DISCOVER},
                                          {LINUX_IPPROTO_IP, LINUX_IP_PKTINFO}};
    const uint32_t *option = options[pick(ITEMS(options))];
    uint8_t theirs[32] = {0}, ours[32] = {0};
    socklen_t their_size = sizeof(theirs);
    uint32_t our_size = sizeof(ours);
    if (is_shown)
        fprintf(stderr, "%u: option %u of %u\n", step, option[1], option[0]);
    int64_t result = answer(getsockopt(slot->theirs, (int)option[0], (int)option[1], theirs, &their_size));
    same("getsockopt", result, socket_get_option(socket_at(slot), option[0], option[1], ours, &our_size));
    if (result == 0 && (their_size != our_size || memcmp(theirs, ours, our_size) != 0))
        fail_msg("seed %llu, step %u: option %u of %u differs: %d, %d", (unsigned long long)seed, step, option[1],
                 option[0], *(int *)(void *)theirs, *(int *)(void *)ours);
}

static void set_options(struct slot *slot) {
    static const uint32_t options[] = {LINUX_SO_REUSEADDR, LINUX_SO_REUSEADDR, LINUX_SO_REUSEPORT, LINUX_SO_LINGER};
    uint32_t option = options[pick(ITEMS(options))];
    int values[2] = {(int)pick(2), 0}; /* lingering for no time */
    same("setsockopt", answer(setsockopt(slot->theirs, SOL_SOCKET, (int)option, values, sizeof(values))),
         socket_set_option(socket_at(slot), LINUX_SOL_SOCKET, option, values, sizeof(values)));
}

static void compare_all(void) {
    for (unsigned i = 0; i < SLOTS; i++) {
        if (slots[i].theirs < 0)
            continue;
        struct pollfd theirs = {.fd = slots[i].theirs,
                                .events = POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLWRBAND | POLLRDHUP};
        int their_count = 0, our_count = 0;
        assert_true(poll(&theirs, 1, 0) >= 0);
        if ((uint16_t)theirs.revents != stage_poll(slots[i].ours))
            fail_msg("seed %llu, step %u, poll of slot %u: Linux says %#x, we %#x", (unsigned long long)seed, step, i,
                     theirs.revents, stage_poll(slots[i].ours));
        int64_t their_result = answer(ioctl(slots[i].theirs, FIONREAD, &their_count));
        int64_t our_result = file_control(slots[i].ours, LINUX_SIOCINQ, (uint64_t)(uintptr_t)&our_count);
        if (their_result != our_result || their_count != our_count)
            fail_msg("seed %llu, step %u, FIONREAD of slot %u: Linux says %d, we %d", (unsigned long long)seed, step, i,
                     their_count, our_count);
    }
}

static void do_step(void) {
    uint32_t which = pick(32);
    struct slot *slot = pick_slot();
    if (is_shown && slot != NULL)
        fprintf(stderr, "%u: slot %u, a socket of type %u\n", step, (unsigned)(slot - slots), socket_at(slot)->type);
    if (which < 2 || slot == NULL)
        make();
    else if (which < 5)
        bind_one(slot);
    else if (which < 9)
        connect_one(slot);
    else if (which < 12)
        listen_one(slot);
    else if (which < 15)
        accept_one(slot);
    else if (which < 20)
        send_one(slot);
    else if (which < 25)
        receive_one(slot);
    else if (which == 25)
        shut_one(slot);
    else if (which == 26)
        ask_names(slot);
    else if (which == 27)
        ask_options(slot);
    else if (which < 30)
        set_options(slot);
    else if (one_in(2)) {
        if (is_shown)
            fprintf(stderr, "%u: close\n", step);
        close_slot(slot);
    }
}

static bool begin_namespace(void) {
    struct ifreq interface = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    static bool has_users;
    if (unshare(CLONE_NEWNET) != 0 && (has_users || unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0))
        return false;
    has_users = true;
    int control = socket(AF_INET, SOCK_DGRAM, 0);
    bool is_up = ioctl(control, SIOCSIFFLAGS, &interface) == 0;
    (void)close(control);
    int rates = open("/proc/sys/net/ipv4/icmp_ratemask", O_WRONLY); /* else Linux keeps quiet about some refusals */
    is_up = is_up && rates >= 0 && write(rates, "0", 1) == 1;
    (void)close(rates);
    return is_up;
}

static void run_round(uint64_t with) {
    seed = random_state = with;
    if (!begin_namespace())
        skip();
    stage_begin(&stage);
    for (unsigned i = 0; i < SLOTS; i++)
        slots[i].theirs = -1;
    for (step = 0; step < STEPS; step++) {
        do_step();
        compare_all();
    }
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].theirs >= 0)
            close_slot(&slots[i]);
    stage_end(&stage);
}

static void we_answer_as_linux_does(void **state) {
    const char *chosen = getenv("GROVE_SEED");
    (void)state;
    is_shown = getenv("GROVE_SHOW") != NULL;
    for (uint64_t i = 0; i < (chosen != NULL ? 1 : ROUNDS); i++)
        run_round(chosen != NULL ? strtoull(chosen, NULL, 10) : i + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(we_answer_as_linux_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
