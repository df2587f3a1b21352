/* Channels: who sees which segment when, what a restart of either end keeps, and what ends them. */
#include "kernel/core/test/world.h"

#include "kernel/core/test/unit.h"

#include <string.h>

static const struct world_permission server_permissions[] = {{.kind = GROVE_CAP_IPC_RECV, .text = "grid.>"}};
static const struct world_spec server_spec = {.name = "grid.server", .permissions = server_permissions, .count = 1};
static const struct world_permission client_permissions[] = {{.kind = GROVE_CAP_IPC_SEND, .text = "grid.>"}};
static const struct world_spec client_spec = {.name = "grid.client", .permissions = client_permissions, .count = 1};

struct ends {
    struct world world;
    machine_container server, client;
    grove_handle server_container, client_container, server_channel, client_channel;
    machine_object server_segment, client_segment;
};

static void open_ends(struct ends *ends) {
    world_open(&ends->world, NULL);
    ends->server = world_service(&ends->world, ends->world.init, &server_spec, &ends->server_container);
    ends->client = world_service(&ends->world, ends->world.init, &client_spec, &ends->client_container);
    assert_int_equal(world_endpoint(&ends->world, ends->server, "grid.echo", 0, NULL), 0);
}

static void connect_client(struct ends *ends) {
    struct fake_packet reply;
    assert_int_equal(world_connect(&ends->world, ends->client, "grid.echo", &reply), 0);
    ends->client_channel = reply.message.body.channel.channel;
    ends->client_segment = reply.objects[0];
    assert_int_equal(reply.message.objects, 2);
    assert_true(reply.message.body.channel.layout.total_bytes == fake.objects[reply.objects[0]].size_bytes);
}

static void accept_server(struct ends *ends, uint32_t flags) {
    struct fake_packet notice;
    assert_true(fake_take(ends->server, GROVE_NOTICE_CHANNEL_NEW, 0, &notice));
    assert_int_equal(notice.message.body.channel_new.channel.flags, flags);
    assert_string_equal(notice.message.body.channel_new.client.text, "grid.client");
    ends->server_channel = notice.message.body.channel_new.channel.channel;
    ends->server_segment = notice.objects[0];
}

static void open_channel(struct ends *ends) {
    open_ends(ends);
    connect_client(ends);
    accept_server(ends, 0);
    assert_int_equal(world_attach(&ends->world, ends->client, ends->client_channel), 0);
    assert_int_equal(world_attach(&ends->world, ends->server, ends->server_channel), 0);
    fake_drop_packets(ends->client);
    fake_drop_packets(ends->server);
}

static uint32_t signal_of(machine_object segment) {
    uint32_t word;
    memcpy(&word, fake.objects[segment].bytes + offsetof(struct grove_control, signal), sizeof(word));
    return word;
}

static void a_segment_is_shown_only_when_sealed(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet notice;
    open_ends(&ends);
    connect_client(&ends);
    accept_server(&ends, 0);
    assert_false(fake_take(ends.server, GROVE_NOTICE_CHANNEL_PEER, 0, NULL));
    assert_false(fake.objects[ends.client_segment].is_sealed);
    assert_int_equal(world_attach(&ends.world, ends.client, ends.client_channel), 0);
    assert_true(fake_take(ends.server, GROVE_NOTICE_CHANNEL_PEER, 0, &notice));
    assert_int_equal(notice.objects[0], ends.client_segment);
    assert_true(fake.objects[ends.client_segment].is_sealed);
    assert_false(fake_take(ends.client, GROVE_NOTICE_CHANNEL_PEER, 0, NULL));
    assert_int_equal(world_attach(&ends.world, ends.server, ends.server_channel), 0);
    assert_true(fake_take(ends.client, GROVE_NOTICE_CHANNEL_PEER, 0, &notice));
    assert_int_equal(notice.objects[0], ends.server_segment);
    assert_int_equal(world_attach(&ends.world, ends.server, ends.server_channel), GROVE_WRONG_STATE);
    world_close(&ends.world);
}

