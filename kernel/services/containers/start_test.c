/* The life of instances: started, killed, ended, failed, frozen, started again; streams; what they may use. */
#include "kernel/services/containers/test/stage.h"

#include <string.h>

static const struct stage_spec plain = {.name = "grid.one"};

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

/* What the owner was last told. */
static struct grove_notice_container last_notice(void) {
    struct grove_notice_container last = {0};
    struct port_packet *packet;
    while ((packet = stage_take(stage.port, GROVE_NOTICE_CONTAINER_STATE, 0)) != NULL) {
        last = packet->message.body.container_state;
        stage_drop(packet);
    }
    return last;
}

static struct grove_container_record read_record(grove_handle container) {
    const struct grove_container_read body = {.container = container};
    struct port_packet *packet;
    assert_int_equal(stage_ask(stage.port, GROVE_REQUEST_CONTAINER_READ, &body, sizeof(body), NULL, 0, &packet), 0);
    struct grove_container_record record = packet->message.body.container_record;
    stage_drop(packet);
    return record;
}

static void init_is_started_again(void **state) {
    (void)state;
    uint32_t begun = fake_host.begun;
    fake_end(fake_program(stage.init), true, 11, false);
    stage_settle();
    assert_int_equal(fake_host.begun, begun + 1);
    assert_non_null(fake_program(stage.init));
    struct open_file *port = stage_file(fake_program(stage.init), GROVE_PORT_DESCRIPTOR);
    struct port_packet *packet = stage_take(port, GROVE_NOTICE_INIT, 0);
    assert_non_null(packet);
    assert_int_equal(packet->message.body.init.reason, GROVE_START_RESTARTED);
    assert_int_equal(packet->message.body.init.generation, 2);
    assert_int_equal(packet->message.body.init.exit_cause, GROVE_EXIT_SIGNAL);
    assert_int_equal(packet->message.body.init.exit_detail, 11);
    stage_drop(packet);
}

static void ends_are_told_with_their_cause(void **state) {
    static const struct {
        bool is_signal, lacked_memory;
        int32_t value;
        uint32_t cause;
        int32_t detail;
    } cases[] = {{false, false, 3, GROVE_EXIT_CODE, 3},
                 {true, false, 6, GROVE_EXIT_SIGNAL, 6},
                 {true, false, 9, GROVE_EXIT_SIGNAL, 9},
                 {true, true, 9, GROVE_EXIT_MEMORY, GROVE_MEMORY_OF_MACHINE}};
    grove_handle handle;
    (void)state;
    machine_container one = stage_service(&plain, &handle, NULL);
    for (uint32_t i = 0; i < ITEMS(cases); i++) {
        fake_end(fake_program(one), cases[i].is_signal, cases[i].value, cases[i].lacked_memory);
        stage_settle();
        struct grove_notice_container notice = last_notice();
        assert_int_equal(notice.state, GROVE_CONTAINER_STOPPED);
        assert_int_equal(notice.exit_cause, cases[i].cause);
        assert_int_equal(notice.exit_detail, cases[i].detail);
        assert_int_equal(stage_start(handle, NULL, 0, NULL), 0);
    }
    assert_int_equal(stage_control(handle, GROVE_ACTION_KILL), 0);
    assert_int_equal(last_notice().exit_cause, GROVE_EXIT_KILLED);
}

