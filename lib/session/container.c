/*
 * Requests about containers and endpoints: each function fills in one message of port.h and unpacks its reply.
 */
#include "lib/session/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#endif
#define SPEC_SEALS (0x0001 | 0x0002 | 0x0004 | 0x0008) /* F_SEAL_SEAL, SHRINK, GROW, WRITE */
#define START_TIMEOUT_NS (30 * GROVE_SECOND)

/* The kernel wants memory that can no longer change. */
static int sealed_copy(const void *spec, size_t spec_bytes, int *memory) {
    int made = memfd_create("grove-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (made < 0) {
        int status = errno == EMFILE || errno == ENFILE ? GROVE_NO_DESCRIPTORS : GROVE_NO_MEMORY;
        return error_set(status, "no memory could be made for a spec: %s", strerror(errno));
    }
    size_t written = 0;
    while (written < spec_bytes) {
        ssize_t size = write(made, (const char *)spec + written, spec_bytes - written);
        if (size < 0 && errno != EINTR)
            break;
        written += size > 0 ? (size_t)size : 0;
    }
    if (written < spec_bytes || fcntl(made, F_ADD_SEALS, SPEC_SEALS) < 0) {
        close(made);
        return error_set(GROVE_NO_MEMORY, "a spec of %zu bytes could not be handed over: %s", spec_bytes,
                         strerror(errno));
    }
    *memory = made;
    return 0;
}

int grove_container_create(struct grove_session *session, const void *spec, size_t spec_bytes,
                           struct grove_container_reply *container) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_CREATE,
                                    .body.container_create.spec_bytes = spec_bytes};
    int memory = -1;
    int status = session_or_default(session, &session);
    if (status == 0)
        status = sealed_copy(spec, spec_bytes, &memory);
    if (status < 0)
        return status;
    status = grove_kernel_request(session, &message, &memory, 1, NULL, NULL, SESSION_TIMEOUT_NS);
    close(memory);
    if (status == 0)
        *container = message.body.container;
    return status;
}

static unsigned add_streams(const int streams[3], int *objects) {
    unsigned count = 0;
    for (unsigned i = 0; streams != NULL && i < 3; i++)
        if (streams[i] >= 0)
            objects[count++] = streams[i];
    return count;
}

int grove_container_launch(struct grove_session *session, const void *spec, size_t spec_bytes, bool starts,
                           const int streams[3], struct grove_container_reply *container) {
    struct grove_message message = {
        .operation = GROVE_REQUEST_CONTAINER_LAUNCH,
        .body.container_launch = {.create.spec_bytes = spec_bytes, .flags = starts ? GROVE_LAUNCH_START : 0}};
    int objects[4] = {-1, -1, -1, -1};
    int status = session_or_default(session, &session);
    if (status == 0)
        status = sealed_copy(spec, spec_bytes, &objects[0]);
    if (status < 0)
        return status;
    unsigned count = 1 + add_streams(streams, objects + 1);
    status = grove_kernel_request(session, &message, objects, count, NULL, NULL, SESSION_TIMEOUT_NS);
    close(objects[0]);
    if (status == 0 && container != NULL)
        *container = message.body.container;
    return status;
}

static const char *layer_text(uint32_t layer) {
    static const char *const texts[GROVE_LAYER_COUNT] = {
#define LAYER_TEXT(name, number, text) [number] = text,
        GROVE_LAYER_TABLE(LAYER_TEXT)
#undef LAYER_TEXT
    };
    return layer < GROVE_LAYER_COUNT ? texts[layer] : "unknown";
}

static int explain_start(int status, const struct grove_container_reply *reply) {
    int error = reply->detail < 0 ? -reply->detail : reply->detail;
    if (reply->layer == GROVE_LAYER_NONE || reply->layer >= GROVE_LAYER_COUNT)
        return status;
    if (reply->layer == GROVE_LAYER_SCHEDULE && error == EPERM)
        return error_set(status,
                         "the start failed at the layer schedule: its class is not permitted here; it takes root or a "
                         "limit RLIMIT_RTPRIO (docs/grid.md); else write class: fair");
    return error_set(status, "the start failed at the layer %s: %s (%s); `grove doctor` says how to get it",
                     layer_text(reply->layer), grove_status_text(status), error != 0 ? strerror(error) : "no detail");
}

