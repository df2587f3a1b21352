/* What is on its way: packets, and the bytes in them. */
#ifndef GROVE_NET_INET_PACKET_H
#define GROVE_NET_INET_PACKET_H

#include "kernel/services/net/held.h"
#include "kernel/services/net/inet/inet.h"
#include "kernel/services/net/inet/ip/address.h"

#define INET_PAGES_MAX 16u
#define INET_NO_SCALE 0xffu

/* Bytes that several hold. What was written into them stays as it is; there may be room behind. */
struct inet_bytes {
    struct list link; /* in its sender's queue; then in domain->given_up */
    uint32_t references; /* atomic */
    uint32_t sequence; /* of the first byte, for its sender */
    uint32_t size_bytes; /* of the room */
    uint32_t charge_bytes; /* memory */
    struct held_bytes held; /* last */
};

enum tcp_flag { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PUSH = 8, TCP_ACK = 16 };

/* A segment of TCP or a datagram of UDP, with what IP's header says of it. */
struct inet_packet {
    struct list link;
    struct inet_place from, to;
    enum inet_transport transport;
    uint8_t type_of_service, time_to_live;
    /* TCP */
    uint8_t flags; /* enum tcp_flag */
    uint8_t scale; /* of a SYN: the shift of windows; INET_NO_SCALE: none is told */
    uint16_t segment_max; /* of a SYN: the longest that it takes; 0: not told */
    uint16_t window;
    uint32_t sequence, acknowledged;
    /* The bytes that it carries, held. */
    struct inet_bytes *bytes; /* or NULL: none */
    uint32_t at, size_bytes;
};

/* Room for so many bytes, held once. NULL without memory. Without locks or with them. */
struct inet_bytes *inet_bytes_create(struct inet_domain *domain, uint32_t room_bytes);
static inline struct inet_bytes *inet_bytes_ref(struct inet_bytes *bytes) {
    __atomic_add_fetch(&bytes->references, 1, __ATOMIC_RELAXED);
    return bytes;
}
/* Locked: memory is given back when the lock is. */
void inet_bytes_unref(struct inet_domain *domain, struct inet_bytes *bytes);
/* Without locks. */
void inet_bytes_drop(struct inet_domain *domain, struct inet_bytes *bytes);
void inet_bytes_free_all(struct inet_domain *domain, struct list *given_up);
/* Without locks: fill the room from a program. -LINUX_EFAULT. */
int inet_bytes_fill(struct inet_bytes *bytes, struct transfer *transfer);
/* Without locks: to a program. What was copied goes into *done_bytes. -LINUX_EFAULT. */
int inet_bytes_copy(struct inet_bytes *bytes, uint32_t at, uint32_t size, struct transfer *transfer,
                    size_t *done_bytes);
/* Append a part of others to bytes with room for them. */
void inet_bytes_append(struct inet_bytes *to, struct inet_bytes *from, uint32_t at, uint32_t size);
/* May a socket take so many more, that has `charged` already? */
bool inet_has_memory(const struct inet_domain *domain, uint64_t charged_bytes);

/* All zero but for its transport; NULL without memory. */
struct inet_packet *inet_packet_create(struct inet_domain *domain, enum inet_transport transport);
/* Locked. */
void inet_packet_free(struct inet_domain *domain, struct inet_packet *packet);
void inet_packets_free(struct inet_domain *domain, struct list *packets);

#endif
