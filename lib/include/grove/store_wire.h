/*
 * What is said to the store, on the endpoint "system.store", and by the store to a provider that is a service of its own.
 * Most programs want store.h, which says it for them.
 *
 * Fixed structures in the byte order of the processor, which is little-endian on all machines, each beginning with
 * GROVE_STORE_VERSION; a structure of a version never changes, new methods are appended. Behind a structure come the
 * bytes whose lengths it names, in the order of the length fields, without padding unless said. An error carries a
 * sentence for a person.
 *
 * Large requests and replies travel as the record's slice: if there is one, it is the whole message.
 */
#ifndef GROVE_STORE_WIRE_H
#define GROVE_STORE_WIRE_H

#include "grove/abi/port.h"

#define GROVE_STORE_ENDPOINT "system.store"
#define GROVE_STORE_PROTOCOL_VERSION 1u

enum grove_store_method {
    GROVE_STORE_COMMIT = 1, /* grove_store_transaction_head, operations -> grove_store_outcome */
    GROVE_STORE_GET = 2, /* grove_store_get_request -> grove_store_record, value */
    GROVE_STORE_SCAN = 3, /* grove_store_scan_request -> grove_store_page, records */
    GROVE_STORE_SNAPSHOT = 4, /* grove_store_snapshot_request -> grove_store_snapshot_reply */
    GROVE_STORE_SNAPSHOT_END = 5, /* grove_store_snapshot_request -> empty */
    GROVE_STORE_WATCH = 6, /* grove_store_watch_request -> grove_store_page, records without values */
    GROVE_STORE_NAMESPACES = 7, /* grove_store_namespace_request -> grove_store_page, grove_store_namespace_record */
    GROVE_STORE_CONFIGURE = 8, /* grove_store_namespace_request -> empty */
    GROVE_STORE_DROP = 9, /* grove_store_namespace_request -> empty; the namespace with all it holds */
    GROVE_STORE_ROTATE = 10, /* grove_store_namespace_request (empty name: the master key) -> empty */
    GROVE_STORE_SHARE = 11, /* grove_store_share_request -> empty */
    GROVE_STORE_SHARES = 12, /* grove_store_namespace_request -> grove_store_page, grove_store_share_request and text */
    GROVE_STORE_MAP = 13, /* grove_store_namespace_request -> grove_store_map_reply */
    GROVE_STORE_BACKUP = 14, /* grove_store_copy_request -> grove_store_copy_reply, bytes */
    GROVE_STORE_RESTORE = 15, /* grove_store_copy_request, bytes -> grove_store_copy_reply */
};

/* ---- transactions ---- */

struct grove_store_transaction_head {
    uint32_t version, count; /* operations; each begins at a multiple of 8 */
    uint32_t flags; /* 0 */
    uint32_t total_bytes; /* with this structure */
    /* Set by the store for a provider, which must not apply the same twice; 0 from clients. */
    uint64_t origin, number;
};
enum grove_store_operation_kind {
    GROVE_STORE_SET = 1,
    GROVE_STORE_ERASE = 2,
    GROVE_STORE_EXPECT = 3, /* the key has `version` */
    GROVE_STORE_EXPECT_NAMESPACE = 4, /* no key; nothing in the namespace is younger than `version` */
};
/* Namespace (empty: the client's own), key and value follow, then padding to 8. */
struct grove_store_operation {
    uint16_t kind;
    uint8_t namespace_bytes, key_bytes;
    uint32_t value_bytes;
    uint64_t version; /* EXPECT, EXPECT_NAMESPACE; else 0 */
    uint64_t lifetime_ms; /* SET: 0 for ever */
};
struct grove_store_outcome {
    uint32_t version;
    uint32_t is_conflict; /* 1: nothing happened, because of operation `operation` */
    uint64_t revision; /* of the transaction; of a conflict: what the key or namespace has */
    uint32_t operation, reserved;
};

/* ---- reading ---- */

struct grove_store_get_request {
    uint32_t version, flags; /* 0 */
    uint64_t snapshot; /* 0: as committed */
    uint8_t namespace_bytes, key_bytes, reserved[6];
};
/* Of GET: no key, padding or more than one. In pages each begins at a multiple of 8; key, then value follow. */
struct grove_store_record {
    uint32_t version; /* of the protocol */
    uint32_t value_bytes; /* also where the value itself is left out */
    uint64_t revision; /* 0: there is no such key */
    uint64_t expires_ms; /* wall clock, since 1970; 0 never */
    uint8_t key_bytes, is_deleted, has_value, reserved[5];
};
enum grove_store_scan_flags {
    GROVE_STORE_SCAN_BACKWARD = 1u << 0,
    GROVE_STORE_SCAN_KEYS_ONLY = 1u << 1,
    GROVE_STORE_SCAN_AFTER = 1u << 2, /* leave out the key `from` itself (backward: `to` is left out always) */
    GROVE_STORE_SCAN_TO_END = 1u << 3, /* there is no `to` */
};
struct grove_store_scan_request {
    uint32_t version, flags;
    uint64_t snapshot;
    uint32_t limit; /* 0: as many as a page holds */
    uint8_t namespace_bytes, from_bytes, to_bytes, reserved;
};
struct grove_store_page {
    uint32_t version, count;
    uint32_t has_more; /* 1: go on behind the last key */
    uint32_t is_stale; /* WATCH: changes are missing; scan again */
    uint64_t revision; /* what is older is in it */
};

