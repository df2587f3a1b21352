/* The kernel port: its form, and its bounds, which end in an error and never in harm to others. */
#include "kernel/core/test/scenes.h"

#include "kernel/core/test/unit.h"

#include <stdio.h>

static int send_raw(struct scene_two *two, struct grove_message *message, uint32_t bytes) {
    struct fake_packet reply;
    core_request(two->world.core, two->first, message, bytes, NULL, 0);
    world_settle(&two->world);
    if (!fake_take(two->first, message->operation, message->sequence, &reply))
        return WORLD_NO_REPLY;
    return reply.message.status;
}

static void malformed_packets_are_answered(void **state) {
    (void)state;
    struct scene_two two;
    scene_two_open(&two);
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
    struct scene_two two;
    scene_two_open(&two);
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
    struct scene_two two;
    scene_two_open(&two);
    const struct container *container = core_container(two.world.core, two.first);
    uint32_t before = container->page->notices;
    assert_int_equal(container->page->generation, 1);
    assert_true(container->page->container == pool_identity(container));
    world_ask(&two.world, two.first, GROVE_REQUEST_KERNEL_READ, "", 1, NULL);
    assert_int_equal(container->page->notices, before + 1);
    world_close(&two.world);
}

static void who_does_not_read_is_ended(void **state) {
    (void)state;
    struct scene_two two;
    scene_two_open(&two);
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
    struct scene_two two;
    scene_two_open(&two);
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

/* Ask until a pool is used up; the refusal leaves everything as it was before it. */
static void exhaust(struct scene_two *two, machine_container from, uint16_t operation, void *body, size_t bytes,
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
    struct scene_two two;
    scene_two_open(&two);
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
    struct scene_two two;
    struct world_accounts before;
    struct world_accounts after;
    char name[32];
    int status = 0;
    scene_two_open(&two);
    for (uint32_t i = 0; i < 100 && status == 0; i++) {
        snprintf(name, sizeof(name), "grid.n%u", i);
        struct world_spec spec = {.name = name, .permissions = scene_permissions, .count = 2};
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
        cmocka_unit_test(each_pool_ends_in_an_error),
        cmocka_unit_test(the_pool_of_containers_ends_in_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
