/*
 * Sockets as open files, whatever family they are of: socket(7). A family says in a table what its sockets do; messages come to
 * it as transfers, addresses and what travels beside the bytes as kernel memory. Reading system calls' arguments is left to
 * whoever serves those.
 *
 * All calls are made without locks, may wait, and answer 0 (or what is said) or the negative of an enum linux_error.
 */
#ifndef GROVE_NET_SOCKET_H
#define GROVE_NET_SOCKET_H

#include "kernel/services/net/constants.h"
#include "kernel/services/vfs/file.h"

#define SOCKET_NAME_BYTES 128u
#define SOCKET_BUFFER_BYTES 212992u /* what a socket may have on its way when nobody says otherwise */
#define SOCKET_BUFFER_MIN 4608u

struct socket;

/* An address as programs lay it out: its family in the first two bytes. */
struct socket_name {
    uint32_t size_bytes; /* 0: none */
    uint8_t bytes[SOCKET_NAME_BYTES];
};

/* As SCM_CREDENTIALS and SO_PEERCRED lay them out. */
struct socket_credentials {
    int32_t process;
    uint32_t user, group;
};

/* A message that is sent or received. */
struct socket_message {
    struct transfer *transfer;
    uint32_t flags; /* LINUX_MSG_ */
    bool may_wait;
    struct socket_name name; /* to whom; from whom */
    const struct caller *caller; /* who sends, for addresses that are paths; NULL: it has no address */
    struct socket_credentials credentials;
    bool has_credentials; /* sent: they were given; received: they are wanted, and are there */
    /*
     * Open files that travel along, a reference each: taken over when the message was sent; the receiver's when it came. Who
     * receives has room for LINUX_SCM_MAX_FD; NULL: those that come are closed, and LINUX_MSG_CTRUNC is told.
     */
    struct open_file **files;
    uint32_t file_count;
    uint32_t told; /* received: LINUX_MSG_TRUNC, and more */
    size_t done_bytes; /* sent; received, with LINUX_MSG_TRUNC the size of a whole datagram */
};

struct socket_operations {
    /* It has this file now, without a reference; NULL: nothing is done. */
    void (*opened)(struct socket *socket, struct open_file *file);
    int (*bind)(struct socket *socket, const struct caller *caller, const struct socket_name *name);
    int (*connect)(struct socket *socket, const struct caller *caller, const struct socket_name *name, bool may_wait);
    int (*listen)(struct socket *socket, uint32_t backlog);
    /* A new socket, which has no file yet. */
    int (*accept)(struct socket *socket, bool may_wait, struct socket **accepted);
    int (*send)(struct socket *socket, struct socket_message *message);
    int (*receive)(struct socket *socket, struct socket_message *message);
    int (*shut_down)(struct socket *socket, uint32_t how);
    /* Its own address, or that of the peer. */
    int (*get_name)(struct socket *socket, bool of_peer, struct socket_name *name);
    uint32_t (*poll)(struct socket *socket, struct wait_queue **queues);
    /* Bytes that can be read: SIOCINQ; bytes on their way: SIOCOUTQ. */
    int64_t (*count)(struct socket *socket, bool of_output);
    /* ioctl, other requests than those; NULL: there are none. -LINUX_ENOTTY. */
    int64_t (*control)(struct socket *socket, uint32_t request, uint64_t argument);
    /*
     * Options that the generic part does not know, and those that it has to be told of. `value` has room for *size_bytes.
     * -LINUX_ENOPROTOOPT.
     */
    int (*get_option)(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *size_bytes);
    int (*set_option)(struct socket *socket, uint32_t level, uint32_t option, const void *value, uint32_t size_bytes);
    /* The error that waits to be told, positive, which is forgotten by that; and whether it takes connections. */
    int (*take_error)(struct socket *socket);
    bool (*is_listening)(struct socket *socket);
    /* The last file is closed. */
    void (*close)(struct socket *socket);
};

/* What all have; a family's own structure begins with it. Options are read without locks. */
struct socket {
    const struct socket_operations *operations;
    struct vfs *vfs;
    /* Another socket's file, counted, that stands in this one's place from when it is set on: once, atomically. NULL: none. */
    struct open_file *successor;
    uint16_t family, type;
    uint32_t protocol;
    uint32_t flags; /* enum socket_flag; atomic */
    uint32_t send_bytes_max, receive_bytes_max;
    uint32_t receive_least; /* SO_RCVLOWAT */
    uint64_t send_timeout_ns, receive_timeout_ns; /* 0: none */
    int32_t linger[2]; /* on or off, seconds */
};

enum socket_flag {
    SOCKET_PASSES_CREDENTIALS = 1,
    SOCKET_REUSES_ADDRESS = 2,
    SOCKET_KEEPS_ALIVE = 4,
    SOCKET_BROADCASTS = 8,
    SOCKET_SHARES_PORT = 16,
    SOCKET_OUT_OF_BAND_INLINE = 32,
    SOCKET_DEBUGS = 64,
    SOCKET_ROUTES_NOT = 128,
};

static inline bool socket_is(const struct socket *socket, enum socket_flag flag) {
    return (__atomic_load_n(&socket->flags, __ATOMIC_RELAXED) & (uint32_t)flag) != 0;
}

void socket_init(struct socket *socket, const struct socket_operations *operations, struct vfs *vfs, uint16_t family,
                 uint16_t type);
/* A file for a socket, which it closes; `flags` are LINUX_O_NONBLOCK. NULL without memory: then the socket is the caller's. */
struct open_file *socket_open(struct socket *socket, uint32_t flags);
/* The socket of a file, or what stands in its place; NULL: it is another file. */
struct socket *socket_of(const struct open_file *file);
/* The one that it was opened with. */
struct socket *socket_first_of(const struct open_file *file);
/* Everything that is done with the file of `socket` is done with that of `successor` from now on, whose reference it takes. */
void socket_succeed(struct socket *socket, struct open_file *successor);

/* The moment at which a wait that begins now ends: MACHINE_FOREVER for none; 0 if it may not wait. */
uint64_t socket_deadline(const struct socket *socket, uint64_t timeout_ns, bool may_wait);

/* getsockopt and setsockopt. -LINUX_ENOPROTOOPT, EINVAL, EPERM, EDOM. */
int socket_get_option(struct socket *socket, uint32_t level, uint32_t option, void *value, uint32_t *size_bytes);
int socket_set_option(struct socket *socket, uint32_t level, uint32_t option, const void *value, uint32_t size_bytes);

/* A number as options carry it. */
int socket_give_number(void *value, uint32_t *size_bytes, int32_t number);

#endif
