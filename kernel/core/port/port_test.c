/* The kernel port: its form, its bounds, and the operations that have no test of their own elsewhere. */
#include "kernel/core/test/world.h"

#include "kernel/core/test/unit.h"

#include <stdio.h>
#include <string.h>

static const struct world_permission permissions[] = {
    {.kind = GROVE_CAP_IPC_SEND, .text = "grid.>"},    {.kind = GROVE_CAP_IPC_RECV, .text = "grid.>"},
    {.kind = GROVE_CAP_SHM_CREATE, .quantity = 65536}, {.kind = GROVE_CAP_PROC_SPAWN, .text = "grid.>"},
    {.kind = GROVE_CAP_FS_READ, .text = "/data"},      {.kind = GROVE_CAP_PROC_CONTROL, .text = "grid.>"},
};
static const struct world_spec first_spec = {.name = "grid.first", .permissions = permissions, .count = 6};
static const struct world_spec second_spec = {.name = "grid.second", .permissions = permissions, .count = 2};

struct two {
    struct world world;
    machine_container first, second;
    grove_handle first_handle, second_handle, channel;
};

static void open_two(struct two *two) {
    struct fake_packet reply;
    world_open(&two->world, NULL);
    two->first = world_service(&two->world, two->world.init, &first_spec, &two->first_handle);
    two->second = world_service(&two->world, two->world.init, &second_spec, &two->second_handle);
    assert_int_equal(world_endpoint(&two->world, two->second, "grid.second", 0, NULL), 0);
    assert_int_equal(world_connect(&two->world, two->first, "grid.second", &reply), 0);
    two->channel = reply.message.body.channel.channel;
    fake_drop_packets(two->second);
}

/* ---- form ---- */

static int send_raw(struct two *two, struct grove_message *message, uint32_t bytes) {
    struct fake_packet reply;
    core_request(two->world.core, two->first, message, bytes, NULL, 0);
    world_settle(&two->world);
    if (!fake_take(two->first, message->operation, message->sequence, &reply))
        return WORLD_NO_REPLY;
    return reply.message.status;
}

static void malformed_packets_are_answered(void **state) {
    (void)state;
    struct two two;
    open_two(&two);
    struct grove_message message = {.version = 1, .operation = GROVE_REQUEST_KERNEL_READ, .sequence = 5};
    assert_int_equal(send_raw(&two, &message, sizeof(message)), 0);
    assert_int_equal(send_raw(&two, &message, sizeof(message) - 1), GROVE_INVALID);
    message.version = 2;
    assert_int_equal(send_raw(&two, &message, sizeof(message)), GROVE_VERSION);
    message.version = 1;
    message.operation = 99;
    assert_int_equal(send_raw(&two, &message, sizeof(message)), GROVE_UNSUPPORTED);
    message.operation = GROVE_REQUEST_SWAP;
    assert_int_equal(send_raw(&two, &message, sizeof(message)), GROVE_UNSUPPORTED);
    message.operation = GROVE_REQUEST_CONTAINER_CREATE; /* without its object */
    assert_int_equal(send_raw(&two, &message, sizeof(message)), GROVE_INVALID);
    message.operation = GROVE_REQUEST_KERNEL_READ;
    message.sequence = 0;
    assert_int_equal(send_raw(&two, &message, sizeof(message)), GROVE_INVALID);
    message.operation = GROVE_REQUEST_STATE_REPORT; /* one way: no answer */
    message.body.report.report = GROVE_REPORT_READY;
    assert_int_equal(send_raw(&two, &message, sizeof(message)), WORLD_NO_REPLY);
    world_close(&two.world);
}

