/* A whole kernel for tests: see stage.h. */
#include "kernel/services/containers/test/stage.h"

#include "kernel/services/vfs/kinds.h"
#include "kernel/services/vfs/tmpfs.h"

#include <string.h>

#define SETTLE_MAX 100000u
#define SECOND INT64_C(1000000000)

struct stage stage;

static const struct core_limits limits = {.containers = 64,
                                          .endpoints = 64,
                                          .channels = 64,
                                          .regions = 32,
                                          .projects = 16,
                                          .capabilities = 2048,
                                          .text_bytes = 1u << 18,
                                          .spec_bytes = 1u << 19,
                                          .pending = 256,
                                          .audit = 256};

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

static void add_permissions(struct builder *builder, const struct stage_spec *from) {
    struct grove_spec_capability *entries = (struct grove_spec_capability *)(void *)(builder->spec + 1);
    builder->spec->capabilities = (struct grove_table){sizeof(*builder->spec), from->count};
    for (uint32_t i = 0; i < from->count; i++) {
        const struct stage_permission *permission = &from->permissions[i];
        entries[i] = (struct grove_spec_capability){
            .kind = permission->kind,
            .rights = GROVE_RIGHT_USE | GROVE_RIGHT_DERIVE | GROVE_RIGHT_GRANT,
            .flags = permission->flags,
        };
        if (permission->text != NULL) {
            entries[i].argument_kind = (uint16_t)grove_capability_argument_kind(permission->kind);
            entries[i].text = add_text(builder, permission->text, strlen(permission->text));
        } else if (permission->address.port_last != 0) {
            entries[i].argument_kind = GROVE_ARGUMENT_ADDRESS;
            entries[i].address = permission->address;
        } else if (permission->quantity != 0) {
            entries[i].argument_kind = GROVE_ARGUMENT_QUANTITY;
            entries[i].quantity = permission->quantity;
        }
    }
}

uint32_t stage_build(const struct stage_spec *from, uint64_t buffer[STAGE_SPEC_WORDS]) {
    memset(buffer, 0, STAGE_SPEC_WORDS * sizeof(*buffer));
    struct grove_spec *spec = (struct grove_spec *)(void *)buffer;
    uint32_t text_at = (uint32_t)(sizeof(*spec) + from->count * sizeof(struct grove_spec_capability));
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
    if (from->directory != NULL)
        spec->directory = add_text(&builder, from->directory, strlen(from->directory));
    spec->budget = from->budget;
    spec->schedule = from->schedule;
    spec->stream_in = from->streams[0];
    spec->stream_out = from->streams[1];
    spec->stream_error = from->streams[2];
    add_permissions(&builder, from);
    spec->text_offset_bytes = text_at;
    spec->text_bytes = builder.used;
    spec->total_bytes = text_at + builder.used;
    return spec->total_bytes;
}

/* ---- opening and closing ---- */

static uint64_t clock_ns(void *context) {
    const struct world *world = context;
    return (uint64_t)world->now_ns;
}

/* Everybody is nobody. */
static void look(struct socket_credentials *credentials) {
    *credentials = (struct socket_credentials){.process = 1};
}

/* In the place of /proc: what lies there is not what is tried here. */
static int create_processes(struct vfs *vfs, const char *options, struct file_system **created) {
    const struct tmpfs_limits unlimited = {.mode = 0555};
    (void)options;
    return tmpfs_create(vfs, &unlimited, created);
}

static struct file_system_kind processes = {.name = "proc", .create = create_processes};

