/*
 * The life of one system service: the registry's life.c without requirements and without giving up.
 *
 *     registered -> starting -> ready        any of them -> failed (with a delay) -> starting
 *     ready -> stopping -> stopped
 *
 * Nothing works without the system services, so there is always a next try, by the spec's ladder of delays.
 */
#include "servers/init/init.h"

#include <stdio.h>
#include <string.h>

#include "servers/common/exit_text.h"
#include "servers/common/names.h"
#include "servers/log/protocol.h"

#define READY_TIMEOUT_DEFAULT_NS (10 * GROVE_SECOND)

bool unit_is_running(const struct unit *unit) {
    return unit->state == REGISTRY_STATE_STARTING || unit->state == REGISTRY_STATE_READY ||
           unit->state == REGISTRY_STATE_STOPPING;
}

static void tell_log(struct unit *unit) {
    struct init *init = unit->init;
    struct log_attach attach = {.version = LOG_PROTOCOL_VERSION};
    name_set(&attach.name, unit->name);
    if (init->log == NULL && grove_connect(LOG_ENDPOINT, &init->log) < 0)
        return;
    if (grove_send(init->log, &(struct grove_call){.method = LOG_ATTACH,
                                                   .data = &attach,
                                                   .length_bytes = sizeof attach,
                                                   .timeout_ns = GROVE_MILLISECOND}) == GROVE_CLOSED) {
        grove_channel_close(init->log);
        init->log = NULL;
    }
}

/* ---- the kernel's side ---- */

static int create_endpoints(struct unit *unit) {
    for (uint32_t index = 0; index < unit->spec->provides.count; index++) {
        const struct grove_spec_interface *interface = grove_spec_provided(unit->spec, index);
        grove_handle endpoint;
        int status = grove_endpoint_create(unit->init->session, grove_spec_text(unit->spec, interface->name),
                                           interface->version, unit->container, &endpoint);
        if (status < 0 && status != GROVE_EXISTS)
            return status;
    }
    return 0;
}

int unit_prepare(struct unit *unit) {
    struct grove_container_reply made;
    if (unit->container == GROVE_HANDLE_NONE) {
        int status = grove_container_create(unit->init->session, unit->spec, unit->spec->total_bytes, &made);
        if (status < 0)
            return status;
        unit->container = made.container;
    }
    return create_endpoints(unit);
}

/* ---- states ---- */

static void enter(struct unit *unit, enum registry_state state) {
    if (unit->timer != 0)
        grove_service_cancel(unit->init->service, unit->timer);
    unit->timer = 0;
    unit->restart_due_ns = 0;
    unit->state = state;
}

static void start_again(struct grove_service *service, void *context) {
    (void)service;
    struct unit *unit = context;
    unit->timer = 0;
    unit_start(unit);
}

static void failed(struct unit *unit) {
    unit->has_failed = true;
    struct grove_restart policy = unit->spec->restart;
    uint64_t delay_ns = 0, now_ns = grove_now_ns();
    policy.give_up_count = 0;
    (void)backoff_next(&unit->backoff, &policy, now_ns, &delay_ns);
    (void)fprintf(stderr, "init: %s %s; the next try is in %.3g s\n", unit->name, unit->reason, (double)delay_ns / 1e9);
    enter(unit, REGISTRY_STATE_FAILED);
    unit->restart_due_ns = now_ns + delay_ns;
    if (grove_service_after(unit->init->service, delay_ns, start_again, unit, &unit->timer) < 0)
        unit_start(unit);
    tell_registry_soon(unit->init);
    phases_continue(unit->init);
}

static void late(struct grove_service *service, void *context) {
    struct unit *unit = context;
    (void)service;
    unit->timer = 0;
    (void)snprintf(unit->reason, sizeof unit->reason, "was not ready or not gone in time");
    (void)grove_container_control(unit->init->session, unit->container, GROVE_ACTION_KILL, 0, INIT_KERNEL_TIMEOUT_NS);
}

static void expect_within(struct unit *unit, uint64_t timeout_ns, uint64_t absent_ns) {
    (void)grove_service_after(unit->init->service, timeout_ns == 0 ? absent_ns : timeout_ns, late, unit, &unit->timer);
}

static void arrived(struct unit *unit) {
    enter(unit, REGISTRY_STATE_READY);
    unit->ready_ns = grove_now_ns();
    unit->reason[0] = '\0';
    if (strcmp(unit->name, "system.resource") == 0)
        admission_tell_all(unit->init);
    tell_registry_soon(unit->init);
    phases_continue(unit->init);
}

