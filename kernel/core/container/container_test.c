/* Containers: who may make, control and see which, what they are given, what a hang-up or their end takes along. */
#include "kernel/core/test/scenes.h"

#include "kernel/core/test/unit.h"

#include <stdio.h>

static void nobody_gives_more_than_it_has(void **state) {
    (void)state;
    static const struct world_permission too_much[] = {{.kind = GROVE_CAP_FS_WRITE, .text = "/data/in"}};
    struct world world;
    struct grove_container_reply reply;
    struct world_accounts before;
    struct world_accounts after;
    machine_container maker = scene_maker_open(&world);
    world_count(&world, &before);
    struct world_spec spec = {.name = "grid.a", .permissions = too_much, .count = 1};
    assert_int_equal(world_create(&world, maker, &spec, &reply), GROVE_DENIED);
    assert_int_equal(fake.last_refusal.kind, GROVE_CAP_FS_WRITE);
    assert_memory_equal(fake.last_refusal.argument.text, "/data/in", 8);
    spec = (struct world_spec){.name = "other.a"};
    assert_int_equal(world_create(&world, maker, &spec, &reply), GROVE_DENIED);
    assert_int_equal(fake.last_refusal.kind, GROVE_CAP_PROC_SPAWN);
    spec = (struct world_spec){.name = "grid.a", .ring = 1};
    assert_int_equal(world_create(&world, maker, &spec, &reply), GROVE_DENIED);
    spec = (struct world_spec){.name = "grid.maker"};
    assert_int_equal(world_create(&world, maker, &spec, &reply), GROVE_EXISTS);
    world_count(&world, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    world_close(&world);
}

static void a_broken_spec_is_refused(void **state) {
    (void)state;
    struct world world;
    machine_container maker = scene_maker_open(&world);
    uint64_t blob[SPEC_BUFFER_WORDS];
    uint32_t bytes = world_build(&scene_reader_spec, blob);
    struct grove_container_create body = {.spec_bytes = bytes + 8};
    struct fake_packet reply;
    machine_object object = fake_blob(blob, bytes);
    uint64_t sequence = world_send(&world, maker, GROVE_REQUEST_CONTAINER_CREATE, &body, sizeof(body), &object, 1);
    assert_true(fake_take(maker, GROVE_REQUEST_CONTAINER_CREATE, sequence, &reply));
    assert_int_equal(reply.message.status, GROVE_INVALID);
    ((struct grove_spec *)(void *)blob)->ring = 9;
    body.spec_bytes = bytes;
    object = fake_blob(blob, bytes);
    sequence = world_send(&world, maker, GROVE_REQUEST_CONTAINER_CREATE, &body, sizeof(body), &object, 1);
    assert_true(fake_take(maker, GROVE_REQUEST_CONTAINER_CREATE, sequence, &reply));
    assert_int_equal(reply.message.status, GROVE_INVALID);
    world_close(&world);
}

static void destroy_gives_everything_back(void **state) {
    (void)state;
    struct world world;
    struct world_accounts before;
    struct world_accounts after;
    grove_handle handle = 0;
    machine_container maker = scene_maker_open(&world);
    uint32_t forgotten = fake.destroyed;
    world_count(&world, &before);
    struct world_spec spec = {.name = "grid.sub", .permissions = scene_permissions, .count = SCENE_PERMISSIONS};
    machine_container sub = world_service(&world, maker, &spec, &handle);
    world_service(&world, sub, &scene_reader_spec, NULL);
    assert_int_equal(world_endpoint(&world, sub, "grid.sub", 0, NULL), 0);
    assert_int_equal(world_connect(&world, maker, "grid.sub", NULL), 0);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_DESTROY), 0);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_KILL), GROVE_STALE_HANDLE);
    struct fake_packet closed;
    assert_true(fake_take(maker, GROVE_NOTICE_CHANNEL_CLOSED, 0, &closed));
    world_handle_request(&world, maker, GROVE_REQUEST_CHANNEL_CLOSE, closed.message.body.channel_closed.channel);
    world_count(&world, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(fake.destroyed, forgotten + 2); /* the machine was told of both */
    /* Its name is free, and what it made has gone with it. */
    world_service(&world, maker, &spec, NULL);
    world_service(&world, maker, &scene_reader_spec, NULL);
    world_close(&world);
}

