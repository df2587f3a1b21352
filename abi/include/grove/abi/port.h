/*
 * The kernel port: what a container and the kernel say to each other.
 *
 * Descriptor 3 of every service (and the control socket of a shell) is a sequenced-packet connection on which every
 * packet is one struct grove_message, the same bytes on every machine, with at most GROVE_PORT_OBJECTS descriptors
 * attached. A request carries a sequence number of the caller's choice (not 0); its reply carries the same. Notices
 * carry 0. The kernel decodes and validates everything before it changes anything.
 *
 * A refused request (GROVE_DENIED) returns in body.refused the capability that was missing, so that user space can say
 * who, what, and which manifest line would grant it (law 9).
 *
 * Versions: GROVE_PORT_VERSION is in every message; the kernel answers GROVE_VERSION to one it does not speak. Operation
 * numbers and layouts of a version never change; new operations are appended.
 */
#ifndef GROVE_ABI_PORT_H
#define GROVE_ABI_PORT_H

#include "grove/abi/capability.h"
#include "grove/abi/channel.h"
#include "grove/abi/spec.h"
#include "grove/abi/status.h"

#define GROVE_PORT_DESCRIPTOR 3
#define GROVE_PORT_VERSION 1u
#define GROVE_PORT_OBJECTS 4u
#define GROVE_PORT_BODY_BYTES 608u

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
    X(SWAP, 30)

