/* The life of a container: its states, what it is asked and told, what a restart keeps. */
#include "kernel/core/test/scenes.h"

#include "kernel/core/test/unit.h"

static void the_owner_hears_of_each_state(void **state) {
    (void)state;
    struct world world;
    struct fake_packet notice;
    grove_handle handle = 0;
    machine_container maker = scene_maker_open(&world);
    machine_container service = world_service(&world, maker, &scene_reader_spec, &handle);
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_RUNNING);
    struct grove_state_report report = {.report = GROVE_REPORT_READY};
    assert_int_equal(world_ask(&world, service, GROVE_REQUEST_STATE_REPORT, &report, sizeof(report), NULL), 0);
    assert_true(fake_take(maker, GROVE_NOTICE_CONTAINER_STATE, 0, &notice));
    assert_int_equal(notice.message.body.container_state.state, GROVE_CONTAINER_READY);
    assert_true(notice.message.body.container_state.container == handle);
    world_exit(&world, service, GROVE_EXIT_SIGNAL, 11);
    assert_true(fake_take(maker, GROVE_NOTICE_CONTAINER_STATE, 0, &notice));
    assert_int_equal(notice.message.body.container_state.state, GROVE_CONTAINER_STOPPED);
    assert_int_equal(notice.message.body.container_state.exit_cause, GROVE_EXIT_SIGNAL);
    assert_int_equal(notice.message.body.container_state.exit_detail, 11);
    assert_int_equal(world_start(&world, maker, handle), 0);
    assert_true(fake_take(service, GROVE_NOTICE_INIT, 0, &notice));
    assert_int_equal(notice.message.body.init.generation, 2);
    assert_int_equal(notice.message.body.init.exit_cause, GROVE_EXIT_SIGNAL);
    assert_int_equal(world_start(&world, maker, handle), GROVE_WRONG_STATE);
    world_close(&world);
}

static void a_start_that_fails_names_the_layer(void **state) {
    (void)state;
    struct world world;
    struct fake_packet reply;
    struct grove_container_reply made;
    machine_container maker = scene_maker_open(&world);
    assert_int_equal(world_create(&world, maker, &scene_reader_spec, &made), 0);
    struct grove_container_start body = {.container = made.container};
    uint64_t sequence = world_send(&world, maker, GROVE_REQUEST_CONTAINER_START, &body, sizeof(body), NULL, 0);
    machine_container service = world_machine(&world, made.id);
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_STARTING);
    assert_false(fake_take(maker, GROVE_REQUEST_CONTAINER_START, sequence, &reply));
    fake.containers[service].is_start_asked = false;
    core_container_started(world.core, service, GROVE_LAYER_MISSING, GROVE_LAYER_LANDLOCK, 38);
    world_settle(&world);
    assert_true(fake_take(maker, GROVE_REQUEST_CONTAINER_START, sequence, &reply));
    assert_int_equal(reply.message.status, GROVE_LAYER_MISSING);
    assert_int_equal(reply.message.body.container.layer, GROVE_LAYER_LANDLOCK);
    assert_int_equal(reply.message.body.container.detail, 38);
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_STOPPED);
    fake.fail_start = GROVE_NO_MEMORY;
    assert_int_equal(world_start(&world, maker, made.container), GROVE_NO_MEMORY);
    fake.fail_start = 0;
    assert_int_equal(world_start(&world, maker, made.container), 0);
    world_close(&world);
}

static void stop_asks_and_then_kills(void **state) {
    (void)state;
    struct world world;
    struct fake_packet notice;
    grove_handle handle = 0;
    machine_container maker = scene_maker_open(&world);
    machine_container service = world_service(&world, maker, &scene_reader_spec, &handle);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_STOP), 0);
    assert_true(fake_take(service, GROVE_NOTICE_STOP, 0, &notice));
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_STOPPING);
    world_exit(&world, service, GROVE_EXIT_CODE, 0);
    assert_int_equal(core_container(world.core, service)->exit_cause, GROVE_EXIT_STOPPED);
    assert_int_equal(world_start(&world, maker, handle), 0);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_STOP), 0);
    world_pass(&world, UINT64_C(6000000000));
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_STOPPED);
    assert_int_equal(core_container(world.core, service)->exit_cause, GROVE_EXIT_KILLED);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_STOP), GROVE_WRONG_STATE);
    world_close(&world);
}

static void a_program_that_knows_nothing_is_signalled(void **state) {
    (void)state;
    struct world world;
    grove_handle handle = 0;
    machine_container maker = scene_maker_open(&world);
    struct world_spec spec = {.name = "grid.plain", .flags = GROVE_SPEC_SYSTEM_FILES};
    machine_container service = world_service(&world, maker, &spec, &handle);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_PING), GROVE_WRONG_STATE);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_STOP), 0);
    assert_int_equal(fake.containers[service].signal, 15);
    world_close(&world);
}

