/*
 * The kernel port: requests in, replies and notices out.
 *
 * PORT_REQUESTS is the table of requests. Each has a check, which decodes and validates and may fail, having changed
 * nothing; and an invoke, which first takes what it needs from the pools and the machine, giving all of it back if one of
 * them fails, and then makes the change, which cannot fail.
 *
 * Packets that the port has no room for wait in a queue of PORT_QUEUE_MAX per container. Replies may fill all of it: who
 * asks and does not read is ended (PORT_OVERRUN). What others cause may fill half of it: then they are refused. A packet
 * in the queue names the objects that go with it by identity, and is dropped if they are gone when its turn comes.
 */
#ifndef GROVE_CORE_PORT_H
#define GROVE_CORE_PORT_H

#include "kernel/core/core.h"
#include "kernel/core/pool/pool.h"
#include "kernel/core/timer/timer.h"
#include "kernel/core/work/work.h"

#define PORT_QUEUE_MAX 64u
#define PORT_QUEUE_SHARE (PORT_QUEUE_MAX / 2)

struct capability;
struct channel;
struct container;
struct endpoint;
struct project;
struct region;

/* ---- out ---- */

enum port_object_kind {
    PORT_OBJECT_NONE,
    PORT_OBJECT_SEGMENT,
    PORT_OBJECT_BELL,
    PORT_OBJECT_REGION,
    PORT_OBJECT_STREAM
};

/* A machine_object named by the kernel object that owns it. */
struct port_object {
    uint32_t kind; /* enum port_object_kind */
    uint32_t index; /* role of the channel's side; number of the stream */
    uint64_t id;
    uint32_t epoch; /* of a segment */
};

struct packet {
    struct grove_message message;
    struct port_object objects[GROVE_PORT_OBJECTS];
};

/* Send at once or not at all: GROVE_AGAIN, GROVE_CLOSED, GROVE_STALE_HANDLE (an object is gone). */
int port_send(struct core *core, struct container *to, const struct packet *packet);
/* An empty packet of a notice, padding and the unused rest of the body included: all of it goes to user space. */
void packet_init(struct packet *packet, enum grove_notice notice);
/* INIT, with the kernel page. */
int port_send_page(struct container *to, const struct packet *packet);
/* Send or queue; a container whose queue is full is ended. */
void port_post(struct core *core, struct container *to, const struct packet *packet);
/* Room for one more notice that somebody else causes? */
bool port_has_share(const struct container *to);
/* A notice that somebody else causes: dropped if there is no room for it. */
void port_notice(struct core *core, struct container *to, const struct packet *packet);
/* Continue with the queue and the attention list. */
void port_pump(struct core *core, struct container *to);
void port_drop_queue(struct core *core, struct container *to);

/* ---- in ---- */

struct request {
    struct core *core;
    struct container *caller;
    const struct grove_message *message;
    machine_object objects[GROVE_PORT_OBJECTS]; /* an invoke that keeps one puts MACHINE_OBJECT_NONE there */
    uint32_t object_count;
    struct packet reply;

    /* What the check found, for the invoke. */
    struct capability *capability;
    void *object;
    struct container *container;
    struct channel *channel;
    struct endpoint *endpoint;
    struct region *region;
    struct project *project;
    uint32_t side;
    struct grove_channel_layout layout;
};

/* Returned by an invoke that replies later. */
#define REQUEST_LATER 1

/* The caller lacks this: audited, counted, and put into the reply. Returns GROVE_DENIED. */
int request_refuse(struct request *request, const struct grove_capability *missing);
/* The same for somebody else whom the caller asks about. */
int request_refuse_to(struct request *request, struct container *who, const struct grove_capability *missing);
/* request->capability: the caller's permission to use `wanted`, or a refusal. */
int request_permit(struct request *request, const struct grove_capability *wanted);
/* The same for a permission whose argument is a name. GROVE_INVALID for what is no name. */
int request_permit_name(struct request *request, uint16_t kind, const struct grove_name *name);
/*
 * request->object and capability from a handle to an object of this kind with these rights, or a refusal. GROVE_INVALID
 * for another kind, GROVE_STALE_HANDLE. The functions below set the typed member as well.
 */
int request_find(struct request *request, grove_handle handle, uint16_t kind, uint16_t rights);
/* request->container from a handle with CONTROL, or by name under PROC_CONTROL. */
int request_find_container(struct request *request, grove_handle handle, const struct grove_name *name);
/* request->channel and side from a handle. */
int request_find_channel(struct request *request, grove_handle handle);
/* request->project from a handle with these rights; without a handle the caller's own. */
int request_find_project(struct request *request, grove_handle handle, uint16_t rights);
/* request->container: who is at the other end of a channel and has room for a notice. GROVE_CLOSED, GROVE_EXHAUSTED. */
int request_find_receiver(struct request *request, grove_handle channel);

/* ---- requests that wait ---- */

enum pending_kind { PENDING_PACKET, PENDING_START, PENDING_PING, PENDING_QUIESCE, PENDING_REVOKE, PENDING_SCAN };

