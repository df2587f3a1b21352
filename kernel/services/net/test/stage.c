/* See stage.h. There is one stage at a time. A program's memory is the test's own. */
#include "kernel/services/net/test/stage.h"

#include "kernel/machine/bare/process/user_memory.h"

#include <string.h>

static struct stage *current;

bool process_read(void *to, uint64_t from, size_t size_bytes) {
    if (from == 0)
        return false;
    memcpy(to, (const void *)(uintptr_t)from, size_bytes);
    return true;
}

bool process_write(uint64_t to, const void *from, size_t size_bytes) {
    if (to == 0)
        return false;
    memcpy((void *)(uintptr_t)to, from, size_bytes);
    return true;
}

static void look(struct socket_credentials *credentials) {
    *credentials = current->who;
}

static int sleep_until(void *context, struct wait_queue *queue, struct spinlock *held, uint64_t until_ns) {
    struct world *world = context;
    (void)queue;
    if (world->on_sleep == NULL) {
        world->now_ns = (int64_t)until_ns;
        return -LINUX_ETIMEDOUT;
    }
    spinlock_unlock(held);
    world->on_sleep(world);
    spinlock_lock(held);
    return 0;
}

static uint64_t clock_ns(void *context) {
    const struct world *world = context;
    return (uint64_t)world->now_ns;
}

void stage_begin(struct stage *stage) {
    memset(stage, 0, sizeof(*stage));
    current = stage;
    stage->who = (struct socket_credentials){.process = 4, .user = WORLD_USER, .group = WORLD_USER};
    world_begin(&stage->world, &(struct tmpfs_limits){.mode = 0777});
    stage->world.machine.sleep_until = sleep_until;
    stage->world.machine.clock_ns = clock_ns;
    unix_domain_init(&stage->domain, &stage->world.vfs, look);
    inet_domain_init(&stage->inet, &stage->world.vfs, INET_BYTES_MAX);
}

void stage_end(struct stage *stage) {
    assert_int_equal(stage->domain.sockets, 0);
    assert_int_equal(stage->domain.in_flight, 0);
    inet_domain_clear(&stage->inet);
    assert_int_equal(stage->inet.sockets, 0);
    assert_int_equal(stage->inet.bytes, 0);
    assert_int_equal(stage->inet.time_wait_count, 0);
    assert_null(stage->inet.timers);
    world_end(&stage->world);
}

struct open_file *stage_socket(struct stage *stage, uint32_t type) {
    struct socket *socket;
    assert_int_equal(unix_create(&stage->domain, type, 0, &socket), 0);
    struct open_file *file = socket_open(socket, LINUX_O_NONBLOCK);
    assert_non_null(file);
    return file;
}

void stage_pair(struct stage *stage, uint32_t type, struct open_file *pair[2]) {
    struct socket *sockets[2];
    assert_int_equal(unix_create_pair(&stage->domain, type, 0, sockets), 0);
    for (int i = 0; i < 2; i++) {
        pair[i] = socket_open(sockets[i], LINUX_O_NONBLOCK);
        assert_non_null(pair[i]);
    }
}

struct open_file *stage_inet_socket(struct stage *stage, uint32_t family, uint32_t type) {
    struct socket *socket;
    assert_int_equal(inet_create(&stage->inet, &stage->world.caller, family, type, 0, &socket), 0);
    struct open_file *file = socket_open(socket, LINUX_O_NONBLOCK);
    assert_non_null(file);
    return file;
}

struct socket_name stage_inet_name(uint32_t address, uint16_t port) {
    struct socket_name name = {.size_bytes = 16, .bytes = {LINUX_AF_INET}};
    for (unsigned i = 0; i < 2; i++)
        name.bytes[2 + i] = (uint8_t)(port >> 8 * (1 - i));
    for (unsigned i = 0; i < 4; i++)
        name.bytes[4 + i] = (uint8_t)(address >> 8 * (3 - i));
    return name;
}

void stage_pass(struct stage *stage, uint64_t until_ns) {
    for (;;) {
        uint64_t next_ns = inet_step(&stage->inet);
        if (next_ns >= until_ns)
            break;
        if (next_ns > (uint64_t)stage->world.now_ns)
            stage->world.now_ns = (int64_t)next_ns;
    }
    stage->world.now_ns = (int64_t)until_ns;
}

static int64_t move(struct open_file *file, void *bytes, size_t size, bool is_send, struct socket_message *message) {
    struct socket *socket = socket_of(file);
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    transfer_init(&transfer, &segment, 1);
    message->transfer = &transfer;
    message->may_wait = (file_flags(file) & LINUX_O_NONBLOCK) == 0 && (message->flags & LINUX_MSG_DONTWAIT) == 0;
    int status = is_send ? socket->operations->send(socket, message) : socket->operations->receive(socket, message);
    message->transfer = NULL;
    return status != 0 ? status : (int64_t)message->done_bytes;
}

int64_t stage_send(struct stage *stage, struct open_file *to, const void *bytes, size_t size, uint32_t flags,
                   const struct socket_name *name, struct open_file *file) {
    static uint8_t copy[1 << 19];
    struct open_file *files[1];
    struct socket_message message = {.flags = flags, .caller = &stage->world.caller, .files = files};
    memcpy(copy, bytes, size);
    if (name != NULL)
        message.name = *name;
    if (file != NULL) {
        file_ref(file);
        message.files[message.file_count++] = file;
    }
    int64_t done = move(to, copy, size, true, &message);
    for (uint32_t i = 0; i < message.file_count; i++) /* not sent */
        file_unref(message.files[i]);
    return done;
}

int64_t stage_receive(struct open_file *from, void *bytes, size_t size, uint32_t flags,
                      struct socket_message *message) {
    static struct open_file *files[LINUX_SCM_MAX_FD];
    *message = (struct socket_message){.flags = flags, .files = files};
    return move(from, bytes, size, false, message);
}

uint32_t stage_poll(struct open_file *file) {
    struct wait_queue *queues[FILE_QUEUES];
    return file_poll(file, queues);
}

struct socket_name stage_name(const void *path, size_t size) {
    struct socket_name name = {.size_bytes = 2 + (uint32_t)size, .bytes = {LINUX_AF_UNIX}};
    memcpy(name.bytes + 2, path, size);
    return name;
}
