/* UDP: RFC 768, udp(7). A datagram that finds nobody, or no room at who it is for, is lost, as on any network. See inet.h. */
#include "kernel/services/net/inet/inside.h"

#define DATAGRAM_MAX 65507u /* what a packet of IP version 4 has room for */

static const struct socket_operations udp_operations;

size_t udp_size_bytes(void) {
    return sizeof(struct inet_socket);
}

struct inet_socket *udp_make(struct inet_domain *domain, uint32_t family) {
    struct inet_socket *socket = machine_take(inet_machine(domain), sizeof(*socket));
    if (socket == NULL)
        return NULL;
    *socket = (struct inet_socket){.transport = INET_UDP};
    inet_init_socket(socket, domain, &udp_operations, family, LINUX_SOCK_DGRAM);
    return socket;
}

/* ---- where to ---- */

/* Where datagrams for an address go to, and from where they come. -LINUX_ENETUNREACH, EACCES, EINVAL. */
static int choose_way(const struct inet_socket *socket, struct inet_address *to, struct inet_address *from) {
    bool is_v6 = socket->socket.family == LINUX_AF_INET6;
    bool is_v4 = inet_is_v4(to);
    if (is_v6 && is_v4 && socket->is_v6_only)
        return -LINUX_ENETUNREACH;
    enum inet_reach reach = inet_reach_of(to);
    if (reach == INET_BROADCAST && (uint32_t)to->low != UINT32_MAX && !socket_is(&socket->socket, SOCKET_BROADCASTS))
        return -LINUX_EACCES;
    if (reach != INET_HERE)
        return -LINUX_ENETUNREACH;
    *from = is_v4 ? inet_v4(INET_LOOPBACK_V4) : inet_v6_loopback();
    if (inet_reach_of(&socket->bound) != INET_HERE) /* any, or a group's, which sends nothing itself */
        return 0;
    if (inet_is_v4(&socket->bound) != is_v4)
        return -LINUX_ENETUNREACH;
    *from = socket->bound;
    return 0;
}

static void disconnect(struct inet_socket *socket) {
    struct inet_address any = socket->socket.family == LINUX_AF_INET ? inet_v4(0) : (struct inet_address){0};
    socket->remote = (struct inet_place){.address = any};
    socket->local.address = socket->bound;
    if (!socket->has_port) {
        inet_leave_port(socket);
        socket->local.port = 0;
    }
}

/* Whoever sends has a port, even if what it sends is refused. */
static int need_port(struct inet_socket *socket) {
    int status = 0;
    if (__atomic_load_n(&socket->port, __ATOMIC_RELAXED) != NULL)
        return 0;
    inet_lock(socket->domain);
    if (socket->port == NULL)
        status = inet_choose_port(socket, false);
    inet_unlock(socket->domain);
    return status;
}

static int connect(struct socket *asked, const struct caller *caller, const struct socket_name *name, bool may_wait) {
    struct inet_socket *socket = inet_of(asked);
    struct inet_place place;
    struct inet_address from;
    bool is_unspecified = false;
    (void)caller;
    (void)may_wait;
    int status = inet_read_place(asked->family, name, &place, &is_unspecified);
    if (name->size_bytes >= sizeof(uint16_t) && !is_unspecified && need_port(socket) != 0)
        return -LINUX_EAGAIN;
    place.address = inet_here(socket, &place.address);
    if (status == 0 && !is_unspecified)
        status = inet_ask(socket, GATE_CONNECT, &place);
    if (status != 0)
        return status;
    inet_lock(socket->domain);
    if (is_unspecified) {
        disconnect(socket);
    } else {
        status = choose_way(socket, &place.address, &from);
        if (status == 0) {
            socket->remote = place;
            socket->local.address = from;
        }
    }
    inet_unlock(socket->domain);
    return status;
}

/* ---- sending ---- */

/* Locked. A packet's addresses, and what of the socket itself ends sending. */
static int address(struct inet_socket *socket, const struct inet_place *to, struct inet_packet *packet) {
    packet->to = to != NULL ? *to : socket->remote;
    packet->type_of_service = socket->type_of_service;
    if (socket->time_to_live != 0)
        packet->time_to_live = socket->time_to_live;
    if (to == NULL && socket->remote.port == 0)
        return -LINUX_EDESTADDRREQ;
    int status = choose_way(socket, &packet->to.address, &packet->from.address);
    if (status != 0)
        return status;
    packet->from.port = socket->local.port;
    if (socket->error != 0) {
        status = -socket->error;
        socket->error = 0;
        return status;
    }
    return (socket->shut & SHUT_SEND) != 0 ? -LINUX_EPIPE : 0;
}

