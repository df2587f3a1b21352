/*
 * TCP and UDP under any packets: what comes from a device one day. A listener, a connection and a datagram socket, and random
 * segments to them, with random flags, numbers, windows and bytes, near what they expect and far from it; in between the
 * program reads, writes, shuts and accepts, and time passes. Whatever comes, the accounts are right in the end.
 *
 * The input is steps of 12 bytes: which, flags, two ports, distance of the sequence number and of what is acknowledged, window,
 * size.
 */
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/net/inet/tcp/tcp.h"
#include "tests/fuzz/plain_machine.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define STEP_BYTES 12u
#define FILES 4u
#define PORT 502u

static uint64_t now_ns = 1;

/* No program asks anything here by address. */
bool process_read(void *to, uint64_t from, size_t size_bytes) {
    (void)to;
    (void)from;
    (void)size_bytes;
    return false;
}

bool process_write(uint64_t to, const void *from, size_t size_bytes) {
    (void)to;
    (void)from;
    (void)size_bytes;
    return false;
}

static uint64_t clock_ns(void *context) {
    (void)context;
    return now_ns;
}

static int sleep_until(void *context, struct wait_queue *queue, struct spinlock *lock, uint64_t until_ns) {
    (void)context;
    (void)queue;
    (void)lock;
    now_ns = until_ns;
    return -LINUX_ETIMEDOUT;
}

static const struct vfs_machine machine = {PLAIN_MACHINE, .sleep_until = sleep_until, .clock_ns = clock_ns};
static struct vfs vfs = {.machine = &machine};
static struct inet_domain domain;
static struct socket *files[FILES]; /* a listener, two ends of a connection, datagrams; NULL: closed */
static const struct caller caller = {.vfs = &vfs, .identity = {.capabilities = UINT64_MAX}};

static struct socket_name name_of(uint16_t port) {
    struct inet_place place = {.address = inet_v4(INET_LOOPBACK_V4), .port = port};
    struct socket_name name;
    inet_write_place(LINUX_AF_INET, &place, &name);
    return name;
}

static void begin(void) {
    struct socket_name name = name_of(PORT);
    inet_domain_init(&domain, &vfs, INET_BYTES_MAX);
    memset(files, 0, sizeof(files));
    if (inet_create(&domain, &caller, LINUX_AF_INET, LINUX_SOCK_STREAM, 0, &files[0]) != 0 ||
        inet_create(&domain, &caller, LINUX_AF_INET, LINUX_SOCK_STREAM, 0, &files[1]) != 0 ||
        inet_create(&domain, &caller, LINUX_AF_INET, LINUX_SOCK_DGRAM, 0, &files[3]) != 0 ||
        inet_bind(files[0], &caller, &name) != 0 || inet_bind(files[3], &caller, &name) != 0 ||
        tcp_listen(files[0], 4) != 0 || tcp_connect(files[1], &caller, &name, true) != 0 ||
        tcp_accept(files[0], false, &files[2]) != 0)
        abort();
}

static void move(struct socket *socket, bool is_send, size_t size) {
    static uint8_t bytes[70000];
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    struct socket_message message = {.transfer = &transfer, .caller = &caller};
    transfer_init(&transfer, &segment, 1);
    if (is_send)
        (void)socket->operations->send(socket, &message);
    else
        (void)socket->operations->receive(socket, &message);
}

/* A segment as a stranger or the other end would send it. */
static void inject(const uint8_t *step) {
    struct inet_packet *packet = inet_packet_create(&domain, step[1] & 0x80 ? INET_UDP : INET_TCP);
    struct tcp_socket *tcp = files[1 + (step[2] & 1)] != NULL ? tcp_of_socket(files[1 + (step[2] & 1)]) : NULL;
    uint32_t size = step[11] % 8 == 0 ? step[10] * 16u : 0;
    packet->bytes = inet_bytes_create(&domain, size);
    packet->bytes->size_bytes = packet->size_bytes = size;
    packet->from = (struct inet_place){.address = inet_v4(INET_LOOPBACK_V4), .port = (uint16_t)(step[3] + 1)};
    packet->to = (struct inet_place){.address = inet_v4(INET_LOOPBACK_V4), .port = PORT};
    packet->flags = step[1] & 0x1f;
    packet->window = (uint16_t)(step[8] << 8 | step[9]);
    packet->scale = step[2] & 2 ? step[10] : INET_NO_SCALE;
    packet->segment_max = (uint16_t)(step[2] & 4 ? step[8] << 8 | step[10] : 0);
    packet->sequence = (uint32_t)(int32_t)(int8_t)step[4] << (step[5] % 25);
    packet->acknowledged = (uint32_t)(int32_t)(int8_t)step[6] << (step[7] % 25);
    if (tcp != NULL && (step[2] & 8) == 0) {
        packet->from = tcp->inet.remote;
        packet->to = tcp->inet.local;
        packet->sequence += tcp->expected;
        packet->acknowledged += tcp->unacknowledged;
    }
    inet_lock(&domain);
    inet_transmit(&domain, packet);
    inet_unlock(&domain);
}

static void close_one(uint32_t which) {
    if (files[which] != NULL)
        files[which]->operations->close(files[which]);
    files[which] = NULL;
}

static void accept_one(void) {
    struct socket *accepted;
    if (files[0] != NULL && tcp_accept(files[0], false, &accepted) == 0)
        accepted->operations->close(accepted);
}

static void do_step(const uint8_t *step) {
    uint32_t which = step[2] % FILES;
    struct socket *socket = files[which];
    switch (step[0] % 8) {
    case 0:
        if (socket != NULL && which > 0)
            move(socket, true, (size_t)step[3] << (step[4] % 9));
        break;
    case 1:
        if (socket != NULL && which > 0)
            move(socket, false, (size_t)step[3] << (step[4] % 9));
        break;
    case 2:
        if (socket != NULL)
            (void)socket->operations->shut_down(socket, step[3] % 3);
        break;
    case 3:
        now_ns += (uint64_t)step[3] << (step[4] % 36);
        (void)inet_step(&domain);
        break;
    case 4:
        accept_one();
        if (step[3] == 0)
            close_one(which);
        break;
    default:
        inject(step);
    }
}

static void check(void) {
    for (uint32_t i = 1; i < 3; i++) {
        const struct tcp_socket *tcp = files[i] != NULL ? tcp_of_socket(files[i]) : NULL;
        if (tcp == NULL)
            continue;
        if (sequence_before(tcp->next, tcp->unacknowledged) || sequence_before(tcp->end + 1, tcp->next) ||
            tcp->early_count > TCP_OUT_OF_ORDER_MAX || tcp->inet.charged_bytes / 8 > TCP_BUFFER_BYTES)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    begin();
    for (; size >= STEP_BYTES; bytes += STEP_BYTES, size -= STEP_BYTES) {
        do_step(bytes);
        check();
    }
    for (uint32_t i = 0; i < FILES; i++)
        close_one(i);
    inet_domain_clear(&domain);
    if (domain.sockets != 0 || domain.bytes != 0 || domain.timers != NULL || domain.time_wait_count != 0 ||
        plain_held != 0)
        abort();
    return 0;
}
