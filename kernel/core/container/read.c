/* Reading containers: records, names, log streams; and CONTAINER_START and STATE_REPORT, which are as short. */
#include "kernel/core/state.h"

#include <string.h>

void container_name(const struct core *core, const struct container *container, struct grove_name *name) {
    text_to_name(&core->texts, container->name, name);
}

bool container_is_named(const struct core *core, const struct container *container, const struct grove_name *name) {
    struct grove_name own;
    container_name(core, container, &own);
    return memcmp(&own, name, sizeof(own)) == 0;
}

void container_fill_reply(const struct container *container, grove_handle handle, struct grove_container_reply *reply) {
    reply->container = handle;
    reply->id = pool_identity(container);
    reply->state = container->state;
    reply->generation = container->generation;
    reply->layer = container->layer;
    reply->detail = container->fail_detail;
}

static uint32_t count_list(const struct list *head, uint32_t limit) {
    uint32_t count = 0;
    for (const struct list *link = head->next; link != head && count < limit; link = link->next)
        count++;
    return count;
}

void container_fill_record(const struct core *core, const struct container *container,
                           struct grove_container_record *record) {
    machine_container machine = pool_index(container);
    memset(record, 0, sizeof(*record));
    record->state = container->state;
    record->id = pool_identity(container);
    container_name(core, container, &record->name);
    text_to_name(&core->texts, container->project_name, &record->project);
    record->generation = container->generation;
    record->ring = container->ring;
    record->process = container->is_client ? (int32_t)container->process : machine_container_process(machine);
    record->exit_cause = container->exit_cause;
    record->exit_detail = container->exit_detail;
    record->layer = container->layer;
    record->started_ns = container->started_ns;
    record->ready_ns = container->ready_ns;
    record->capabilities = container->capability_count;
    record->channels =
        (uint32_t)container->charged.channels + count_list(&container->server_sides, PORT_QUEUE_MAX * 16);
    record->refusals = container->refusals;
    if (!container->has_instance || machine_container_usage(machine, &record->usage) < 0)
        memset(&record->usage, 0, sizeof(record->usage));
    record->usage.shared_bytes = container->charged.shared_bytes;
    record->disk_bytes = container->has_instance ? machine_container_disk(machine) : 0;
    record->network_bytes = container->has_instance ? machine_container_network(machine) : 0;
    budget_effective(core, container, &record->budget);
}

void container_state_notice(const struct core *core, const struct container *container, struct packet *packet) {
    packet->message.operation = GROVE_NOTICE_CONTAINER_STATE;
    struct grove_notice_container *notice = &packet->message.body.container_state;
    notice->container = container->owner_handle;
    notice->id = pool_identity(container);
    notice->state = container->state;
    notice->generation = container->generation;
    notice->exit_cause = container->exit_cause;
    notice->exit_detail = container->exit_detail;
    notice->layer = container->layer;
    notice->fail_detail = container->exit_cause == GROVE_EXIT_START_FAILED ? container->fail_detail : 0;
    container_name(core, container, &notice->name);
}

/* ---- CONTAINER_READ ---- */

static bool is_scan(const struct grove_container_read *body) {
    return body->container == GROVE_HANDLE_NONE && body->name.text[0] == '\0';
}

/* One's own record can always be read. */
int container_read_check(struct request *request) {
    const struct grove_container_read *body = &request->message->body.container_read;
    request->container = request->caller;
    if (is_scan(body) ||
        (body->container == GROVE_HANDLE_NONE && container_is_named(request->core, request->caller, &body->name)))
        return GROVE_OK;
    return request_find_container(request, body->container, &body->name);
}

int container_read_invoke(struct request *request) {
    const struct grove_container_read *body = &request->message->body.container_read;
    if (is_scan(body))
        return request_scan(request, body->cursor);
    container_fill_record(request->core, request->container, &request->reply.message.body.container_record);
    return GROVE_OK;
}

/* ---- CONTAINER_LIST ---- */

#define LIST_STEP 512u /* containers looked at for one reply */

static void list_one(const struct core *core, const struct container *container, struct grove_container_entry *entry) {
    entry->container = container->owner_handle;
    entry->id = pool_identity(container);
    container_name(core, container, &entry->name);
    entry->state = container->state;
    entry->endpoints = (uint16_t)count_list(&container->endpoints, GROVE_SPEC_INTERFACES_MAX);
    entry->generation = container->generation;
    entry->exit_cause = container->exit_cause;
    entry->exit_detail = container->exit_detail;
    entry->layer = container->layer;
    entry->started_ns = container->started_ns;
    entry->ready_ns = container->ready_ns;
}

int container_list_invoke(struct request *request) {
    struct core *core = request->core;
    struct grove_container_list *list = &request->reply.message.body.container_list;
    uint32_t index = request->message->body.container_read.cursor;
    grove_object_id owner = pool_identity(request->caller);
    index = index == 0 ? 1 : index;
    for (uint32_t looked = 0; index < core->containers.touched && looked < LIST_STEP; index++, looked++) {
        const struct container *container = core_container(core, index);
        if (container == NULL || container->owner != owner || container->owner_handle == GROVE_HANDLE_NONE)
            continue;
        if (list->count == GROVE_CONTAINER_LIST_MAX)
            break;
        list_one(core, container, &list->entries[list->count++]);
    }
    list->cursor = index < core->containers.touched ? index : 0;
    return GROVE_OK;
}

