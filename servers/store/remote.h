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
/* Pass on a transaction that fits its quotas. Answers, now or later; consumes it. */
void remote_pass(struct store *store, struct grove_request *request, struct pending *pending);
/* Call a provider by its endpoint. As grove_call_start, or what connecting says. */
int remote_call(struct store *store, const char *endpoint, const struct grove_call *call, grove_answer_handler *done,
                void *context);
/* Pass a get or a scan on: `head` and what lies behind it, with the namespace's name in place of what was said. */
int remote_reads(struct store *store, struct grove_request *request, const struct namespace *space, const void *head,
                 size_t head_bytes, const void *rest, size_t rest_bytes);

#endif