void stage_set_up(void) {
    const struct tmpfs_limits unlimited = {.mode = 0755};
    memset(&stage, 0, sizeof(stage));
    world_begin(&stage.world, &unlimited);
    stage.world.machine.clock_ns = clock_ns;
    stage.world.now_ns = SECOND;
    fake_host_open(&stage.world);
    assert_int_equal(file_system_kind_add(&stage.world.vfs, &processes), 0);
    unix_domain_init(&stage.sockets, &stage.world.vfs, look);
    const struct containers_plan plan = {.vfs = &stage.world.vfs,
                                         .sockets = &stage.sockets,
                                         .host = &fake_host.host,
                                         .caller = stage.world.caller,
                                         .limits = limits,
                                         .objects = 512,
                                         .machine = CONTAINERS_X86_64};
    assert_int_equal(containers_init(&plan), 0);
}

static void boot(void) {
    static const struct stage_spec init = {
        .name = "system.init", .ring = 1, .streams = {GROVE_STREAM_NULL, GROVE_STREAM_NULL, GROVE_STREAM_NULL}};
    uint64_t blob[STAGE_SPEC_WORDS];
    uint32_t size_bytes = stage_build(&init, blob);
    assert_int_equal(world_make_file(&stage.world, "/init.spec"), 0);
    assert_int_equal(world_write(&stage.world, "/init.spec", 0, blob, size_bytes), size_bytes);
    assert_int_equal(containers_boot("/init.spec", NULL), GROVE_OK);
    stage_settle();
}

void stage_open(void) {
    stage_set_up();
    boot();
    for (machine_container i = 0; i < containers.record_max; i++)
        if (record_find(i) != NULL)
            stage.init = i;
    struct program *program = fake_program(stage.init);
    assert_non_null(program);
    stage.port = stage_file(program, GROVE_PORT_DESCRIPTOR);
    file_ref(stage.port);
    struct port_packet *packet = stage_take(stage.port, GROVE_NOTICE_INIT, 0);
    assert_non_null(packet);
    stage_drop(packet);
}

/* Everything is killed, and then nothing may be left. */
void stage_close(void) {
    stage.world.requests_left = UINT64_MAX;
    containers_shut_down((uint64_t)stage.world.now_ns);
    stage_settle();
    assert_true(containers_are_down());
    if (stage.port != NULL)
        file_unref(stage.port);
    stage_settle();
    assert_int_equal(containers.objects.stale, 0);
    containers_deinit();
    assert_int_equal(stage.sockets.sockets, 0);
    fake_host_close();
    world_end(&stage.world);
}

/* ---- time ---- */

void stage_turn(void) {
    uint64_t until_ns;
    for (uint32_t i = 0; i < SETTLE_MAX; i++) {
        spinlock_lock(&containers.news.lock);
        bool has_news = !list_is_empty(&containers.news.queue);
        spinlock_unlock(&containers.news.lock);
        if (!containers_turn(&until_ns) && !has_news)
            return;
    }
    fail_msg("the kernel does not come to rest");
}

static void begin_program(struct program *program, struct container_record *record) {
    if (stage.on_begin != NULL)
        stage.on_begin(record);
    stage_turn(); /* what comes of that */
    instance_runs(program->plan.instance);
}

/* Programs begin when the core has said all it has to say, and end when they are killed. */
static bool play(void) {
    bool did_something = false;
    for (uint32_t i = 0; i < FAKE_PROGRAMS; i++) {
        struct program *program = &fake_host.programs[i];
        if (!program->is_used || !program->is_begun)
            continue;
        struct container_record *record = list_item(program->plan.instance, struct container_record, instance);
        if (program->is_killed)
            fake_end(program, true, 9, false);
        else if (record->phase == RECORD_STARTING)
            begin_program(program, record);
        else
            continue;
        did_something = true;
    }
    return did_something;
}

void stage_settle(void) {
    do
        stage_turn();
    while (play());
}

void stage_pass(uint64_t ns) {
    stage.world.now_ns += (int64_t)ns;
    stage_settle();
}

/* ---- asking ---- */

struct port_packet *stage_take(struct open_file *port, uint16_t operation, uint64_t sequence) {
    struct port_packet *packet;
    while (kernel_port_take(port, true, &packet) == 0 && packet != NULL) {
        if (packet->message.operation == operation && packet->message.sequence == sequence)
            return packet;
        stage_drop(packet);
    }
    return NULL;
}

