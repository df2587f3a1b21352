/*
 * Kernel ports: descriptor 3 of a service, and a shell's connection. To the program it is a sequenced-packet socket whose
 * other end is the kernel; here it is an open file with a queue of packets.
 *
 * In: who sends a packet hands it to the core at once, in its own context (containers.h), so nothing is queued and a sender
 * never waits for room. Out: up to PORT_PACKETS packets wait for the program; then the core hears GROVE_AGAIN, keeps what it
 * has to say, and goes on when a packet was taken. Of objects that go out each packet has references of its own. They are
 * memory, doorbells and pipes, never a port or another socket, so no circle of files can hold itself alive.
 *
 * A port is a socket of its own kind (kernel/services/net/socket.h), so all that is done with sockets is done with it.
 *
 * A port has two holders: the kernel while the instance (or shell) is, and the open file. After the kernel gave it up the
 * program may still take what is there, and then finds the end.
 */
#ifndef GROVE_CONTAINERS_KERNEL_PORT_H
#define GROVE_CONTAINERS_KERNEL_PORT_H

#include "kernel/core/machine.h"
#include "kernel/services/vfs/file.h"

#define PORT_PACKETS 64u

struct port_packet {
    struct list link;
    struct grove_message message;
    uint32_t count;
    struct open_file *files[GROVE_PORT_OBJECTS]; /* counted; who takes one out puts NULL there */
};

/* ---- for tests, and for whoever has the open file ---- */

bool file_is_kernel_port(const struct open_file *file);
/*
 * One packet from a program: `message` is its first size_bytes, or all of sizeof *message where it is longer; the rest is
 * zero. Takes over the references of `files`, whatever comes of it. May sleep, for as long as others ask the kernel something.
 * 0; -LINUX_EPIPE: the kernel has closed it.
 */
int kernel_port_send(struct open_file *file, const struct grove_message *message, size_t size_bytes,
                     struct open_file **files, uint32_t count);
/*
 * The oldest packet, the caller's to give back; NULL with 0: the end. Waits for one unless the file or `is_now` says not
 * to: -LINUX_EAGAIN; -LINUX_EINTR.
 */
int kernel_port_take(struct open_file *file, bool is_now, struct port_packet **packet);
/* Gives up the files that it still has. */
void kernel_port_give_back(struct vfs *vfs, struct port_packet *packet);

/* ---- for containers, with their lock held ---- */

struct kernel_port;
struct news;

/* A port of this container, which has none: its open file, with one reference. GROVE_EXISTS, GROVE_NO_MEMORY. */
int kernel_port_open(machine_container container, bool is_client, struct open_file **file);
/* There is one, nothing was sent through it yet, and somebody hears. */
bool kernel_port_is_silent(machine_container container);
/* The kernel gives it up. Does nothing if there is none. */
void kernel_port_close(machine_container container);
/* Whose news these are; and tell the core of them, once they are off the queue. */
struct kernel_port *kernel_port_of(struct news *news);
void kernel_port_deliver(struct kernel_port *port, uint32_t bits);
/* In place of that, when there is no core any more. */
void kernel_port_drop_news(struct kernel_port *port);
/* Tell the core that there may be memory now. */
void kernel_port_retry(void);

#endif