static void a_shell_takes_its_containers_with_it(void **state) {
    (void)state;
    struct world world;
    struct world_accounts before;
    struct world_accounts after;
    world_open(&world, NULL);
    world_count(&world, &before);
    machine_container shell = world_client(&world, "shell.7", scene_permissions, SCENE_PERMISSIONS);
    machine_container service = world_service(&world, shell, &scene_reader_spec, NULL);
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_RUNNING);
    core_port_closed(world.core, shell);
    world_settle(&world);
    world_count(&world, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    world_close(&world);
}

static void control_by_name_needs_the_permission(void **state) {
    (void)state;
    struct world world;
    struct fake_packet reply;
    machine_container maker = scene_maker_open(&world);
    machine_container service = world_service(&world, maker, &scene_reader_spec, NULL);
    struct grove_container_control body = {.name = world_name("grid.reader"), .action = GROVE_ACTION_KILL};
    assert_int_equal(world_ask(&world, service, GROVE_REQUEST_CONTAINER_CONTROL, &body, sizeof(body), &reply),
                     GROVE_DENIED);
    assert_int_equal(reply.message.body.refused.missing.kind, GROVE_CAP_PROC_CONTROL);
    assert_memory_equal(reply.message.body.refused.missing.argument.value.text, "grid.reader", 11);
    assert_int_equal(world_ask(&world, maker, GROVE_REQUEST_CONTAINER_CONTROL, &body, sizeof(body), &reply), 0);
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_STOPPED);
    body.name = world_name("grid.nobody");
    assert_int_equal(world_ask(&world, maker, GROVE_REQUEST_CONTAINER_CONTROL, &body, sizeof(body), &reply),
                     GROVE_NOT_FOUND);
    world_close(&world);
}

static void reading_shows_what_one_may_see(void **state) {
    (void)state;
    struct world world;
    struct fake_packet reply;
    machine_container maker = scene_maker_open(&world);
    machine_container service = world_service(&world, maker, &scene_reader_spec, NULL);
    struct grove_container_read body = {0};
    assert_int_equal(world_ask(&world, service, GROVE_REQUEST_CONTAINER_READ, &body, sizeof(body), &reply), 0);
    assert_string_equal(reply.message.body.container_record.name.text, "grid.reader");
    uint32_t seen = 0;
    do {
        if (world_ask(&world, maker, GROVE_REQUEST_CONTAINER_READ, &body, sizeof(body), &reply) < 0)
            break;
        seen++;
        body.cursor = reply.message.body.container_record.cursor;
    } while (body.cursor != 0);
    assert_int_equal(seen, 2); /* itself and the reader, not init */
    world_close(&world);
}

static void a_real_time_schedule_needs_its_share(void **state) {
    (void)state;
    static const struct world_permission share[] = {{.kind = GROVE_CAP_SCHED_RT, .quantity = 100000}};
    struct world world;
    struct grove_container_reply made;
    grove_handle handle = 0;
    machine_container maker = scene_maker_open(&world);
    struct world_spec spec = {
        .name = "grid.rt",
        .schedule = {
            .class = GROVE_SCHEDULE_DEADLINE, .runtime_ns = 2000000, .deadline_ns = 10000000, .period_ns = 10000000}};
    assert_int_equal(world_create(&world, maker, &spec, &made), GROVE_DENIED);
    spec.permissions = share;
    spec.count = 1;
    assert_int_equal(world_create(&world, maker, &spec, &made), GROVE_DENIED); /* it asks for twice its share */
    spec.schedule.runtime_ns = 1000000;
    machine_container service = world_service(&world, maker, &spec, &handle);
    struct grove_schedule_set body = {.container = handle, .schedule = spec.schedule};
    body.schedule.runtime_ns = 1000001;
    assert_int_equal(world_ask(&world, maker, GROVE_REQUEST_SCHEDULE_SET, &body, sizeof(body), NULL), GROVE_DENIED);
    body.schedule.runtime_ns = 500000;
    assert_int_equal(world_ask(&world, maker, GROVE_REQUEST_SCHEDULE_SET, &body, sizeof(body), NULL), 0);
    assert_true(fake.containers[service].schedule.runtime_ns == 500000);
    body.schedule.class = 77;
    assert_int_equal(world_ask(&world, maker, GROVE_REQUEST_SCHEDULE_SET, &body, sizeof(body), NULL), GROVE_INVALID);
    world_close(&world);
}

