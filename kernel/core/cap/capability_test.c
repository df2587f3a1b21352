/* Derive, grant and revoke: who may, what it allows, and that a revocation takes effect at once and delays nobody. */
#include "kernel/core/test/world.h"

#include "kernel/core/test/unit.h"

#include <stdlib.h>
#include <string.h>

static const struct core_limits large = {.containers = 16,
                                         .capabilities = 20000,
                                         .text_bytes = 1u << 20,
                                         .spec_bytes = 1u << 18,
                                         .channels = 64,
                                         .endpoints = 16,
                                         .regions = 16,
                                         .projects = 8,
                                         .pending = 256,
                                         .audit = 256};

static const struct world_permission giver_permissions[] = {
    {.kind = GROVE_CAP_IPC_SEND, .text = "grid.>"},
    {.kind = GROVE_CAP_IPC_RECV, .text = "grid.>"},
    {.kind = GROVE_CAP_FS_READ, .text = "/data"},
    {.kind = GROVE_CAP_STORE_READ, .text = "grid.*", .rights = GROVE_RIGHT_USE},
};
static const struct world_spec giver_spec = {.name = "grid.giver", .permissions = giver_permissions, .count = 4};
static const struct world_permission taker_permissions[] = {{.kind = GROVE_CAP_IPC_RECV, .text = "grid.taker"}};
static const struct world_spec taker_spec = {.name = "grid.taker", .permissions = taker_permissions, .count = 1};

struct pair {
    struct world world;
    machine_container giver, taker;
    grove_handle giver_handle, taker_handle, channel;
};

static void open_pair(struct pair *pair) {
    struct fake_packet reply;
    world_open(&pair->world, NULL);
    pair->giver = world_service(&pair->world, pair->world.init, &giver_spec, &pair->giver_handle);
    pair->taker = world_service(&pair->world, pair->world.init, &taker_spec, &pair->taker_handle);
    assert_int_equal(world_endpoint(&pair->world, pair->taker, "grid.taker", 0, NULL), 0);
    assert_int_equal(world_connect(&pair->world, pair->giver, "grid.taker", &reply), 0);
    pair->channel = reply.message.body.channel.channel;
}

static int grant(struct pair *pair, grove_handle source, const struct world_permission *what, grove_handle *handle) {
    struct grove_capability_grant body = {.source = source, .channel = pair->channel};
    struct fake_packet reply;
    world_permission(what, &body.capability);
    int status = world_ask(&pair->world, pair->giver, GROVE_REQUEST_CAPABILITY_GRANT, &body, sizeof(body), &reply);
    if (status == 0)
        *handle = reply.message.body.handle_reply.handle;
    return status;
}

static bool may(struct pair *pair, machine_container who, uint16_t kind, const char *text) {
    struct grove_capability wanted;
    world_permission(&(struct world_permission){.kind = kind, .text = text}, &wanted);
    return core_check(pair->world.core, who, &wanted, 1) == GROVE_OK;
}

static void derive_narrows(void **state) {
    (void)state;
    struct pair pair;
    grove_handle child = 0;
    open_pair(&pair);
    grove_handle data = world_find(&pair.world, pair.giver, GROVE_CAP_FS_READ);
    assert_int_equal(world_derive(&pair.world, pair.giver, data, GROVE_CAP_FS_READ, "/data/in", &child), 0);
    assert_true(child != 0 && child != data);
    assert_int_equal(world_derive(&pair.world, pair.giver, child, GROVE_CAP_FS_READ, "/data", NULL), GROVE_DENIED);
    assert_int_equal(world_derive(&pair.world, pair.giver, data, GROVE_CAP_FS_READ, "/other", NULL), GROVE_DENIED);
    assert_int_equal(world_derive(&pair.world, pair.giver, data, GROVE_CAP_FS_WRITE, "/data/in", NULL), GROVE_INVALID);
    assert_int_equal(world_derive(&pair.world, pair.giver, data, GROVE_CAP_FS_READ, "/data/../x", NULL), GROVE_INVALID);
    world_close(&pair.world);
}

