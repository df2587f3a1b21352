/* The table of connections: see tcp.h. */
#include "kernel/services/net/inet/tcp/tcp.h"

#define REUSE_AFTER_NS UINT64_C(1000000000)
#define TIME_WAIT_NS UINT64_C(60000000000)
#define SEQUENCE_SHIFT 10u /* the clock of first sequence numbers: about a microsecond */

static struct list *bucket_of(struct inet_domain *domain, const struct inet_place *local,
                              const struct inet_place *remote) {
    return &domain->connections[inet_hash(domain, local, remote) % INET_BUCKETS];
}

void tcp_enter_table(struct tcp_socket *tcp) {
    if (!list_is_linked(&tcp->bucket))
        list_prepend(bucket_of(tcp->inet.domain, &tcp->inet.local, &tcp->inet.remote), &tcp->bucket);
}

void tcp_leave_table(struct tcp_socket *tcp) {
    list_remove(&tcp->bucket);
}

struct tcp_socket *tcp_find(struct inet_domain *domain, const struct inet_place *local,
                            const struct inet_place *remote) {
    struct list *bucket = bucket_of(domain, local, remote);
    for (struct list *link = bucket->next; link != bucket; link = link->next) {
        struct tcp_socket *tcp = list_item(link, struct tcp_socket, bucket);
        if (inet_same_place(&tcp->inet.local, local) && inet_same_place(&tcp->inet.remote, remote))
            return tcp;
    }
    return NULL;
}

uint32_t tcp_first_sequence(const struct inet_domain *domain, const struct inet_place *local,
                            const struct inet_place *remote) {
    return inet_hash(domain, remote, local) + (uint32_t)(inet_now_ns(domain) >> SEQUENCE_SHIFT);
}

bool tcp_listens(struct inet_socket *socket) {
    return socket->transport == INET_TCP && tcp_of(socket)->state == TCP_LISTEN;
}

bool tcp_waits_for_time(struct inet_socket *socket) {
    return socket->transport == INET_TCP && tcp_of(socket)->state == TCP_TIME_WAIT;
}

bool tcp_is_busy(struct inet_socket *socket) {
    return socket->transport == INET_TCP && tcp_of(socket)->state != TCP_CLOSED;
}

bool tcp_may_connect_from(struct inet_socket *socket, uint16_t port) {
    struct inet_place local = {.address = socket->local.address, .port = port};
    struct tcp_socket *other = tcp_find(socket->domain, &local, &socket->remote);
    if (other == NULL)
        return true;
    if (other->state != TCP_TIME_WAIT)
        return false;
    uint64_t since_ns = other->due_ns[TCP_TIMER_END] - TIME_WAIT_NS;
    if (inet_now_ns(socket->domain) < since_ns + REUSE_AFTER_NS)
        return false;
    tcp_finish(other, 0);
    return true;
}
