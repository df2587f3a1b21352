/*
 * Capabilities as they cross the boundary: kinds, rights, arguments, handles.
 *
 * A capability is an entry of a container's table. A *permission* has a kind and an argument (FS_READ:/data); an
 * *object* capability names a kernel object (a container, an endpoint, a channel, a region, a project). The text form
 * exists in user space only (lib/text); the kernel sees these structures.
 */
#ifndef GROVE_ABI_CAPABILITY_H
#define GROVE_ABI_CAPABILITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest text of an argument and of a name, in bytes, without a terminator. */
#define GROVE_ARGUMENT_TEXT_MAX 496u
#define GROVE_NAME_MAX 63u

/* How the argument of a capability is compared. "Covers" means: holding A lets you derive or use B. */
enum grove_argument_kind {
    GROVE_ARGUMENT_NONE = 0, /* the whole range of the kind; covers every argument */
    GROVE_ARGUMENT_PATH = 1, /* absolute, normalised (no ".", "..", "//", no trailing "/"); covers what lies below */
    GROVE_ARGUMENT_ADDRESS = 2, /* family, network prefix and port range; covers what lies inside */
    GROVE_ARGUMENT_PATTERN = 3, /* tokens between dots; "*" is any one token, a last ">" is one or more tokens */
    GROVE_ARGUMENT_QUANTITY = 4, /* an amount; covers what is not larger */
};

/* X(name, number, kind of argument, text). An absent argument is the whole range of the kind. */
#define GROVE_CAPABILITY_TABLE(X) \
    X(GROVE_CAP_FS_READ, 1, GROVE_ARGUMENT_PATH, "FS_READ") \
    X(GROVE_CAP_FS_WRITE, 2, GROVE_ARGUMENT_PATH, "FS_WRITE") \
    X(GROVE_CAP_FS_EXEC, 3, GROVE_ARGUMENT_PATH, "FS_EXEC") \
    X(GROVE_CAP_NET_BIND, 4, GROVE_ARGUMENT_ADDRESS, "NET_BIND") \
    X(GROVE_CAP_NET_CONNECT, 5, GROVE_ARGUMENT_ADDRESS, "NET_CONNECT") \
    X(GROVE_CAP_IPC_SEND, 6, GROVE_ARGUMENT_PATTERN, "IPC_SEND") \
    X(GROVE_CAP_IPC_RECV, 7, GROVE_ARGUMENT_PATTERN, "IPC_RECV") \
    X(GROVE_CAP_PROC_SPAWN, 8, GROVE_ARGUMENT_PATTERN, "PROC_SPAWN") \
    X(GROVE_CAP_PROC_CONTROL, 9, GROVE_ARGUMENT_PATTERN, "PROC_CONTROL") \
    X(GROVE_CAP_BUS_PUB, 10, GROVE_ARGUMENT_PATTERN, "BUS_PUB") \
    X(GROVE_CAP_BUS_SUB, 11, GROVE_ARGUMENT_PATTERN, "BUS_SUB") \
    X(GROVE_CAP_STORE_READ, 12, GROVE_ARGUMENT_PATTERN, "STORE_READ") \
    X(GROVE_CAP_STORE_WRITE, 13, GROVE_ARGUMENT_PATTERN, "STORE_WRITE") \
    X(GROVE_CAP_SHM_CREATE, 14, GROVE_ARGUMENT_QUANTITY, "SHM_CREATE") \
    X(GROVE_CAP_CONFIG_READ, 15, GROVE_ARGUMENT_PATTERN, "CONFIG_READ") \
    X(GROVE_CAP_DEVICE, 16, GROVE_ARGUMENT_PATTERN, "DEVICE") \
    X(GROVE_CAP_SCHED_RT, 17, GROVE_ARGUMENT_QUANTITY, "SCHED_RT") \
    X(GROVE_CAP_ML_CONTEXT, 18, GROVE_ARGUMENT_PATTERN, "ML_CONTEXT") \
    X(GROVE_CAP_AUDIT_READ, 19, GROVE_ARGUMENT_PATTERN, "AUDIT_READ")

