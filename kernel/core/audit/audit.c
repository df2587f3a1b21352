/* The audit log: see audit.h. */
#include "kernel/core/state.h"

#include <string.h>

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

void audit_init(struct audit_log *log, struct grove_audit_record *records, uint32_t capacity, uint64_t next) {
    *log = (struct audit_log){.records = records, .capacity = capacity, .first = next, .next = next};
}

uint64_t audit_check(const struct grove_audit_record *record) {
    const uint8_t *bytes = (const uint8_t *)record;
    const size_t check = offsetof(struct grove_audit_record, check);
    uint64_t hash = FNV_OFFSET;
    for (size_t i = 0; i < sizeof(*record); i++) {
        uint8_t byte = i >= check && i < check + sizeof(record->check) ? 0 : bytes[i];
        hash = (hash ^ byte) * FNV_PRIME;
    }
    return hash;
}

static void write_capability(const struct grove_capability *capability, struct grove_audit_record *record) {
    const struct grove_argument *argument = &capability->argument;
    record->kind = capability->kind;
    record->rights = capability->rights;
    record->argument_kind = argument->kind;
    if (argument->kind == GROVE_ARGUMENT_ADDRESS) {
        record->argument.address = argument->value.address;
    } else if (argument->kind == GROVE_ARGUMENT_QUANTITY) {
        record->argument.quantity = argument->value.quantity;
    } else {
        uint16_t room = sizeof(record->argument.text);
        record->length_bytes = argument->length_bytes < room ? argument->length_bytes : room;
        memcpy(record->argument.text, argument->value.text, record->length_bytes);
    }
}

void audit_write(struct core *core, const struct audit_event *event) {
    struct audit_log *log = &core->audit;
    struct grove_audit_record *record = &log->records[log->next % log->capacity];
    memset(record, 0, sizeof(*record));
    record->sequence = log->next++;
    record->time_ns = machine_wall_clock_ns();
    record->event = (uint16_t)event->event;
    record->operation = event->operation;
    record->detail = event->detail;
    record->generation = event->generation;
    record->cause = event->cause;
    if (event->who != NULL)
        container_name(core, event->who, &record->who);
    text_to_name(&core->texts, event->object, &record->object);
    if (event->capability != NULL)
        write_capability(event->capability, record);
    if (event->budget != NULL) {
        record->argument.budget.used = event->budget->used;
        record->argument.budget.limit = event->budget->limit;
    }
    record->check = audit_check(record);
    if (log->next - log->first > log->capacity)
        log->first = log->next - log->capacity;
    machine_audit_write(record);
}

void audit_life(struct core *core, const struct container *container, enum grove_audit_event event, uint32_t cause,
                int32_t detail) {
    audit_write(core, &(struct audit_event){.event = event,
                                            .who = container,
                                            .object = container->name,
                                            .generation = container->generation,
                                            .cause = cause,
                                            .detail = detail});
}

void audit_request(const struct request *request, enum grove_audit_event event, text_id object, int32_t detail,
                   const struct grove_capability *capability) {
    audit_write(request->core, &(struct audit_event){.event = event,
                                                     .who = request->caller,
                                                     .object = object,
                                                     .operation = request->message->operation,
                                                     .detail = detail,
                                                     .capability = capability});
}

/* ---- AUDIT_READ ---- */

int audit_read_check(struct request *request) {
    const struct grove_name *name = &request->message->body.audit_read.name;
    if (name->text[0] == '\0' || container_is_named(request->core, request->caller, name))
        return GROVE_OK;
    return request_permit_name(request, GROVE_CAP_AUDIT_READ, name);
}

/* A record's subjects are who acted and what was acted on. */
int audit_read_invoke(struct request *request) {
    return request_scan(request, request->message->body.audit_read.sequence);
}

void core_recovered(struct core *core, uint32_t count) {
    audit_write(core, &(struct audit_event){.event = GROVE_AUDIT_RECOVERED, .detail = (int32_t)count});
}
