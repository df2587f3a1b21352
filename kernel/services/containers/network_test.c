/* The network by capability: what a container may bind, listen at, connect and send to; how a refusal is written down. */
#include "kernel/services/containers/network.h"

#include "kernel/services/containers/test/stage.h"

#include <string.h>

#define PORTS_ALL .port_last = UINT16_MAX
#define CALL_NUMBER 49

static grove_handle handle;

/* A service with these permissions, whose program makes calls from now on. */
static void begin(const struct stage_permission *permissions, uint32_t count) {
    const struct stage_spec spec = {.name = "grid.net", .permissions = permissions, .count = count};
    stage_open();
    fake_host.current = fake_program(stage_service(&spec, &handle, NULL));
    fake_host.call = CALL_NUMBER;
}

static void end(void) {
    fake_host.current = NULL;
    stage_close();
}

static struct gate_question question(enum gate_use use, uint8_t transport, const uint8_t address[4], uint16_t port) {
    struct gate_question made = {.use = use, .transport = transport, .family = 4, .port = port};
    memcpy(made.address, address, 4);
    return made;
}

static const uint8_t any[4], here[4] = {127, 0, 0, 1}, there[4] = {10, 1, 2, 3}, beyond[4] = {10, 2, 0, 1};

static int ask(enum gate_use use, uint8_t transport, const uint8_t address[4], uint16_t port) {
    struct gate_question asked = question(use, transport, address, port);
    return gate_ask(&containers_gate, &asked);
}

/* The last refusal in the audit log that init reads. */
static bool last_refusal(struct grove_audit_record *last) {
    struct grove_audit_read body = {.sequence = 0};
    struct port_packet *packet;
    bool is_found = false;
    while (stage_ask(stage.port, GROVE_REQUEST_AUDIT_READ, &body, sizeof(body), NULL, 0, &packet) == 0) {
        struct grove_audit_record record;
        memcpy(&record, packet->message.body.bytes, sizeof(record));
        body.sequence = record.sequence + 1;
        if (record.event == GROVE_AUDIT_SYSCALL_REFUSED) {
            *last = record;
            is_found = true;
        }
        stage_drop(packet);
    }
    stage_drop(packet); /* there is no further one */
    return is_found;
}

static void without_any_nothing_works(void **state) {
    struct grove_audit_record record = {.kind = 0};
    (void)state;
    begin(NULL, 0);
    assert_false(last_refusal(&record));
    assert_int_equal(ask(GATE_BIND, GATE_TCP, any, 0), -LINUX_EACCES);
    assert_int_equal(ask(GATE_BIND, GATE_UDP, here, 80), -LINUX_EACCES);
    assert_int_equal(ask(GATE_LISTEN, GATE_TCP, any, 0), -LINUX_EACCES);
    assert_int_equal(ask(GATE_SEND, GATE_UDP, here, 53), -LINUX_EACCES);
    assert_int_equal(ask(GATE_CONNECT, GATE_TCP, there, 443), -LINUX_EACCES);
    assert_true(last_refusal(&record));
    assert_string_equal(record.who.text, "grid.net");
    assert_int_equal(record.operation, CALL_NUMBER);
    assert_int_equal(record.kind, GROVE_CAP_NET_CONNECT);
    assert_int_equal(record.argument.address.port_first, 443);
    assert_int_equal(record.argument.address.transport, GATE_TCP);
    assert_memory_equal(record.argument.address.bytes, there, 4);
    end();
}

static void who_is_of_no_container_may_do_all(void **state) {
    (void)state;
    begin(NULL, 0);
    fake_host.current = NULL;
    assert_int_equal(ask(GATE_CONNECT, GATE_TCP, there, 443), 0);
    assert_int_equal(ask(GATE_BIND, GATE_UDP, any, 0), 0);
    assert_int_equal(gate_name_space(&containers_gate), 0);
    end();
}

static void connecting_is_by_address_port_and_transport(void **state) {
    static const struct stage_permission permissions[] = {{.kind = GROVE_CAP_NET_CONNECT,
                                                           .address = {.family = 4,
                                                                       .prefix_bits = 16,
                                                                       .transport = GATE_TCP,
                                                                       .port_first = 400,
                                                                       .port_last = 500,
                                                                       .bytes = {10, 1}}},
                                                          {.kind = GROVE_CAP_NET_CONNECT,
                                                           .address = {.family = 4,
                                                                       .prefix_bits = 32,
                                                                       .transport = GATE_UDP,
                                                                       .port_first = 53,
                                                                       .port_last = 53,
                                                                       .bytes = {127, 0, 0, 1}}}};
    (void)state;
    begin(permissions, 2);
    assert_int_equal(ask(GATE_CONNECT, GATE_TCP, there, 400), 0);
    assert_int_equal(ask(GATE_CONNECT, GATE_TCP, there, 500), 0);
    assert_int_equal(ask(GATE_CONNECT, GATE_TCP, there, 399), -LINUX_EACCES);
    assert_int_equal(ask(GATE_CONNECT, GATE_TCP, beyond, 443), -LINUX_EACCES);
    assert_int_equal(ask(GATE_CONNECT, GATE_UDP, there, 443), -LINUX_EACCES);
    assert_int_equal(ask(GATE_SEND, GATE_UDP, here, 53), 0);
    assert_int_equal(ask(GATE_SEND, GATE_UDP, any, 53), 0); /* which is this computer */
    assert_int_equal(ask(GATE_SEND, GATE_UDP, there, 53), -LINUX_EACCES);
    struct gate_question inside = question(GATE_CONNECT, GATE_TCP, any, 443);
    inside.family = 6;
    inside.address[10] = inside.address[11] = 0xff;
    memcpy(inside.address + 12, there, 4);
    assert_int_equal(gate_ask(&containers_gate, &inside), 0);
    inside.transport = 132; /* neither of the two */
    assert_int_equal(gate_ask(&containers_gate, &inside), -LINUX_EACCES);
    /* A client may choose its own address, but not listen there. */
    assert_int_equal(ask(GATE_BIND, GATE_TCP, any, 0), 0);
    assert_int_equal(ask(GATE_BIND, GATE_TCP, any, 1), -LINUX_EACCES);
    assert_int_equal(ask(GATE_LISTEN, GATE_TCP, any, 32768), -LINUX_EACCES);
    assert_int_equal(ask(GATE_LISTEN, GATE_TCP, any, 0), -LINUX_EACCES);
    end();
}

