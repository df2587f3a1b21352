/* CAPABILITY_CHECK: who may ask, what is answered, and that no answer outlives a revocation. */
#include "kernel/core/test/world.h"

#include "kernel/core/test/unit.h"

#include <string.h>

#define READER GROVE_CAP_STORE_READ

static const struct world_permission client_permissions[] = {
    {.kind = GROVE_CAP_IPC_SEND, .text = "grid.>"},
    {.kind = READER, .text = "grid.*"},
};
static const struct world_spec client_spec = {.name = "grid.client", .permissions = client_permissions, .count = 2};
static const struct world_permission server_permissions[] = {{.kind = GROVE_CAP_IPC_RECV, .text = "grid.server"}};
static const struct world_spec server_spec = {.name = "grid.server", .permissions = server_permissions, .count = 1};

struct scene {
    struct world world;
    machine_container client, server;
    grove_handle client_handle, server_handle;
    grove_handle own, channel; /* the client's end, the server's end */
};

static void open_scene(struct scene *scene) {
    struct fake_packet packet;
    world_open(&scene->world, NULL);
    scene->client = world_service(&scene->world, scene->world.init, &client_spec, &scene->client_handle);
    scene->server = world_service(&scene->world, scene->world.init, &server_spec, &scene->server_handle);
    assert_int_equal(world_endpoint(&scene->world, scene->server, "grid.server", 0, NULL), 0);
    assert_int_equal(world_connect(&scene->world, scene->client, "grid.server", &packet), 0);
    scene->own = packet.message.body.channel.channel;
    assert_int_equal(world_attach(&scene->world, scene->client, scene->own), 0);
    assert_true(fake_take(scene->server, GROVE_NOTICE_CHANNEL_NEW, 0, &packet));
    scene->channel = packet.message.body.channel_new.channel.channel;
}

static int check(struct scene *scene, machine_container who, grove_handle channel, uint16_t kind, const char *text,
                 struct fake_packet *reply) {
    struct grove_capability_check body = {.channel = channel};
    world_permission(&(struct world_permission){.kind = kind, .text = text, .rights = GROVE_RIGHT_USE},
                     &body.capability);
    return world_ask(&scene->world, who, GROVE_REQUEST_CAPABILITY_CHECK, &body, sizeof(body), reply);
}

static uint32_t epoch(const struct scene *scene, machine_container who) {
    return core_container(scene->world.core, who)->page->rights_epoch;
}

static void the_servers_client_is_looked_up(void **state) {
    (void)state;
    struct scene scene;
    struct fake_packet reply;
    open_scene(&scene);
    assert_int_equal(epoch(&scene, scene.server), 0);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), 0);
    assert_true(reply.message.body.checked.rights_epoch != 0);
    assert_int_equal(reply.message.body.checked.rights_epoch, epoch(&scene, scene.server));
    assert_int_equal(epoch(&scene, scene.client), 0); /* it has not asked */
    /* What the server itself holds does not count, nor what another kind covers. */
    assert_int_equal(check(&scene, scene.server, scene.channel, GROVE_CAP_IPC_RECV, "grid.server", &reply),
                     GROVE_DENIED);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "home.a", &reply), GROVE_DENIED);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, NULL, &reply), GROVE_DENIED);
    world_close(&scene.world);
}

static void a_refusal_is_the_clients(void **state) {
    (void)state;
    struct scene scene;
    struct fake_packet reply;
    open_scene(&scene);
    assert_int_equal(check(&scene, scene.server, scene.channel, GROVE_CAP_STORE_WRITE, "grid.a", &reply), GROVE_DENIED);
    assert_string_equal(reply.message.body.refused.who.text, "grid.client");
    assert_int_equal(reply.message.body.refused.missing.kind, GROVE_CAP_STORE_WRITE);
    assert_int_equal(fake.last_refusal.event, GROVE_AUDIT_REFUSE);
    assert_int_equal(fake.last_refusal.operation, GROVE_REQUEST_CAPABILITY_CHECK);
    assert_string_equal(fake.last_refusal.who.text, "grid.client");
    assert_string_equal(fake.last_refusal.object.text, "grid.server");
    assert_int_equal(core_container(scene.world.core, scene.client)->refusals, 1);
    assert_int_equal(core_container(scene.world.core, scene.server)->refusals, 0);
    world_close(&scene.world);
}

