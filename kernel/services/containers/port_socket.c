/* A kernel port as a socket: what system calls on sockets do with it. See kernel_port.h. */
#include "kernel/services/containers/port_inside.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

/* What does not fit is lost, as with any packet. */
static int hand_out(struct port_packet *packet, struct socket_message *message) {
    const uint8_t *bytes = (const uint8_t *)&packet->message;
    size_t size = sizeof(packet->message), done = 0;
    size_t wanted = message->transfer->left_bytes < size ? message->transfer->left_bytes : size;
    int status = 0;
    while (status == 0 && done < wanted) {
        done += transfer_out(message->transfer, bytes + done, wanted - done);
        status = done < wanted ? transfer_bring_in(message->transfer) : 0;
    }
    message->told |= wanted < size ? LINUX_MSG_TRUNC : 0;
    message->done_bytes = (message->flags & LINUX_MSG_TRUNC) != 0 ? size : done;
    if (message->files == NULL && packet->count > 0)
        message->told |= LINUX_MSG_CTRUNC; /* they are closed with the packet */
    for (uint32_t i = 0; status == 0 && message->files != NULL && i < packet->count; i++) {
        message->files[message->file_count++] = packet->files[i];
        packet->files[i] = NULL;
    }
    return status;
}

static int receive(struct socket *socket, struct socket_message *message) {
    struct kernel_port *port = port_of(socket);
    uint64_t until_ns = socket_deadline(socket, socket->receive_timeout_ns, message->may_wait);
    struct port_packet *packet;
    bool is_peek = (message->flags & LINUX_MSG_PEEK) != 0;
    int status = is_peek ? port_copy_first(port, until_ns, &packet) : port_take(port, until_ns, &packet);
    if (status != 0 || packet == NULL)
        return status;
    status = hand_out(packet, message);
    kernel_port_give_back(socket->vfs, packet);
    return status;
}

/* The files are taken over whatever comes of it: the core says what was wrong with a packet. */
static int send(struct socket *socket, struct socket_message *sent) {
    struct grove_message message;
    size_t size_bytes = sent->transfer->left_bytes, copied = 0;
    size_t wanted = size_bytes < sizeof(message) ? size_bytes : sizeof(message);
    int status = 0;
    memset(&message, 0, sizeof(message));
    while (status == 0 && copied < wanted) {
        copied += transfer_in(sent->transfer, (uint8_t *)&message + copied, wanted - copied);
        status = copied < wanted ? transfer_bring_in(sent->transfer) : 0;
    }
    if (status != 0)
        return status;
    uint32_t count = sent->file_count;
    sent->file_count = 0;
    status = port_submit(port_of(socket), &message, size_bytes, sent->files, count);
    sent->done_bytes = status == 0 ? size_bytes : 0;
    return status;
}

static uint32_t poll(struct socket *socket, struct wait_queue **queues) {
    struct kernel_port *port = port_of(socket);
    uint32_t bits = LINUX_POLLOUT | LINUX_POLLWRNORM;
    queues[FILE_QUEUE_READ] = &port->readable;
    queues[FILE_QUEUE_WRITE] = &port->writable;
    spinlock_lock(&port->lock);
    if (port->count > 0 || port->is_closed)
        bits |= LINUX_POLLIN | LINUX_POLLRDNORM;
    if (port->is_closed)
        bits |= LINUX_POLLHUP | LINUX_POLLRDHUP;
    spinlock_unlock(&port->lock);
    return bits;
}

static int64_t count(struct socket *socket, bool of_output) {
    struct kernel_port *port = port_of(socket);
    spinlock_lock(&port->lock);
    bool has_packet = !of_output && port->count > 0;
    spinlock_unlock(&port->lock);
    return has_packet ? (int64_t)sizeof(struct grove_message) : 0;
}

static void close(struct socket *socket) {
    port_hang_up(port_of(socket));
}

/* ---- what a connected socket without a name answers ---- */

static int bind(struct socket *socket, const struct caller *caller, const struct socket_name *name) {
    (void)socket;
    (void)caller;
    (void)name;
    return -LINUX_EINVAL;
}

static int connect(struct socket *socket, const struct caller *caller, const struct socket_name *name, bool may_wait) {
    (void)socket;
    (void)caller;
    (void)name;
    (void)may_wait;
    return -LINUX_EISCONN;
}

static int listen(struct socket *socket, uint32_t backlog) {
    (void)socket;
    (void)backlog;
    return -LINUX_EINVAL;
}

static int accept(struct socket *socket, bool may_wait, struct socket **accepted) {
    (void)socket;
    (void)may_wait;
    (void)accepted;
    return -LINUX_EINVAL;
}

/* The two ends are not closed one by one. */
static int shut_down(struct socket *socket, uint32_t how) {
    (void)socket;
    (void)how;
    return -LINUX_EOPNOTSUPP;
}

static int get_name(struct socket *socket, bool of_peer, struct socket_name *name) {
    (void)of_peer;
    name->size_bytes = sizeof(socket->family);
    memcpy(name->bytes, &socket->family, sizeof(socket->family));
    return 0;
}

/* The peer is the kernel. */
static int get_option(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *size_bytes) {
    static const struct socket_credentials kernel = {.process = 0};
    (void)socket;
    if (level != LINUX_SOL_SOCKET || option != LINUX_SO_PEERCRED)
        return -LINUX_ENOPROTOOPT;
    *size_bytes = *size_bytes < sizeof(kernel) ? *size_bytes : (uint32_t)sizeof(kernel);
    memcpy(value, &kernel, *size_bytes);
    return 0;
}

static int set_option(struct socket *socket, uint32_t level, uint32_t option, const void *value, uint32_t size_bytes) {
    (void)socket;
    (void)option;
    (void)value;
    (void)size_bytes;
    return level == LINUX_SOL_SOCKET ? 0 : -LINUX_EOPNOTSUPP;
}

static int take_error(struct socket *socket) {
    (void)socket;
    return 0;
}

static bool is_listening(struct socket *socket) {
    (void)socket;
    return false;
}

const struct socket_operations port_socket_operations = {.bind = bind,
                                                         .connect = connect,
                                                         .listen = listen,
                                                         .accept = accept,
                                                         .send = send,
                                                         .receive = receive,
                                                         .shut_down = shut_down,
                                                         .get_name = get_name,
                                                         .poll = poll,
                                                         .count = count,
                                                         .get_option = get_option,
                                                         .set_option = set_option,
                                                         .take_error = take_error,
                                                         .is_listening = is_listening,
                                                         .close = close};

bool file_is_kernel_port(const struct open_file *file) {
    const struct socket *socket = socket_of(file);
    return socket != NULL && socket->operations == &port_socket_operations;
}
