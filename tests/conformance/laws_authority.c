/*
 * Laws about authority: capabilities, regions, the life cycle.
 */
#include "tests/conformance/laws.h"

#include <string.h>

void law_regions_have_one_writer(struct stage *stage) {
    struct scene scene;
    struct actor *client;
    struct grove_channel *channel;
    uint32_t value = 4711, seen[2] = {0};
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, actor_create(stage, "client", "client", &client) == 0);
    CHECK(stage, actor_start(stage, client) == 0);
    CHECK(stage, actor_connect(stage, "conformance.client", 0, &channel) == 0);
    const char *to = "conformance.client";
    CHECK(stage, ask(scene.channel, METHOD_SHARE, to, strlen(to), NULL, 0) == 0);
    CHECK(stage, ask(scene.channel, METHOD_WRITE, &value, sizeof value, NULL, 0) == 0);
    int status;
    do
        status = ask(channel, METHOD_WRITE, NULL, 0, seen, sizeof seen);
    while (status == GROVE_NOT_FOUND); /* the notice of the grant is on its way */
    CHECK(stage, status == 0);
    CHECK(stage, seen[0] == value);
    CHECK(stage, seen[1] == 0);
    grove_channel_close(channel);
    actor_destroy(stage, client);
    scene_close(stage, &scene);
}

void law_no_channel_without_capability(struct stage *stage) {
    struct scene scene;
    const char *to = "elsewhere.service";
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, ask(scene.channel, METHOD_SHARE, to, strlen(to), NULL, 0) == GROVE_DENIED);
    CHECK(stage, strstr(grove_last_error(), "conformance.server") != NULL);
    CHECK(stage, strstr(grove_last_error(), "IPC_SEND:elsewhere.service") != NULL);
    CHECK(stage, strstr(grove_last_error(), "capabilities:") != NULL);
    scene_close(stage, &scene);
}

void law_unknown_endpoint(struct stage *stage) {
    struct grove_channel *channel;
    CHECK(stage, actor_connect(stage, "conformance.nobody", 0, &channel) == GROVE_NOT_FOUND);
    CHECK(stage, strstr(grove_last_error(), "conformance.nobody") != NULL);
}

static grove_handle find_capability(struct stage *stage, uint16_t kind) {
    struct grove_capability_entry entry;
    uint32_t cursor = 0;
    while (grove_capability_list(stage->session, &cursor, &entry) == 0)
        if (entry.capability.kind == kind && entry.depth == 0)
            return entry.handle;
    return GROVE_HANDLE_NONE;
}

void law_grants_are_seen_and_revoked(struct stage *stage) {
    struct scene scene;
    struct grove_capability capability;
    grove_handle source = find_capability(stage, GROVE_CAP_FS_READ), derived, granted;
    uint32_t count = 0, before = 0;
    uint64_t revoked = 0;
    CHECK(stage, source != GROVE_HANDLE_NONE);
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, ask(scene.channel, METHOD_CAPABILITIES, NULL, 0, &before, sizeof before) == 0);
    CHECK(stage, grove_capability_parse("FS_READ:/usr/share", &capability) == 0);
    capability.rights |= GROVE_RIGHT_EXTERNAL;
    CHECK(stage, grove_capability_derive(stage->session, source, &capability, &derived) == 0);
    capability.rights = GROVE_RIGHT_USE;
    CHECK(stage, grove_capability_grant(stage->session, derived, scene.channel, &capability, &granted) == 0);
    CHECK(stage, ask(scene.channel, METHOD_CAPABILITIES, NULL, 0, &count, sizeof count) == 0);
    CHECK(stage, count == before + 1);
    CHECK(stage, grove_capability_revoke(stage->session, derived, true, &revoked) == 0);
    CHECK(stage, revoked == 2);
    CHECK(stage, ask(scene.channel, METHOD_CAPABILITIES, NULL, 0, &count, sizeof count) == 0);
    CHECK(stage, count == before);
    CHECK(stage, grove_capability_derive(stage->session, derived, &capability, &granted) == GROVE_STALE_HANDLE);
    scene_close(stage, &scene);
}

void law_derive_only_narrows(struct stage *stage) {
    struct grove_capability narrow, wide;
    grove_handle source = find_capability(stage, GROVE_CAP_FS_READ), derived, other;
    CHECK(stage, source != GROVE_HANDLE_NONE);
    CHECK(stage, grove_capability_parse("FS_READ:/usr/share", &narrow) == 0);
    CHECK(stage, grove_capability_parse("FS_READ:/usr", &wide) == 0);
    narrow.rights |= GROVE_RIGHT_EXTERNAL;
    wide.rights |= GROVE_RIGHT_EXTERNAL;
    CHECK(stage, grove_capability_derive(stage->session, source, &narrow, &derived) == 0);
    CHECK(stage, grove_capability_derive(stage->session, derived, &wide, &other) == GROVE_DENIED);
    CHECK(stage, grove_capability_derive(stage->session, derived, &narrow, &other) == 0);
    CHECK(stage, grove_capability_revoke(stage->session, derived, true, NULL) == 0);
    CHECK(stage, grove_capability_derive(stage->session, other, &narrow, &other) == GROVE_STALE_HANDLE);
}

