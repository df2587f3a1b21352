/*
 * System calls on sockets: socket(2), send(2), recv(2) and their kin, over kernel/services/net. Portable; what they need of the
 * process comes from files/current.h.
 */
#ifndef GROVE_POSIX_SOCKETS_H
#define GROVE_POSIX_SOCKETS_H

#include "kernel/services/net/inet/inet.h"
#include "kernel/services/net/unix/unix.h"
#include "kernel/services/posix/files/memory.h"
#include "kernel/services/posix/files/place.h"

#define SOCKET_CALLS(X) \
    X(socket) \
    X(connect) \
    X(accept) \
    X(sendto) \
    X(recvfrom) \
    X(sendmsg) \
    X(recvmsg) \
    X(shutdown) \
    X(bind) \
    X(listen) \
    X(getsockname) \
    X(getpeername) \
    X(socketpair) \
    X(setsockopt) \
    X(getsockopt) \
    X(accept4) \
    X(recvmmsg) \
    X(sendmmsg)

#define DECLARE_SOCKET_CALL(name) int64_t system_call_##name(const uint64_t arguments[6]);
SOCKET_CALLS(DECLARE_SOCKET_CALL)
#undef DECLARE_SOCKET_CALL

/* Before the first call: the domains of this machine's sockets. A thread has to run inet_run with the second. */
void sockets_prepare(struct vfs *vfs);
extern struct unix_domain sockets_unix;
extern struct inet_domain sockets_inet;

/* A descriptor's file, held, and its socket. -LINUX_EBADF, ENOTSOCK. */
int sockets_find(const struct files *files, uint64_t descriptor, struct open_file **file, struct socket **socket);
/* A descriptor for a new socket, which is closed on failure; `flags` are LINUX_SOCK_NONBLOCK and CLOEXEC. Its number, or an error. */
int64_t sockets_add(const struct files *files, struct socket *socket, uint32_t flags);

/* An address of the program's. -LINUX_EINVAL: too long; EFAULT. */
int sockets_read_name(uint64_t address, uint64_t size_bytes, struct socket_name *name);
/* Tell an address, cut where the program has no more room; its real size goes to size_address. -LINUX_EFAULT, EINVAL. */
int sockets_write_name(const struct socket_name *name, uint64_t address, uint64_t size_address);

#endif
