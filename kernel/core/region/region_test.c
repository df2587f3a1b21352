/* Regions: one writer, shown to others only when sealed, moved before that; the state region, which outlives instances. */
#include "kernel/core/test/scenes.h"

#include "kernel/core/test/unit.h"

static void a_region_is_shown_when_sealed(void **state) {
    (void)state;
    struct scene_two two;
    struct fake_packet reply;
    struct fake_packet notice;
    scene_two_open(&two);
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

static void who_has_not_begun_is_told_when_it_does(void **state) {
    (void)state;
    const struct world_spec spec = {.name = "grid.late", .permissions = scene_permissions, .count = SCENE_PERMISSIONS};
    struct scene_two two;
    struct grove_container_reply late;
    struct fake_packet reply, notice;
    scene_two_open(&two);
    assert_int_equal(world_create(&two.world, two.world.init, &spec, &late), 0);
    assert_int_equal(world_endpoint(&two.world, two.world.init, "grid.late", late.container, NULL), 0);
    assert_int_equal(world_connect(&two.world, two.first, "grid.late", &reply), 0);
    grove_handle channel = reply.message.body.channel.channel;
    const struct grove_region_create create = {.size_bytes = 4096, .tag = 9};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_CREATE, &create, sizeof(create), &reply), 0);
    const struct grove_region_grant grant = {.region = reply.message.body.region.region, .channel = channel};
    assert_int_equal(world_handle_request(&two.world, two.first, GROVE_REQUEST_REGION_ATTACHED, grant.region), 0);
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_GRANT, &grant, sizeof(grant), NULL), 0);
    assert_int_equal(world_start(&two.world, two.world.init, late.container), 0);
    machine_container machine = world_machine(&two.world, late.id);
    assert_true(fake_take(machine, GROVE_NOTICE_REGION_GRANTED, 0, &notice));
    assert_int_equal(notice.message.body.region_granted.region.tag, 9);
    assert_false(fake_take(machine, GROVE_NOTICE_REGION_GRANTED, 0, &notice)); /* once */
    world_close(&two.world);
}

static void a_region_can_be_moved_before_it_is_sealed(void **state) {
    (void)state;
    struct scene_two two;
    struct fake_packet reply;
    struct fake_packet notice;
    scene_two_open(&two);
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

/* The receiver shows it on to whom the owner has no channel, for reading; what it gave ends with its own handle. */
static void a_region_can_be_shown_onward(void **state) {
    (void)state;
    struct scene_two two;
    struct fake_packet reply;
    struct fake_packet notice;
    scene_two_open(&two);
    struct grove_region_create create = {.size_bytes = 4096};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_CREATE, &create, sizeof(create), &reply), 0);
    grove_handle region = reply.message.body.region.region;
    assert_int_equal(world_handle_request(&two.world, two.first, GROVE_REQUEST_REGION_ATTACHED, region), 0);
    struct grove_region_grant grant = {
        .region = region, .channel = two.channel, .flags = GROVE_REGION_MOVE | GROVE_REGION_ONWARD};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_GRANT, &grant, sizeof(grant), NULL),
                     GROVE_INVALID);
    grant.flags = 0;
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_GRANT, &grant, sizeof(grant), NULL), 0);
    assert_true(fake_take(two.second, GROVE_NOTICE_REGION_GRANTED, 0, &notice));
    struct grove_region_grant back = {.region = notice.message.body.region_granted.region.region, .channel = two.back};
    assert_int_equal(world_ask(&two.world, two.second, GROVE_REQUEST_REGION_GRANT, &back, sizeof(back), NULL),
                     GROVE_DENIED);
    grant.flags = GROVE_REGION_ONWARD;
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_GRANT, &grant, sizeof(grant), NULL), 0);
    assert_true(fake_take(two.second, GROVE_NOTICE_REGION_GRANTED, 0, &notice));
    assert_int_equal(notice.message.body.region_granted.region.rights, GROVE_RIGHT_READ);
    back.region = notice.message.body.region_granted.region.region;
    assert_int_equal(world_handle_request(&two.world, two.second, GROVE_REQUEST_REGION_ATTACHED, back.region),
                     GROVE_DENIED);
    assert_int_equal(world_ask(&two.world, two.second, GROVE_REQUEST_REGION_GRANT, &back, sizeof(back), NULL), 0);
    assert_true(fake_take(two.first, GROVE_NOTICE_REGION_GRANTED, 0, &notice));
    grove_handle shown = notice.message.body.region_granted.region.region;
    assert_int_equal(notice.message.body.region_granted.region.rights, GROVE_RIGHT_READ);
    struct grove_region_grant again = {.region = shown, .channel = two.channel};
    assert_int_equal(world_ask(&two.world, two.first, GROVE_REQUEST_REGION_GRANT, &again, sizeof(again), NULL),
                     GROVE_DENIED);
    assert_int_equal(world_handle_request(&two.world, two.second, GROVE_REQUEST_REGION_DESTROY, back.region), 0);
    assert_int_equal(world_handle_request(&two.world, two.first, GROVE_REQUEST_REGION_DESTROY, shown),
                     GROVE_STALE_HANDLE);
    assert_null(core_find_fault(two.world.core));
    world_close(&two.world);
}

static int ask_state(struct scene_two *two, uint64_t bytes, struct fake_packet *reply) {
    struct grove_state_region body = {.size_bytes = bytes};
    return world_ask(&two->world, two->first, GROVE_REQUEST_STATE_REGION, &body, sizeof(body), reply);
}

static void the_state_region_outlives_the_instance(void **state) {
    (void)state;
    struct scene_two two;
    struct fake_packet reply;
    scene_two_open(&two);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_is_shown_when_sealed),
        cmocka_unit_test(who_has_not_begun_is_told_when_it_does),
        cmocka_unit_test(a_region_can_be_moved_before_it_is_sealed),
        cmocka_unit_test(a_region_can_be_shown_onward),
        cmocka_unit_test(the_state_region_outlives_the_instance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
