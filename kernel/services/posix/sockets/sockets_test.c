/* System calls on sockets: layouts, addresses, what travels along, several messages, and hostile arguments. */
#include "kernel/services/posix/files/test/host.h"
#include "kernel/services/posix/sockets/control_data.h"
#include "kernel/services/posix/sockets/sockets.h"

#include <string.h>

#define NAME_AT 0u
#define BYTES_AT 256u
#define HEADER_AT 1024u
#define CONTROL_AT 2048u
#define SEGMENT_AT 3072u
#define NUMBERS_AT 4096u

struct message {
    uint64_t name, name_bytes, segments, segment_count, control, control_bytes;
    uint32_t flags, unused;
};

static void begin(void) {
    host_begin(&(struct tmpfs_limits){.mode = 0777});
    sockets_prepare(&host.vfs);
}

static void *at(uint32_t offset) {
    return host_arena() + offset;
}

static void make_pair(uint32_t type, int32_t numbers[2]) {
    assert_int_equal(CALL(socketpair, LINUX_AF_UNIX, type, 0, host_address(NUMBERS_AT)), 0);
    memcpy(numbers, at(NUMBERS_AT), 2 * sizeof(int32_t));
}

static struct message *header(uint32_t size, uint32_t control_bytes) {
    uint64_t segment[2] = {host_address(BYTES_AT), size};
    struct message *message = at(HEADER_AT);
    memcpy(at(SEGMENT_AT), segment, sizeof(segment));
    *message = (struct message){.segments = host_address(SEGMENT_AT),
                                .segment_count = 1,
                                .control = host_address(CONTROL_AT),
                                .control_bytes = control_bytes};
    return message;
}

static void put_control(uint64_t size, int32_t level, int32_t kind, const void *contents, size_t contents_bytes) {
    uint8_t *control = at(CONTROL_AT);
    memcpy(control, &size, 8);
    memcpy(control + 8, &level, 4);
    memcpy(control + 12, &kind, 4);
    memcpy(control + 16, contents, contents_bytes);
}

static uint64_t number_of(int32_t descriptor) {
    return (uint64_t)(int64_t)descriptor;
}

static void bytes_go_from_end_to_end(void **state) {
    int32_t ends[2];
    (void)state;
    begin();
    make_pair(LINUX_SOCK_STREAM, ends);
    memcpy(at(BYTES_AT), "hello", 5);
    assert_int_equal(CALL(sendto, number_of(ends[0]), host_address(BYTES_AT), 5), 5);
    memset(at(BYTES_AT), 0, 5);
    host_evict();
    assert_int_equal(CALL(recvfrom, number_of(ends[1]), host_address(BYTES_AT), 100), 5);
    assert_memory_equal(at(BYTES_AT), "hello", 5);
    assert_int_equal(CALL(recvfrom, number_of(ends[1]), host_address(BYTES_AT), 100, LINUX_MSG_DONTWAIT),
                     -LINUX_EAGAIN);
    assert_int_equal(CALL(shutdown, number_of(ends[1]), LINUX_SHUT_RDWR), 0);
    assert_int_equal(CALL(sendto, number_of(ends[0]), host_address(BYTES_AT), 5, LINUX_MSG_NOSIGNAL), -LINUX_EPIPE);
    assert_int_equal(host.broken_pipes, 0);
    assert_int_equal(CALL(sendto, number_of(ends[0]), host_address(BYTES_AT), 5), -LINUX_EPIPE);
    assert_int_equal(host.broken_pipes, 1);
    host_end();
}

static void connections_are_made_by_name(void **state) {
    uint8_t *name = at(NAME_AT);
    uint32_t size = 100;
    (void)state;
    begin();
    int64_t listener = CALL(socket, LINUX_AF_UNIX, LINUX_SOCK_STREAM | LINUX_SOCK_NONBLOCK);
    int64_t client = CALL(socket, LINUX_AF_UNIX, LINUX_SOCK_STREAM | LINUX_SOCK_CLOEXEC);
    memcpy(name, "\1\0at", 5);
    assert_int_equal(CALL(bind, (uint64_t)listener, host_address(NAME_AT), 4), 0);
    assert_int_equal(CALL(accept, (uint64_t)listener), -LINUX_EINVAL);
    assert_int_equal(CALL(listen, (uint64_t)listener, 3), 0);
    assert_int_equal(CALL(accept, (uint64_t)listener), -LINUX_EAGAIN);
    assert_int_equal(CALL(connect, (uint64_t)client, host_address(NAME_AT), 5), 0);
    memcpy(at(NUMBERS_AT), &size, sizeof(size));
    int64_t end =
        CALL(accept4, (uint64_t)listener, host_address(BYTES_AT), host_address(NUMBERS_AT), LINUX_SOCK_NONBLOCK);
    assert_true(end > client);
    memcpy(&size, at(NUMBERS_AT), sizeof(size));
    assert_int_equal(size, 2);
    size = 4; /* less than it is */
    memcpy(at(NUMBERS_AT), &size, sizeof(size));
    assert_int_equal(CALL(getpeername, (uint64_t)client, host_address(BYTES_AT), host_address(NUMBERS_AT)), 0);
    memcpy(&size, at(NUMBERS_AT), sizeof(size));
    assert_int_equal(size, 5);
    assert_memory_equal(at(BYTES_AT), "\1\0at", 4);
    assert_int_equal(CALL(getsockname, (uint64_t)end, host_address(BYTES_AT), 0), -LINUX_EFAULT);
    host_end();
}