static void ping_waits_for_the_answer(void **state) {
    (void)state;
    struct world world;
    struct fake_packet packet;
    grove_handle handle = 0;
    machine_container maker = scene_maker_open(&world);
    machine_container service = world_service(&world, maker, &scene_reader_spec, &handle);
    struct grove_container_control body = {
        .container = handle, .action = GROVE_ACTION_PING, .deadline_ns = fake.clock_ns + 1000};
    uint64_t sequence = world_send(&world, maker, GROVE_REQUEST_CONTAINER_CONTROL, &body, sizeof(body), NULL, 0);
    assert_true(fake_take(service, GROVE_NOTICE_PING, 0, &packet));
    struct grove_state_report report = {.report = GROVE_REPORT_PONG, .value = packet.message.body.request.value + 1};
    world_ask(&world, service, GROVE_REQUEST_STATE_REPORT, &report, sizeof(report), NULL);
    assert_false(fake_take(maker, GROVE_REQUEST_CONTAINER_CONTROL, sequence, &packet));
    report.value--;
    world_ask(&world, service, GROVE_REQUEST_STATE_REPORT, &report, sizeof(report), NULL);
    assert_true(fake_take(maker, GROVE_REQUEST_CONTAINER_CONTROL, sequence, &packet));
    assert_int_equal(packet.message.status, 0);
    body.deadline_ns = fake.clock_ns + 1000;
    sequence = world_send(&world, maker, GROVE_REQUEST_CONTAINER_CONTROL, &body, sizeof(body), NULL, 0);
    world_pass(&world, 2000);
    assert_true(fake_take(maker, GROVE_REQUEST_CONTAINER_CONTROL, sequence, &packet));
    assert_int_equal(packet.message.status, GROVE_TIMED_OUT);
    sequence = world_send(&world, maker, GROVE_REQUEST_CONTAINER_CONTROL, &body, sizeof(body), NULL, 0);
    world_exit(&world, service, GROVE_EXIT_CODE, 1);
    assert_true(fake_take(maker, GROVE_REQUEST_CONTAINER_CONTROL, sequence, &packet));
    assert_int_equal(packet.message.status, GROVE_CLOSED);
    world_close(&world);
}

static void quiesce_and_resume(void **state) {
    (void)state;
    struct world world;
    struct fake_packet packet;
    grove_handle handle = 0;
    machine_container maker = scene_maker_open(&world);
    machine_container service = world_service(&world, maker, &scene_reader_spec, &handle);
    struct grove_container_control body = {.container = handle, .action = GROVE_ACTION_QUIESCE};
    uint64_t sequence = world_send(&world, maker, GROVE_REQUEST_CONTAINER_CONTROL, &body, sizeof(body), NULL, 0);
    assert_true(fake_take(service, GROVE_NOTICE_QUIESCE, 0, NULL));
    struct grove_state_report report = {.report = GROVE_REPORT_QUIESCED};
    world_ask(&world, service, GROVE_REQUEST_STATE_REPORT, &report, sizeof(report), NULL);
    assert_true(fake_take(maker, GROVE_REQUEST_CONTAINER_CONTROL, sequence, &packet));
    assert_int_equal(packet.message.body.container.state, GROVE_CONTAINER_QUIESCED);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_RESUME), 0);
    assert_true(fake_take(service, GROVE_NOTICE_RESUME, 0, NULL));
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_READY);
    world_close(&world);
}

static void freeze_and_thaw(void **state) {
    (void)state;
    struct world world;
    grove_handle handle = 0;
    machine_container maker = scene_maker_open(&world);
    machine_container service = world_service(&world, maker, &scene_reader_spec, &handle);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_THAW), GROVE_WRONG_STATE);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_FREEZE), 0);
    core_container_frozen(world.core, service);
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_FROZEN);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_THAW), 0);
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_RUNNING);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_FREEZE), 0);
    core_container_frozen(world.core, service);
    assert_int_equal(world_control(&world, maker, handle, GROVE_ACTION_KILL), 0);
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_STOPPED);
    assert_false(fake.containers[service].is_freeze_asked);
    world_close(&world);
}

