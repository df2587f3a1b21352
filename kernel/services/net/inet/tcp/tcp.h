/*
 * TCP: RFC 9293, with window scale (RFC 7323), timeouts of RFC 6298 and congestion control of RFC 5681. Nothing but this folder
 * includes it. All of it is locked by the domain's lock unless it says otherwise.
 *
 * What is sent lies in `sending`, in order, from the first byte that was not acknowledged on. A segment is a part of one of these
 * pieces, never of two, so it carries them without copying. `unsent` is the piece in which the next byte to be sent lies.
 *
 * Every write goes out at once while windows allow: on a loopback small segments cost nobody anything, so there is no Nagle
 * algorithm; TCP_NODELAY and TCP_CORK are remembered and change nothing.
 */
#ifndef GROVE_NET_INET_TCP_H
#define GROVE_NET_INET_TCP_H

#include "kernel/services/net/inet/inside.h"

#define TCP_SEGMENT_MAX 65483u /* what fits into a packet of the loopback, with options that others may send */
#define TCP_SEGMENT_USUAL 536u
#define TCP_PIECE_BYTES 61440u /* one write is made of such */
#define TCP_BUFFER_BYTES 524288u /* each way, when the program has not said how much */
#define TCP_SEND_BUFFER_SHOWN 16384u /* what programs see that have not said */
#define TCP_RECEIVE_BUFFER_SHOWN 131072u
#define TCP_OUT_OF_ORDER_MAX 64u /* segments that wait for one before them */
#define TCP_SCALE 7u

/* As /proc/net/tcp and TCP_INFO number them. */
enum tcp_state {
    TCP_ESTABLISHED = 1,
    TCP_SYN_SENT,
    TCP_SYN_RECEIVED,
    TCP_FIN_WAIT_1,
    TCP_FIN_WAIT_2,
    TCP_TIME_WAIT,
    TCP_CLOSED,
    TCP_CLOSE_WAIT,
    TCP_LAST_ACK,
    TCP_LISTEN,
    TCP_CLOSING,
};

/* What connect(2) knows of a socket, which is not the same: it is connected until somebody has heard that it is no more. */
enum tcp_progress { TCP_UNCONNECTED, TCP_CONNECTING, TCP_CONNECTED, TCP_SHUT_TOO_SOON };

enum tcp_timer {
    TCP_TIMER_RESEND, /* also of a SYN, and to ask whether a window has opened */
    TCP_TIMER_ACK, /* an acknowledgement that waited for data to go with */
    TCP_TIMER_KEEP, /* is the other end still there? */
    TCP_TIMER_END, /* TIME_WAIT, or FIN_WAIT_2 of a socket that nobody has */
    TCP_TIMERS
};

struct tcp_socket {
    struct inet_socket inet; /* first */
    enum tcp_state state;
    enum tcp_progress progress;
    bool is_new; /* accepted, and no file has it yet */
    struct list bucket; /* in domain->connections */

    /* Listening, and waiting at one that does. */
    struct list half_open, accepted; /* struct tcp_socket by in_listener */
    uint32_t half_open_count, accepted_count, backlog;
    struct tcp_socket *listener; /* of one in either list */
    struct list in_listener;

    /* Sending. */
    struct list sending; /* struct inet_bytes, held */
    struct inet_bytes *unsent; /* NULL: all was sent */
    uint64_t sending_charge;
    uint32_t first_sequence; /* of the SYN */
    uint32_t unacknowledged, next; /* the oldest byte that was not, the next one to be sent */
    uint32_t end; /* behind the last byte in `sending`; the FIN's place */
    bool ends, end_was_sent; /* a FIN follows */
    uint32_t window, window_max; /* the other end's */
    uint32_t window_sequence, window_acknowledged; /* of the segment that told it */
    uint8_t send_scale, receive_scale; /* INET_NO_SCALE: the other end knows of none */
    uint32_t segment_max;
    uint32_t congestion_window, slow_start_until, recover; /* RFC 5681, RFC 6582 */
    uint32_t duplicates; /* acknowledgements of the same byte */
    uint32_t partial_bytes; /* acknowledged since congestion_window grew last, in congestion avoidance */

