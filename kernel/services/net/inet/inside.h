/* What the files of internet sockets share. Nothing else includes this. "Locked": the domain's lock is held. */
#ifndef GROVE_NET_INET_INSIDE_H
#define GROVE_NET_INET_INSIDE_H

#include "kernel/services/net/inet/inet.h"
#include "kernel/services/net/inet/ip/address.h"
#include "kernel/services/net/inet/ip/packet.h"
#include "kernel/services/vfs/errors.h"

#define SHUT_RECEIVE 1u
#define SHUT_SEND 2u
#define SHUT_BOTH 3u

/* A port that somebody has. */
struct inet_port {
    struct list link; /* in domain->ports */
    uint16_t number;
    uint32_t users;
    struct list open,
        connected; /* struct inet_socket by port_link: those that packets of anybody may be for; the others */
};

/* What the sockets of both protocols have. Their own structures begin with it. */
struct inet_socket {
    struct socket socket; /* first */
    struct inet_domain *domain;
    enum inet_transport transport;
    uint32_t user; /* who made it */
    bool has_file; /* or did: it was handed to a program */
    bool is_closed; /* by the program, or never its */
    bool has_address, has_port; /* they were asked for, and stay when a connection ends */
    bool is_port_shared; /* chosen for one connection: others to elsewhere may have it too */
    bool is_v6_only;
    struct inet_address bound; /* what it was bound to; local.address may say more while it is connected */
    struct inet_place local, remote; /* remote.port 0: not connected */
    struct inet_port *port; /* NULL: none */
    struct list port_link; /* in it */
    struct list end_link; /* in domain->ended */
    uint32_t shut; /* SHUT_ */
    int error;
    struct list packets; /* received, by link */
    uint64_t waiting_bytes; /* in them */
    uint64_t charged_bytes; /* memory of them */
    struct wait_queue readable, writable; /* by FILE_QUEUE_ */
    struct sleep_lock reading;
    uint8_t type_of_service, time_to_live; /* 0: as usual */
    uint32_t ip_flags; /* enum inet_ip_flag */
    uint32_t path_discovery; /* IP_MTU_DISCOVER, IPV6_MTU_DISCOVER */
    uint32_t multicast_time_to_live, multicast_loops;
    uint32_t priority;
};

enum inet_ip_flag {
    INET_TELLS_INFO = 1, /* IP_PKTINFO */
    INET_TELLS_TIME_TO_LIVE = 2,
    INET_TELLS_SERVICE = 4,
    INET_TELLS_ERRORS = 8, /* IP_RECVERR */
    INET_BINDS_FREELY = 16,
    INET_NO_PORT_YET = 32, /* IP_BIND_ADDRESS_NO_PORT */
};

static inline struct inet_socket *inet_of(struct socket *socket) {
    return list_item(socket, struct inet_socket, socket);
}

static inline const struct vfs_machine *inet_machine(const struct inet_domain *domain) {
    return domain->vfs->machine;
}

static inline uint64_t inet_now_ns(const struct inet_domain *domain) {
    const struct vfs_machine *machine = inet_machine(domain);
    return machine->clock_ns(machine->context);
}

static inline void inet_lock(struct inet_domain *domain) {
    spinlock_lock(&domain->lock);
}

/* ---- ip/loopback.c ---- */

/* Also delivers what is in the device's queue. */
void inet_unlock(struct inet_domain *domain);
/* Locked, and is again at the return: a bounded number of packets. False: there was none, and the lock was never given up. */
bool inet_deliver(struct inet_domain *domain);
/*
 * Locked. Sleep until woken or a moment; what the caller transmitted under this lock was delivered before. 0: look again;
 * -LINUX_EAGAIN: its time is over, and at once if until_ns is 0; -LINUX_EINTR.
 */
int inet_wait(struct inet_socket *socket, struct wait_queue *queue, uint64_t until_ns);
/* Locked. Hand it to the device, which owns it then. */
void inet_transmit(struct inet_domain *domain, struct inet_packet *packet);

/* ---- socket.c ---- */

