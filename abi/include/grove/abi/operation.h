/*
 * The words of the kernel port: operations, notices, and the states, causes and sandbox layers that bodies speak of.
 *
 * Numbers of a version never change; new ones are appended. Included by port.h, which says how packets work.
 */
#ifndef GROVE_ABI_OPERATION_H
#define GROVE_ABI_OPERATION_H

#include "grove/abi/capability.h"

/* X(name, number): what a container may ask. The comment at each body structure says what it does. */
#define GROVE_REQUEST_TABLE(X) \
    X(CAPABILITY_READ, 1) \
    X(CAPABILITY_DERIVE, 2) \
    X(CAPABILITY_GRANT, 3) \
    X(CAPABILITY_REVOKE, 4) \
    X(CHANNEL_CONNECT, 5) \
    X(CHANNEL_ATTACHED, 6) \
    X(CHANNEL_CLOSE, 7) \
    X(ENDPOINT_CREATE, 8) \
    X(ENDPOINT_DESTROY, 9) \
    X(ENDPOINT_READ, 10) \
    X(REGION_CREATE, 11) \
    X(REGION_ATTACHED, 12) \
    X(REGION_GRANT, 13) \
    X(REGION_DESTROY, 14) \
    X(CONTAINER_CREATE, 15) \
    X(CONTAINER_START, 16) \
    X(CONTAINER_CONTROL, 17) \
    X(CONTAINER_READ, 18) \
    X(CONTAINER_STREAMS, 19) \
    X(PROJECT_CREATE, 20) \
    X(PROJECT_DESTROY, 21) \
    X(BUDGET_SET, 22) \
    X(SCHEDULE_SET, 23) \
    X(AUDIT_READ, 24) \
    X(STATE_REPORT, 25) \
    X(TRACE_EMIT, 26) \
    X(TRACE_READ, 27) \
    X(KERNEL_READ, 28) \
    X(STATE_REGION, 29) \
    X(SWAP, 30) \
    X(CONTAINER_LIST, 31) \
    X(CONTAINER_LAUNCH, 32) \
    X(CAPABILITY_CHECK, 33)

enum grove_operation {
#define GROVE_REQUEST_ENUM(name, number) GROVE_REQUEST_##name = (number),
    GROVE_REQUEST_TABLE(GROVE_REQUEST_ENUM)
#undef GROVE_REQUEST_ENUM
        GROVE_REQUEST_END = 34,
};

/* X(name, number): what the kernel tells a container unasked. */
#define GROVE_NOTICE_TABLE(X) \
    X(INIT, 128) \
    X(CHANNEL_NEW, 129) \
    X(CHANNEL_PEER, 130) \
    X(CHANNEL_CLOSED, 131) \
    X(CAPABILITY_GRANTED, 132) \
    X(REGION_GRANTED, 133) \
    X(CONTAINER_STATE, 134) \
    X(ENDPOINT_WANTED, 135) \
    X(QUIESCE, 136) \
    X(RESUME, 137) \
    X(STOP, 138) \
    X(PING, 139) \
    X(BUDGET_WARNING, 140) \
    X(LEARNED, 141) \
    X(CONTAINER_BUDGET, 142)

enum grove_notice {
#define GROVE_NOTICE_ENUM(name, number) GROVE_NOTICE_##name = (number),
    GROVE_NOTICE_TABLE(GROVE_NOTICE_ENUM)
#undef GROVE_NOTICE_ENUM
        GROVE_NOTICE_END = 143,
};

/* A name in a fixed field: zero-terminated, the rest zero. */
struct grove_name {
    char text[GROVE_NAME_MAX + 1];
};

enum grove_container_state {
    GROVE_CONTAINER_CREATED = 0, /* never started */
    GROVE_CONTAINER_STARTING = 1, /* the address space is being made */
    GROVE_CONTAINER_RUNNING = 2, /* its program runs; not ready yet */
    GROVE_CONTAINER_READY = 3, /* it said so, or its owner did for it */
    GROVE_CONTAINER_QUIESCED = 4, /* finished its handler, takes no new one */
    GROVE_CONTAINER_STOPPING = 5,
    GROVE_CONTAINER_STOPPED = 6, /* no instance; channels and table are kept for the next */
    GROVE_CONTAINER_FROZEN = 7,
};

enum grove_exit_cause {
    GROVE_EXIT_NONE = 0,
    GROVE_EXIT_CODE = 1, /* detail: exit status */
    GROVE_EXIT_SIGNAL = 2, /* detail: signal number */
    GROVE_EXIT_KILLED = 3, /* by a CONTROL request */
    GROVE_EXIT_STOPPED = 4, /* after a stop request; detail: exit status */
    GROVE_EXIT_MEMORY = 5, /* there was no more memory for it; detail: enum grove_memory_limit */
    GROVE_EXIT_START_FAILED = 6, /* detail: negative status; layer says which sandbox layer */
    GROVE_EXIT_PORT_OVERRUN = 7, /* it did not read its kernel port */
};

/* Whose limit left no more memory. */
enum grove_memory_limit {
    GROVE_MEMORY_OF_CONTAINER = 0, /* its own budget; also where nobody knows */
    GROVE_MEMORY_OF_PROJECT = 1, /* the budget of its project or of one above it */
    GROVE_MEMORY_OF_MACHINE = 2, /* the machine's, or that of the group that the kernel runs in */
};

/* Sandbox layers, so that a failed start can name one. X(name, number, text) */
#define GROVE_LAYER_TABLE(X) \
    X(NONE, 0, "none") \
    X(CGROUP, 1, "cgroup") \
    X(USER_NAMESPACE, 2, "user-namespace") \
    X(MOUNT_NAMESPACE, 3, "mount-namespace") \
    X(PID_NAMESPACE, 4, "pid-namespace") \
    X(IPC_NAMESPACE, 5, "ipc-namespace") \
    X(UTS_NAMESPACE, 6, "uts-namespace") \
    X(CGROUP_NAMESPACE, 7, "cgroup-namespace") \
    X(NETWORK_NAMESPACE, 8, "network-namespace") \
    X(FILE_VIEW, 9, "file-view") \
    X(PROC, 10, "proc") \
    X(NO_NEW_PRIVILEGES, 11, "no-new-privileges") \
    X(LINUX_CAPABILITIES, 12, "linux-capabilities") \
    X(USER_ID, 13, "user-id") \
    X(RESOURCE_LIMITS, 14, "resource-limits") \
    X(LANDLOCK, 15, "landlock") \
    X(SECCOMP, 16, "seccomp") \
    X(SCHEDULE, 17, "schedule") \
    X(STREAMS, 18, "streams") \
    X(EXECUTE, 19, "execute") \
    X(DISK_QUOTA, 20, "disk-quota") \
    X(NETWORK_LIMIT, 21, "network-limit")

enum grove_layer {
#define GROVE_LAYER_ENUM(name, number, text) GROVE_LAYER_##name = (number),
    GROVE_LAYER_TABLE(GROVE_LAYER_ENUM)
#undef GROVE_LAYER_ENUM
        GROVE_LAYER_COUNT,
};

#endif
