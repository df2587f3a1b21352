/*
 * Read-only maps of namespaces (maps.c).
 */
#ifndef SERVERS_STORE_MAPS_H
#define SERVERS_STORE_MAPS_H

#include "grove/store.h"
#include "servers/store/store.h"

int on_map(struct grove_request *request, void *context);
/* A key has changed, and that is on the disk. Then publish what was put. */
void maps_follow(struct store *store, uint32_t namespace, const uint8_t *key, uint8_t key_bytes);
/* `has_missed`: changes are not known any more, so all maps are to be made anew. */
void maps_publish(struct store *store, bool has_missed);
/* The namespace is gone. */
void maps_end(struct store *store, uint32_t namespace);

#endif
