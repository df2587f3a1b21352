/* Sockets that are made before a program begins: see listen.h. */
#include "kernel/services/posix/sockets/listen.h"

#include "kernel/services/posix/sockets/sockets.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define FIRST_DESCRIPTOR 3u
#define BACKLOG 1024u
#define ADDRESS4_AT 4u /* where in struct sockaddr_in, and in struct sockaddr_in6 below */
#define ADDRESS4_BYTES 16u
#define ADDRESS6_AT 8u
#define ADDRESS6_BYTES 28u

static struct socket_name name_of(const struct grove_address *address) {
    bool is_version6 = address->family == 6;
    uint16_t family = is_version6 ? LINUX_AF_INET6 : LINUX_AF_INET;
    struct socket_name name = {.size_bytes = is_version6 ? ADDRESS6_BYTES : ADDRESS4_BYTES};
    memcpy(name.bytes, &family, sizeof(family));
    name.bytes[2] = (uint8_t)(address->port_first >> 8);
    name.bytes[3] = (uint8_t)address->port_first;
    memcpy(name.bytes + (is_version6 ? ADDRESS6_AT : ADDRESS4_AT), address->bytes, is_version6 ? 16 : 4);
    return name;
}

static int make(const struct grove_address *address, const struct caller *caller, struct socket **made) {
    const struct socket_name name = name_of(address);
    uint32_t type = address->transport == GATE_UDP ? LINUX_SOCK_DGRAM : LINUX_SOCK_STREAM;
    struct socket *socket;
    int status =
        inet_create(&sockets_inet, caller, address->family == 6 ? LINUX_AF_INET6 : LINUX_AF_INET, type, 0, &socket);
    if (status != 0)
        return status;
    __atomic_or_fetch(&socket->flags, (uint32_t)SOCKET_REUSES_ADDRESS, __ATOMIC_RELAXED);
    status = socket->operations->bind(socket, caller, &name);
    if (status == 0 && type == LINUX_SOCK_STREAM)
        status = socket->operations->listen(socket, BACKLOG);
    if (status == 0)
        *made = socket;
    else
        socket->operations->close(socket);
    return status;
}

static int add(struct socket *socket, struct descriptors *descriptors) {
    uint32_t number;
    struct open_file *file = socket_open(socket, 0);
    if (file == NULL) {
        socket->operations->close(socket);
        return -LINUX_ENOMEM;
    }
    int status = descriptors_add(descriptors, file, FIRST_DESCRIPTOR, false, &number);
    if (status != 0)
        file_unref(file);
    return status;
}

static bool names_a_socket(const struct grove_capability *capability) {
    const struct grove_address *address = &capability->argument.value.address;
    return capability->kind == GROVE_CAP_NET_BIND && capability->argument.kind == GROVE_ARGUMENT_ADDRESS &&
           address->port_first == address->port_last;
}

int sockets_listen(const struct grove_spec *spec, const struct caller *caller, struct descriptors *descriptors,
                   uint32_t *count) {
    int status = 0;
    *count = 0;
    for (uint32_t i = 0; i < spec->capabilities.count && status == 0; i++) {
        struct grove_capability capability;
        struct socket *socket = NULL;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        if (!names_a_socket(&capability))
            continue;
        if (*count == LISTEN_SOCKETS_MAX)
            return -LINUX_E2BIG;
        status = make(&capability.argument.value.address, caller, &socket);
        if (status == 0)
            status = add(socket, descriptors);
        *count += status == 0;
    }
    return status;
}
