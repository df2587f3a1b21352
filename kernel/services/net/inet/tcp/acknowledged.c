/* What the other end has got, and how much more it takes: see tcp.h; RFC 9293, 3.10.7.4, RFC 5681, RFC 6582. */
#include "kernel/services/net/inet/tcp/tcp.h"

#define DUPLICATES_FOR_LOSS 3u
#define WINDOW_LIMIT (1u << 30)

static void grow_congestion_window(struct tcp_socket *tcp, uint32_t acknowledged) {
    if (tcp->congestion_window >= WINDOW_LIMIT)
        return;
    if (tcp->congestion_window < tcp->slow_start_until) {
        tcp->congestion_window += acknowledged < 2 * tcp->segment_max ? acknowledged : 2 * tcp->segment_max;
        return;
    }
    tcp->partial_bytes += acknowledged;
    if (tcp->partial_bytes >= tcp->congestion_window) { /* one segment for each round trip */
        tcp->partial_bytes -= tcp->congestion_window;
        tcp->congestion_window += tcp->segment_max;
    }
}

/* Pieces that were got whole are nobody's any more. */
static void free_sent(struct tcp_socket *tcp, uint32_t acknowledged) {
    struct inet_bytes *bytes;
    while ((bytes = list_first_item(&tcp->sending, struct inet_bytes, link)) != NULL &&
           !sequence_before(acknowledged, bytes->sequence + bytes->size_bytes)) {
        list_remove(&bytes->link);
        tcp->sending_charge -= bytes->charge_bytes;
        inet_bytes_unref(tcp->inet.domain, bytes);
    }
}

static bool is_recovering(const struct tcp_socket *tcp) {
    return tcp->duplicates >= DUPLICATES_FOR_LOSS;
}

static void take_new(struct tcp_socket *tcp, uint32_t acknowledged) {
    uint32_t count = acknowledged - tcp->unacknowledged;
    if (tcp->timed_ns != 0 && sequence_before(tcp->timed, acknowledged)) {
        tcp_measure(tcp, inet_now_ns(tcp->inet.domain) - tcp->timed_ns);
        tcp->timed_ns = 0;
    }
    tcp->unacknowledged = acknowledged;
    free_sent(tcp, acknowledged);
    tcp->resends = tcp->probes = 0;
    tcp->failing_ns = 0;
    if (is_recovering(tcp) && sequence_before(acknowledged, tcp->recover)) {
        tcp_send_first_again(tcp); /* the next gap */
    } else if (is_recovering(tcp)) {
        tcp->congestion_window = tcp->slow_start_until;
        tcp->duplicates = 0;
    } else {
        tcp->duplicates = 0;
        grow_congestion_window(tcp, count);
    }
    if (acknowledged == tcp->next)
        tcp_stop_timer(tcp, TCP_TIMER_RESEND);
    else
        tcp_set_timer(tcp, TCP_TIMER_RESEND, tcp->resend_ns);
}

/* Three of them say that what comes first was lost, and that what came after it was not. */
static void take_duplicate(struct tcp_socket *tcp) {
    if (++tcp->duplicates != DUPLICATES_FOR_LOSS)
        return;
    uint32_t half = (tcp->next - tcp->unacknowledged) / 2;
    tcp->slow_start_until = half > 2 * tcp->segment_max ? half : 2 * tcp->segment_max;
    tcp->congestion_window = tcp->slow_start_until + DUPLICATES_FOR_LOSS * tcp->segment_max;
    tcp->recover = tcp->next;
    tcp_send_first_again(tcp);
}

/* True: it changed. */
static bool take_window(struct tcp_socket *tcp, const struct inet_packet *packet) {
    bool is_newer =
        sequence_before(tcp->window_sequence, packet->sequence) ||
        (tcp->window_sequence == packet->sequence && !sequence_before(packet->acknowledged, tcp->window_acknowledged));
    uint32_t before = tcp->window, shift = tcp->send_scale == INET_NO_SCALE ? 0 : tcp->send_scale;
    if (!is_newer)
        return false;
    tcp->window = (uint32_t)packet->window << shift;
    tcp->window_sequence = packet->sequence;
    tcp->window_acknowledged = packet->acknowledged;
    if (tcp->window > tcp->window_max)
        tcp->window_max = tcp->window;
    return tcp->window != before;
}

static void after_end(struct tcp_socket *tcp) {
    switch (tcp->state) {
    case TCP_FIN_WAIT_1:
        tcp->state = TCP_FIN_WAIT_2;
        if (tcp->inet.is_closed)
            tcp_set_timer(tcp, TCP_TIMER_END, (uint64_t)tcp->linger_2_s * UINT64_C(1000000000));
        inet_wake(&tcp->inet); /* who lingers */
        break;
    case TCP_CLOSING:
        tcp_wait_for_time(tcp);
        break;
    case TCP_LAST_ACK:
        tcp_finish(tcp, 0);
        break;
    default:
        break;
    }
}

bool tcp_take_acknowledgement(struct tcp_socket *tcp, const struct inet_packet *packet) {
    uint32_t acknowledged = packet->acknowledged;
    if (sequence_before(tcp->next, acknowledged)) {
        tcp_challenge(tcp);
        return false;
    }
    if (sequence_before(acknowledged, tcp->unacknowledged))
        return true;
    bool is_old = acknowledged == tcp->unacknowledged;
    if (!is_old)
        take_new(tcp, acknowledged);
    else
        tcp->probes = 0; /* it answers */
    bool has_news = take_window(tcp, packet);
    bool is_bare = packet->size_bytes == 0 && (packet->flags & (TCP_SYN | TCP_FIN)) == 0;
    if (is_old && !has_news && is_bare && tcp->next != tcp->unacknowledged)
        take_duplicate(tcp);
    if (tcp->unsent != NULL || tcp->ends)
        tcp_output(tcp);
    if (!is_old)
        inet_wake_writers(&tcp->inet);
    if (tcp->end_was_sent && acknowledged == tcp->end + 1)
        after_end(tcp);
    return true;
}