static void streams_are_counted(void **state) {
    (void)state;
    struct world world;
    struct grove_container_reply made;
    struct fake_packet reply;
    machine_container maker = scene_maker_open(&world);
    struct world_spec spec = {.name = "grid.out", .streams = {GROVE_STREAM_NULL, GROVE_STREAM_PASSED, 0}};
    assert_int_equal(world_create(&world, maker, &spec, &made), 0);
    assert_int_equal(world_start(&world, maker, made.container), GROVE_INVALID);
    struct grove_container_start body = {.container = made.container};
    machine_object stream = fake_stream();
    uint64_t sequence = world_send(&world, maker, GROVE_REQUEST_CONTAINER_START, &body, sizeof(body), &stream, 1);
    world_settle(&world);
    assert_true(fake_take(maker, GROVE_REQUEST_CONTAINER_START, sequence, &reply));
    assert_int_equal(reply.message.status, 0);
    world_close(&world);
}

static void giving_needs_the_right_to_grant(void **state) {
    (void)state;
    static const struct world_permission held[] = {
        {.kind = GROVE_CAP_PROC_SPAWN, .text = "grid.>"},
        {.kind = GROVE_CAP_FS_READ, .text = "/data", .rights = GROVE_RIGHT_USE},
        {.kind = GROVE_CAP_IPC_SEND, .text = "grid.>", .rights = GROVE_RIGHT_GRANT},
    };
    static const struct world_permission wanted[] = {{.kind = GROVE_CAP_FS_READ, .text = "/data", .rights = 1}};
    static const struct world_permission used[] = {{.kind = GROVE_CAP_IPC_SEND, .text = "grid.a", .rights = 1}};
    const struct world_spec keeper_spec = {.name = "grid.keeper", .permissions = held, .count = 3};
    struct world world;
    world_open(&world, NULL);
    machine_container keeper = world_service(&world, world.init, &keeper_spec, NULL);
    struct world_spec spec = {.name = "grid.a", .permissions = wanted, .count = 1};
    assert_int_equal(world_create(&world, keeper, &spec, NULL), GROVE_DENIED); /* it may use, not grant */
    spec.permissions = used;
    assert_int_equal(world_create(&world, keeper, &spec, NULL), GROVE_DENIED); /* it may grant, not use */
    assert_int_equal(world_connect(&world, keeper, "grid.nobody", NULL), GROVE_DENIED);
    world_close(&world);
}

static void an_owner_lists_what_it_made_and_nothing_else(void **state) {
    (void)state;
    struct world world;
    struct fake_packet reply;
    struct grove_container_reply made[7];
    char name[32];
    machine_container maker = scene_maker_open(&world);
    for (unsigned i = 0; i < ITEMS(made); i++) {
        struct world_spec spec = scene_reader_spec;
        (void)snprintf(name, sizeof(name), "grid.reader%u", i);
        spec.name = name;
        assert_int_equal(world_create(&world, maker, &spec, &made[i]), 0);
    }
    assert_int_equal(world_control(&world, maker, made[3].container, GROVE_ACTION_DESTROY), 0);
    struct grove_container_read body = {.cursor = 0};
    uint32_t found = 0;
    do {
        assert_int_equal(world_ask(&world, maker, GROVE_REQUEST_CONTAINER_LIST, &body, sizeof(body), &reply), 0);
        const struct grove_container_list *list = &reply.message.body.container_list;
        for (uint32_t i = 0; i < list->count; i++, found++) {
            uint32_t index = found < 3 ? found : found + 1;
            assert_true(list->entries[i].container == made[index].container);
            assert_true(list->entries[i].id == made[index].id);
            assert_int_equal(list->entries[i].state, GROVE_CONTAINER_CREATED);
        }
        body.cursor = list->cursor;
    } while (body.cursor != 0);
    assert_int_equal(found, 6);
    world_close(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_gives_more_than_it_has),
        cmocka_unit_test(a_broken_spec_is_refused),
        cmocka_unit_test(destroy_gives_everything_back),
        cmocka_unit_test(a_shell_takes_its_containers_with_it),
        cmocka_unit_test(control_by_name_needs_the_permission),
        cmocka_unit_test(reading_shows_what_one_may_see),
        cmocka_unit_test(a_real_time_schedule_needs_its_share),
        cmocka_unit_test(streams_are_counted),
        cmocka_unit_test(giving_needs_the_right_to_grant),
        cmocka_unit_test(an_owner_lists_what_it_made_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
