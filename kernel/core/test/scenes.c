/* Scenes of the core's tests. A step of theirs that fails ends the test, as cmocka's assertions do. */
#include "kernel/core/test/scenes.h"

#include "kernel/core/test/unit.h"

const struct world_permission scene_permissions[SCENE_PERMISSIONS] = {
    {.kind = GROVE_CAP_IPC_SEND, .text = "grid.>"},    {.kind = GROVE_CAP_IPC_RECV, .text = "grid.>"},
    {.kind = GROVE_CAP_SHM_CREATE, .quantity = 65536}, {.kind = GROVE_CAP_PROC_SPAWN, .text = "grid.>"},
    {.kind = GROVE_CAP_FS_READ, .text = "/data"},      {.kind = GROVE_CAP_PROC_CONTROL, .text = "grid.>"},
    {.kind = GROVE_CAP_SCHED_RT, .quantity = 200000},
};
const struct world_spec scene_maker_spec = {
    .name = "grid.maker", .permissions = scene_permissions, .count = SCENE_PERMISSIONS};

static const struct world_permission reader[] = {{.kind = GROVE_CAP_FS_READ, .text = "/data/in"}};
const struct world_spec scene_reader_spec = {.name = "grid.reader", .permissions = reader, .count = 1};

static const struct world_spec first_spec = {
    .name = "grid.first", .permissions = scene_permissions, .count = SCENE_PERMISSIONS};
static const struct world_spec second_spec = {.name = "grid.second", .permissions = scene_permissions, .count = 2};

machine_container scene_maker_open(struct world *world) {
    world_open(world, NULL);
    return world_service(world, world->init, &scene_maker_spec, NULL);
}

uint8_t scene_state(const struct world *world, machine_container container) {
    return core_container(world->core, container)->state;
}

void scene_two_open(struct scene_two *two) {
    struct fake_packet reply;
    world_open(&two->world, NULL);
    two->first = world_service(&two->world, two->world.init, &first_spec, &two->first_handle);
    two->second = world_service(&two->world, two->world.init, &second_spec, &two->second_handle);
    assert_int_equal(world_endpoint(&two->world, two->second, "grid.second", 0, NULL), 0);
    assert_int_equal(world_connect(&two->world, two->first, "grid.second", &reply), 0);
    two->channel = reply.message.body.channel.channel;
    assert_true(fake_take(two->second, GROVE_NOTICE_CHANNEL_NEW, 0, &reply));
    two->back = reply.message.body.channel_new.channel.channel;
    fake_drop_packets(two->second);
}
