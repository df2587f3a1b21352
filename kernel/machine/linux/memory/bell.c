/*
 * Doorbells: how an end that sleeps in epoll is woken. A connected pair of datagram sockets, both ends non-blocking; a
 * full queue means that the bell has rung already, so the ringer loses nothing by EAGAIN.
 */
#include "kernel/machine/linux/memory/memory.h"

#include <errno.h>
#include <sys/socket.h>

int machine_bell_create(machine_object ends[2]) {
    int made[2];
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, made) < 0)
        return memory_status(errno);
    ends[0] = made[0];
    ends[1] = made[1];
    return 0;
}