static void objects_nobody_wants_are_closed(void **state) {
    (void)state;
    struct two two;
    open_two(&two);
    uint32_t before = fake.objects_open;
    machine_object objects[4] = {fake_stream(), fake_stream(), fake_stream(), fake_stream()};
    world_send(&two.world, two.first, GROVE_REQUEST_KERNEL_READ, "", 1, objects, 4);
    assert_int_equal(fake.objects_open, before);
    machine_object lost = fake_stream();
    core_request(two.world.core, 60, &(struct grove_message){.version = 1}, sizeof(struct grove_message), &lost, 1);
    assert_int_equal(fake.objects_open, before);
    world_close(&two.world);
}

static void the_page_counts_packets(void **state) {
    (void)state;
    struct two two;
    open_two(&two);
    const struct container *container = core_container(two.world.core, two.first);
    uint32_t before = container->page->notices;
    assert_int_equal(container->page->generation, 1);
    assert_true(container->page->container == pool_identity(container));
    world_ask(&two.world, two.first, GROVE_REQUEST_KERNEL_READ, "", 1, NULL);
    assert_int_equal(container->page->notices, before + 1);
    world_close(&two.world);
}

/* ---- bounds ---- */

static void who_does_not_read_is_ended(void **state) {
    (void)state;
    struct two two;
    open_two(&two);
    fake.containers[two.first].port_limit = 1;
    for (uint32_t i = 0; i <= PORT_QUEUE_MAX + 2; i++)
        world_send(&two.world, two.first, GROVE_REQUEST_KERNEL_READ, "", 1, NULL, 0);
    world_settle(&two.world);
    struct container *container = core_container(two.world.core, two.first);
    assert_int_equal(container->state, GROVE_CONTAINER_STOPPED);
    assert_int_equal(container->exit_cause, GROVE_EXIT_PORT_OVERRUN);
    assert_int_equal(two.world.core->pending.used, 0);
    assert_int_equal(core_container(two.world.core, two.second)->state, GROVE_CONTAINER_RUNNING);
    world_close(&two.world);
}

static void others_cannot_overrun_a_port(void **state) {
    (void)state;
    struct two two;
    open_two(&two);
    fake.containers[two.second].port_limit = 1;
    struct grove_capability_grant body = {.source = world_find(&two.world, two.first, GROVE_CAP_FS_READ),
                                          .channel = two.channel};
    world_permission(&(struct world_permission){.kind = GROVE_CAP_FS_READ, .text = "/data", .rights = 1},
                     &body.capability);
    int status = 0;
    for (uint32_t i = 0; i <= PORT_QUEUE_MAX && status == 0; i++)
        status = world_ask(&two.world, two.first, GROVE_REQUEST_CAPABILITY_GRANT, &body, sizeof(body), NULL);
    assert_int_equal(status, GROVE_EXHAUSTED);
    assert_int_equal(core_container(two.world.core, two.second)->state, GROVE_CONTAINER_RUNNING);
    world_close(&two.world);
}

/* ---- regions ---- */

static void a_region_is_shown_when_sealed(void **state) {
    (void)state;
    struct two two;
    struct fake_packet reply;
    struct fake_packet notice;
    open_two(&two);
    struct grove_region_create create = {.size_bytes = 65537};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_CREATE, &create, sizeof(create), &reply),
                     GROVE_DENIED);
    create = (struct grove_region_create){.size_bytes = 4096, .tag = 9};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_CREATE, &create, sizeof(create), &reply), 0);
    grove_handle region = reply.message.body.region.region;
    machine_object memory = reply.objects[0];
    struct grove_region_grant grant = {.region = region, .channel = two.channel};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_GRANT, &grant, sizeof(grant), NULL),
                     GROVE_WRONG_STATE);
    assert_int_equal(world_handle_request(&two.world, two.first, GROVE_REQUEST_REGION_ATTACHED, region), 0);
    assert_true(fake.objects[memory].is_sealed);
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_GRANT, &grant, sizeof(grant), NULL), 0);
    assert_true(fake_take(two.second, GROVE_NOTICE_REGION_GRANTED, 0, &notice));
    assert_int_equal(notice.objects[0], memory);
    assert_int_equal(notice.message.body.region_granted.region.tag, 9);
    assert_int_equal(notice.message.body.region_granted.region.rights, GROVE_RIGHT_READ);
    grove_handle received = notice.message.body.region_granted.region.region;
    assert_int_equal(world_handle_request(&two.world, two.second, GROVE_REQUEST_REGION_ATTACHED, received),
                     GROVE_DENIED);
    /* The next instance of the receiver is told again. */
    world_exit(&two.world, two.second, GROVE_EXIT_SIGNAL, 9);
    assert_int_equal(world_start(&two.world, two.world.init, two.second_handle), 0);
    assert_true(fake_take(two.second, GROVE_NOTICE_REGION_GRANTED, 0, &notice));
    assert_int_equal(world_handle_request(&two.world, two.first, GROVE_REQUEST_REGION_DESTROY, region), 0);
    assert_int_equal(two.world.core->regions.used, 0);
    assert_int_equal(world_handle_request(&two.world, two.second, GROVE_REQUEST_REGION_DESTROY, received),
                     GROVE_STALE_HANDLE);
    world_close(&two.world);
}

