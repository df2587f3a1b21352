/*
 * Memory that runs out at any moment of a container's life: the kernel says so, and when it is over, accounts are as before.
 * And channels, end to end: memory of both ends, doorbells, the closed bit of who died, the memory of who comes after.
 */
#include "kernel/services/containers/test/stage.h"

#include <stdio.h>
#include <string.h>

static const struct stage_permission both[] = {{.kind = GROVE_CAP_IPC_SEND, .text = "grid.>"},
                                               {.kind = GROVE_CAP_IPC_RECV, .text = "grid.>"}};
static const struct stage_spec server_spec = {.name = "grid.server", .permissions = both, .count = 2};
static const struct stage_spec client_spec = {.name = "grid.client", .permissions = both, .count = 2};

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

/* Whatever of it fails: a container made, started, ended, started again, and destroyed. */
static void live(void) {
    struct grove_container_reply made;
    if (stage_create(&client_spec, &made) != 0)
        return;
    for (uint32_t i = 0; i < 2; i++) {
        if (stage_start(made.container, NULL, 0, NULL) != 0)
            continue;
        struct program *program = fake_program(stage_index(made.id));
        if (program != NULL)
            fake_end(program, false, 0, false);
        stage_settle();
    }
    stage.world.requests_left = UINT64_MAX;
    (void)stage_control(made.container, GROVE_ACTION_DESTROY);
    stage_settle();
}

static void drain(void) {
    struct port_packet *packet;
    while (kernel_port_take(stage.port, true, &packet) == 0 && packet != NULL)
        stage_drop(packet);
}

static void memory_runs_out_at_any_moment(void **state) {
    struct stage_accounts before, after;
    (void)state;
    live();
    drain();
    stage_count(&before);
    for (uint64_t requests = 1; requests < 200; requests++) {
        stage.world.requests_left = requests;
        live();
        stage.world.requests_left = UINT64_MAX;
        stage_pass(UINT64_C(20000000));
        drain();
        stage_count(&after);
        assert_memory_equal(&after, &before, sizeof(before));
    }
}

/* The same with the numbers for the core's open files. */
static void numbers_run_out_at_any_moment(void **state) {
    static machine_object taken[512];
    struct stage_accounts before, after;
    (void)state;
    live();
    drain();
    stage_count(&before);
    for (uint32_t left = 0; left < 12; left++) {
        uint32_t count = 0;
        while (objects_have_room(&containers.objects, left + 1))
            assert_int_equal(objects_add(&containers.objects, fake_memory("x", 1, 0), &taken[count++]), GROVE_OK);
        live();
        while (count > 0)
            machine_object_close(taken[--count]);
        stage_pass(UINT64_C(20000000));
        drain();
        stage_count(&after);
        assert_memory_equal(&after, &before, sizeof(before));
    }
}

static grove_handle make_endpoint(struct open_file *port, const char *name) {
    struct grove_endpoint_create body = {.name = {{0}}};
    struct port_packet *packet;
    (void)snprintf(body.name.text, sizeof(body.name.text), "%s", name);
    assert_int_equal(stage_ask(port, GROVE_REQUEST_ENDPOINT_CREATE, &body, sizeof(body), NULL, 0, &packet), 0);
    grove_handle handle = packet->message.body.handle_reply.handle;
    stage_drop(packet);
    return handle;
}

static struct port_packet *connect(struct open_file *port, const char *name) {
    struct grove_channel_connect body = {.endpoint = {{0}}};
    struct port_packet *packet;
    (void)snprintf(body.endpoint.text, sizeof(body.endpoint.text), "%s", name);
    assert_int_equal(stage_ask(port, GROVE_REQUEST_CHANNEL_CONNECT, &body, sizeof(body), NULL, 0, &packet), 0);
    return packet;
}

static void attach(struct open_file *port, grove_handle channel) {
    const struct grove_handle_request body = {.handle = channel};
    assert_int_equal(stage_ask(port, GROVE_REQUEST_CHANNEL_ATTACHED, &body, sizeof(body), NULL, 0, NULL), 0);
}

static void channel_survives_its_server(void **state) {
    grove_handle server_handle;
    struct open_file *server, *client;
    (void)state;
    machine_container index = stage_service(&server_spec, &server_handle, &server);
    (void)stage_service(&client_spec, NULL, &client);
    (void)make_endpoint(server, "grid.server");
    struct port_packet *connected = connect(client, "grid.server");
    assert_int_equal(connected->count, 2);
    assert_int_equal(fake_size(connected->files[0]), connected->message.body.channel.layout.total_bytes);
    attach(client, connected->message.body.channel.channel);
    assert_int_not_equal(fake_seals(connected->files[0]) & LINUX_F_SEAL_FUTURE_WRITE, 0);

    struct port_packet *new = stage_take(server, GROVE_NOTICE_CHANNEL_NEW, 0);
    assert_non_null(new);
    attach(server, new->message.body.channel_new.channel.channel);
    struct port_packet *peer = stage_take(client, GROVE_NOTICE_CHANNEL_PEER, 0);
    assert_non_null(peer);
    struct open_file *segment = peer->files[0];
    memcpy(fake_bytes(segment) + 4096, "published", 9);

    fake_end(fake_program(index), true, 11, false);
    stage_settle();
    uint32_t signal;
    memcpy(&signal, fake_bytes(segment) + offsetof(struct grove_control, signal), sizeof(signal));
    assert_int_not_equal(signal & GROVE_SIGNAL_CLOSED, 0);

    assert_int_equal(stage_start(server_handle, NULL, 0, NULL), 0);
    struct open_file *next = stage_file(fake_program(index), GROVE_PORT_DESCRIPTOR);
    struct port_packet *resumed = stage_take(next, GROVE_NOTICE_CHANNEL_NEW, 0);
    assert_non_null(resumed);
    assert_int_not_equal(resumed->message.body.channel_new.channel.flags & GROVE_CHANNEL_RESUMED, 0);
    assert_ptr_not_equal(resumed->files[0], segment);
    assert_memory_equal(fake_bytes(resumed->files[0]) + 4096, "published", 9);
    stage_drop(resumed);
    stage_drop(peer);
    stage_drop(new);
    stage_drop(connected);
    file_unref(server);
    file_unref(client);
}

static void doorbell_leads_to_the_other_end(void **state) {
    struct open_file *server, *client;
    char byte;
    (void)state;
    (void)stage_service(&server_spec, NULL, &server);
    (void)stage_service(&client_spec, NULL, &client);
    (void)make_endpoint(server, "grid.server");
    struct port_packet *connected = connect(client, "grid.server");
    attach(client, connected->message.body.channel.channel);
    struct port_packet *new = stage_take(server, GROVE_NOTICE_CHANNEL_NEW, 0);
    assert_non_null(new);
    assert_int_equal(world_write_file(&stage.world, connected->files[1], "x", 1), 1);
    assert_int_equal(world_read_file(new->files[1], &byte, 1), 1);
    stage_drop(new);
    stage_drop(connected);
    file_unref(server);
    file_unref(client);
}

int main(void) {
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(memory_runs_out_at_any_moment),
        STAGED(numbers_run_out_at_any_moment),
        STAGED(channel_survives_its_server),
        STAGED(doorbell_leads_to_the_other_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
