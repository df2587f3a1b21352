/* Segments that come in: see tcp.h; RFC 9293, 3.10.7, and RFC 5961 for what an attacker might send. */
#include "kernel/services/net/inet/tcp/tcp.h"

/* ---- connections that begin ---- */

static void take_options(struct tcp_socket *tcp, const struct inet_packet *packet) {
    uint32_t told = packet->segment_max != 0 ? packet->segment_max : TCP_SEGMENT_USUAL;
    tcp->segment_max = told < TCP_SEGMENT_MAX ? told : TCP_SEGMENT_MAX;
    if (tcp->segment_max < 64)
        tcp->segment_max = 64;
    if (tcp->segment_max_wanted != 0 && tcp->segment_max_wanted < tcp->segment_max)
        tcp->segment_max = tcp->segment_max_wanted;
    bool has_scale = packet->scale != INET_NO_SCALE;
    tcp->send_scale = has_scale ? (packet->scale < 14 ? packet->scale : 14) : INET_NO_SCALE;
    tcp->receive_scale = has_scale ? TCP_SCALE : INET_NO_SCALE;
}

static void take_first(struct tcp_socket *tcp, const struct inet_packet *packet) {
    tcp->expected = tcp->window_end = packet->sequence + 1;
    tcp->has_end = false;
    take_options(tcp, packet);
    tcp->window_sequence = packet->sequence;
    tcp->window_acknowledged = tcp->first_sequence;
    tcp->window = tcp->window_max = packet->window;
    tcp->heard_ns = inet_now_ns(tcp->inet.domain);
}

static void become_established(struct tcp_socket *tcp) {
    tcp->state = TCP_ESTABLISHED;
    tcp->resends = 0;
    tcp_stop_timer(tcp, TCP_TIMER_RESEND);
    tcp_set_keep_timer(tcp);
}

/* What an accepted socket has of the one that listens. */
static void inherit(struct tcp_socket *tcp, const struct tcp_socket *from) {
    struct socket *socket = &tcp->inet.socket;
    socket->flags = from->inet.socket.flags;
    socket->send_bytes_max = from->inet.socket.send_bytes_max;
    socket->receive_bytes_max = from->inet.socket.receive_bytes_max;
    socket->receive_least = from->inet.socket.receive_least;
    socket->send_timeout_ns = from->inet.socket.send_timeout_ns;
    socket->receive_timeout_ns = from->inet.socket.receive_timeout_ns;
    socket->linger[0] = from->inet.socket.linger[0];
    socket->linger[1] = from->inet.socket.linger[1];
    tcp->inet.user = from->inet.user;
    tcp->inet.is_v6_only = from->inet.is_v6_only;
    tcp->inet.ip_flags = from->inet.ip_flags;
    tcp->inet.type_of_service = from->inet.type_of_service;
    tcp->inet.time_to_live = from->inet.time_to_live;
    tcp->inet.priority = from->inet.priority;
    tcp->has_no_delay = from->has_no_delay;
    tcp->is_corked = from->is_corked;
    tcp->keep_idle_s = from->keep_idle_s;
    tcp->keep_interval_s = from->keep_interval_s;
    tcp->keep_count = from->keep_count;
    tcp->user_timeout_ms = from->user_timeout_ms;
    tcp->linger_2_s = from->linger_2_s;
    tcp->segment_max_wanted = from->segment_max_wanted;
}

/* There is always room for one that is half open when its other half comes. */
static bool has_room(const struct tcp_socket *listener) {
    const struct inet_domain *domain = listener->inet.domain;
    return (listener->inet.shut & SHUT_RECEIVE) == 0 &&
           listener->accepted_count + listener->half_open_count <= listener->backlog &&
           domain->sockets < INET_SOCKETS_MAX;
}

/* A SYN to one that listens. Where there is no room it is lost, and comes again. */
static void begin(struct tcp_socket *listener, const struct inet_packet *packet) {
    struct inet_domain *domain = listener->inet.domain;
    struct tcp_socket *tcp = has_room(listener) ? tcp_allocate(domain, listener->inet.socket.family) : NULL;
    if (tcp == NULL) {
        domain->counts.dropped++;
        return;
    }
    domain->sockets++;
    inherit(tcp, listener);
    tcp->inet.bound = listener->inet.bound;
    tcp->inet.local = packet->to;
    tcp->inet.remote = packet->from;
    inet_join_port(&tcp->inet, listener->inet.port, true);
    tcp_begin_sending(tcp, tcp_first_sequence(domain, &packet->to, &packet->from));
    take_first(tcp, packet);
    tcp->state = TCP_SYN_RECEIVED;
    tcp->progress = TCP_CONNECTED;
    tcp->listener = listener;
    list_append(&listener->half_open, &tcp->in_listener);
    listener->half_open_count++;
    tcp_enter_table(tcp);
    tcp_send_syn(tcp);
}

static void input_listening(struct tcp_socket *listener, const struct inet_packet *packet) {
    uint32_t kind = packet->flags & (TCP_RST | TCP_ACK | TCP_SYN);
    if ((kind & TCP_RST) != 0)
        return;
    if ((kind & TCP_ACK) != 0)
        tcp_refuse(listener->inet.domain, packet);
    else if (kind == TCP_SYN)
        begin(listener, packet);
}

/* ---- SYN_SENT ---- */

