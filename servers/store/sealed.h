/*
 * Values that a service keeps for the store, encrypted before it sees them (sealed.c).
 */
#ifndef SERVERS_STORE_SEALED_H
#define SERVERS_STORE_SEALED_H

#include "servers/store/store.h"

static inline bool is_sealed(const struct namespace *space) {
    return space != NULL && (space->flags & GROVE_STORE_NAMESPACE_SEALED) != 0;
}
/* The value of a SET into value_bytes + SEAL_OVERHEAD bytes. GROVE_CORRUPT: the namespace's key cannot be read. */
int sealed_close(struct store *store, struct namespace *space, const struct operation *operation, uint8_t *sealed);
/*
 * The reply to a get (`key`), or to a scan (NULL), with its values opened: malloc'ed, *opened_bytes long. GROVE_CORRUPT: it is
 * malformed, or a value is not what was given to the provider for that key. GROVE_NO_MEMORY.
 */
int sealed_open(struct store *store, struct namespace *space, const uint8_t *key, uint8_t key_bytes,
                const uint8_t *reply, size_t bytes, uint8_t **opened, size_t *opened_bytes);

#endif