/* ---- CONTAINER_STREAMS ---- */

int container_streams_check(struct request *request) {
    const struct grove_container_read *body = &request->message->body.container_read;
    return request_find_container(request, body->container, &body->name);
}

int container_streams_invoke(struct request *request) {
    machine_object streams[2] = {MACHINE_OBJECT_NONE, MACHINE_OBJECT_NONE};
    machine_container_streams(pool_index(request->container), streams);
    uint32_t count = 0;
    for (uint32_t i = 0; i < 2; i++) {
        if (streams[i] == MACHINE_OBJECT_NONE)
            continue;
        request->reply.objects[count].kind = PORT_OBJECT_STREAM;
        request->reply.objects[count].index = i;
        request->reply.objects[count].id = pool_identity(request->container);
        count++;
    }
    return count > 0 ? GROVE_OK : GROVE_NOT_FOUND;
}

/* ---- CONTAINER_START ---- */

uint32_t container_streams_wanted(const struct grove_spec *spec) {
    return (uint32_t)(spec->stream_in == GROVE_STREAM_PASSED) + (uint32_t)(spec->stream_out == GROVE_STREAM_PASSED) +
           (uint32_t)(spec->stream_error == GROVE_STREAM_PASSED);
}

int container_start_check(struct request *request) {
    const struct grove_container_start *body = &request->message->body.container_start;
    if (body->reason > GROVE_START_SUCCESSOR || (body->flags & ~(uint32_t)GROVE_START_AT_ONCE) != 0)
        return GROVE_INVALID;
    int status = request_find_container(request, body->container, NULL);
    if (status < 0)
        return status;
    struct container *container = request->container;
    if (container->is_client || request->core->is_shutting_down || !container_is_open_to_restart(container) ||
        life_check(container, LIFE_START) < 0)
        return GROVE_WRONG_STATE;
    if (request->object_count != container_streams_wanted(container->spec))
        return GROVE_INVALID;
    struct grove_capability missing;
    return container_lacks(request->core, container, &missing) ? request_refuse(request, &missing) : GROVE_OK;
}

/* The objects from `next` on go, in order, to the streams that the spec passes; the machine takes them over. */
void container_take_streams(struct request *request, uint32_t next, machine_object streams[3]) {
    const struct grove_spec *spec = request->container->spec;
    const uint8_t modes[3] = {spec->stream_in, spec->stream_out, spec->stream_error};
    for (uint32_t i = 0; i < 3; i++) {
        streams[i] = MACHINE_OBJECT_NONE;
        if (modes[i] != GROVE_STREAM_PASSED)
            continue;
        streams[i] = request->objects[next];
        request->objects[next++] = MACHINE_OBJECT_NONE;
    }
}

int container_start_invoke(struct request *request) {
    struct core *core = request->core;
    struct container *container = request->container;
    const struct grove_container_start *body = &request->message->body.container_start;
    bool is_waited_for = (body->flags & GROVE_START_AT_ONCE) == 0;
    struct pending *pending = NULL;
    int status = is_waited_for ? pending_create(request, PENDING_START, &pending) : GROVE_OK;
    if (status < 0)
        return status;
    if (is_waited_for) {
        pending->handle = body->container;
        list_append(&container->waiters, &pending->link);
    }
    machine_object streams[3];
    container_take_streams(request, 0, streams);
    status = container_start(core, container, body->reason, streams);
    if (!is_waited_for) {
        container_fill_reply(container, body->container, &request->reply.message.body.container);
        return status;
    }
    if (status < 0)
        pending_reply_all(core, container, PENDING_START, 0, status);
    return REQUEST_LATER;
}

/* ---- STATE_REPORT ---- */

int state_report_check(struct request *request) {
    uint32_t report = request->message->body.report.report;
    if (request->caller->is_client || !request->caller->is_running)
        return GROVE_WRONG_STATE;
    return report >= GROVE_REPORT_READY && report <= GROVE_REPORT_STOPPING ? GROVE_OK : GROVE_INVALID;
}

int state_report_invoke(struct request *request) {
    struct container *container = request->caller;
    struct core *core = request->core;
    switch (request->message->body.report.report) {
    case GROVE_REPORT_READY:
        core_container_ready(core, pool_index(container));
        break;
    case GROVE_REPORT_QUIESCED:
        life_happens(core, container, LIFE_QUIESCED);
        pending_reply_all(core, container, PENDING_QUIESCE, 0, GROVE_OK);
        break;
    case GROVE_REPORT_PONG:
        pending_reply_all(core, container, PENDING_PING, request->message->body.report.value, GROVE_OK);
        break;
    default: /* STOPPING: it has heard; its end is what counts */
        break;
    }
    return GROVE_OK;
}