static void connecting_needs_the_permission(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet reply;
    open_ends(&ends);
    assert_int_equal(world_connect(&ends.world, ends.server, "grid.echo", &reply), GROVE_DENIED);
    assert_int_equal(reply.message.body.refused.missing.kind, GROVE_CAP_IPC_SEND);
    assert_int_equal(world_connect(&ends.world, ends.client, "grid.nobody", &reply), GROVE_NOT_FOUND);
    assert_int_equal(world_connect(&ends.world, ends.client, "other.echo", &reply), GROVE_DENIED);
    assert_int_equal(world_connect(&ends.world, ends.client, "grid..echo", &reply), GROVE_INVALID);
    struct grove_channel_connect body = {.endpoint = world_name("grid.echo"), .lane_bytes = {UINT64_MAX}};
    assert_int_equal(world_ask(&ends.world, ends.client, GROVE_REQUEST_CHANNEL_CONNECT, &body, sizeof(body), NULL),
                     GROVE_TOO_LARGE);
    connect_client(&ends);
    assert_int_equal(world_connect(&ends.world, ends.client, "grid.echo", &reply), GROVE_EXISTS);
    world_close(&ends.world);
}

static void layouts_are_rounded(void **state) {
    (void)state;
    struct grove_channel_layout layout;
    const uint64_t lanes[GROVE_LANES] = {1, 5000, 0};
    assert_int_equal(channel_layout(lanes, GROVE_ARENA_NONE, &layout), 0);
    assert_int_equal(layout.lane_bytes[0], 4096);
    assert_int_equal(layout.lane_bytes[1], 8192);
    assert_int_equal(layout.lane_bytes[2], 262144);
    assert_int_equal(layout.lane_offset_bytes[0], 16384);
    assert_int_equal(layout.arena_bytes, 0);
    assert_int_equal(channel_layout(lanes, 1, &layout), 0);
    assert_int_equal(layout.arena_bytes, GROVE_ARENA_GRANULE);
    assert_int_equal(channel_layout(lanes, GROVE_ARENA_BYTES_MAX + 1ull, &layout), GROVE_TOO_LARGE);
}

static void a_restarted_server_takes_its_channels_over(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet packet;
    open_channel(&ends);
    fake.objects[ends.server_segment].bytes[200] = 77;
    machine_object old = ends.server_segment;
    fake.containers[ends.server].is_running = false;
    core_container_exited(ends.world.core, ends.server, GROVE_EXIT_SIGNAL, 9);
    assert_int_equal(signal_of(old), GROVE_SIGNAL_CLOSED);
    world_settle(&ends.world);
    assert_null(core_find_fault(ends.world.core));
    assert_int_equal(world_start(&ends.world, ends.world.init, ends.server_container), 0);
    assert_true(fake_take(ends.server, GROVE_NOTICE_INIT, 0, &packet));
    assert_int_equal(packet.message.body.init.channels, 1);
    accept_server(&ends, GROVE_CHANNEL_RESUMED);
    assert_int_equal(fake.objects[ends.server_segment].bytes[200], 77);
    assert_false(fake.objects[ends.server_segment].is_sealed);
    /* The client's segment is shown at once; ours to the client only when it is attached. */
    assert_true(fake_take(ends.server, GROVE_NOTICE_CHANNEL_PEER, 0, &packet));
    assert_int_equal(packet.objects[0], ends.client_segment);
    assert_false(fake_take(ends.client, GROVE_NOTICE_CHANNEL_PEER, 0, &packet));
    assert_int_equal(world_attach(&ends.world, ends.server, ends.server_channel), 0);
    assert_true(fake_take(ends.client, GROVE_NOTICE_CHANNEL_PEER, 0, &packet));
    assert_int_equal(packet.message.body.channel_peer.epoch, 2);
    assert_int_equal(packet.objects[0], ends.server_segment);
    world_close(&ends.world);
}