static void derive_needs_the_right(void **state) {
    (void)state;
    struct pair pair;
    open_pair(&pair);
    grove_handle store = world_find(&pair.world, pair.giver, GROVE_CAP_STORE_READ);
    struct grove_capability_derive body = {.source = store};
    struct fake_packet reply;
    world_permission(&(struct world_permission){.kind = GROVE_CAP_STORE_READ, .text = "grid.a", .rights = 1},
                     &body.capability);
    assert_int_equal(world_ask(&pair.world, pair.giver, GROVE_REQUEST_CAPABILITY_DERIVE, &body, sizeof(body), &reply),
                     GROVE_DENIED);
    assert_int_equal(reply.message.body.refused.missing.kind, GROVE_CAP_STORE_READ);
    assert_string_equal(reply.message.body.refused.who.text, "grid.giver");
    assert_int_equal(fake.last_refusal.event, GROVE_AUDIT_REFUSE);
    assert_string_equal(fake.last_refusal.who.text, "grid.giver");
    assert_true(fake.last_refusal.check == audit_check(&fake.last_refusal));
    world_close(&pair.world);
}

static void another_table_cannot_be_used(void **state) {
    (void)state;
    struct pair pair;
    open_pair(&pair);
    grove_handle data = world_find(&pair.world, pair.giver, GROVE_CAP_FS_READ);
    assert_int_equal(world_derive(&pair.world, pair.taker, data, GROVE_CAP_FS_READ, "/data/in", NULL),
                     GROVE_STALE_HANDLE);
    assert_int_equal(world_revoke(&pair.world, pair.taker, data, true, NULL), GROVE_STALE_HANDLE);
    world_close(&pair.world);
}

static void grant_reaches_the_peer_and_revoke_takes_it_back(void **state) {
    (void)state;
    struct pair pair;
    struct fake_packet notice;
    grove_handle granted = 0;
    uint64_t count = 0;
    open_pair(&pair);
    grove_handle data = world_find(&pair.world, pair.giver, GROVE_CAP_FS_READ);
    assert_false(may(&pair, pair.taker, GROVE_CAP_FS_READ, "/data/x/1"));
    struct world_permission what = {.kind = GROVE_CAP_FS_READ, .text = "/data/x"};
    assert_int_equal(grant(&pair, data, &what, &granted), 0);
    assert_true(fake_take(pair.taker, GROVE_NOTICE_CAPABILITY_GRANTED, 0, &notice));
    assert_true(notice.message.body.capability_granted.handle == granted);
    assert_string_equal(notice.message.body.capability_granted.from.text, "grid.giver");
    assert_true(may(&pair, pair.taker, GROVE_CAP_FS_READ, "/data/x/1"));
    assert_int_equal(world_derive(&pair.world, pair.taker, granted, GROVE_CAP_FS_READ, "/data/x/2", NULL), 0);
    assert_int_equal(world_revoke(&pair.world, pair.giver, data, false, &count), 0);
    assert_int_equal(count, 2);
    assert_false(may(&pair, pair.taker, GROVE_CAP_FS_READ, "/data/x/1"));
    assert_true(may(&pair, pair.giver, GROVE_CAP_FS_READ, "/data/x/1"));
    assert_int_equal(world_derive(&pair.world, pair.taker, granted, GROVE_CAP_FS_READ, "/data/x/2", NULL),
                     GROVE_STALE_HANDLE);
    /* What is derived after the revocation lives. */
    assert_int_equal(grant(&pair, data, &what, &granted), 0);
    assert_true(may(&pair, pair.taker, GROVE_CAP_FS_READ, "/data/x/1"));
    world_close(&pair.world);
}

