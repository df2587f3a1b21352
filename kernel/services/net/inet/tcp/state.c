/* How TCP sockets begin and end: see tcp.h. */
#include "kernel/services/net/inet/tcp/tcp.h"

#define SECOND_NS UINT64_C(1000000000)
#define TIME_WAIT_NS (60 * SECOND_NS)

size_t tcp_size_bytes(void) {
    return sizeof(struct tcp_socket);
}

struct tcp_socket *tcp_allocate(struct inet_domain *domain, uint32_t family) {
    struct tcp_socket *tcp = machine_take(inet_machine(domain), sizeof(*tcp));
    if (tcp == NULL)
        return NULL;
    *tcp = (struct tcp_socket){.state = TCP_CLOSED,
                               .resend_ns = SECOND_NS,
                               .segment_max = TCP_SEGMENT_USUAL,
                               .send_scale = INET_NO_SCALE,
                               .receive_scale = INET_NO_SCALE,
                               .keep_idle_s = 7200,
                               .keep_interval_s = 75,
                               .keep_count = 9,
                               .syn_count = 6,
                               .linger_2_s = 60,
                               .answers_quickly = true};
    inet_init_socket(&tcp->inet, domain, &tcp_operations, family, LINUX_SOCK_STREAM);
    tcp->inet.socket.send_bytes_max = TCP_SEND_BUFFER_SHOWN;
    tcp->inet.socket.receive_bytes_max = TCP_RECEIVE_BUFFER_SHOWN;
    list_init(&tcp->half_open);
    list_init(&tcp->accepted);
    list_init(&tcp->sending);
    list_init(&tcp->early);
    return tcp;
}

struct inet_socket *tcp_make(struct inet_domain *domain, uint32_t family) {
    struct tcp_socket *tcp = tcp_allocate(domain, family);
    return tcp != NULL ? &tcp->inet : NULL;
}

void tcp_leave_listener(struct tcp_socket *tcp) {
    struct tcp_socket *listener = tcp->listener;
    if (listener == NULL)
        return;
    if (tcp->state == TCP_SYN_RECEIVED)
        listener->half_open_count--;
    else
        listener->accepted_count--;
    list_remove(&tcp->in_listener);
    tcp->listener = NULL;
}

static void forget_sending(struct tcp_socket *tcp) {
    struct inet_bytes *bytes;
    while ((bytes = list_first_item(&tcp->sending, struct inet_bytes, link)) != NULL) {
        list_remove(&bytes->link);
        inet_bytes_unref(tcp->inet.domain, bytes);
    }
    tcp->unsent = NULL;
    tcp->sending_charge = 0;
    inet_packets_free(tcp->inet.domain, &tcp->early);
    tcp->early_count = 0;
}

/* A port stays only if the program asked for it. Addresses can still be seen. */
static void give_up_port(struct inet_socket *socket) {
    bool keeps = socket->has_port && !socket->is_closed;
    if (!keeps)
        inet_leave_port(socket);
    else
        inet_move_in_port(socket, false);
}

/* Those that nobody accepted hear that nobody will. */
static void end_listening(struct tcp_socket *tcp) {
    struct tcp_socket *waiting;
    while ((waiting = list_first_item(&tcp->half_open, struct tcp_socket, in_listener)) != NULL ||
           (waiting = list_first_item(&tcp->accepted, struct tcp_socket, in_listener)) != NULL) {
        tcp_leave_listener(waiting);
        waiting->inet.is_closed = true;
        if (waiting->state == TCP_CLOSED)
            inet_end(&waiting->inet);
        else
            tcp_abort(waiting, 0);
    }
}

void tcp_finish(struct tcp_socket *tcp, int error) {
    struct inet_socket *socket = &tcp->inet;
    /* One that waits to be accepted is: its error is the program's to hear. */
    if (tcp->state == TCP_SYN_RECEIVED)
        tcp_leave_listener(tcp);
    if (tcp->state == TCP_LISTEN)
        end_listening(tcp);
    if (tcp->state == TCP_TIME_WAIT)
        socket->domain->time_wait_count--;
    list_remove(&tcp->in_time_wait);
    tcp->state = TCP_CLOSED;
    tcp_leave_table(tcp);
    tcp_leave_timers(tcp);
    forget_sending(tcp);
    give_up_port(socket);
    if (error != 0)
        socket->error = error;
    socket->shut = SHUT_BOTH;
    bool is_wanted = !socket->is_closed && (socket->has_file || tcp->listener != NULL);
    if (is_wanted)
        inet_wake(socket);
    else
        inet_end(socket);
}

void tcp_was_reset(struct tcp_socket *tcp) {
    tcp->inet.domain->counts.resets++;
    if (tcp->state == TCP_SYN_SENT)
        tcp_finish(tcp, LINUX_ECONNREFUSED);
    else if (tcp->state == TCP_CLOSE_WAIT)
        tcp_finish(tcp, LINUX_EPIPE);
    else
        tcp_finish(tcp, LINUX_ECONNRESET);
}

void tcp_abort(struct tcp_socket *tcp, int error) {
    if (!tcp_is_in(tcp, TCP_STATE(TCP_CLOSED) | TCP_STATE(TCP_LISTEN) | TCP_STATE(TCP_SYN_SENT) | TCP_STATE(TCP_TIME_WAIT)))
        tcp_send_flags(tcp, TCP_RST | TCP_ACK, tcp->next);
    tcp_finish(tcp, error);
}

/* The oldest gives way where there are too many. */
void tcp_wait_for_time(struct tcp_socket *tcp) {
    struct inet_domain *domain = tcp->inet.domain;
    tcp->state = TCP_TIME_WAIT;
    list_append(&domain->time_wait, &tcp->in_time_wait);
    domain->time_wait_count++;
    for (uint32_t timer = 0; timer < TCP_TIMERS; timer++)
        tcp_stop_timer(tcp, timer);
    tcp_set_timer(tcp, TCP_TIMER_END, TIME_WAIT_NS);
    tcp->inet.shut = SHUT_BOTH;
    inet_wake(&tcp->inet);
    if (domain->time_wait_count > INET_TIME_WAIT_MAX)
        tcp_finish(list_first_item(&domain->time_wait, struct tcp_socket, in_time_wait), 0);
}

void tcp_send_end(struct tcp_socket *tcp) {
    switch (tcp->state) {
    case TCP_SYN_RECEIVED:
    case TCP_ESTABLISHED:
        tcp->state = TCP_FIN_WAIT_1;
        break;
    case TCP_CLOSE_WAIT:
        tcp->state = TCP_LAST_ACK;
        break;
    default:
        return;
    }
    tcp->ends = true;
    tcp_output(tcp);
}

void inet_domain_clear(struct inet_domain *domain) {
    inet_lock(domain);
    for (uint32_t i = 0; i < INET_BUCKETS; i++) {
        struct list *link = domain->connections[i].next;
        while (link != &domain->connections[i]) {
            struct tcp_socket *tcp = list_item(link, struct tcp_socket, bucket);
            link = link->next;
            if (tcp->inet.is_closed)
                tcp_finish(tcp, 0);
        }
    }
    inet_unlock(domain);
}
