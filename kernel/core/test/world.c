/* Short ways to drive a core: see world.h. */
#include "kernel/core/test/world.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_MAX 1000000u

const struct core_limits world_small_limits = {.containers = 64,
                                               .endpoints = 64,
                                               .channels = 64,
                                               .regions = 32,
                                               .projects = 16,
                                               .capabilities = 2048,
                                               .text_bytes = 1u << 18,
                                               .spec_bytes = 1u << 19,
                                               .pending = 256,
                                               .audit = 256};

static _Noreturn void give_up(const char *what) {
    fprintf(stderr, "world: %s\n", what);
    abort();
}

struct grove_name world_name(const char *text) {
    struct grove_name name = {{0}};
    snprintf(name.text, sizeof(name.text), "%s", text);
    return name;
}

void world_permission(const struct world_permission *from, struct grove_capability *capability) {
    memset(capability, 0, sizeof(*capability));
    capability->kind = from->kind;
    capability->rights = from->rights != 0 ? from->rights : GROVE_RIGHT_USE | GROVE_RIGHT_DERIVE | GROVE_RIGHT_GRANT;
    if (from->text != NULL) {
        capability->argument.kind = (uint16_t)grove_capability_argument_kind(from->kind);
        capability->argument.length_bytes = (uint16_t)strlen(from->text);
        memcpy(capability->argument.value.text, from->text, strlen(from->text));
    } else if (from->quantity != 0) {
        capability->argument.kind = GROVE_ARGUMENT_QUANTITY;
        capability->argument.value.quantity = from->quantity;
    }
}

/* ---- specs ---- */

struct builder {
    struct grove_spec *spec;
    char *text;
    uint32_t used;
};

static struct grove_span add_text(struct builder *builder, const char *text, size_t length) {
    struct grove_span span = {.offset_bytes = builder->used, .length_bytes = (uint32_t)length};
    memcpy(builder->text + builder->used, text, length);
    builder->text[builder->used + length] = '\0';
    builder->used += (uint32_t)length + 1;
    return span;
}

static void add_permissions(struct builder *builder, const struct world_spec *from) {
    struct grove_spec_capability *entries = (struct grove_spec_capability *)(void *)(builder->spec + 1);
    builder->spec->capabilities = (struct grove_table){sizeof(*builder->spec), from->count};
    for (uint32_t i = 0; i < from->count; i++) {
        struct grove_capability capability;
        world_permission(&from->permissions[i], &capability);
        entries[i].kind = capability.kind;
        entries[i].rights = capability.rights;
        entries[i].argument_kind = capability.argument.kind;
        if (from->permissions[i].text != NULL)
            entries[i].text = add_text(builder, from->permissions[i].text, strlen(from->permissions[i].text));
        else
            entries[i].quantity = from->permissions[i].quantity;
    }
}

static void add_provides(struct builder *builder, const struct world_spec *from) {
    uint32_t at = (uint32_t)(sizeof(*builder->spec) + from->count * sizeof(struct grove_spec_capability));
    struct grove_spec_interface *entries = (struct grove_spec_interface *)(void *)((char *)builder->spec + at);
    builder->spec->provides = (struct grove_table){at, from->provides_count};
    for (uint32_t i = 0; i < from->provides_count; i++) {
        entries[i].name = add_text(builder, from->provides[i], strlen(from->provides[i]));
        entries[i].version.major = 1;
    }
}

uint32_t world_build(const struct world_spec *from, uint64_t buffer[SPEC_BUFFER_WORDS]) {
    memset(buffer, 0, SPEC_BUFFER_WORDS * sizeof(*buffer));
    struct grove_spec *spec = (struct grove_spec *)(void *)buffer;
    uint32_t text_at = (uint32_t)(sizeof(*spec) + from->count * sizeof(struct grove_spec_capability) +
                                  from->provides_count * sizeof(struct grove_spec_interface));
    struct builder builder = {.spec = spec, .text = (char *)buffer + text_at};
    const char *dot = strrchr(from->name, '.');
    spec->magic = GROVE_SPEC_MAGIC;
    spec->version = GROVE_SPEC_VERSION;
    spec->header_bytes = sizeof(*spec);
    spec->ring = from->ring != 0 ? from->ring : 2;
    spec->flags = from->flags != 0 ? from->flags : GROVE_SPEC_NATIVE;
    spec->name = add_text(&builder, from->name, strlen(from->name));
    spec->project = add_text(&builder, from->name, dot != NULL ? (size_t)(dot - from->name) : strlen(from->name));
    spec->executable = add_text(&builder, "/bin/true", 9);
    spec->budget = from->budget;
    spec->schedule = from->schedule;
    spec->stream_in = from->streams[0];
    spec->stream_out = from->streams[1];
    spec->stream_error = from->streams[2];
    add_permissions(&builder, from);
    add_provides(&builder, from);
    spec->text_offset_bytes = text_at;
    spec->text_bytes = builder.used;
    spec->total_bytes = text_at + builder.used;
    return spec->total_bytes;
}

