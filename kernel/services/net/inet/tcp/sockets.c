/* What is asked of TCP sockets besides bytes: see tcp.h; poll(2), getsockname(2), tcp(7). */
#include "kernel/services/net/inet/tcp/tcp.h"

static bool is_writable(const struct tcp_socket *tcp) {
    uint64_t limit = tcp_send_limit(tcp), charge = tcp->sending_charge;
    return charge < limit && limit - charge >= charge / 2;
}

static bool is_readable(const struct tcp_socket *tcp) {
    uint64_t limit = tcp_receive_limit(tcp);
    uint64_t least = tcp->inet.socket.receive_least < limit / 2 ? tcp->inet.socket.receive_least : limit / 2;
    return tcp->inet.waiting_bytes >= (least > 0 ? least : 1);
}

static uint32_t poll_connection(const struct tcp_socket *tcp) {
    uint32_t mask = 0, shut = tcp->inet.shut;
    mask |= tcp_is_in(tcp, TCP_IS_OVER) || shut == SHUT_BOTH ? LINUX_POLLHUP : 0;
    mask |= (shut & SHUT_RECEIVE) != 0 ? LINUX_POLLRDHUP | LINUX_POLLIN | LINUX_POLLRDNORM : 0;
    mask |= tcp->inet.error != 0 ? LINUX_POLLERR : 0;
    if (tcp_is_in(tcp, TCP_IS_OPENING))
        return mask;
    mask |= is_readable(tcp) ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
    mask |= (shut & SHUT_SEND) != 0 || is_writable(tcp) ? LINUX_POLLOUT | LINUX_POLLWRNORM : 0;
    return mask;
}

static uint32_t poll(struct socket *socket, struct wait_queue **queues) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    uint32_t mask;
    queues[FILE_QUEUE_READ] = &tcp->inet.readable;
    queues[FILE_QUEUE_WRITE] = &tcp->inet.writable;
    inet_lock(tcp->inet.domain);
    if (tcp->state == TCP_LISTEN)
        mask = tcp->accepted_count > 0 ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
    else
        mask = poll_connection(tcp);
    inet_unlock(tcp->inet.domain);
    return mask;
}

static int64_t count(struct socket *socket, bool of_output) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    int64_t bytes = -LINUX_EINVAL;
    inet_lock(tcp->inet.domain);
    if (tcp->state != TCP_LISTEN && of_output)
        bytes = tcp_is_in(tcp, TCP_IS_OPENING | TCP_STATE(TCP_CLOSED))
                    ? 0
                    : (int64_t)(tcp->end + tcp->end_was_sent - tcp->unacknowledged);
    else if (tcp->state != TCP_LISTEN)
        bytes = tcp_is_in(tcp, TCP_IS_OPENING) ? 0 : (int64_t)tcp->inet.waiting_bytes;
    inet_unlock(tcp->inet.domain);
    return bytes;
}

/* One that was accepted tells its peer even when it was over before. */
static int get_name(struct socket *socket, bool of_peer, struct socket_name *name) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    int status = 0;
    inet_lock(tcp->inet.domain);
    bool is_open = !tcp_is_in(tcp, TCP_IS_OVER | TCP_STATE(TCP_SYN_SENT) | TCP_STATE(TCP_LISTEN));
    if (of_peer && !is_open && !tcp->is_new)
        status = -LINUX_ENOTCONN;
    else
        inet_write_place(socket->family, of_peer ? &tcp->inet.remote : &tcp->inet.local, name);
    inet_unlock(tcp->inet.domain);
    return status;
}

static void opened(struct socket *socket, struct open_file *file) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    (void)file;
    inet_lock(tcp->inet.domain);
    tcp->is_new = false;
    inet_unlock(tcp->inet.domain);
}

static bool is_listening(struct socket *socket) {
    return __atomic_load_n(&tcp_of_socket(socket)->state, __ATOMIC_RELAXED) == TCP_LISTEN;
}

const struct socket_operations tcp_operations = {.opened = opened,
                                                 .bind = inet_bind,
                                                 .connect = tcp_connect,
                                                 .listen = tcp_listen,
                                                 .accept = tcp_accept,
                                                 .send = tcp_send,
                                                 .receive = tcp_receive,
                                                 .shut_down = tcp_shut_down,
                                                 .get_name = get_name,
                                                 .poll = poll,
                                                 .count = count,
                                                 .control = inet_control,
                                                 .get_option = tcp_get_option,
                                                 .set_option = tcp_set_option,
                                                 .take_error = inet_take_error,
                                                 .is_listening = is_listening,
                                                 .close = tcp_close};