enum grove_operation {
#define GROVE_REQUEST_ENUM(name, number) GROVE_REQUEST_##name = (number),
    GROVE_REQUEST_TABLE(GROVE_REQUEST_ENUM)
#undef GROVE_REQUEST_ENUM
        GROVE_REQUEST_END = 31,
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
    X(LEARNED, 141)

enum grove_notice {
#define GROVE_NOTICE_ENUM(name, number) GROVE_NOTICE_##name = (number),
    GROVE_NOTICE_TABLE(GROVE_NOTICE_ENUM)
#undef GROVE_NOTICE_ENUM
        GROVE_NOTICE_END = 142,
};

/* A name in a fixed field: zero-terminated, the rest zero. */
struct grove_name {
    char text[GROVE_NAME_MAX + 1];
};

enum grove_container_state {
    GROVE_CONTAINER_CREATED = 0,   /* never started */
    GROVE_CONTAINER_STARTING = 1,  /* the address space is being made */
    GROVE_CONTAINER_RUNNING = 2,   /* its program runs; not ready yet */
    GROVE_CONTAINER_READY = 3,     /* it said so, or its owner did for it */
    GROVE_CONTAINER_QUIESCED = 4,  /* finished its handler, takes no new one */
    GROVE_CONTAINER_STOPPING = 5,
    GROVE_CONTAINER_STOPPED = 6,   /* no instance; channels and table are kept for the next */
    GROVE_CONTAINER_FROZEN = 7,
};

enum grove_exit_cause {
    GROVE_EXIT_NONE = 0,
    GROVE_EXIT_CODE = 1,       /* detail: exit status */
    GROVE_EXIT_SIGNAL = 2,     /* detail: signal number */
    GROVE_EXIT_KILLED = 3,     /* by a CONTROL request */
    GROVE_EXIT_STOPPED = 4,    /* after a stop request; detail: exit status */
    GROVE_EXIT_MEMORY = 5,     /* over its memory budget */
    GROVE_EXIT_START_FAILED = 6, /* detail: negative status; layer says which sandbox layer */
    GROVE_EXIT_PORT_OVERRUN = 7, /* it did not read its kernel port */
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
    X(EXECUTE, 19, "execute")

enum grove_layer {
#define GROVE_LAYER_ENUM(name, number, text) GROVE_LAYER_##name = (number),
    GROVE_LAYER_TABLE(GROVE_LAYER_ENUM)
#undef GROVE_LAYER_ENUM
        GROVE_LAYER_COUNT,
};

/* ---- request bodies --------------------------------------------------------------------------------------------- */

/*
 * CAPABILITY_READ: the first entry of the own table at or after slot `cursor`. Reply: grove_capability_entry; `cursor`
 * in it is where to go on, 0 at the end. With `container` set (and CONTROL on it), or `name` (and PROC_CONTROL covering it),
 * the table of that container is read.
 */
struct grove_capability_read {
    uint32_t cursor;
    uint32_t reserved;
    grove_handle container;
    struct grove_name name; /* used when container is 0 */
};
struct grove_capability_entry {
    uint32_t cursor;
    uint32_t depth; /* derivations from a root */
    grove_handle handle;
    grove_object_id object; /* object capabilities */
    struct grove_capability capability;
};

/* CAPABILITY_DERIVE: a child of `source` with fewer rights and a narrower argument. Reply: grove_handle_reply. */
struct grove_capability_derive {
    grove_handle source;
    struct grove_capability capability; /* kind must equal the source's */
};

/*
 * CAPABILITY_GRANT: like derive, into the table of the container at the other end of `channel`, which gets a
 * CAPABILITY_GRANTED notice. Needs GRANT on the source. Reply: grove_handle_reply with the handle in the *receiver's*
 * table (for logs), so that the receiver and the giver can speak of the same entry.
 */
struct grove_capability_grant {
    grove_handle source;
    grove_handle channel;
    struct grove_capability capability;
};

/*
 * CAPABILITY_REVOKE: remove everything derived from `handle`, in any table, and with `itself` also the entry. Takes
 * effect at once: no use under any of them succeeds after the kernel has read the request. Removing the entries goes on
 * in bounded steps; the reply comes when the last is gone (grove_count_reply).
 */
struct grove_capability_revoke {
    grove_handle handle;
    uint32_t itself;
    uint32_t reserved;
};

/*
 * CHANNEL_CONNECT: needs IPC_SEND covering `endpoint`. Reply: grove_channel_reply with objects [own segment, writable;
 * doorbell]. The peer's segment follows in a CHANNEL_PEER notice once the peer has attached; until then its positions
 * count as 0. A connect by a restarted container with the same endpoint and tag gets its earlier channel back
 * (GROVE_CHANNEL_RESUMED), with what it sent and what was answered. If the endpoint has no running instance and has an
 * owner, the owner gets ENDPOINT_WANTED and messages wait in the lanes.
 */
struct grove_channel_connect {
    struct grove_name endpoint; /* full name */
    uint64_t tag;               /* tells several channels to one endpoint apart; 0 is the usual one */
    uint64_t lane_bytes[GROVE_LANES]; /* 0: default; rounded up to a power of two */
    uint64_t arena_bytes;             /* 0: default; GROVE_ARENA_NONE: none */
    uint64_t deadline_ns;
};
#define GROVE_ARENA_NONE UINT64_MAX
#define GROVE_LANE_BYTES_DEFAULT { 16384u, 65536u, 262144u }
#define GROVE_ARENA_BYTES_DEFAULT (4u << 20)

enum grove_channel_flags {
    GROVE_CHANNEL_RESUMED = 1u << 0, /* the segment carries what an earlier instance left */
};
struct grove_channel_reply {
    grove_handle channel;
    grove_object_id id;
    uint32_t flags;
    uint32_t role;
    uint32_t epoch; /* of the own segment: counts the instances of this end */
    uint32_t reserved;
    struct grove_channel_layout layout;
};

/* CHANNEL_ATTACHED: the own segment is mapped; the kernel seals it and shows it to the peer. CHANNEL_CLOSE: done. */
struct grove_handle_request {
    grove_handle handle;
};

/*
 * ENDPOINT_CREATE: makes a name. Needs IPC_RECV covering it, and CONTROL on `container` (0: the own one), which will
 * serve it and itself needs IPC_RECV covering it. The caller becomes its owner and gets ENDPOINT_WANTED. Reply:
 * grove_handle_reply. ENDPOINT_DESTROY (grove_handle_request) closes its channels.
 */
struct grove_endpoint_create {
    struct grove_name name;
    struct grove_version version;
    grove_handle container;
};
/* ENDPOINT_READ: by exact name; needs IPC_SEND covering it. Reply: grove_endpoint_record. */
struct grove_endpoint_read {
    struct grove_name name;
};
struct grove_endpoint_record {
    struct grove_name name;
    struct grove_version version;
    grove_object_id container;
    uint32_t container_state;
    uint32_t channels;
    struct grove_name service;
};

/*
 * REGION_CREATE: needs SHM_CREATE covering size. Reply: grove_region_reply with objects [writable memory]. After
 * mapping it the owner sends REGION_ATTACHED (grove_handle_request): the kernel seals it against further writers.
 * REGION_GRANT: read-only to the container at the other end of a channel (REGION_GRANTED there), or, with
 * GROVE_REGION_MOVE and before REGION_ATTACHED, ownership with the writable mapping. REGION_DESTROY drops the handle.
 */
struct grove_region_create {
    uint64_t size_bytes;
    uint64_t tag; /* carried along for the holders' own use */
};
struct grove_region_grant {
    grove_handle region;
    grove_handle channel;
    uint32_t flags;
    uint32_t reserved;
};
enum grove_region_flags { GROVE_REGION_MOVE = 1u << 0 };
struct grove_region_reply {
    grove_handle region;
    grove_object_id id;
    uint64_t size_bytes;
    uint64_t tag;
    uint32_t rights;
    uint32_t reserved;
};

/*
 * STATE_REGION: the region that outlives the own instance. The first call of a container's first instance makes it
 * (size_bytes); later instances get the same contents back (`tag` is 1 when it carries an earlier instance's state). Charged to shared_bytes. Reply: grove_region_reply with
 * objects [writable memory]; REGION_ATTACHED seals.
 */
struct grove_state_region {
    uint64_t size_bytes;
};

/*
 * CONTAINER_CREATE: object [sealed memory holding the spec]. The kernel copies it, checks it, and makes a container
 * with exactly the spec's capabilities, each derived from one the caller holds (else GROVE_DENIED and which). Needs
 * PROC_SPAWN covering the name. Reply: grove_container_reply.
 */
struct grove_container_create {
    uint64_t spec_bytes;
    grove_handle project; /* 0: the caller's own */
};
/*
 * CONTAINER_START: a new instance of a CREATED or STOPPED container. Objects: up to three streams (in, out, error) for
 * those that the spec passes, in that order. The reply comes when its program runs or a layer has failed
 * (grove_container_reply). The container keeps its table, its endpoints, its channels and its state region.
 */
struct grove_container_start {
    grove_handle container;
    uint32_t reason; /* enum grove_start_reason */
    uint32_t reserved;
};
enum grove_start_reason { GROVE_START_FRESH = 0, GROVE_START_RESTARTED = 1, GROVE_START_SUCCESSOR = 2 };

/* CONTAINER_CONTROL: needs CONTROL on the handle, or PROC_CONTROL covering the name when given by name. */
enum grove_container_action {
    GROVE_ACTION_STOP = 1,    /* ask, then kill at deadline_ns */
    GROVE_ACTION_KILL = 2,
    GROVE_ACTION_FREEZE = 3,
    GROVE_ACTION_THAW = 4,
    GROVE_ACTION_PING = 5,    /* the reply comes when it has answered, or at the deadline */
    GROVE_ACTION_QUIESCE = 6,
    GROVE_ACTION_RESUME = 7,
    GROVE_ACTION_DESTROY = 8, /* kill, close its channels, free everything */
    GROVE_ACTION_MARK_READY = 9, /* the owner found it ready (port, command, started) */
    GROVE_ACTION_SIGNAL = 10, /* detail: signal number, to its first process */
    GROVE_ACTION_CHECKPOINT = 11,
};
struct grove_container_control {
    grove_handle container;
    struct grove_name name; /* used when container is 0 */
    uint32_t action;
    uint32_t detail;
    uint64_t deadline_ns;
};

/*
 * CONTAINER_READ: by handle, by name, or (both empty) the first container at or after `cursor` that the caller may see
 * (its own, those it holds CONTROL on, those that its PROC_CONTROL covers). Reply: grove_container_record.
 */
struct grove_container_read {
    grove_handle container;
    struct grove_name name;
    uint32_t cursor;
    uint32_t reserved;
};
struct grove_usage {
    uint64_t processor_ns;
    uint64_t memory_bytes;
    uint64_t memory_peak_bytes;
    uint64_t processes;
    uint64_t shared_bytes;
};
struct grove_container_record {
    uint32_t cursor; /* where to go on; 0 at the end */
    uint32_t state;  /* enum grove_container_state */
    grove_object_id id;
    struct grove_name name;
    struct grove_name project;
    uint32_t generation; /* instances started so far */
    uint32_t ring;
    int32_t process; /* the machine's own number of its first process, for people; 0 none */
    uint32_t exit_cause;
    int32_t exit_detail;
    uint32_t layer;
    uint64_t started_ns, ready_ns; /* monotonic; 0 not */
    uint32_t capabilities, channels, refusals, reserved;
    struct grove_usage usage;
    struct grove_budget budget;
};
struct grove_container_reply {
    grove_handle container;
    grove_object_id id;
    uint32_t state;
    uint32_t generation;
    uint32_t layer; /* when a start failed */
    int32_t detail; /* the machine's own error number, for people */
};

/*
 * CONTAINER_STREAMS: grove_container_read, by handle or by name; needs CONTROL, or PROC_CONTROL. Reply objects: the read ends of the log streams (out, error), kept by the kernel too. */

/*
 * PROJECT_CREATE: a node in the tree of projects with a budget inside its parent's. Reply: grove_handle_reply; also with
 * GROVE_EXISTS when the caller made that project earlier, so that a restarted owner finds it again. PROJECT_DESTROY
 * (grove_handle_request) wants it empty; revoking the handle frees the name at once, and the rest with the last member.
 */
struct grove_project_create {
    struct grove_name name;
    grove_handle parent; /* 0: the caller's own */
    struct grove_budget budget;
};

/*
 * BUDGET_SET, SCHEDULE_SET: needs CONTROL; within what the project (and SCHED_RT of the container) allows. BUDGET_SET
 * also takes the handle of a project. What does not fit is refused with GROVE_EXHAUSTED and grove_overcommitted.
 */
struct grove_budget_set {
    grove_handle container; /* or project */
    struct grove_budget budget;
};
struct grove_schedule_set {
    grove_handle container;
    struct grove_schedule schedule;
};

/*
 * AUDIT_READ: the first audit record at or after `sequence` whose subject is `name` (empty: any that the caller's
 * AUDIT_READ covers; one's own is always readable). Reply: struct grove_audit_record of audit.h, or GROVE_NOT_FOUND.
 */
struct grove_audit_read {
    uint64_t sequence;
    struct grove_name name;
};

/*
 * STATE_REPORT: the own instance says READY, QUIESCED, RESUMED, or answers a ping. One way: no reply when the sequence
 * number is 0.
 */
enum grove_report { GROVE_REPORT_READY = 1, GROVE_REPORT_QUIESCED = 2, GROVE_REPORT_PONG = 3, GROVE_REPORT_STOPPING = 4 };
struct grove_state_report {
    uint32_t report;
    uint32_t reserved;
    uint64_t value; /* PONG: the value of the ping */
};

/* TRACE_EMIT (one way) and TRACE_READ (needs AUDIT_READ; `sequence` as above): steps of traced messages. */
enum grove_trace_stage {
    GROVE_TRACE_SENT = 1, GROVE_TRACE_TAKEN = 2, GROVE_TRACE_COMPLETED = 3, GROVE_TRACE_REPLIED = 4, GROVE_TRACE_APPLIED = 5
};
struct grove_trace_record {
    uint64_t sequence; /* by the kernel */
    uint64_t time_ns;  /* by the emitter */
    grove_object_id channel;
    uint64_t number;
    uint32_t method;
    uint16_t stage;
    uint16_t lane;
    struct grove_name container; /* by the kernel: who emitted */
};
struct grove_trace_read {
    uint64_t sequence;
    uint32_t enable; /* 1: trace from now on, 2: no more, 0: as it is. On while anybody alive wants it */
    uint32_t reserved;
};

/* KERNEL_READ: facts and accounts of the kernel. Reply: grove_kernel_record. */
struct grove_pool_account {
    uint32_t used, capacity;
};
struct grove_kernel_record {
    struct grove_version version;
    uint64_t boot_ns; /* monotonic time of its start */
    uint64_t boot_id;
    uint32_t machine; /* 1 linux, 2 x86_64, 3 aarch64 */
    uint32_t rootless;
    uint64_t layers_enforced, layers_optional; /* bit n: enum grove_layer n */
    uint64_t audit_sequence;                   /* the next one */
    struct grove_pool_account containers, endpoints, channels, regions, projects, capabilities, text, pending;
    uint32_t cgroup_version; /* 0 none, 1, 2 */
    uint32_t landlock_version;
    uint64_t audit_errors; /* failures to write the log on disk since the start */
    uint64_t audit_lost;   /* records that are in memory only for good */
    int32_t audit_error;   /* the machine's own number of the last failure, for people; 0 none */
    uint32_t reserved;
};

/* SWAP: steps of a live update; all are GROVE_UNSUPPORTED until the kernel can do them. */

/* ---- plain replies ------------------------------------------------------------------------------------------------ */

struct grove_handle_reply {
    grove_handle handle;
    grove_object_id id;
};
struct grove_count_reply {
    uint64_t count;
};
struct grove_refused {
    struct grove_capability missing;
    struct grove_name who; /* the container that lacks it */
};
/*
 * GROVE_EXHAUSTED of CONTAINER_CREATE, PROJECT_CREATE and BUDGET_SET, when a budget is why (resource is not 0). Limits on
 * memory, processor and processes are promises: those of a project's members add up to at most its own. The others
 * hold for each member by itself.
 */
struct grove_overcommitted {
    struct grove_name project; /* whose limit it is */
    uint32_t resource;         /* as in grove_notice_budget */
    uint32_t reserved;
    uint64_t asked;    /* by this request; 0 when the project's own limit is made smaller */
    uint64_t promised; /* to the other members; 0 for what is not added up */
    uint64_t limit;
};

/* ---- notice bodies ------------------------------------------------------------------------------------------------ */

/* INIT: always the first notice. Objects: [kernel page, read-only]. */
struct grove_notice_init {
    uint32_t reason; /* enum grove_start_reason */
    uint32_t ring;
    grove_object_id id;
    struct grove_name name;
    struct grove_name project;
    uint32_t generation;
    uint32_t exit_cause; /* of the instance before */
    int32_t exit_detail;
    uint32_t channels; /* how many CHANNEL_NEW with GROVE_CHANNEL_RESUMED follow at once */
    uint8_t random[32]; /* fresh for each instance */
};

/* CHANNEL_NEW: a client (or, resumed, the client of an earlier instance). Objects as for CHANNEL_CONNECT. */
struct grove_notice_channel_new {
    struct grove_channel_reply channel;
    struct grove_name endpoint;
    struct grove_name client; /* who, as the kernel knows it */
    grove_object_id client_id;
    uint32_t client_ring;
    uint32_t client_user; /* external clients on linux: user id */
};

/*
 * CHANNEL_PEER: the peer attached, or a next instance of it did. Objects: [peer's segment, read-only; doorbell] - the
 * doorbell is absent the first time, when the one given with the channel holds. The new segment continues the old one:
 * every position and unconsumed record is the same, so the reader may change over at any moment; blocks it still reads
 * stay valid in the old mapping.
 */
struct grove_notice_channel_peer {
    grove_handle channel;
    uint32_t epoch;
    uint32_t reserved;
};

/* CHANNEL_CLOSED: no instance of the peer will come. What it published can still be read. */
struct grove_notice_channel_closed {
    grove_handle channel;
    uint32_t status; /* 0, or -enum grove_status */
    uint32_t reserved;
};

struct grove_notice_capability {
    grove_handle handle;
    struct grove_name from;
    struct grove_capability capability;
};

/* REGION_GRANTED. Objects: [memory]. */
struct grove_notice_region {
    struct grove_region_reply region;
    struct grove_name from;
};

/* CONTAINER_STATE: to the container that created it. */
struct grove_notice_container {
    grove_handle container;
    grove_object_id id;
    uint32_t state;
    uint32_t generation;
    uint32_t exit_cause;
    int32_t exit_detail;
    uint32_t layer;
    uint32_t reserved;
    struct grove_name name;
};

/* ENDPOINT_WANTED: to the endpoint's owner, once for each time it is connected to while nothing runs. */
struct grove_notice_endpoint {
    grove_handle endpoint;
    grove_handle container; /* in the owner's table; 0 if it has none */
    struct grove_name name;
    struct grove_name client;
};

/* STOP, QUIESCE, RESUME, PING. */
struct grove_notice_request {
    uint64_t deadline_ns; /* monotonic */
    uint64_t value;       /* PING: echo it in the report */
};

struct grove_notice_budget {
    uint32_t resource; /* 1 memory, 2 processes, 3 shared memory, 4 channels, 5 processor (parts per million), 6
                        * descriptors, 7 file size, 8 scratch size, 9 scratch files */
    uint32_t reserved;
    uint64_t used, limit;
};

/* LEARNED: to the creator of a GROVE_SPEC_LEARN container, once for each different need. */
struct grove_notice_learned {
    grove_object_id container;
    struct grove_capability capability;
};

/* ---- the packet ----------------------------------------------------------------------------------------------------- */

struct grove_message {
    uint16_t version;   /* GROVE_PORT_VERSION */
    uint16_t operation; /* enum grove_operation in a request and its reply, enum grove_notice in a notice */
    int32_t status;     /* replies: 0 or a negative enum grove_status; 0 otherwise */
    uint64_t sequence;
    uint16_t objects;   /* descriptors attached */
    uint16_t reserved[3];
    uint64_t time_ns;   /* notices and replies: when the kernel sent it, monotonic */
    union {
        uint8_t bytes[GROVE_PORT_BODY_BYTES];
        struct grove_capability_read capability_read;
        struct grove_capability_entry capability_entry;
        struct grove_capability_derive derive;
        struct grove_capability_grant grant;
        struct grove_capability_revoke revoke;
        struct grove_channel_connect connect;
        struct grove_channel_reply channel;
        struct grove_handle_request handle;
        struct grove_endpoint_create endpoint_create;
        struct grove_endpoint_read endpoint_read;
        struct grove_endpoint_record endpoint_record;
        struct grove_region_create region_create;
        struct grove_region_grant region_grant;
        struct grove_region_reply region;
        struct grove_state_region state_region;
        struct grove_container_create container_create;
        struct grove_container_start container_start;
        struct grove_container_control control;
        struct grove_container_read container_read;
        struct grove_container_record container_record;
        struct grove_container_reply container;
        struct grove_project_create project_create;
        struct grove_budget_set budget_set;
        struct grove_schedule_set schedule_set;
        struct grove_audit_read audit_read;
        struct grove_state_report report;
        struct grove_trace_record trace;
        struct grove_trace_read trace_read;
        struct grove_kernel_record kernel;
        struct grove_handle_reply handle_reply;
        struct grove_count_reply count;
        struct grove_refused refused;
        struct grove_overcommitted overcommitted;
        struct grove_notice_init init;
        struct grove_notice_channel_new channel_new;
        struct grove_notice_channel_peer channel_peer;
        struct grove_notice_channel_closed channel_closed;
        struct grove_notice_capability capability_granted;
        struct grove_notice_region region_granted;
        struct grove_notice_container container_state;
        struct grove_notice_endpoint endpoint_wanted;
        struct grove_notice_request request;
        struct grove_notice_budget budget_warning;
        struct grove_notice_learned learned;
    } body;
};

_Static_assert(sizeof(struct grove_message) == 32 + GROVE_PORT_BODY_BYTES, "the packet has one size on every machine");

/*
 * The kernel page: one page per container that the kernel writes and the container maps read-only. The descriptor comes
 * with the INIT notice.
 */
#define GROVE_KERNEL_PAGE_MAGIC 0x47504b47u /* "GKPG" */
struct grove_kernel_page {
    uint32_t magic, version;
    uint32_t notices; /* futex word: counts the packets sent to this container; changed before each wake */
    uint32_t tracing; /* 1: report the steps of messages */
    grove_object_id container;
    uint32_t generation;
    uint32_t reserved;
    uint64_t boot_id;
};

#endif
