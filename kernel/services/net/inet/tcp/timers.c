/* What TCP does after a while: see tcp.h; RFC 6298, RFC 1122 4.2.3.6. A timer that is put off or stopped stays where it is until then. */
#include "kernel/services/net/inet/tcp/tcp.h"

#define SECOND_NS UINT64_C(1000000000)
#define RESEND_LEAST_NS (SECOND_NS / 5)
#define RESEND_MOST_NS (120 * SECOND_NS)
#define RESENDS_MAX 15u
#define RESENDS_MAX_CLOSED 8u /* of one that nobody has any more */
#define SHIFT_MAX 16u
#define FIRED_MAX 64u /* in one go */

struct timer_key {
    uint64_t fires_ns;
    const struct tcp_socket *tcp;
};

static struct tcp_socket *at_node(struct tree_node *node) {
    return list_item(node, struct tcp_socket, in_timers);
}

static int order(const void *key, struct tree_node *node) {
    const struct timer_key *wanted = key;
    const struct tcp_socket *tcp = at_node(node);
    if (wanted->fires_ns != tcp->fires_ns)
        return wanted->fires_ns < tcp->fires_ns ? -1 : 1;
    return wanted->tcp < tcp ? -1 : wanted->tcp > tcp;
}

static const struct tree_kind kind = {.order = order};

void tcp_leave_timers(struct tcp_socket *tcp) {
    struct timer_key key = {.fires_ns = tcp->fires_ns, .tcp = tcp};
    if (tcp->fires_ns != 0)
        tree_remove(&tcp->inet.domain->timers, &kind, &key);
    tcp->fires_ns = 0;
    for (uint32_t timer = 0; timer < TCP_TIMERS; timer++)
        tcp->due_ns[timer] = 0;
}

static void enter(struct tcp_socket *tcp, uint64_t when_ns) {
    struct inet_domain *domain = tcp->inet.domain;
    struct timer_key key = {.fires_ns = tcp->fires_ns, .tcp = tcp};
    if (tcp->fires_ns != 0)
        tree_remove(&domain->timers, &kind, &key);
    key.fires_ns = tcp->fires_ns = when_ns;
    tree_insert(&domain->timers, &kind, &key, &tcp->in_timers);
    if (when_ns < domain->wakes_ns) {
        const struct vfs_machine *machine = inet_machine(domain);
        domain->wakes_ns = when_ns;
        machine->wake(machine->context, &domain->work);
    }
}

void tcp_set_timer(struct tcp_socket *tcp, enum tcp_timer timer, uint64_t in_ns) {
    uint64_t when_ns =
        inet_now_ns(tcp->inet.domain) + (in_ns < RESEND_MOST_NS || timer != TCP_TIMER_RESEND ? in_ns : RESEND_MOST_NS);
    tcp->due_ns[timer] = when_ns;
    if (tcp->fires_ns == 0 || when_ns < tcp->fires_ns)
        enter(tcp, when_ns);
}

void tcp_set_keep_timer(struct tcp_socket *tcp) {
    bool is_connected = tcp_is_in(tcp, TCP_IS_CONNECTED);
    if (!is_connected || !socket_is(&tcp->inet.socket, SOCKET_KEEPS_ALIVE)) {
        tcp_stop_timer(tcp, TCP_TIMER_KEEP);
        return;
    }
    tcp->heard_ns = inet_now_ns(tcp->inet.domain);
    tcp->probes = 0;
    tcp_set_timer(tcp, TCP_TIMER_KEEP, tcp->keep_idle_s * SECOND_NS);
}

void tcp_measure(struct tcp_socket *tcp, uint64_t round_trip_ns) {
    uint64_t sample = round_trip_ns > 0 ? round_trip_ns : 1;
    if (tcp->smooth_ns == 0) {
        tcp->smooth_ns = sample;
        tcp->variation_ns = sample / 2;
    } else {
        uint64_t differs = sample > tcp->smooth_ns ? sample - tcp->smooth_ns : tcp->smooth_ns - sample;
        tcp->variation_ns = (3 * tcp->variation_ns + differs) / 4;
        tcp->smooth_ns = (7 * tcp->smooth_ns + sample) / 8;
    }
    uint64_t resend_ns = tcp->smooth_ns + 4 * tcp->variation_ns;
    tcp->resend_ns = resend_ns < RESEND_LEAST_NS ? RESEND_LEAST_NS : resend_ns;
}

/* ---- one that is due ---- */

static bool is_given_up(struct tcp_socket *tcp, uint64_t now_ns) {
    uint32_t most = tcp_is_in(tcp, TCP_IS_OPENING) ? tcp->syn_count
                    : tcp->inet.is_closed          ? RESENDS_MAX_CLOSED
                                                   : RESENDS_MAX;
    if (tcp->failing_ns == 0)
        tcp->failing_ns = now_ns;
    if (tcp->user_timeout_ms != 0 && !tcp_is_in(tcp, TCP_IS_OPENING))
        return now_ns - tcp->failing_ns >= tcp->user_timeout_ms * (SECOND_NS / 1000);
    return tcp->resends >= most;
}