static void a_region_can_be_moved_before_it_is_sealed(void **state) {
    (void)state;
    struct two two;
    struct fake_packet reply;
    struct fake_packet notice;
    open_two(&two);
    struct grove_region_create create = {.size_bytes = 4096};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_CREATE, &create, sizeof(create), &reply), 0);
    struct grove_region_grant grant = {
        .region = reply.message.body.region.region, .channel = two.channel, .flags = GROVE_REGION_MOVE};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_GRANT, &grant, sizeof(grant), NULL), 0);
    assert_true(fake_take(two.second, GROVE_NOTICE_REGION_GRANTED, 0, &notice));
    assert_int_equal(notice.message.body.region_granted.region.rights, GROVE_RIGHT_READ | GROVE_RIGHT_WRITE);
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_GRANT, &grant, sizeof(grant), NULL),
                     GROVE_STALE_HANDLE);
    assert_null(core_find_fault(two.world.core));
    grove_handle region = notice.message.body.region_granted.region.region;
    assert_int_equal(world_handle_request(&two.world, two.second, GROVE_REQUEST_REGION_ATTACHED, region), 0);
    world_close(&two.world);
}

static int ask_state(struct two *two, uint64_t bytes, struct fake_packet *reply) {
    struct grove_state_region body = {.size_bytes = bytes};
    return world_ask(&two->world, two->first, GROVE_REQUEST_STATE_REGION, &body, sizeof(body), reply);
}

static void the_state_region_outlives_the_instance(void **state) {
    (void)state;
    struct two two;
    struct fake_packet reply;
    open_two(&two);
    assert_int_equal(ask_state(&two, 4096, &reply), 0);
    assert_int_equal(reply.message.body.region.tag, 0);
    machine_object memory = reply.objects[0];
    fake.objects[memory].bytes[100] = 42;
    assert_int_equal(
        world_handle_request(&two.world, two.first, GROVE_REQUEST_REGION_ATTACHED, reply.message.body.region.region),
        0);
    assert_int_equal(ask_state(&two, 4096, &reply), GROVE_WRONG_STATE);
    world_exit(&two.world, two.first, GROVE_EXIT_SIGNAL, 9);
    assert_int_equal(world_start(&two.world, two.world.init, two.first_handle), 0);
    assert_int_equal(ask_state(&two, 8192, &reply), 0);
    assert_int_equal(reply.message.body.region.tag, 1);
    assert_int_equal(reply.message.body.region.size_bytes, 8192);
    assert_int_equal(fake.objects[reply.objects[0]].bytes[100], 42);
    assert_false(fake.objects[reply.objects[0]].is_sealed);
    /* Never sealed this time: the next instance gets the same memory. */
    machine_object second = reply.objects[0];
    world_exit(&two.world, two.first, GROVE_EXIT_SIGNAL, 9);
    assert_int_equal(world_start(&two.world, two.world.init, two.first_handle), 0);
    assert_int_equal(ask_state(&two, 100, &reply), 0);
    assert_int_equal(reply.objects[0], second);
    assert_int_equal(reply.message.body.region.size_bytes, 8192);
    world_close(&two.world);
}

