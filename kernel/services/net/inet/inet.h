/*
 * Internet sockets: TCP (RFC 9293) and UDP (RFC 768) over IP, as tcp(7), udp(7), ip(7) and ipv6(7) show them to programs. Open
 * this first; README.md of the folder above says which file holds what.
 *
 * The only device so far is the loopback: 127.0.0.0/8 and ::1. What is sent becomes a packet, which is put into the device's queue;
 * whoever gives up the domain's lock takes packets out of that queue, one after the other, and hands them to the protocol they
 * are for, which may put in more. So delivery never recurses, the lock is given up after each packet, and one call delivers a
 * bounded number: what is left is delivered by the thread that runs inet_run, which also runs the timers.
 *
 * Bytes are copied in once, outside of all locks, into memory that is counted: the sender holds it until it was acknowledged, a
 * packet while it is on its way, and the receiver until it was read. They are copied out once.
 *
 * One spin lock, the domain's, guards all sockets, tables, queues and timers. It is held for one packet, or one step of a call.
 * Its place in the order of locks (vfs.h) is that of "locks of files". A reader also holds its socket's `reading`, which may
 * wait, and so copies from the first packets without a lock: nobody else takes those out.
 *
 * A socket lives while a file has it, while it waits to be accepted, and while its protocol still has something to do: to send
 * what is left, or to wait until old packets are gone.
 */
#ifndef GROVE_NET_INET_H
#define GROVE_NET_INET_H

#include "kernel/machine/bare/tree/tree.h"
#include "kernel/services/net/gate.h"
#include "kernel/services/net/socket.h"

#define INET_BUCKETS 1024u
#define INET_PORTS 65536u
#define INET_SOCKETS_MAX 16384u
#define INET_TIME_WAIT_MAX 4096u
#define INET_BYTES_MAX (UINT64_C(32) << 20)

enum inet_transport { INET_TCP, INET_UDP, INET_TRANSPORTS };

/* What /proc/net shows. */
struct inet_counts {
    uint64_t packets, bytes, dropped; /* of the loopback */
    uint64_t connects, accepts, resets, resent;
};

struct inet_domain {
    struct vfs *vfs;
    const struct net_gate *gate; /* who may reach whom; NULL: all may. Set before the first socket */
    struct spinlock lock;
    struct list ports[INET_TRANSPORTS][INET_BUCKETS]; /* struct inet_port */
    uint32_t ports_used[INET_TRANSPORTS][INET_PORTS / 32];
    struct list connections[INET_BUCKETS]; /* of TCP, by both ends */
    struct list loopback; /* struct inet_packet on their way */
    uint32_t loopback_count;
    struct list given_up; /* struct inet_bytes that nobody holds: freed without the lock */
    struct list ended; /* sockets that nobody needs */
    struct list time_wait; /* the oldest first */
    uint32_t time_wait_count;
    struct tree_node *timers;
    uint64_t wakes_ns; /* when inet_run looks at the timers again by itself */
    struct wait_queue work; /* inet_run sleeps here */
    bool is_stopping;
    uint32_t sockets;
    uint64_t bytes, bytes_max; /* of all that is on its way or waits; the first is atomic */
    uint64_t secret[2]; /* first sequence numbers are made with it */
    struct inet_counts counts;
    /* For tests: true if this packet gets lost. NULL: none does. With the lock held. */
    bool (*loses)(struct inet_domain *domain);
};

/* bytes_max: how much memory all sockets together may have for bytes; a socket that has none yet still gets a page. */
void inet_domain_init(struct inet_domain *domain, struct vfs *vfs, uint64_t bytes_max);
/*
 * socket: family is LINUX_AF_INET or LINUX_AF_INET6. -LINUX_EPROTONOSUPPORT, ESOCKTNOSUPPORT; EPERM: raw sockets without CAP_NET_RAW,
 * EPROTONOSUPPORT with it; ENFILE: INET_SOCKETS_MAX are there; ENOMEM. The socket is the caller's until socket_open has a file for it.
 */
int inet_create(struct inet_domain *domain, const struct caller *caller, uint32_t family, uint32_t type,
                uint32_t protocol, struct socket **created);
/* Deliver and run what is due. Returns when to be called again: MACHINE_FOREVER if nothing waits. */
uint64_t inet_step(struct inet_domain *domain);
/* The thread that does so, until inet_stop. */
void inet_run(struct inet_domain *domain);
void inet_stop(struct inet_domain *domain);
/* Connections that no file has are ended at once, without waiting for anything; only sockets with files are left. */
void inet_domain_clear(struct inet_domain *domain);

#endif
