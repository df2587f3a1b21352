/* Containers, their endpoints and their first instance in one request; and INIT that lies ready before the program runs. */
#include "kernel/core/test/world.h"

#include "kernel/core/test/unit.h"

#include <string.h>

static const struct world_permission maker_permissions[] = {
    {.kind = GROVE_CAP_PROC_SPAWN, .text = "grid.>"},
    {.kind = GROVE_CAP_IPC_RECV, .text = "grid.>"},
    {.kind = GROVE_CAP_IPC_RECV, .text = "other.>"},
    {.kind = GROVE_CAP_IPC_SEND, .text = "grid.>"},
};
static const struct world_spec maker_spec = {.name = "grid.maker", .permissions = maker_permissions, .count = 4};
static const struct world_permission server[] = {{.kind = GROVE_CAP_IPC_RECV, .text = "grid.server.>"}};
static const char *const provided[] = {"grid.server.a", "grid.server.b"};
static const struct world_spec server_spec = {
    .name = "grid.server", .permissions = server, .count = 1, .provides = provided, .provides_count = 2};

static machine_container open_maker(struct world *world) {
    world_open(world, NULL);
    return world_service(world, world->init, &maker_spec, NULL);
}

static int look_up(struct world *world, machine_container from, const char *name) {
    struct grove_endpoint_read body = {.name = world_name(name)};
    return world_ask(world, from, GROVE_REQUEST_ENDPOINT_READ, &body, sizeof(body), NULL);
}

static void one_request_makes_names_and_starts(void **state) {
    (void)state;
    struct world world;
    struct grove_container_reply made = {0};
    struct fake_packet packet;
    machine_container maker = open_maker(&world);
    assert_int_equal(world_launch(&world, maker, &server_spec, GROVE_LAUNCH_START, NULL, 0, &made), 0);
    assert_int_equal(made.state, GROVE_CONTAINER_STARTING);
    assert_int_equal(made.generation, 1);
    machine_container service = world_machine(&world, made.id);
    assert_int_equal(core_container(world.core, service)->state, GROVE_CONTAINER_RUNNING);
    assert_true(fake_take(service, GROVE_NOTICE_INIT, 0, &packet));
    assert_int_equal(look_up(&world, maker, "grid.server.a"), 0);
    assert_int_equal(world_connect(&world, maker, "grid.server.b", NULL), 0);
    assert_true(fake_take(service, GROVE_NOTICE_CHANNEL_NEW, 0, &packet));
    assert_int_equal(world_control(&world, maker, made.container, GROVE_ACTION_DESTROY), 0);
    assert_int_equal(look_up(&world, maker, "grid.server.a"), GROVE_NOT_FOUND);
    world_close(&world);
}

static void without_the_flag_it_is_not_started(void **state) {
    (void)state;
    struct world world;
    struct grove_container_reply made = {0};
    machine_container maker = open_maker(&world);
    assert_int_equal(world_launch(&world, maker, &server_spec, 0, NULL, 0, &made), 0);
    assert_int_equal(made.state, GROVE_CONTAINER_CREATED);
    assert_int_equal(look_up(&world, maker, "grid.server.b"), 0);
    assert_int_equal(world_start(&world, maker, made.container), 0);
    world_close(&world);
}

/* Nothing is left of a launch that was refused, at whichever part. */
static void refused(struct world *world, machine_container maker, const struct world_spec *spec, uint32_t flags,
                    uint32_t streams, int status) {
    struct world_accounts before, after;
    machine_object passed[3];
    world_settle(world);
    world_count(world, &before);
    for (uint32_t i = 0; i < streams; i++)
        passed[i] = fake_stream();
    assert_int_equal(world_launch(world, maker, spec, flags, passed, streams, NULL), status);
    world_count(world, &after);
    assert_memory_equal(&before, &after, sizeof(before));
}

static void every_part_keeps_its_own_checks(void **state) {
    (void)state;
    static const char *const foreign[] = {"system.log"}, *const unheld[] = {"other.name"},
                             *const taken[] = {"grid.taken"};
    static const char *const twice[] = {"grid.server.a", "grid.server.a"};
    struct world world;
    machine_container maker = open_maker(&world);
    struct world_spec spec = server_spec;
    assert_int_equal(world_endpoint(&world, maker, "grid.taken", 0, NULL), 0);
    refused(&world, maker, &server_spec, 2, 0, GROVE_INVALID);
    refused(&world, maker, &server_spec, GROVE_LAUNCH_START, 1, GROVE_INVALID);
    spec.provides_count = 1;
    spec.provides = foreign; /* the caller may not make this name */
    refused(&world, maker, &spec, GROVE_LAUNCH_START, 0, GROVE_DENIED);
    assert_int_equal(fake.last_refusal.kind, GROVE_CAP_IPC_RECV);
    assert_memory_equal(fake.last_refusal.argument.text, "system.log", 10);
    spec.provides = unheld; /* the caller may, and the service may not */
    refused(&world, maker, &spec, GROVE_LAUNCH_START, 0, GROVE_DENIED);
    spec.permissions = &(struct world_permission){.kind = GROVE_CAP_IPC_RECV, .text = "grid.>"};
    spec.provides = taken;
    refused(&world, maker, &spec, GROVE_LAUNCH_START, 0, GROVE_EXISTS);
    spec.provides = twice;
    spec.provides_count = 2;
    refused(&world, maker, &spec, GROVE_LAUNCH_START, 0, GROVE_EXISTS);
    spec = server_spec;
    spec.name = "foreign.server"; /* PROC_SPAWN */
    refused(&world, maker, &spec, GROVE_LAUNCH_START, 0, GROVE_DENIED);
    world_close(&world);
}

