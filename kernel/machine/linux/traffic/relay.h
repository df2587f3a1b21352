/*
 * The relay: what groved asks of it, and what its files share.
 *
 * It stands in a network namespace of its own in which every address is its own (relay_network.c). The container's sockets are made
 * there; a connection of the container's to an address ends at the relay, under that address, and the relay's other end is a socket
 * of the host's network, which groved made and passed. So what the container can see of its connections (its address, the peer's)
 * is as without, and all that it sends or is sent passes here.
 *
 * One packet for each request, with descriptors, on a socket of which groved has the other end; one packet for each answer. The
 * container cannot reach that socket; what it says is bytes in its connections, which are never looked at.
 */
#ifndef GROVE_LINUX_TRAFFIC_RELAY_H
#define GROVE_LINUX_TRAFFIC_RELAY_H

#include "kernel/machine/linux/broker/address.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum relay_kind {
    RELAY_SOCKET = 1, /* make one: domain and type; the answer has the descriptor */
    RELAY_CONNECT = 2, /* descriptors: the container's socket, and one of the host's network */
    RELAY_LISTEN = 3, /* the same; `address` is what the container's is bound to */
};
struct relay_request {
    uint32_t kind; /* enum relay_kind */
    uint32_t flags; /* come back with the answer */
    uint64_t call; /* comes back with the answer */
    int32_t domain, type; /* SOCKET */
    int32_t backlog; /* LISTEN */
    struct socket_address address;
};
struct relay_answer {
    uint32_t kind, flags;
    uint64_t call;
    int64_t value; /* or a negative error number */
};

/*
 * Of a container: shared by groved and the relays of all its instances, as one that is finishing and the next one's may run at a time.
 * Bytes are taken from the total before they are read, so together they never pass more.
 */
struct relay_account {
    _Atomic uint64_t rate; /* bytes a second, both ways together */
    _Atomic uint64_t total; /* what may pass in all, both ways together */
    _Atomic uint64_t passed; /* of it, with what is about to be read */
    _Atomic uint32_t news; /* enum relay_news since groved took them, with the bell */
};
enum relay_news {
    RELAY_HAD_TO_WAIT = 1u << 0, /* for the rate */
    RELAY_NEARS_TOTAL = 1u << 1, /* nine tenths of it have passed, or something was refused for it */
};

struct relay {
    int control;
    int bell; /* an eventfd: there are news in the account */
    struct relay_account *account;
};

/*
 * Serve until groved closes its end, and then pass on what is under way, as Linux does for a process that has ended. Never returns.
 */
_Noreturn void relay_run(const struct relay *relay);

/* relay_network.c: a new network in which every address is local. False if it cannot be had. */
bool relay_network_enter(void);

/* relay_connections.c. Descriptors are taken over. */

#define RELAY_WATCHED_MAX 4096u
void connections_open(const struct relay *relay);
/* What is to be watched: returns how many were added; *timeout_ms is made smaller where something waits for the rate. */
unsigned connections_watch(struct pollfd *list, unsigned room, int *timeout_ms);
/* What was added has events. */
void connections_serve(const struct pollfd *list, unsigned count);
/* The container is gone: nothing new comes. */
void connections_end(void);
bool connections_are_left(void);
/* Each is answered, now or when it is done. */
void connections_connect(const struct relay_request *request, int inner, int outer);
void connections_listen(const struct relay_request *request, int inner, int outer);
/* relay.c: the monotonic clock; tell groved. */
uint64_t relay_now_ns(void);
void relay_answer(const struct relay_request *request, int64_t value, int descriptor);

#endif
