/* The gate: which addresses it is asked about, and names of Unix sockets in spaces of their own. */
#include "kernel/services/net/gate.h"

#include "kernel/services/net/test/stage.h"

#include <string.h>

static struct gate_question asked;
static int answer;
static uint64_t space;

static int ask(void *context, struct gate_question *question) {
    (void)context;
    asked = *question;
    return answer;
}

static uint64_t name_space(void *context) {
    (void)context;
    return space;
}

static const struct net_gate gate = {.ask = ask, .name_space = name_space};

static struct gate_question question(enum gate_use use, uint8_t family) {
    return (struct gate_question){.use = use, .transport = GATE_TCP, .family = family, .port = 80};
}

static void without_a_gate_all_is_allowed(void **state) {
    struct gate_question any = question(GATE_BIND, 4);
    (void)state;
    assert_int_equal(gate_ask(NULL, &any), 0);
    assert_int_equal(gate_name_space(NULL), 0);
}

static void the_answer_is_the_gates(void **state) {
    struct gate_question to = question(GATE_CONNECT, 4);
    (void)state;
    answer = -LINUX_EACCES;
    assert_int_equal(gate_ask(&gate, &to), -LINUX_EACCES);
    answer = 0;
    assert_int_equal(gate_ask(&gate, &to), 0);
    assert_int_equal(asked.port, 80);
}

static void any_is_this_computer_where_something_goes_there(void **state) {
    static const uint8_t loopback4[4] = {127, 0, 0, 1}, loopback6[16] = {[15] = 1};
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
    const enum gate_use uses[] = {GATE_CONNECT, GATE_SEND};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct gate_question four = question(uses[i], 4), six = question(uses[i], 6), inside = six;
        inside.address[10] = inside.address[11] = 0xff;
        assert_int_equal(gate_ask(&gate, &four) | gate_ask(&gate, &six) | gate_ask(&gate, &inside), 0);
        assert_memory_equal(four.address, loopback4, 4);
        assert_memory_equal(six.address, loopback6, 16);
        assert_memory_equal(inside.address, mapped, 16);
        assert_memory_equal(asked.address, mapped, 16); /* it was asked about what will be done */
    }
}

static void any_stays_any_where_something_is_taken(void **state) {
    static const uint8_t zeros[16];
    const enum gate_use uses[] = {GATE_BIND, GATE_LISTEN};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct gate_question six = question(uses[i], 6);
        assert_int_equal(gate_ask(&gate, &six), 0);
        assert_memory_equal(six.address, zeros, 16);
        assert_true(gate_is_any(&six));
    }
}

static void version4_is_seen_inside_of_version6(void **state) {
    static const uint8_t expected[4] = {10, 1, 2, 3};
    struct gate_question four = question(GATE_CONNECT, 4), six = question(GATE_CONNECT, 6);
    uint8_t bytes[4] = {0};
    (void)state;
    memcpy(four.address, expected, 4);
    assert_true(gate_is_version4(&four, bytes));
    assert_memory_equal(bytes, expected, 4);
    assert_false(gate_is_version4(&six, bytes)); /* :: is no address of IPv4 */
    six.address[10] = six.address[11] = 0xff;
    memcpy(six.address + 12, expected, 4);
    memset(bytes, 0, 4);
    assert_true(gate_is_version4(&six, bytes));
    assert_memory_equal(bytes, expected, 4);
    assert_false(gate_is_any(&six));
    six.address[0] = 0x20;
    assert_false(gate_is_version4(&six, bytes));
}

static struct socket_name abstract_name(void) {
    return (struct socket_name){.size_bytes = 6, .bytes = {LINUX_AF_UNIX, 0, 0, 'n', 'a', 'm'}};
}

static int bind_name(struct stage *stage, struct open_file *file) {
    const struct socket_name name = abstract_name();
    return socket_of(file)->operations->bind(socket_of(file), &stage->world.caller, &name);
}

static int connect_name(struct stage *stage, struct open_file *file) {
    const struct socket_name name = abstract_name();
    return socket_of(file)->operations->connect(socket_of(file), &stage->world.caller, &name, false);
}

static void abstract_names_are_each_spaces_own(void **state) {
    struct stage stage;
    struct open_file *files[3];
    (void)state;
    stage_begin(&stage);
    stage.domain.gate = &gate;
    for (unsigned i = 0; i < 3; i++)
        files[i] = stage_socket(&stage, LINUX_SOCK_DGRAM);
    space = 7;
    assert_int_equal(bind_name(&stage, files[0]), 0);
    assert_int_equal(bind_name(&stage, files[1]), -LINUX_EADDRINUSE);
    space = 8;
    assert_int_equal(connect_name(&stage, files[2]), -LINUX_ECONNREFUSED);
    assert_int_equal(bind_name(&stage, files[1]), 0);
    assert_int_equal(connect_name(&stage, files[2]), 0);
    assert_int_equal(stage_send(&stage, files[2], "x", 1, 0, NULL, NULL), 1);
    assert_int_equal(stage_poll(files[0]) & LINUX_POLLIN, 0);
    assert_int_equal(stage_poll(files[1]) & LINUX_POLLIN, LINUX_POLLIN);
    for (unsigned i = 0; i < 3; i++)
        file_unref(files[i]);
    stage_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_gate_all_is_allowed),
        cmocka_unit_test(the_answer_is_the_gates),
        cmocka_unit_test(any_is_this_computer_where_something_goes_there),
        cmocka_unit_test(any_stays_any_where_something_is_taken),
        cmocka_unit_test(version4_is_seen_inside_of_version6),
        cmocka_unit_test(abstract_names_are_each_spaces_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
