/*
 * What health finds: a service that runs and is not well. One that hangs, or of which a critical check has failed, is
 * recovered; what is starved, frozen or only grows is not ended for it.
 *
 * System services are ended through the kernel, and started again by init, so that this also works when it is the registry
 * that hangs.
 */
#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/reincarnation/reincarnation.h"

#define AGAIN_NS GROVE_SECOND

/* The cause of a recovery, for a cause of an illness. False: it is none. */
static bool cause_of(uint32_t illness, uint32_t *cause) {
    switch (illness) {
    case GROVE_CAUSE_BLOCKED:
    case GROVE_CAUSE_LOOPING:
    case GROVE_CAUSE_THROTTLED:
        *cause = GROVE_RECOVERY_HANG;
        return true;
    case GROVE_CAUSE_FAILED_CHECK:
        *cause = GROVE_RECOVERY_CHECK;
        return true;
    default:
        return false;
    }
}

int illness_end_system(struct reincarnation *reincarnation, const char *service, uint32_t generation,
                       const char *reason) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_READ};
    name_set(&message.body.container_read.name, service);
    int status = grove_kernel_request(reincarnation->session, &message, NULL, 0, NULL, NULL, KERNEL_TIMEOUT_NS);
    if (status < 0 || (generation != 0 && message.body.container_record.generation != generation))
        return status;
    struct grove_message control = {.operation = GROVE_REQUEST_CONTAINER_CONTROL};
    name_set(&control.body.control.name, service);
    control.body.control.action = GROVE_ACTION_KILL;
    status = grove_kernel_request(reincarnation->session, &control, NULL, 0, NULL, NULL, KERNEL_TIMEOUT_NS);
    (void)fprintf(stderr, "reincarnation: %s is ended: %s%s%s\n", service, reason, status < 0 ? "; it cannot be: " : "",
                  status < 0 ? grove_last_error() : "");
    return status;
}

static void see_to_system(const struct matter *matter) {
    if (illness_end_system(matter->reincarnation, matter->service.text, matter->generation, matter->reason) < 0)
        return;
    struct remembered *remembered = memory_take(matter->service.text);
    remembered->ladders[matter->cause].total++;
    remembered->ladders[matter->cause].last_ns = remembered->last_ns = grove_now_ns();
    remembered->last_cause = matter->cause;
    remembered->last_step = GROVE_STEP_ITSELF;
    remembered->last_generation = matter->generation;
    text_set(remembered->reason, sizeof remembered->reason, matter->reason);
    events_recovered(matter);
}

void matter_begin_any(const struct matter *matter) {
    if (strncmp(matter->service.text, "system.", 7) == 0)
        see_to_system(matter);
    else
        matter_begin(matter);
}

static void on_change(const struct grove_health_record *record, void *context) {
    struct matter matter = {
        .reincarnation = context, .service = record->name, .generation = record->generation, .is_of_running = true};
    if (record->status != GROVE_HEALTH_FAILING || !cause_of(record->cause, &matter.cause))
        return;
    (void)snprintf(matter.reason, sizeof matter.reason, "%s: %.150s",
                   matter.cause == GROVE_RECOVERY_HANG ? "hung" : "not well", record->reason);
    matter_begin_any(&matter);
}

static void subscribe(struct grove_service *service, void *context) {
    struct reincarnation *reincarnation = context;
    uint32_t timer;
    if (grove_health_subscribe(service, "", on_change, reincarnation, &reincarnation->subscription) < 0)
        (void)grove_service_after(service, AGAIN_NS, subscribe, reincarnation, &timer);
}

void illness_begin(struct reincarnation *reincarnation) {
    subscribe(reincarnation->service, reincarnation);
}