static void resend(struct tcp_socket *tcp, uint64_t now_ns) {
    bool is_opening = tcp_is_in(tcp, TCP_IS_OPENING);
    bool is_asking = !is_opening && tcp->next == tcp->unacknowledged;
    if (is_asking && tcp->unsent == NULL)
        return;
    if (is_given_up(tcp, now_ns)) {
        is_opening ? tcp_finish(tcp, LINUX_ETIMEDOUT) : tcp_abort(tcp, LINUX_ETIMEDOUT);
        return;
    }
    uint32_t shift = tcp->resends < SHIFT_MAX ? tcp->resends : SHIFT_MAX;
    tcp->resends++;
    if (is_opening) {
        tcp_send_syn(tcp);
        return;
    }
    if (is_asking) {
        tcp_output(tcp);
        if (tcp->next == tcp->unacknowledged) /* an old byte makes the other end tell its window */
            tcp_send_flags(tcp, TCP_ACK, tcp->unacknowledged - 1);
    } else {
        uint32_t half = (tcp->next - tcp->unacknowledged) / 2;
        tcp->slow_start_until = half > 2 * tcp->segment_max ? half : 2 * tcp->segment_max;
        tcp->congestion_window = tcp->segment_max;
        tcp->recover = tcp->next;
        tcp->duplicates = 3; /* what follows is sent again as the gaps are told */
        tcp_send_first_again(tcp);
    }
    tcp_set_timer(tcp, TCP_TIMER_RESEND, tcp->resend_ns << (shift + 1));
}

static void keep(struct tcp_socket *tcp, uint64_t now_ns) {
    uint64_t idle_ns = tcp->keep_idle_s * SECOND_NS, quiet_ns = now_ns - tcp->heard_ns;
    if (quiet_ns < idle_ns) {
        tcp->probes = 0;
        tcp_set_timer(tcp, TCP_TIMER_KEEP, idle_ns - quiet_ns);
    } else if (tcp->probes >= tcp->keep_count) {
        tcp_abort(tcp, LINUX_ETIMEDOUT);
    } else {
        tcp->probes++;
        tcp_send_flags(tcp, TCP_ACK, tcp->unacknowledged - 1);
        tcp_set_timer(tcp, TCP_TIMER_KEEP, tcp->keep_interval_s * SECOND_NS);
    }
}

static bool take_due(struct tcp_socket *tcp, enum tcp_timer timer, uint64_t now_ns) {
    bool is_due = tcp->due_ns[timer] != 0 && tcp->due_ns[timer] <= now_ns;
    if (is_due)
        tcp->due_ns[timer] = 0;
    return is_due;
}

/* After each the connection may be over, and then none is set. */
static void fire(struct tcp_socket *tcp, uint64_t now_ns) {
    if (take_due(tcp, TCP_TIMER_ACK, now_ns))
        tcp_send_ack(tcp);
    if (take_due(tcp, TCP_TIMER_RESEND, now_ns))
        resend(tcp, now_ns);
    if (take_due(tcp, TCP_TIMER_KEEP, now_ns))
        keep(tcp, now_ns);
    if (take_due(tcp, TCP_TIMER_END, now_ns))
        tcp_finish(tcp, 0);
}

static void enter_again(struct tcp_socket *tcp) {
    uint64_t first_ns = UINT64_MAX;
    for (uint32_t timer = 0; timer < TCP_TIMERS; timer++)
        if (tcp->due_ns[timer] != 0 && tcp->due_ns[timer] < first_ns)
            first_ns = tcp->due_ns[timer];
    if (first_ns != UINT64_MAX && (tcp->fires_ns == 0 || first_ns < tcp->fires_ns))
        enter(tcp, first_ns);
}

uint64_t tcp_run_timers(struct inet_domain *domain) {
    static const struct timer_key first = {0};
    for (uint32_t fired = 0; domain->timers != NULL; fired++) {
        struct tcp_socket *tcp = at_node(tree_find_behind(domain->timers, &kind, &first));
        uint64_t now_ns = inet_now_ns(domain);
        if (tcp->fires_ns > now_ns)
            return tcp->fires_ns;
        if (fired == FIRED_MAX)
            return now_ns;
        struct timer_key key = {.fires_ns = tcp->fires_ns, .tcp = tcp};
        tree_remove(&domain->timers, &kind, &key);
        tcp->fires_ns = 0;
        fire(tcp, now_ns);
        enter_again(tcp);
    }
    return MACHINE_FOREVER;
}
