/* Packets: true lengths, and every descriptor accounted for, however many a hostile sender attaches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/machine/linux/port/packet.h"
#include "tests/descriptors.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int ends[2];

static int open_pair(void **state) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(packet_prepare(ends[0]), 0);
    *state = (void *)(intptr_t)descriptors_open();
    return 0;
}

static int close_pair(void **state) {
    assert_int_equal(descriptors_open(), (int)(intptr_t)*state);
    close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    return 0;
}

static void send_raw(const void *bytes, size_t length, unsigned count) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(64 * sizeof(int))];
    } control;
    struct iovec vector = {(void *)(uintptr_t)bytes, length};
    struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
    memset(&control, 0, sizeof control);
    if (count > 0) {
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(count * sizeof(int));
        for (unsigned i = 0; i < count; i++)
            memcpy(CMSG_DATA(part) + i * sizeof(int), &(int){STDERR_FILENO}, sizeof(int));
    }
    assert_int_equal(sendmsg(ends[1], &header, 0), length);
}

static struct packet packet;

static void take_and_close(unsigned count) {
    assert_int_equal(packet.count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_true((fcntl(packet.objects[i], F_GETFD) & FD_CLOEXEC) != 0);
        close(packet.objects[i]);
    }
}

static void descriptors_arrive_closed_on_execute(void **state) {
    (void)state;
    struct grove_message message = {.version = GROVE_PORT_VERSION, .objects = 4};
    send_raw(&message, sizeof message, 4);
    assert_int_equal(packet_receive(ends[0], &packet), 0);
    assert_int_equal(packet.message_bytes, sizeof message);
    assert_int_equal(packet.message.objects, 4);
    take_and_close(4);
}

static void too_many_descriptors_are_closed_and_spoil_the_packet(void **state) {
    (void)state;
    struct grove_message message = {.version = GROVE_PORT_VERSION};
    send_raw(&message, sizeof message, 40);
    assert_int_equal(packet_receive(ends[0], &packet), 0);
    assert_int_equal(packet.count, 0);
    assert_int_equal(packet.message_bytes, PACKET_SPOILT);
}

static void no_free_descriptor_spoils_the_packet(void **state) {
    (void)state;
    struct grove_message message = {.version = GROVE_PORT_VERSION, .objects = 2};
    struct rlimit before, none;
    send_raw(&message, sizeof message, 2);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int status = packet_receive(ends[0], &packet);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, 0);
    assert_int_equal(packet.count, 0);
    assert_int_equal(packet.message_bytes, PACKET_SPOILT);
}

static void true_length_is_told(void **state) {
    (void)state;
    char bytes[sizeof(struct grove_message) + 100] = {0};
    send_raw(bytes, sizeof bytes, 1);
    assert_int_equal(packet_receive(ends[0], &packet), 0);
    assert_int_equal(packet.message_bytes, sizeof bytes);
    take_and_close(1);
    send_raw("x", 1, 0);
    assert_int_equal(packet_receive(ends[0], &packet), 0);
    assert_int_equal(packet.message_bytes, 1);
}

static void empty_packet_and_end_close(void **state) {
    (void)state;
    send_raw("", 0, 2);
    assert_int_equal(packet_receive(ends[0], &packet), GROVE_CLOSED);
    assert_int_equal(packet_receive(ends[0], &packet), GROVE_AGAIN);
    close(ends[1]);
    assert_int_equal(packet_receive(ends[0], &packet), GROVE_CLOSED);
    ends[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void full_queue_says_again_and_lost_peer_closed(void **state) {
    (void)state;
    struct grove_message message = {.version = GROVE_PORT_VERSION};
    machine_object object = STDERR_FILENO;
    bool can_be_polled = false;
    int status = 0, sent = -1;
    for (; status == 0; sent++)
        status = packet_send(ends[0], &message, &object, 1, &can_be_polled);
    assert_int_equal(status, GROVE_AGAIN);
    assert_true(sent > 0 && can_be_polled);
    close(ends[1]);
    assert_int_equal(packet_send(ends[0], &message, NULL, 0, &can_be_polled), GROVE_CLOSED);
    ends[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void other_sockets_are_refused(void **state) {
    (void)state;
    int stream[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
    assert_int_equal(packet_prepare(stream[0]), GROVE_INVALID);
    close(stream[0]);
    close(stream[1]);
    assert_int_equal(packet_prepare(STDERR_FILENO), GROVE_INVALID);
}

int main(void) {
#define PAIRED(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)
    const struct CMUnitTest tests[] = {
        PAIRED(descriptors_arrive_closed_on_execute),
        PAIRED(too_many_descriptors_are_closed_and_spoil_the_packet),
        PAIRED(no_free_descriptor_spoils_the_packet),
        PAIRED(true_length_is_told),
        PAIRED(empty_packet_and_end_close),
        PAIRED(full_queue_says_again_and_lost_peer_closed),
        PAIRED(other_sockets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