static void a_segment_that_was_never_sealed_is_handed_on(void **state) {
    (void)state;
    struct ends ends;
    open_ends(&ends);
    connect_client(&ends);
    accept_server(&ends, 0);
    machine_object first = ends.server_segment;
    world_exit(&ends.world, ends.server, GROVE_EXIT_SIGNAL, 9);
    assert_int_equal(world_start(&ends.world, ends.world.init, ends.server_container), 0);
    accept_server(&ends, GROVE_CHANNEL_RESUMED);
    assert_int_equal(ends.server_segment, first);
    world_close(&ends.world);
}

static void a_start_without_memory_for_channels_fails_and_loses_nothing(void **state) {
    (void)state;
    struct ends ends;
    open_channel(&ends);
    world_exit(&ends.world, ends.server, GROVE_EXIT_SIGNAL, 9);
    fake.fail_memory = 1;
    world_start(&ends.world, ends.world.init, ends.server_container);
    world_settle(&ends.world);
    struct container *server = core_container(ends.world.core, ends.server);
    assert_int_equal(server->state, GROVE_CONTAINER_STOPPED);
    assert_int_equal(server->exit_cause, GROVE_EXIT_START_FAILED);
    assert_int_equal(server->exit_detail, GROVE_NO_MEMORY);
    assert_int_equal(world_start(&ends.world, ends.world.init, ends.server_container), 0);
    accept_server(&ends, GROVE_CHANNEL_RESUMED);
    world_close(&ends.world);
}

static void a_restarted_client_gets_its_channel_back(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet packet;
    open_channel(&ends);
    fake.objects[ends.client_segment].bytes[200] = 55;
    world_exit(&ends.world, ends.client, GROVE_EXIT_SIGNAL, 9);
    assert_int_equal(world_start(&ends.world, ends.world.init, ends.client_container), 0);
    assert_int_equal(world_connect(&ends.world, ends.client, "grid.echo", &packet), 0);
    assert_int_equal(packet.message.body.channel.flags, GROVE_CHANNEL_RESUMED);
    assert_true(packet.message.body.channel.channel == ends.client_channel);
    assert_int_equal(fake.objects[packet.objects[0]].bytes[200], 55);
    assert_true(fake_take(ends.client, GROVE_NOTICE_CHANNEL_PEER, 0, NULL));
    assert_int_equal(world_attach(&ends.world, ends.client, ends.client_channel), 0);
    assert_true(fake_take(ends.server, GROVE_NOTICE_CHANNEL_PEER, 0, &packet));
    assert_int_equal(packet.message.body.channel_peer.epoch, 2);
    assert_int_equal(ends.world.core->channels.used, 1);
    world_close(&ends.world);
}

static void what_a_client_sent_outlives_it(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet packet;
    struct world_accounts before;
    struct world_accounts after;
    open_ends(&ends);
    world_exit(&ends.world, ends.server, GROVE_EXIT_SIGNAL, 9);
    world_count(&ends.world, &before);
    connect_client(&ends);
    assert_int_equal(world_attach(&ends.world, ends.client, ends.client_channel), 0);
    assert_int_equal(world_control(&ends.world, ends.world.init, ends.client_container, GROVE_ACTION_DESTROY), 0);
    assert_int_equal(ends.world.core->channels.used, 1);
    assert_int_equal(world_start(&ends.world, ends.world.init, ends.server_container), 0);
    accept_server(&ends, 0);
    assert_true(fake_take(ends.server, GROVE_NOTICE_CHANNEL_PEER, 0, &packet));
    assert_int_equal(packet.objects[0], ends.client_segment);
    assert_true(fake_take(ends.server, GROVE_NOTICE_CHANNEL_CLOSED, 0, NULL));
    assert_int_equal(world_handle_request(&ends.world, ends.server, GROVE_REQUEST_CHANNEL_CLOSE, ends.server_channel),
                     0);
    assert_int_equal(ends.world.core->channels.used, 0);
    world_exit(&ends.world, ends.server, GROVE_EXIT_SIGNAL, 9);
    world_service(&ends.world, ends.world.init, &client_spec, NULL);
    world_count(&ends.world, &after);
    assert_int_equal(before.objects, after.objects);
    assert_int_equal(before.capabilities, after.capabilities);
    world_close(&ends.world);
}

