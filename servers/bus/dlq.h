/*
 * The seam to the dead letters: events that a queue has given up.
 */
#ifndef SERVERS_BUS_DLQ_H
#define SERVERS_BUS_DLQ_H

#include "servers/bus/bus.h"

struct dead_letter {
    const struct grove_bus_image *image; /* the event, whole */
    const struct saved_queue *queue;
    const char *subscriber; /* full name of who had it last, or of a member */
    uint32_t attempts;
    int status; /* of the last attempt; GROVE_EXHAUSTED: it was pushed out of a full queue */
    const char *error; /* for a person */
};

/* Called before the delivery is done with: when it returns, the letter is as safe as it will be. */
void dlq_add(struct bus *bus, const struct dead_letter *letter);

#endif
