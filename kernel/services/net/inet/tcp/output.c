/* Sending segments: see tcp.h; RFC 9293, 3.8. */
#include "kernel/services/net/inet/tcp/tcp.h"

#define WINDOW_FIELD_MAX 65535u
#define CHALLENGE_NS UINT64_C(100000000) /* less than the shortest time after which a window is asked for */
#define FIRST_WINDOW_SEGMENTS 10u /* RFC 6928 */

uint32_t tcp_receive_limit(const struct tcp_socket *tcp) {
    uint32_t told = tcp->inet.socket.receive_bytes_max;
    return told == TCP_RECEIVE_BUFFER_SHOWN ? TCP_BUFFER_BYTES : told;
}

uint64_t tcp_send_limit(const struct tcp_socket *tcp) {
    uint32_t told = tcp->inet.socket.send_bytes_max;
    return told == TCP_SEND_BUFFER_SHOWN ? TCP_BUFFER_BYTES : told;
}

void tcp_begin_sending(struct tcp_socket *tcp, uint32_t first_sequence) {
    tcp->first_sequence = tcp->unacknowledged = tcp->next = first_sequence;
    tcp->end = first_sequence + 1;
    tcp->recover = first_sequence;
    tcp->ends = tcp->end_was_sent = false;
    tcp->duplicates = tcp->resends = tcp->probes = 0;
    tcp->window = tcp->window_max = 0;
    tcp->congestion_window = FIRST_WINDOW_SEGMENTS * TCP_SEGMENT_MAX;
    tcp->slow_start_until = UINT32_MAX;
}

/* ---- the window that we tell ---- */

/* How far the other end may send: never less than was promised, and no more in small steps (RFC 9293, 3.8.6.2.2). */
static uint32_t choose_window_end(const struct tcp_socket *tcp) {
    uint64_t limit = tcp_receive_limit(tcp), charged = tcp->inet.charged_bytes;
    uint32_t free_bytes = charged < limit ? (uint32_t)(limit - charged) : 0;
    uint32_t end = tcp->expected + free_bytes;
    uint32_t step = limit / 2 < tcp->segment_max ? (uint32_t)limit / 2 : tcp->segment_max;
    bool is_worth_it = sequence_before(tcp->window_end, end) && end - tcp->window_end >= step;
    return is_worth_it ? end : tcp->window_end;
}

static uint16_t tell_window(struct tcp_socket *tcp, bool is_syn) {
    uint32_t shift = is_syn || tcp->receive_scale == INET_NO_SCALE ? 0 : tcp->receive_scale;
    uint32_t before = tcp->window_end, end = choose_window_end(tcp);
    uint32_t told = sequence_before(tcp->expected, end) ? (end - tcp->expected) >> shift : 0;
    told = told < WINDOW_FIELD_MAX ? told : WINDOW_FIELD_MAX;
    end = tcp->expected + (told << shift);
    /* What the shift cuts off was promised all the same. */
    tcp->window_end = sequence_before(before, end) ? end : before;
    return (uint16_t)told;
}

bool tcp_has_window_to_tell(const struct tcp_socket *tcp) {
    return choose_window_end(tcp) != tcp->window_end;
}

void tcp_window_grew(struct tcp_socket *tcp) {
    if (tcp_is_in(tcp, TCP_CAN_RECEIVE) && tcp_has_window_to_tell(tcp))
        tcp_send_ack(tcp);
}

/* ---- segments ---- */

static struct inet_packet *make(struct tcp_socket *tcp, uint32_t flags, uint32_t sequence) {
    struct inet_packet *packet = inet_packet_create(tcp->inet.domain, INET_TCP);
    if (packet == NULL) /* as if it had been lost on its way */
        return NULL;
    packet->from = tcp->inet.local;
    packet->to = tcp->inet.remote;
    packet->flags = (uint8_t)flags;
    packet->sequence = sequence;
    if ((flags & TCP_ACK) != 0) {
        packet->acknowledged = tcp->expected;
        tcp->unanswered = 0;
        tcp_stop_timer(tcp, TCP_TIMER_ACK);
    }
    packet->window = tell_window(tcp, (flags & TCP_SYN) != 0);
    return packet;
}

void tcp_send_flags(struct tcp_socket *tcp, uint32_t flags, uint32_t sequence) {
    struct inet_packet *packet = make(tcp, flags, sequence);
    if (packet != NULL)
        inet_transmit(tcp->inet.domain, packet);
}

void tcp_send_ack(struct tcp_socket *tcp) {
    tcp_send_flags(tcp, TCP_ACK, tcp->next);
}

void tcp_challenge(struct tcp_socket *tcp) {
    uint64_t now_ns = inet_now_ns(tcp->inet.domain);
    if (tcp->challenged_ns != 0 && now_ns - tcp->challenged_ns < CHALLENGE_NS)
        return;
    tcp->challenged_ns = now_ns;
    tcp_send_ack(tcp);
}