static void revoking_what_a_spec_got_ends_it(void **state) {
    (void)state;
    struct pair pair;
    open_pair(&pair);
    grove_handle all_files = world_find(&pair.world, pair.world.init, GROVE_CAP_FS_READ);
    assert_int_equal(world_revoke(&pair.world, pair.world.init, all_files, false, NULL), 0);
    /* Its files cannot be taken out of its view, so the instance ends and cannot be started again. */
    struct container *giver = core_container(pair.world.core, pair.giver);
    assert_int_equal(giver->state, GROVE_CONTAINER_STOPPED);
    assert_int_equal(giver->exit_cause, GROVE_EXIT_KILLED);
    assert_int_equal(world_start(&pair.world, pair.world.init, pair.giver_handle), GROVE_DENIED);
    world_close(&pair.world);
}

static void revoking_send_closes_channels(void **state) {
    (void)state;
    struct pair pair;
    struct fake_packet notice;
    open_pair(&pair);
    assert_int_equal(world_attach(&pair.world, pair.giver, pair.channel), 0);
    grove_handle send = world_find(&pair.world, pair.giver, GROVE_CAP_IPC_SEND);
    assert_int_equal(world_revoke(&pair.world, pair.giver, send, false, NULL), 0);
    assert_true(fake_take(pair.taker, GROVE_NOTICE_CHANNEL_CLOSED, 0, &notice));
    assert_int_equal(world_handle_request(&pair.world, pair.giver, GROVE_REQUEST_CHANNEL_CLOSE, pair.channel),
                     GROVE_STALE_HANDLE);
    world_close(&pair.world);
}

static void depth_is_bounded(void **state) {
    (void)state;
    struct pair pair;
    open_pair(&pair);
    grove_handle entry = world_find(&pair.world, pair.giver, GROVE_CAP_FS_READ);
    int status = 0;
    for (uint32_t i = 0; i <= CAPABILITY_DEPTH_MAX && status == 0; i++)
        status = world_derive(&pair.world, pair.giver, entry, GROVE_CAP_FS_READ, "/data", &entry);
    assert_int_equal(status, GROVE_EXHAUSTED);
    world_close(&pair.world);
}

