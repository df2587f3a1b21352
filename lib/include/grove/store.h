/*
 * The store: keys and values that outlive everything, in namespaces, changed by transactions.
 *
 *     struct grove_store *store;
 *     grove_store_open(NULL, &store);                                  the own namespace, named like the service
 *     grove_store_set(store, "feeder/7", 8, "closed", 6, NULL);        on disk when this returns
 *
 *     struct grove_store_value value;
 *     grove_store_get(store, "feeder/7", 8, &value);
 *     ... value.data, value.length_bytes, value.version ...
 *     grove_store_value_release(&value);
 *
 *     struct grove_store_transaction *transaction;                     all of it, or nothing
 *     grove_store_begin(store, &transaction);
 *     grove_store_transaction_get(transaction, NULL, "a", 1, &value);  noted: the commit fails if it changes meanwhile
 *     grove_store_transaction_set(transaction, NULL, "b", 1, "2", 1, 0);
 *     grove_store_commit(transaction, &version);                       GROVE_AGAIN: somebody was faster, do it again
 *
 * Namespaces are named like services. A service owns the one of its own name and those below it (grid.alarm owns
 * grid.alarm.cache); for others it needs STORE_READ or STORE_WRITE covering the name, or that the owner shares it. A
 * namespace is made by the first write to it. It needs IPC_SEND:system.store to speak with the store at all.
 *
 * Versions: every committed transaction has one, a number that only grows, over all namespaces; an entry has the version
 * of the transaction that wrote it last, and a key that is absent has version 0.
 *
 * Keys are 1 to 255 bytes in byte order, values at most 1 MiB. Keys lie readable on the disk, so that ranges can be
 * found; values are encrypted. Put no secret into a key.
 *
 * Errors of all functions, beside those named at each: those of grove_call. GROVE_DENIED (the sentence says which line of
 * the manifest is missing), GROVE_INVALID (a length or name out of range), GROVE_EXHAUSTED (the quota; the sentence says
 * how much is used), GROVE_FULL, GROVE_IO (the disk), GROVE_CORRUPT (a value failed its check, or the answer is none).
 * After GROVE_TIMED_OUT of a commit it is not known whether it happened: read, or commit again with expectations.
 *
 * Threads: as a channel; one thread at a time.
 */
#ifndef GROVE_STORE_H
#define GROVE_STORE_H

#include "grove/grove.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GROVE_STORE_KEY_MAX 255u
#define GROVE_STORE_VALUE_MAX (1u << 20)
#define GROVE_STORE_OPERATIONS_MAX 256u /* of one transaction, expectations included */
#define GROVE_STORE_TRANSACTION_MAX (2u << 20) /* bytes of one transaction as a message */

struct grove_store; /* a namespace, and the channel to the store */
struct grove_store_transaction;

/*
 * NULL: the namespace of this service's own name. A name without a dot belongs to the own project. Nothing is asked of
 * the store yet. Close it after everything that was made from it.
 */
GROVE_PUBLIC int grove_store_open(const char *namespace_name, struct grove_store **store);
/* The same over a session of one's own (NULL: the default one). */
GROVE_PUBLIC int grove_store_open_with(struct grove_session *session, const char *namespace_name,
                                       struct grove_store **store);
GROVE_PUBLIC void grove_store_close(struct grove_store *store);
/* For calls from now on; 0 is the default: the rest of the request being handled, or 5 s. */
GROVE_PUBLIC void grove_store_set_timeout(struct grove_store *store, uint64_t timeout_ns);
GROVE_PUBLIC const char *grove_store_name(const struct grove_store *store);

/* ---- single keys ---------------------------------------------------------------------------------------------------- */

/* Valid until grove_store_value_release, which must come before the store is closed. */
struct grove_store_value {
    const void *data;
    size_t length_bytes;
    uint64_t version;
    uint64_t expires_ns; /* wall clock, since 1970; 0: never */
    struct grove_answer internal;
};
/* GROVE_NOT_FOUND: there is no such key. */
GROVE_PUBLIC int grove_store_get(struct grove_store *store, const void *key, size_t key_bytes,
                                 struct grove_store_value *value);