void unit_refuse(struct unit *unit, const char *why) {
    if (unit->init->is_stopping || unit_is_running(unit))
        return;
    (void)snprintf(unit->reason, sizeof unit->reason, "was not admitted: %s", why);
    failed(unit);
}

void unit_start(struct unit *unit) {
    struct grove_container_reply reply = {0};
    enum grove_start_reason reason = unit->generation == 0 ? GROVE_START_FRESH : GROVE_START_RESTARTED;
    if (unit->init->is_stopping || !admission_begin(unit))
        return;
    unit->is_start_due = false;
    unit->reason[0] = '\0';
    unit->started_ns = grove_now_ns();
    int status = unit_prepare(unit);
    if (status == 0)
        status = grove_container_start(unit->init->session, unit->container, reason, NULL, &reply);
    if (status < 0) {
        (void)snprintf(unit->reason, sizeof unit->reason, "could not be started: %s", grove_last_error());
        unit->exit_cause = GROVE_EXIT_START_FAILED;
        unit->exit_detail = status;
        failed(unit);
        return;
    }
    unit->generation = reply.generation;
    enter(unit, REGISTRY_STATE_STARTING);
    expect_within(unit, unit->spec->readiness.timeout_ns, READY_TIMEOUT_DEFAULT_NS);
    tell_log(unit);
    if (unit->spec->readiness.kind == GROVE_READY_STARTED)
        (void)grove_container_control(unit->init->session, unit->container, GROVE_ACTION_MARK_READY, 0,
                                      INIT_KERNEL_TIMEOUT_NS);
}

void unit_stop(struct unit *unit) {
    if (!unit_is_running(unit)) {
        enter(unit, REGISTRY_STATE_STOPPED);
        return;
    }
    enter(unit, REGISTRY_STATE_STOPPING);
    expect_within(unit, unit->spec->stop_timeout_ns, INIT_KERNEL_TIMEOUT_NS);
    (void)grove_container_control(unit->init->session, unit->container, GROVE_ACTION_STOP, 0,
                                  unit->spec->stop_timeout_ns == 0 ? INIT_KERNEL_TIMEOUT_NS
                                                                   : unit->spec->stop_timeout_ns);
}

void unit_restart(struct unit *unit) {
    if (unit_is_running(unit)) {
        unit_stop(unit);
        unit->is_start_due = true;
    } else {
        unit_start(unit);
    }
}

static void ended(struct unit *unit) {
    bool was_asked = unit->state == REGISTRY_STATE_STOPPING;
    if (unit->reason[0] == '\0')
        (void)exit_text(unit->exit_cause, unit->exit_detail, unit->layer, unit->reason, sizeof unit->reason);
    enter(unit, REGISTRY_STATE_STOPPED);
    if (unit->init->is_stopping)
        return;
    if (was_asked && unit->is_start_due)
        unit_start(unit);
    else
        failed(unit);
}

void unit_notice(struct unit *unit, const struct grove_notice_container *notice) {
    if (notice->generation < unit->generation)
        return;
    unit->generation = notice->generation;
    if (notice->state == GROVE_CONTAINER_READY && unit->state == REGISTRY_STATE_STARTING)
        arrived(unit);
    if (notice->state != GROVE_CONTAINER_STOPPED || !unit_is_running(unit))
        return;
    unit->exit_cause = notice->exit_cause;
    unit->exit_detail = notice->exit_detail;
    unit->layer = notice->layer;
    ended(unit);
}

void unit_adopt(struct unit *unit, const struct grove_container_record *found) {
    unit->admission = found->state == GROVE_CONTAINER_CREATED ? UNIT_UNKNOWN : UNIT_ADMITTED;
    unit->generation = found->generation;
    unit->exit_cause = found->exit_cause;
    unit->exit_detail = found->exit_detail;
    unit->layer = found->layer;
    unit->started_ns = found->started_ns;
    unit->ready_ns = found->ready_ns;
    switch (found->state) {
    case GROVE_CONTAINER_STARTING:
    case GROVE_CONTAINER_RUNNING:
        unit->state = REGISTRY_STATE_STARTING;
        expect_within(unit, unit->spec->readiness.timeout_ns, READY_TIMEOUT_DEFAULT_NS);
        break;
    case GROVE_CONTAINER_STOPPING:
        unit->state = REGISTRY_STATE_STOPPING;
        unit->is_start_due = true;
        expect_within(unit, unit->spec->stop_timeout_ns, INIT_KERNEL_TIMEOUT_NS);
        break;
    case GROVE_CONTAINER_CREATED:
    case GROVE_CONTAINER_STOPPED:
        unit->state = REGISTRY_STATE_REGISTERED;
        break;
    default:
        unit->state = REGISTRY_STATE_READY;
        break;
    }
}