static int start(struct grove_session *session, const struct grove_container_start *body, const int streams[3],
                 struct grove_container_reply *reply) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_START, .body.container_start = *body};
    int objects[3];
    unsigned count = add_streams(streams, objects);
    int status = session_or_default(session, &session);
    if (status < 0)
        return status;
    status = grove_kernel_request(session, &message, objects, count, NULL, NULL, START_TIMEOUT_NS);
    if (status < 0 && status != GROVE_DENIED && message.operation == GROVE_REQUEST_CONTAINER_START)
        return explain_start(status, &message.body.container);
    if (status == 0 && reply != NULL)
        *reply = message.body.container;
    return status;
}

int grove_container_start(struct grove_session *session, grove_handle container, enum grove_start_reason reason,
                          const int streams[3], struct grove_container_reply *reply) {
    const struct grove_container_start body = {.container = container, .reason = reason};
    return start(session, &body, streams, reply);
}

int grove_container_start_at_once(struct grove_session *session, grove_handle container, enum grove_start_reason reason,
                                  const int streams[3], struct grove_container_reply *reply) {
    const struct grove_container_start body = {.container = container, .reason = reason, .flags = GROVE_START_AT_ONCE};
    return start(session, &body, streams, reply);
}

int grove_container_control(struct grove_session *session, grove_handle container, enum grove_container_action action,
                            uint32_t detail, uint64_t timeout_ns) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_CONTROL,
                                    .body.control = {.container = container, .action = action, .detail = detail}};
    int status = session_or_default(session, &session);
    if (status < 0)
        return status;
    message.body.control.deadline_ns = deadline_after(timeout_ns);
    /* The kernel answers at that deadline at the latest. */
    return grove_kernel_request(session, &message, NULL, 0, NULL, NULL,
                                timeout_ns < GROVE_FOREVER - GROVE_SECOND ? timeout_ns + GROVE_SECOND : timeout_ns);
}

static int read_record(struct grove_session *session, struct grove_message *message,
                       struct grove_container_record *record) {
    int status = session_or_default(session, &session);
    if (status == 0)
        status = grove_kernel_request(session, message, NULL, 0, NULL, NULL, SESSION_TIMEOUT_NS);
    if (status < 0)
        return status;
    *record = message->body.container_record;
    record->name.text[GROVE_NAME_MAX] = record->project.text[GROVE_NAME_MAX] = '\0';
    return 0;
}

int grove_container_read(struct grove_session *session, grove_handle container, struct grove_container_record *record) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_READ,
                                    .body.container_read.container = container};
    return read_record(session, &message, record);
}

int grove_container_next(struct grove_session *session, uint32_t *cursor, struct grove_container_record *record) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_READ, .body.container_read.cursor = *cursor};
    if (*cursor == UINT32_MAX)
        return error_set(GROVE_NOT_FOUND, "there are no more containers");
    int status = read_record(session, &message, record);
    if (status == 0)
        *cursor = record->cursor != 0 ? record->cursor : UINT32_MAX; /* 0 says that this was the last */
    return status;
}

int grove_endpoint_create(struct grove_session *session, const char *name, struct grove_version version,
                          grove_handle container, grove_handle *endpoint) {
    struct grove_message message = {.operation = GROVE_REQUEST_ENDPOINT_CREATE,
                                    .body.endpoint_create = {.version = version, .container = container}};
    int status = session_or_default(session, &session);
    if (status == 0)
        status = session_full_name(session, name, &message.body.endpoint_create.name);
    if (status == 0)
        status = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, SESSION_TIMEOUT_NS);
    if (status == 0 && endpoint != NULL)
        *endpoint = message.body.handle_reply.handle;
    return status;
}