struct pending {
    struct pool_item item;
    struct list link; /* in a container's queue or waiters, or in the core's scans and revocations */
    uint32_t kind; /* enum pending_kind */
    uint16_t operation;
    uint64_t sequence;
    grove_object_id requester;
    uint32_t requester_generation;
    grove_handle handle; /* that the request named */
    uint64_t value; /* PING: the value; REVOKE: entries removed; SCAN: where it goes on */
    struct timer timer;
    struct work work;
    struct list condemned; /* REVOKE */
    struct packet packet; /* PACKET; SCAN: the request */
};

/* A waiting request of this caller. GROVE_EXHAUSTED; each container may have PORT_QUEUE_MAX of them. */
int pending_create(struct request *request, enum pending_kind kind, struct pending **pending);
void pending_destroy(struct core *core, struct pending *pending);
/* Reply, if the instance that asked still runs, and destroy. */
void pending_reply(struct core *core, struct pending *pending, int status, const struct packet *body);
/* End all waiters of this kind (or of every kind, if `kind` is PENDING_PACKET) on a container. */
void pending_reply_all(struct core *core, struct container *container, enum pending_kind kind, uint64_t value,
                       int status);
bool revoke_work(struct core *core, struct work *work);
bool scan_work(struct core *core, struct work *work);
/* An AUDIT_READ or CONTAINER_READ: look for the next match from number `first` on. GROVE_EXHAUSTED. */
int request_scan(struct request *request, uint64_t first);

/*
 * The requests: X(number, check, invoke, objects at least, objects at most, may go without a reply). A request that has
 * no line here is answered with GROVE_UNSUPPORTED: SWAP, whose steps need two instances of one container, until they come.
 */
#define PORT_REQUESTS(X) \
    X(CAPABILITY_READ, capability_read_check, capability_read_invoke, 0, 0, false) \
    X(CAPABILITY_DERIVE, capability_derive_check, capability_derive_invoke, 0, 0, false) \
    X(CAPABILITY_GRANT, capability_grant_check, capability_grant_invoke, 0, 0, false) \
    X(CAPABILITY_REVOKE, capability_revoke_check, capability_revoke_invoke, 0, 0, false) \
    X(CAPABILITY_CHECK, capability_check_check, capability_check_invoke, 0, 0, false) \
    X(CHANNEL_CONNECT, channel_connect_check, channel_connect_invoke, 0, 0, false) \
    X(CHANNEL_ATTACHED, channel_attached_check, channel_attached_invoke, 0, 0, false) \
    X(CHANNEL_CLOSE, channel_close_check, channel_close_invoke, 0, 0, false) \
    X(ENDPOINT_CREATE, endpoint_create_check, endpoint_create_invoke, 0, 0, false) \
    X(ENDPOINT_DESTROY, endpoint_destroy_check, endpoint_destroy_invoke, 0, 0, false) \
    X(ENDPOINT_READ, endpoint_read_check, endpoint_read_invoke, 0, 0, false) \
    X(REGION_CREATE, region_create_check, region_create_invoke, 0, 0, false) \
    X(REGION_ATTACHED, region_attached_check, region_attached_invoke, 0, 0, false) \
    X(REGION_GRANT, region_grant_check, region_grant_invoke, 0, 0, false) \
    X(REGION_DESTROY, region_destroy_check, region_destroy_invoke, 0, 0, false) \
    X(CONTAINER_CREATE, container_create_check, container_create_invoke, 1, 1, false) \
    X(CONTAINER_START, container_start_check, container_start_invoke, 0, 3, false) \
    X(CONTAINER_LAUNCH, container_launch_check, container_launch_invoke, 1, 4, false) \
    X(CONTAINER_CONTROL, container_control_check, container_control_invoke, 0, 0, false) \
    X(CONTAINER_READ, container_read_check, container_read_invoke, 0, 0, false) \
    X(CONTAINER_LIST, request_is_free, container_list_invoke, 0, 0, false) \
    X(CONTAINER_STREAMS, container_streams_check, container_streams_invoke, 0, 0, false) \
    X(PROJECT_CREATE, project_create_check, project_create_invoke, 0, 0, false) \
    X(PROJECT_DESTROY, project_destroy_check, project_destroy_invoke, 0, 0, false) \
    X(BUDGET_SET, budget_set_check, budget_set_invoke, 0, 0, false) \
    X(SCHEDULE_SET, schedule_set_check, schedule_set_invoke, 0, 0, false) \
    X(AUDIT_READ, audit_read_check, audit_read_invoke, 0, 0, false) \
    X(STATE_REPORT, state_report_check, state_report_invoke, 0, 0, true) \
    X(STATE_REGION, state_region_check, state_region_invoke, 0, 0, false) \
    X(TRACE_EMIT, trace_emit_check, trace_emit_invoke, 0, 0, true) \
    X(TRACE_READ, trace_read_check, trace_read_invoke, 0, 0, false) \
    X(KERNEL_READ, request_is_free, kernel_read_invoke, 0, 0, false)

#define REQUEST_DECLARE(number, check, invoke, min, max, is_one_way_allowed) \
    int check(struct request *request); \
    int invoke(struct request *request);
PORT_REQUESTS(REQUEST_DECLARE)
#undef REQUEST_DECLARE

#endif
