/*
 * Socket addresses as they come from a container, and as capabilities. Pure functions, tested by themselves.
 */
#ifndef GROVE_LINUX_BROKER_ADDRESS_H
#define GROVE_LINUX_BROKER_ADDRESS_H

#include "grove/abi/capability.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The kernel's own copy. */
struct socket_address {
    socklen_t bytes;
    union {
        sa_family_t family;
        struct sockaddr generic;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
        struct sockaddr_storage storage;
    } u;
};

/*
 * Make an address that was copied from a container fit for a socket of `domain` (AF_INET or AF_INET6): check its length
 * and family and drop what lies behind. A family that Linux takes for another one is replaced by that (AF_UNSPEC means
 * AF_INET on an IPv4 socket, except to connect, where it means "disconnect" and is kept). Returns 0 or a negative error
 * number.
 */
int address_settle(struct socket_address *address, int domain, bool is_connect);
/* "Any" as a destination means this computer (Linux): say so, so that the check is about what will be done. */
void address_settle_destination(struct socket_address *address);
bool address_is_any(const struct socket_address *address);
uint16_t address_port(const struct socket_address *address);
/* The permission of one kind that covers exactly this address; an IPv4 address inside IPv6 counts as IPv4. */
void address_capability(const struct socket_address *address, uint16_t kind, uint8_t transport,
                        struct grove_capability *capability);

#endif
