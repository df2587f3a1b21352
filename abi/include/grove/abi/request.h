/*
 * Bodies of the kernel port's requests and of their replies. The comment at each says what the request does, what it
 * needs, and which descriptors go along.
 *
 * Integers are in the byte order of the processor; every structure has one size on every machine, with its padding
 * written out. Included by port.h.
 */
#ifndef GROVE_ABI_REQUEST_H
#define GROVE_ABI_REQUEST_H

#include "grove/abi/channel.h"
#include "grove/abi/operation.h"
#include "grove/abi/spec.h"

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
 * CAPABILITY_CHECK: does the client of `channel`, which the caller must hold as its server, hold a permission to use
 * `capability` (a permission's kind and argument; its rights do not count)? A channel that the client closed is still
 * answered for, as what it sent is still delivered; GROVE_CLOSED when the client's container is gone. GROVE_DENIED is a
 * refusal like any other: told in `refused`, counted and audited, all of it with the client as the one refused.
 *
 * Reply: grove_check_reply. The answer holds as long as `rights_epoch` of the caller's kernel page is what the reply says;
 * 0 there: for this one time (more than GROVE_CHECKERS_MAX containers check).
 */
#define GROVE_CHECKERS_MAX 64u
struct grove_capability_check {
    grove_handle channel;
    struct grove_capability capability;
};
struct grove_check_reply {
    uint32_t rights_epoch;
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
    uint64_t tag; /* tells several channels to one endpoint apart; 0 is the usual one */
    uint64_t lane_bytes[GROVE_LANES]; /* 0: default; rounded up to a power of two */
    uint64_t arena_bytes; /* 0: default; GROVE_ARENA_NONE: none */
    uint64_t deadline_ns;
};
#define GROVE_ARENA_NONE UINT64_MAX
#define GROVE_LANE_BYTES_DEFAULT \
    { 16384u, 65536u, 262144u }
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
 * GROVE_REGION_MOVE and before REGION_ATTACHED, ownership with the writable mapping. With GROVE_REGION_ONWARD the receiver may
 * grant it on, also for reading only; what it granted ends with its own handle. REGION_DESTROY drops the handle.
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
enum grove_region_flags { GROVE_REGION_MOVE = 1u << 0, GROVE_REGION_ONWARD = 1u << 1 };
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
 * (size_bytes); later instances get the same contents back (`tag` is 1 when it carries an earlier instance's state).
 * Charged to shared_bytes. Reply: grove_region_reply with objects [writable memory]; REGION_ATTACHED seals.
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
 * those that the spec passes, in that order. The reply comes when its program runs or a layer has failed, or, with
 * GROVE_START_AT_ONCE, without waiting for either: a start that fails then is told as CONTAINER_STATE, STOPPED by
 * START_FAILED (grove_container_reply). The container keeps its table, its endpoints, its channels and its state region.
 */
struct grove_container_start {
    grove_handle container;
    uint32_t reason; /* enum grove_start_reason */
    uint32_t flags; /* enum grove_start_flags */
};
enum grove_start_flags { GROVE_START_AT_ONCE = 1u << 0 };
enum grove_start_reason { GROVE_START_FRESH = 0, GROVE_START_RESTARTED = 1, GROVE_START_SUCCESSOR = 2 };

/*
 * CONTAINER_LAUNCH: CONTAINER_CREATE, an ENDPOINT_CREATE for each interface that the spec provides and, with
 * GROVE_LAUNCH_START, CONTAINER_START (reason FRESH), in one request. Each part needs what it needs alone. Objects: [spec,
 * then, when it is started, the streams that the spec passes]. The reply (grove_container_reply) does not wait for the
 * program: a start that fails later is told as CONTAINER_STATE, STOPPED by START_FAILED. On any other status nothing of it
 * is there.
 */
enum grove_launch_flags { GROVE_LAUNCH_START = 1u << 0 };
struct grove_container_launch {
    struct grove_container_create create;
    uint32_t flags; /* enum grove_launch_flags; others are refused */
    uint32_t reserved; /* 0 */
};

/* CONTAINER_CONTROL: needs CONTROL on the handle, or PROC_CONTROL covering the name when given by name. */
enum grove_container_action {
    GROVE_ACTION_STOP = 1, /* ask, then kill at deadline_ns */
    GROVE_ACTION_KILL = 2,
    GROVE_ACTION_FREEZE = 3,
    GROVE_ACTION_THAW = 4,
    GROVE_ACTION_PING = 5, /* the reply comes when it has answered, or at the deadline */
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
    uint32_t state; /* enum grove_container_state */
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
    uint64_t disk_bytes; /* used of budget.disk_bytes; 0 without such a limit */
    uint64_t network_bytes; /* sent and received by all instances; 0 without a limit on the network */
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
 * CONTAINER_STREAMS: grove_container_read, by handle or by name; needs CONTROL, or PROC_CONTROL. Reply objects: the read
 * ends of the log streams (out, error), kept by the kernel too.
 */

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
enum grove_report {
    GROVE_REPORT_READY = 1,
    GROVE_REPORT_QUIESCED = 2,
    GROVE_REPORT_PONG = 3,
    GROVE_REPORT_STOPPING = 4
};
struct grove_state_report {
    uint32_t report;
    uint32_t reserved;
    uint64_t value; /* PONG: the value of the ping */
};

/* TRACE_EMIT (one way) and TRACE_READ (needs AUDIT_READ; `sequence` as above): steps of traced messages. */
enum grove_trace_stage {
    GROVE_TRACE_SENT = 1,
    GROVE_TRACE_TAKEN = 2,
    GROVE_TRACE_COMPLETED = 3,
    GROVE_TRACE_REPLIED = 4,
    GROVE_TRACE_APPLIED = 5
};
struct grove_trace_record {
    uint64_t sequence; /* by the kernel */
    uint64_t time_ns; /* by the emitter */
    grove_object_id channel;
    uint64_t number;
    uint32_t method;
    uint16_t stage;
    uint16_t lane;
    struct grove_name container; /* by the kernel: who emitted */
    struct grove_trace_context
        span; /* of the message; 0 in a step that does not know it (APPLIED): channel and number tell */
    /* SENT: the span in whose handling it was sent; 0: it is the first of its trace. TAKEN: the same of what nobody sends as a
     * message, as an event that is read in place; else 0. */
    uint64_t parent;
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
    uint64_t audit_sequence; /* the next one */
    struct grove_pool_account containers, endpoints, channels, regions, projects, capabilities, text, pending;
    uint32_t cgroup_version; /* 0 none, 1, 2 */
    uint32_t landlock_version;
    uint64_t audit_errors; /* failures to write the log on disk since the start */
    uint64_t audit_lost; /* records that are in memory only for good */
    int32_t audit_error; /* the machine's own number of the last failure, for people; 0 none */
    uint32_t prepared; /* children made before a start needs them; 0 on a machine that makes none */
};

/*
 * CONTAINER_LIST (grove_container_read, of which `cursor` counts): the containers that the caller made, several at a time,
 * so that a restarted owner of thousands finds them again without a request for each. Reply: grove_container_list; fewer
 * than fit, none even, may come before the end.
 */
#define GROVE_CONTAINER_LIST_MAX 5u
struct grove_container_entry {
    grove_handle container; /* in the caller's table */
    grove_object_id id;
    struct grove_name name;
    uint16_t state; /* enum grove_container_state */
    uint16_t endpoints;
    uint32_t generation;
    uint32_t exit_cause;
    int32_t exit_detail;
    uint32_t layer;
    uint32_t reserved;
    uint64_t started_ns, ready_ns;
};
struct grove_container_list {
    uint32_t cursor; /* where to go on; 0 at the end */
    uint32_t count;
    struct grove_container_entry entries[GROVE_CONTAINER_LIST_MAX];
};

/* SWAP: steps of a live update; all are GROVE_UNSUPPORTED until the kernel can do them. */

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
    uint32_t resource; /* enum grove_resource */
    uint32_t reserved;
    uint64_t asked; /* by this request; 0 when the project's own limit is made smaller */
    uint64_t promised; /* to the other members; 0 for what is not added up */
    uint64_t limit;
};

#endif