static int send_packet(struct inet_socket *socket, struct socket_message *message, const struct inet_place *to,
                       struct inet_packet *packet) {
    struct inet_domain *domain = socket->domain;
    uint32_t size = (uint32_t)message->transfer->left_bytes;
    packet->bytes = inet_has_memory(domain, 1) ? inet_bytes_create(domain, size) : NULL;
    if (packet->bytes == NULL)
        return -LINUX_ENOBUFS;
    packet->size_bytes = size;
    int status = inet_bytes_fill(packet->bytes, message->transfer);
    if (status != 0)
        return status;
    inet_lock(domain);
    status = address(socket, to, packet);
    if (status == 0)
        inet_transmit(domain, packet);
    inet_unlock(domain);
    if (status == 0)
        message->done_bytes = size;
    return status;
}

static int send(struct socket *asked, struct socket_message *message) {
    struct inet_socket *socket = inet_of(asked);
    struct inet_domain *domain = socket->domain;
    struct inet_place place;
    bool has_name = message->name.size_bytes > 0, is_unspecified;
    if (need_port(socket) != 0)
        return -LINUX_EAGAIN;
    if (message->transfer->left_bytes > DATAGRAM_MAX)
        return -LINUX_EMSGSIZE;
    if ((message->flags & LINUX_MSG_OOB) != 0)
        return -LINUX_EOPNOTSUPP;
    int status = has_name ? inet_read_place(asked->family, &message->name, &place, &is_unspecified) : 0;
    if (status == 0 && has_name && place.port == 0)
        status = -LINUX_EINVAL;
    if (status == 0 && has_name) {
        place.address = inet_here(socket, &place.address);
        status = inet_ask(socket, GATE_SEND, &place);
    }
    struct inet_packet *packet = status == 0 ? inet_packet_create(domain, INET_UDP) : NULL;
    if (packet == NULL)
        return status != 0 ? status : -LINUX_ENOBUFS;
    status = send_packet(socket, message, has_name ? &place : NULL, packet);
    if (status != 0) {
        inet_lock(domain);
        inet_packet_free(domain, packet);
        inet_unlock(domain);
    }
    return status;
}

/* Nobody is there: who sent it hears of that, if it is connected there (RFC 1122, 4.1.3.3). */
static void refuse(struct inet_domain *domain, const struct inet_packet *packet) {
    struct inet_socket *sender = inet_find_bound(domain, INET_UDP, &packet->from, &packet->to);
    if (sender == NULL || sender->remote.port == 0)
        return;
    sender->error = LINUX_ECONNREFUSED;
    inet_wake(sender);
}

void udp_input(struct inet_domain *domain, struct inet_packet *packet) {
    struct inet_socket *socket = inet_find_bound(domain, INET_UDP, &packet->to, &packet->from);
    if (socket == NULL)
        refuse(domain, packet);
    bool has_room = socket != NULL && socket->charged_bytes < socket->socket.receive_bytes_max;
    if (!has_room) {
        domain->counts.dropped += socket != NULL;
        inet_packet_free(domain, packet);
        return;
    }
    socket->charged_bytes += packet->bytes->charge_bytes;
    socket->waiting_bytes += packet->size_bytes;
    list_append(&socket->packets, &packet->link);
    inet_wake_readers(socket);
}

/* ---- receiving ---- */

/* Others may read meanwhile: a reader that may not wait does not wait for one that does. */
static int wait_for_more(struct inet_socket *socket, uint64_t until_ns) {
    const struct vfs_machine *machine = inet_machine(socket->domain);
    if (until_ns == 0)
        return inet_wait(socket, &socket->readable, 0);
    sleep_lock_give_up(&socket->reading, machine);
    int status = inet_wait(socket, &socket->readable, until_ns);
    spinlock_unlock(&socket->domain->lock);
    sleep_lock_take(&socket->reading, machine);
    spinlock_lock(&socket->domain->lock);
    return status;
}

/* Locked. The first datagram; NULL with 0: none will come. */
static int find(struct inet_socket *socket, uint64_t until_ns, struct inet_packet **found) {
    for (;;) {
        int error = socket->error;
        socket->error = 0;
        if (error != 0)
            return -error;
        *found = list_first_item(&socket->packets, struct inet_packet, link);
        if (*found != NULL || ((socket->shut & SHUT_RECEIVE) != 0 && until_ns != 0))
            return 0;
        int status = wait_for_more(socket, until_ns);
        if (status != 0)
            return status;
    }
}

static int read_packet(struct inet_socket *socket, struct socket_message *message, struct inet_packet *packet) {
    struct transfer *transfer = message->transfer;
    uint32_t size = transfer->left_bytes < packet->size_bytes ? (uint32_t)transfer->left_bytes : packet->size_bytes;
    size_t done = 0;
    int status = inet_bytes_copy(packet->bytes, 0, size, transfer, &done);
    message->told |= size < packet->size_bytes ? LINUX_MSG_TRUNC : 0;
    message->done_bytes = (message->flags & LINUX_MSG_TRUNC) != 0 ? packet->size_bytes : size;
    inet_write_place(socket->socket.family, &packet->from, &message->name);
    if ((message->flags & LINUX_MSG_PEEK) != 0)
        return status;
    inet_lock(socket->domain);
    list_remove(&packet->link);
    socket->charged_bytes -= packet->bytes->charge_bytes;
    socket->waiting_bytes -= packet->size_bytes;
    inet_packet_free(socket->domain, packet);
    inet_unlock(socket->domain);
    return status;
}