    /* Receiving. */
    uint32_t expected; /* the next byte */
    uint32_t window_end; /* what was promised to the other end */
    struct list early; /* struct inet_packet, in order, behind a gap */
    uint32_t early_count;
    uint32_t unanswered; /* segments that were not acknowledged yet */
    uint32_t first_read_bytes; /* of the first packet that were read */
    bool has_end; /* a FIN came */

    /* Time. */
    uint64_t due_ns[TCP_TIMERS]; /* 0: not set */
    uint64_t fires_ns; /* where it stands in domain->timers, at or before the first of them; 0: not in it */
    struct tree_node in_timers;
    uint64_t challenged_ns; /* when the other end was last told that what it sent cannot be */
    uint64_t heard_ns; /* from the other end */
    uint64_t resend_ns; /* the time-out */
    uint64_t smooth_ns, variation_ns; /* of round trips; 0: none was measured */
    uint64_t timed_ns; /* when `timed` was sent; 0: none is being measured */
    uint32_t timed;
    uint32_t resends; /* of the same byte */
    uint64_t failing_ns; /* since when the other end does not answer; 0: it does */
    uint32_t probes; /* that it has not answered to */
    struct list in_time_wait;

    /* Options. */
    bool has_no_delay, is_corked, answers_quickly;
    uint32_t keep_idle_s, keep_interval_s, keep_count, syn_count, user_timeout_ms, defer_s;
    int32_t linger_2_s;
    uint32_t segment_max_wanted;
};

static inline struct tcp_socket *tcp_of(struct inet_socket *socket) {
    return list_item(socket, struct tcp_socket, inet);
}

static inline struct tcp_socket *tcp_of_socket(struct socket *socket) {
    return tcp_of(inet_of(socket));
}

static inline bool sequence_before(uint32_t first, uint32_t second) {
    return (int32_t)(first - second) < 0;
}

static inline bool tcp_is_in(const struct tcp_socket *tcp, uint32_t states) {
    return (1u << tcp->state & states) != 0;
}

#define TCP_STATE(state) (1u << (state))
/* The other end may still be sent bytes; may still send some. */
#define TCP_CAN_SEND (TCP_STATE(TCP_ESTABLISHED) | TCP_STATE(TCP_CLOSE_WAIT))
#define TCP_CAN_RECEIVE (TCP_STATE(TCP_ESTABLISHED) | TCP_STATE(TCP_FIN_WAIT_1) | TCP_STATE(TCP_FIN_WAIT_2))
#define TCP_IS_CONNECTED \
    (TCP_STATE(TCP_ESTABLISHED) | TCP_STATE(TCP_CLOSE_WAIT) | TCP_STATE(TCP_FIN_WAIT_1) | TCP_STATE(TCP_FIN_WAIT_2))
/* For the program: what waits until old packets are gone is not its affair. */
#define TCP_IS_OVER (TCP_STATE(TCP_CLOSED) | TCP_STATE(TCP_TIME_WAIT))
#define TCP_IS_OPENING (TCP_STATE(TCP_SYN_SENT) | TCP_STATE(TCP_SYN_RECEIVED))

extern const struct socket_operations tcp_operations; /* sockets.c */

/* ---- table.c ---- */

/* A connection gets its place in the table, by both its ends, or loses it. */
void tcp_enter_table(struct tcp_socket *tcp);
void tcp_leave_table(struct tcp_socket *tcp);
struct tcp_socket *tcp_find(struct inet_domain *domain, const struct inet_place *local,
                            const struct inet_place *remote);
/* The first sequence number of a new connection: RFC 6528. */
uint32_t tcp_first_sequence(const struct inet_domain *domain, const struct inet_place *local,
                            const struct inet_place *remote);

/* ---- state.c ---- */

