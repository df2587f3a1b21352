/*
 * Reads that look for the next matching thing: audit records and containers. They look at SCAN_STEP of them in a step,
 * so that a reader who may see little does not hold up the others.
 */
#include "kernel/core/state.h"

#include <string.h>

#define SCAN_STEP 64u

/* ---- audit records ---- */

static bool may_read_of(const struct core *core, const struct container *reader, const struct grove_name *subject) {
    return container_is_named(core, reader, subject) ||
           (name_is_valid(subject) && capability_find_name(core, reader, GROVE_CAP_AUDIT_READ, subject) != NULL);
}

/* What the kernel did itself (boot, recovery) names nobody: it is read with an AUDIT_READ of everything. */
static bool may_read_kernel(const struct core *core, const struct container *reader) {
    struct grove_capability wanted = {.kind = GROVE_CAP_AUDIT_READ};
    return capability_find(core, reader, &wanted, GROVE_RIGHT_USE) != NULL;
}

static bool audit_matches(const struct core *core, const struct container *reader, const struct grove_name *name,
                          const struct grove_audit_record *record) {
    if (name->text[0] != '\0')
        return memcmp(name, &record->who, sizeof(*name)) == 0 || memcmp(name, &record->object, sizeof(*name)) == 0;
    return may_read_of(core, reader, &record->who) || may_read_of(core, reader, &record->object) ||
           may_read_kernel(core, reader);
}

/* Returns true while there is more to look at; else *status is set. */
static bool scan_audit(struct core *core, struct pending *pending, const struct container *reader, struct packet *reply,
                       int *status) {
    const struct audit_log *log = &core->audit;
    uint64_t sequence = pending->value < log->first ? log->first : pending->value;
    for (uint32_t i = 0; i < SCAN_STEP && sequence < log->next; i++, sequence++) {
        const struct grove_audit_record *record = &log->records[sequence % log->capacity];
        if (!audit_matches(core, reader, &pending->packet.message.body.audit_read.name, record))
            continue;
        memcpy(reply->message.body.bytes, record, sizeof(*record));
        *status = GROVE_OK;
        return false;
    }
    pending->value = sequence;
    *status = GROVE_NOT_FOUND;
    return sequence < log->next;
}

/* ---- containers ---- */

static bool holds_handle_of(const struct core *core, const struct container *reader, grove_object_id id) {
    const struct list *head = &reader->kinds[0].entries;
    for (struct list *link = head->next; link != head; link = link->next) {
        const struct capability *entry = list_item(link, struct capability, kind_link);
        if (entry->as.object == id && (entry->rights & GROVE_RIGHT_CONTROL) != 0 && capability_is_alive(core, entry))
            return true;
    }
    return false;
}

static bool may_see(const struct core *core, const struct container *reader, const struct container *container) {
    if (reader == container || container->owner == pool_identity(reader))
        return true;
    struct grove_name name;
    container_name(core, container, &name);
    return capability_find_name(core, reader, GROVE_CAP_PROC_CONTROL, &name) != NULL ||
           holds_handle_of(core, reader, pool_identity(container));
}

static bool scan_containers(struct core *core, struct pending *pending, const struct container *reader,
                            struct packet *reply, int *status) {
    uint32_t index = (uint32_t)pending->value;
    for (uint32_t i = 0; i < SCAN_STEP && index < core->containers.touched; i++, index++) {
        const struct container *container = core_container(core, index);
        if (container == NULL || container->is_dying || !may_see(core, reader, container))
            continue;
        struct grove_container_record *record = &reply->message.body.container_record;
        container_fill_record(core, container, record);
        record->cursor = index + 1 < core->containers.touched ? index + 1 : 0;
        *status = GROVE_OK;
        return false;
    }
    pending->value = index;
    *status = GROVE_NOT_FOUND;
    return index < core->containers.touched;
}

bool scan_work(struct core *core, struct work *work) {
    struct pending *pending = list_item(work, struct pending, work);
    const struct container *reader = pool_find(&core->containers, pending->requester);
    struct packet reply = {0};
    int status = GROVE_CANCELLED;
    bool is_audit = pending->operation == GROVE_REQUEST_AUDIT_READ;
    if (reader != NULL && (is_audit ? scan_audit(core, pending, reader, &reply, &status)
                                    : scan_containers(core, pending, reader, &reply, &status)))
        return true;
    pending_reply(core, pending, status, &reply);
    return false;
}

int request_scan(struct request *request, uint64_t first) {
    struct pending *pending = NULL;
    int status = pending_create(request, PENDING_SCAN, &pending);
    if (status < 0)
        return status;
    pending->packet.message = *request->message;
    pending->value = first;
    if (scan_work(request->core, &pending->work))
        work_queue(request->core, &pending->work, WORK_SCAN);
    return REQUEST_LATER;
}
