/*
 * The store's four points: hooks may look before and after keys are written, and before and after they are read.
 * Where none is set each of these calls costs a load (points_are_set): that look is inline, what comes behind it is not.
 */
#ifndef SERVERS_STORE_POINTS_H
#define SERVERS_STORE_POINTS_H

#include "servers/store/store.h"

void points_open(struct store *store);
static inline bool points_are_set(const struct store *store, enum grove_hook_point point) {
    return grove_hooks_are_set(store->hooks, point);
}

/* "NAMESPACE KEY" as hooks are shown it: what does not print is "?", what does not fit is cut. `key` NULL: the name alone. */
void points_subject(char subject[GROVE_HOOK_SUBJECT_MAX + 1], const char *name, const uint8_t *key, uint8_t key_bytes);

/* True: the commit waits for the hooks, or behind one of its client that does; it goes on or is answered by itself. */
bool points_ask_commit(struct store *store, struct grove_request *request, const struct pending *pending);
static inline bool points_hold_commit(struct store *store, struct grove_request *request,
                                      const struct pending *pending) {
    return (store->held != NULL || points_are_set(store, GROVE_HOOK_BEFORE_WRITE)) &&
           points_ask_commit(store, request, pending);
}
/* What was written is on the disk. */
void points_tell_written(struct store *store, const char *who, const char *own, const struct transaction *transaction);
static inline void points_written(struct store *store, const char *who, const char *own,
                                  const struct transaction *transaction) {
    if (points_are_set(store, GROVE_HOOK_AFTER_WRITE))
        points_tell_written(store, who, own, transaction);
}

/*
 * True: the read waits for the hooks; `handler` is called again when they agree, and this is false then. `key` as in
 * points_subject; of a range the bytes that all its keys begin with.
 */
bool points_ask_read(struct store *store, struct grove_request *request, const char *name, const uint8_t *key,
                     uint8_t key_bytes, grove_handler *handler);
static inline bool points_hold_read(struct store *store, struct grove_request *request, const char *name,
                                    const uint8_t *key, uint8_t key_bytes, grove_handler *handler) {
    return points_are_set(store, GROVE_HOOK_BEFORE_READ) &&
           points_ask_read(store, request, name, key, key_bytes, handler);
}

/*
 * True: the reply to a read, which is copied, is first shown to the hooks after it, value by value; it is sent, and the
 * request finished, when they are through. `key` NULL: it is a page, in which the keys lie.
 */
bool points_show_reply(struct store *store, struct grove_request *request, const char *name, const uint8_t *key,
                       uint8_t key_bytes, const void *message, size_t bytes);
static inline bool points_hold_reply(struct store *store, struct grove_request *request, const char *name,
                                     const uint8_t *key, uint8_t key_bytes, const void *message, size_t bytes) {
    return points_are_set(store, GROVE_HOOK_AFTER_READ) &&
           points_show_reply(store, request, name, key, key_bytes, message, bytes);
}

#endif
