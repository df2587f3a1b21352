/* The bytes of POLL and ACKNOWLEDGE, checked one part after the other. Pure. docs/formats.md has the layout. */
#ifndef SERVERS_BUS_POLL_MESSAGE_H
#define SERVERS_BUS_POLL_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "grove/bus_protocol.h"

struct poll_message {
    const uint8_t *at; /* the sender's memory: what decides anything is copied */
    size_t left_bytes;
};

/* Each returns 0 with a copy of the next part, or GROVE_INVALID: it is not there, or beyond a limit. */
int poll_message_open(const void *bytes, size_t length_bytes, struct poll_message *message,
                      struct grove_bus_poll *head);
/* The sentence has GROVE_BUS_ERROR_MAX + 1 bytes, and ends with a zero byte. */
int poll_message_acknowledgement(struct poll_message *message, struct grove_bus_acknowledgement *told, char *sentence);
int poll_message_place(struct poll_message *message, struct grove_bus_place *place);

#endif
