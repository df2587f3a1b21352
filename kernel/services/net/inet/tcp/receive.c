/* recv(2) on a connection: see tcp.h. One reader at a time, who holds the socket's `reading`. */
#include "kernel/services/net/inet/tcp/tcp.h"

struct stream_read {
    struct socket_message *message;
    uint64_t until_ns;
    size_t least; /* it waits until so many came */
    bool is_peek, is_dropped; /* MSG_TRUNC: nothing is copied */
    struct inet_packet *at; /* the packet in work, when only peeking; NULL: the first */
};

/* Others may read meanwhile: a reader that may not wait does not wait for one that does. */
static int wait_for_more(struct tcp_socket *tcp, uint64_t until_ns) {
    const struct vfs_machine *machine = inet_machine(tcp->inet.domain);
    if (until_ns == 0)
        return inet_wait(&tcp->inet, &tcp->inet.readable, 0);
    sleep_lock_give_up(&tcp->inet.reading, machine);
    int status = inet_wait(&tcp->inet, &tcp->inet.readable, until_ns);
    spinlock_unlock(&tcp->inet.domain->lock);
    sleep_lock_take(&tcp->inet.reading, machine);
    spinlock_lock(&tcp->inet.domain->lock);
    return status;
}

/* Locked. Why nothing more comes: 1 for the end of the stream, 0: it may come, or an error. */
static int check(struct tcp_socket *tcp) {
    int error = tcp->inet.error;
    if (tcp->has_end)
        return 1;
    if (error != 0) {
        tcp->inet.error = 0;
        return -error;
    }
    if ((tcp->inet.shut & SHUT_RECEIVE) != 0)
        return 1;
    return tcp_is_in(tcp, TCP_STATE(TCP_CLOSED) | TCP_STATE(TCP_LISTEN)) ? -LINUX_ENOTCONN : 0;
}

static struct inet_packet *next_of(struct tcp_socket *tcp, const struct stream_read *read) {
    if (read->at == NULL)
        return list_first_item(&tcp->inet.packets, struct inet_packet, link);
    return read->at->link.next != &tcp->inet.packets ? list_item(read->at->link.next, struct inet_packet, link) : NULL;
}

/* Locked. The packet to read from now, in *found; NULL: no more for this read. */
static int find(struct tcp_socket *tcp, struct stream_read *read, struct inet_packet **found) {
    for (;;) {
        *found = next_of(tcp, read);
        if (*found != NULL || read->message->done_bytes >= read->least)
            return 0;
        int status = check(tcp);
        if (status != 0)
            return status > 0 ? 0 : status;
        status = wait_for_more(tcp, read->until_ns);
        if (status != 0)
            return status;
    }
}

/* Locked. So much of the first packet was read. */
static void consume(struct tcp_socket *tcp, struct inet_packet *packet, uint32_t count) {
    struct inet_socket *socket = &tcp->inet;
    tcp->first_read_bytes += count;
    socket->waiting_bytes -= count;
    if (tcp->first_read_bytes < packet->size_bytes)
        return;
    tcp->first_read_bytes = 0;
    socket->charged_bytes -= packet->bytes->charge_bytes;
    list_remove(&packet->link);
    inet_packet_free(socket->domain, packet);
    tcp_window_grew(tcp);
}

/* Copy from one packet, of which `size` bytes were there. */
static int read_packet(struct tcp_socket *tcp, struct stream_read *read, struct inet_packet *packet, uint32_t skipped,
                       uint32_t size) {
    struct socket_message *message = read->message;
    size_t left = message->transfer->left_bytes, done = 0;
    uint32_t wanted = size - skipped;
    int status = 0;
    if (read->is_dropped)
        left = message->done_bytes < left ? left - message->done_bytes : 0;
    wanted = left < wanted ? (uint32_t)left : wanted;
    if (read->is_dropped)
        done = wanted;
    else
        status = inet_bytes_copy(packet->bytes, packet->at + skipped, wanted, message->transfer, &done);
    message->done_bytes += done;
    inet_lock(tcp->inet.domain);
    if (read->is_peek)
        read->at = packet;
    else
        consume(tcp, packet, (uint32_t)done);
    inet_unlock(tcp->inet.domain);
    return status;
}

static bool is_full(const struct stream_read *read) {
    size_t left = read->message->transfer->left_bytes;
    return read->is_dropped ? read->message->done_bytes >= left : left == 0;
}

static int receive_stream(struct tcp_socket *tcp, struct stream_read *read) {
    int status = 0;
    bool goes_on = !is_full(read);
    while (goes_on && status == 0 && !is_full(read)) {
        struct inet_packet *packet;
        uint32_t skipped = 0, size = 0;
        inet_lock(tcp->inet.domain);
        status = find(tcp, read, &packet);
        goes_on = status == 0 && packet != NULL;
        if (goes_on) {
            skipped = packet == list_first_item(&tcp->inet.packets, struct inet_packet, link) ? tcp->first_read_bytes : 0;
            size = packet->size_bytes;
        }
        inet_unlock(tcp->inet.domain);
        if (goes_on)
            status = read_packet(tcp, read, packet, skipped, size);
    }
    return read->message->done_bytes > 0 ? 0 : status;
}

int tcp_receive(struct socket *socket, struct socket_message *message) {
    struct tcp_socket *tcp = tcp_of_socket(socket);
    struct stream_read read = {.message = message,
                               .until_ns = socket_deadline(socket, socket->receive_timeout_ns, message->may_wait),
                               .least = socket->receive_least,
                               .is_peek = (message->flags & LINUX_MSG_PEEK) != 0,
                               .is_dropped = (message->flags & (LINUX_MSG_TRUNC | LINUX_MSG_PEEK)) == LINUX_MSG_TRUNC};
    size_t size = message->transfer->left_bytes;
    if ((message->flags & LINUX_MSG_OOB) != 0)
        return -LINUX_EINVAL;
    if (__atomic_load_n(&tcp->state, __ATOMIC_RELAXED) == TCP_LISTEN)
        return -LINUX_ENOTCONN;
    message->name.size_bytes = 0;
    message->has_credentials = false;
    if (read.is_peek) /* others may read what was seen before the rest comes */
        read.least = 1;
    else if ((message->flags & LINUX_MSG_WAITALL) != 0 || read.least > size)
        read.least = size;
    sleep_lock_take(&tcp->inet.reading, inet_machine(tcp->inet.domain));
    int status = receive_stream(tcp, &read);
    sleep_lock_give_up(&tcp->inet.reading, inet_machine(tcp->inet.domain));
    return status;
}