static void a_start_that_fails_at_once_leaves_nothing(void **state) {
    (void)state;
    struct world world;
    machine_container maker = open_maker(&world);
    fake.fail_start = GROVE_NO_MEMORY;
    refused(&world, maker, &server_spec, GROVE_LAUNCH_START, 0, GROVE_NO_MEMORY);
    fake.fail_start = 0;
    assert_int_equal(world_launch(&world, maker, &server_spec, GROVE_LAUNCH_START, NULL, 0, NULL), 0);
    world_close(&world);
}

static void a_start_that_fails_later_is_told_to_the_owner(void **state) {
    (void)state;
    struct world world;
    struct fake_packet notice;
    struct grove_container_reply made = {0};
    machine_container maker = open_maker(&world);
    assert_int_equal(world_launch(&world, maker, &server_spec, 0, NULL, 0, &made), 0);
    machine_container service = world_machine(&world, made.id);
    struct grove_container_start body = {.container = made.container};
    world_send(&world, maker, GROVE_REQUEST_CONTAINER_START, &body, sizeof(body), NULL, 0);
    fake.containers[service].is_start_asked = false;
    core_container_started(world.core, service, GROVE_LAYER_MISSING, GROVE_LAYER_SECCOMP, 22);
    world_settle(&world);
    assert_true(fake_take(maker, GROVE_NOTICE_CONTAINER_STATE, 0, &notice));
    assert_int_equal(notice.message.body.container_state.state, GROVE_CONTAINER_STOPPED);
    assert_int_equal(notice.message.body.container_state.exit_cause, GROVE_EXIT_START_FAILED);
    assert_int_equal(notice.message.body.container_state.layer, GROVE_LAYER_SECCOMP);
    world_close(&world);
}

static void streams_follow_the_spec(void **state) {
    (void)state;
    struct world world;
    machine_container maker = open_maker(&world);
    struct world_spec spec = server_spec;
    spec.streams[1] = spec.streams[2] = GROVE_STREAM_PASSED;
    refused(&world, maker, &spec, GROVE_LAUNCH_START, 1, GROVE_INVALID);
    machine_object streams[2] = {fake_stream(), fake_stream()};
    assert_int_equal(world_launch(&world, maker, &spec, GROVE_LAUNCH_START, streams, 2, NULL), 0);
    world_close(&world);
}

/* INIT and a channel are in the port before the machine says that the program runs; a stop waits until it does. */
static void what_it_is_told_first_lies_ready(void **state) {
    (void)state;
    struct world world;
    struct fake_packet packet;
    struct grove_container_reply made = {0};
    machine_container maker = open_maker(&world);
    assert_int_equal(world_launch(&world, maker, &server_spec, 0, NULL, 0, &made), 0);
    machine_container service = world_machine(&world, made.id);
    assert_int_equal(world_connect(&world, maker, "grid.server.a", NULL), 0);
    struct grove_container_start body = {.container = made.container};
    world_send(&world, maker, GROVE_REQUEST_CONTAINER_START, &body, sizeof(body), NULL, 0);
    while (core_work(world.core))
        continue;
    assert_int_equal(core_container(world.core, service)->state, GROVE_CONTAINER_STARTING);
    assert_true(fake_take(service, GROVE_NOTICE_INIT, 0, &packet));
    assert_true(fake_take(service, GROVE_NOTICE_CHANNEL_NEW, 0, &packet));
    struct grove_container_control stop = {.container = made.container, .action = GROVE_ACTION_STOP};
    world_send(&world, maker, GROVE_REQUEST_CONTAINER_CONTROL, &stop, sizeof(stop), NULL, 0);
    assert_false(fake_take(service, GROVE_NOTICE_STOP, 0, &packet));
    world_settle(&world);
    assert_true(fake_take(service, GROVE_NOTICE_STOP, 0, &packet));
    assert_false(fake_take(service, GROVE_NOTICE_INIT, 0, &packet));
    world_close(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_request_makes_names_and_starts),
        cmocka_unit_test(without_the_flag_it_is_not_started),
        cmocka_unit_test(every_part_keeps_its_own_checks),
        cmocka_unit_test(a_start_that_fails_at_once_leaves_nothing),
        cmocka_unit_test(a_start_that_fails_later_is_told_to_the_owner),
        cmocka_unit_test(streams_follow_the_spec),
        cmocka_unit_test(what_it_is_told_first_lies_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
