/* What happened: the audit log, the trace of messages, and what a learned program needed. */
#include "kernel/core/test/scenes.h"

#include "kernel/core/test/unit.h"

#include <string.h>

static void audit_is_read_by_those_it_concerns(void **state) {
    (void)state;
    struct scene_two two;
    struct fake_packet reply;
    scene_two_open(&two);
    struct grove_audit_read body = {.name = world_name("grid.second")};
    assert_int_equal(world_ask(&two.world, two.second, GROVE_REQUEST_AUDIT_READ, &body, sizeof(body), &reply), 0);
    struct grove_audit_record record;
    memcpy(&record, reply.message.body.bytes, sizeof(record));
    assert_string_equal(record.object.text, "grid.second");
    assert_true(record.check == audit_check(&record));
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_AUDIT_READ, &body, sizeof(body), &reply),
                     GROVE_DENIED);
    body = (struct grove_audit_read){0};
    uint64_t previous = 0;
    uint32_t count = 0;
    while (world_ask(&two.world, two.world.init, GROVE_REQUEST_AUDIT_READ, &body, sizeof(body), &reply) == 0) {
        memcpy(&record, reply.message.body.bytes, sizeof(record));
        assert_true(record.sequence > previous);
        previous = record.sequence;
        body.sequence = record.sequence + 1;
        count++;
    }
    assert_int_equal(reply.message.status, GROVE_NOT_FOUND);
    assert_true(count == two.world.core->audit.next - two.world.core->audit.first);
    world_close(&two.world);
}

static void tracing_is_switched_in_every_page(void **state) {
    (void)state;
    struct scene_two two;
    struct fake_packet reply;
    scene_two_open(&two);
    struct grove_trace_record emitted = {.number = 77, .stage = GROVE_TRACE_SENT};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_TRACE_EMIT, &emitted, sizeof(emitted), NULL),
                     GROVE_WRONG_STATE);
    struct grove_trace_read body = {.enable = 1};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_TRACE_READ, &body, sizeof(body), NULL),
                     GROVE_DENIED);
    assert_int_equal(world_ask(&two.world, two.world.init, GROVE_REQUEST_TRACE_READ, &body, sizeof(body), NULL),
                     GROVE_NOT_FOUND);
    assert_int_equal(core_container(two.world.core, two.second)->page->tracing, 1);
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_TRACE_EMIT, &emitted, sizeof(emitted), NULL), 0);
    body.enable = 2;
    assert_int_equal(world_ask(&two.world, two.world.init, GROVE_REQUEST_TRACE_READ, &body, sizeof(body), &reply), 0);
    assert_int_equal(reply.message.body.trace.number, 77);
    assert_string_equal(reply.message.body.trace.container.text, "grid.first");
    assert_int_equal(core_container(two.world.core, two.second)->page->tracing, 0);
    world_close(&two.world);
}

static void tracing_ends_with_the_last_who_traces(void **state) {
    (void)state;
    static const struct world_permission audit[] = {{.kind = GROVE_CAP_AUDIT_READ}};
    struct scene_two two;
    struct grove_trace_read body = {.enable = 1};
    scene_two_open(&two);
    machine_container one = world_client(&two.world, "shell.1", audit, 1);
    machine_container other = world_client(&two.world, "shell.2", audit, 1);
    const struct grove_kernel_page *page = core_container(two.world.core, two.second)->page;
    (void)world_ask(&two.world, one, GROVE_REQUEST_TRACE_READ, &body, sizeof(body), NULL);
    (void)world_ask(&two.world, other, GROVE_REQUEST_TRACE_READ, &body, sizeof(body), NULL);
    core_port_closed(two.world.core, one); /* killed: it took nothing back */
    world_settle(&two.world);
    assert_int_equal(page->tracing, 1);
    core_port_closed(two.world.core, other);
    world_settle(&two.world);
    assert_int_equal(page->tracing, 0);
    /* A service that traced and died did not want it for its next instance either. */
    (void)world_ask(&two.world, two.world.init, GROVE_REQUEST_TRACE_READ, &body, sizeof(body), NULL);
    assert_int_equal(page->tracing, 1);
    world_exit(&two.world, two.world.init, GROVE_EXIT_SIGNAL, 9);
    assert_int_equal(page->tracing, 0);
    world_close(&two.world);
}

static void a_need_is_learned_once(void **state) {
    (void)state;
    struct scene_two two;
    struct grove_capability used;
    scene_two_open(&two);
    world_permission(&(struct world_permission){.kind = GROVE_CAP_FS_READ, .text = "/etc"}, &used);
    fake_drop_packets(two.world.init);
    core_learned(two.world.core, two.first, &used);
    core_learned(two.world.core, two.first, &used);
    core_learned(two.world.core, two.second, &used);
    assert_true(fake_take(two.world.init, GROVE_NOTICE_LEARNED, 0, NULL));
    assert_true(fake_take(two.world.init, GROVE_NOTICE_LEARNED, 0, NULL));
    assert_false(fake_take(two.world.init, GROVE_NOTICE_LEARNED, 0, NULL));
    world_close(&two.world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audit_is_read_by_those_it_concerns),
        cmocka_unit_test(tracing_is_switched_in_every_page),
        cmocka_unit_test(tracing_ends_with_the_last_who_traces),
        cmocka_unit_test(a_need_is_learned_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
