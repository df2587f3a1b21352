/* Connections: asked for, listened for, accepted: see tcp.h; connect(2), listen(2), accept(2). */
#include "kernel/services/net/inet/tcp/tcp.h"

/* ---- connect ---- */

/* Where a connection goes to, and from which address. -LINUX_ENETUNREACH, EAFNOSUPPORT. */
static int choose_places(struct tcp_socket *tcp, const struct inet_place *to) {
    struct inet_socket *socket = &tcp->inet;
    struct inet_place remote = *to;
    bool is_v4 = inet_is_v4(&remote.address);
    if (is_v4 && socket->socket.family == LINUX_AF_INET6 && socket->is_v6_only)
        return -LINUX_ENETUNREACH;
    if (inet_reach_of(&remote.address) != INET_HERE)
        return -LINUX_ENETUNREACH;
    struct inet_address source = is_v4 ? inet_v4(INET_LOOPBACK_V4) : inet_v6_loopback();
    if (inet_reach_of(&socket->bound) == INET_HERE) {
        if (inet_is_v4(&socket->bound) != is_v4)
            return is_v4 ? -LINUX_EINVAL : -LINUX_ENETUNREACH;
        source = socket->bound;
    }
    socket->local.address = source;
    socket->remote = remote;
    return 0;
}

static void forget_remote(struct inet_socket *socket) {
    struct inet_address any = socket->socket.family == LINUX_AF_INET ? inet_v4(0) : (struct inet_address){0};
    socket->remote = (struct inet_place){.address = any};
    socket->local.address = socket->bound;
}

/* A place in the table that no other connection has. */
static int take_place(struct tcp_socket *tcp) {
    struct inet_socket *socket = &tcp->inet;
    if (socket->port == NULL)
        return inet_choose_port(socket, true);
    if (!tcp_may_connect_from(socket, socket->port->number))
        return -LINUX_EADDRNOTAVAIL;
    inet_move_in_port(socket, true);
    return 0;
}

/* `named`: what is wrong with the address. */
static int begin(struct tcp_socket *tcp, int named, const struct inet_place *to) {
    struct inet_socket *socket = &tcp->inet;
    struct inet_domain *domain = socket->domain;
    if (tcp->state != TCP_CLOSED)
        return -LINUX_EISCONN;
    int status = named != 0 ? named : choose_places(tcp, to);
    if (status != 0)
        return status;
    uint16_t port = socket->remote.port;
    /* Port 0 is nobody's: the connection is refused by itself, but it is one. */
    status = port != 0 ? take_place(tcp) : -LINUX_ECONNREFUSED;
    if (status != 0) {
        forget_remote(socket);
        return status;
    }
    tcp_begin_sending(tcp, tcp_first_sequence(domain, &socket->local, &socket->remote));
    tcp->state = TCP_SYN_SENT;
    tcp->expected = tcp->window_end = 0;
    tcp->has_end = false;
    tcp->timed_ns = tcp->smooth_ns = tcp->failing_ns = 0;
    tcp->resend_ns = UINT64_C(1000000000);
    socket->shut = 0;
    socket->error = 0;
    domain->counts.connects++;
    tcp_enter_table(tcp);
    tcp_send_syn(tcp);
    tcp->progress = TCP_CONNECTING;
    return 0;
}

/* The end of an attempt: what came of it. */
static int conclude(struct tcp_socket *tcp) {
    int error = tcp->inet.error;
    if (tcp->state != TCP_CLOSED) {
        tcp->progress = TCP_CONNECTED;
        return 0;
    }
    tcp->inet.error = 0;
    tcp->inet.shut = 0;
    tcp->progress = TCP_UNCONNECTED;
    forget_remote(&tcp->inet);
    return error != 0 ? -error : -LINUX_ECONNABORTED;
}

static int wait_for_other_end(struct tcp_socket *tcp, uint64_t until_ns) {
    (void)inet_deliver(tcp->inet.domain);
    while (tcp_is_in(tcp, TCP_IS_OPENING)) {
        int status = inet_wait(&tcp->inet, &tcp->inet.writable, until_ns);
        if (status != 0)
            return status == -LINUX_EAGAIN ? -LINUX_EINPROGRESS : status;
    }
    return conclude(tcp);
}

/* connect with AF_UNSPEC: it is as new, but for its options and what it was bound to. */
void tcp_disconnect(struct tcp_socket *tcp) {
    uint32_t cut = TCP_IS_CONNECTED | TCP_IS_OPENING;
    if (tcp->state != TCP_CLOSED)
        tcp_abort(tcp, tcp_is_in(tcp, cut) ? LINUX_ECONNRESET : 0);
    tcp->inet.shut = 0;
    tcp->has_end = false;
    tcp->progress = TCP_UNCONNECTED;
    forget_remote(&tcp->inet);
    inet_packets_free(tcp->inet.domain, &tcp->inet.packets);
    tcp->inet.waiting_bytes = tcp->inet.charged_bytes = 0;
    tcp->first_read_bytes = 0;
}