enum grove_capability_kind {
    GROVE_CAP_NONE = 0,
#define GROVE_CAPABILITY_ENUM(name, number, argument, text) name = (number),
    GROVE_CAPABILITY_TABLE(GROVE_CAPABILITY_ENUM)
#undef GROVE_CAPABILITY_ENUM
        GROVE_CAP_KIND_COUNT,
    /* Object capabilities: made by the kernel only, never written in a manifest. */
    GROVE_CAP_CONTAINER = 64,
    GROVE_CAP_ENDPOINT = 65,
    GROVE_CAP_CHANNEL = 66,
    GROVE_CAP_REGION = 67,
    GROVE_CAP_PROJECT = 68,
    GROVE_CAP_INTERRUPT = 69, /* device objects exist on the bare machines */
    GROVE_CAP_MMIO = 70,
    GROVE_CAP_DMA = 71,
};

/* What the holder may do with an entry. Deriving can only remove bits. */
enum grove_rights {
    GROVE_RIGHT_USE = 1u << 0, /* act under a permission; send on a channel; accept on an endpoint */
    GROVE_RIGHT_DERIVE = 1u << 1, /* make a weaker child of this entry in the own table */
    GROVE_RIGHT_GRANT = 1u << 2, /* give a weaker child to another container */
    GROVE_RIGHT_READ = 1u << 3, /* map a region for reading; read an object's record */
    GROVE_RIGHT_WRITE = 1u << 4, /* map a region for writing (at most one holder) */
    GROVE_RIGHT_CONTROL = 1u << 5, /* start, stop, freeze, budget, destroy */
    GROVE_RIGHTS_ALL = 0x3f,
    GROVE_RIGHT_EXTERNAL = 1u << 6, /* may also be held in ring 3 */
};

/* IPv4 addresses stand in the first four bytes. family 0 is any family, with prefix_bits 0. */
struct grove_address {
    uint8_t family; /* 0, 4 or 6 */
    uint8_t prefix_bits;
    uint8_t transport; /* 0 any, 6 TCP, 17 UDP (IANA protocol numbers) */
    uint8_t reserved;
    uint16_t port_first; /* inclusive; 0 with port_last 65535 is any port */
    uint16_t port_last;
    uint8_t bytes[16];
};

struct grove_argument {
    uint16_t kind; /* enum grove_argument_kind */
    uint16_t length_bytes; /* of text, for PATH and PATTERN; 0 otherwise */
    uint32_t reserved;
    union {
        char text[GROVE_ARGUMENT_TEXT_MAX]; /* not terminated */
        struct grove_address address;
        uint64_t quantity; /* SHM_CREATE: bytes; SCHED_RT: parts per million of one processor */
    } value;
};

struct grove_capability {
    uint16_t kind; /* enum grove_capability_kind */
    uint16_t rights; /* bits of enum grove_rights */
    uint32_t reserved;
    struct grove_argument argument; /* kind NONE for object capabilities */
};

/*
 * A handle names a slot of the caller's own table: slot index in the low 32 bits, generation in the high 32. The
 * generation of a slot changes whenever it is freed, so a stale handle is an error and never another object. 0 is no
 * handle.
 */
typedef uint64_t grove_handle;
#define GROVE_HANDLE_NONE ((grove_handle)0)

/* Identity of a kernel object for reports and logs; not a right to anything. Index low, generation high, never 0. */
typedef uint64_t grove_object_id;

/*
 * True if an argument is well formed for its kind (lengths, ranges, a normalised path, a pattern whose ">" is last).
 * Pure; reads nothing outside the structure.
 */
bool grove_argument_is_valid(const struct grove_argument *argument);

/* True if what `wide` allows includes all that `narrow` allows. Both must be valid. NONE covers everything. */
bool grove_argument_covers(const struct grove_argument *wide, const struct grove_argument *narrow);

/* The argument kind that a permission kind takes, or GROVE_ARGUMENT_NONE for object and unknown kinds. */
enum grove_argument_kind grove_capability_argument_kind(uint16_t capability_kind);

#ifdef __cplusplus
}
#endif

#endif
