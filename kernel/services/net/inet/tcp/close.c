/* The end of connections: see tcp.h; shutdown(2), close(2), SO_LINGER in socket(7). */
#include "kernel/services/net/inet/tcp/tcp.h"

#define SECOND_NS UINT64_C(1000000000)

int tcp_shut_down(struct socket *socket, uint32_t how) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    int status = 0;
    if (how > LINUX_SHUT_RDWR)
        return -LINUX_EINVAL;
    uint32_t shut = how + 1; /* SHUT_ bits */
    inet_lock(tcp->inet.domain);
    if (tcp->progress == TCP_CONNECTING)
        tcp->progress = tcp_is_in(tcp, TCP_IS_OPENING | TCP_STATE(TCP_CLOSED)) ? TCP_SHUT_TOO_SOON : TCP_CONNECTED;
    switch (tcp->state) {
    case TCP_CLOSED:
    case TCP_TIME_WAIT:
        status = -LINUX_ENOTCONN;
        tcp->inet.shut |= shut;
        break;
    case TCP_LISTEN:
    case TCP_SYN_SENT:
        if (tcp->state == TCP_LISTEN && (shut & SHUT_RECEIVE) == 0)
            break;
        tcp_disconnect(tcp);
        break;
    default:
        tcp->inet.shut |= shut;
        if ((shut & SHUT_SEND) != 0)
            tcp_send_end(tcp);
    }
    inet_wake(&tcp->inet);
    inet_unlock(tcp->inet.domain);
    return status;
}

/* Until the other end has got everything, or the time is over. */
static void linger(struct tcp_socket *tcp) {
    const struct socket *socket = &tcp->inet.socket;
    uint64_t until_ns = socket_deadline(socket, (uint64_t)(uint32_t)socket->linger[1] * SECOND_NS, true);
    uint32_t waits = TCP_STATE(TCP_FIN_WAIT_1) | TCP_STATE(TCP_CLOSING) | TCP_STATE(TCP_LAST_ACK);
    (void)inet_deliver(tcp->inet.domain);
    while (tcp_is_in(tcp, waits) && inet_wait(&tcp->inet, &tcp->inet.writable, until_ns) == 0) {
    }
}

static void forget_received(struct tcp_socket *tcp) {
    inet_packets_free(tcp->inet.domain, &tcp->inet.packets);
    tcp->inet.waiting_bytes = tcp->inet.charged_bytes = 0;
}

/* It is nobody's any more; what is left is done without anybody. */
static void leave_alone(struct tcp_socket *tcp) {
    tcp->inet.is_closed = true;
    forget_received(tcp);
    if (tcp->state == TCP_CLOSED) {
        inet_leave_port(&tcp->inet);
        inet_end(&tcp->inet);
    } else if (tcp->state == TCP_FIN_WAIT_2) {
        tcp_set_timer(tcp, TCP_TIMER_END, (uint64_t)(tcp->linger_2_s > 0 ? tcp->linger_2_s : 0) * SECOND_NS + 1);
    } else if (tcp->state == TCP_LISTEN || tcp->state == TCP_SYN_SENT) {
        tcp_finish(tcp, 0);
    }
}

void tcp_close(struct socket *socket) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    uint32_t open = TCP_IS_CONNECTED | TCP_STATE(TCP_SYN_RECEIVED) | TCP_STATE(TCP_CLOSING) | TCP_STATE(TCP_LAST_ACK);
    inet_lock(tcp->inet.domain);
    bool is_lost = tcp->inet.waiting_bytes > 0; /* what nobody read: RFC 2525, 2.17 */
    bool is_cut = socket->linger[0] != 0 && socket->linger[1] == 0;
    if (tcp_is_in(tcp, open) && (is_cut || is_lost)) {
        tcp_abort(tcp, 0);
    } else if (tcp_is_in(tcp, open)) {
        tcp_send_end(tcp);
        if (socket->linger[0] != 0)
            linger(tcp);
    }
    leave_alone(tcp);
    inet_unlock(tcp->inet.domain);
}
