/*
 * Unix sockets: unix(7). Streams, datagrams and sequenced packets between programs of one machine, with descriptors and
 * credentials on the way. Open this first; README.md of the folder above says which file holds what.
 *
 * What is sent is copied into a message, outside of all locks, and put into the queue of whoever receives it. The sender's
 * account is charged for it until it was read, so a sender that nobody reads from comes to its own limit and to nobody else's.
 *
 * One spin lock, that of the domain, guards what sockets are connected to, their queues, names, and counts. It is held for
 * steps of constant length, but for collecting (collect.c), which goes through all sockets that are on their way, a bounded
 * number. Its place in the order of locks (vfs.h) is that of "locks of files". A reader also holds its socket's `reading`,
 * which may wait, and so copies from the first message without a lock: nobody else takes that out.
 *
 * A socket lives while its file, a peer, a message of its own, or a queue of connections holds it.
 */
#ifndef GROVE_NET_UNIX_H
#define GROVE_NET_UNIX_H

#include "kernel/services/net/gate.h"
#include "kernel/services/net/socket.h"
#include "kernel/services/vfs/mount.h"

#define UNIX_BUCKETS 64u
#define UNIX_PATH_BYTES 108u
#define UNIX_NAME_BYTES (2u + UNIX_PATH_BYTES) /* struct sockaddr_un */
#define UNIX_DATAGRAMS_MAX 10u /* that wait at a socket which is not connected to the sender */
#define UNIX_IN_FLIGHT_MAX 4096u /* descriptors that are on their way, in all */
#define UNIX_SOCKETS_MAX 16384u

/* What unix sockets need besides files. */
struct unix_domain {
    struct vfs *vfs;
    /* Who calls. Without locks. */
    void (*look)(struct socket_credentials *credentials);
    const struct net_gate
        *gate; /* whose abstract names those of the caller are; NULL: all share them. Set before the first socket */
    struct spinlock lock;
    struct list names[UNIX_BUCKETS];
    struct list flying; /* sockets that are on their way in messages */
    struct unix_socket *reached; /* of collect.c: a pile, empty in between */
    uint32_t in_flight; /* descriptors that are */
    uint32_t sockets;
    uint32_t next_free_name;
    struct list doomed; /* messages that are being given back */
    bool is_giving_back;
};

void unix_domain_init(struct unix_domain *domain, struct vfs *vfs, void (*look)(struct socket_credentials *));

struct unix_socket;

/*
 * socket: -LINUX_ESOCKTNOSUPPORT: no such type; EPROTONOSUPPORT; ENFILE: UNIX_SOCKETS_MAX are there; ENOMEM. The socket is
 * the caller's until socket_open has a file for it; unix_close gives it up before that.
 */
int unix_create(struct unix_domain *domain, uint32_t type, uint32_t protocol, struct socket **created);
/* socketpair: two that are connected. */
int unix_create_pair(struct unix_domain *domain, uint32_t type, uint32_t protocol, struct socket *pair[2]);
void unix_close(struct socket *socket);

/*
 * A pair whose second end the kernel itself has: the kernel port of a service is one. `arrived` is called, without locks and in
 * the thread of who sent, after a message came or the other end went; it may call unix_kernel_receive until that says EAGAIN.
 */
struct unix_kernel {
    void (*arrived)(struct unix_kernel *kernel);
    uint32_t calls; /* of it that go on. Locked */
    struct wait_queue quiet; /* woken when none does */
    struct socket *socket; /* set by unix_create_kernel_pair */
};
int unix_create_kernel_pair(struct unix_domain *domain, uint32_t type, struct unix_kernel *kernel,
                            struct socket **of_program);
/*
 * One message, never waiting. Files are taken over by the one and given by the other, as in socket_message. Receiving fills
 * message->credentials with who sent it. -LINUX_EAGAIN; EPIPE; sending also ENOMEM, ETOOMANYREFS.
 */
int unix_kernel_send(struct unix_kernel *kernel, struct socket_message *message);
int unix_kernel_receive(struct unix_kernel *kernel, struct socket_message *message);
/*
 * The kernel alone has the other end of what programs send to: a datagram socket at a path, whose node the caller's mask makes. Errors
 * of unix_create and bind; -LINUX_ENAMETOOLONG.
 */
int unix_kernel_bind(struct unix_domain *domain, const struct caller *caller, const char *path,
                     struct unix_kernel *kernel);
/* Waits until `arrived` goes on nowhere any more; so never from inside of it. */
void unix_kernel_close(struct unix_kernel *kernel);

/*
 * A listener of the kernel's own, at a path. Who connects there has no connection of unix sockets: `connect` gives the file of
 * another socket, with a reference, which stands in the place of the connecting one (socket_succeed). It is called without locks,
 * in the context of who connects. Whoever watched the socket with epoll before it connected does not see what comes after.
 */
struct unix_kernel_listener {
    int (*connect)(struct unix_kernel_listener *listener, const struct socket_credentials *who,
                   struct open_file **file);
    struct socket *socket; /* set by unix_kernel_listen */
};
/* The node at `path` takes the place of one that is there. Errors of bind. */
int unix_kernel_listen(struct unix_domain *domain, uint32_t type, const struct caller *caller, const char *path,
                       struct unix_kernel_listener *listener);
/* Nobody connects any more; the node stays. */
void unix_kernel_listen_end(struct unix_kernel_listener *listener);

#endif
