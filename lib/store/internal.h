/*
 * What the parts of the store's client share.
 *
 *     store.c        open, get, single writes    transaction.c  gathering and committing
 *     scan.c         scans and snapshots         watch.c        changes, sharing
 *     map.c          the read-only map           intent.c       the intent log (grove/intent.h)
 */
#ifndef GROVE_STORE_INTERNAL_H
#define GROVE_STORE_INTERNAL_H

#include "grove/store.h"
#include "grove/store_wire.h"
#include "lib/session/error.h"

struct grove_store {
    struct grove_session *session;
    struct grove_channel *channel;
    struct grove_name name;
    uint64_t timeout_ns;
};

/* Longer messages are lent. */
#define STORE_COPIED_MAX 4096u

/* A message: fixed structure, then bytes. */
struct store_part {
    const void *data;
    size_t bytes;
};
/* Call with all parts as one message. Release the answer. `timeout_ns` 0: the store's own. */
int store_call(struct grove_store *store, uint32_t method, const struct store_part *parts, unsigned count,
               uint64_t timeout_ns, struct grove_answer *answer);
/* The same for a message that lies in one piece. */
int store_call_bytes(struct grove_store *store, uint32_t method, const void *data, size_t bytes, uint64_t timeout_ns,
                     struct grove_answer *answer);
/* The whole answer, which is the slice if there is one; GROVE_CORRUPT (with the sentence) if it is shorter than that. */
int store_answer(const struct grove_answer *answer, void *head, size_t head_bytes, const uint8_t **rest,
                 size_t *rest_bytes);
/* GROVE_INVALID: not 1 to 255 bytes. */
int store_check_key(const void *key, size_t key_bytes);
/* A full name, or the store's own for NULL. */
int store_full_name(const struct grove_store *store, const char *name, struct grove_name *full);
/* The next record of a page. GROVE_CORRUPT: it does not lie inside. */
int store_take_record(const uint8_t **rest, size_t *rest_bytes, struct grove_store_record *record, const uint8_t **key,
                      const uint8_t **value);

#endif