static int receive(struct socket *asked, struct socket_message *message) {
    struct inet_socket *socket = inet_of(asked);
    uint64_t until_ns = socket_deadline(asked, asked->receive_timeout_ns, message->may_wait);
    struct inet_packet *packet = NULL;
    if ((message->flags & LINUX_MSG_ERRQUEUE) != 0) /* errors are told by the calls themselves */
        return -LINUX_EAGAIN;
    message->name.size_bytes = 0;
    message->has_credentials = false;
    sleep_lock_take(&socket->reading, inet_machine(socket->domain));
    inet_lock(socket->domain);
    int status = find(socket, until_ns, &packet);
    inet_unlock(socket->domain);
    if (status == 0 && packet != NULL)
        status = read_packet(socket, message, packet);
    sleep_lock_give_up(&socket->reading, inet_machine(socket->domain));
    return status;
}

/* ---- the others ---- */

static int listen(struct socket *socket, uint32_t backlog) {
    (void)socket;
    (void)backlog;
    return -LINUX_EOPNOTSUPP;
}

static int accept(struct socket *socket, bool may_wait, struct socket **accepted) {
    (void)socket;
    (void)may_wait;
    (void)accepted;
    return -LINUX_EOPNOTSUPP;
}

static int shut_down(struct socket *asked, uint32_t how) {
    struct inet_socket *socket = inet_of(asked);
    if (how > LINUX_SHUT_RDWR)
        return -LINUX_EINVAL;
    inet_lock(socket->domain);
    int status = socket->remote.port == 0 ? -LINUX_ENOTCONN : 0;
    socket->shut |= how + 1; /* SHUT_ bits */
    inet_wake(socket);
    inet_unlock(socket->domain);
    return status;
}

static int get_name(struct socket *asked, bool of_peer, struct socket_name *name) {
    struct inet_socket *socket = inet_of(asked);
    inet_lock(socket->domain);
    int status = of_peer && socket->remote.port == 0 ? -LINUX_ENOTCONN : 0;
    if (status == 0)
        inet_write_place(asked->family, of_peer ? &socket->remote : &socket->local, name);
    inet_unlock(socket->domain);
    return status;
}

static uint32_t poll(struct socket *asked, struct wait_queue **queues) {
    struct inet_socket *socket = inet_of(asked);
    uint32_t mask = LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND;
    queues[FILE_QUEUE_READ] = &socket->readable;
    queues[FILE_QUEUE_WRITE] = &socket->writable;
    inet_lock(socket->domain);
    mask |= socket->error != 0 ? LINUX_POLLERR : 0;
    mask |= (socket->shut & SHUT_RECEIVE) != 0 ? LINUX_POLLRDHUP | LINUX_POLLIN | LINUX_POLLRDNORM : 0;
    mask |= socket->shut == SHUT_BOTH ? LINUX_POLLHUP : 0;
    mask |= !list_is_empty(&socket->packets) ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
    inet_unlock(socket->domain);
    return mask;
}

static int64_t count(struct socket *asked, bool of_output) {
    struct inet_socket *socket = inet_of(asked);
    if (of_output)
        return 0;
    inet_lock(socket->domain);
    const struct inet_packet *first = list_first_item(&socket->packets, struct inet_packet, link);
    int64_t bytes = first != NULL ? first->size_bytes : 0;
    inet_unlock(socket->domain);
    return bytes;
}

static bool is_listening(struct socket *socket) {
    (void)socket;
    return false;
}

static void close(struct socket *asked) {
    struct inet_socket *socket = inet_of(asked);
    inet_lock(socket->domain);
    socket->is_closed = true;
    inet_leave_port(socket);
    inet_packets_free(socket->domain, &socket->packets);
    inet_end(socket);
    inet_unlock(socket->domain);
}

static const struct socket_operations udp_operations = {.bind = inet_bind,
                                                        .connect = connect,
                                                        .listen = listen,
                                                        .accept = accept,
                                                        .send = send,
                                                        .receive = receive,
                                                        .shut_down = shut_down,
                                                        .get_name = get_name,
                                                        .poll = poll,
                                                        .count = count,
                                                        .control = inet_control,
                                                        .get_option = inet_get_option,
                                                        .set_option = inet_set_option,
                                                        .take_error = inet_take_error,
                                                        .is_listening = is_listening,
                                                        .close = close};