static void only_the_server_of_a_channel_may_ask(void **state) {
    (void)state;
    struct scene scene;
    struct fake_packet reply;
    open_scene(&scene);
    assert_int_equal(check(&scene, scene.client, scene.own, READER, "grid.a", &reply), GROVE_INVALID);
    assert_int_equal(check(&scene, scene.client, scene.channel, READER, "grid.a", &reply), GROVE_STALE_HANDLE);
    assert_int_equal(check(&scene, scene.server, scene.own, READER, "grid.a", &reply), GROVE_STALE_HANDLE);
    assert_int_equal(check(&scene, scene.server, scene.channel, GROVE_CAP_CHANNEL, NULL, &reply), GROVE_INVALID);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid..a", &reply), GROVE_INVALID);
    grove_handle receive = world_find(&scene.world, scene.server, GROVE_CAP_IPC_RECV);
    assert_int_equal(check(&scene, scene.server, receive, READER, "grid.a", &reply), GROVE_INVALID);
    world_close(&scene.world);
}

/* Init holds what the client's permission comes from. */
static void a_revocation_changes_the_epoch_before_its_reply(void **state) {
    (void)state;
    struct scene scene;
    struct fake_packet reply;
    struct world *world = &scene.world;
    open_scene(&scene);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), 0);
    uint32_t before = reply.message.body.checked.rights_epoch;
    struct grove_capability_revoke body = {.handle = world_find(world, world->init, READER)};
    uint64_t sequence = world_send(world, world->init, GROVE_REQUEST_CAPABILITY_REVOKE, &body, sizeof(body), NULL, 0);
    assert_false(fake_take(world->init, GROVE_REQUEST_CAPABILITY_REVOKE, sequence, NULL));
    assert_true(epoch(&scene, scene.server) != before);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), GROVE_DENIED);
    assert_true(fake_take(world->init, GROVE_REQUEST_CAPABILITY_REVOKE, sequence, NULL));
    world_close(world);
}

/* The client holds it by a grant; what the giver had is swept away with the giver's whole table. */
static void the_end_of_a_giver_changes_the_epoch(void **state) {
    (void)state;
    static const struct world_permission permissions[] = {{.kind = GROVE_CAP_STORE_WRITE, .text = "grid.>"}};
    static const struct world_spec spec = {.name = "grid.giver", .permissions = permissions, .count = 1};
    struct scene scene;
    struct fake_packet reply;
    struct world *world = &scene.world;
    grove_handle giver_handle = 0;
    open_scene(&scene);
    machine_container giver = world_service(world, world->init, &spec, &giver_handle);
    grove_handle source = world_find(world, giver, GROVE_CAP_STORE_WRITE);
    struct grove_capability wanted;
    world_permission(&(struct world_permission){.kind = GROVE_CAP_STORE_WRITE, .text = "grid.a"}, &wanted);
    struct capability *parent = NULL;
    struct capability *child = NULL;
    assert_int_equal(capability_find_handle(world->core, core_container(world->core, giver), source, &parent), 0);
    struct capability_new new = {
        .container = core_container(world->core, scene.client), .parent = parent, .capability = &wanted};
    assert_int_equal(capability_create(world->core, &new, &child), 0);
    assert_int_equal(check(&scene, scene.server, scene.channel, GROVE_CAP_STORE_WRITE, "grid.a", &reply), 0);
    uint32_t before = reply.message.body.checked.rights_epoch;
    assert_int_equal(world_control(world, world->init, giver_handle, GROVE_ACTION_DESTROY), 0);
    world_settle(world);
    assert_true(epoch(&scene, scene.server) != before);
    assert_int_equal(check(&scene, scene.server, scene.channel, GROVE_CAP_STORE_WRITE, "grid.a", &reply), GROVE_DENIED);
    world_close(world);
}

