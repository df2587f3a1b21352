/*
 * The kernel port: packets in and out, and replies matched to requests.
 *
 * Every packet is one struct grove_message. A request carries a sequence number; while its reply is awaited whatever
 * else arrives is handed to notices.c, so that a request made from anywhere never loses a notice. At most one request
 * waits at a time (one thread), so its reply has one place to go; a late reply, to a request that was given up, is
 * dropped with its descriptors.
 *
 * What comes in is checked here once: size, version, number of descriptors, and that every fixed name ends. The kernel is
 * trusted with authority but not with our memory.
 */
#include "lib/session/session.h"

#include "lib/session/attachment.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_BYTES CMSG_SPACE(GROVE_PORT_OBJECTS * sizeof(int))

void packet_close_objects(struct packet *packet) {
    for (unsigned i = 0; i < packet->object_count; i++)
        if (packet->objects[i] >= 0)
            close(packet->objects[i]);
    packet->object_count = 0;
}

int packet_take_object(struct packet *packet, unsigned index) {
    if (index >= packet->object_count)
        return -1;
    int object = packet->objects[index];
    packet->objects[index] = -1;
    return object;
}

/* ---- out ---- */

static int wait_for_port(struct grove_session *session, short events, uint64_t deadline_ns) {
    struct pollfd watched = {.fd = session->port, .events = events};
    struct timespec left = {0}, *limit = NULL;
    if (deadline_ns != GROVE_FOREVER) {
        uint64_t now_ns = grove_now_ns();
        uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
        left = (struct timespec){.tv_sec = (time_t)(left_ns / GROVE_SECOND), .tv_nsec = (long)(left_ns % GROVE_SECOND)};
        limit = &left;
    }
    int count = ppoll(&watched, 1, limit, NULL);
    if (count < 0 && errno != EINTR)
        return error_set(GROVE_IO, "waiting for the kernel port failed: %s", strerror(errno));
    return count == 0 ? GROVE_TIMED_OUT : 0;
}

static void attach_objects(struct msghdr *header, char *control, const int *objects, unsigned count) {
    header->msg_control = control;
    header->msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(int)); /* size_t or socklen_t, by C library */
    struct cmsghdr *attached = CMSG_FIRSTHDR(header);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(attached), objects, count * sizeof(int));
}

/*
 * Without descriptors by send, not by sendmsg: in a container with a network the kernel is asked about every sendmsg, because
 * its address lies in memory, and answers after two switches more.
 */