static void program_that_cannot_be_loaded_fails_the_start(void **state) {
    struct grove_container_reply made, reply;
    (void)state;
    assert_int_equal(stage_create(&plain, &made), 0);
    const struct grove_container_start body = {.container = made.container};
    struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_CONTAINER_START, .sequence = 77};
    memcpy(message.body.bytes, &body, sizeof(body));
    assert_int_equal(kernel_port_send(stage.port, &message, sizeof(message), NULL, 0), 0);
    fake_fail(fake_program(stage_index(made.id)), LINUX_ENOENT);
    stage_settle();
    struct port_packet *packet = stage_take(stage.port, GROVE_REQUEST_CONTAINER_START, 77);
    assert_non_null(packet);
    assert_int_equal(packet->message.status, GROVE_NOT_FOUND);
    assert_int_equal(packet->message.body.container.layer, GROVE_LAYER_EXECUTE);
    stage_drop(packet);
    fake_host.fail_begin = -LINUX_ENOMEM;
    assert_int_equal(stage_start(made.container, NULL, 0, &reply), GROVE_NO_MEMORY);
    fake_host.fail_begin = -LINUX_EBUSY;
    assert_int_equal(stage_start(made.container, NULL, 0, &reply), GROVE_LAYER_MISSING);
    assert_int_equal(reply.layer, GROVE_LAYER_SCHEDULE);
    assert_int_equal(stage_start(made.container, NULL, 0, &reply), 0);
}

/* Killed before it was heard that it runs: the start is cancelled. */
static void start_is_killed_on_its_way(void **state) {
    struct grove_container_reply made;
    (void)state;
    assert_int_equal(stage_create(&plain, &made), 0);
    const struct grove_container_start body = {.container = made.container};
    struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_CONTAINER_START, .sequence = 78};
    memcpy(message.body.bytes, &body, sizeof(body));
    assert_int_equal(kernel_port_send(stage.port, &message, sizeof(message), NULL, 0), 0);
    assert_int_equal(stage_control(made.container, GROVE_ACTION_DESTROY), 0);
    assert_null(fake_program(stage_index(made.id)));
}

/* It speaks in its first moment, before the thread has told the core that it runs. */
static void program_may_speak_at_once(void **state) {
    struct grove_container_reply made;
    (void)state;
    assert_int_equal(stage_create(&plain, &made), 0);
    const struct grove_container_start body = {.container = made.container, .flags = GROVE_START_AT_ONCE};
    struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_CONTAINER_START, .sequence = 79};
    memcpy(message.body.bytes, &body, sizeof(body));
    assert_int_equal(kernel_port_send(stage.port, &message, sizeof(message), NULL, 0), 0);
    struct program *program = fake_program(stage_index(made.id));
    struct open_file *port = stage_file(program, GROVE_PORT_DESCRIPTOR);
    stage_turn();
    struct port_packet *packet = stage_take(port, GROVE_NOTICE_INIT, 0);
    assert_non_null(packet); /* it does not wait for the program to run */
    stage_drop(packet);
    instance_runs(program->plan.instance);
    struct grove_message report = {.version = GROVE_PORT_VERSION,
                                   .operation = GROVE_REQUEST_STATE_REPORT,
                                   .body.report.report = GROVE_REPORT_READY};
    assert_int_equal(kernel_port_send(port, &report, sizeof(report), NULL, 0), 0);
    stage_settle();
    assert_int_equal(last_notice().state, GROVE_CONTAINER_READY);
}

static void frozen_and_thawed(void **state) {
    grove_handle handle;
    (void)state;
    machine_container one = stage_service(&plain, &handle, NULL);
    struct program *program = fake_program(one);
    const struct grove_container_control body = {
        .container = handle, .action = GROVE_ACTION_FREEZE, .deadline_ns = UINT64_MAX};
    struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = GROVE_REQUEST_CONTAINER_CONTROL, .sequence = 80};
    memcpy(message.body.bytes, &body, sizeof(body));
    assert_int_equal(kernel_port_send(stage.port, &message, sizeof(message), NULL, 0), 0);
    assert_true(program->is_frozen);
    instance_frozen(program->plan.instance);
    stage_settle();
    assert_int_equal(read_record(handle).state, GROVE_CONTAINER_FROZEN);
    assert_int_equal(stage_control(handle, GROVE_ACTION_THAW), 0);
    assert_false(program->is_frozen);
    assert_int_not_equal(read_record(handle).state, GROVE_CONTAINER_FROZEN);
}

