/* Kernel ports: requests and their answers, a full queue, hostile packets, and either end going away. */
#include "kernel/services/containers/test/stage.h"
#include "kernel/services/net/socket.h"

#include <string.h>

static int set_up(void **state) {
    (void)state;
    stage_open();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stage_close();
    return 0;
}

static void send_read(struct open_file *port, uint64_t sequence) {
    const struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_KERNEL_READ, .sequence = sequence};
    assert_int_equal(kernel_port_send(port, &message, sizeof(message), NULL, 0), 0);
}

static uint32_t poll(struct open_file *port) {
    struct wait_queue *queues[FILE_QUEUES];
    return file_poll(port, queues);
}

static void answer_is_there_when_the_send_returns(void **state) {
    struct port_packet *packet;
    (void)state;
    assert_int_equal(poll(stage.port) & LINUX_POLLIN, 0);
    send_read(stage.port, 7);
    assert_int_not_equal(poll(stage.port) & LINUX_POLLIN, 0);
    assert_int_equal(kernel_port_take(stage.port, true, &packet), 0);
    assert_int_equal(packet->message.sequence, 7);
    assert_int_equal(packet->message.status, GROVE_OK);
    assert_int_equal(packet->message.body.kernel.machine, CONTAINERS_X86_64);
    assert_true((packet->message.body.kernel.layers_enforced >> GROVE_LAYER_FILE_VIEW & 1) != 0);
    stage_drop(packet);
    assert_int_equal(kernel_port_take(stage.port, true, &packet), -LINUX_EAGAIN);
}

static void port_is_read_and_written_as_a_file(void **state) {
    struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_KERNEL_READ, .sequence = 9};
    char small[16];
    (void)state;
    assert_int_equal(world_write_file(&stage.world, stage.port, &message, sizeof(message)), sizeof(message));
    assert_int_equal(world_read_file(stage.port, &message, sizeof(message)), sizeof(message));
    assert_int_equal(message.sequence, 9);
    assert_int_equal(message.status, GROVE_OK);
    send_read(stage.port, 10);
    assert_int_equal(world_read_file(stage.port, small, sizeof(small)), sizeof(small));
    assert_int_equal(world_read_file(stage.port, &message, sizeof(message)), -LINUX_EINTR); /* the rest of it is lost */
}

/* One message through the socket, with room for `size` bytes. */
static int receive(struct socket_message *message, void *bytes, size_t size, uint32_t flags) {
    static struct open_file *files[LINUX_SCM_MAX_FD];
    struct socket *socket = socket_of(stage.port);
    static struct transfer transfer;
    static struct transfer_segment segment;
    segment = (struct transfer_segment){.base = bytes, .size_bytes = size};
    transfer_init(&transfer, &segment, 1);
    memset(message, 0, sizeof(*message));
    message->transfer = &transfer;
    message->flags = flags;
    message->files = files;
    return socket->operations->receive(socket, message);
}

static int send_blob(struct open_file *file, uint64_t sequence) {
    struct socket *socket = socket_of(stage.port);
    static struct socket_message message;
    struct grove_message packet = {.version = GROVE_PORT_VERSION,
                                   .operation = GROVE_REQUEST_CONTAINER_CREATE,
                                   .sequence = sequence,
                                   .objects = 1,
                                   .body.container_create.spec_bytes = 8};
    struct transfer transfer;
    struct transfer_segment segment = {.base = (uint8_t *)&packet, .size_bytes = sizeof(packet)};
    transfer_init(&transfer, &segment, 1);
    message = (struct socket_message){.transfer = &transfer, .files = &file, .file_count = 1};
    int status = socket->operations->send(socket, &message);
    assert_int_equal(message.file_count, 0);
    assert_int_equal(message.done_bytes, sizeof(packet));
    return status;
}

static void port_is_a_socket(void **state) {
    static struct socket_message message;
    struct grove_message packet;
    uint8_t small[16];
    (void)state;
    assert_true(file_is_kernel_port(stage.port));
    uint32_t memories = fake_host.memories;
    assert_int_equal(send_blob(fake_memory("no spec", 8, 0), 21), 0); /* not sealed, so it is refused */
    assert_int_equal(fake_host.memories, memories);
    assert_int_equal(receive(&message, &packet, sizeof(packet), LINUX_MSG_PEEK), 0);
    assert_int_equal(packet.sequence, 21);
    assert_int_equal(packet.status, GROVE_INVALID);
    assert_int_equal(receive(&message, small, sizeof(small), LINUX_MSG_TRUNC), 0);
    assert_int_equal(message.done_bytes, sizeof(packet));
    assert_int_equal(message.told, LINUX_MSG_TRUNC);
    assert_int_equal(receive(&message, small, sizeof(small), 0), -LINUX_EAGAIN);
}

