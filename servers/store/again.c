/*
 * Requests that are handled again. Handlers do not know whether they are: they read their message with message_of and keep
 * the request with request_keep. There is one thread, but such handlers nest: one of them may find that a synchronisation is
 * over, and then those that waited for it are handled within.
 *
 * Crash: a request that is kept is not completed, and is delivered to the next instance.
 */
#include "servers/store/again.h"

#include <stdlib.h>

/* On the stack of request_again. */
struct again {
    struct again *outer;
    const struct grove_request *request;
    struct message_copy *copy;
    bool is_kept;
};
static struct again *innermost;

static struct again *find(const struct grove_request *request) {
    struct again *again = innermost;
    while (again != NULL && again->request != request)
        again = again->outer;
    return again;
}

int request_keep(struct grove_request *request) {
    struct again *again = find(request);
    if (again != NULL)
        again->is_kept = true; /* and deferred already */
    return grove_request_defer(request);
}

void request_again(struct grove_request *request, grove_handler *handler, void *context, struct message_copy *copy) {
    struct again again = {.outer = innermost, .request = request, .copy = copy};
    innermost = &again;
    (void)handler(request, context);
    innermost = again.outer;
    free(again.copy);
    if (!again.is_kept)
        grove_request_finish(request);
}

struct message_copy *request_take_copy(const struct grove_request *request) {
    struct again *again = find(request);
    struct message_copy *copy = again != NULL ? again->copy : NULL;
    if (copy != NULL)
        again->copy = NULL;
    return copy;
}

struct message_copy *request_copy(const struct grove_request *request) {
    const struct again *again = find(request);
    return again != NULL ? again->copy : NULL;
}

const void *message_of(const struct grove_request *request, size_t *bytes) {
    const struct message_copy *copy = request_copy(request);
    if (copy != NULL) {
        *bytes = copy->bytes;
        return copy->data;
    }
    const void *slice = grove_request_slice(request, bytes);
    if (slice != NULL)
        return slice;
    *bytes = grove_request_bytes(request);
    return grove_request_data(request);
}