static void a_client_that_sent_nothing_leaves_nothing(void **state) {
    (void)state;
    struct ends ends;
    open_ends(&ends);
    world_exit(&ends.world, ends.server, GROVE_EXIT_SIGNAL, 9);
    connect_client(&ends);
    assert_int_equal(world_control(&ends.world, ends.world.init, ends.client_container, GROVE_ACTION_DESTROY), 0);
    assert_int_equal(ends.world.core->channels.used, 0);
    world_close(&ends.world);
}

static void closing_tells_the_other_end(void **state) {
    (void)state;
    struct ends ends;
    open_channel(&ends);
    assert_int_equal(world_handle_request(&ends.world, ends.server, GROVE_REQUEST_CHANNEL_CLOSE, ends.server_channel),
                     0);
    assert_true(fake_take(ends.client, GROVE_NOTICE_CHANNEL_CLOSED, 0, NULL));
    assert_int_equal(signal_of(ends.server_segment), GROVE_SIGNAL_CLOSED);
    assert_int_equal(world_handle_request(&ends.world, ends.server, GROVE_REQUEST_CHANNEL_CLOSE, ends.server_channel),
                     GROVE_STALE_HANDLE);
    assert_int_equal(world_handle_request(&ends.world, ends.client, GROVE_REQUEST_CHANNEL_CLOSE, ends.client_channel),
                     0);
    assert_int_equal(ends.world.core->channels.used, 0);
    world_close(&ends.world);
}

static void destroying_the_endpoint_closes_its_channels(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet reply;
    open_channel(&ends);
    struct capability *entry = NULL;
    grove_handle handle = world_find(&ends.world, ends.server, GROVE_CAP_ENDPOINT);
    assert_int_equal(world_handle_request(&ends.world, ends.client, GROVE_REQUEST_ENDPOINT_DESTROY, handle),
                     GROVE_STALE_HANDLE);
    assert_int_equal(world_handle_request(&ends.world, ends.server, GROVE_REQUEST_ENDPOINT_DESTROY, handle), 0);
    assert_true(fake_take(ends.client, GROVE_NOTICE_CHANNEL_CLOSED, 0, NULL));
    assert_int_equal(world_connect(&ends.world, ends.client, "grid.echo", &reply), GROVE_EXISTS); /* the old channel */
    world_handle_request(&ends.world, ends.client, GROVE_REQUEST_CHANNEL_CLOSE, ends.client_channel);
    assert_int_equal(world_connect(&ends.world, ends.client, "grid.echo", &reply), GROVE_NOT_FOUND);
    assert_int_equal(
        capability_find_handle(ends.world.core, core_container(ends.world.core, ends.server), handle, &entry),
        GROVE_STALE_HANDLE);
    assert_int_equal(world_endpoint(&ends.world, ends.server, "grid.echo", 0, NULL), 0);
    assert_int_equal(world_endpoint(&ends.world, ends.server, "grid.echo", 0, NULL), GROVE_EXISTS);
    world_close(&ends.world);
}

