/* TRACE_EMIT and TRACE_READ: see trace.h. */
#include "kernel/core/state.h"

int trace_emit_check(struct request *request) {
    const struct grove_trace_record *record = &request->message->body.trace;
    if (!request->core->trace.is_on)
        return GROVE_WRONG_STATE;
    return record->stage >= GROVE_TRACE_SENT && record->stage <= GROVE_TRACE_APPLIED && record->lane < GROVE_LANES
               ? GROVE_OK
               : GROVE_INVALID;
}

int trace_emit_invoke(struct request *request) {
    struct trace_log *trace = &request->core->trace;
    struct grove_trace_record *record = &trace->records[trace->next % TRACE_RECORDS];
    *record = request->message->body.trace;
    record->sequence = trace->next++;
    container_name(request->core, request->caller, &record->container);
    return GROVE_OK;
}

int trace_read_check(struct request *request) {
    if (request->message->body.trace_read.enable > 2)
        return GROVE_INVALID;
    struct grove_capability wanted = {.kind = GROVE_CAP_AUDIT_READ, .rights = GROVE_RIGHT_USE};
    return request_permit(request, &wanted);
}

/* One word in every kernel page; a container that starts later takes it from the core. */
static void switch_tracing(struct core *core, uint32_t is_on) {
    core->trace.is_on = is_on;
    for (uint32_t index = 1; index < core->containers.touched; index++) {
        struct container *container = core_container(core, index);
        if (container != NULL && container->page != NULL)
            __atomic_store_n(&container->page->tracing, is_on, __ATOMIC_RELAXED);
    }
}

void trace_wish(struct core *core, struct container *container, bool is_tracing) {
    if (container->is_tracing == is_tracing)
        return;
    container->is_tracing = is_tracing;
    core->trace.tracers = is_tracing ? core->trace.tracers + 1 : core->trace.tracers - 1;
    if (core->trace.is_on != (core->trace.tracers != 0))
        switch_tracing(core, core->trace.tracers != 0);
}

int trace_read_invoke(struct request *request) {
    struct core *core = request->core;
    struct trace_log *trace = &core->trace;
    const struct grove_trace_read *body = &request->message->body.trace_read;
    if (body->enable != 0)
        trace_wish(core, request->caller, body->enable == 1);
    uint64_t first = trace->next > TRACE_RECORDS ? trace->next - TRACE_RECORDS : 1;
    uint64_t sequence = body->sequence < first ? first : body->sequence;
    if (sequence >= trace->next)
        return GROVE_NOT_FOUND;
    request->reply.message.body.trace = trace->records[sequence % TRACE_RECORDS];
    return GROVE_OK;
}
