/*
 * Internet addresses. Both versions are 128 bits here, as RFC 4291 writes an address of version 4 into one of version 6
 * (::ffff:a.b.c.d), so that one socket can serve both.
 */
#ifndef GROVE_NET_INET_ADDRESS_H
#define GROVE_NET_INET_ADDRESS_H

#include "kernel/services/net/socket.h"

/* In the order in which the bytes are written. */
struct inet_address {
    uint64_t high, low;
};

struct inet_place {
    struct inet_address address;
    uint16_t port; /* 0: none */
};

#define INET_V4_MAPPED (UINT64_C(0xffff) << 32)
#define INET_LOOPBACK_V4 UINT32_C(0x7f000001)

static inline struct inet_address inet_v4(uint32_t address) {
    return (struct inet_address){.low = INET_V4_MAPPED | address};
}

static inline struct inet_address inet_v6_loopback(void) {
    return (struct inet_address){.low = 1};
}

static inline bool inet_is_v4(const struct inet_address *address) {
    return address->high == 0 && address->low >> 32 == 0xffff;
}

/* 0.0.0.0 or :: */
static inline bool inet_is_any(const struct inet_address *address) {
    return address->high == 0 && (address->low == 0 || address->low == INET_V4_MAPPED);
}

static inline bool inet_same_address(const struct inet_address *first, const struct inet_address *second) {
    return first->high == second->high && first->low == second->low;
}

static inline bool inet_same_place(const struct inet_place *first, const struct inet_place *second) {
    return first->port == second->port && inet_same_address(&first->address, &second->address);
}

/* What an address is to this machine, which has a loopback and nothing else. */
enum inet_reach {
    INET_HERE, /* 127.0.0.0/8, ::1 */
    INET_BROADCAST, /* 255.255.255.255, 127.255.255.255 */
    INET_MULTICAST,
    INET_NOWHERE,
};
enum inet_reach inet_reach_of(const struct inet_address *address);

/*
 * The place that a program names, for a socket of a family. *is_unspecified: its family is AF_UNSPEC. -LINUX_EINVAL: too short;
 * EAFNOSUPPORT.
 */
int inet_read_place(uint16_t family, const struct socket_name *name, struct inet_place *place, bool *is_unspecified);
/* As a program of that family sees it. */
void inet_write_place(uint16_t family, const struct inet_place *place, struct socket_name *name);

#endif
