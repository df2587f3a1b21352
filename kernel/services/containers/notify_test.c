/* Readiness of programs that know nothing of Grove: what they send to their socket, and what the core hears. */
#include "kernel/services/containers/test/stage.h"
#include "kernel/services/vfs/change.h"

#include <string.h>

static const struct stage_spec plain = {.name = "grid.notify", .flags = GROVE_SPEC_NOTIFY_SOCKET};

static grove_handle handle;
static machine_container container;
static struct open_file *sender; /* a datagram socket of the program */

static int set_up(void **state) {
    struct socket *socket;
    (void)state;
    stage_open();
    container = stage_service(&plain, &handle, NULL);
    assert_int_equal(unix_create(&stage.sockets, LINUX_SOCK_DGRAM, 0, &socket), 0);
    sender = socket_open(socket, LINUX_O_NONBLOCK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    file_unref(sender);
    stage_close();
    return 0;
}

/* What sendto answers; `file` travels along, if it is not NULL. */
static int send_text(const char *text, size_t length, struct open_file *file) {
    char copy[8192];
    struct transfer_segment segment = {.base = copy, .size_bytes = length};
    struct transfer transfer;
    memcpy(copy, text, length);
    transfer_init(&transfer, &segment, 1);
    struct socket_message message = {.transfer = &transfer,
                                     .name = {.size_bytes = 2 + sizeof(NOTIFY_PLACE) - 1, .bytes = {LINUX_AF_UNIX}},
                                     .caller = &fake_program(container)->plan.caller,
                                     .files = &file,
                                     .file_count = file != NULL};
    memcpy(message.name.bytes + 2, NOTIFY_PLACE, sizeof(NOTIFY_PLACE) - 1);
    return socket_of(sender)->operations->send(socket_of(sender), &message);
}

static int say(const char *text) {
    return send_text(text, strlen(text), NULL);
}

static uint32_t state_of(void) {
    const struct grove_container_read body = {.container = handle};
    struct port_packet *packet;
    stage_settle();
    assert_int_equal(stage_ask(stage.port, GROVE_REQUEST_CONTAINER_READ, &body, sizeof(body), NULL, 0, &packet), 0);
    uint32_t state = packet->message.body.container_record.state;
    stage_drop(packet);
    return state;
}

static void ready_is_heard(void **state) {
    (void)state;
    assert_int_equal(state_of(), GROVE_CONTAINER_RUNNING);
    assert_int_equal(say("READY=1"), 0);
    assert_int_equal(state_of(), GROVE_CONTAINER_READY);
}

static void it_is_one_line_of_many(void **state) {
    (void)state;
    assert_int_equal(say("STATUS=here we are\nMAINPID=7\nREADY=1\n"), 0);
    assert_int_equal(state_of(), GROVE_CONTAINER_READY);
}

static void nothing_else_is(void **state) {
    static const char *const texts[] = {"",         "READY=0",     "READY=11",   "XREADY=1", "READY=1 ",
                                        "READY =1", "\nREADY=\n1", "STOPPING=1", "ready=1"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_int_equal(say(texts[i]), 0);
        assert_int_equal(state_of(), GROVE_CONTAINER_RUNNING);
    }
}

/* What is behind the first 4096 bytes is not looked at; many messages are all read, so the sender never waits. */
static void long_and_many_messages(void **state) {
    static const char ready[] = {'R', 'E', 'A', 'D', 'Y', '=', '1'};
    char text[6000];
    (void)state;
    memset(text, '\n', sizeof(text));
    memcpy(text + 5000, ready, sizeof(ready));
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(send_text(text, sizeof(text), NULL), 0);
    assert_int_equal(state_of(), GROVE_CONTAINER_RUNNING);
    memcpy(text + 4089, ready, sizeof(ready)); /* its end is cut off there, and it is whole */
    assert_int_equal(send_text(text, sizeof(text), NULL), 0);
    assert_int_equal(state_of(), GROVE_CONTAINER_READY);
}

static void files_that_come_along_are_closed(void **state) {
    struct open_file *file;
    (void)state;
    file = world_open(&stage.world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    file_ref(file);
    assert_int_equal(send_text("READY=1", 7, file), 0);
    assert_int_equal(__atomic_load_n(&file->references, __ATOMIC_RELAXED), 1);
    file_unref(file);
    assert_int_equal(state_of(), GROVE_CONTAINER_READY);
}

static void anybody_in_it_may_send_and_nobody_bind_there(void **state) {
    struct caller caller = fake_program(container)->plan.caller;
    struct walk_path path = {.text = NOTIFY_PLACE};
    struct path place;
    (void)state;
    caller.identity.capabilities = 0;
    vfs_lock(caller.vfs);
    assert_int_equal(walk(&caller, &path, 0, &place), 0);
    assert_int_equal(place.dentry->inode->mode, LINUX_S_IFSOCK | 0666);
    path_unref(&place);
    vfs_unlock(caller.vfs);
    assert_int_equal(vfs_unlink(&caller, &path), -LINUX_EROFS);
}

/* What an instance said when it ended is no news of the next one. */
static void the_next_instance_begins_anew(void **state) {
    (void)state;
    assert_int_equal(say("READY=1"), 0);
    fake_end(fake_program(container), false, 0, false);
    stage_settle();
    assert_int_equal(state_of(), GROVE_CONTAINER_STOPPED);
    assert_int_equal(stage_start(handle, NULL, 0, NULL), 0);
    assert_int_equal(state_of(), GROVE_CONTAINER_RUNNING);
    assert_int_equal(say("READY=1"), 0);
    assert_int_equal(state_of(), GROVE_CONTAINER_READY);
}

static void without_sockets_the_start_fails(void **state) {
    struct grove_container_reply reply;
    (void)state;
    containers.sockets = NULL;
    assert_int_equal(
        stage_create(&(struct stage_spec){.name = "grid.other", .flags = GROVE_SPEC_NOTIFY_SOCKET}, &reply), 0);
    assert_int_equal(stage_start(reply.container, NULL, 0, NULL), GROVE_LAYER_MISSING);
    containers.sockets = &stage.sockets;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ready_is_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_is_one_line_of_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_else_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_and_many_messages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_come_along_are_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(anybody_in_it_may_send_and_nobody_bind_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_next_instance_begins_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_sockets_the_start_fails, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
