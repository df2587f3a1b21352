/*
 * What is said to the registry about health and recovery: the part of protocol.h that reincarnation and health speak. Same
 * conventions. Included by protocol.h.
 */
#ifndef SERVERS_REGISTRY_RECOVERY_PROTOCOL_H
#define SERVERS_REGISTRY_RECOVERY_PROTOCOL_H

#include "grove/abi/port.h"

/* Numbers from 32 on: health and recovery. */
enum registry_recovery_method {
    REGISTRY_BESIDE = 32, /* registry_beside -> registry_beside_end, when the program has ended */
    REGISTRY_FAILURES = 33, /* registry_failures_wait -> registry_failures, failures; waits until there is one */
    REGISTRY_RECOVER = 34, /* registry_recover -> registry_count */
};

/*
 * BESIDE: run a program beside a service, in a container NAME-beside of its own with the service's rights, and wait for its
 * end. For system services only: it lends out rights. One at a time beside each service (GROVE_EXHAUSTED).
 */
struct registry_beside {
    uint32_t version, timeout_ms; /* then it is killed */
    struct grove_name service;
    uint32_t word_count, reserved; /* at least 1; the first is an absolute path */
    char words[1536]; /* one behind the other, each with its zero byte */
};
struct registry_beside_end {
    uint32_t version, exit_cause;
    int32_t exit_detail;
    uint32_t layer, is_late, reserved;
};

/*
 * FAILURES: services whose spec says how they are recovered, and which have just failed: whoever waits here is asked to
 * decide, by RECOVER. The registry waits for REGISTRY_DECISION_NS and then goes on by the service's restart policy, as it
 * does when nobody waits. For system services only. An answer tells of all failures that are undecided then.
 */
#define REGISTRY_DECISION_NS UINT64_C(500000000)
struct registry_failures_wait {
    uint32_t version, wait_ms; /* at most REGISTRY_WAIT_MS_MAX */
    uint64_t known; /* number of the newest failure that the caller knows of; 0 none */
};
struct registry_failures {
    uint32_t version, count;
};
struct registry_failure {
    uint64_t number; /* grows; higher in each instance of the registry */
    struct grove_name service;
    uint32_t generation; /* the instance that failed */
    uint32_t exit_cause;
    int32_t exit_detail;
    uint32_t restarts;
    char reason[REGISTRY_REASON_BYTES];
};
#define REGISTRY_FAILURES_MAX 48u

/*
 * RECOVER: what is done about a failed instance. If it still runs it is killed first. Nothing happens, and the count is 0,
 * when the service has another generation by now, so the same request may come twice. For system services only.
 */
enum registry_scope {
    REGISTRY_SCOPE_ITSELF = 0,
    REGISTRY_SCOPE_DEPENDENTS = 1,
    REGISTRY_SCOPE_TREE = 2,
    REGISTRY_SCOPE_POLICY = 3, /* end the instance that runs; the restart policy of its spec says what follows */
};
struct registry_recover {
    uint32_t version;
    uint32_t scope; /* enum registry_scope: what is restarted with it */
    struct grove_name service;
    uint32_t generation;
    uint32_t gives_up; /* 1: no restart, until somebody starts it */
    uint64_t delay_ns; /* before the restart; 0: at once */
    char reason[REGISTRY_REASON_BYTES];
};

#endif