/* ---- opening, closing, time ---- */

void world_settle(struct world *world) {
    for (uint32_t i = 0; i < SETTLE_MAX; i++) {
        bool is_more = core_work(world->core);
        if (!fake_play(world->core) && !is_more)
            return;
    }
    give_up("the core does not come to rest");
}

void world_pass(struct world *world, uint64_t ns) {
    fake.clock_ns += ns;
    world_settle(world);
}

void world_open(struct world *world, const struct core_limits *limits) {
    static const struct world_spec init = {.name = "system.init", .ring = 1};
    uint64_t blob[SPEC_BUFFER_WORDS];
    if (limits == NULL)
        limits = &world_small_limits;
    fake_reset();
    memset(world, 0, sizeof(*world));
    size_t bytes = core_bytes(limits);
    world->memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    memset(world->memory, 0, bytes);
    if (core_create(world->memory, limits, 7, 1, &world->core) < 0)
        give_up("core_create failed");
    if (core_boot(world->core, blob, world_build(&init, blob), &world->init) < 0)
        give_up("core_boot failed");
    world_settle(world);
    if (!fake_take(world->init, GROVE_NOTICE_INIT, 0, NULL))
        give_up("init did not get INIT");
}

void world_close(struct world *world) {
    const char *fault = core_find_fault(world->core);
    if (fault != NULL)
        give_up(fault);
    core_shut_down(world->core, fake.clock_ns + 1000);
    world_settle(world);
    world_pass(world, 10000);
    if (!core_is_down(world->core))
        give_up("an instance is left after the deadline of the shut-down");
    fault = core_find_fault(world->core);
    if (fault != NULL)
        give_up(fault);
    free(world->memory);
    fake_reset();
}

/* ---- asking ---- */

uint64_t world_send(struct world *world, machine_container from, uint16_t operation, const void *body, size_t bytes,
                    const machine_object *objects, uint32_t count) {
    struct grove_message message;
    memset(&message, 0, sizeof(message));
    message.version = GROVE_PORT_VERSION;
    message.operation = operation;
    message.sequence = ++world->sequence;
    message.objects = (uint16_t)count;
    memcpy(message.body.bytes, body, bytes);
    core_request(world->core, from, &message, sizeof(message), objects, count);
    return message.sequence;
}

int world_ask(struct world *world, machine_container from, uint16_t operation, const void *body, size_t bytes,
              struct fake_packet *reply) {
    struct fake_packet packet;
    uint64_t sequence = world_send(world, from, operation, body, bytes, NULL, 0);
    world_settle(world);
    if (!fake_take(from, operation, sequence, &packet))
        return WORLD_NO_REPLY;
    if (reply != NULL)
        *reply = packet;
    return packet.message.status;
}

int world_create(struct world *world, machine_container owner, const struct world_spec *spec,
                 struct grove_container_reply *reply) {
    uint64_t blob[SPEC_BUFFER_WORDS];
    struct grove_container_create body = {.spec_bytes = world_build(spec, blob)};
    machine_object object = fake_blob(blob, body.spec_bytes);
    struct fake_packet packet;
    uint64_t sequence = world_send(world, owner, GROVE_REQUEST_CONTAINER_CREATE, &body, sizeof(body), &object, 1);
    world_settle(world);
    if (!fake_take(owner, GROVE_REQUEST_CONTAINER_CREATE, sequence, &packet))
        return WORLD_NO_REPLY;
    if (reply != NULL)
        *reply = packet.message.body.container;
    return packet.message.status;
}

int world_launch(struct world *world, machine_container owner, const struct world_spec *spec, uint32_t flags,
                 const machine_object *streams, uint32_t stream_count, struct grove_container_reply *reply) {
    uint64_t blob[SPEC_BUFFER_WORDS];
    struct grove_container_launch body = {.create.spec_bytes = world_build(spec, blob), .flags = flags};
    machine_object objects[GROVE_PORT_OBJECTS] = {fake_blob(blob, body.create.spec_bytes)};
    struct fake_packet packet;
    for (uint32_t i = 0; i < stream_count; i++)
        objects[1 + i] = streams[i];
    uint64_t sequence =
        world_send(world, owner, GROVE_REQUEST_CONTAINER_LAUNCH, &body, sizeof(body), objects, 1 + stream_count);
    /* The reply does not wait for the machine. */
    if (!fake_take(owner, GROVE_REQUEST_CONTAINER_LAUNCH, sequence, &packet))
        return WORLD_NO_REPLY;
    world_settle(world);
    if (reply != NULL)
        *reply = packet.message.body.container;
    return packet.message.status;
}

machine_container world_machine(const struct world *world, grove_object_id id) {
    const struct container *container = pool_find(&world->core->containers, id);
    if (container == NULL)
        give_up("the container is gone");
    return pool_index(container);
}

int world_start(struct world *world, machine_container owner, grove_handle handle) {
    struct grove_container_start body = {.container = handle};
    return world_ask(world, owner, GROVE_REQUEST_CONTAINER_START, &body, sizeof(body), NULL);
}

