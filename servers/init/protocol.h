/*
 * What is said to init, on the endpoint "system.init". Same conventions as the registry's protocol.
 */
#ifndef SERVERS_INIT_PROTOCOL_H
#define SERVERS_INIT_PROTOCOL_H

#include "grove/abi/port.h"

#define INIT_ENDPOINT "system.init"
#define INIT_PROTOCOL_VERSION 1u
#define INIT_SERVICES_MAX 32u
#define INIT_PHASES 8u

enum init_method {
    INIT_STATUS = 1, /* init_request -> init_page, records: init itself first, then the services in order of start */
    INIT_RESTART = 2, /* init_request (a service) -> init_page: the new instance is ready, or the deadline passed */
    INIT_BOOT = 3, /* init_request -> init_boot: how the start went */
    INIT_USERS = 4, /* init_users, one way: from the registry, when the user services have come to rest */
};

enum init_phase_flags {
    INIT_PHASE_DEGRADED = 1u << 0, /* it went on without a service that was not ready */
};

/* Of one phase; the last one is that of the user services, and is the registry's to say. All monotonic; 0: not yet. */
struct init_phase {
    uint64_t begin_ns;
    uint64_t end_ns;
    uint32_t services; /* how many belong to it */
    uint32_t missing; /* how many of them were not ready when it ended */
    uint32_t flags; /* enum init_phase_flags */
    uint32_t reserved;
};

struct init_boot {
    uint32_t version, phases; /* how many of `phase` follow */
    uint64_t started_ns; /* when the kernel started */
    uint64_t ready_ns; /* when kernel.ready was published; 0: not yet */
    uint32_t missing; /* system services that are not ready now */
    uint32_t reserved;
    struct grove_name holder; /* the service that the current phase waits for; empty: none */
    struct init_phase phase[INIT_PHASES];
};

struct init_users {
    uint32_t version, reserved;
    uint32_t ready, missing; /* of those that were wanted when the system started */
};

struct init_request {
    uint32_t version, reserved;
    struct grove_name service;
};

struct init_page {
    uint32_t version, count;
    uint64_t started_ns; /* monotonic: when the kernel started */
    uint64_t phase_ns[INIT_PHASES]; /* monotonic: when all of a phase was ready; 0: not yet, or nothing in it */
};

struct init_record {
    struct grove_name name;
    struct grove_version service_version;
    uint32_t state; /* enum registry_state of the registry's protocol */
    uint32_t phase;
    uint32_t generation, restarts;
    uint32_t exit_cause;
    int32_t exit_detail;
    uint64_t started_ns, ready_ns, restart_due_ns; /* monotonic */
    char reason[192];
};

#endif