static ssize_t send_packet(int port, const struct grove_message *message, const int *objects, unsigned count) {
    if (count == 0)
        return send(port, message, sizeof *message, MSG_DONTWAIT | MSG_NOSIGNAL);
    _Alignas(struct cmsghdr) char control[CONTROL_BYTES] = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = sizeof *message};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    attach_objects(&header, control, objects, count);
    return sendmsg(port, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int port_send(struct grove_session *session, struct grove_message *message, const int *objects, unsigned count,
                     uint64_t deadline_ns) {
    if (session->is_closed)
        return error_set(GROVE_CLOSED, "the kernel has closed this program's port");
    if (count > GROVE_PORT_OBJECTS)
        return error_set(GROVE_INVALID, "a request carries at most %u descriptors", GROVE_PORT_OBJECTS);
    message->version = GROVE_PORT_VERSION;
    message->objects = (uint16_t)count;
    while (send_packet(session->port, message, objects, count) < 0) {
        if (errno == EINTR)
            continue;
        if (errno == EPIPE || errno == ECONNRESET)
            return error_set(GROVE_CLOSED, "the kernel has closed this program's port");
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return error_set(GROVE_IO, "sending to the kernel failed: %s", strerror(errno));
        int status = wait_for_port(session, POLLOUT, deadline_ns);
        if (status < 0)
            return error_set(status, "the kernel did not take a request in time");
    }
    return 0;
}

int session_post(struct grove_session *session, struct grove_message *message, bool wants_no_reply) {
    message->sequence = wants_no_reply ? 0 : ++session->last_sequence | SESSION_UNAWAITED;
    return port_send(session, message, NULL, 0, deadline_after(SESSION_TIMEOUT_NS));
}

int session_post_handle(struct grove_session *session, enum grove_operation operation, grove_handle handle) {
    struct grove_message message = {.operation = (uint16_t)operation, .body.handle.handle = handle};
    return session_post(session, &message, false);
}

int session_send(struct grove_session *session, struct grove_message *message) {
    return port_send(session, message, NULL, 0, deadline_after(SESSION_TIMEOUT_NS));
}

/* ---- in ---- */

/* Linux delivers all descriptors of a packet in one control message. */
static void collect_objects(struct msghdr *header, struct packet *packet) {
    packet->object_count = 0;
    struct cmsghdr *part = CMSG_FIRSTHDR(header);
    if (part == NULL || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
        return;
    size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int object;
        memcpy(&object, CMSG_DATA(part) + i * sizeof(int), sizeof object);
        if (packet->object_count < GROVE_PORT_OBJECTS)
            packet->objects[packet->object_count++] = object;
        else
            close(object);
    }
}

/*
 * One packet. GROVE_AGAIN: none there. GROVE_CORRUPT: not a packet of this protocol; its descriptors are closed.
 * GROVE_NO_DESCRIPTORS: some of those that came with it found no room, and with it something was lost that comes once.
 */
static int port_receive(struct grove_session *session, struct packet *packet) {
    _Alignas(struct cmsghdr) char control[CONTROL_BYTES];
    struct iovec part = {.iov_base = &packet->message, .iov_len = sizeof packet->message};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t size;
    do
        size = recvmsg(session->port, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return GROVE_AGAIN;
    if (size <= 0) {
        session->is_closed = true;
        return error_set(GROVE_CLOSED, "the kernel has closed this program's port");
    }
    collect_objects(&header, packet);
    if (size == (ssize_t)sizeof packet->message && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
        packet->message.version == GROVE_PORT_VERSION && packet->message.objects == packet->object_count)
        return 0;
    /* Linux leaves out those that find no room in the process; more than the protocol has find none in the buffer. */
    bool is_short = (header.msg_flags & MSG_CTRUNC) != 0 && packet->object_count < GROVE_PORT_OBJECTS;
    packet_close_objects(packet);
    if (is_short)
        return error_set(
            GROVE_NO_DESCRIPTORS,
            "the kernel sent descriptors, and this program may have no more of them: raise `descriptors:`");
    if (size >= (ssize_t)sizeof packet->message.version && packet->message.version != GROVE_PORT_VERSION)
        return error_set(GROVE_VERSION,
                         "the kernel speaks version %u of the port, this program version %u: build both "
                         "from the same tree",
                         packet->message.version, GROVE_PORT_VERSION);
    return error_set(GROVE_CORRUPT, "the kernel sent a packet that this library does not understand");
}

/* *is_awaited: it was the reply being waited for. */
static int port_deliver(struct grove_session *session, struct packet *packet, bool *is_awaited) {
    if (packet->message.sequence == 0)
        return session_notice(session, packet);
    if (session->awaited != NULL && packet->message.sequence == session->awaited_sequence) {
        *session->awaited = *packet;
        session->awaited = NULL;
        *is_awaited = true;
        return 0;
    }
    if ((packet->message.sequence & SESSION_LATER) != 0)
        return packet_queue_put(&session->queue, packet);
    packet_close_objects(packet);
    return 0;
}

int session_read(struct grove_session *session) {
    bool is_awaited = false;
    /* What follows a reply may be about what the reply brings (the peer of a new channel), so it is read after that. */
    while (!is_awaited) {
        /* Pairs with the kernel's increment: it sends first, so what is counted here is found by the read below. */
        uint32_t seen = session->page != NULL ? __atomic_load_n(&session->page->notices, __ATOMIC_ACQUIRE) : 0;
        struct packet packet;
        int status = port_receive(session, &packet);
        if (status == GROVE_AGAIN) {
            session->notices_seen = seen;
            return 0;
        }
        if (status == 0)
            status = port_deliver(session, &packet, &is_awaited);
        if (status < 0)
            return status;
    }
    return 0;
}

static const char *operation_text(uint16_t operation) {
    static const char *const texts[GROVE_REQUEST_END] = {
        [GROVE_REQUEST_CAPABILITY_READ] = "read capabilities",
        [GROVE_REQUEST_CAPABILITY_DERIVE] = "derive a capability",
        [GROVE_REQUEST_CAPABILITY_GRANT] = "grant a capability",
        [GROVE_REQUEST_CAPABILITY_REVOKE] = "revoke a capability",
        [GROVE_REQUEST_CHANNEL_CONNECT] = "connect",
        [GROVE_REQUEST_CHANNEL_ATTACHED] = "use a channel",
        [GROVE_REQUEST_CHANNEL_CLOSE] = "close a channel",
        [GROVE_REQUEST_ENDPOINT_CREATE] = "create an endpoint",
        [GROVE_REQUEST_ENDPOINT_DESTROY] = "destroy an endpoint",
        [GROVE_REQUEST_ENDPOINT_READ] = "look up an endpoint",
        [GROVE_REQUEST_REGION_CREATE] = "create a region",
        [GROVE_REQUEST_REGION_ATTACHED] = "use a region",
        [GROVE_REQUEST_REGION_GRANT] = "grant a region",
        [GROVE_REQUEST_REGION_DESTROY] = "drop a region",
        [GROVE_REQUEST_CONTAINER_CREATE] = "create a container",
        [GROVE_REQUEST_CONTAINER_START] = "start a container",
        [GROVE_REQUEST_CONTAINER_CONTROL] = "control a container",
        [GROVE_REQUEST_CONTAINER_READ] = "read a container's state",
        [GROVE_REQUEST_CONTAINER_STREAMS] = "read a container's streams",
        [GROVE_REQUEST_PROJECT_CREATE] = "create a project",
        [GROVE_REQUEST_PROJECT_DESTROY] = "destroy a project",
        [GROVE_REQUEST_BUDGET_SET] = "set a budget",
        [GROVE_REQUEST_SCHEDULE_SET] = "set scheduling parameters",
        [GROVE_REQUEST_AUDIT_READ] = "read the audit log",
        [GROVE_REQUEST_STATE_REPORT] = "report its state",
        [GROVE_REQUEST_TRACE_EMIT] = "trace a message",
        [GROVE_REQUEST_TRACE_READ] = "read traces",
        [GROVE_REQUEST_KERNEL_READ] = "read the kernel's accounts",
        [GROVE_REQUEST_STATE_REGION] = "use a state region",
        [GROVE_REQUEST_SWAP] = "swap instances",
        [GROVE_REQUEST_CONTAINER_LIST] = "list its containers",
        [GROVE_REQUEST_CONTAINER_LAUNCH] = "launch a container",
        [GROVE_REQUEST_CAPABILITY_CHECK] = "do this",
    };
    const char *text = operation < GROVE_REQUEST_END ? texts[operation] : NULL;
    return text != NULL ? text : "make this request";
}

int session_explain(struct packet *reply, uint16_t operation) {
    int status = reply->message.status;
    if (status == 0)
        return 0;
    if (status > 0 || status < GROVE_NO_DESCRIPTORS)
        return error_set(GROVE_CORRUPT, "the kernel answered with a status that does not exist (%d)", status);
    struct grove_refused *refused = &reply->message.body.refused;
    refused->who.text[GROVE_NAME_MAX] = '\0';
    if (status == GROVE_DENIED && refused->missing.kind != GROVE_CAP_NONE)
        return error_set_refused(operation_text(operation), refused);
    return error_set(status, "could not %s: %s", operation_text(operation), grove_status_text(status));
}

static void hand_over_objects(struct packet *reply, int *received, unsigned *received_count) {
    unsigned room = received != NULL && received_count != NULL ? *received_count : 0, count = 0;
    while (count < room && count < reply->object_count) {
        received[count] = packet_take_object(reply, count);
        count++;
    }
    if (received_count != NULL)
        *received_count = count;
    packet_close_objects(reply);
}

static int await_reply(struct grove_session *session, uint64_t deadline_ns) {
    while (session->awaited != NULL) {
        int status = session_read(session);
        if (status < 0)
            return status;
        if (session->awaited == NULL)
            break;
        status = wait_for_port(session, POLLIN, deadline_ns);
        if (status < 0)
            return error_set(status, "the kernel did not answer in time");
    }
    return 0;
}

int grove_kernel_request(struct grove_session *session, struct grove_message *message, const int *objects,
                         unsigned object_count, int *received, unsigned *received_count, uint64_t timeout_ns) {
    uint64_t deadline_ns = deadline_after(timeout_ns);
    uint16_t operation = message->operation;
    struct packet reply = {0};
    message->sequence = ++session->last_sequence;
    int status = port_send(session, message, objects, object_count, deadline_ns);
    if (status < 0)
        return status;
    session->awaited = &reply;
    session->awaited_sequence = message->sequence;
    status = await_reply(session, deadline_ns);
    session->awaited = NULL;
    if (status < 0)
        return status;
    status = session_explain(&reply, operation);
    *message = reply.message;
    if (status < 0)
        packet_close_objects(&reply);
    else
        hand_over_objects(&reply, received, received_count);
    return status;
}