static void signals_schedule_and_number(void **state) {
    grove_handle handle;
    (void)state;
    machine_container one = stage_service(&plain, &handle, NULL);
    assert_int_equal(machine_container_signal(one, 10), GROVE_OK);
    assert_int_equal(fake_program(one)->signal, 10);
    assert_int_equal(machine_container_signal(one, 0), GROVE_INVALID);
    assert_int_equal(machine_container_signal(one, 65), GROVE_INVALID);
    assert_int_equal(machine_container_signal(one + 1, 10), GROVE_WRONG_STATE);
    const struct grove_schedule_set body = {.container = handle, .schedule = {.priority = 5}};
    assert_int_equal(stage_ask(stage.port, GROVE_REQUEST_SCHEDULE_SET, &body, sizeof(body), NULL, 0, NULL), 0);
    assert_int_equal(fake_program(one)->schedule.priority, 5);
    assert_true(read_record(handle).process >= 1000);
}

static void logs_outlive_instances(void **state) {
    grove_handle handle;
    struct port_packet *packet;
    char bytes[8] = "";
    (void)state;
    machine_container one = stage_service(&plain, &handle, NULL);
    assert_int_equal(world_write_file(&stage.world, stage_file(fake_program(one), 1), "first ", 6), 6);
    assert_int_equal(world_read_file(stage_file(fake_program(one), 0), bytes, 1), 0);
    fake_end(fake_program(one), false, 0, false);
    stage_settle();
    assert_int_equal(stage_start(handle, NULL, 0, NULL), 0);
    assert_int_equal(world_write_file(&stage.world, stage_file(fake_program(one), 1), "2", 1), 1);
    const struct grove_handle_request body = {.handle = handle};
    assert_int_equal(stage_ask(stage.port, GROVE_REQUEST_CONTAINER_STREAMS, &body, sizeof(body), NULL, 0, &packet), 0);
    assert_int_equal(packet->count, 2);
    assert_int_equal(world_read_file(packet->files[0], bytes, sizeof(bytes)), 7);
    assert_memory_equal(bytes, "first 2", 7);
    assert_int_equal(world_read_file(packet->files[0], bytes, sizeof(bytes)), -LINUX_EAGAIN);
    stage_drop(packet);
}

static void streams_are_passed(void **state) {
    static const struct stage_spec spec = {.name = "grid.one",
                                           .streams = {GROVE_STREAM_PASSED, GROVE_STREAM_PASSED, GROVE_STREAM_NULL}};
    struct grove_container_reply made;
    struct open_file *streams[2];
    (void)state;
    assert_int_equal(stage_create(&spec, &made), 0);
    assert_int_equal(world_make_file(&stage.world, "/in"), 0);
    assert_int_equal(world_make_file(&stage.world, "/out"), 0);
    streams[0] = world_open(&stage.world, "/in", LINUX_O_RDONLY);
    streams[1] = world_open(&stage.world, "/out", LINUX_O_WRONLY);
    const struct open_file *in = streams[0], *out = streams[1];
    assert_int_equal(stage_start(made.container, streams, 2, NULL), 0);
    struct program *program = fake_program(stage_index(made.id));
    assert_ptr_equal(stage_file(program, 0), in);
    assert_ptr_equal(stage_file(program, 1), out);
    assert_int_equal(world_write_file(&stage.world, stage_file(program, 2), "x", 1), 1);
}