static void descriptors_travel_along(void **state) {
    int32_t ends[2], numbers[3];
    (void)state;
    begin();
    make_pair(LINUX_SOCK_SEQPACKET, ends);
    numbers[0] = ends[0];
    numbers[1] = ends[1];
    put_control(24, LINUX_SOL_SOCKET, LINUX_SCM_RIGHTS, numbers, 8);
    (void)header(1, 24);
    assert_int_equal(CALL(sendmsg, number_of(ends[0]), host_address(HEADER_AT)), 1);
    assert_int_equal(CALL(sendmsg, number_of(ends[0]), host_address(HEADER_AT)), 1);
    struct message *message = header(10, 64);
    assert_int_equal(CALL(recvmsg, number_of(ends[1]), host_address(HEADER_AT), LINUX_MSG_CMSG_CLOEXEC), 1);
    assert_int_equal(message->control_bytes, 24);
    assert_int_equal(message->flags, LINUX_MSG_CMSG_CLOEXEC);
    memcpy(numbers, host_arena() + CONTROL_AT + 16, 8);
    assert_int_equal(numbers[0], 2);
    assert_int_equal(numbers[1], 3);
    assert_int_equal(CALL(close, number_of(numbers[0])), 0);
    message = header(10, 20); /* room for one */
    assert_int_equal(CALL(recvmsg, number_of(ends[1]), host_address(HEADER_AT)), 1);
    assert_int_equal(message->flags, LINUX_MSG_CTRUNC);
    assert_int_equal(message->control_bytes, 20);
    numbers[0] = 39;
    put_control(20, LINUX_SOL_SOCKET, LINUX_SCM_RIGHTS, numbers, 4);
    (void)header(1, 20);
    assert_int_equal(CALL(sendmsg, number_of(ends[0]), host_address(HEADER_AT)), -LINUX_EBADF);
    host_end();
}

static void credentials_are_ones_own(void **state) {
    int32_t ends[2];
    struct socket_credentials credentials = {.process = 77};
    uint32_t on = 1;
    (void)state;
    begin();
    make_pair(LINUX_SOCK_DGRAM, ends);
    memcpy(at(NUMBERS_AT), &on, 4);
    assert_int_equal(
        CALL(setsockopt, number_of(ends[1]), LINUX_SOL_SOCKET, LINUX_SO_PASSCRED, host_address(NUMBERS_AT), 4), 0);
    put_control(28, LINUX_SOL_SOCKET, LINUX_SCM_CREDENTIALS, &credentials, sizeof(credentials));
    (void)header(1, 28);
    assert_int_equal(CALL(sendmsg, number_of(ends[0]), host_address(HEADER_AT)), 1);
    struct message *message = header(10, 64);
    assert_int_equal(CALL(recvmsg, number_of(ends[1]), host_address(HEADER_AT)), 1);
    assert_int_equal(message->control_bytes, 32);
    memcpy(&credentials, host_arena() + CONTROL_AT + 16, sizeof(credentials));
    assert_int_equal(credentials.process, 77); /* the administrator may say so */
    host.caller.identity.capabilities = 0;
    put_control(28, LINUX_SOL_SOCKET, LINUX_SCM_CREDENTIALS, &credentials, sizeof(credentials));
    (void)header(1, 28);
    assert_int_equal(CALL(sendmsg, number_of(ends[0]), host_address(HEADER_AT)), -LINUX_EPERM);
    host_end();
}

