/* Options of TCP: tcp(7). See tcp.h. */
#include "kernel/services/net/inet/tcp/tcp.h"

#include <string.h>

#define KEEP_SECONDS_MAX 32767
#define KEEP_COUNT_MAX 127
#define SYN_COUNT_MAX 127
#define SEGMENT_LEAST 88
#define CONGESTION_NAME "reno"
#define CONGESTION_BYTES 16u

/* The beginning of struct tcp_info. */
struct linux_tcp_info {
    uint8_t state, congestion_state, retransmits, probes, backoff, options, scales, limits;
    uint32_t resend_us, ack_us, send_segment_max, receive_segment_max;
    uint32_t unacknowledged, selectively_acknowledged, lost, resent, forward;
    uint32_t last_sent_ms, last_ack_sent_ms, last_received_ms, last_ack_received_ms;
    uint32_t path_mtu, receive_slow_start, round_trip_us, variation_us, slow_start_until, congestion_window;
    uint32_t advertised_segment_max, reordering, receive_round_trip_us, receive_space, total_resent;
};

static int give_info(struct tcp_socket *tcp, void *value, uint32_t *size_bytes) {
    uint32_t segment = tcp->segment_max;
    uint64_t now_ns = inet_now_ns(tcp->inet.domain);
    struct linux_tcp_info info = {
        .state = (uint8_t)tcp->state,
        .retransmits = (uint8_t)tcp->resends,
        .probes = (uint8_t)tcp->probes,
        .options = tcp->send_scale != INET_NO_SCALE ? 4 : 0,
        .scales = tcp->send_scale != INET_NO_SCALE
                      ? (uint8_t)((uint32_t)tcp->send_scale | (uint32_t)tcp->receive_scale << 4)
                      : 0,
        .resend_us = (uint32_t)(tcp->resend_ns / 1000),
        .ack_us = 40000,
        .send_segment_max = segment,
        .receive_segment_max = segment,
        .unacknowledged = (tcp->next - tcp->unacknowledged + segment - 1) / segment,
        .last_received_ms = tcp->heard_ns != 0 ? (uint32_t)((now_ns - tcp->heard_ns) / 1000000) : 0,
        .path_mtu = 65535,
        .round_trip_us = (uint32_t)(tcp->smooth_ns / 1000),
        .variation_us = (uint32_t)(tcp->variation_ns / 1000),
        .slow_start_until = tcp->slow_start_until == UINT32_MAX ? INT32_MAX : tcp->slow_start_until / segment,
        .congestion_window = tcp->congestion_window / segment,
        .advertised_segment_max = TCP_SEGMENT_MAX,
        .reordering = 3,
        .receive_space = tcp_receive_limit(tcp)};
    *size_bytes = *size_bytes < sizeof(info) ? *size_bytes : (uint32_t)sizeof(info);
    memcpy(value, &info, *size_bytes);
    return 0;
}

static int give_congestion(void *value, uint32_t *size_bytes) {
    static const char name[CONGESTION_BYTES] = CONGESTION_NAME;
    *size_bytes = *size_bytes < sizeof(name) ? *size_bytes : (uint32_t)sizeof(name);
    memcpy(value, name, *size_bytes);
    return 0;
}

static int64_t number_of(const struct tcp_socket *tcp, uint32_t option) {
    switch (option) {
    case LINUX_TCP_NODELAY:
        return tcp->has_no_delay;
    case LINUX_TCP_CORK:
        return tcp->is_corked;
    case LINUX_TCP_MAXSEG:
        return tcp->segment_max;
    case LINUX_TCP_KEEPIDLE:
        return tcp->keep_idle_s;
    case LINUX_TCP_KEEPINTVL:
        return tcp->keep_interval_s;
    case LINUX_TCP_KEEPCNT:
        return tcp->keep_count;
    case LINUX_TCP_SYNCNT:
        return tcp->syn_count;
    case LINUX_TCP_LINGER2:
        return tcp->linger_2_s;
    case LINUX_TCP_DEFER_ACCEPT:
        return tcp->defer_s;
    case LINUX_TCP_QUICKACK:
        return tcp->answers_quickly;
    case LINUX_TCP_USER_TIMEOUT:
        return tcp->user_timeout_ms;
    default:
        return -LINUX_ENOPROTOOPT;
    }
}

