/* Turns choices into requests and events: see drive.h. */
#include "kernel/core/test/drive.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static const struct core_limits tight = {.containers = 24,
                                         .endpoints = 12,
                                         .channels = 24,
                                         .regions = 12,
                                         .projects = 8,
                                         .capabilities = 400,
                                         .text_bytes = 1u << 16,
                                         .spec_bytes = 1u << 16,
                                         .pending = 96,
                                         .audit = 32};
static const char *const names[] = {"a.one",  "a.two",       "a.three", "a.b.four",
                                    "c.five", "system.init", "shell.1", "bad..name"};
static const char *const patterns[] = {"a.>", "a.*", ">", "c.five", "a.one", "shell.>"};
static const char *const paths[] = {"/", "/data", "/data/in", "/usr", "/data/../x"};

static uint32_t choose(struct drive *drive, uint32_t count) {
    if (drive->left == 0)
        return 0;
    drive->left--;
    return *drive->bytes++ % count;
}

static uint64_t number(struct drive *drive) {
    static const uint64_t numbers[] = {0, 1, 4096, 65536, 1u << 20, UINT64_MAX, UINT64_C(1) << 40, 100000};
    return numbers[choose(drive, 8)];
}

static grove_handle handle(struct drive *drive) {
    uint32_t which = choose(drive, DRIVE_HANDLES + 8);
    return which < DRIVE_HANDLES ? drive->handles[which] : which == DRIVE_HANDLES ? UINT64_MAX : 0;
}

static struct grove_name name(struct drive *drive) {
    return world_name(names[choose(drive, 8)]);
}

static machine_container actor(struct drive *drive) {
    return drive->actors[choose(drive, drive->actor_count)];
}

static struct world_permission permission(struct drive *drive) {
    struct world_permission permission = {.kind = (uint16_t)(1 + choose(drive, GROVE_CAP_KIND_COUNT - 1))};
    enum grove_argument_kind kind = grove_capability_argument_kind(permission.kind);
    if (choose(drive, 6) == 0)
        return permission;
    if (kind == GROVE_ARGUMENT_PATH)
        permission.text = paths[choose(drive, 4)];
    else if (kind == GROVE_ARGUMENT_PATTERN)
        permission.text = patterns[choose(drive, 6)];
    else if (kind == GROVE_ARGUMENT_QUANTITY)
        permission.quantity = number(drive);
    return permission;
}

/* ---- learning from what comes back ---- */

static void learn(struct drive *drive, grove_handle seen) {
    if (seen != 0)
        drive->handles[drive->handle_at++ % DRIVE_HANDLES] = seen;
}

static void learn_from(struct drive *drive, const struct grove_message *message) {
    switch (message->operation) {
    case GROVE_NOTICE_CHANNEL_NEW:
        learn(drive, message->body.channel_new.channel.channel);
        break;
    case GROVE_NOTICE_CAPABILITY_GRANTED:
        learn(drive, message->body.capability_granted.handle);
        break;
    case GROVE_NOTICE_REGION_GRANTED:
        learn(drive, message->body.region_granted.region.region);
        break;
    case GROVE_REQUEST_CHANNEL_CONNECT:
    case GROVE_REQUEST_CAPABILITY_DERIVE:
    case GROVE_REQUEST_ENDPOINT_CREATE:
    case GROVE_REQUEST_REGION_CREATE:
    case GROVE_REQUEST_CONTAINER_CREATE:
    case GROVE_REQUEST_PROJECT_CREATE:
    case GROVE_REQUEST_STATE_REGION:
        if (message->status == 0)
            memcpy(&drive->handles[drive->handle_at++ % DRIVE_HANDLES], message->body.bytes, sizeof(grove_handle));
        break;
    default:
        break;
    }
}

static void add_actor(struct drive *drive, machine_container machine) {
    for (uint32_t i = 0; i < drive->actor_count; i++) {
        if (drive->actors[i] == machine)
            return;
    }
    if (drive->actor_count < DRIVE_ACTORS)
        drive->actors[drive->actor_count++] = machine;
}

