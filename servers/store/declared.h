/*
 * What manifests say of namespaces (declared.c).
 */
#ifndef SERVERS_STORE_DECLARED_H
#define SERVERS_STORE_DECLARED_H

#include "servers/store/store.h"

/* True: the commit waits until the registry has said what its service's manifest says, and goes on then by itself. */
bool declared_holds(struct store *store, struct grove_request *request, const struct pending *pending);

#endif
