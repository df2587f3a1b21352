/*
 * What is said to the registry, on the endpoint "system.registry".
 *
 * Fixed structures in the byte order of the processor, which is little-endian on all machines. Each begins with
 * REGISTRY_PROTOCOL_VERSION; a structure of a version never changes, new methods are appended. Replies are
 * one structure, or a head followed by records. An error carries a sentence for a person.
 *
 * Anybody who may connect may ask (QUERY, STATUS, WATCH, SPEC). To change something the caller must be a shell or a system
 * service, or hold PROC_CONTROL covering the service. REGISTER hands out capabilities and PROJECT divides the machine, so they are for
 * shells and system services only.
 */
#ifndef SERVERS_REGISTRY_PROTOCOL_H
#define SERVERS_REGISTRY_PROTOCOL_H

#include "grove/abi/port.h"
#include "grove/registry.h"

#define REGISTRY_ENDPOINT GROVE_REGISTRY_ENDPOINT
#define REGISTRY_PROTOCOL_VERSION 1u
#define REGISTRY_REASON_BYTES 192u

/* X(name, number, request structure, what follows in the reply) */
enum registry_method {
    REGISTRY_REGISTER = 1, /* registry_register, spec -> registry_count */
    REGISTRY_UNREGISTER = 2, /* registry_target -> registry_count */
    REGISTRY_START = 3, /* registry_target -> registry_count; does not wait for readiness: WATCH does */
    REGISTRY_STOP = 4, /* registry_target -> registry_count; answered when all of it has ended */
    REGISTRY_RESTART = 5, /* registry_target -> registry_count; the start follows when each has ended */
    REGISTRY_QUERY = 6, /* registry_query -> registry_page, records */
    REGISTRY_STATUS = 7, /* registry_target (a service) -> registry_record */
    REGISTRY_WATCH = 8, /* registry_watch -> registry_page, records; waits until there is something to say */
    REGISTRY_SPEC = 9, /* registry_target (a service) -> the spec, as slice or data */
    REGISTRY_PROJECT = 11, /* registry_project -> registry_count; the budget of a project */
    REGISTRY_SHUT_DOWN = 10, /* registry_target -> registry_count; init only: stop everything, keep what is wanted */
    REGISTRY_FIND = GROVE_REGISTRY_FIND, /* 13: grove_find -> grove_found_page, records; public, in grove/registry.h */
    REGISTRY_MARK = 14, /* registry_mark -> registry_count; it serves, but not as it should, or it does again */
    REGISTRY_THROTTLE = 15, /* registry_throttle -> registry_count; less processor time than its manifest says */
    REGISTRY_SYSTEM = 12, /* registry_system, registry_system_interface...; one way, init only: how the system is */
};

/* The states, with the names that this protocol gives them. */
#define REGISTRY_STATE_TABLE GROVE_SERVICE_STATE_TABLE
enum registry_state {
#define REGISTRY_STATE_ENUM(name, number, text) REGISTRY_STATE_##name = (number),
    REGISTRY_STATE_TABLE(REGISTRY_STATE_ENUM)
#undef REGISTRY_STATE_ENUM
        REGISTRY_STATE_COUNT,
};

/*
 * Version 1 knew the states up to GIVEN_UP. In the records of QUERY, STATUS and WATCH a service in a later one is READY, which
 * it is for whoever knows no better, and a flag says more; FIND has the states as they are.
 */
enum registry_record_flags {
    REGISTRY_WANTED = 1u << 0, /* comes back after a restart of the system */
    REGISTRY_ON_DEMAND = 1u << 1, /* starts when connected to */
    REGISTRY_DONE = 1u << 2, /* a task that has ended well */
    REGISTRY_DEGRADED = 1u << 3, /* READY is DEGRADED */
    REGISTRY_QUIESCING = 1u << 4, /* READY is QUIESCING */
    REGISTRY_CHECKED = 1u << 8, /* its spec names health checks */
    REGISTRY_RECOVERED = 1u << 9, /* its spec says how it is recovered */
};

/* The spec follows the structure, or is the message's slice (spec_bytes tells its size in both cases). */
struct registry_register {
    uint32_t version, spec_bytes;
};

