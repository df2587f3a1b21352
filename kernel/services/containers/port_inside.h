/* What the two files of kernel ports share: the port, and its queue as the socket (port_socket.c) uses it. */
#ifndef GROVE_CONTAINERS_PORT_INSIDE_H
#define GROVE_CONTAINERS_PORT_INSIDE_H

#include "kernel/services/containers/kernel_port.h"
#include "kernel/services/containers/news.h"
#include "kernel/services/net/socket.h"

struct kernel_port {
    struct socket socket; /* first */
    struct news news; /* while it is queued it holds a reference */
    uint32_t references; /* atomic */
    machine_container container;
    bool is_client; /* a shell: its end is the container's end */
    bool is_closed; /* by the kernel; guarded by the lock of containers, and set with the port's lock held too */
    struct spinlock lock; /* of all below */
    bool is_hung_up; /* the program's end is gone */
    bool wants_room; /* the core was told GROVE_AGAIN */
    bool has_spoken; /* something was sent to the program */
    struct list packets;
    uint32_t count;
    struct wait_queue readable, writable;
};

static inline struct kernel_port *port_of(struct socket *socket) {
    return list_item(socket, struct kernel_port, socket);
}

extern const struct socket_operations port_socket_operations;

/* As kernel_port_send. */
int port_submit(struct kernel_port *port, const struct grove_message *message, size_t size_bytes,
                struct open_file **files, uint32_t count);
/* As kernel_port_take, until a moment; 0: without waiting. */
int port_take(struct kernel_port *port, uint64_t until_ns, struct port_packet **packet);
/* The same for MSG_PEEK: a copy of the oldest one, with references of its own, while that stays. Also -LINUX_ENOMEM. */
int port_copy_first(struct kernel_port *port, uint64_t until_ns, struct port_packet **copy);
/* The program's end is gone. */
void port_hang_up(struct kernel_port *port);

#endif