static void several_go_at_once(void **state) {
    int32_t ends[2];
    uint8_t *many = at(HEADER_AT);
    uint64_t segment[2] = {host_address(BYTES_AT), 3};
    (void)state;
    begin();
    make_pair(LINUX_SOCK_DGRAM | LINUX_SOCK_NONBLOCK, ends);
    memcpy(at(SEGMENT_AT), segment, sizeof(segment));
    memset(many, 0, (size_t)3 * 64);
    for (unsigned i = 0; i < 3; i++) {
        struct message message = {.segments = host_address(SEGMENT_AT), .segment_count = 1};
        memcpy(many + (size_t)64 * i, &message, sizeof(message));
    }
    assert_int_equal(CALL(sendmmsg, number_of(ends[0]), host_address(HEADER_AT), 2), 2);
    assert_int_equal(CALL(recvmmsg, number_of(ends[1]), host_address(HEADER_AT), 3, LINUX_MSG_WAITFORONE), 2);
    uint32_t done;
    memcpy(&done, many + 64 + 56, sizeof(done));
    assert_int_equal(done, 3);
    assert_int_equal(CALL(recvmmsg, number_of(ends[1]), host_address(HEADER_AT), 3), -LINUX_EAGAIN);
    host_end();
}

static void hostile_arguments_are_refused(void **state) {
    int32_t ends[2];
    (void)state;
    begin();
    make_pair(LINUX_SOCK_STREAM, ends);
    uint64_t end = number_of(ends[0]);
    assert_int_equal(CALL(socket, 77, LINUX_SOCK_STREAM), -LINUX_EAFNOSUPPORT);
    assert_int_equal(CALL(socket, LINUX_AF_UNIX, 0x100 | LINUX_SOCK_STREAM), -LINUX_EINVAL);
    assert_int_equal(CALL(socket, LINUX_AF_UNIX, 9), -LINUX_ESOCKTNOSUPPORT);
    assert_int_equal(CALL(socketpair, LINUX_AF_UNIX, LINUX_SOCK_STREAM, 0, 8), -LINUX_EFAULT);
    assert_int_equal(CALL(bind, 99), -LINUX_EBADF);
    assert_int_equal(CALL(bind, end, 8, 300), -LINUX_EINVAL);
    assert_int_equal(CALL(bind, end, 8, 20), -LINUX_EFAULT);
    assert_int_equal(CALL(sendto, end, 8, 20), -LINUX_EFAULT);
    assert_int_equal(CALL(sendmsg, end, 8), -LINUX_EFAULT);
    header(1, 24)->segment_count = 2000;
    assert_int_equal(CALL(sendmsg, end, host_address(HEADER_AT)), -LINUX_EMSGSIZE);
    (void)header(1, UINT32_MAX);
    assert_int_equal(CALL(sendmsg, end, host_address(HEADER_AT)), -LINUX_ENOBUFS);
    put_control(25, LINUX_SOL_SOCKET, LINUX_SCM_RIGHTS, "", 0);
    (void)header(1, 24);
    assert_int_equal(CALL(sendmsg, end, host_address(HEADER_AT)), -LINUX_EINVAL);
    put_control(24, LINUX_SOL_SOCKET, 99, "", 0);
    assert_int_equal(CALL(sendmsg, end, host_address(HEADER_AT)), -LINUX_EINVAL);
    assert_int_equal(CALL(getsockopt, end, LINUX_SOL_SOCKET, LINUX_SO_TYPE, host_address(0), 8), -LINUX_EFAULT);
    assert_int_equal(CALL(setsockopt, end, LINUX_SOL_SOCKET, LINUX_SO_SNDBUF, host_address(0), 3), -LINUX_EINVAL);
    assert_int_equal(CALL(accept4, end, 0, 0, 1), -LINUX_EINVAL);
    assert_int_equal(CALL(pipe, host_address(NUMBERS_AT)), 0);
    assert_int_equal(CALL(listen, 2, 1), -LINUX_ENOTSOCK);
    host_end();
}

static void items_are_laid_out_and_found_again(void **state) {
    uint8_t bytes[64];
    size_t used = 0, from = 0;
    struct control_item item = {.level = 1, .kind = 2, .contents = (const uint8_t *)"abc", .size_bytes = 3}, found;
    (void)state;
    assert_true(control_add(bytes, sizeof(bytes), &used, &item));
    assert_int_equal(used, 24);
    assert_true(control_add(bytes, sizeof(bytes), &used, &item));
    assert_false(control_add(bytes, sizeof(bytes), &used, &item)); /* no room for more than its header */
    assert_int_equal(used, 64);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(control_next(bytes, used, &from, &found), 1);
        assert_int_equal(found.kind, 2);
        assert_memory_equal(found.contents, "abc", 3);
    }
    assert_int_equal(control_next(bytes, used, &from, &found), 1);
    assert_int_equal(found.size_bytes, 0);
    assert_int_equal(control_next(bytes, used, &from, &found), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_from_end_to_end),
        cmocka_unit_test(connections_are_made_by_name),
        cmocka_unit_test(descriptors_travel_along),
        cmocka_unit_test(credentials_are_ones_own),
        cmocka_unit_test(several_go_at_once),
        cmocka_unit_test(hostile_arguments_are_refused),
        cmocka_unit_test(items_are_laid_out_and_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