/* All limits 0: no budget. A project keeps its budget until it is unregistered as a whole. */
struct registry_project {
    uint32_t version, reserved;
    struct grove_name name;
    struct grove_budget budget;
};

enum registry_target_flags {
    REGISTRY_TREE = 1u << 0, /* START, STOP, RESTART: and all that requires it, directly or not */
};
/* One service by name, or a whole project, or everything (both empty). */
struct registry_target {
    uint32_t version;
    uint32_t flags; /* enum registry_target_flags */
    struct grove_name service;
    struct grove_name project;
};

struct registry_count {
    uint32_t version, count;
    uint64_t sequence; /* of the newest change: where a WATCH may begin */
};

/* Filters that are empty or 0 let everything through. */
struct registry_query {
    uint32_t version, cursor; /* 0, or from the page before */
    struct grove_name name; /* shell pattern over full names: holds "*" and "?" too */
    struct grove_name project;
    struct grove_name provides; /* endpoint */
    uint32_t states; /* bit n: enum registry_state n */
    uint32_t flags; /* REGISTRY_TREE: `name` is a full name, and what requires it is meant as well */
};

/*
 * Records that changed after `sequence`. The reply comes at once if there are any, else with the next change, or after
 * wait_ms (at most REGISTRY_WAIT_MS_MAX) with none.
 */
#define REGISTRY_WAIT_MS_MAX 120000u
struct registry_watch {
    uint32_t version, wait_ms;
    uint64_t sequence;
    struct grove_name service, project; /* as in registry_target */
};

struct registry_page {
    uint32_t version, count; /* records that follow */
    uint32_t cursor; /* QUERY: where to go on; 0 at the end */
    uint32_t total; /* services registered */
    uint64_t sequence; /* WATCH: where to go on */
};

struct registry_record {
    struct grove_name name, project;
    struct grove_version service_version;
    uint32_t state; /* enum registry_state */
    uint32_t flags; /* enum registry_record_flags */
    uint32_t generation, restarts;
    uint32_t exit_cause; /* enum grove_exit_cause, of the latest instance that ended */
    int32_t exit_detail;
    uint32_t layer, phase;
    uint64_t since_ns; /* monotonic: when it came into this state */
    uint64_t asked_ns, started_ns, ready_ns; /* monotonic: of the latest instance; 0 not */
    uint64_t restart_due_ns; /* monotonic; 0 none */
    uint64_t sequence; /* of this change */
    char reason[REGISTRY_REASON_BYTES]; /* why it is so, for a person; may be empty */
};

/* From whoever may control the service: what health, or a person, finds wrong with it. Ends with its instance. */
#define REGISTRY_MARK_BYTES 96u
struct registry_mark {
    uint32_t version;
    uint32_t is_degraded; /* 0: no longer */
    struct grove_name service;
    char reason[REGISTRY_MARK_BYTES]; /* after the service's name it makes a sentence: "answers every third call" */
};

/* Until it is lifted (0), or its next instance starts. Whoever may stop the service may do this. */
struct registry_throttle {
    uint32_t version, reserved;
    struct grove_name service;
    uint64_t processor_ppm; /* parts per million of one processor; 0: what its manifest says */
};

/*
 * The system services, all of them each time. User services start when the phases below REGISTRY_USERS_PHASE are over;
 * what requires an endpoint of a system service starts when that is ready.
 */
#define REGISTRY_USERS_PHASE 5u
#define REGISTRY_SYSTEM_MAX 64u
struct registry_system {
    uint32_t version, count; /* interfaces that follow */
    uint32_t phase; /* the one that is being started: those below it are over */
    uint32_t reserved;
    struct grove_name holder; /* the service it waits for; empty: none */
};
struct registry_system_interface {
    struct grove_name name;
    struct grove_version version;
    uint32_t state; /* enum registry_state of the service that provides it */
    uint32_t reserved;
};

/* A page fits into half of the default medium lane. */
#define REGISTRY_PAGE_RECORDS 48u

#include "servers/registry/recovery_protocol.h"

#endif
