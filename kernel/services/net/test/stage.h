/* Sockets on the stage of the file system layer's tests. */
#ifndef GROVE_NET_TEST_STAGE_H
#define GROVE_NET_TEST_STAGE_H

#include "kernel/services/net/inet/inet.h"
#include "kernel/services/net/socket.h"
#include "kernel/services/net/unix/unix.h"
#include "kernel/services/vfs/test/world.h"

#include <sys/types.h>

struct stage {
    struct world world; /* first */
    struct unix_domain domain;
    struct inet_domain inet;
    struct socket_credentials who; /* calls */
};

void stage_begin(struct stage *stage);
void stage_end(struct stage *stage);
/* A file for a new socket of the unix domain; two that are connected. */
struct open_file *stage_socket(struct stage *stage, uint32_t type);
void stage_pair(struct stage *stage, uint32_t type, struct open_file *pair[2]);

/* The same of the internet: family is LINUX_AF_INET or LINUX_AF_INET6. */
struct open_file *stage_inet_socket(struct stage *stage, uint32_t family, uint32_t type);
/* An address of IP version 4, in the order of the machine. */
struct socket_name stage_inet_name(uint32_t address, uint16_t port);
/* Time passes: everything that is due by then is done. */
void stage_pass(struct stage *stage, uint64_t until_ns);

/* One message, without waiting unless the file may; bytes or an error. `file`, if not NULL, travels along, and stays the test's too. */
int64_t stage_send(struct stage *stage, struct open_file *to, const void *bytes, size_t size, uint32_t flags,
                   const struct socket_name *name, struct open_file *file);
int64_t stage_receive(struct open_file *from, void *bytes, size_t size, uint32_t flags, struct socket_message *message);
uint32_t stage_poll(struct open_file *file);
struct socket_name stage_name(const void *path, size_t size);

#endif
