/* Bytes that came, in order or not, and the end of them: see tcp.h; RFC 9293, 3.10.7.4. */
#include "kernel/services/net/inet/tcp/tcp.h"

#define ACK_AFTER_NS UINT64_C(40000000)
#define ACK_EVERY 2u
#define SMALL_BYTES 1024u /* that are copied together with others that wait */

/* ---- the queue of the reader ---- */

/* Bytes that this end made itself, so that there is room for more behind them. */
static struct inet_bytes *room_for(struct tcp_socket *tcp, uint32_t size) {
    struct inet_packet *last =
        list_is_empty(&tcp->inet.packets) ? NULL : list_item(tcp->inet.packets.previous, struct inet_packet, link);
    struct inet_bytes *bytes = last != NULL ? last->bytes : NULL;
    bool is_own = bytes != NULL && last->at == 0 && last->flags == 0 && bytes->held.room_bytes - bytes->size_bytes >= size;
    return is_own ? bytes : NULL;
}

/*
 * A reader that is late would hold a whole packet's memory for each few bytes: small ones are copied together. False: it is to
 * be queued as it is.
 */
static bool copy_small(struct tcp_socket *tcp, struct inet_packet *packet) {
    struct inet_domain *domain = tcp->inet.domain;
    if (packet->size_bytes > SMALL_BYTES || list_is_empty(&tcp->inet.packets))
        return false;
    struct inet_bytes *bytes = room_for(tcp, packet->size_bytes);
    if (bytes != NULL) {
        inet_bytes_append(bytes, packet->bytes, packet->at, packet->size_bytes);
        list_item(tcp->inet.packets.previous, struct inet_packet, link)->size_bytes += packet->size_bytes;
        inet_packet_free(domain, packet);
        return true;
    }
    bytes = inet_bytes_create(domain, VFS_PAGE_BYTES);
    if (bytes == NULL)
        return false;
    inet_bytes_append(bytes, packet->bytes, packet->at, packet->size_bytes);
    inet_bytes_unref(domain, packet->bytes);
    packet->bytes = bytes;
    packet->at = 0;
    packet->flags = 0; /* its own bytes */
    tcp->inet.charged_bytes += bytes->charge_bytes;
    list_append(&tcp->inet.packets, &packet->link);
    return true;
}

/* It begins at the byte that is expected. */
static void queue(struct tcp_socket *tcp, struct inet_packet *packet) {
    uint32_t size = packet->size_bytes;
    tcp->expected += size;
    tcp->inet.waiting_bytes += size;
    packet->flags |= TCP_ACK; /* bytes of the sender's */
    if (copy_small(tcp, packet))
        return;
    tcp->inet.charged_bytes += packet->bytes->charge_bytes;
    list_append(&tcp->inet.packets, &packet->link);
}

/* ---- what came too early ---- */

/* Cut off what was got already. False: that is all of it. */
static bool cut_front(struct tcp_socket *tcp, struct inet_packet *packet) {
    if (!sequence_before(packet->sequence, tcp->expected))
        return packet->size_bytes > 0;
    uint32_t old = tcp->expected - packet->sequence;
    if (old >= packet->size_bytes)
        return false;
    packet->sequence += old;
    packet->at += old;
    packet->size_bytes -= old;
    return true;
}

static void keep_early(struct tcp_socket *tcp, struct inet_packet *packet) {
    struct list *link = tcp->early.previous;
    while (link != &tcp->early &&
           sequence_before(packet->sequence, list_item(link, struct inet_packet, link)->sequence))
        link = link->previous;
    bool is_same = link != &tcp->early && list_item(link, struct inet_packet, link)->sequence == packet->sequence;
    if (is_same || tcp->early_count >= TCP_OUT_OF_ORDER_MAX) { /* it is sent again */
        inet_packet_free(tcp->inet.domain, packet);
        return;
    }
    tcp->early_count++;
    list_insert_between(&packet->link, link, link->next);
}

static void queue_early(struct tcp_socket *tcp) {
    struct inet_packet *packet;
    while ((packet = list_first_item(&tcp->early, struct inet_packet, link)) != NULL &&
           !sequence_before(tcp->expected, packet->sequence)) {
        list_remove(&packet->link);
        tcp->early_count--;
        if (cut_front(tcp, packet))
            queue(tcp, packet);
        else
            inet_packet_free(tcp->inet.domain, packet);
    }
}

/* ---- the end of the stream ---- */

static void take_end(struct tcp_socket *tcp) {
    tcp->expected++;
    tcp->has_end = true;
    tcp->inet.shut |= SHUT_RECEIVE;
    tcp_send_ack(tcp);
    switch (tcp->state) {
    case TCP_ESTABLISHED:
        tcp->state = TCP_CLOSE_WAIT;
        break;
    case TCP_FIN_WAIT_1: /* ours was not acknowledged yet, or it would be FIN_WAIT_2 */
        tcp->state = TCP_CLOSING;
        break;
    case TCP_FIN_WAIT_2:
        tcp_wait_for_time(tcp);
        break;
    default:
        break;
    }
    inet_wake(&tcp->inet);
}

/* ---- both ---- */

static void acknowledge(struct tcp_socket *tcp, bool is_late) {
    if (++tcp->unanswered >= ACK_EVERY || is_late || tcp_has_window_to_tell(tcp))
        tcp_send_ack(tcp);
    else
        tcp_set_timer(tcp, TCP_TIMER_ACK, ACK_AFTER_NS);
}

static void take_data(struct tcp_socket *tcp, struct inet_packet *packet) {
    bool is_whole = cut_front(tcp, packet);
    bool is_early = sequence_before(tcp->expected, packet->sequence);
    if (!is_whole) {
        inet_packet_free(tcp->inet.domain, packet);
        tcp_send_ack(tcp);
    } else if (is_early) {
        keep_early(tcp, packet);
        tcp_send_ack(tcp);
    } else {
        bool had_gap = tcp->early_count > 0;
        queue(tcp, packet);
        queue_early(tcp);
        acknowledge(tcp, had_gap);
        inet_wake_readers(&tcp->inet);
    }
}

void tcp_take_bytes(struct tcp_socket *tcp, struct inet_packet *packet) {
    struct inet_domain *domain = tcp->inet.domain;
    uint32_t end = packet->sequence + packet->size_bytes;
    bool ends = (packet->flags & TCP_FIN) != 0;
    bool can_receive = tcp_is_in(tcp, TCP_CAN_RECEIVE);
    if (can_receive && packet->size_bytes > 0 && tcp->inet.is_closed) { /* nobody will read it: RFC 2525, 2.17 */
        inet_packet_free(domain, packet);
        tcp_abort(tcp, 0);
        return;
    }
    if (can_receive && packet->size_bytes > 0)
        take_data(tcp, packet);
    else
        inet_packet_free(domain, packet);
    if (ends && can_receive && tcp->expected == end)
        take_end(tcp);
    else if (ends && !can_receive)
        tcp_send_ack(tcp);
}