static void input_syn_sent(struct tcp_socket *tcp, const struct inet_packet *packet) {
    bool answers = (packet->flags & TCP_ACK) != 0;
    if (answers && packet->acknowledged != tcp->next) {
        tcp_refuse(tcp->inet.domain, packet);
        return;
    }
    if ((packet->flags & TCP_RST) != 0) {
        if (answers)
            tcp_was_reset(tcp);
        return;
    }
    if ((packet->flags & TCP_SYN) == 0)
        return;
    take_first(tcp, packet);
    if (answers) {
        tcp->unacknowledged = packet->acknowledged;
        become_established(tcp);
        tcp_send_ack(tcp);
        inet_wake(&tcp->inet);
    } else { /* both began at once */
        tcp->state = TCP_SYN_RECEIVED;
        tcp->resends = 0;
        tcp_send_syn(tcp);
    }
}

/* ---- the others ---- */

static bool is_acceptable(const struct tcp_socket *tcp, const struct inet_packet *packet) {
    uint32_t size = packet->size_bytes + ((packet->flags & TCP_FIN) != 0) + ((packet->flags & TCP_SYN) != 0);
    uint32_t window_end = sequence_before(tcp->expected, tcp->window_end) ? tcp->window_end : tcp->expected;
    uint32_t end = packet->sequence + size;
    if (size == 0)
        return !sequence_before(packet->sequence, tcp->expected) && !sequence_before(window_end, packet->sequence);
    return sequence_before(tcp->expected, end) && !sequence_before(window_end + 1, end);
}

/* It comes to one that is over: perhaps the same two begin once more. */
static bool is_new_beginning(const struct tcp_socket *tcp, const struct inet_packet *packet) {
    return tcp->state == TCP_TIME_WAIT && (packet->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN &&
           sequence_before(tcp->expected, packet->sequence);
}

static void input_reset(struct tcp_socket *tcp, const struct inet_packet *packet) {
    if (packet->sequence != tcp->expected)
        tcp_challenge(tcp); /* RFC 5961, 3.2 */
    else if (tcp->state == TCP_TIME_WAIT || tcp->state == TCP_LAST_ACK || tcp->state == TCP_CLOSING)
        tcp_finish(tcp, 0);
    else
        tcp_was_reset(tcp);
}

/* The other half came: whoever listens can accept it. */
static void complete(struct tcp_socket *tcp) {
    struct tcp_socket *listener = tcp->listener;
    if (listener != NULL) {
        tcp_leave_listener(tcp);
        tcp->listener = listener;
        list_append(&listener->accepted, &tcp->in_listener);
        listener->accepted_count++;
        inet_wake_readers(&listener->inet);
    }
    become_established(tcp);
    inet_wake(&tcp->inet);
}

/* It is outside of the window: bytes that come again get their answer again, all else is told what is expected. */
static void answer_old(struct tcp_socket *tcp, const struct inet_packet *packet, bool is_again) {
    if (is_again && (packet->flags & TCP_SYN) != 0)
        tcp_send_syn(tcp);
    else if (packet->size_bytes > 0 || (packet->flags & TCP_FIN) != 0)
        tcp_send_ack(tcp);
    else
        tcp_challenge(tcp);
}

/* The packet is taken over. */
static void input_connected(struct tcp_socket *tcp, struct inet_packet *packet) {
    struct inet_domain *domain = tcp->inet.domain;
    bool goes_on = is_acceptable(tcp, packet);
    bool is_again = tcp->state == TCP_SYN_RECEIVED && packet->sequence + 1 == tcp->expected;
    if (!goes_on && is_again && (packet->flags & TCP_ACK) != 0 && (packet->flags & TCP_RST) == 0)
        goes_on = true; /* the answer of one that began at the same time */
    if (!goes_on && (packet->flags & TCP_RST) == 0)
        answer_old(tcp, packet, is_again);
    else if (goes_on && (packet->flags & TCP_RST) != 0)
        input_reset(tcp, packet);
    else if (goes_on && (packet->flags & TCP_SYN) != 0 && !is_again)
        tcp_challenge(tcp); /* RFC 5961, 4.2 */
    if (!goes_on || (packet->flags & TCP_RST) != 0 || (packet->flags & TCP_ACK) == 0 ||
        ((packet->flags & TCP_SYN) != 0 && !is_again)) {
        inet_packet_free(domain, packet);
        return;
    }
    tcp->heard_ns = tcp->due_ns[TCP_TIMER_KEEP] != 0 ? inet_now_ns(domain) : 0;
    if (tcp->state == TCP_SYN_RECEIVED && packet->acknowledged == tcp->first_sequence + 1)
        complete(tcp);
    if (!tcp_take_acknowledgement(tcp, packet) || tcp->state == TCP_CLOSED)
        inet_packet_free(domain, packet);
    else
        tcp_take_bytes(tcp, packet);
}

static struct tcp_socket *find_listener(struct inet_domain *domain, const struct inet_packet *packet) {
    struct inet_socket *found = inet_find_bound(domain, INET_TCP, &packet->to, &packet->from);
    return found != NULL ? tcp_of(found) : NULL;
}

void tcp_input(struct inet_domain *domain, struct inet_packet *packet) {
    struct tcp_socket *tcp = tcp_find(domain, &packet->to, &packet->from);
    if (tcp != NULL && is_new_beginning(tcp, packet)) {
        tcp_finish(tcp, 0);
        tcp = NULL;
    }
    if (tcp == NULL)
        tcp = find_listener(domain, packet);
    if (tcp != NULL && !tcp_is_in(tcp, TCP_STATE(TCP_LISTEN) | TCP_STATE(TCP_SYN_SENT))) {
        input_connected(tcp, packet);
        return;
    }
    if (tcp == NULL)
        tcp_refuse(domain, packet);
    else if (tcp->state == TCP_LISTEN)
        input_listening(tcp, packet);
    else
        input_syn_sent(tcp, packet);
    inet_packet_free(domain, packet);
}
