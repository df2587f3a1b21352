/*
 * Requests that are handled again, from their start, after something that they waited for (again.c).
 */
#ifndef SERVERS_STORE_AGAIN_H
#define SERVERS_STORE_AGAIN_H

#include <stddef.h>
#include <stdint.h>

#include "grove/grove.h"

/* A message as it was when others looked at it: its sender cannot change this one. Freed with free. */
struct message_copy {
    size_t bytes;
    bool is_agreed; /* the hooks have looked at it */
    uint8_t data[];
};

/* Keep a request for later: it is deferred, and whoever called its handler leaves it alone. GROVE_NO_MEMORY and others. */
int request_keep(struct grove_request *request);
/*
 * Handle a request that was kept, which is finished unless it is kept again. `copy`, if there is one, takes the place of its
 * message, and is freed.
 */
void request_again(struct grove_request *request, grove_handler *handler, void *context, struct message_copy *copy);
/* The copy under which a request is handled now, to be handed to request_again once more. NULL: none. */
struct message_copy *request_take_copy(const struct grove_request *request);
/* The same, and it stays. */
struct message_copy *request_copy(const struct grove_request *request);
/* The whole message: the copy, the slice if there is one, or what lies in the lane. */
const void *message_of(const struct grove_request *request, size_t *bytes);

#endif