static void read_ports(struct drive *drive) {
    for (uint32_t i = 0; i < drive->actor_count; i++) {
        struct fake_container *port = &fake.containers[drive->actors[i]];
        for (const struct fake_packet *packet = port->first; packet != NULL; packet = packet->next)
            learn_from(drive, &packet->message);
        fake_drop_packets(drive->actors[i]);
    }
}

/* ---- requests ---- */

static void fill_capability(struct drive *drive, struct grove_capability *capability) {
    struct world_permission chosen = permission(drive);
    chosen.rights = (uint16_t)choose(drive, 128);
    world_permission(&chosen, capability);
}

static void fill_object_body(struct drive *drive, uint16_t operation, struct grove_message *message);

static void fill_body(struct drive *drive, uint16_t operation, struct grove_message *message) {
    switch (operation) {
    case GROVE_REQUEST_CAPABILITY_READ:
        message->body.capability_read.cursor = choose(drive, 64);
        message->body.capability_read.container = choose(drive, 2) != 0 ? handle(drive) : 0;
        break;
    case GROVE_REQUEST_CAPABILITY_DERIVE:
        message->body.derive.source = handle(drive);
        fill_capability(drive, &message->body.derive.capability);
        break;
    case GROVE_REQUEST_CAPABILITY_GRANT:
        message->body.grant.source = handle(drive);
        message->body.grant.channel = handle(drive);
        fill_capability(drive, &message->body.grant.capability);
        break;
    case GROVE_REQUEST_CAPABILITY_CHECK:
        message->body.check.channel = handle(drive);
        fill_capability(drive, &message->body.check.capability);
        break;
    case GROVE_REQUEST_CAPABILITY_REVOKE:
        message->body.revoke.handle = handle(drive);
        message->body.revoke.itself = choose(drive, 2);
        break;
    case GROVE_REQUEST_CHANNEL_CONNECT:
        message->body.connect.endpoint = name(drive);
        message->body.connect.tag = choose(drive, 3);
        message->body.connect.arena_bytes = number(drive);
        break;
    case GROVE_REQUEST_ENDPOINT_CREATE:
        message->body.endpoint_create.name = name(drive);
        message->body.endpoint_create.container = choose(drive, 2) != 0 ? handle(drive) : 0;
        break;
    case GROVE_REQUEST_ENDPOINT_READ:
        message->body.endpoint_read.name = name(drive);
        break;
    case GROVE_REQUEST_REGION_CREATE:
        message->body.region_create.size_bytes = number(drive);
        break;
    case GROVE_REQUEST_STATE_REGION:
        message->body.state_region.size_bytes = number(drive);
        break;
    case GROVE_REQUEST_REGION_GRANT:
        message->body.region_grant.region = handle(drive);
        message->body.region_grant.channel = handle(drive);
        message->body.region_grant.flags = choose(drive, 2);
        break;
    default:
        fill_object_body(drive, operation, message);
        break;
    }
}

