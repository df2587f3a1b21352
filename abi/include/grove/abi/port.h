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
 * operation.h has the numbers, request.h the bodies of requests and replies, this file those of notices and the packet.
 *
 * Versions: GROVE_PORT_VERSION is in every message; the kernel answers GROVE_VERSION to one it does not speak. Operation
 * numbers and layouts of a version never change; new operations are appended.
 */
#ifndef GROVE_ABI_PORT_H
#define GROVE_ABI_PORT_H

#include "grove/abi/language.h"
#include "grove/abi/operation.h"
#include "grove/abi/request.h"
#include "grove/abi/status.h"

#define GROVE_PORT_DESCRIPTOR 3
#define GROVE_PORT_VERSION 1u
#define GROVE_PORT_OBJECTS 4u
#define GROVE_PORT_BODY_BYTES 608u

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
    int32_t fail_detail; /* of a start that failed: the machine's own error number, for people */
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
    uint64_t value; /* PING: echo it in the report */
};

/*
 * BUDGET_WARNING: a limit of the container, or of its project, is near (memory: nine tenths are used) or in the way
 * (processes, processor, shared memory, channels). Once for each time that it comes so far.
 */
struct grove_notice_budget {
    uint32_t resource; /* enum grove_resource */
    uint32_t reserved;
    uint64_t used, limit;
};

/* CONTAINER_BUDGET: a container got a warning; to its owner, at most one in a second for each container. */
struct grove_notice_container_budget {
    grove_handle container;
    grove_object_id id;
    struct grove_name name;
    struct grove_notice_budget warning;
};

/* LEARNED: to the creator of a GROVE_SPEC_LEARN container, once for each different need. */
struct grove_notice_learned {
    grove_object_id container;
    struct grove_capability capability;
};

struct grove_message {
    uint16_t version; /* GROVE_PORT_VERSION */
    uint16_t operation; /* enum grove_operation in a request and its reply, enum grove_notice in a notice */
    int32_t status; /* replies: 0 or a negative enum grove_status; 0 otherwise */
    uint64_t sequence;
    uint16_t objects; /* descriptors attached */
    uint16_t reserved[3];
    uint64_t time_ns; /* notices and replies: when the kernel sent it, monotonic */
    union {
        uint8_t bytes[GROVE_PORT_BODY_BYTES];
        struct grove_capability_read capability_read;
        struct grove_capability_entry capability_entry;
        struct grove_capability_derive derive;
        struct grove_capability_grant grant;
        struct grove_capability_revoke revoke;
        struct grove_capability_check check;
        struct grove_check_reply checked;
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
        struct grove_container_launch container_launch;
        struct grove_container_control control;
        struct grove_container_read container_read;
        struct grove_container_record container_record;
        struct grove_container_list container_list;
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
        struct grove_notice_container_budget container_budget;
    } body;
};

GROVE_STATIC_ASSERT(sizeof(struct grove_message) == 32 + GROVE_PORT_BODY_BYTES,
                    "the packet has one size on every machine");

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
    /*
     * The channel whose client's signal word the kernel changes and wakes after `notices`; 0 none. It is this container's
     * oldest channel, and stays so until that client's segment is closed. Stored before `notices` changes.
     */
    grove_object_id woken_through;
    /*
     * Changes whenever a permission of anybody is revoked or cut off, before the reply to whoever did it: what
     * CAPABILITY_CHECK answered under another number must be asked again. 0: this container has not asked yet, or may not
     * keep answers.
     */
    uint32_t rights_epoch;
    uint32_t reserved_end;
};

#endif
