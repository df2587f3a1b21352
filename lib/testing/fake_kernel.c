/*
 * The kernel for tests. One thread reads all ports; one lock guards everything. Failures abort: it is the test's ground.
 */
#include "lib/testing/fake_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CONTAINERS_MAX 64
#define CHANNELS_MAX 256
#define REPORTS_MAX 8
#define SEAL_FUTURE_WRITE 0x0010

struct container {
    struct grove_name name, endpoint;
    int port, page_memory;
    struct grove_kernel_page *page;
    uint32_t generation;
    bool is_running, is_destroyed;
    uint32_t reports[REPORTS_MAX];
    uint64_t report_values[REPORTS_MAX];
    uint32_t requests[GROVE_REQUEST_END];
    int state_memory;
    uint64_t state_bytes;
};

struct channel_side {
    int container, memory, bell;
    uint8_t *mapping; /* made before the seal */
    bool is_attached, is_shown; /* shown: the peer has been given it */
    uint32_t epoch;
    bool is_closed;
};

struct channel {
    bool is_used;
    uint32_t generation;
    uint64_t tag;
    struct grove_channel_layout layout;
    struct channel_side sides[2];
};

struct fake_kernel {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int wake[2];
    bool is_stopping;
    struct container containers[CONTAINERS_MAX];
    int container_count;
    struct channel channels[CHANNELS_MAX];
};

#define must(condition) must_hold((condition), #condition, __LINE__)

static void must_hold(bool condition, const char *text, int line) {
    if (condition)
        return;
    fprintf(stderr, "fake_kernel.c:%d: %s does not hold: %s\n", line, text, strerror(errno));
    abort();
}