struct grove_store_snapshot_request {
    uint32_t version, lifetime_ms; /* at most GROVE_STORE_SNAPSHOT_MS_MAX */
    uint64_t snapshot; /* END */
};
#define GROVE_STORE_SNAPSHOT_MS_MAX 60000u
struct grove_store_snapshot_reply {
    uint32_t version, reserved;
    uint64_t snapshot, revision;
};

/* Answered at once if something is younger than `since`, else with the next change, or after wait_ms with none. */
struct grove_store_watch_request {
    uint32_t version, wait_ms; /* at most GROVE_STORE_WAIT_MS_MAX */
    uint64_t since;
    uint8_t namespace_bytes, prefix_bytes, reserved[6];
};
#define GROVE_STORE_WAIT_MS_MAX 120000u

/* ---- namespaces ---- */

enum grove_store_namespace_flags {
    GROVE_STORE_NAMESPACE_MAP = 1u << 0, /* what it holds is published in a read-only map */
    GROVE_STORE_NAMESPACE_ROTATING = 1u << 1, /* values under an old key are being encrypted again */
    GROVE_STORE_NAMESPACE_EVENTS = 1u << 2, /* the bus is told of each change: storage.changed.NAMESPACE.KEY */
    GROVE_STORE_NAMESPACE_SEALED = 1u << 3, /* a service keeps it, and is given its values encrypted */
};
enum grove_store_configure_fields {
    GROVE_STORE_CONFIGURE_BYTES = 1u << 0,
    GROVE_STORE_CONFIGURE_KEYS = 1u << 1,
    GROVE_STORE_CONFIGURE_FLAGS = 1u << 2, /* MAP */
    GROVE_STORE_CONFIGURE_PROVIDER = 1u << 3, /* while it is empty only; with a service SEALED among the flags */
    GROVE_STORE_CONFIGURE_EVENTS = 1u << 4, /* EVENTS among the flags */
};
#define GROVE_STORE_PROVIDER_BYTES 64u
struct grove_store_namespace_request {
    uint32_t version, fields; /* CONFIGURE: which of the following count */
    struct grove_name name; /* NAMESPACES: go on behind this one; empty: from the first */
    uint64_t quota_bytes, quota_keys;
    uint32_t flags, reserved;
    char provider[GROVE_STORE_PROVIDER_BYTES]; /* "sqlite", "memory", or the endpoint of a service */
};
struct grove_store_namespace_record {
    struct grove_name name;
    char provider[GROVE_STORE_PROVIDER_BYTES];
    uint64_t used_bytes, used_keys, quota_bytes, quota_keys;
    uint64_t revision; /* of its latest change, or a later one */
    uint32_t flags, key_generation;
};

/* GROVE_SECTION_STORE of a spec: what `store:` of the manifest says of the service's own namespace. */
#define GROVE_STORE_SECTION_VERSION 1u
struct grove_store_section {
    uint32_t version, flags; /* enum grove_store_namespace_flags: MAP, EVENTS */
    uint64_t quota_bytes, quota_keys;
};

/* ---- sharing ---- */

struct grove_store_share_request {
    uint32_t version, rights; /* enum grove_store_rights; 0 ends it */
    struct grove_name name; /* namespace; empty: the client's own */
    struct grove_name with; /* pattern over names of services */
    uint8_t prefix_bytes, reserved[7];
};

/* ---- the map ---- */

struct grove_store_map_reply {
    uint32_t version, reserved;
    uint64_t region; /* id of the region in the REGION_GRANTED notice */
};

/* ---- backup and restore ---- */

enum grove_store_copy_flags {
    GROVE_STORE_COPY_BEGIN = 1u << 0, /* BACKUP: make a copy. RESTORE: forget what was sent before */
    GROVE_STORE_COPY_END = 1u << 1, /* BACKUP: it was read. RESTORE: all was sent; check it and take it */
};
struct grove_store_copy_request {
    uint32_t version, flags;
    uint64_t offset_bytes;
    uint64_t data_bytes; /* RESTORE: bytes that follow */
};
struct grove_store_copy_reply {
    uint32_t version, reserved;
    uint64_t total_bytes; /* BACKUP: of the copy. RESTORE: received so far */
    uint64_t data_bytes; /* BACKUP: bytes that follow */
};

#endif
