/*
 * The kernel port: requests in, replies and notices out.
 *
 * operations.c has the table of requests. Each has a check, which decodes and validates and may fail, having changed
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
/* INIT, with the kernel page. */
int port_send_page(struct container *to, const struct packet *packet);
/* Send or queue; a container whose queue is full is ended. */
void port_post(struct core *core, struct container *to, const struct packet *packet);
/* Room for one more notice that somebody else causes? */
bool port_has_share(const struct container *to);
/* A notice without objects. */
void port_notice(struct core *core, struct container *to, enum grove_notice notice, struct packet *packet);
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
    struct container *container;
    struct channel *channel;
    struct endpoint *endpoint;
    struct region *region;
    struct project *project;
    uint32_t side;
};

/* Returned by an invoke that replies later. */
#define REQUEST_LATER 1

/* The caller lacks this: audited, counted, and put into the reply. Returns GROVE_DENIED. */
int request_refuse(struct request *request, const struct grove_capability *missing);
/* The caller's permission that covers `wanted` with these rights, or a refusal. */
int request_permit(struct request *request, const struct grove_capability *wanted, uint16_t rights,
                   struct capability **entry);
/* request->container from a handle with CONTROL, or by name under PROC_CONTROL. */
int request_find_container(struct request *request, grove_handle handle, const struct grove_name *name);
/* request->channel and side from a handle. */
int request_find_channel(struct request *request, grove_handle handle);
/* The container at the other end of request->channel. GROVE_CLOSED. */
int request_find_peer(struct request *request, struct container **peer);
/* The packet of a request, checked for its form, is taken through the table. */
void request_run(struct core *core, struct container *caller, const struct grove_message *message,
                 const machine_object *objects, uint32_t count);

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

/* The operations, in the order of the table in operations.c. */
#define OPERATION_DECLARE(name) \
    int name##_check(struct request *request); \
    int name##_invoke(struct request *request);
OPERATION_DECLARE(capability_read)
OPERATION_DECLARE(capability_derive)
OPERATION_DECLARE(capability_grant)
OPERATION_DECLARE(capability_revoke)
OPERATION_DECLARE(channel_connect)
OPERATION_DECLARE(channel_attached)
OPERATION_DECLARE(channel_close)
OPERATION_DECLARE(endpoint_create)
OPERATION_DECLARE(endpoint_destroy)
OPERATION_DECLARE(endpoint_read)
OPERATION_DECLARE(region_create)
OPERATION_DECLARE(region_attached)
OPERATION_DECLARE(region_grant)
OPERATION_DECLARE(region_destroy)
OPERATION_DECLARE(container_create)
OPERATION_DECLARE(container_start)
OPERATION_DECLARE(container_control)
OPERATION_DECLARE(container_read)
OPERATION_DECLARE(container_list)
OPERATION_DECLARE(container_streams)
OPERATION_DECLARE(project_create)
OPERATION_DECLARE(project_destroy)
OPERATION_DECLARE(budget_set)
OPERATION_DECLARE(schedule_set)
OPERATION_DECLARE(audit_read)
OPERATION_DECLARE(state_report)
OPERATION_DECLARE(trace_emit)
OPERATION_DECLARE(trace_read)
OPERATION_DECLARE(kernel_read)
OPERATION_DECLARE(state_region)
OPERATION_DECLARE(swap)
#undef OPERATION_DECLARE

#endif