struct tcp_socket *tcp_allocate(struct inet_domain *domain, uint32_t family);
/* It is over: tables, timers, ports and what waits to be sent. `error`, positive, is for who asks next; 0: none. */
void tcp_finish(struct tcp_socket *tcp, int error);
/* The other end said that it is over. */
void tcp_was_reset(struct tcp_socket *tcp);
/* It waits until packets of the connection cannot be on their way any more. */
void tcp_wait_for_time(struct tcp_socket *tcp);
/* It stops, and the other end hears of it by a RST. */
void tcp_abort(struct tcp_socket *tcp, int error);
/* Nothing is to be sent after what is there. */
void tcp_send_end(struct tcp_socket *tcp);
/* Out of whatever list of its listener it is in. */
void tcp_leave_listener(struct tcp_socket *tcp);

/* ---- output.c ---- */

void tcp_begin_sending(struct tcp_socket *tcp, uint32_t first_sequence);
/* A segment without bytes. */
void tcp_send_flags(struct tcp_socket *tcp, uint32_t flags, uint32_t sequence);
void tcp_send_ack(struct tcp_socket *tcp);
/*
 * The same in answer to a segment that cannot be: not often, since two ends that find each other's numbers impossible would answer
 * each other for ever (RFC 5961, 7).
 */
void tcp_challenge(struct tcp_socket *tcp);
/* A SYN, with an ACK if it answers one. */
void tcp_send_syn(struct tcp_socket *tcp);
/* What windows let go. */
void tcp_output(struct tcp_socket *tcp);
/* Once more from the first byte that was not acknowledged: one segment. */
void tcp_send_first_again(struct tcp_socket *tcp);
/* To whoever sent a segment that belongs to no connection. */
void tcp_refuse(struct inet_domain *domain, const struct inet_packet *packet);
uint32_t tcp_receive_limit(const struct tcp_socket *tcp);
uint64_t tcp_send_limit(const struct tcp_socket *tcp);
/* Could the other end send so much more than it knows that telling it is worth a segment? */
bool tcp_has_window_to_tell(const struct tcp_socket *tcp);
/* Some was read: tell the other end if that is worth it. */
void tcp_window_grew(struct tcp_socket *tcp);

/* ---- acknowledged.c ---- */

/* What an acceptable segment says about what was sent. False: it says nothing that could be. */
bool tcp_take_acknowledgement(struct tcp_socket *tcp, const struct inet_packet *packet);

/* ---- arrived.c ---- */

/* Bytes and the end of the stream; the packet is taken over. */
void tcp_take_bytes(struct tcp_socket *tcp, struct inet_packet *packet);

/* ---- timers.c ---- */

void tcp_set_timer(struct tcp_socket *tcp, enum tcp_timer timer, uint64_t in_ns);
static inline void tcp_stop_timer(struct tcp_socket *tcp, enum tcp_timer timer) {
    tcp->due_ns[timer] = 0;
}
void tcp_leave_timers(struct tcp_socket *tcp);
/* The option or the time that keep-alive begins. */
void tcp_set_keep_timer(struct tcp_socket *tcp);
void tcp_measure(struct tcp_socket *tcp, uint64_t round_trip_ns);

/* ---- connect.c ---- */

/* It is as new, but for its options and what it was bound to; the other end hears of it. */
void tcp_disconnect(struct tcp_socket *tcp);

/* ---- connect.c, close.c, send.c, receive.c, options.c: without locks ---- */

int tcp_connect(struct socket *socket, const struct caller *caller, const struct socket_name *name, bool may_wait);
int tcp_listen(struct socket *socket, uint32_t backlog);
int tcp_accept(struct socket *socket, bool may_wait, struct socket **accepted);
int tcp_shut_down(struct socket *socket, uint32_t how);
void tcp_close(struct socket *socket);
int tcp_send(struct socket *socket, struct socket_message *message);
int tcp_receive(struct socket *socket, struct socket_message *message);
int tcp_get_option(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *size_bytes);
int tcp_set_option(struct socket *socket, uint32_t level, uint32_t option, const void *value, uint32_t size_bytes);

#endif