/* `asker` is a client of the server, and neither of them holds anything in the store. */
void law_clients_rights_are_told(struct stage *stage) {
    struct scene scene;
    struct actor *asker;
    struct grove_channel *channel;
    struct grove_capability capability;
    struct question question = {.kind = GROVE_CAP_STORE_READ, .text = "conformance.asker"};
    grove_handle source = find_capability(stage, GROVE_CAP_STORE_READ), derived, granted;
    CHECK(stage, source != GROVE_HANDLE_NONE);
    CHECK(stage, scene_open(stage, &scene) == 0);
    CHECK(stage, actor_create(stage, "asker", "server", &asker) == 0);
    CHECK(stage, actor_start(stage, asker) == 0);
    CHECK(stage, actor_connect(stage, "conformance.asker", 0, &channel) == 0);
    CHECK(stage, ask(channel, METHOD_ASK, &question, sizeof question, NULL, 0) == GROVE_DENIED);
    CHECK(stage, strstr(grove_last_error(), "conformance.asker may not") != NULL);
    CHECK(stage, strstr(grove_last_error(), "- STORE_READ:conformance.asker") != NULL);
    CHECK(stage, grove_capability_parse("STORE_READ:conformance.*", &capability) == 0);
    capability.rights |= GROVE_RIGHT_EXTERNAL;
    CHECK(stage, grove_capability_derive(stage->session, source, &capability, &derived) == 0);
    capability.rights = GROVE_RIGHT_USE;
    CHECK(stage, grove_capability_grant(stage->session, derived, channel, &capability, &granted) == 0);
    for (unsigned i = 0; i < 100; i++)
        CHECK(stage, ask(channel, METHOD_ASK, &question, sizeof question, NULL, 0) == 0);
    CHECK(stage, grove_capability_revoke(stage->session, derived, true, NULL) == 0);
    CHECK(stage, ask(channel, METHOD_ASK, &question, sizeof question, NULL, 0) == GROVE_DENIED);
    grove_channel_close(channel);
    actor_destroy(stage, asker);
    scene_close(stage, &scene);
}

void law_life_cycle(struct stage *stage) {
    struct scene scene;
    struct grove_container_record record;
    CHECK(stage, scene_open(stage, &scene) == 0);
    grove_handle container = scene.server->container;
    CHECK(stage, actor_await(stage, scene.server, GROVE_CONTAINER_READY) == 0);
    CHECK(stage, grove_container_control(stage->session, container, GROVE_ACTION_PING, 0, STAGE_WAIT_NS) == 0);
    CHECK(stage, grove_container_control(stage->session, container, GROVE_ACTION_QUIESCE, 0, STAGE_WAIT_NS) == 0);
    CHECK(stage, grove_container_read(stage->session, container, &record) == 0);
    CHECK(stage, record.state == GROVE_CONTAINER_QUIESCED);
    struct grove_call call = {.method = METHOD_ECHO, .timeout_ns = 10 * GROVE_MILLISECOND};
    CHECK(stage, grove_call(scene.channel, &call, NULL) == GROVE_TIMED_OUT);
    CHECK(stage, grove_container_control(stage->session, container, GROVE_ACTION_RESUME, 0, STAGE_WAIT_NS) == 0);
    CHECK(stage, ask(scene.channel, METHOD_ECHO, NULL, 0, NULL, 0) == 0);
    CHECK(stage, grove_container_control(stage->session, container, GROVE_ACTION_STOP, 0, STAGE_WAIT_NS) == 0);
    CHECK(stage, actor_await(stage, scene.server, GROVE_CONTAINER_STOPPED) == 0);
    CHECK(stage, grove_container_read(stage->session, container, &record) == 0);
    CHECK(stage, record.exit_cause == GROVE_EXIT_STOPPED && record.exit_detail == 0);
    scene_close(stage, &scene);
}

/* Where the installation does without control groups, nothing counts what a container uses. */
static bool counts_memory(struct stage *stage) {
    struct grove_message message = {.operation = GROVE_REQUEST_KERNEL_READ};
    return grove_kernel_request(stage->session, &message, NULL, 0, NULL, NULL, STAGE_WAIT_NS) == 0 &&
           (message.body.kernel.layers_enforced >> GROVE_LAYER_CGROUP & 1) != 0;
}

void law_limits_are_announced(struct stage *stage) {
    const uint64_t limit = UINT64_C(32) << 20, steps[] = {UINT64_C(16) << 20, UINT64_C(14) << 20};
    struct scene scene;
    struct warned warned = {0};
    if (!counts_memory(stage))
        return;
    CHECK(stage, scene_open(stage, &scene) == 0);
    struct grove_message message = {.operation = GROVE_REQUEST_BUDGET_SET};
    message.body.budget_set.container = scene.server->container;
    message.body.budget_set.budget.memory_bytes = limit;
    CHECK(stage, grove_kernel_request(stage->session, &message, NULL, 0, NULL, NULL, STAGE_WAIT_NS) == 0);
    CHECK(stage, ask(scene.channel, METHOD_HOLD, &steps[0], sizeof steps[0], NULL, 0) == 0);
    CHECK(stage, ask(scene.channel, METHOD_WARNED, NULL, 0, &warned, sizeof warned) == 0);
    CHECK(stage, warned.count == 0);
    CHECK(stage, ask(scene.channel, METHOD_HOLD, &steps[1], sizeof steps[1], NULL, 0) == 0);
    while (stage->warned.container != scene.server->container)
        CHECK(stage, grove_session_dispatch(stage->session, STAGE_WAIT_NS) == 0);
    CHECK(stage, stage->warned.warning.resource == GROVE_RESOURCE_MEMORY);
    CHECK(stage, stage->warned.warning.used >= limit - limit / 10 && stage->warned.warning.limit == limit);
    uint64_t deadline_ns = grove_now_ns() + STAGE_WAIT_NS;
    while (warned.count == 0 && grove_now_ns() < deadline_ns)
        CHECK(stage, ask(scene.channel, METHOD_WARNED, NULL, 0, &warned, sizeof warned) == 0);
    CHECK(stage, warned.count == 1 && warned.resource == GROVE_RESOURCE_MEMORY && warned.limit == limit);
    scene_close(stage, &scene);
}
