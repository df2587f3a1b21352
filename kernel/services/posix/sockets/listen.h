/*
 * Activation (LISTEN_FDS, sd_listen_fds(3)): one socket for each NET_BIND address of a spec, bound and, of TCP, listening, before its
 * program is loaded. Made in the context of the program itself, so the gate asks for what its container may do.
 */
#ifndef GROVE_POSIX_LISTEN_H
#define GROVE_POSIX_LISTEN_H

#include "grove/abi/spec.h"
#include "kernel/services/vfs/descriptors.h"

#define LISTEN_SOCKETS_MAX 16u

/*
 * Into the free places of the table from descriptor 3 on, in the order of the spec's capabilities; *count says how many. An address with
 * a range of ports names no socket, and is for programs that bind by themselves. -LINUX_E2BIG: more than LISTEN_SOCKETS_MAX; errors of
 * socket, bind and listen. Those that were made stay in the table then.
 */
int sockets_listen(const struct grove_spec *spec, const struct caller *caller, struct descriptors *descriptors,
                   uint32_t *count);

#endif