int tcp_connect(struct socket *asked, const struct caller *caller, const struct socket_name *name, bool may_wait) {
    struct tcp_socket *tcp = tcp_of_socket(asked);
    struct inet_place place;
    bool is_unspecified = false, has_begun = false;
    int status = 0;
    (void)caller;
    if (name->size_bytes < sizeof(uint16_t))
        return -LINUX_EINVAL;
    int named = inet_read_place(asked->family, name, &place, &is_unspecified);
    if (named == 0 && !is_unspecified) {
        place.address = inet_here(&tcp->inet, &place.address);
        status = inet_ask(&tcp->inet, GATE_CONNECT, &place);
    }
    if (status != 0)
        return status;
    uint64_t until_ns = socket_deadline(asked, asked->send_timeout_ns, may_wait);
    inet_lock(tcp->inet.domain);
    if (is_unspecified) {
        tcp_disconnect(tcp);
    } else if (tcp->progress == TCP_CONNECTED) {
        status = -LINUX_EISCONN;
    } else if (tcp->progress == TCP_SHUT_TOO_SOON) {
        status = -LINUX_EINVAL;
    } else if (tcp->progress == TCP_UNCONNECTED) {
        status = begin(tcp, named, &place);
        has_begun = status == 0;
    }
    if (status == 0 && !is_unspecified && until_ns == 0 && tcp_is_in(tcp, TCP_IS_OPENING))
        status = has_begun ? -LINUX_EINPROGRESS : -LINUX_EALREADY;
    else if (status == 0 && !is_unspecified)
        status = wait_for_other_end(tcp, until_ns);
    inet_unlock(tcp->inet.domain);
    return status;
}

/* ---- listen and accept ---- */

int tcp_listen(struct socket *socket, uint32_t backlog) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    struct inet_place place = {.address = tcp->inet.bound, .port = tcp->inet.port != NULL ? tcp->inet.local.port : 0};
    int status = inet_ask(&tcp->inet, GATE_LISTEN, &place);
    if (status != 0)
        return status;
    inet_lock(tcp->inet.domain);
    if (tcp->progress != TCP_UNCONNECTED || !tcp_is_in(tcp, TCP_STATE(TCP_CLOSED) | TCP_STATE(TCP_LISTEN)))
        status = -LINUX_EINVAL;
    else if (tcp->state == TCP_CLOSED && tcp->inet.port != NULL)
        status = inet_may_listen(&tcp->inet);
    else if (tcp->state == TCP_CLOSED)
        status = inet_choose_port(&tcp->inet, false) == 0 ? 0 : -LINUX_EADDRINUSE;
    if (status == 0) {
        tcp->backlog = backlog < LINUX_SOMAXCONN ? backlog : LINUX_SOMAXCONN;
        tcp->state = TCP_LISTEN;
        tcp->inet.remote.port = 0;
        tcp->inet.shut = 0;
        tcp->inet.error = 0;
        inet_wake(&tcp->inet);
    }
    inet_unlock(tcp->inet.domain);
    return status;
}

static struct tcp_socket *take_accepted(struct tcp_socket *listener) {
    struct tcp_socket *tcp = list_first_item(&listener->accepted, struct tcp_socket, in_listener);
    if (tcp == NULL)
        return NULL;
    list_remove(&tcp->in_listener);
    listener->accepted_count--;
    tcp->listener = NULL;
    tcp->inet.has_file = true;
    tcp->is_new = true;
    listener->inet.domain->counts.accepts++;
    return tcp;
}

int tcp_accept(struct socket *socket, bool may_wait, struct socket **accepted) {
    struct tcp_socket *listener = tcp_of_socket(socket), *tcp = NULL;
    uint64_t until_ns = socket_deadline(socket, socket->receive_timeout_ns, may_wait);
    int status = 0;
    inet_lock(listener->inet.domain);
    while (status == 0 && tcp == NULL) {
        if (listener->state != TCP_LISTEN)
            status = -LINUX_EINVAL;
        else if ((tcp = take_accepted(listener)) == NULL)
            status = inet_wait(&listener->inet, &listener->inet.readable, until_ns);
    }
    inet_unlock(listener->inet.domain);
    if (status == 0)
        *accepted = &tcp->inet.socket;
    return status;
}