/* Start a service and, once what comes of that was read, ask for its log streams. */
static void ask_for_streams(uint64_t sequence) {
    static const struct stage_spec spec = {.name = "grid.one"};
    struct grove_message packet;
    struct socket_message message;
    grove_handle handle;
    (void)stage_service(&spec, &handle, NULL);
    while (receive(&message, &packet, sizeof(packet), 0) == 0)
        continue;
    struct grove_message request = {.version = GROVE_PORT_VERSION,
                                    .operation = GROVE_REQUEST_CONTAINER_STREAMS,
                                    .sequence = sequence,
                                    .body.handle.handle = handle};
    assert_int_equal(kernel_port_send(stage.port, &request, sizeof(request), NULL, 0), 0);
}

/* Log streams come as files: peeked at, they are there twice. */
static void files_come_with_a_packet(void **state) {
    static struct socket_message message;
    struct grove_message packet;
    (void)state;
    ask_for_streams(22);
    assert_int_equal(receive(&message, &packet, sizeof(packet), LINUX_MSG_PEEK), 0);
    assert_int_equal(message.file_count, 2);
    struct open_file *peeked[2] = {message.files[0], message.files[1]};
    assert_int_equal(receive(&message, &packet, sizeof(packet), 0), 0);
    assert_int_equal(message.file_count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        assert_ptr_equal(message.files[i], peeked[i]);
        file_unref(message.files[i]);
        file_unref(peeked[i]);
    }
}

/* Who reads the port as a file has no room for what comes along: it is closed, and that is told. */
static void files_that_nobody_wants_are_closed(void **state) {
    struct socket *socket = socket_of(stage.port);
    struct grove_message packet;
    struct socket_message message;
    (void)state;
    ask_for_streams(23);
    struct transfer transfer;
    struct transfer_segment segment = {.base = (uint8_t *)&packet, .size_bytes = sizeof(packet)};
    transfer_init(&transfer, &segment, 1);
    message = (struct socket_message){.transfer = &transfer};
    assert_int_equal(socket->operations->receive(socket, &message), 0);
    assert_int_equal(packet.sequence, 23);
    assert_int_equal(message.file_count, 0);
    assert_int_equal(message.told, LINUX_MSG_CTRUNC);
}

static void answer_while_waiting(struct world *world) {
    world->on_sleep = NULL;
    send_read(stage.port, 11);
}

static void reader_waits_for_a_packet(void **state) {
    struct port_packet *packet;
    (void)state;
    stage.world.on_sleep = answer_while_waiting;
    assert_int_equal(kernel_port_take(stage.port, false, &packet), 0);
    assert_int_equal(packet->message.sequence, 11);
    stage_drop(packet);
}

static int status_of(uint64_t sequence) {
    struct port_packet *packet = stage_take(stage.port, GROVE_REQUEST_KERNEL_READ, sequence);
    int status = packet != NULL ? packet->message.status : STAGE_NO_REPLY;
    if (packet != NULL)
        stage_drop(packet);
    return status;
}

static void malformed_packets_are_refused(void **state) {
    struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_KERNEL_READ, .sequence = 1};
    struct open_file *files[GROVE_PORT_OBJECTS + 1];
    uint32_t used = containers.objects.used;
    (void)state;
    assert_int_equal(kernel_port_send(stage.port, &message, sizeof(message) - 1, NULL, 0), 0);
    assert_int_equal(status_of(1), GROVE_INVALID);
    assert_int_equal(kernel_port_send(stage.port, &message, SIZE_MAX, NULL, 0), 0);
    assert_int_equal(status_of(1), GROVE_INVALID);
    message.objects = GROVE_PORT_OBJECTS + 1;
    for (uint32_t i = 0; i < GROVE_PORT_OBJECTS + 1; i++)
        files[i] = fake_memory("x", 1, 0);
    assert_int_equal(kernel_port_send(stage.port, &message, sizeof(message), files, GROVE_PORT_OBJECTS + 1), 0);
    assert_int_equal(status_of(1), GROVE_INVALID);
    /* A request that takes no object has some all the same. */
    message.objects = 2;
    for (uint32_t i = 0; i < 2; i++)
        files[i] = fake_memory("x", 1, 0);
    assert_int_equal(kernel_port_send(stage.port, &message, sizeof(message), files, 2), 0);
    assert_int_equal(status_of(1), GROVE_INVALID);
    assert_int_equal(containers.objects.used, used);
}

static void packet_without_room_for_its_objects_is_refused(void **state) {
    struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_KERNEL_READ, .sequence = 1, .objects = 1};
    static machine_object held[512];
    uint32_t count = 0;
    (void)state;
    while (objects_have_room(&containers.objects, 1))
        assert_int_equal(objects_add(&containers.objects, fake_memory("x", 1, 0), &held[count++]), GROVE_OK);
    struct open_file *file = fake_memory("x", 1, 0);
    uint32_t memories = fake_host.memories;
    assert_int_equal(kernel_port_send(stage.port, &message, sizeof(message), &file, 1), 0);
    assert_int_equal(status_of(1), GROVE_INVALID);
    assert_int_equal(fake_host.memories, memories - 1);
    while (count > 0)
        machine_object_close(held[--count]);
}