static void connecting_wakes_the_owner_of_what_does_not_run(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet notice;
    open_ends(&ends);
    world_exit(&ends.world, ends.server, GROVE_EXIT_CODE, 0);
    fake_drop_packets(ends.world.init);
    connect_client(&ends);
    assert_true(fake_take(ends.world.init, GROVE_NOTICE_ENDPOINT_WANTED, 0, &notice));
    assert_string_equal(notice.message.body.endpoint_wanted.name.text, "grid.echo");
    assert_string_equal(notice.message.body.endpoint_wanted.client.text, "grid.client");
    assert_true(notice.message.body.endpoint_wanted.container == ends.server_container);
    assert_false(fake_take(ends.world.init, GROVE_NOTICE_ENDPOINT_WANTED, 0, NULL));
    /* What was sent meanwhile waits in the lanes. */
    assert_int_equal(world_attach(&ends.world, ends.client, ends.client_channel), 0);
    assert_int_equal(world_start(&ends.world, ends.world.init, ends.server_container), 0);
    accept_server(&ends, 0);
    assert_true(fake_take(ends.server, GROVE_NOTICE_CHANNEL_PEER, 0, NULL));
    world_close(&ends.world);
}

static void memory_is_charged_and_limited(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet reply;
    world_open(&ends.world, NULL);
    struct world_spec small = client_spec;
    small.budget.shared_bytes = 10u << 20;
    ends.server = world_service(&ends.world, ends.world.init, &server_spec, &ends.server_container);
    ends.client = world_service(&ends.world, ends.world.init, &small, &ends.client_container);
    assert_int_equal(world_endpoint(&ends.world, ends.server, "grid.echo", 0, NULL), 0);
    connect_client(&ends);
    struct grove_channel_connect body = {.endpoint = world_name("grid.echo"), .tag = 1};
    assert_int_equal(world_ask(&ends.world, ends.client, GROVE_REQUEST_CHANNEL_CONNECT, &body, sizeof(body), &reply),
                     GROVE_EXHAUSTED);
    assert_true(fake_take(ends.client, GROVE_NOTICE_BUDGET_WARNING, 0, &reply));
    assert_int_equal(reply.message.body.budget_warning.resource, 3);
    assert_int_equal(world_handle_request(&ends.world, ends.client, GROVE_REQUEST_CHANNEL_CLOSE, ends.client_channel),
                     0);
    world_close(&ends.world);
}

static void every_failure_of_memory_leaves_nothing(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet reply;
    struct world_accounts before;
    struct world_accounts after;
    open_ends(&ends);
    world_count(&ends.world, &before);
    for (uint32_t nth = 1; nth <= 3; nth++) {
        fake.fail_memory = nth;
        int status = world_connect(&ends.world, ends.client, "grid.echo", &reply);
        assert_true(status == GROVE_NO_MEMORY || status == GROVE_NO_DESCRIPTORS);
        world_count(&ends.world, &after);
        assert_memory_equal(&before, &after, sizeof(before));
        assert_null(core_find_fault(ends.world.core));
    }
    connect_client(&ends);
    world_close(&ends.world);
}

static void the_pool_of_channels_ends_in_an_error(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet reply;
    struct world_accounts before;
    struct world_accounts after;
    open_ends(&ends);
    world_count(&ends.world, &before);
    struct grove_channel_connect body = {.endpoint = world_name("grid.echo"), .arena_bytes = GROVE_ARENA_NONE};
    grove_handle handles[64];
    uint32_t count = 0;
    while (world_ask(&ends.world, ends.client, GROVE_REQUEST_CHANNEL_CONNECT, &body, sizeof(body), &reply) == 0) {
        handles[count++] = reply.message.body.channel.channel;
        body.tag++;
    }
    assert_int_equal(reply.message.status, GROVE_EXHAUSTED);
    assert_true(count > 16);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(fake_take(ends.server, GROVE_NOTICE_CHANNEL_NEW, 0, &reply));
        world_handle_request(&ends.world, ends.client, GROVE_REQUEST_CHANNEL_CLOSE, handles[i]);
        world_handle_request(&ends.world, ends.server, GROVE_REQUEST_CHANNEL_CLOSE,
                             reply.message.body.channel_new.channel.channel);
    }
    world_count(&ends.world, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    world_close(&ends.world);
}