static void what_a_container_owns_survives_its_restart(void **state) {
    (void)state;
    struct world world;
    grove_handle maker_handle = 0;
    grove_handle handle = 0;
    world_open(&world, NULL);
    machine_container maker = world_service(&world, world.init, &scene_maker_spec, &maker_handle);
    machine_container service = world_service(&world, maker, &scene_reader_spec, &handle);
    world_exit(&world, maker, GROVE_EXIT_SIGNAL, 9);
    assert_int_equal(scene_state(&world, service), GROVE_CONTAINER_RUNNING);
    assert_int_equal(world_start(&world, world.init, maker_handle), 0);
    struct grove_container_read body = {.container = handle};
    struct fake_packet reply;
    assert_int_equal(world_ask(&world, maker, GROVE_REQUEST_CONTAINER_READ, &body, sizeof(body), &reply), 0);
    assert_string_equal(reply.message.body.container_record.name.text, "grid.reader");
    world_close(&world);
}

static void init_comes_back_with_back_off(void **state) {
    (void)state;
    struct world world;
    struct fake_packet notice;
    world_open(&world, NULL);
    world_exit(&world, world.init, GROVE_EXIT_SIGNAL, 9);
    assert_true(fake_take(world.init, GROVE_NOTICE_INIT, 0, &notice));
    assert_int_equal(notice.message.body.init.reason, GROVE_START_RESTARTED);
    world_exit(&world, world.init, GROVE_EXIT_SIGNAL, 9);
    assert_false(fake.containers[world.init].is_running);
    assert_true(core_next_deadline(world.core) == fake.clock_ns + UINT64_C(100000000));
    world_pass(&world, UINT64_C(100000000));
    assert_true(fake.containers[world.init].is_running);
    world_exit(&world, world.init, GROVE_EXIT_SIGNAL, 9);
    assert_true(core_next_deadline(world.core) == fake.clock_ns + UINT64_C(200000000));
    for (uint32_t i = 0; i < 10; i++) {
        world_pass(&world, UINT64_C(5000000000));
        world_exit(&world, world.init, GROVE_EXIT_SIGNAL, 9);
    }
    assert_true(core_next_deadline(world.core) == fake.clock_ns + UINT64_C(5000000000));
    world_pass(&world, UINT64_C(5000000000));
    struct grove_state_report report = {.report = GROVE_REPORT_READY};
    world_ask(&world, world.init, GROVE_REQUEST_STATE_REPORT, &report, sizeof(report), NULL);
    world_exit(&world, world.init, GROVE_EXIT_SIGNAL, 9);
    assert_true(fake.containers[world.init].is_running); /* it was ready: at once */
    world_close(&world);
}

static void shutting_down_ends_everything(void **state) {
    (void)state;
    struct world world;
    machine_container maker = scene_maker_open(&world);
    core_shut_down(world.core, fake.clock_ns + 100);
    assert_true(fake_take(world.init, GROVE_NOTICE_STOP, 0, NULL));
    assert_false(core_is_down(world.core));
    world_exit(&world, world.init, GROVE_EXIT_CODE, 0);
    assert_int_equal(scene_state(&world, maker), GROVE_CONTAINER_STOPPED);
    assert_true(core_is_down(world.core));
    world_close(&world);
}

static void an_answer_for_an_earlier_instance_is_dropped(void **state) {
    (void)state;
    struct world world;
    struct grove_container_reply made;
    grove_handle handle = 0;
    world_open(&world, NULL);
    machine_container maker = world_service(&world, world.init, &scene_maker_spec, &handle);
    assert_int_equal(world_create(&world, maker, &scene_reader_spec, &made), 0);
    struct grove_container_start body = {.container = made.container};
    uint64_t sequence = world_send(&world, maker, GROVE_REQUEST_CONTAINER_START, &body, sizeof(body), NULL, 0);
    machine_container service = world_machine(&world, made.id);
    fake.containers[service].is_start_asked = false; /* it takes longer than the maker lives */
    world_exit(&world, maker, GROVE_EXIT_SIGNAL, 9);
    assert_int_equal(world_start(&world, world.init, handle), 0);
    fake.containers[service].is_running = true;
    core_container_started(world.core, service, GROVE_OK, GROVE_LAYER_NONE, 0);
    world_settle(&world);
    assert_false(fake_take(maker, GROVE_REQUEST_CONTAINER_START, sequence, NULL));
    assert_int_equal(world.core->pending.used, 0);
    world_close(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_owner_hears_of_each_state),
        cmocka_unit_test(a_start_that_fails_names_the_layer),
        cmocka_unit_test(stop_asks_and_then_kills),
        cmocka_unit_test(a_program_that_knows_nothing_is_signalled),
        cmocka_unit_test(ping_waits_for_the_answer),
        cmocka_unit_test(quiesce_and_resume),
        cmocka_unit_test(freeze_and_thaw),
        cmocka_unit_test(what_a_container_owns_survives_its_restart),
        cmocka_unit_test(init_comes_back_with_back_off),
        cmocka_unit_test(shutting_down_ends_everything),
        cmocka_unit_test(an_answer_for_an_earlier_instance_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