void stage_drop(struct port_packet *packet) {
    kernel_port_give_back(&stage.world.vfs, packet);
}

int stage_ask(struct open_file *port, uint16_t operation, const void *body, size_t bytes, struct open_file **files,
              uint32_t count, struct port_packet **reply) {
    struct grove_message message = {.version = GROVE_PORT_VERSION,
                                    .operation = operation,
                                    .sequence = ++stage.sequence,
                                    .objects = (uint16_t)count};
    if (bytes > 0)
        memcpy(message.body.bytes, body, bytes);
    assert_int_equal(kernel_port_send(port, &message, sizeof(message), files, count), 0);
    stage_settle();
    struct port_packet *packet = stage_take(port, operation, message.sequence);
    int status = packet != NULL ? packet->message.status : STAGE_NO_REPLY;
    if (reply != NULL)
        *reply = packet;
    else if (packet != NULL)
        stage_drop(packet);
    return status;
}

static int ask_for_container(uint16_t operation, const void *body, size_t bytes, struct open_file **files,
                             uint32_t count, struct grove_container_reply *reply) {
    struct port_packet *packet;
    int status = stage_ask(stage.port, operation, body, bytes, files, count, &packet);
    if (packet != NULL && reply != NULL)
        *reply = packet->message.body.container;
    if (packet != NULL)
        stage_drop(packet);
    return status;
}

int stage_create(const struct stage_spec *spec, struct grove_container_reply *reply) {
    uint64_t blob[STAGE_SPEC_WORDS];
    const uint32_t seals = LINUX_F_SEAL_WRITE | LINUX_F_SEAL_SHRINK | LINUX_F_SEAL_GROW;
    struct grove_container_create body = {.spec_bytes = stage_build(spec, blob)};
    struct open_file *file = fake_memory(blob, body.spec_bytes, seals);
    return ask_for_container(GROVE_REQUEST_CONTAINER_CREATE, &body, sizeof(body), &file, 1, reply);
}

int stage_start(grove_handle container, struct open_file **streams, uint32_t count,
                struct grove_container_reply *reply) {
    const struct grove_container_start body = {.container = container};
    return ask_for_container(GROVE_REQUEST_CONTAINER_START, &body, sizeof(body), streams, count, reply);
}

int stage_control(grove_handle container, uint32_t action) {
    const struct grove_container_control body = {
        .container = container, .action = action, .deadline_ns = (uint64_t)(stage.world.now_ns + SECOND)};
    return stage_ask(stage.port, GROVE_REQUEST_CONTAINER_CONTROL, &body, sizeof(body), NULL, 0, NULL);
}

machine_container stage_index(grove_object_id id) {
    return (machine_container)id; /* its lower half */
}

struct open_file *stage_file(struct program *program, uint32_t number) {
    struct open_file *file = NULL;
    assert_int_equal(descriptors_get(&program->descriptors, number, &file), 0);
    file_unref(file); /* the table has it */
    return file;
}

machine_container stage_service(const struct stage_spec *spec, grove_handle *handle, struct open_file **port) {
    struct grove_container_reply reply = {0};
    assert_int_equal(stage_create(spec, &reply), 0);
    assert_int_equal(stage_start(reply.container, NULL, 0, NULL), 0);
    machine_container index = stage_index(reply.id);
    if (handle != NULL)
        *handle = reply.container;
    if (port != NULL) {
        *port = stage_file(fake_program(index), GROVE_PORT_DESCRIPTOR);
        file_ref(*port);
    }
    return index;
}

void stage_count(struct stage_accounts *accounts) {
    dentry_forget_unused(&stage.world.vfs);
    *accounts = (struct stage_accounts){.taken = stage.world.taken,
                                        .pages = stage.world.pages,
                                        .objects = containers.objects.used,
                                        .memories = fake_host.memories};
}
