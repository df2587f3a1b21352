/*
 * Namespaces that a service keeps (remote.c).
 */
#ifndef SERVERS_STORE_REMOTE_H
#define SERVERS_STORE_REMOTE_H

#include "servers/store/store.h"

/* Whether a namespace is kept by a service. */
static inline bool is_remote(const struct namespace *space) {
    return space != NULL && space->provider == NULL;
}
/* False: the transaction concerns no namespace of a service. True: it is answered, now or later, and consumed. */
bool remote_commits(struct store *store, struct grove_request *request, struct pending *pending);
/* Pass a get or a scan on: `head` and what lies behind it, with the namespace's name in place of what was said. */
int remote_reads(struct store *store, struct grove_request *request, const struct namespace *space, const void *head,
                 size_t head_bytes, const void *rest, size_t rest_bytes);

#endif