/* ---- audit and trace ---- */

static void audit_is_read_by_those_it_concerns(void **state) {
    (void)state;
    struct two two;
    struct fake_packet reply;
    open_two(&two);
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
    struct two two;
    struct fake_packet reply;
    open_two(&two);
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
    struct two two;
    struct grove_trace_read body = {.enable = 1};
    open_two(&two);
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
    struct two two;
    struct grove_capability used;
    open_two(&two);
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

/* Ask until a pool is used up; the refusal leaves everything as it was before it. */
static void exhaust(struct two *two, machine_container from, uint16_t operation, void *body, size_t bytes,
                    struct grove_name *name) {
    struct world_accounts before;
    struct world_accounts after;
    int status = 0;
    for (uint32_t i = 0; i < 1000 && status == 0; i++) {
        if (name != NULL)
            snprintf(name->text, sizeof(name->text), "grid.n%u", i);
        world_count(&two->world, &before);
        status = world_ask(&two->world, from, operation, body, bytes, NULL);
    }
    world_count(&two->world, &after);
    assert_int_equal(status, GROVE_EXHAUSTED);
    assert_memory_equal(&before, &after, sizeof(before));
}

static void each_pool_ends_in_an_error(void **state) {
    (void)state;
    struct two two;
    open_two(&two);
    struct grove_endpoint_create endpoint = {.container = 0};
    exhaust(&two, two.first, GROVE_REQUEST_ENDPOINT_CREATE, &endpoint, sizeof(endpoint), &endpoint.name);
    struct grove_region_create region = {.size_bytes = 1};
    exhaust(&two, two.first, GROVE_REQUEST_REGION_CREATE, &region, sizeof(region), NULL);
    struct grove_project_create project = {.parent = 0};
    exhaust(&two, two.world.init, GROVE_REQUEST_PROJECT_CREATE, &project, sizeof(project), &project.name);
    world_close(&two.world);
}

static void the_pool_of_containers_ends_in_an_error(void **state) {
    (void)state;
    struct two two;
    struct world_accounts before;
    struct world_accounts after;
    char name[32];
    int status = 0;
    open_two(&two);
    for (uint32_t i = 0; i < 100 && status == 0; i++) {
        snprintf(name, sizeof(name), "grid.n%u", i);
        struct world_spec spec = {.name = name, .permissions = permissions, .count = 2};
        world_count(&two.world, &before);
        status = world_create(&two.world, two.first, &spec, NULL);
    }
    world_count(&two.world, &after);
    assert_int_equal(status, GROVE_EXHAUSTED);
    assert_memory_equal(&before, &after, sizeof(before));
    world_close(&two.world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(malformed_packets_are_answered),
        cmocka_unit_test(objects_nobody_wants_are_closed),
        cmocka_unit_test(the_page_counts_packets),
        cmocka_unit_test(who_does_not_read_is_ended),
        cmocka_unit_test(others_cannot_overrun_a_port),
        cmocka_unit_test(a_region_is_shown_when_sealed),
        cmocka_unit_test(a_region_can_be_moved_before_it_is_sealed),
        cmocka_unit_test(the_state_region_outlives_the_instance),
        cmocka_unit_test(audit_is_read_by_those_it_concerns),
        cmocka_unit_test(tracing_is_switched_in_every_page),
        cmocka_unit_test(tracing_ends_with_the_last_who_traces),
        cmocka_unit_test(a_need_is_learned_once),
        cmocka_unit_test(each_pool_ends_in_an_error),
        cmocka_unit_test(the_pool_of_containers_ends_in_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