/* More than the port holds, fewer than port and core hold together: nothing is lost, and the order stays. */
static void full_port_goes_on_when_it_is_read(void **state) {
    struct port_packet *packet;
    (void)state;
    for (uint64_t i = 1; i <= PORT_PACKETS + 40; i++)
        send_read(stage.port, i);
    for (uint64_t i = 1; i <= PORT_PACKETS + 40; i++) {
        assert_int_equal(kernel_port_take(stage.port, true, &packet), 0);
        assert_int_equal(packet->message.sequence, i);
        stage_drop(packet);
        stage_turn();
    }
    assert_int_equal(kernel_port_take(stage.port, true, &packet), -LINUX_EAGAIN);
}

static void who_does_not_read_is_ended(void **state) {
    static const struct stage_spec spec = {.name = "grid.lazy"};
    struct open_file *port;
    struct port_packet *packet;
    (void)state;
    machine_container lazy = stage_service(&spec, NULL, &port);
    const struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_KERNEL_READ, .sequence = 1};
    uint32_t sent = 0;
    while (sent < 1000 && kernel_port_send(port, &message, sizeof(message), NULL, 0) == 0) {
        sent++;
        stage_settle();
    }
    assert_true(sent > PORT_PACKETS && sent < 1000);
    assert_null(fake_program(lazy));
    packet = stage_take(stage.port, GROVE_NOTICE_CONTAINER_STATE, 0);
    while (packet != NULL && packet->message.body.container_state.state != GROVE_CONTAINER_STOPPED) {
        stage_drop(packet);
        packet = stage_take(stage.port, GROVE_NOTICE_CONTAINER_STATE, 0);
    }
    assert_non_null(packet);
    if (packet == NULL)
        return; /* has failed */
    assert_int_equal(packet->message.body.container_state.exit_cause, GROVE_EXIT_PORT_OVERRUN);
    stage_drop(packet);
    file_unref(port);
}

static void ended_instance_leaves_what_was_sent_and_then_the_end(void **state) {
    static const struct stage_spec spec = {.name = "grid.one"};
    struct open_file *port;
    struct port_packet *packet;
    (void)state;
    machine_container one = stage_service(&spec, NULL, &port);
    send_read(port, 5);
    fake_end(fake_program(one), false, 0, false);
    stage_settle();
    assert_int_not_equal(poll(port) & LINUX_POLLHUP, 0);
    packet = stage_take(port, GROVE_REQUEST_KERNEL_READ, 5);
    assert_non_null(packet);
    stage_drop(packet);
    assert_int_equal(kernel_port_take(port, false, &packet), 0);
    assert_null(packet);
    const struct grove_message message = {.version = GROVE_PORT_VERSION};
    struct open_file *file = fake_memory("x", 1, 0);
    uint32_t memories = fake_host.memories;
    assert_int_equal(kernel_port_send(port, &message, sizeof(message), &file, 1), -LINUX_EPIPE);
    assert_int_equal(fake_host.memories, memories - 1);
    file_unref(port);
}

static void shell_comes_and_goes(void **state) {
    struct open_file *port;
    struct port_packet *packet;
    struct stage_accounts before, after;
    (void)state;
    stage_count(&before);
    assert_int_equal(containers_connect("shell.42", 0, 42, &port), 0);
    stage_settle();
    packet = stage_take(port, GROVE_NOTICE_INIT, 0);
    assert_non_null(packet);
    assert_int_equal(packet->message.body.init.ring, 3);
    assert_int_equal(packet->count, 1);
    assert_int_equal(fake_size(packet->files[0]), VFS_PAGE_BYTES);
    stage_drop(packet);
    assert_int_equal(stage_ask(port, GROVE_REQUEST_KERNEL_READ, NULL, 0, NULL, 0, NULL), GROVE_OK);
    file_unref(port);
    stage_settle();
    stage_count(&after);
    assert_memory_equal(&after, &before, sizeof(before));
}

static void packet_without_memory_is_sent_later(void **state) {
    struct port_packet *packet;
    (void)state;
    stage.world.requests_left = 0;
    send_read(stage.port, 3);
    assert_int_equal(kernel_port_take(stage.port, true, &packet), -LINUX_EAGAIN);
    stage.world.requests_left = UINT64_MAX;
    stage_settle();
    assert_int_equal(kernel_port_take(stage.port, true, &packet), -LINUX_EAGAIN);
    stage_pass(10000000);
    packet = stage_take(stage.port, GROVE_REQUEST_KERNEL_READ, 3);
    assert_non_null(packet);
    stage_drop(packet);
}

int main(void) {
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(answer_is_there_when_the_send_returns),
        STAGED(port_is_read_and_written_as_a_file),
        STAGED(port_is_a_socket),
        STAGED(files_come_with_a_packet),
        STAGED(files_that_nobody_wants_are_closed),
        STAGED(reader_waits_for_a_packet),
        STAGED(malformed_packets_are_refused),
        STAGED(packet_without_room_for_its_objects_is_refused),
        STAGED(full_port_goes_on_when_it_is_read),
        STAGED(who_does_not_read_is_ended),
        STAGED(ended_instance_leaves_what_was_sent_and_then_the_end),
        STAGED(shell_comes_and_goes),
        STAGED(packet_without_memory_is_sent_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