static int make_memory(uint64_t size_bytes) {
    int memory = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(memory >= 0);
    must(ftruncate(memory, (off_t)size_bytes) == 0);
    must(fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
    return memory;
}

static struct grove_name make_name(const char *text) {
    struct grove_name name = {0};
    snprintf(name.text, sizeof name.text, "%s%s", strchr(text, '.') != NULL ? "" : "test.", text);
    return name;
}

/* ---- saying ---- */

static void say(struct container *container, const void *packet, size_t size_bytes, const int *objects,
                unsigned count) {
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet, .iov_len = size_bytes};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (container->port < 0)
        return;
    if (count > 0) {
        header.msg_control = control;
        header.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *attached = CMSG_FIRSTHDR(&header);
        attached->cmsg_level = SOL_SOCKET;
        attached->cmsg_type = SCM_RIGHTS;
        attached->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(attached), objects, count * sizeof(int));
    }
    if (sendmsg(container->port, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return; /* the program is gone */
    __atomic_add_fetch(&container->page->notices, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &container->page->notices, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void say_message(struct container *container, struct grove_message *message, const int *objects,
                        unsigned count) {
    message->version = GROVE_PORT_VERSION;
    message->objects = (uint16_t)count;
    say(container, message, sizeof *message, objects, count);
}

static void reply(struct container *container, const struct grove_message *request, int status,
                  struct grove_message *body, const int *objects, unsigned count) {
    if (request->sequence == 0)
        return;
    body->operation = request->operation;
    body->sequence = request->sequence;
    body->status = status;
    say_message(container, body, objects, count);
}

/* ---- channels ---- */

static uint64_t page_align(uint64_t bytes) {
    return (bytes + 4095) & ~UINT64_C(4095);
}

static void lay_out(const struct grove_channel_connect *connect, struct grove_channel_layout *layout) {
    static const uint64_t defaults[GROVE_LANES] = GROVE_LANE_BYTES_DEFAULT;
    uint64_t offset = 4096 + GROVE_LANES * 4096;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++) {
        layout->lane_offset_bytes[lane] = offset;
        layout->lane_bytes[lane] = connect->lane_bytes[lane] != 0 ? connect->lane_bytes[lane] : defaults[lane];
        offset += page_align(layout->lane_bytes[lane]);
    }
    layout->arena_offset_bytes = offset;
    layout->arena_bytes = connect->arena_bytes == 0                  ? GROVE_ARENA_BYTES_DEFAULT
                          : connect->arena_bytes == GROVE_ARENA_NONE ? 0
                                                                     : page_align(connect->arena_bytes);
    layout->total_bytes = offset + layout->arena_bytes;
}

static grove_handle handle_of(const struct fake_kernel *kernel, const struct channel *channel) {
    return ((grove_handle)channel->generation << 32) + (grove_handle)(channel - kernel->channels) + 1;
}

static struct channel *channel_of(struct fake_kernel *kernel, grove_handle handle) {
    uint32_t index = (uint32_t)handle - 1;
    bool is_known =
        index < CHANNELS_MAX && kernel->channels[index].is_used && kernel->channels[index].generation == handle >> 32;
    return is_known ? &kernel->channels[index] : NULL;
}

static void describe(const struct fake_kernel *kernel, const struct channel *channel, int side, bool is_resumed,
                     struct grove_channel_reply *described) {
    *described = (struct grove_channel_reply){.channel = handle_of(kernel, channel),
                                              .id = handle_of(kernel, channel),
                                              .flags = is_resumed ? GROVE_CHANNEL_RESUMED : 0,
                                              .role = (uint32_t)side,
                                              .epoch = channel->sides[side].epoch,
                                              .layout = channel->layout};
}

/* Show a side that has attached to the other one. */
static void show(struct fake_kernel *kernel, struct channel *channel, int side) {
    struct channel_side *own = &channel->sides[side], *other = &channel->sides[!side];
    struct grove_message notice = {.operation = GROVE_NOTICE_CHANNEL_PEER,
                                   .body.channel_peer = {.channel = handle_of(kernel, channel), .epoch = own->epoch}};
    if (!own->is_attached || own->is_shown || other->memory < 0)
        return;
    own->is_shown = true;
    fcntl(own->memory, F_ADD_SEALS, SEAL_FUTURE_WRITE);
    int objects[2] = {own->memory, other->bell};
    say_message(&kernel->containers[other->container], &notice, objects, own->epoch > 1 ? 2 : 1);
}

static void new_bells(struct channel *channel) {
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    for (int side = 0; side < 2; side++) {
        if (channel->sides[side].bell >= 0)
            close(channel->sides[side].bell);
        channel->sides[side].bell = ends[side];
    }
}

static void tell_server(struct fake_kernel *kernel, struct channel *channel, bool is_resumed) {
    struct channel_side *server = &channel->sides[GROVE_ROLE_SERVER];
    struct container *container = &kernel->containers[server->container];
    struct grove_message notice = {.operation = GROVE_NOTICE_CHANNEL_NEW};
    describe(kernel, channel, GROVE_ROLE_SERVER, is_resumed, &notice.body.channel_new.channel);
    notice.body.channel_new.endpoint = container->endpoint;
    notice.body.channel_new.client = kernel->containers[channel->sides[GROVE_ROLE_CLIENT].container].name;
    notice.body.channel_new.client_id = 1000 + (unsigned)channel->sides[GROVE_ROLE_CLIENT].container;
    notice.body.channel_new.client_ring = 2;
    int objects[2] = {server->memory, server->bell};
    say_message(container, &notice, objects, 2);
}

static void make_segment(struct channel *channel, int side) {
    channel->sides[side].memory = make_memory(channel->layout.total_bytes);
    channel->sides[side].mapping =
        mmap(NULL, channel->layout.total_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, channel->sides[side].memory, 0);
    must(channel->sides[side].mapping != MAP_FAILED);
}

static void drop_segment(struct channel *channel, int side) {
    munmap(channel->sides[side].mapping, channel->layout.total_bytes);
    close(channel->sides[side].memory);
}

/* The segment of a dead instance: closed, and copied for the next one. */
static void close_segment(struct channel *channel, int side) {
    struct channel_side *own = &channel->sides[side];
    uint32_t *signal = &((struct grove_control *)(void *)own->mapping)->signal;
    __atomic_or_fetch(signal, GROVE_SIGNAL_CLOSED, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, signal, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    struct channel_side old = *own;
    make_segment(channel, side);
    memcpy(own->mapping, old.mapping, channel->layout.total_bytes);
    munmap(old.mapping, channel->layout.total_bytes);
    close(old.memory);
    own->is_attached = own->is_shown = false;
    own->is_closed = true;
    own->epoch++;
}

static struct channel *find_left_behind(struct fake_kernel *kernel, int client, int server, uint64_t tag) {
    for (int i = 0; i < CHANNELS_MAX; i++) {
        struct channel *channel = &kernel->channels[i];
        if (channel->is_used && channel->tag == tag && channel->sides[0].container == client &&
            channel->sides[1].container == server && channel->sides[0].is_closed)
            return channel;
    }
    return NULL;
}

static struct channel *make_channel(struct fake_kernel *kernel, int client, int server,
                                    const struct grove_channel_connect *connect) {
    struct channel *channel = kernel->channels;
    while (channel->is_used)
        must(++channel < kernel->channels + CHANNELS_MAX);
    *channel = (struct channel){.is_used = true, .generation = channel->generation + 1, .tag = connect->tag};
    lay_out(connect, &channel->layout);
    for (int side = 0; side < 2; side++) {
        channel->sides[side] = (struct channel_side){.container = side == 0 ? client : server, .bell = -1, .epoch = 1};
        make_segment(channel, side);
    }
    new_bells(channel);
    return channel;
}

static void connect_channel(struct fake_kernel *kernel, int client, const struct grove_message *request) {
    const struct grove_channel_connect *connect = &request->body.connect;
    struct grove_message body = {0};
    int server = 0;
    while (server < kernel->container_count &&
           strcmp(kernel->containers[server].endpoint.text, connect->endpoint.text) != 0)
        server++;
    if (server == kernel->container_count || kernel->containers[server].is_destroyed) {
        reply(&kernel->containers[client], request, GROVE_NOT_FOUND, &body, NULL, 0);
        return;
    }
    struct channel *channel = find_left_behind(kernel, client, server, connect->tag);
    bool is_resumed = channel != NULL;
    if (!is_resumed)
        channel = make_channel(kernel, client, server, connect);
    channel->sides[0].is_closed = false;
    describe(kernel, channel, GROVE_ROLE_CLIENT, is_resumed, &body.body.channel);
    int objects[2] = {channel->sides[0].memory, channel->sides[0].bell};
    reply(&kernel->containers[client], request, 0, &body, objects, 2);
    if (!is_resumed && kernel->containers[server].is_running)
        tell_server(kernel, channel, false);
    channel->sides[1].is_shown = false;
    show(kernel, channel, 1);
}

static void close_channel(struct fake_kernel *kernel, struct channel *channel, int by) {
    for (int side = 0; side < 2; side++) {
        struct grove_message notice = {.operation = GROVE_NOTICE_CHANNEL_CLOSED,
                                       .body.channel_closed.channel = handle_of(kernel, channel)};
        uint32_t *signal = &((struct grove_control *)(void *)channel->sides[side].mapping)->signal;
        __atomic_or_fetch(signal, GROVE_SIGNAL_CLOSED, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, signal, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
        if (side != by)
            say_message(&kernel->containers[channel->sides[side].container], &notice, NULL, 0);
        drop_segment(channel, side);
        close(channel->sides[side].bell);
    }
    channel->is_used = false;
}

/* ---- requests ---- */

static void give_memory(struct container *container, const struct grove_message *request, uint64_t size_bytes) {
    struct grove_message body = {.body.region = {.region = 500, .id = 500, .size_bytes = size_bytes}};
    bool is_state = request->operation == GROVE_REQUEST_STATE_REGION;
    bool is_known = is_state && container->state_memory >= 0;
    int memory = is_known ? container->state_memory : make_memory(size_bytes);
    if (is_state)
        container->state_memory = memory;
    body.body.region.tag = is_known;
    reply(container, request, 0, &body, &memory, 1);
    if (!is_state)
        close(memory);
}

static void refuse(struct container *container, const struct grove_message *request) {
    struct grove_message body = {.body.refused = {.who = container->name}};
    body.body.refused.missing = (struct grove_capability){.kind = GROVE_CAP_FS_READ};
    body.body.refused.missing.argument.kind = GROVE_ARGUMENT_PATH;
    body.body.refused.missing.argument.length_bytes = 5;
    memcpy(body.body.refused.missing.argument.value.text, "/data", 5);
    reply(container, request, GROVE_DENIED, &body, NULL, 0);
}

static void handle_channel_request(struct fake_kernel *kernel, int index, const struct grove_message *request) {
    struct channel *channel = channel_of(kernel, request->body.handle.handle);
    struct grove_message body = {0};
    reply(&kernel->containers[index], request, channel != NULL ? 0 : GROVE_STALE_HANDLE, &body, NULL, 0);
    if (channel == NULL)
        return;
    int side = channel->sides[0].container == index ? 0 : 1;
    if (request->operation == GROVE_REQUEST_CHANNEL_CLOSE) {
        close_channel(kernel, channel, side);
        return;
    }
    channel->sides[side].is_attached = true;
    show(kernel, channel, side);
}

static void handle(struct fake_kernel *kernel, int index, const struct grove_message *request) {
    struct container *container = &kernel->containers[index];
    struct grove_message body = {0};
    if (request->operation < GROVE_REQUEST_END)
        container->requests[request->operation]++;
    switch (request->operation) {
    case GROVE_REQUEST_CHANNEL_CONNECT:
        connect_channel(kernel, index, request);
        break;
    case GROVE_REQUEST_CHANNEL_ATTACHED:
    case GROVE_REQUEST_CHANNEL_CLOSE:
        handle_channel_request(kernel, index, request);
        break;
    case GROVE_REQUEST_STATE_REPORT:
        container->reports[request->body.report.report % REPORTS_MAX]++;
        container->report_values[request->body.report.report % REPORTS_MAX] = request->body.report.value;
        reply(container, request, 0, &body, NULL, 0);
        break;
    case GROVE_REQUEST_REGION_CREATE:
    case GROVE_REQUEST_STATE_REGION:
        give_memory(container, request, request->body.region_create.size_bytes);
        break;
    case GROVE_REQUEST_CAPABILITY_DERIVE:
        refuse(container, request);
        break;
    case GROVE_REQUEST_CAPABILITY_READ: /* never answered: for tests of the deadline */
        break;
    default:
        reply(container, request, 0, &body, NULL, 0);
        break;
    }
    pthread_cond_broadcast(&kernel->changed);
}

/* ---- instances ---- */

static void end_instance(struct fake_kernel *kernel, int index) {
    struct container *container = &kernel->containers[index];
    close(container->port);
    container->port = -1;
    container->is_running = false;
    for (int i = 0; i < CHANNELS_MAX; i++)
        for (int side = 0; side < 2; side++)
            if (kernel->channels[i].is_used && kernel->channels[i].sides[side].container == index)
                close_segment(&kernel->channels[i], side);
    pthread_cond_broadcast(&kernel->changed);
}

static int begin_instance(struct fake_kernel *kernel, int index) {
    struct container *container = &kernel->containers[index];
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    int size_bytes = 1 << 20;
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size_bytes, sizeof size_bytes);
    container->port = ends[0];
    container->is_running = true;
    container->generation++;
    container->page->generation = container->generation;
    struct grove_message notice = {.operation = GROVE_NOTICE_INIT};
    notice.body.init =
        (struct grove_notice_init){.reason = container->generation == 1 ? GROVE_START_FRESH : GROVE_START_RESTARTED,
                                   .ring = 2,
                                   .id = 1000 + (unsigned)index,
                                   .name = container->name,
                                   .project = {"test"},
                                   .generation = container->generation};
    say_message(container, &notice, &container->page_memory, 1);
    for (int i = 0; i < CHANNELS_MAX; i++) {
        struct channel *channel = &kernel->channels[i];
        if (!channel->is_used || channel->sides[1].container != index)
            continue;
        bool is_resumed = channel->sides[1].epoch > 1;
        channel->sides[1].is_closed = false;
        if (is_resumed)
            new_bells(channel);
        tell_server(kernel, channel, is_resumed);
        channel->sides[0].is_shown = false;
        show(kernel, channel, 0);
    }
    char byte = 0;
    must(write(kernel->wake[1], &byte, 1) == 1);
    return ends[1];
}

/* ---- the thread ---- */

static void read_port(struct fake_kernel *kernel, int index) {
    struct grove_message message;
    struct iovec part = {.iov_base = &message, .iov_len = sizeof message};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t size = recvmsg(kernel->containers[index].port, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        end_instance(kernel, index);
        return;
    }
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&header); at != NULL; at = CMSG_NXTHDR(&header, at))
        for (size_t i = 0; i < (at->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
            int object;
            memcpy(&object, CMSG_DATA(at) + i * sizeof(int), sizeof object);
            close(object);
        }
    must(size == (ssize_t)sizeof message && message.version == GROVE_PORT_VERSION);
    handle(kernel, index, &message);
}

static void *run(void *context) {
    struct fake_kernel *kernel = context;
    for (;;) {
        struct pollfd watched[CONTAINERS_MAX + 1] = {{.fd = kernel->wake[0], .events = POLLIN}};
        pthread_mutex_lock(&kernel->lock);
        int count = kernel->container_count;
        bool is_stopping = kernel->is_stopping;
        for (int i = 0; i < count; i++)
            watched[i + 1] = (struct pollfd){.fd = kernel->containers[i].port, .events = POLLIN};
        pthread_mutex_unlock(&kernel->lock);
        if (is_stopping)
            return NULL;
        poll(watched, (nfds_t)count + 1, -1);
        char bytes[64];
        if (watched[0].revents != 0 && read(kernel->wake[0], bytes, sizeof bytes) < 0)
            must(errno == EAGAIN);
        pthread_mutex_lock(&kernel->lock);
        for (int i = 0; i < count; i++)
            if (watched[i + 1].revents != 0 && kernel->containers[i].port == watched[i + 1].fd)
                read_port(kernel, i);
        pthread_mutex_unlock(&kernel->lock);
    }
}

static int find(struct fake_kernel *kernel, const char *name) {
    struct grove_name full = make_name(name);
    for (int i = 0; i < kernel->container_count; i++)
        if (strcmp(kernel->containers[i].name.text, full.text) == 0)
            return i;
    must_hold(false, "a container of that name", __LINE__);
    return -1;
}

struct fake_kernel *fake_kernel_start(void) {
    struct fake_kernel *kernel = calloc(1, sizeof *kernel);
    must(kernel != NULL);
    pthread_mutex_init(&kernel->lock, NULL);
    pthread_cond_init(&kernel->changed, NULL);
    must(pipe2(kernel->wake, O_CLOEXEC | O_NONBLOCK) == 0);
    must(pthread_create(&kernel->thread, NULL, run, kernel) == 0);
    return kernel;
}

void fake_kernel_stop(struct fake_kernel *kernel) {
    pthread_mutex_lock(&kernel->lock);
    kernel->is_stopping = true;
    char byte = 0;
    must(write(kernel->wake[1], &byte, 1) == 1);
    pthread_mutex_unlock(&kernel->lock);
    pthread_join(kernel->thread, NULL);
    for (int i = 0; i < CHANNELS_MAX; i++)
        for (int side = 0; side < 2 && kernel->channels[i].is_used; side++) {
            drop_segment(&kernel->channels[i], side);
            close(kernel->channels[i].sides[side].bell);
        }
    for (int i = 0; i < kernel->container_count; i++) {
        struct container *container = &kernel->containers[i];
        if (container->port >= 0)
            close(container->port);
        if (container->state_memory >= 0)
            close(container->state_memory);
        munmap(container->page, 4096);
        close(container->page_memory);
    }
    close(kernel->wake[0]);
    close(kernel->wake[1]);
    pthread_cond_destroy(&kernel->changed);
    pthread_mutex_destroy(&kernel->lock);
    free(kernel);
}

int fake_kernel_add(struct fake_kernel *kernel, const char *name, const char *endpoint) {
    pthread_mutex_lock(&kernel->lock);
    int index = kernel->container_count++;
    must(index < CONTAINERS_MAX);
    struct container *container = &kernel->containers[index];
    *container = (struct container){.name = make_name(name), .port = -1, .state_memory = -1};
    if (endpoint != NULL)
        container->endpoint = make_name(endpoint);
    container->page_memory = make_memory(4096);
    container->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, container->page_memory, 0);
    must(container->page != MAP_FAILED);
    container->page->magic = GROVE_KERNEL_PAGE_MAGIC;
    int port = begin_instance(kernel, index);
    pthread_mutex_unlock(&kernel->lock);
    return port;
}

static void wait_until(struct fake_kernel *kernel, const struct timespec *limit) {
    must(pthread_cond_timedwait(&kernel->changed, &kernel->lock, limit) == 0);
}

static struct timespec ten_seconds(void) {
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 10;
    return limit;
}

int fake_kernel_restart(struct fake_kernel *kernel, const char *name) {
    struct timespec limit = ten_seconds();
    pthread_mutex_lock(&kernel->lock);
    int index = find(kernel, name);
    while (kernel->containers[index].is_running)
        wait_until(kernel, &limit);
    int port = begin_instance(kernel, index);
    pthread_mutex_unlock(&kernel->lock);
    return port;
}

void fake_kernel_say(struct fake_kernel *kernel, const char *name, const void *packet, size_t size_bytes,
                     const int *objects, unsigned count) {
    pthread_mutex_lock(&kernel->lock);
    say(&kernel->containers[find(kernel, name)], packet, size_bytes, objects, count);
    pthread_mutex_unlock(&kernel->lock);
}

void fake_kernel_notice(struct fake_kernel *kernel, const char *name, enum grove_notice notice, uint64_t value) {
    struct grove_message message = {
        .version = GROVE_PORT_VERSION, .operation = (uint16_t)notice, .body.request = {.value = value}};
    fake_kernel_say(kernel, name, &message, sizeof message, NULL, 0);
}

uint64_t fake_kernel_await_report(struct fake_kernel *kernel, const char *name, enum grove_report report) {
    struct timespec limit = ten_seconds();
    pthread_mutex_lock(&kernel->lock);
    struct container *container = &kernel->containers[find(kernel, name)];
    while (container->reports[report] == 0)
        wait_until(kernel, &limit);
    container->reports[report] = 0;
    uint64_t value = container->report_values[report];
    pthread_mutex_unlock(&kernel->lock);
    return value;
}

void fake_kernel_await_request(struct fake_kernel *kernel, const char *name, enum grove_operation operation) {
    struct timespec limit = ten_seconds();
    pthread_mutex_lock(&kernel->lock);
    struct container *container = &kernel->containers[find(kernel, name)];
    while (container->requests[operation] == 0)
        wait_until(kernel, &limit);
    container->requests[operation] = 0;
    pthread_mutex_unlock(&kernel->lock);
}

void fake_kernel_destroy(struct fake_kernel *kernel, const char *name) {
    pthread_mutex_lock(&kernel->lock);
    int index = find(kernel, name);
    kernel->containers[index].is_destroyed = true;
    for (int i = 0; i < CHANNELS_MAX; i++)
        for (int side = 0; side < 2; side++)
            if (kernel->channels[i].is_used && kernel->channels[i].sides[side].container == index)
                close_channel(kernel, &kernel->channels[i], side);
    pthread_mutex_unlock(&kernel->lock);
}

void fake_kernel_trace(struct fake_kernel *kernel, const char *name, bool on) {
    pthread_mutex_lock(&kernel->lock);
    __atomic_store_n(&kernel->containers[find(kernel, name)].page->tracing, on, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&kernel->lock);
}