static void what_nobody_holds_fails_the_start(void **state) {
    static const struct stage_spec disk = {.name = "grid.disk", .budget = {.disk_bytes = 1 << 20}};
    static const struct stage_spec network = {.name = "grid.network", .budget = {.network_rate = 1 << 20}};
    static const struct stage_spec learn = {.name = "grid.learn", .flags = GROVE_SPEC_LEARN};
    const struct {
        const struct stage_spec *spec;
        uint32_t layer;
    } cases[] = {{&disk, GROVE_LAYER_DISK_QUOTA}, {&network, GROVE_LAYER_NETWORK_LIMIT}, {&learn, GROVE_LAYER_STREAMS}};
    (void)state;
    for (uint32_t i = 0; i < ITEMS(cases); i++) {
        struct grove_container_reply made, reply;
        assert_int_equal(stage_create(cases[i].spec, &made), 0);
        assert_int_equal(stage_start(made.container, NULL, 0, &reply), GROVE_LAYER_MISSING);
        assert_int_equal(reply.layer, cases[i].layer);
        assert_int_equal(stage_control(made.container, GROVE_ACTION_DESTROY), 0);
    }
}

static void programs_that_know_nothing_have_no_port(void **state) {
    static const struct stage_spec spec = {.name = "grid.one", .flags = GROVE_SPEC_CALLER_IDENTITY};
    struct open_file *file;
    struct grove_container_reply made;
    (void)state;
    assert_int_equal(stage_create(&spec, &made), 0);
    assert_int_equal(stage_start(made.container, NULL, 0, NULL), 0);
    struct program *program = NULL;
    for (uint32_t i = 0; i < FAKE_PROGRAMS; i++)
        if (fake_host.programs[i].is_used && fake_host.programs[i].plan.instance->container == stage_index(made.id))
            program = &fake_host.programs[i];
    assert_non_null(program);
    assert_int_equal(descriptors_get(&program->descriptors, GROVE_PORT_DESCRIPTOR, &file), -LINUX_EBADF);
    assert_int_equal(program->plan.user, 0);
    assert_int_equal(program->plan.caller.identity.capabilities, 0);
}

static void memory_is_charged_and_its_end_explained(void **state) {
    static const struct stage_spec spec = {.name = "grid.one", .budget = {.memory_bytes = UINT64_C(5) * 4096}};
    grove_handle handle;
    (void)state;
    machine_container one = stage_service(&spec, &handle, NULL);
    struct memory_account *account = fake_program(one)->plan.memory;
    assert_int_equal(memory_account_charge(account, 3), 0);
    assert_int_equal(read_record(handle).usage.memory_bytes, 3 * 4096);
    assert_int_equal(read_record(handle).usage.processes, 1);
    assert_int_equal(memory_account_charge(account, 3), -LINUX_ENOMEM);
    memory_account_discharge(account, 3);
    fake_end(fake_program(one), true, 9, true);
    stage_settle();
    struct grove_notice_container notice = last_notice();
    assert_int_equal(notice.exit_cause, GROVE_EXIT_MEMORY);
    assert_int_equal(notice.exit_detail, GROVE_MEMORY_OF_CONTAINER);
}

static void last_audit_records_are_there_for_a_panic(void **state) {
    struct grove_audit_record records[8];
    grove_handle handle;
    (void)state;
    machine_container one = stage_service(&plain, &handle, NULL);
    fake_end(fake_program(one), true, 11, false);
    stage_settle();
    assert_int_equal(containers_last_audit(records, 8), 8);
    assert_int_equal(records[7].event, GROVE_AUDIT_EXIT);
    assert_true(records[6].sequence == records[7].sequence - 1);
    assert_string_equal(records[7].who.text, "grid.one");
}

int main(void) {
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(init_is_started_again),
        STAGED(ends_are_told_with_their_cause),
        STAGED(program_that_cannot_be_loaded_fails_the_start),
        STAGED(start_is_killed_on_its_way),
        STAGED(program_may_speak_at_once),
        STAGED(frozen_and_thawed),
        STAGED(signals_schedule_and_number),
        STAGED(logs_outlive_instances),
        STAGED(streams_are_passed),
        STAGED(what_nobody_holds_fails_the_start),
        STAGED(programs_that_know_nothing_have_no_port),
        STAGED(memory_is_charged_and_its_end_explained),
        STAGED(last_audit_records_are_there_for_a_panic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
