/*
 * What others are told: the registry which system services are ready and how far the start is, the bus that all is up.
 *
 * The registry is told the whole each time, in one message that replaces the one before, so that one that is lost or comes
 * twice is no matter; it is told when it comes up, and with each change while it is up.
 */
#include "servers/init/init.h"

#include <stdio.h>
#include <string.h>

#include "grove/resource.h"
#include "servers/common/names.h"
#include "servers/common/spec_limits.h"
#include "servers/common/system_event.h"

#define REGISTRY_PATIENCE_NS GROVE_MILLISECOND

static struct {
    struct registry_system head;
    struct registry_system_interface interfaces[REGISTRY_SYSTEM_MAX];
} told;

static void add_interfaces(const struct unit *unit) {
    for (uint32_t index = 0; index < unit->spec->provides.count && told.head.count < REGISTRY_SYSTEM_MAX; index++) {
        const struct grove_spec_interface *interface = grove_spec_provided(unit->spec, index);
        struct registry_system_interface *out = &told.interfaces[told.head.count++];
        *out = (struct registry_system_interface){.version = interface->version, .state = (uint32_t)unit->state};
        name_set(&out->name, grove_spec_text(unit->spec, interface->name));
    }
}

static void fill(const struct init *init) {
    const struct unit *holder = phases_holder(init);
    told.head = (struct registry_system){.version = REGISTRY_PROTOCOL_VERSION, .phase = init->phase};
    if (holder != NULL)
        name_set(&told.head.holder, holder->name);
    told.interfaces[told.head.count++] = (struct registry_system_interface){
        .name = {INIT_ENDPOINT}, .version = {.major = 1}, .state = REGISTRY_STATE_READY};
    for (uint32_t index = 0; index < init->count; index++)
        add_interfaces(&init->units[index]);
}

static void tell_registry(struct grove_service *service, void *context) {
    struct init *init = context;
    const struct unit *registry = boot_find(init, "system.registry");
    (void)service;
    init->is_tell_due = false;
    if (registry == NULL || registry->state != REGISTRY_STATE_READY)
        return; /* it is told when it is */
    if (init->registry == NULL && grove_connect(REGISTRY_ENDPOINT, &init->registry) < 0)
        return;
    fill(init);
    int status =
        grove_send(init->registry,
                   &(struct grove_call){.method = REGISTRY_SYSTEM,
                                        .data = &told,
                                        .length_bytes = sizeof told.head + told.head.count * sizeof *told.interfaces,
                                        .timeout_ns = REGISTRY_PATIENCE_NS});
    if (status == GROVE_CLOSED) {
        grove_channel_close(init->registry);
        init->registry = NULL;
    }
    if (status < 0)
        (void)fprintf(stderr, "init: the registry could not be told of a change: %s\n", grove_last_error());
}

void tell_registry_soon(struct init *init) {
    uint32_t timer;
    if (init->is_tell_due || init->is_stopping)
        return;
    init->is_tell_due = grove_service_after(init->service, 0, tell_registry, init, &timer) == 0;
}

void tell_warned(struct init *init, const struct unit *unit, const struct grove_notice_budget *warning) {
    struct grove_resource_warned warned = {.version = GROVE_RESOURCE_VERSION, .warning = *warning};
    warned.limit = spec_limits_fault(unit->spec) == NULL
                       ? spec_limit(unit->spec, warning->resource)
                       : (struct grove_limit){.resource = warning->resource, .policy = GROVE_LIMIT_TELL};
    name_set(&warned.service, unit->name);
    if (init->resource == NULL && grove_connect(GROVE_RESOURCE_ENDPOINT, &init->resource) < 0)
        return;
    if (grove_send(init->resource, &(struct grove_call){.method = GROVE_RESOURCE_WARNED,
                                                        .data = &warned,
                                                        .length_bytes = sizeof warned,
                                                        .timeout_ns = GROVE_MILLISECOND}) != GROVE_CLOSED)
        return;
    grove_channel_close(init->resource);
    init->resource = NULL;
}

void tell_ready(struct init *init) {
    char missing[512] = "";
    size_t length = 0;
    for (uint32_t index = 0; index < init->count && length < sizeof missing - 1; index++) {
        if (init->units[index].state == REGISTRY_STATE_READY)
            continue;
        int written = snprintf(missing + length, sizeof missing - length, "%s%s", length == 0 ? "" : " ",
                               init->units[index].name);
        length += written > 0 ? (size_t)written : 0;
    }
    char boot_id[24];
    (void)snprintf(boot_id, sizeof boot_id, "%016llx", (unsigned long long)init->boot_id);
    const struct init_phase *users = &init->progress->phase[INIT_USER_PHASE];
    (void)system_event(
        "kernel.ready", "",
        (const struct system_event_field[]){{.name = "boot_id", .text = boot_id},
                                            {.name = "took_ns", .number = init->progress->ready_ns - init->booted_ns},
                                            {.name = "system_services", .number = init->count + 1},
                                            {.name = "user_services", .number = users->services},
                                            {.name = "missing", .text = missing},
                                            {0}});
}
