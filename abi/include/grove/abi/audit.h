/*
 * Audit records: every grant, derivation, refused use and revocation, and the life of containers (law 1).
 *
 * Fixed size, in the order of their sequence numbers. On linux they are appended to audit.log in the state folder
 * with nothing in between: record n of a file that starts at sequence s stands at (n - s) * sizeof. `check` is the FNV-1a
 * hash (64 bit) of the record with check set to 0, so that a torn tail is found.
 */
#ifndef GROVE_ABI_AUDIT_H
#define GROVE_ABI_AUDIT_H

#include "grove/abi/language.h"
#include "grove/abi/port.h"

#define GROVE_AUDIT_TABLE(X) \
    X(BOOT, 1, "kernel started") \
    X(GRANT, 2, "granted") \
    X(DERIVE, 3, "derived") \
    X(REFUSE, 4, "refused") \
    X(REVOKE, 5, "revoked") \
    X(CREATE, 6, "container created") \
    X(START, 7, "started") \
    X(READY, 8, "ready") \
    X(EXIT, 9, "ended") \
    X(DESTROY, 10, "container destroyed") \
    X(CONNECT, 11, "connected") \
    X(CLOSE, 12, "channel closed") \
    X(START_FAILED, 13, "start failed") \
    X(CONTROL, 14, "controlled") \
    X(SYSCALL_REFUSED, 15, "system call refused") \
    X(BUDGET, 16, "budget exceeded") \
    X(RECOVERED, 17, "ended what an earlier kernel left")

enum grove_audit_event {
#define GROVE_AUDIT_ENUM(name, number, text) GROVE_AUDIT_##name = (number),
    GROVE_AUDIT_TABLE(GROVE_AUDIT_ENUM)
#undef GROVE_AUDIT_ENUM
        GROVE_AUDIT_END,
};

struct grove_audit_record {
    uint64_t sequence;
    uint64_t time_ns; /* wall clock, since 1970 */
    uint64_t check;
    uint16_t event;
    uint16_t operation; /* the request or system call concerned */
    int32_t detail; /* status, exit status, count; BUDGET: 0 for a warning, else what was refused */
    uint32_t generation;
    uint32_t cause; /* enum grove_exit_cause or enum grove_layer; BUDGET: enum grove_resource */
    struct grove_name who; /* the container acting */
    struct grove_name object; /* the one acted on */
    uint8_t reserved[24];
    /* The capability concerned, cut to fit: kind, rights, argument kind and the first bytes of its text. */
    uint16_t kind, rights, argument_kind, length_bytes;
    union {
        char text[312];
        struct grove_address address;
        uint64_t quantity;
        struct {
            uint64_t used, limit;
        } budget; /* BUDGET */
    } argument;
};

GROVE_STATIC_ASSERT(sizeof(struct grove_audit_record) == 512, "the record has one size on every machine");

#endif