machine_container world_service(struct world *world, machine_container owner, const struct world_spec *spec,
                                grove_handle *handle) {
    struct grove_container_reply reply = {0};
    if (world_create(world, owner, spec, &reply) < 0 || world_start(world, owner, reply.container) < 0)
        give_up("a service could not be made");
    machine_container machine = world_machine(world, reply.id);
    if ((spec->flags == 0 || (spec->flags & GROVE_SPEC_NATIVE) != 0) && !fake_take(machine, GROVE_NOTICE_INIT, 0, NULL))
        give_up("a service did not get INIT");
    if (handle != NULL)
        *handle = reply.container;
    return machine;
}

int world_control(struct world *world, machine_container from, grove_handle handle, uint32_t action) {
    struct grove_container_control body = {.container = handle, .action = action};
    return world_ask(world, from, GROVE_REQUEST_CONTAINER_CONTROL, &body, sizeof(body), NULL);
}

int world_endpoint(struct world *world, machine_container from, const char *name, grove_handle container,
                   grove_handle *endpoint) {
    struct grove_endpoint_create body = {.name = world_name(name), .container = container};
    struct fake_packet reply;
    int status = world_ask(world, from, GROVE_REQUEST_ENDPOINT_CREATE, &body, sizeof(body), &reply);
    if (status == GROVE_OK && endpoint != NULL)
        *endpoint = reply.message.body.handle_reply.handle;
    return status;
}

int world_connect(struct world *world, machine_container from, const char *endpoint, struct fake_packet *reply) {
    struct grove_channel_connect body = {.endpoint = world_name(endpoint)};
    return world_ask(world, from, GROVE_REQUEST_CHANNEL_CONNECT, &body, sizeof(body), reply);
}

int world_handle_request(struct world *world, machine_container from, uint16_t operation, grove_handle handle) {
    struct grove_handle_request body = {.handle = handle};
    return world_ask(world, from, operation, &body, sizeof(body), NULL);
}

int world_attach(struct world *world, machine_container from, grove_handle channel) {
    return world_handle_request(world, from, GROVE_REQUEST_CHANNEL_ATTACHED, channel);
}

int world_derive(struct world *world, machine_container from, grove_handle source, uint16_t kind, const char *text,
                 grove_handle *child) {
    struct grove_capability_derive body = {.source = source};
    struct fake_packet reply;
    world_permission(&(struct world_permission){.kind = kind, .text = text}, &body.capability);
    int status = world_ask(world, from, GROVE_REQUEST_CAPABILITY_DERIVE, &body, sizeof(body), &reply);
    if (status == GROVE_OK && child != NULL)
        *child = reply.message.body.handle_reply.handle;
    return status;
}

int world_revoke(struct world *world, machine_container from, grove_handle handle, bool itself, uint64_t *count) {
    struct grove_capability_revoke body = {.handle = handle, .itself = itself};
    struct fake_packet reply;
    int status = world_ask(world, from, GROVE_REQUEST_CAPABILITY_REVOKE, &body, sizeof(body), &reply);
    if (status == GROVE_OK && count != NULL)
        *count = reply.message.body.count.count;
    return status;
}

grove_handle world_find(struct world *world, machine_container container, uint16_t kind) {
    struct container *holder = core_container(world->core, container);
    for (struct list *link = holder->table.next; link != &holder->table; link = link->next) {
        struct capability *entry = list_item(link, struct capability, table);
        if (entry->kind == kind)
            return capability_handle(entry);
    }
    return GROVE_HANDLE_NONE;
}

machine_container world_client(struct world *world, const char *name, const struct world_permission *permissions,
                               uint32_t count) {
    struct grove_capability capabilities[16];
    machine_container machine = 0;
    for (uint32_t i = 0; i < count; i++)
        world_permission(&permissions[i], &capabilities[i]);
    if (core_client_create(world->core, name, 1000, 42, capabilities, count, &machine) < 0)
        give_up("a client could not be made");
    world_settle(world);
    if (!fake_take(machine, GROVE_NOTICE_INIT, 0, NULL))
        give_up("a client did not get INIT");
    return machine;
}

void world_exit(struct world *world, machine_container container, enum grove_exit_cause cause, int32_t detail) {
    fake.containers[container].is_running = false;
    core_container_exited(world->core, container, cause, detail);
    world_settle(world);
}

void world_count(const struct world *world, struct world_accounts *accounts) {
    const struct core *core = world->core;
    *accounts = (struct world_accounts){.containers = core->containers.used,
                                        .endpoints = core->endpoints.used,
                                        .channels = core->channels.used,
                                        .regions = core->regions.used,
                                        .projects = core->projects.used,
                                        .capabilities = core->capabilities.used,
                                        .pending = core->pending.used,
                                        .text = core->texts.heap.used,
                                        .specs = core->specs.used,
                                        .objects = fake.objects_open,
                                        .timers = core->timers.count};
}
