/* The queue of work: see work.h. */
#include "kernel/core/state.h"

static bool condemned_work(struct core *core, struct work *work) {
    (void)work;
    capability_sweep(core, &core->condemned, WORK_STEP);
    return !list_is_empty(&core->condemned);
}

static bool port_work(struct core *core, struct work *work) {
    port_pump(core, list_item(work, struct container, port_work));
    return false; /* it queues itself again when there is more */
}

static bool (*const steps[WORK_KINDS])(struct core *core, struct work *work) = {
    [WORK_REVOKE] = revoke_work, [WORK_CONDEMNED] = condemned_work, [WORK_CONTAINER] = container_work,
    [WORK_PORT] = port_work,     [WORK_ENDPOINT] = endpoint_work,   [WORK_SCAN] = scan_work,
};

void work_queue(struct core *core, struct work *work, enum work_kind kind) {
    if (list_is_linked(&work->link))
        return;
    work->kind = kind;
    list_append(&core->work, &work->link);
}

/* A step that returns false may have freed the object that the work was in. */
void work_step(struct core *core) {
    if (list_is_empty(&core->work))
        return;
    struct work *work = list_item(core->work.next, struct work, link);
    list_remove(&work->link);
    enum work_kind kind = (enum work_kind)work->kind;
    if (steps[kind](core, work))
        work_queue(core, work, kind);
}