int tcp_get_option(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *size_bytes) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    if (level != LINUX_IPPROTO_TCP)
        return inet_get_option(socket, level, option, value, size_bytes);
    if (option == LINUX_TCP_CONGESTION)
        return give_congestion(value, size_bytes);
    inet_lock(tcp->inet.domain);
    int64_t number = number_of(tcp, option);
    if (option == LINUX_TCP_INFO)
        number = give_info(tcp, value, size_bytes);
    inet_unlock(tcp->inet.domain);
    if (option == LINUX_TCP_INFO || number == -LINUX_ENOPROTOOPT)
        return (int)number;
    return socket_give_number(value, size_bytes, (int32_t)number);
}

static int set_ranged(uint32_t *value, int32_t number, int32_t most) {
    if (number < 1 || number > most)
        return -LINUX_EINVAL;
    *value = (uint32_t)number;
    return 0;
}

/* Locked. */
static int set_number(struct tcp_socket *tcp, uint32_t option, int32_t number) {
    int status;
    switch (option) {
    case LINUX_TCP_NODELAY:
        tcp->has_no_delay = number != 0;
        return 0;
    case LINUX_TCP_CORK:
        tcp->is_corked = number != 0;
        return 0;
    case LINUX_TCP_QUICKACK:
        tcp->answers_quickly = number != 0;
        return 0;
    case LINUX_TCP_MAXSEG:
        if (number != 0 && (number < SEGMENT_LEAST || number > 32767))
            return -LINUX_EINVAL;
        tcp->segment_max_wanted = (uint32_t)number;
        return 0;
    case LINUX_TCP_KEEPIDLE:
        status = set_ranged(&tcp->keep_idle_s, number, KEEP_SECONDS_MAX);
        if (status == 0)
            tcp_set_keep_timer(tcp);
        return status;
    case LINUX_TCP_KEEPINTVL:
        return set_ranged(&tcp->keep_interval_s, number, KEEP_SECONDS_MAX);
    case LINUX_TCP_KEEPCNT:
        return set_ranged(&tcp->keep_count, number, KEEP_COUNT_MAX);
    case LINUX_TCP_SYNCNT:
        return set_ranged(&tcp->syn_count, number, SYN_COUNT_MAX);
    case LINUX_TCP_LINGER2:
        tcp->linger_2_s = number < 0 ? -1 : number == 0 || number > 120 ? 60 : number;
        return 0;
    case LINUX_TCP_DEFER_ACCEPT: /* an accepted connection without bytes yet does no harm here */
        tcp->defer_s = number > 0 ? (uint32_t)number : 0;
        return 0;
    case LINUX_TCP_USER_TIMEOUT:
        if (number < 0)
            return -LINUX_EINVAL;
        tcp->user_timeout_ms = (uint32_t)number;
        return 0;
    default:
        return -LINUX_ENOPROTOOPT;
    }
}

/* Options that all sockets have, and that change what this one does. */
static int set_general(struct tcp_socket *tcp, uint32_t level, uint32_t option) {
    if (level != LINUX_SOL_SOCKET || option != LINUX_SO_KEEPALIVE)
        return -LINUX_ENOPROTOOPT;
    inet_lock(tcp->inet.domain);
    tcp_set_keep_timer(tcp);
    inet_unlock(tcp->inet.domain);
    return 0;
}

int tcp_set_option(struct socket *socket, uint32_t level, uint32_t option, const void *value, uint32_t size_bytes) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    int32_t number;
    if (level != LINUX_IPPROTO_TCP) {
        int status = set_general(tcp, level, option);
        return status == 0 ? 0 : inet_set_option(socket, level, option, value, size_bytes);
    }
    if (option == LINUX_TCP_CONGESTION)
        return size_bytes >= 4 && memcmp(value, CONGESTION_NAME, 4) == 0 ? 0 : -LINUX_ENOENT;
    if (size_bytes < sizeof(number))
        return -LINUX_EINVAL;
    memcpy(&number, value, sizeof(number));
    inet_lock(tcp->inet.domain);
    int status = set_number(tcp, option, number);
    inet_unlock(tcp->inet.domain);
    return status;
}