/* Containers, projects, and what is read of them. */
static void fill_object_body(struct drive *drive, uint16_t operation, struct grove_message *message) {
    switch (operation) {
    case GROVE_REQUEST_CONTAINER_START:
        message->body.container_start.container = handle(drive);
        break;
    case GROVE_REQUEST_CONTAINER_CONTROL:
        message->body.control.container = choose(drive, 3) != 0 ? handle(drive) : 0;
        message->body.control.name = name(drive);
        message->body.control.action = choose(drive, 13);
        message->body.control.detail = choose(drive, 70);
        message->body.control.deadline_ns = choose(drive, 2) != 0 ? fake.clock_ns + 5000 : 0;
        break;
    case GROVE_REQUEST_CONTAINER_READ:
    case GROVE_REQUEST_CONTAINER_STREAMS:
        message->body.container_read.container = choose(drive, 2) != 0 ? handle(drive) : 0;
        if (choose(drive, 2) != 0)
            message->body.container_read.name = name(drive);
        message->body.container_read.cursor = choose(drive, 32);
        break;
    case GROVE_REQUEST_PROJECT_CREATE:
        message->body.project_create.name = name(drive);
        message->body.project_create.parent = choose(drive, 2) != 0 ? handle(drive) : 0;
        message->body.project_create.budget.shared_bytes = number(drive);
        message->body.project_create.budget.memory_bytes = choose(drive, 8);
        break;
    case GROVE_REQUEST_BUDGET_SET:
        message->body.budget_set.container = handle(drive);
        message->body.budget_set.budget.shared_bytes = number(drive);
        message->body.budget_set.budget.memory_bytes = choose(drive, 6);
        break;
    case GROVE_REQUEST_SCHEDULE_SET:
        message->body.schedule_set.container = handle(drive);
        message->body.schedule_set.schedule.class = choose(drive, 6);
        message->body.schedule_set.schedule.priority = (int32_t)choose(drive, 100);
        break;
    case GROVE_REQUEST_AUDIT_READ:
        message->body.audit_read.sequence = number(drive);
        if (choose(drive, 2) != 0)
            message->body.audit_read.name = name(drive);
        break;
    case GROVE_REQUEST_STATE_REPORT:
        message->body.report.report = choose(drive, 6);
        break;
    case GROVE_REQUEST_TRACE_EMIT:
        message->body.trace.stage = (uint16_t)choose(drive, 7);
        break;
    case GROVE_REQUEST_TRACE_READ:
        message->body.trace_read.enable = choose(drive, 4);
        break;
    default:
        message->body.handle.handle = handle(drive);
        break;
    }
}

static void request(struct drive *drive) {
    uint16_t operation = (uint16_t)choose(drive, GROVE_REQUEST_END + 1);
    struct grove_message message;
    memset(&message, 0, sizeof(message));
    fill_body(drive, operation, &message);
    world_send(&drive->world, actor(drive), operation, message.body.bytes, sizeof(message.body), NULL, 0);
}

/* Bytes as they come: nothing about them makes sense. */
static void raw_packet(struct drive *drive) {
    struct grove_message message;
    memset(&message, 0, sizeof(message));
    message.version = GROVE_PORT_VERSION;
    message.operation = (uint16_t)choose(drive, 40);
    message.sequence = choose(drive, 3);
    size_t bytes = 24 + choose(drive, 64);
    size_t given = bytes - 24 < drive->left ? bytes - 24 : drive->left;
    memcpy(message.body.bytes, drive->bytes, given);
    drive->bytes += given;
    drive->left -= given;
    core_request(drive->world.core, actor(drive), &message,
                 choose(drive, 4) == 0 ? (uint32_t)bytes : (uint32_t)sizeof(message), NULL, 0);
}

static void create(struct drive *drive) {
    struct world_permission permissions[6];
    uint64_t blob[SPEC_BUFFER_WORDS];
    struct world_spec spec = {.name = names[choose(drive, 7)], .permissions = permissions, .count = choose(drive, 7)};
    for (uint32_t i = 0; i < spec.count; i++)
        permissions[i] = permission(drive);
    spec.ring = (uint8_t)(1 + choose(drive, 3));
    spec.flags = choose(drive, 4) == 0 ? GROVE_SPEC_SYSTEM_FILES : GROVE_SPEC_NATIVE;
    spec.budget.shared_bytes = number(drive);
    const char *provided[3] = {names[choose(drive, 7)], names[choose(drive, 7)], names[choose(drive, 7)]};
    spec.provides = provided;
    spec.provides_count = choose(drive, 4);
    struct grove_container_launch body = {.create.spec_bytes = world_build(&spec, blob), .flags = choose(drive, 3)};
    /* Sometimes one byte of the spec is not what it should be. */
    if (choose(drive, 8) == 0)
        ((uint8_t *)blob)[choose(drive, 256)] = (uint8_t)choose(drive, 256);
    machine_object object = fake_blob(blob, body.create.spec_bytes);
    body.create.project = choose(drive, 3) == 0 ? handle(drive) : 0;
    bool is_launch = choose(drive, 2) != 0;
    world_send(&drive->world, actor(drive), is_launch ? GROVE_REQUEST_CONTAINER_LAUNCH : GROVE_REQUEST_CONTAINER_CREATE,
               &body, is_launch ? sizeof(body) : sizeof(body.create), &object, 1);
}

