/*
 * What the bus is told. At most once: who must not miss a change watches the store itself.
 */
#ifndef SERVERS_STORE_EVENTS_H
#define SERVERS_STORE_EVENTS_H

#include "servers/store/database.h"

/* storage.data.shared.NAMESPACE {service, with, rights, prefix, by}: something was shared, or is no longer. */
void event_shared(const struct catalog_share *share, const char *by);

/* storage.changed.NAMESPACE.KEY {namespace, key, revision, deleted}; tokens of the key are what stands between slashes. */
void event_changed(const char *name, const uint8_t *key, uint8_t key_bytes, uint64_t revision, bool is_deleted);

#endif