GROVE_PUBLIC void grove_store_value_release(struct grove_store_value *value);
/* `version` may be NULL, here and below: the version of the transaction. */
GROVE_PUBLIC int grove_store_set(struct grove_store *store, const void *key, size_t key_bytes, const void *value,
                                 size_t value_bytes, uint64_t *version);
/* The same for a value that is gone after `lifetime_ns` (at least 1 ms, in steps of 1 ms; by the wall clock). */
GROVE_PUBLIC int grove_store_set_for(struct grove_store *store, const void *key, size_t key_bytes, const void *value,
                                     size_t value_bytes, uint64_t lifetime_ns, uint64_t *version);
/* Deleting what is not there is no error. */
GROVE_PUBLIC int grove_store_delete(struct grove_store *store, const void *key, size_t key_bytes, uint64_t *version);
/* Set only if the key has version `expected` (0: is absent). GROVE_AGAIN: it has another. */
GROVE_PUBLIC int grove_store_compare_and_set(struct grove_store *store, const void *key, size_t key_bytes,
                                             uint64_t expected, const void *value, size_t value_bytes,
                                             uint64_t *version);

/* ---- transactions ----------------------------------------------------------------------------------------------------- */

/*
 * A transaction gathers what it will do; the store sees it at the commit, as a whole. Keys that were read through it, and
 * expectations, are checked then: if one has another version, nothing happens and the commit says GROVE_AGAIN. The
 * namespace of each operation is a full name, or NULL for that of `store`. A second write to a key replaces the first.
 * GROVE_TOO_LARGE: the transaction would be over its limits.
 */
GROVE_PUBLIC int grove_store_begin(struct grove_store *store, struct grove_store_transaction **transaction);
/* Reads what is committed, not what this transaction will write. */
GROVE_PUBLIC int grove_store_transaction_get(struct grove_store_transaction *transaction, const char *namespace_name,
                                             const void *key, size_t key_bytes, struct grove_store_value *value);
/* `lifetime_ns` 0: for ever. */
GROVE_PUBLIC int grove_store_transaction_set(struct grove_store_transaction *transaction, const char *namespace_name,
                                             const void *key, size_t key_bytes, const void *value, size_t value_bytes,
                                             uint64_t lifetime_ns);
GROVE_PUBLIC int grove_store_transaction_delete(struct grove_store_transaction *transaction, const char *namespace_name,
                                                const void *key, size_t key_bytes);
/* The key must have this version at the commit (0: be absent). */
GROVE_PUBLIC int grove_store_transaction_expect(struct grove_store_transaction *transaction, const char *namespace_name,
                                                const void *key, size_t key_bytes, uint64_t version);
/* Nothing in the namespace may have changed after `version`: what a scan saw is still all there is. */
GROVE_PUBLIC int grove_store_transaction_expect_namespace(struct grove_store_transaction *transaction,
                                                          const char *namespace_name, uint64_t version);
/* Ends the transaction, whatever it returns. 0: it is on disk. GROVE_AGAIN: a conflict; nothing happened. */
GROVE_PUBLIC int grove_store_commit(struct grove_store_transaction *transaction, uint64_t *version);
/* The same without waiting; `done` runs once, from the run loop or grove_session_dispatch. */
typedef void grove_store_commit_handler(int status, uint64_t version, void *context);
GROVE_PUBLIC int grove_store_commit_start(struct grove_store_transaction *transaction, grove_store_commit_handler *done,
                                          void *context);
GROVE_PUBLIC void grove_store_rollback(struct grove_store_transaction *transaction);

/* ---- scans and snapshots ------------------------------------------------------------------------------------------------ */

/* A state of the whole store, which does not change. Ends with its time, at most 60 s; then reads say GROVE_STALE_HANDLE. */
struct grove_store_snapshot {
    uint64_t id;
    uint64_t version; /* it holds all transactions up to this one, and no later one */
};
GROVE_PUBLIC int grove_store_snapshot(struct grove_store *store, uint64_t lifetime_ns,
                                      struct grove_store_snapshot *snapshot);
GROVE_PUBLIC int grove_store_snapshot_end(struct grove_store *store, const struct grove_store_snapshot *snapshot);
GROVE_PUBLIC int grove_store_get_at(struct grove_store *store, const struct grove_store_snapshot *snapshot,
                                    const void *key, size_t key_bytes, struct grove_store_value *value);