/* ---- events ---- */

static void find_actors(struct drive *drive) {
    drive->actor_count = 0;
    for (machine_container index = 1; index < tight.containers; index++) {
        if (core_container(drive->world.core, index) != NULL)
            add_actor(drive, index);
    }
}

static void event(struct drive *drive) {
    struct core *core = drive->world.core;
    machine_container chosen = actor(drive);
    struct container *container = core_container(core, chosen);
    struct grove_capability wanted;
    switch (choose(drive, 10)) {
    case 0:
        fake.containers[chosen].is_kill_asked |= fake.containers[chosen].is_running;
        break;
    case 1:
        core_port_closed(core, chosen);
        break;
    case 2:
        core_container_frozen(core, chosen);
        break;
    case 3:
        fake.clock_ns += choose(drive, 2) != 0 ? 10000 : UINT64_C(6000000000);
        break;
    case 4:
        fake.fail_memory = choose(drive, 4);
        break;
    case 5:
        fake.containers[chosen].port_limit = container != NULL ? choose(drive, 4) : 0;
        break;
    case 6:
        fake.fail_start = choose(drive, 3) == 0 ? GROVE_NO_MEMORY : 0;
        break;
    case 7:
        world_permission(&(struct world_permission){.kind = GROVE_CAP_FS_READ, .text = "/data"}, &wanted);
        core_check(core, chosen, &wanted, 1);
        core_learned(core, chosen, &wanted);
        break;
    case 8:
        read_ports(drive);
        break;
    default:
        core_container_over_budget(core, chosen, 1, 2, 1);
        break;
    }
}

static void client(struct drive *drive) {
    struct grove_capability capabilities[4];
    machine_container machine = 0;
    uint32_t count = choose(drive, 5);
    for (uint32_t i = 0; i < count; i++) {
        struct world_permission chosen = permission(drive);
        world_permission(&chosen, &capabilities[i]);
    }
    core_client_create(drive->world.core, "shell.1", 1000, 1, capabilities, count, &machine);
}

bool drive_step(struct drive *drive) {
    if (drive->left == 0)
        return false;
    find_actors(drive);
    switch (choose(drive, 16)) {
    case 0:
    case 1:
        create(drive);
        break;
    case 2:
        client(drive);
        break;
    case 3:
    case 4:
        event(drive);
        break;
    case 5:
        raw_packet(drive);
        break;
    case 6:
        world_settle(&drive->world);
        read_ports(drive);
        break;
    case 7:
        core_work(drive->world.core);
        fake_play(drive->world.core);
        break;
    default:
        request(drive);
        break;
    }
    return true;
}

void drive_open(struct drive *drive, const uint8_t *bytes, size_t count) {
    memset(drive, 0, sizeof(*drive));
    world_open(&drive->world, &tight);
    drive->bytes = bytes;
    drive->left = count;
    drive->actors[0] = drive->world.init;
    drive->actor_count = 1;
    for (uint16_t kind = 1; kind < (uint16_t)GROVE_CAP_KIND_COUNT; kind++)
        learn(drive, world_find(&drive->world, drive->world.init, kind));
}

void drive_close(struct drive *drive) {
    fake.fail_start = 0;
    fake.fail_memory = 0;
    for (machine_container index = 0; index < tight.containers; index++)
        fake.containers[index].port_limit = 0;
    world_settle(&drive->world);
    world_close(&drive->world);
}
