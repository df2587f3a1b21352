/* Scheduling parameters: see schedule.h. */
#include "kernel/core/state.h"

#include <string.h>

#define PPM UINT64_C(1000000)

/* A fixed priority needs some real-time share; a deadline needs as much as it reserves, rounded up. */
bool schedule_needs(const struct grove_schedule *schedule, struct grove_capability *needed) {
    bool is_deadline = schedule->class == GROVE_SCHEDULE_DEADLINE;
    if (!is_deadline && schedule->class != GROVE_SCHEDULE_FIXED && schedule->class != GROVE_SCHEDULE_ROUND_ROBIN)
        return false;
    memset(needed, 0, sizeof(*needed));
    needed->kind = GROVE_CAP_SCHED_RT;
    needed->rights = GROVE_RIGHT_USE;
    needed->argument.kind = GROVE_ARGUMENT_QUANTITY;
    if (is_deadline)
        needed->argument.value.quantity = (schedule->runtime_ns * PPM + schedule->period_ns - 1) / schedule->period_ns;
    return true;
}

/* ---- SCHEDULE_SET ---- */

int schedule_set_check(struct request *request) {
    const struct grove_schedule_set *body = &request->message->body.schedule_set;
    if (grove_schedule_fault(&body->schedule) != NULL)
        return GROVE_INVALID;
    int status = request_find_container(request, body->container, NULL);
    struct grove_capability needed;
    if (status < 0 || !schedule_needs(&body->schedule, &needed))
        return status;
    if (capability_find(request->core, request->container, &needed, GROVE_RIGHT_USE) == NULL)
        return request_refuse(request, &needed);
    return GROVE_OK;
}

int schedule_set_invoke(struct request *request) {
    struct container *container = request->container;
    const struct grove_schedule *schedule = &request->message->body.schedule_set.schedule;
    int status = container->has_instance ? machine_container_schedule(pool_index(container), schedule) : GROVE_OK;
    if (status == GROVE_OK)
        container->schedule = *schedule;
    return status;
}
