/*
 * Sockets that a program is given or finds: its readiness socket and its listening sockets.
 *
 * Readiness (sd_notify): a datagram socket in groved's run folder, mounted into the view at /run/notify. The container
 * can send to it and nothing else. What it sends is hostile text of which one line counts, READY=1; descriptors sent
 * with it are closed unseen.
 *
 * Activation (LISTEN_FDS): one socket for each NET_BIND address, made here in the host's network and placed from
 * descriptor 3 on, in the order of the capabilities. A listening socket passes on connections and reaches nothing.
 */
#include "kernel/machine/linux/container/container.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NOTIFY_BYTES_MAX 4096u
#define NOTIFY_MESSAGES_MAX 16u
#define LISTEN_BACKLOG 1024

/* ---- readiness ---- */

/* Is "READY=1" one of the lines? */
static bool notify_is_ready(const char *text, size_t length) {
    static const char ready[] = "READY=1";
    const char *end = text + length;
    while (text < end) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        size_t line = (size_t)((line_end == NULL ? end : line_end) - text);
        if (line == sizeof ready - 1 && memcmp(text, ready, line) == 0)
            return true;
        text += line + 1;
    }
    return false;
}

static void notify_readable(struct loop *loop, int descriptor, uint32_t events, void *context) {
    struct container *container = context;
    char text[NOTIFY_BYTES_MAX];
    bool is_ready = false;
    (void)loop;
    (void)events;
    /* recv without room for control data: the kernel drops descriptors that came along. */
    for (unsigned i = 0; i < NOTIFY_MESSAGES_MAX; i++) {
        ssize_t length = recv(descriptor, text, sizeof text, MSG_DONTWAIT);
        if (length < 0)
            break;
        is_ready |= notify_is_ready(text, (size_t)length);
    }
    if (is_ready && container->phase == CONTAINER_RUNNING)
        core_container_ready(linux_machine->core, container->index);
    else if (is_ready && container->phase == CONTAINER_STARTING)
        container->is_ready_early = true; /* a quick program; life.c tells the core after its start */
}

static int notify_bind(struct container *container) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char folder[sizeof address.sun_path];
    int length = snprintf(folder, sizeof folder, "%s/notify", linux_machine->options.run_folder);
    if (length < 0 || (size_t)length >= sizeof folder || (mkdir(folder, 0711) < 0 && errno != EEXIST))
        return GROVE_IO;
    length = snprintf(address.sun_path, sizeof address.sun_path, "%s/%u", folder, container->index);
    if (length < 0 || (size_t)length >= sizeof address.sun_path)
        return GROVE_TOO_LARGE;
    (void)unlink(address.sun_path);
    if (bind(container->notify, (const struct sockaddr *)&address, sizeof address) < 0)
        return GROVE_IO;
    (void)memcpy(container->notify_path, address.sun_path, sizeof address.sun_path);
    /* Reached through the container's mount only: the run folder itself is closed to others. */
    return chmod(address.sun_path, 0666) < 0 ? GROVE_IO : GROVE_OK;
}

int notify_open(struct container *container) {
    if ((container->spec->flags & GROVE_SPEC_NOTIFY_SOCKET) == 0 || container->notify >= 0)
        return GROVE_OK;
    container->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (container->notify < 0)
        return GROVE_NO_DESCRIPTORS;
    int result = notify_bind(container);
    if (result == GROVE_OK)
        result = loop_watch(linux_machine->loop, container->notify, EPOLLIN, notify_readable, container);
    if (result < 0) {
        (void)close(container->notify);
        container->notify = -1;
    }
    return result;
}

void notify_close(struct container *container) {
    if (container->notify < 0)
        return;
    loop_forget(linux_machine->loop, container->notify);
    (void)close(container->notify);
    (void)unlink(container->notify_path);
    container->notify = -1;
}

/* ---- activation ---- */

static socklen_t listen_address(const struct grove_address *address, struct sockaddr_storage *storage) {
    (void)memset(storage, 0, sizeof *storage);
    if (address->family == 6) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)storage;
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(address->port_first);
        (void)memcpy(&six->sin6_addr, address->bytes, 16);
        return sizeof *six;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)storage;
    four->sin_family = AF_INET;
    four->sin_port = htons(address->port_first);
    (void)memcpy(&four->sin_addr, address->bytes, 4);
    return sizeof *four;
}

static int listen_one(const struct grove_address *address, int *listener) {
    struct sockaddr_storage storage;
    socklen_t length = listen_address(address, &storage);
    bool is_datagram = address->transport == IPPROTO_UDP;
    int one = 1, error;
    int opened = socket(storage.ss_family, (is_datagram ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (opened < 0)
        return -errno;
    (void)setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(opened, (const struct sockaddr *)&storage, length) < 0 ||
        (!is_datagram && listen(opened, LISTEN_BACKLOG) < 0)) {
        error = -errno;
        (void)close(opened);
        return error;
    }
    *listener = opened;
    return 0;
}

int listen_open(const struct grove_spec *spec, struct plan *plan, struct streams_child *child) {
    if ((spec->flags & GROVE_SPEC_LISTEN_FDS) == 0)
        return 0;
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        /* A range of ports names no socket; such a grant is for programs that bind by themselves. */
        if (capability.kind != GROVE_CAP_NET_BIND || capability.argument.kind != GROVE_ARGUMENT_ADDRESS ||
            capability.argument.value.address.port_first != capability.argument.value.address.port_last)
            continue;
        if (plan->descriptor_count == PLAN_LISTEN_MAX)
            return -E2BIG;
        int *place = &plan->descriptors[plan->descriptor_count];
        int error = listen_one(&capability.argument.value.address, place);
        if (error < 0)
            return error;
        streams_keep(child, *place);
        plan->descriptor_count++;
    }
    return 0;
}
