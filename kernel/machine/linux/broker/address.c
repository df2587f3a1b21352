/* Socket addresses, see address.h. */
#include "kernel/machine/linux/broker/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Linux accepts IPv6 addresses without the scope, which was added later. */
#define IN6_BYTES_MIN offsetof(struct sockaddr_in6, sin6_scope_id)
#define MAPPED_PREFIX_BYTES 12

static int settle_in(struct socket_address *address) {
    if (address->bytes < sizeof address->u.in)
        return -EINVAL;
    address->bytes = sizeof address->u.in;
    address->u.in.sin_family = AF_INET;
    memset(address->u.in.sin_zero, 0, sizeof address->u.in.sin_zero);
    return 0;
}

static int settle_in6(struct socket_address *address) {
    if (address->bytes < IN6_BYTES_MIN)
        return -EINVAL;
    if (address->bytes < sizeof address->u.in6)
        address->u.in6.sin6_scope_id = 0;
    address->bytes = sizeof address->u.in6;
    return 0;
}

int address_settle(struct socket_address *address, int domain, bool is_connect) {
    if (address->bytes < sizeof address->u.family)
        return -EINVAL;
    if (address->u.family == AF_UNSPEC && is_connect)
        return 0;
    if (address->u.family == AF_INET || (address->u.family == AF_UNSPEC && domain == AF_INET))
        return settle_in(address);
    if (address->u.family == AF_INET6 && domain == AF_INET6)
        return settle_in6(address);
    return -EAFNOSUPPORT;
}

static bool is_mapped(const struct socket_address *address) {
    return address->u.family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&address->u.in6.sin6_addr);
}

static bool is_mapped_any(const struct socket_address *address) {
    static const uint8_t zero[4];
    return is_mapped(address) && memcmp(address->u.in6.sin6_addr.s6_addr + MAPPED_PREFIX_BYTES, zero, 4) == 0;
}

bool address_is_any(const struct socket_address *address) {
    if (address->u.family == AF_INET)
        return address->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
    return is_mapped_any(address) || IN6_IS_ADDR_UNSPECIFIED(&address->u.in6.sin6_addr);
}

void address_settle_destination(struct socket_address *address) {
    if (!address_is_any(address))
        return;
    const uint32_t loopback = htonl(INADDR_LOOPBACK);
    if (address->u.family == AF_INET)
        address->u.in.sin_addr.s_addr = loopback;
    else if (is_mapped_any(address))
        memcpy(address->u.in6.sin6_addr.s6_addr + MAPPED_PREFIX_BYTES, &loopback, sizeof loopback);
    else
        address->u.in6.sin6_addr = in6addr_loopback;
}

uint16_t address_port(const struct socket_address *address) {
    return ntohs(address->u.family == AF_INET ? address->u.in.sin_port : address->u.in6.sin6_port);
}

void address_capability(const struct socket_address *address, uint16_t kind, uint8_t transport,
                        struct grove_capability *capability) {
    memset(capability, 0, sizeof *capability);
    capability->kind = kind;
    capability->rights = GROVE_RIGHT_USE;
    capability->argument.kind = GROVE_ARGUMENT_ADDRESS;
    struct grove_address *wanted = &capability->argument.value.address;
    wanted->transport = transport;
    wanted->port_first = wanted->port_last = address_port(address);
    if (address->u.family == AF_INET || is_mapped(address)) {
        wanted->family = 4;
        wanted->prefix_bits = 32;
        if (address->u.family == AF_INET)
            memcpy(wanted->bytes, &address->u.in.sin_addr, 4);
        else
            memcpy(wanted->bytes, address->u.in6.sin6_addr.s6_addr + MAPPED_PREFIX_BYTES, 4);
    } else {
        wanted->family = 6;
        wanted->prefix_bits = 128;
        memcpy(wanted->bytes, &address->u.in6.sin6_addr, 16);
    }
}
