/* What the files of unix sockets share. Nothing else includes this. "Locked": the domain's lock is held. */
#ifndef GROVE_NET_UNIX_INSIDE_H
#define GROVE_NET_UNIX_INSIDE_H

#include "kernel/services/net/held.h"
#include "kernel/services/net/unix/unix.h"
#include "kernel/services/vfs/errors.h"

#define UNIX_STREAM_PAGES 16u /* of one message of a stream; longer ones are several */
#define SHUT_RECEIVE 1u
#define SHUT_SEND 2u
#define SHUT_BOTH 3u

enum unix_state { UNIX_ALONE, UNIX_LISTENS, UNIX_CONNECTED, UNIX_REPLACED /* by what the kernel gave it */ };

/* An address that a socket is bound to. Counted, since accepted sockets have it too. */
struct unix_name {
    uint32_t references; /* locked */
    struct socket_name address;
    uint64_t space; /* of an abstract name: whose it is (gate.h) */
    struct path place; /* of the node; all zero: it is abstract. Counted */
    struct unix_socket *socket; /* who is bound to it, not counted; NULL: gone. Locked */
    struct list link; /* in domain->names */
};

struct unix_files {
    uint32_t count;
    struct open_file *files[]; /* counted */
};

struct unix_message {
    struct list link;
    struct unix_socket *sender; /* counted, and charged */
    struct socket_credentials credentials;
    bool has_credentials; /* one of both ends wants them, so messages of different senders are not read as one */
    struct unix_files *files; /* or NULL */
    uint32_t size_bytes, read_bytes, charge_bytes;
    struct held_bytes held; /* last */
};

struct unix_socket {
    struct socket socket; /* first */
    struct unix_domain *domain;
    uint32_t references; /* locked, as all that follows */
    enum unix_state state;
    bool is_closed; /* its file is, or the kernel's end */
    uint32_t shut; /* SHUT_ */
    int error;
    struct unix_name *name; /* counted */
    struct unix_socket *peer; /* counted */
    struct socket_credentials peer_credentials; /* of whoever connected or listened */
    struct list messages;
    uint32_t message_count;
    uint64_t waiting_bytes;
    uint64_t charged_bytes; /* of its own messages, wherever they are */
    struct list connections; /* of one that listens: struct unix_socket by `link`, counted */
    uint32_t connection_count, connections_max;
    struct list link;
    struct wait_queue readable, writable; /* by FILE_QUEUE_ */
    struct sleep_lock reading;
    struct unix_kernel *kernel; /* the kernel's end */
    struct unix_kernel_listener *listener; /* who takes connections itself */

    struct open_file *file; /* not counted; NULL: none yet */
    uint32_t flights; /* in how many messages its file is */
    struct list flying; /* in domain->flying while it is */
    uint32_t seen, outside; /* of collect.c, as the next */
    struct unix_socket *next_reached;
};

static inline struct unix_socket *unix_of(struct socket *socket) {
    return list_item(socket, struct unix_socket, socket);
}

static inline const struct vfs_machine *unix_machine(const struct unix_socket *socket) {
    return socket->socket.vfs->machine;
}

static inline bool unix_is_stream(const struct unix_socket *socket) {
    return socket->socket.type == LINUX_SOCK_STREAM;
}

/* Streams and sequenced packets. */
static inline bool unix_has_connections(const struct unix_socket *socket) {
    return socket->socket.type != LINUX_SOCK_DGRAM;
}

static inline void unix_lock(struct unix_domain *domain) {
    spinlock_lock(&domain->lock);
}

static inline void unix_unlock(struct unix_domain *domain) {
    spinlock_unlock(&domain->lock);
}

/* ---- socket.c ---- */

extern const struct socket_operations unix_operations;

int unix_make(struct unix_domain *domain, uint32_t type, struct unix_socket **made);
/* Locked. */
static inline struct unix_socket *unix_ref(struct unix_socket *socket) {
    socket->references++;
    return socket;
}
/* Without locks. */
void unix_unref(struct unix_socket *socket);
/* Locked: whoever waits for either looks again. */
void unix_wake(struct unix_socket *socket);
/* Without locks: the kernel's end of a pair has something to look at. */
void unix_tell_kernel(struct unix_socket *socket);

/* ---- names.c: without locks ---- */

/* Are the family and the length such as an address may have? -LINUX_EINVAL. */
int unix_check_name(const struct socket_name *name);
int unix_bind(struct socket *socket, const struct caller *caller, const struct socket_name *name);
/* An abstract name that nobody has, for one that needs any. */
int unix_bind_free(struct unix_socket *socket);
/* The socket that an address leads to, held. -LINUX_ECONNREFUSED, EPROTOTYPE, EINVAL; errors of walk. */
int unix_find(struct unix_socket *from, const struct caller *caller, const struct socket_name *name,
              struct unix_socket **found);
void unix_name_unref(struct unix_domain *domain, struct unix_name *name);
/* Locked: it is bound to it no more. */
void unix_name_forget(struct unix_socket *socket);
int unix_get_name(struct socket *socket, bool of_peer, struct socket_name *name);
/* Locked: as programs see it; NULL: without a name. */
void unix_tell_name(const struct unix_name *from, struct socket_name *name);

/* ---- connect.c ---- */

int unix_connect(struct socket *socket, const struct caller *caller, const struct socket_name *name, bool may_wait);
int unix_listen(struct socket *socket, uint32_t backlog);
int unix_accept(struct socket *socket, bool may_wait, struct socket **accepted);
int unix_shut_down(struct socket *socket, uint32_t how);
/* Locked: make two sockets each other's peer. */
void unix_join(struct unix_socket *first, struct unix_socket *second);
/*
 * Locked: a datagram socket is no longer connected to `before`. What it did not read is lost, by appending it to *lost; then
 * one that was connected to it in turn hears of it.
 */
void unix_leave(struct unix_socket *socket, struct unix_socket *before, struct list *lost);
/* Locked: may a datagram go there? Only to one that is connected to nobody else. */
bool unix_may_send(const struct unix_socket *from, const struct unix_socket *to);

/* ---- message.c ---- */

/* A message with room for so many bytes, charged to nobody yet. NULL without memory. */
struct unix_message *unix_message_create(struct unix_domain *domain, uint32_t size_bytes);
/* Give messages back, which may close sockets with messages of their own: in rounds, not one inside the other. */
void unix_messages_give_back(struct unix_domain *domain, struct list *messages);
int unix_message_fill(struct unix_message *message, struct transfer *transfer);
/* Copy out from `at` on, at most size bytes. What was copied goes into *done_bytes. */
int unix_message_copy(struct unix_message *message, uint32_t at, uint32_t size, struct transfer *transfer,
                      size_t *done_bytes);
/* Locked: charge it to its sender, and the other way round. */
void unix_message_charge(struct unix_message *message, struct unix_socket *sender);
void unix_message_queue(struct unix_socket *to, struct unix_message *message);
void unix_message_take(struct unix_socket *from, struct unix_message *message);

/* ---- send.c, receive.c ---- */

int unix_send(struct socket *socket, struct socket_message *message);
int unix_receive(struct socket *socket, struct socket_message *message);

/* ---- collect.c ---- */

/* Locked: these files are in a message from now on, or no more. */
void unix_files_fly(struct unix_domain *domain, const struct unix_files *files);
void unix_files_land(struct unix_domain *domain, const struct unix_files *files);
/* Without locks: close what only messages that nobody can read hold. */
void unix_collect(struct unix_domain *domain);

#endif