static void a_table_is_bounded(void **state) {
    (void)state;
    struct pair pair;
    struct world_accounts before;
    struct world_accounts after;
    open_pair(&pair);
    grove_handle entry = world_find(&pair.world, pair.giver, GROVE_CAP_FS_READ);
    world_count(&pair.world, &before);
    int status = 0;
    for (uint32_t i = 0; i < world_small_limits.capabilities && status == 0; i++)
        status = world_derive(&pair.world, pair.giver, entry, GROVE_CAP_FS_READ, "/data", NULL);
    assert_int_equal(status, GROVE_EXHAUSTED);
    /* Others still have room. */
    assert_int_equal(world_derive(&pair.world, pair.taker, world_find(&pair.world, pair.taker, GROVE_CAP_IPC_RECV),
                                  GROVE_CAP_IPC_RECV, "grid.taker", &entry),
                     0);
    assert_int_equal(world_revoke(&pair.world, pair.taker, entry, true, NULL), 0);
    entry = world_find(&pair.world, pair.giver, GROVE_CAP_FS_READ);
    assert_int_equal(world_revoke(&pair.world, pair.giver, entry, false, NULL), 0);
    world_count(&pair.world, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    world_close(&pair.world);
}

static void a_table_can_be_read(void **state) {
    (void)state;
    struct pair pair;
    open_pair(&pair);
    struct grove_capability_read body = {0};
    struct fake_packet reply;
    uint32_t count = 0;
    do {
        assert_int_equal(world_ask(&pair.world, pair.giver, GROVE_REQUEST_CAPABILITY_READ, &body, sizeof(body), &reply),
                         0);
        body.cursor = reply.message.body.capability_entry.cursor;
        count++;
    } while (body.cursor != 0);
    assert_int_equal(count, core_container(pair.world.core, pair.giver)->capability_count);
    body = (struct grove_capability_read){.container = pair.giver_handle};
    assert_int_equal(
        world_ask(&pair.world, pair.world.init, GROVE_REQUEST_CAPABILITY_READ, &body, sizeof(body), &reply), 0);
    assert_int_equal(world_ask(&pair.world, pair.taker, GROVE_REQUEST_CAPABILITY_READ, &body, sizeof(body), &reply),
                     GROVE_STALE_HANDLE);
    world_close(&pair.world);
}

static void ring_three_holds_only_external_entries(void **state) {
    (void)state;
    static const struct world_permission rights[] = {{.kind = GROVE_CAP_IPC_RECV, .text = "shell.>"}};
    struct world world;
    struct fake_packet reply;
    grove_handle granted = 0;
    world_open(&world, NULL);
    struct pair pair = {.giver = world_service(&world, world.init, &giver_spec, NULL)};
    pair.taker = world_client(&world, "shell.1", rights, 1);
    assert_int_equal(world_endpoint(&world, pair.taker, "shell.1", 0, NULL), 0);
    assert_int_equal(world_connect(&world, pair.giver, "shell.1", &reply), GROVE_DENIED);
    assert_int_equal(world_connect(&world, world.init, "shell.1", &reply), 0);
    pair.channel = reply.message.body.channel.channel;
    pair.giver = world.init;
    pair.world = world;
    grove_handle data = world_find(&world, world.init, GROVE_CAP_FS_READ);
    struct world_permission plain = {.kind = GROVE_CAP_FS_READ, .text = "/data"};
    struct world_permission external = {
        .kind = GROVE_CAP_FS_READ, .text = "/data", .rights = GROVE_RIGHT_USE | GROVE_RIGHT_EXTERNAL};
    assert_int_equal(grant(&pair, data, &plain, &granted), GROVE_DENIED);
    assert_int_equal(grant(&pair, data, &external, &granted), 0);
    world_close(&world);
}

/* Deriving inside ring 3, a spec of ring 3, made or launched: each way ends in an entry that is marked, or in a refusal. */
static void no_way_leads_into_ring_three_without_the_mark(void **state) {
    (void)state;
    static const struct world_permission marked[] = {
        {.kind = GROVE_CAP_PROC_SPAWN, .text = "gate.>"},
        {.kind = GROVE_CAP_IPC_RECV, .text = "gate.>", .rights = GROVE_RIGHT_USE | GROVE_RIGHT_GRANT},
        {.kind = GROVE_CAP_BUS_PUB,
         .text = "gate.>",
         .rights = GROVE_RIGHT_USE | GROVE_RIGHT_DERIVE | GROVE_RIGHT_GRANT | GROVE_RIGHT_EXTERNAL},
        {.kind = GROVE_CAP_BUS_SUB, .text = "gate.>"}};
    static const struct world_permission wanted[] = {{.kind = GROVE_CAP_BUS_PUB, .text = "gate.a"},
                                                     {.kind = GROVE_CAP_BUS_SUB, .text = "gate.a"}};
    const struct world_spec gate_spec = {.name = "gate.way", .permissions = marked, .count = 4};
    struct world_spec client_spec = {.name = "gate.client", .permissions = wanted, .count = 1, .ring = 3};
    struct grove_container_reply reply;
    struct grove_capability_derive body;
    struct world world;
    struct fake_packet packet;
    world_open(&world, NULL);
    machine_container gate = world_service(&world, world.init, &gate_spec, NULL);
    client_spec.count = 2; /* BUS_SUB is not marked at the gateway */
    assert_int_equal(world_create(&world, gate, &client_spec, &reply), GROVE_DENIED);
    assert_int_equal(world_launch(&world, gate, &client_spec, GROVE_LAUNCH_START, NULL, 0, &reply), GROVE_DENIED);
    client_spec.count = 1;
    grove_handle handle = 0;
    machine_container client = world_service(&world, gate, &client_spec, &handle);
    grove_handle held = world_find(&world, client, GROVE_CAP_BUS_PUB);
    body = (struct grove_capability_derive){.source = held};
    world_permission(&(struct world_permission){.kind = GROVE_CAP_BUS_PUB, .text = "gate.a", .rights = GROVE_RIGHT_USE},
                     &body.capability);
    assert_int_equal(world_ask(&world, client, GROVE_REQUEST_CAPABILITY_DERIVE, &body, sizeof(body), &packet),
                     GROVE_DENIED);
    body.capability.rights |= GROVE_RIGHT_EXTERNAL;
    assert_int_equal(world_ask(&world, client, GROVE_REQUEST_CAPABILITY_DERIVE, &body, sizeof(body), &packet), 0);
    assert_null(core_find_fault(world.core));
    world_close(&world);
}

static void revoking_ten_thousand_delays_nobody(void **state) {
    (void)state;
    struct world world;
    world_open(&world, &large);
    grove_handle root = world_find(&world, world.init, GROVE_CAP_FS_READ);
    grove_handle entry = root;
    machine_container other = world_service(&world, world.init, &taker_spec, NULL);
    struct world_accounts before;
    struct world_accounts after;
    world_count(&world, &before);
    for (uint32_t i = 0; i < 10000; i++) {
        /* A tree, not a list: each tenth hangs on the one before. */
        assert_int_equal(world_derive(&world, world.init, i % 10 == 0 ? root : entry, GROVE_CAP_FS_READ, "/a", &entry),
                         0);
    }
    struct grove_capability_revoke body = {.handle = root};
    uint64_t sequence = world_send(&world, world.init, GROVE_REQUEST_CAPABILITY_REVOKE, &body, sizeof(body), NULL, 0);
    /* At once, before any work was done. */
    assert_int_equal(capability_is_alive(world.core, pool_find(&world.core->capabilities, entry)), false);
    uint32_t turns = 0;
    while (!fake_take(world.init, GROVE_REQUEST_CAPABILITY_REVOKE, sequence, NULL)) {
        /* Meanwhile another container asks, and is answered in the same turn. */
        struct grove_endpoint_read question = {.name = world_name("grid.nobody")};
        uint64_t asked = world_send(&world, other, GROVE_REQUEST_ENDPOINT_READ, &question, sizeof(question), NULL, 0);
        assert_true(fake_take(other, GROVE_REQUEST_ENDPOINT_READ, asked, NULL));
        uint32_t used = world.core->capabilities.used;
        core_work(world.core);
        assert_true(used - world.core->capabilities.used <= WORK_STEP);
        turns++;
    }
    assert_true(turns >= 10000 / WORK_STEP);
    world_settle(&world);
    world_count(&world, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    world_close(&world);
}

static void a_stale_handle_is_an_error(void **state) {
    (void)state;
    struct pair pair;
    grove_handle first = 0;
    grove_handle second = 0;
    open_pair(&pair);
    grove_handle data = world_find(&pair.world, pair.giver, GROVE_CAP_FS_READ);
    assert_int_equal(world_derive(&pair.world, pair.giver, data, GROVE_CAP_FS_READ, "/data", &first), 0);
    assert_int_equal(world_revoke(&pair.world, pair.giver, first, true, NULL), 0);
    assert_int_equal(world_derive(&pair.world, pair.giver, data, GROVE_CAP_FS_READ, "/data", &second), 0);
    assert_int_equal((uint32_t)first, (uint32_t)second); /* the same slot, another generation */
    assert_true(first != second);
    assert_int_equal(world_revoke(&pair.world, pair.giver, first, true, NULL), GROVE_STALE_HANDLE);
    world_close(&pair.world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derive_narrows),
        cmocka_unit_test(derive_needs_the_right),
        cmocka_unit_test(another_table_cannot_be_used),
        cmocka_unit_test(grant_reaches_the_peer_and_revoke_takes_it_back),
        cmocka_unit_test(revoking_what_a_spec_got_ends_it),
        cmocka_unit_test(revoking_send_closes_channels),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_table_is_bounded),
        cmocka_unit_test(a_table_can_be_read),
        cmocka_unit_test(ring_three_holds_only_external_entries),
        cmocka_unit_test(no_way_leads_into_ring_three_without_the_mark),
        cmocka_unit_test(revoking_ten_thousand_delays_nobody),
        cmocka_unit_test(a_stale_handle_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
