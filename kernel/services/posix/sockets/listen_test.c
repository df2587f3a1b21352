/* Sockets that are made before a program begins: which, where they lie, and what is refused. */
#include "kernel/services/posix/sockets/listen.h"

#include "kernel/services/posix/files/test/host.h"
#include "kernel/services/posix/sockets/sockets.h"

#include <string.h>

#define CAPABILITIES_MAX 20u

static struct {
    struct grove_spec spec;
    struct grove_spec_capability entries[CAPABILITIES_MAX];
} blob;

static int asked;

/* The gate refuses the port that is asked for last. */
static int refuse_some(void *context, struct gate_question *question) {
    (void)context;
    asked++;
    return question->port == 8999 ? -LINUX_EACCES : 0;
}

static uint64_t no_space(void *context) {
    (void)context;
    return 0;
}

static const struct net_gate gate = {.ask = refuse_some, .name_space = no_space};

static void begin(void) {
    memset(&blob, 0, sizeof(blob));
    blob.spec.capabilities.offset_bytes = sizeof(blob.spec);
    host_begin(&(struct tmpfs_limits){.mode = 0777});
    sockets_prepare(&host.vfs);
    sockets_inet.gate = &gate;
    asked = 0;
}

static void end(void) {
    inet_domain_clear(&sockets_inet);
    host_end();
}

static void grant(uint16_t kind, uint8_t family, uint8_t transport, uint16_t first, uint16_t last) {
    assert_true(blob.spec.capabilities.count < CAPABILITIES_MAX);
    struct grove_spec_capability *entry = &blob.entries[blob.spec.capabilities.count++];
    *entry = (struct grove_spec_capability){
        .kind = kind,
        .argument_kind = GROVE_ARGUMENT_ADDRESS,
        .address = {.family = family, .transport = transport, .port_first = first, .port_last = last}};
    if (family == 4)
        memcpy(entry->address.bytes, (const uint8_t[]){127, 0, 0, 1}, 4);
    else
        entry->address.bytes[15] = 1;
}

static int make(uint32_t *count) {
    struct files files = files_of_current();
    return sockets_listen(&blob.spec, files.caller, files.descriptors, count);
}

static void each_single_port_has_a_socket(void **state) {
    static const uint16_t ports[] = {8100, 8200, 8300};
    uint32_t count;
    (void)state;
    begin();
    grant(GROVE_CAP_NET_BIND, 4, GATE_TCP, 8100, 8100);
    grant(GROVE_CAP_NET_CONNECT, 4, GATE_TCP, 8101, 8101);
    grant(GROVE_CAP_NET_BIND, 4, GATE_TCP, 9000, 9010);
    grant(GROVE_CAP_NET_BIND, 6, GATE_TCP, 8200, 8200);
    grant(GROVE_CAP_NET_BIND, 4, GATE_UDP, 8300, 8300);
    assert_int_equal(make(&count), 0);
    assert_int_equal(count, 3);
    for (uint32_t i = 0; i < count; i++) {
        struct files files = files_of_current();
        struct socket_name name;
        struct open_file *file;
        struct socket *socket;
        assert_int_equal(sockets_find(&files, 3 + i, &file, &socket), 0);
        assert_int_equal(socket->operations->get_name(socket, false, &name), 0);
        assert_int_equal(name.bytes[2] << 8 | name.bytes[3], ports[i]);
        assert_int_equal(socket->operations->is_listening(socket), i < 2);
        file_unref(file);
        assert_int_equal(descriptors_close(files.descriptors, 3 + i), 0);
    }
    assert_int_equal(asked, 5); /* three binds and two listens */
    end();
}

static void what_the_gate_refuses_is_not_made(void **state) {
    struct files files;
    uint32_t count;
    (void)state;
    begin();
    grant(GROVE_CAP_NET_BIND, 4, GATE_TCP, 8100, 8100);
    grant(GROVE_CAP_NET_BIND, 4, GATE_TCP, 8999, 8999);
    assert_int_equal(make(&count), -LINUX_EACCES);
    assert_int_equal(count, 1);
    files = files_of_current();
    assert_int_equal(descriptors_close(files.descriptors, 3), 0);
    assert_int_equal(descriptors_close(files.descriptors, 4), -LINUX_EBADF);
    end();
}

static void what_is_taken_and_too_many_fail(void **state) {
    struct files files;
    uint32_t count;
    (void)state;
    begin();
    grant(GROVE_CAP_NET_BIND, 4, GATE_TCP, 8100, 8100);
    assert_int_equal(make(&count), 0);
    assert_int_equal(make(&count), -LINUX_EADDRINUSE);
    files = files_of_current();
    assert_int_equal(descriptors_close(files.descriptors, 3), 0);
    for (uint16_t i = 1; i <= LISTEN_SOCKETS_MAX; i++)
        grant(GROVE_CAP_NET_BIND, 4, GATE_TCP, 8100 + i, 8100 + i);
    assert_int_equal(make(&count), -LINUX_E2BIG);
    assert_int_equal(count, LISTEN_SOCKETS_MAX);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(descriptors_close(files.descriptors, 3 + i), 0);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_single_port_has_a_socket),
        cmocka_unit_test(what_the_gate_refuses_is_not_made),
        cmocka_unit_test(what_is_taken_and_too_many_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