struct grove_store_scan {
    const void *prefix; /* only keys that begin with this; instead of from and to */
    size_t prefix_bytes;
    const void *from, *to; /* from <= key < to; NULL: from the first, to the last */
    size_t from_bytes, to_bytes;
    uint64_t limit; /* at most so many; 0: all */
    bool is_backward;
    bool keys_only; /* values are left out: data NULL, their length is told */
    const struct grove_store_snapshot *snapshot; /* NULL: as committed, page by page */
};
struct grove_store_entry {
    const void *key;
    size_t key_bytes;
    const void *data; /* valid inside the handler */
    size_t length_bytes;
    uint64_t version, expires_ns;
};
/* 0 goes on, anything else ends the scan, which returns it if it is negative. It must not call the store. */
typedef int grove_store_entry_handler(const struct grove_store_entry *entry, void *context);
/* `version` (may be NULL): no entry of the first page is younger; for grove_store_transaction_expect_namespace. */
GROVE_PUBLIC int grove_store_scan(struct grove_store *store, const struct grove_store_scan *scan,
                                  grove_store_entry_handler *handler, void *context, uint64_t *version);

/* ---- watching ------------------------------------------------------------------------------------------------------------ */

struct grove_store_change {
    const void *key;
    size_t key_bytes;
    uint64_t version;
    bool is_deleted; /* by somebody, or because its time was over */
};
typedef void grove_store_change_handler(const struct grove_store_change *change, void *context);
/*
 * Wait until something below the prefix has changed after *version, at most `timeout_ns` (up to 30 s), and tell all
 * such changes in order; *version moves on. Begin with the version of a scan or a read. GROVE_TIMED_OUT: nothing changed.
 * GROVE_STALE_HANDLE: the store no longer knows all changes since then (it keeps the last 1024, and none over its own
 * restart): *version is the newest one, scan again. Changes are told after they are on disk.
 */
GROVE_PUBLIC int grove_store_watch(struct grove_store *store, const void *prefix, size_t prefix_bytes,
                                   uint64_t timeout_ns, grove_store_change_handler *handler, void *context,
                                   uint64_t *version);

/* ---- sharing --------------------------------------------------------------------------------------------------------------- */

enum grove_store_rights { GROVE_STORE_READ = 1u << 0, GROVE_STORE_WRITE = 1u << 1 };
/*
 * Let others read or write the keys below a prefix of this namespace, which the caller must own (shells may share all):
 * `with` is a pattern over names of services ("grid.*", "*.view.>"). Sharing again replaces the rights; no rights end it.
 * The event storage.data.shared.NAMESPACE tells of it.
 */
GROVE_PUBLIC int grove_store_share(struct grove_store *store, const void *prefix, size_t prefix_bytes, const char *with,
                                   uint32_t rights);

/* ---- the read-only map ------------------------------------------------------------------------------------------------------ */

/*
 * What a namespace holds, to be read without a system call: a region that the store alone writes. The namespace must ask
 * for it (`store: {map: true}` in its owner's manifest, or "grove store quota --map on"); GROVE_NOT_FOUND otherwise. It
 * holds values of at most GROVE_STORE_MAP_VALUE_MAX bytes that do not expire; of what is not in it, a read says
 * GROVE_NOT_FOUND, whether it exists or not. It follows each commit within moments. GROVE_STALE_HANDLE: the store was
 * restarted or has made a larger map; open it again. GROVE_TOO_LARGE: the namespace holds more than 32 MiB. Close it before
 * the store.
 */
#define GROVE_STORE_MAP_VALUE_MAX 4096u
struct grove_store_map;
GROVE_PUBLIC int grove_store_map_open(struct grove_store *store, struct grove_store_map **map);
/* Copies at most *value_bytes, and says how long the value is. `version` may be NULL. GROVE_TOO_LARGE: longer than that. */
GROVE_PUBLIC int grove_store_map_get(const struct grove_store_map *map, const void *key, size_t key_bytes, void *value,
                                     size_t *value_bytes, uint64_t *version);
GROVE_PUBLIC void grove_store_map_close(struct grove_store_map *map);

#ifdef __cplusplus
}
#endif

#endif