/* The rest of it is all zero. */
void inet_init_socket(struct inet_socket *socket, struct inet_domain *domain,
                      const struct socket_operations *operations, uint32_t family, uint32_t type);
/* Of two places, which nobody can aim who does not know the domain's secret. */
uint32_t inet_hash(const struct inet_domain *domain, const struct inet_place *first, const struct inet_place *second);
/* Locked. Nobody needs it any more: it is freed when the lock is given up. */
void inet_end(struct inet_socket *socket);
/* Without locks, from inet_unlock: sockets in domain->ended, taken out of it. */
void inet_free_ended(struct inet_domain *domain, struct list *ended);
void inet_wake_readers(struct inet_socket *socket);
void inet_wake_writers(struct inet_socket *socket);
static inline void inet_wake(struct inet_socket *socket) {
    inet_wake_readers(socket);
    inet_wake_writers(socket);
}

/* Where what is sent to an address goes: without one, to this machine, as RFC 1122 has it for a host's own. */
struct inet_address inet_here(const struct inet_socket *socket, const struct inet_address *to);
int inet_take_error(struct socket *socket);

/* ---- ask.c ---- */

/* Without locks: may the current program do this? A destination is inet_here already. Errors of the gate. */
int inet_ask(struct inet_socket *socket, enum gate_use use, const struct inet_place *place);

/* ---- ports.c ---- */

int inet_bind(struct socket *socket, const struct caller *caller, const struct socket_name *name);
/*
 * Locked. A port for one that has none: for itself, or, of TCP, for one connection to its `remote`. -LINUX_EAGAIN, or EADDRNOTAVAIL
 * for a connection: none is free; ENOMEM.
 */
int inet_choose_port(struct inet_socket *socket, bool is_for_connection);
/* Locked. It shares the port of another socket, as an accepted connection does. */
void inet_join_port(struct inet_socket *socket, struct inet_port *port, bool is_connected);
/* Locked. Its number stays to be seen. */
void inet_leave_port(struct inet_socket *socket);
/* Locked. It is connected now, or no more: see inet_port. */
void inet_move_in_port(struct inet_socket *socket, bool is_connected);
/* Locked. Does somebody listen there already whom it may not join? -LINUX_EADDRINUSE. */
int inet_may_listen(struct inet_socket *socket);
/* Locked. Whom a packet to `to` from `from` is for, among those that are bound: the most exact one. NULL: nobody. */
struct inet_socket *inet_find_bound(struct inet_domain *domain, enum inet_transport transport,
                                    const struct inet_place *to, const struct inet_place *from);

/* ---- options.c ---- */

/* Options of SOL_SOCKET, IP and IPV6 for both protocols. -LINUX_ENOPROTOOPT. */
int inet_get_option(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *size_bytes);
int inet_set_option(struct socket *socket, uint32_t level, uint32_t option, const void *value, uint32_t size_bytes);

/* ---- ip/interfaces.c ---- */

/* ioctl: netdevice(7). */
int64_t inet_control(struct socket *socket, uint32_t request, uint64_t argument);

/* ---- tcp/, udp/ ---- */

/* NULL without memory. Whoever calls has counted it. */
struct inet_socket *tcp_make(struct inet_domain *domain, uint32_t family);
struct inet_socket *udp_make(struct inet_domain *domain, uint32_t family);
/* Locked. They own the packet. */
void tcp_input(struct inet_domain *domain, struct inet_packet *packet);
void udp_input(struct inet_domain *domain, struct inet_packet *packet);
/* Locked. Does a TCP socket listen; is it in TIME_WAIT? Of others: false. */
bool tcp_listens(struct inet_socket *socket);
bool tcp_waits_for_time(struct inet_socket *socket);
/* Locked. Is a TCP socket anything but closed? */
bool tcp_is_busy(struct inet_socket *socket);
/* Locked. May a connection from here to its `remote` be made with this port? Ends one in TIME_WAIT that may go. */
bool tcp_may_connect_from(struct inet_socket *socket, uint16_t port);
/* Locked. What is due is done. Returns when the next is. */
uint64_t tcp_run_timers(struct inet_domain *domain);
size_t tcp_size_bytes(void);
size_t udp_size_bytes(void);

#endif
