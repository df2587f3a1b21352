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
