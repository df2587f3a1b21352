/* One packet of the kernel port on a socket: the bytes, and exactly the descriptors that belong to it. */
#ifndef GROVE_LINUX_PORT_PACKET_H
#define GROVE_LINUX_PORT_PACKET_H

#include "kernel/core/machine.h"

/* The length told of a packet whose descriptors did not all arrive: no packet has it, so the core refuses this one. */
#define PACKET_SPOILT UINT32_MAX

struct packet {
    struct grove_message message;
    uint32_t message_bytes; /* true length of what was sent; may exceed the message */
    uint32_t count;
    machine_object objects[GROVE_PORT_OBJECTS];
};

/* Make a socket fit for the calls below: it never blocks. GROVE_INVALID if it is not a sequenced-packet socket. */
int packet_prepare(int descriptor);
/* Receive one packet; its descriptors are the caller's. GROVE_AGAIN, GROVE_CLOSED. */
int packet_receive(int descriptor, struct packet *packet);
/*
 * Send one packet with duplicates of `objects`. GROVE_AGAIN if it must be tried again (*can_be_polled says whether the
 * socket will tell when), GROVE_CLOSED if nobody will read it.
 */
int packet_send(int descriptor, const struct grove_message *message, const machine_object *objects, uint32_t count,
                bool *can_be_polled);

#endif
