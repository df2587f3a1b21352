/* Internet addresses, and how programs lay them out: see address.h; ip(7), ipv6(7), RFC 4291, RFC 6890. */
#include "kernel/services/net/inet/ip/address.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

#define V4_NAME_BYTES 16u /* struct sockaddr_in */
#define V6_NAME_BYTES 28u /* struct sockaddr_in6 */
#define V6_NAME_LEAST 24u /* without its scope, as RFC 2133 had it */
#define V4_ADDRESS_AT 4u
#define V6_ADDRESS_AT 8u

enum inet_reach inet_reach_of(const struct inet_address *address) {
    uint32_t v4 = (uint32_t)address->low;
    if (!inet_is_v4(address)) {
        if (address->high == 0 && address->low == 1)
            return INET_HERE;
        return address->high >> 56 == 0xff ? INET_MULTICAST : INET_NOWHERE;
    }
    if (v4 == UINT32_MAX || v4 == UINT32_C(0x7fffffff))
        return INET_BROADCAST;
    if (v4 >> 24 == 127)
        return INET_HERE;
    return v4 >> 28 == 0xe ? INET_MULTICAST : INET_NOWHERE;
}

/* Bytes in the order in which they are sent. */
static uint64_t number_at(const uint8_t *bytes, uint32_t count) {
    uint64_t number = 0;
    for (uint32_t i = 0; i < count; i++)
        number = number << 8 | bytes[i];
    return number;
}

static void put_number(uint8_t *bytes, uint32_t count, uint64_t number) {
    for (uint32_t i = count; i-- > 0; number >>= 8)
        bytes[i] = (uint8_t)number;
}

static int read_v4(const struct socket_name *name, struct inet_place *place) {
    if (name->size_bytes < V4_NAME_BYTES)
        return -LINUX_EINVAL;
    place->port = (uint16_t)number_at(name->bytes + 2, 2);
    place->address = inet_v4((uint32_t)number_at(name->bytes + V4_ADDRESS_AT, 4));
    return 0;
}

static int read_v6(const struct socket_name *name, struct inet_place *place) {
    if (name->size_bytes < V6_NAME_LEAST)
        return -LINUX_EINVAL;
    place->port = (uint16_t)number_at(name->bytes + 2, 2);
    place->address.high = number_at(name->bytes + V6_ADDRESS_AT, 8);
    place->address.low = number_at(name->bytes + V6_ADDRESS_AT + 8, 8);
    return 0;
}

int inet_read_place(uint16_t family, const struct socket_name *name, struct inet_place *place, bool *is_unspecified) {
    uint16_t told = LINUX_AF_UNSPEC;
    if (name->size_bytes < sizeof(told))
        return -LINUX_EINVAL;
    memcpy(&told, name->bytes, sizeof(told));
    *is_unspecified = told == LINUX_AF_UNSPEC;
    *place = (struct inet_place){.address = {0}};
    if (*is_unspecified)
        return name->size_bytes < V4_NAME_BYTES ? 0 : read_v4(name, place);
    if (family == LINUX_AF_INET6 && told == LINUX_AF_INET6)
        return read_v6(name, place);
    if (family == LINUX_AF_INET && name->size_bytes < V4_NAME_BYTES)
        return -LINUX_EINVAL;
    if (family == LINUX_AF_INET6 && name->size_bytes < V6_NAME_LEAST)
        return -LINUX_EINVAL;
    return told == LINUX_AF_INET && family == LINUX_AF_INET ? read_v4(name, place) : -LINUX_EAFNOSUPPORT;
}

void inet_write_place(uint16_t family, const struct inet_place *place, struct socket_name *name) {
    *name = (struct socket_name){.size_bytes = family == LINUX_AF_INET ? V4_NAME_BYTES : V6_NAME_BYTES};
    memcpy(name->bytes, &family, sizeof(family));
    put_number(name->bytes + 2, 2, place->port);
    if (family == LINUX_AF_INET) {
        put_number(name->bytes + V4_ADDRESS_AT, 4, place->address.low);
        return;
    }
    put_number(name->bytes + V6_ADDRESS_AT, 8, place->address.high);
    put_number(name->bytes + V6_ADDRESS_AT + 8, 8, place->address.low);
}