static void a_full_port_loses_no_news(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet packet;
    open_ends(&ends);
    fake_drop_packets(ends.server);
    fake.containers[ends.server].port_limit = 1;
    uint32_t count = 0;
    struct grove_channel_connect body = {.endpoint = world_name("grid.echo"), .arena_bytes = GROVE_ARENA_NONE};
    for (; body.tag < 20; body.tag++) {
        assert_int_equal(
            world_ask(&ends.world, ends.client, GROVE_REQUEST_CHANNEL_CONNECT, &body, sizeof(body), &packet), 0);
        world_attach(&ends.world, ends.client, packet.message.body.channel.channel);
    }
    while (fake_take(ends.server, GROVE_NOTICE_CHANNEL_NEW, 0, &packet) ||
           fake_take(ends.server, GROVE_NOTICE_CHANNEL_PEER, 0, &packet)) {
        count++;
        world_settle(&ends.world);
    }
    assert_int_equal(count, 40);
    assert_true(fake.containers[ends.server].is_running);
    world_close(&ends.world);
}

static uint64_t woken_through(const struct ends *ends) {
    return core_container(ends->world.core, ends->server)->page->woken_through;
}

/* A server with one client sleeps on that client's word, so each packet changes it; and the page says whose it is. */
static void packets_change_the_word_of_the_oldest_client(void **state) {
    (void)state;
    struct ends ends;
    struct fake_packet packet;
    open_channel(&ends);
    uint32_t before = signal_of(ends.client_segment);
    assert_true(woken_through(&ends) != 0);
    struct grove_channel_connect body = {.endpoint = world_name("grid.echo"), .tag = 1};
    assert_int_equal(world_ask(&ends.world, ends.client, GROVE_REQUEST_CHANNEL_CONNECT, &body, sizeof(body), &packet),
                     0);
    assert_true(fake_take(ends.server, GROVE_NOTICE_CHANNEL_NEW, 0, NULL));
    assert_int_equal(signal_of(ends.client_segment), before + 1);
    uint64_t oldest = woken_through(&ends);
    assert_int_equal(world_attach(&ends.world, ends.client, packet.message.body.channel.channel), 0);
    assert_true(fake_take(ends.server, GROVE_NOTICE_CHANNEL_PEER, 0, NULL));
    assert_int_equal(woken_through(&ends), oldest);
    struct grove_handle_request close = {.handle = ends.client_channel};
    assert_int_equal(world_ask(&ends.world, ends.client, GROVE_REQUEST_CHANNEL_CLOSE, &close, sizeof(close), NULL), 0);
    assert_true((signal_of(ends.client_segment) & GROVE_SIGNAL_CLOSED) != 0);
    assert_true(fake_take(ends.server, GROVE_NOTICE_CHANNEL_CLOSED, 0, NULL));
    world_close(&ends.world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_is_shown_only_when_sealed),
        cmocka_unit_test(connecting_needs_the_permission),
        cmocka_unit_test(layouts_are_rounded),
        cmocka_unit_test(a_restarted_server_takes_its_channels_over),
        cmocka_unit_test(a_segment_that_was_never_sealed_is_handed_on),
        cmocka_unit_test(a_start_without_memory_for_channels_fails_and_loses_nothing),
        cmocka_unit_test(a_restarted_client_gets_its_channel_back),
        cmocka_unit_test(what_a_client_sent_outlives_it),
        cmocka_unit_test(a_client_that_sent_nothing_leaves_nothing),
        cmocka_unit_test(closing_tells_the_other_end),
        cmocka_unit_test(destroying_the_endpoint_closes_its_channels),
        cmocka_unit_test(connecting_wakes_the_owner_of_what_does_not_run),
        cmocka_unit_test(memory_is_charged_and_limited),
        cmocka_unit_test(every_failure_of_memory_leaves_nothing),
        cmocka_unit_test(the_pool_of_channels_ends_in_an_error),
        cmocka_unit_test(a_full_port_loses_no_news),
        cmocka_unit_test(packets_change_the_word_of_the_oldest_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