static void what_is_no_permission_changes_nothing(void **state) {
    (void)state;
    struct scene scene;
    struct fake_packet reply;
    open_scene(&scene);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), 0);
    uint32_t before = reply.message.body.checked.rights_epoch;
    assert_int_equal(world_handle_request(&scene.world, scene.client, GROVE_REQUEST_CHANNEL_CLOSE, scene.own), 0);
    world_settle(&scene.world);
    assert_int_equal(epoch(&scene, scene.server), before);
    world_close(&scene.world);
}

/* What it sent is still delivered, so it is still answered for, until it is gone. */
static void a_client_that_closed_is_answered_for(void **state) {
    (void)state;
    struct scene scene;
    struct fake_packet reply;
    open_scene(&scene);
    assert_int_equal(world_attach(&scene.world, scene.server, scene.channel), 0);
    assert_int_equal(world_handle_request(&scene.world, scene.client, GROVE_REQUEST_CHANNEL_CLOSE, scene.own), 0);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), 0);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "home.a", &reply), GROVE_DENIED);
    assert_int_equal(world_control(&scene.world, scene.world.init, scene.client_handle, GROVE_ACTION_DESTROY), 0);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), GROVE_CLOSED);
    assert_int_equal(world_handle_request(&scene.world, scene.server, GROVE_REQUEST_CHANNEL_CLOSE, scene.channel), 0);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), GROVE_STALE_HANDLE);
    world_close(&scene.world);
}

static void an_instance_between_two_is_answered_for(void **state) {
    (void)state;
    struct scene scene;
    struct fake_packet reply;
    open_scene(&scene);
    world_exit(&scene.world, scene.client, GROVE_EXIT_SIGNAL, 9);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), 0);
    world_close(&scene.world);
}

/* A place in the list is the container's, not its instance's; it is free again when the container is gone. */
static void places_are_bounded_and_come_back(void **state) {
    (void)state;
    struct scene scene;
    struct fake_packet reply;
    open_scene(&scene);
    struct core *core = scene.world.core;
    core->checker_count = GROVE_CHECKERS_MAX / 2; /* as if others of ring 2 had them */
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), 0);
    assert_int_equal(reply.message.body.checked.rights_epoch, 0);
    assert_int_equal(epoch(&scene, scene.server), 0);
    core_container(core, scene.server)->ring = 1;
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), 0);
    assert_true(reply.message.body.checked.rights_epoch != 0);
    core->checker_count = 1;
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), 0);
    assert_int_equal(core->checker_count, 1);
    assert_int_equal(world_control(&scene.world, scene.world.init, scene.server_handle, GROVE_ACTION_DESTROY), 0);
    world_settle(&scene.world);
    assert_int_equal(core->checker_count, 0);
    world_close(&scene.world);
}

static void the_epoch_is_never_zero(void **state) {
    (void)state;
    struct scene scene;
    struct fake_packet reply;
    open_scene(&scene);
    assert_int_equal(check(&scene, scene.server, scene.channel, READER, "grid.a", &reply), 0);
    scene.world.core->rights_epoch = UINT32_MAX;
    capability_rights_changed(scene.world.core);
    assert_int_equal(epoch(&scene, scene.server), 1);
    world_close(&scene.world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_servers_client_is_looked_up),
        cmocka_unit_test(a_refusal_is_the_clients),
        cmocka_unit_test(only_the_server_of_a_channel_may_ask),
        cmocka_unit_test(a_revocation_changes_the_epoch_before_its_reply),
        cmocka_unit_test(the_end_of_a_giver_changes_the_epoch),
        cmocka_unit_test(what_is_no_permission_changes_nothing),
        cmocka_unit_test(a_client_that_closed_is_answered_for),
        cmocka_unit_test(an_instance_between_two_is_answered_for),
        cmocka_unit_test(places_are_bounded_and_come_back),
        cmocka_unit_test(the_epoch_is_never_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
