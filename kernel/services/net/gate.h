/*
 * Who may reach whom: what families of sockets ask before they do it. The network is a capability; whoever keeps the capabilities
 * (kernel/services/containers) serves this table, and a family asks on behalf of the program that is making the call, which is
 * the current one, whoever made the socket.
 *
 * Asked without spin locks, since it may wait for a moment; and about a copy of the address that the program cannot change any
 * more. What was allowed is then done with that copy. A refusal is told to the program as it is; it was written down already.
 *
 * When a family asks:
 *     bind       before, about the address as the program gave it: port 0 and "any" as such
 *     listen     before, about the address that the socket is bound to; unbound: "any" and port 0. Streams only
 *     connect    before, also of datagram sockets; not to undo it (AF_UNSPEC)
 *     send       of a datagram with an address of its own, before, for each; without one nothing is asked
 *
 * A destination "any" means this computer: gate_ask makes it the loopback before it asks, and the family uses what it says then.
 */
#ifndef GROVE_NET_GATE_H
#define GROVE_NET_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GATE_TCP 6u /* IANA's numbers of protocols */
#define GATE_UDP 17u

enum gate_use { GATE_BIND, GATE_LISTEN, GATE_CONNECT, GATE_SEND };

struct gate_question {
    enum gate_use use;
    uint8_t transport; /* GATE_TCP, GATE_UDP */
    uint8_t family; /* of the address: 4 or 6; one of IPv4 inside of IPv6 may stay as it is */
    uint16_t port; /* in the processor's order */
    uint8_t address[16]; /* in the network's order; of IPv4 the first four bytes */
    /* The answer to a bind to :: of a socket that would take IPv4 too: true, it may not, and takes IPv6 only. */
    bool only_version6;
};

struct net_gate {
    /* 0, or the negative of an enum linux_error to tell: -LINUX_EACCES. */
    int (*ask)(void *context, struct gate_question *question);
    /* In whose space the current program's abstract Unix names are, 0: the kernel's own. Any lock may be held. */
    uint64_t (*name_space)(void *context);
    void *context;
};

/* Is the address 0.0.0.0, ::, or the first inside of IPv6? */
bool gate_is_any(const struct gate_question *question);
/* Is it one of IPv4, by family or inside of IPv6? Then `bytes` is that. */
bool gate_is_version4(const struct gate_question *question, uint8_t bytes[4]);
/* Ask; `gate` NULL: all is allowed. */
int gate_ask(const struct net_gate *gate, struct gate_question *question);

static inline uint64_t gate_name_space(const struct net_gate *gate) {
    return gate != NULL ? gate->name_space(gate->context) : 0;
}

#endif
