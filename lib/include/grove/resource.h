/*
 * What the machine can give, what was promised to whom, and what happens to those that reach a limit.
 *
 *     struct grove_machine machine;
 *     if (grove_resource_machine(NULL, &machine) == 0)
 *         printf("%" PRIu64 " of %" PRIu64 " bytes are promised\n", machine.memory_promised, machine.memory_bytes);
 *
 * Needs IPC_SEND:system.resource. Each call waits at most 5 s. Errors, where nothing else is said: GROVE_DENIED,
 * GROVE_TIMED_OUT, GROVE_NOT_FOUND (the system has no such service), GROVE_CORRUPT (the answer is shorter than it says).
 *
 * The hard limits are the kernel's: they hold whether this service runs or not. It admits (before a service starts),
 * watches, tells (events resource.limit.exceeded.SERVICE on the bus) and acts by the policies in the manifest (limits:).
 */
#ifndef GROVE_RESOURCE_H
#define GROVE_RESOURCE_H

#include "grove/grove.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GROVE_RESOURCE_ENDPOINT "system.resource"
#define GROVE_RESOURCE_VERSION 1u

/* What happens when a limit is reached, besides that it holds and that it is told. */
enum grove_limit_policy {
    GROVE_LIMIT_TELL = 0,
    GROVE_LIMIT_THROTTLE = 1, /* less processor time for a while */
    GROVE_LIMIT_SUSPEND = 2, /* frozen for a while */
    GROVE_LIMIT_TERMINATE = 3 /* killed; its restart policy decides what follows */
};
struct grove_limit {
    uint32_t resource; /* enum grove_resource: MEMORY, PROCESSES, SHARED, CHANNELS, PROCESSOR, DISK or NETWORK */
    uint32_t policy; /* enum grove_limit_policy */
    uint64_t after_ns; /* act when the limit has been near for this long; at most an hour */
    uint64_t for_ns; /* THROTTLE, SUSPEND: this long, then look again; 1 ms to an hour */
    uint64_t to_ppm; /* THROTTLE: parts per million of one processor; not 0 */
};
/* Section GROVE_SECTION_LIMITS of a spec: `count` limits, each of another resource. */
#define GROVE_LIMITS_VERSION 1u
#define GROVE_LIMITS_MAX 8u
struct grove_limits {
    uint32_t version, count;
    struct grove_limit limits[];
};

/* ---- the machine ---- */

struct grove_machine {
    uint32_t version, processors;
    uint64_t memory_bytes; /* what it has */
    uint64_t memory_factor_ppm, processor_factor_ppm; /* what may be promised: 1000000 is just what it has */
    uint64_t memory_promised, processor_promised; /* to services that run; bytes, parts per million of one processor */
    uint32_t services; /* that were admitted and hold a promise */
    uint32_t cases; /* limits that are being watched or acted upon */
    uint64_t refusals; /* starts that were refused since this service started */
};
/* What the machine has, and what of it is promised to services. NULL: the default session. GROVE_NOT_FOUND, GROVE_TIMED_OUT. */
GROVE_PUBLIC int grove_resource_machine(struct grove_session *session, struct grove_machine *machine);
/*
 * What may be promised of GROVE_RESOURCE_MEMORY or _PROCESSOR: 1000000 is what the machine has, the default; more is
 * over-commitment. 100000 to 100000000. Durable. For shells and system services. GROVE_INVALID, and what a disk refuses.
 */
GROVE_PUBLIC int grove_resource_overcommit(struct grove_session *session, enum grove_resource resource,
                                           uint64_t factor_ppm);

/* ---- what was used ---- */

/* One second of a service. */
struct grove_resource_sample {
    uint64_t time_ns; /* monotonic: the end of the second */
    uint64_t processor_ppm;
    uint64_t memory_bytes;
    uint64_t processes;
};
#define GROVE_RESOURCE_SAMPLES 60u
/*
 * The last minute of a service, oldest first: up to GROVE_RESOURCE_SAMPLES into `samples`, their number into *count. Samples
 * are taken while somebody asks for them at least every ten seconds, so the first answer may be empty.
 */
GROVE_PUBLIC int grove_resource_history(struct grove_session *session, const char *service,
                                        struct grove_resource_sample *samples, uint32_t *count);

/* ---- limits that were reached ---- */

enum grove_limit_stage {
    GROVE_LIMIT_WATCHED = 1, /* near its limit; the policy acts when that lasts */
    GROVE_LIMIT_ACTED = 2 /* throttled or suspended until `until_ns` */
};
struct grove_limit_case {
    struct grove_name service;
    uint32_t resource; /* enum grove_resource */
    uint32_t policy; /* enum grove_limit_policy */
    uint32_t stage; /* enum grove_limit_stage */
    uint32_t actions; /* how often it was acted in this case */
    uint64_t since_ns, until_ns; /* monotonic */
    uint64_t used, limit; /* as the kernel told it */
};
typedef int grove_limit_handler(const struct grove_limit_case *limit_case, void *context);
/* Each limit that is watched or acted upon. The handler returns 0 to go on; anything else ends it and is returned. */
GROVE_PUBLIC int grove_resource_cases(struct grove_session *session, grove_limit_handler *handler, void *context);

/* ---- on the wire: fixed structures of version 1, in the byte order of the processor ------------------------------------ */

enum grove_resource_method {
    GROVE_RESOURCE_ADMIT =
        1, /* grove_resource_admit -> nothing, or GROVE_EXHAUSTED with a sentence; init and the registry only */
    GROVE_RESOURCE_RELEASE = 2, /* grove_resource_named, one way; the registry only */
    GROVE_RESOURCE_WARNED = 3, /* grove_resource_warned, one way; init and the registry only */
    GROVE_RESOURCE_MACHINE = 4, /* grove_resource_named (empty) -> grove_machine */
    GROVE_RESOURCE_OVERCOMMIT = 5, /* grove_resource_factor -> grove_machine */
    GROVE_RESOURCE_HISTORY = 6, /* grove_resource_named -> grove_resource_page, grove_resource_sample... */
    GROVE_RESOURCE_CASES = 7, /* grove_resource_named (empty) -> grove_resource_page, grove_limit_case... */
};
struct grove_resource_named {
    uint32_t version, reserved;
    struct grove_name service;
};
enum grove_resource_admit_flags {
    GROVE_ADMIT_ANYWAY = 1u << 0, /* it runs already, or the system is not up without it; from init only */
};
struct grove_resource_admit {
    uint32_t version, flags; /* enum grove_resource_admit_flags */
    struct grove_name service;
    struct grove_budget budget;
};
struct grove_resource_warned {
    uint32_t version, reserved;
    struct grove_name service;
    struct grove_notice_budget warning;
    struct grove_limit limit; /* the policy for this resource; TELL if the manifest has none */
};
struct grove_resource_factor {
    uint32_t version, resource;
    uint64_t factor_ppm;
};
struct grove_resource_page {
    uint32_t version, count; /* records that follow */
};

#ifdef __cplusplus
}
#endif

#endif
