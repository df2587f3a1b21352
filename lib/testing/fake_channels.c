/*
 * The fake kernel's channels: segments, who is shown which, and what a next instance gets. As the real one does it
 * (docs/architecture.md, "Connecting"), without authority.
 */
#include "lib/testing/fake_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SEAL_FUTURE_WRITE 0x0010

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

grove_object_id fake_channel_id(const struct channel *channel) {
    return channel->id;
}

static struct channel *channel_of(struct fake_kernel *kernel, grove_handle handle) {
    uint32_t index = (uint32_t)handle - 1;
    bool is_known =
        index < CHANNELS_MAX && kernel->channels[index].is_used && kernel->channels[index].generation == handle >> 32;
    return is_known ? &kernel->channels[index] : NULL;
}

/* ---- waking through a client ---- */

void fake_channel_wake(const struct channel *channel) {
    uint32_t *signal = &((struct grove_control *)(void *)channel->sides[GROVE_ROLE_CLIENT].mapping)->signal;
    __atomic_add_fetch(signal, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, signal, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static bool can_wake(const struct channel *channel, int server) {
    return channel->is_used && channel->sides[GROVE_ROLE_SERVER].container == server &&
           channel->sides[GROVE_ROLE_CLIENT].is_attached;
}

/* The one that there is stays as long as it can. */
static void choose_waker(struct fake_kernel *kernel, int server) {
    struct container *container = &kernel->containers[server];
    if (!kernel->wakes_through_clients || (container->waker != NULL && can_wake(container->waker, server)))
        return;
    container->waker = NULL;
    for (int i = 0; i < CHANNELS_MAX && container->waker == NULL; i++)
        if (can_wake(&kernel->channels[i], server))
            container->waker = &kernel->channels[i];
}

static void describe(const struct fake_kernel *kernel, const struct channel *channel, int side, bool is_resumed,
                     struct grove_channel_reply *described) {
    *described = (struct grove_channel_reply){.channel = handle_of(kernel, channel),
                                              .id = channel->id,
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
    fake_say(&kernel->containers[other->container], &notice, objects, own->epoch > 1 ? 2 : 1);
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
    notice.body.channel_new.client_ring = kernel->containers[channel->sides[GROVE_ROLE_CLIENT].container].ring;
    int objects[2] = {server->memory, server->bell};
    fake_say(container, &notice, objects, 2);
}

static void make_segment(struct channel *channel, int side) {
    channel->sides[side].memory = fake_memory(channel->layout.total_bytes);
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
    channel->id = handle_of(kernel, channel);
    lay_out(connect, &channel->layout);
    for (int side = 0; side < 2; side++) {
        channel->sides[side] = (struct channel_side){.container = side == 0 ? client : server, .bell = -1, .epoch = 1};
        make_segment(channel, side);
    }
    new_bells(channel);
    return channel;
}

void fake_channel_connect(struct fake_kernel *kernel, int client, const struct grove_message *request) {
    const struct grove_channel_connect *connect = &request->body.connect;
    struct grove_message body = {0};
    int server = 0;
    while (server < kernel->container_count &&
           strcmp(kernel->containers[server].endpoint.text, connect->endpoint.text) != 0)
        server++;
    if (server == kernel->container_count || kernel->containers[server].is_destroyed) {
        fake_reply(&kernel->containers[client], request, GROVE_NOT_FOUND, &body, NULL, 0);
        return;
    }
    struct channel *channel = find_left_behind(kernel, client, server, connect->tag);
    bool is_resumed = channel != NULL;
    if (!is_resumed)
        channel = make_channel(kernel, client, server, connect);
    channel->sides[0].is_closed = false;
    describe(kernel, channel, GROVE_ROLE_CLIENT, is_resumed, &body.body.channel);
    int objects[2] = {channel->sides[0].memory, channel->sides[0].bell};
    fake_reply(&kernel->containers[client], request, 0, &body, objects, 2);
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
            fake_say(&kernel->containers[channel->sides[side].container], &notice, NULL, 0);
    }
    for (int side = 0; side < 2; side++) {
        drop_segment(channel, side);
        close(channel->sides[side].bell);
    }
    channel->is_used = false;
    choose_waker(kernel, channel->sides[GROVE_ROLE_SERVER].container);
}

int fake_channel_client(struct fake_kernel *kernel, int server, grove_handle handle) {
    const struct channel *channel = channel_of(kernel, handle);
    if (channel == NULL || channel->sides[GROVE_ROLE_SERVER].container != server)
        return -1;
    return channel->sides[GROVE_ROLE_CLIENT].container;
}

void fake_channel_request(struct fake_kernel *kernel, int index, const struct grove_message *request) {
    struct channel *channel = channel_of(kernel, request->body.handle.handle);
    struct grove_message body = {0};
    fake_reply(&kernel->containers[index], request, channel != NULL ? 0 : GROVE_STALE_HANDLE, &body, NULL, 0);
    if (channel == NULL)
        return;
    int side = channel->sides[0].container == index ? 0 : 1;
    if (request->operation == GROVE_REQUEST_CHANNEL_CLOSE) {
        close_channel(kernel, channel, side);
        return;
    }
    channel->sides[side].is_attached = true;
    choose_waker(kernel, channel->sides[GROVE_ROLE_SERVER].container);
    show(kernel, channel, side);
}

/* ---- all channels of a container ---- */

void fake_channels_end(struct fake_kernel *kernel, int index) {
    for (int i = 0; i < CHANNELS_MAX; i++)
        for (int side = 0; side < 2; side++)
            if (kernel->channels[i].is_used && kernel->channels[i].sides[side].container == index) {
                close_segment(&kernel->channels[i], side);
                choose_waker(kernel, kernel->channels[i].sides[GROVE_ROLE_SERVER].container);
            }
}

void fake_channels_begin(struct fake_kernel *kernel, int index) {
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
}

void fake_channels_close(struct fake_kernel *kernel, int index) {
    for (int i = 0; i < CHANNELS_MAX; i++)
        for (int side = 0; side < 2; side++)
            if (kernel->channels[i].is_used && kernel->channels[i].sides[side].container == index)
                close_channel(kernel, &kernel->channels[i], side);
}

void fake_channels_free(struct fake_kernel *kernel) {
    for (int i = 0; i < CHANNELS_MAX; i++)
        for (int side = 0; side < 2 && kernel->channels[i].is_used; side++) {
            drop_segment(&kernel->channels[i], side);
            close(kernel->channels[i].sides[side].bell);
        }
}
