/*
 * The process on the path of a container's connections: see relay.h. Forked from groved, one for each instance that has a limit.
 *
 * One loop over everything, by poll: the control socket, and what relay_connections.c watches. It sleeps while nothing comes.
 */
#include "kernel/machine/linux/traffic/relay.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What is under way when the container has ended gets this long, like what Linux keeps of a closed connection. */
#define FINISH_NS UINT64_C(10000000000)
#define FINISH_TURN_MS 1000

static const struct relay *self;

uint64_t relay_now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void relay_answer(const struct relay_request *request, int64_t value, int descriptor) {
    struct relay_answer answer = {
        .kind = request->kind, .flags = request->flags, .call = request->call, .value = value};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {&answer, sizeof answer};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        control.header = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof descriptor)};
        memcpy(CMSG_DATA(&control.header), &descriptor, sizeof descriptor);
    }
    (void)sendmsg(self->control, &message, MSG_NOSIGNAL);
    if (descriptor >= 0)
        (void)close(descriptor);
}

/* Where the container listens on all addresses, the relay can still be one of them for a moment (relay_connections.c). */
static void make_socket(const struct relay_request *request) {
    const int one = 1;
    int made = socket(request->domain, request->type | SOCK_CLOEXEC, 0);
    if (made >= 0)
        (void)setsockopt(made, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    relay_answer(request, made < 0 ? -errno : 0, made);
}

/* The descriptors of a message; those that are not there are -1. */
static void take_descriptors(struct msghdr *message, int descriptors[2]) {
    descriptors[0] = descriptors[1] = -1;
    const struct cmsghdr *part = CMSG_FIRSTHDR(message);
    if (part != NULL && part->cmsg_type == SCM_RIGHTS && part->cmsg_len <= CMSG_LEN(2 * sizeof(int)))
        memcpy(descriptors, CMSG_DATA(part), part->cmsg_len - CMSG_LEN(0));
}

/* False: groved has closed its end. */
static bool take_request(void) {
    struct relay_request request;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {0};
    struct iovec part = {&request, sizeof request};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    int descriptors[2];
    ssize_t bytes = recvmsg(self->control, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (bytes != (ssize_t)sizeof request)
        return bytes < 0 && (errno == EAGAIN || errno == EINTR);
    take_descriptors(&message, descriptors);
    if (request.kind == RELAY_SOCKET)
        make_socket(&request);
    else if (descriptors[1] < 0)
        relay_answer(&request, -ENOBUFS, -1); /* no room for them here */
    else if (request.kind == RELAY_CONNECT)
        connections_connect(&request, descriptors[0], descriptors[1]);
    else
        connections_listen(&request, descriptors[0], descriptors[1]);
    return true;
}

/* Wait for something, at most `most_ms`, and serve it. False: groved has closed its end. */
static bool turn(bool has_control, int most_ms) {
    static struct pollfd list[RELAY_WATCHED_MAX + 1];
    int timeout_ms = most_ms;
    list[0] = (struct pollfd){.fd = has_control ? self->control : -1, .events = POLLIN};
    unsigned count = connections_watch(list + 1, RELAY_WATCHED_MAX, &timeout_ms);
    if (poll(list, count + 1, timeout_ms) < 0) {
        if (errno != EINTR)
            _exit(1);
        return true;
    }
    connections_serve(list + 1, count);
    return list[0].revents == 0 || take_request();
}

void relay_run(const struct relay *relay) {
    self = relay;
    connections_open(relay);
    while (turn(true, -1))
        continue;
    connections_end();
    for (uint64_t end_ns = relay_now_ns() + FINISH_NS; connections_are_left() && relay_now_ns() < end_ns;)
        (void)turn(false, FINISH_TURN_MS);
    _exit(0);
}