static void binding_gives_no_connection(void **state) {
    static const struct stage_permission permissions[] = {{.kind = GROVE_CAP_NET_BIND,
                                                           .address = {.family = 4,
                                                                       .prefix_bits = 32,
                                                                       .transport = GATE_TCP,
                                                                       .port_first = 80,
                                                                       .port_last = 80,
                                                                       .bytes = {127, 0, 0, 1}}}};
    (void)state;
    begin(permissions, 1);
    assert_int_equal(ask(GATE_BIND, GATE_TCP, here, 80), 0);
    assert_int_equal(ask(GATE_LISTEN, GATE_TCP, here, 80), 0);
    assert_int_equal(ask(GATE_BIND, GATE_TCP, any, 80), -LINUX_EACCES);
    assert_int_equal(ask(GATE_BIND, GATE_TCP, here, 0), -LINUX_EACCES);
    assert_int_equal(ask(GATE_LISTEN, GATE_TCP, any, 0), -LINUX_EACCES);
    assert_int_equal(ask(GATE_CONNECT, GATE_TCP, here, 80), -LINUX_EACCES);
    end();
}

static bool keeps_to_version6(void) {
    struct gate_question asked = {
        .use = GATE_BIND, .transport = GATE_TCP, .family = 6, .port = 80, .only_version6 = true};
    assert_int_equal(gate_ask(&containers_gate, &asked), 0);
    return asked.only_version6;
}

static void any_of_version6_takes_version4_only_if_granted(void **state) {
    static const struct stage_permission permissions[] = {
        {.kind = GROVE_CAP_NET_BIND,
         .address = {.family = 6, .transport = GATE_TCP, .port_first = 80, .port_last = 80}},
        {.kind = GROVE_CAP_NET_BIND,
         .address = {.family = 4, .transport = GATE_TCP, .port_first = 80, .port_last = 80}}};
    (void)state;
    begin(permissions, 1);
    assert_true(keeps_to_version6());
    end();
    begin(permissions, 2);
    assert_false(keeps_to_version6());
    end();
}

static void all_of_it_lets_listen_unbound(void **state) {
    static const struct stage_permission permissions[] = {
        {.kind = GROVE_CAP_NET_BIND, .address = {.transport = GATE_TCP, PORTS_ALL}}};
    (void)state;
    begin(permissions, 1);
    assert_int_equal(ask(GATE_LISTEN, GATE_TCP, any, 0), 0);
    assert_int_equal(ask(GATE_BIND, GATE_TCP, there, 0), 0);
    assert_int_equal(ask(GATE_BIND, GATE_UDP, there, 0), -LINUX_EACCES);
    end();
}

/* ---- abstract Unix names ---- */

static int bind_abstract(struct open_file *file) {
    const struct socket_name name = {.size_bytes = 6, .bytes = {LINUX_AF_UNIX, 0, 0, 'n', 'a', 'm'}};
    return socket_of(file)->operations->bind(socket_of(file), &stage.world.caller, &name);
}

static struct open_file *new_socket(void) {
    struct socket *socket;
    assert_int_equal(unix_create(&stage.sockets, LINUX_SOCK_DGRAM, 0, &socket), 0);
    return socket_open(socket, 0);
}

static void each_container_has_names_of_its_own(void **state) {
    static const struct stage_spec other = {.name = "grid.other"};
    struct open_file *files[3];
    (void)state;
    begin(NULL, 0);
    stage.sockets.gate = &containers_gate;
    struct program *first = fake_host.current, *second = fake_program(stage_service(&other, NULL, NULL));
    for (unsigned i = 0; i < 3; i++)
        files[i] = new_socket();
    assert_int_equal(bind_abstract(files[0]), 0);
    fake_host.current = second;
    assert_int_equal(bind_abstract(files[1]), 0);
    fake_host.current = first;
    assert_int_equal(bind_abstract(files[2]), -LINUX_EADDRINUSE);
    fake_host.current = NULL;
    assert_int_equal(bind_abstract(files[2]), 0);
    for (unsigned i = 0; i < 3; i++)
        file_unref(files[i]);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_nothing_works),
        cmocka_unit_test(who_is_of_no_container_may_do_all),
        cmocka_unit_test(connecting_is_by_address_port_and_transport),
        cmocka_unit_test(binding_gives_no_connection),
        cmocka_unit_test(any_of_version6_takes_version4_only_if_granted),
        cmocka_unit_test(all_of_it_lets_listen_unbound),
        cmocka_unit_test(each_container_has_names_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
