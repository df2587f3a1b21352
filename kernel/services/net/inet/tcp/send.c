/* send(2) on a connection: see tcp.h. */
#include "kernel/services/net/inet/tcp/tcp.h"

/* Locked. What of the socket itself ends sending. */
static int check(struct tcp_socket *tcp) {
    struct inet_socket *socket = &tcp->inet;
    int error = socket->error;
    if (error != 0) {
        socket->error = 0;
        return -error;
    }
    if ((socket->shut & SHUT_SEND) != 0)
        return -LINUX_EPIPE;
    return tcp_is_in(tcp, TCP_CAN_SEND | TCP_IS_OPENING) ? 0 : -LINUX_EPIPE;
}

static bool has_room(const struct tcp_socket *tcp) {
    return tcp_is_in(tcp, TCP_CAN_SEND) && tcp->sending_charge < tcp_send_limit(tcp) &&
           inet_has_memory(tcp->inet.domain, tcp->sending_charge);
}

/* Locked. */
static int wait_for_room(struct tcp_socket *tcp, uint64_t until_ns) {
    for (;;) {
        int status = check(tcp);
        if (status != 0 || has_room(tcp))
            return status;
        status = inet_wait(&tcp->inet, &tcp->inet.writable, until_ns);
        if (status != 0)
            return status;
    }
}

/* How many bytes are taken next. Where memory is short one page is. */
static uint32_t choose_size(const struct tcp_socket *tcp, size_t left) {
    uint64_t room = tcp_send_limit(tcp) - tcp->sending_charge;
    uint32_t most = room < TCP_PIECE_BYTES ? (uint32_t)room : TCP_PIECE_BYTES;
    most = most < VFS_PAGE_BYTES || !inet_has_memory(tcp->inet.domain, 1) ? VFS_PAGE_BYTES : most;
    return left < most ? (uint32_t)left : most;
}

/* Locked. */
static void append(struct tcp_socket *tcp, struct inet_bytes *bytes) {
    bytes->sequence = tcp->end;
    tcp->end += bytes->size_bytes;
    tcp->sending_charge += bytes->charge_bytes;
    list_append(&tcp->sending, &bytes->link);
    if (tcp->unsent == NULL)
        tcp->unsent = bytes;
    tcp_output(tcp);
}

static int send_piece(struct tcp_socket *tcp, struct socket_message *message, uint64_t until_ns) {
    struct inet_domain *domain = tcp->inet.domain;
    inet_lock(domain);
    int status = wait_for_room(tcp, until_ns);
    uint32_t size = status == 0 ? choose_size(tcp, message->transfer->left_bytes) : 0;
    inet_unlock(domain);
    if (status != 0)
        return status;
    struct inet_bytes *bytes = inet_bytes_create(domain, size);
    if (bytes == NULL)
        return -LINUX_ENOMEM;
    status = inet_bytes_fill(bytes, message->transfer);
    inet_lock(domain);
    if (status == 0)
        status = check(tcp);
    if (status == 0)
        append(tcp, bytes);
    inet_unlock(domain);
    if (status == 0)
        message->done_bytes += size;
    else
        inet_bytes_drop(domain, bytes);
    return status;
}

/* It only tells whether something could be sent. */
static int send_nothing(struct tcp_socket *tcp, uint64_t until_ns) {
    inet_lock(tcp->inet.domain);
    int status = check(tcp);
    while (status == 0 && tcp_is_in(tcp, TCP_IS_OPENING)) {
        status = inet_wait(&tcp->inet, &tcp->inet.writable, until_ns);
        if (status == 0)
            status = check(tcp);
    }
    inet_unlock(tcp->inet.domain);
    return status;
}

int tcp_send(struct socket *socket, struct socket_message *message) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    uint64_t until_ns = socket_deadline(socket, socket->send_timeout_ns, message->may_wait);
    int status = 0;
    if ((message->flags & LINUX_MSG_OOB) != 0)
        return -LINUX_EOPNOTSUPP;
    if (message->transfer->left_bytes == 0)
        status = send_nothing(tcp, until_ns);
    while (status == 0 && message->transfer->left_bytes > 0)
        status = send_piece(tcp, message, until_ns);
    return message->done_bytes > 0 ? 0 : status;
}
