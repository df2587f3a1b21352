/*
 * The seam to the dead letters: events that a queue has given up. They are files (letters.h), so the next instance has
 * them; a letter that was just written is made to outlive the machine as soon as nothing else is to be done.
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

/* The bus's folder, NULL: none; then letters are said on standard error, and nothing else. */
int dlq_open(struct bus *bus, const char *path);
void dlq_close(struct bus *bus);
/* Called before the delivery is done with: when it returns, the letter outlives the bus. */
void dlq_add(struct bus *bus, const struct dead_letter *letter);
uint64_t dlq_count(const struct bus *bus);
/* So many are kept as is configured now. */
void dlq_limit(struct bus *bus);
/* Letters that are not made sure of: begin to. True: something was begun. */
bool dlq_rest(struct bus *bus);

int on_dead_letter_next(struct grove_request *request, void *bus);
int on_dead_letter_data(struct grove_request *request, void *bus);
int on_dead_letter_replay(struct grove_request *request, void *bus);
int on_dead_letter_purge(struct grove_request *request, void *bus);

#endif