void tcp_send_syn(struct tcp_socket *tcp) {
    bool answers = tcp->state == TCP_SYN_RECEIVED;
    struct inet_packet *packet = make(tcp, answers ? TCP_SYN | TCP_ACK : TCP_SYN, tcp->first_sequence);
    tcp->next = tcp->first_sequence + 1;
    tcp_set_timer(tcp, TCP_TIMER_RESEND, tcp->resend_ns << tcp->resends);
    if (packet == NULL)
        return;
    packet->segment_max = TCP_SEGMENT_MAX;
    if (!answers || tcp->receive_scale != INET_NO_SCALE)
        packet->scale = TCP_SCALE;
    inet_transmit(tcp->inet.domain, packet);
}

static void send_piece(struct tcp_socket *tcp, struct inet_bytes *bytes, uint32_t at, uint32_t size) {
    struct inet_packet *packet = make(tcp, TCP_ACK | TCP_PUSH, bytes->sequence + at);
    if (packet == NULL)
        return;
    packet->bytes = inet_bytes_ref(bytes);
    packet->at = at;
    packet->size_bytes = size;
    inet_transmit(tcp->inet.domain, packet);
}

/* How many of the next bytes may go now; 0: none, or not worth it. */
static uint32_t may_go(const struct tcp_socket *tcp, uint32_t size) {
    uint32_t window = tcp->window < tcp->congestion_window ? tcp->window : tcp->congestion_window;
    uint32_t in_flight = tcp->next - tcp->unacknowledged;
    uint32_t usable = window > in_flight ? window - in_flight : 0;
    if (usable >= size)
        return size;
    bool is_small = usable < tcp->window_max / 2;
    return in_flight > 0 && is_small ? 0 : usable;
}

static void note_sent(struct tcp_socket *tcp, uint32_t size) {
    if (tcp->timed_ns == 0) {
        tcp->timed = tcp->next;
        tcp->timed_ns = inet_now_ns(tcp->inet.domain);
    }
    tcp->next += size;
    if (tcp->due_ns[TCP_TIMER_RESEND] == 0)
        tcp_set_timer(tcp, TCP_TIMER_RESEND, tcp->resend_ns);
}

static bool send_next(struct tcp_socket *tcp) {
    struct inet_bytes *bytes = tcp->unsent;
    uint32_t at = tcp->next - bytes->sequence, size = bytes->size_bytes - at;
    size = may_go(tcp, size < tcp->segment_max ? size : tcp->segment_max);
    if (size == 0)
        return false;
    send_piece(tcp, bytes, at, size);
    note_sent(tcp, size);
    if (at + size == bytes->size_bytes)
        tcp->unsent = bytes->link.next != &tcp->sending ? list_item(bytes->link.next, struct inet_bytes, link) : NULL;
    return true;
}

void tcp_output(struct tcp_socket *tcp) {
    if (tcp_is_in(tcp, TCP_IS_OPENING | TCP_STATE(TCP_CLOSED) | TCP_STATE(TCP_LISTEN) | TCP_STATE(TCP_TIME_WAIT)))
        return;
    while (tcp->unsent != NULL && send_next(tcp)) {
    }
    if (tcp->unsent == NULL && tcp->ends && !tcp->end_was_sent) {
        tcp_send_flags(tcp, TCP_FIN | TCP_ACK, tcp->next);
        tcp->end_was_sent = true;
        note_sent(tcp, 1);
    }
    if (tcp->unsent != NULL && tcp->due_ns[TCP_TIMER_RESEND] == 0)
        tcp_set_timer(tcp, TCP_TIMER_RESEND, tcp->resend_ns); /* the window is closed: ask */
}

void tcp_send_first_again(struct tcp_socket *tcp) {
    struct inet_bytes *bytes = list_first_item(&tcp->sending, struct inet_bytes, link);
    tcp->inet.domain->counts.resent++;
    tcp->timed_ns = 0; /* its answer may be that to either */
    if (bytes == NULL || tcp->unacknowledged == tcp->end) {
        if (tcp->end_was_sent)
            tcp_send_flags(tcp, TCP_FIN | TCP_ACK, tcp->end);
        return;
    }
    uint32_t at = tcp->unacknowledged - bytes->sequence, size = bytes->size_bytes - at;
    uint32_t sent = tcp->next - tcp->unacknowledged;
    size = size < sent ? size : sent;
    send_piece(tcp, bytes, at, size < tcp->segment_max ? size : tcp->segment_max);
}

void tcp_refuse(struct inet_domain *domain, const struct inet_packet *packet) {
    struct inet_packet *reset;
    if ((packet->flags & TCP_RST) != 0 || (reset = inet_packet_create(domain, INET_TCP)) == NULL)
        return;
    reset->from = packet->to;
    reset->to = packet->from;
    reset->flags = TCP_RST;
    if ((packet->flags & TCP_ACK) != 0) {
        reset->sequence = packet->acknowledged;
    } else {
        bool has_number = (packet->flags & (TCP_SYN | TCP_FIN)) != 0;
        reset->flags |= TCP_ACK;
        reset->acknowledged = packet->sequence + packet->size_bytes + has_number;
    }
    inet_transmit(domain, reset);
}
