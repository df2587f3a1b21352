/*
 * What init says of the system services, and what is said to init of the user services.
 *
 * User services start when the system services are up: the phases below REGISTRY_USERS_PHASE are over. Until then what is
 * to run waits, and says for whom. That they were up once lies in the state region, so a registry that is killed later does
 * not make anybody wait; and if init says nothing at all for SYSTEM_PATIENCE_NS, user services start without it.
 *
 * What requires an endpoint of a system service waits until that service is ready, as for any other requirement. Where
 * init has not said anything yet, such a requirement counts as met: the endpoint exists, and holds messages meanwhile.
 *
 * When the user services have come to rest for the first time, which for a start without any is at once, init is told; a
 * death before that is noted tells it twice, which init does not mind.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/init/protocol.h"

#define SYSTEM_PATIENCE_NS (5 * GROVE_SECOND)
#define INIT_PATIENCE_NS GROVE_MILLISECOND

static struct {
    struct registry_system head; /* version 0: nothing was said yet */
    struct registry_system_interface interfaces[REGISTRY_SYSTEM_MAX];
    bool is_rest_check_due;
    uint32_t timer; /* of the patience; 0 none */
} told;

/* ---- when user services may start ---- */

static void open_gate(struct registry *registry) {
    struct history_system *system = history_system();
    if (told.timer != 0)
        grove_service_cancel(registry->service, told.timer);
    told.timer = 0;
    if (system->is_up)
        return;
    system->is_up = true;
    order_recheck_all(registry);
    system_look_for_rest(registry);
}

static void patience_ended(struct grove_service *service, void *context) {
    (void)service;
    told.timer = 0;
    (void)fprintf(stderr, "registry: init does not say whether the system is up; user services start all the same\n");
    open_gate(context);
}

void system_expect(struct registry *registry) {
    if (!history_system()->is_up &&
        grove_service_after(registry->service, SYSTEM_PATIENCE_NS, patience_ended, registry, &told.timer) < 0)
        open_gate(registry);
}

bool system_is_up(void) {
    return history_system()->is_up;
}

const char *system_holder(void) {
    return told.head.holder.text[0] != '\0' ? told.head.holder.text : "the system services";
}

/* ---- what init says ---- */

static bool is_well_formed(const struct grove_request *request, const struct registry_system *head) {
    return head->count <= REGISTRY_SYSTEM_MAX &&
           grove_request_bytes(request) >= sizeof *head + head->count * sizeof told.interfaces[0];
}

int system_changed(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_system head;
    if (strcmp(grove_request_client(request), "system.init") != 0)
        return grove_fail(request, GROVE_DENIED, "only init says how the system services are");
    int status = method_read(request, &head, sizeof head);
    if (status < 0)
        return status;
    if (!is_well_formed(request, &head))
        return grove_fail(request, GROVE_INVALID, "the message is shorter than it says");
    told.head = head;
    memcpy(told.interfaces, (const char *)grove_request_data(request) + sizeof head,
           head.count * sizeof told.interfaces[0]);
    if (told.timer != 0)
        grove_service_cancel(registry->service, told.timer);
    told.timer = 0;
    if (system_find("system.hooks") != NULL)
        points_open(registry);
    if (head.phase >= REGISTRY_USERS_PHASE)
        open_gate(registry);
    order_recheck_all(registry);
    return 0;
}

const struct registry_system_interface *system_find(const char *endpoint) {
    for (uint32_t index = 0; index < told.head.count; index++)
        if (strcmp(told.interfaces[index].name.text, endpoint) == 0)
            return &told.interfaces[index];
    return NULL;
}

bool system_is_known(void) {
    return told.head.version != 0;
}

bool system_provides(struct registry *registry, const char *endpoint, struct grove_version *version) {
    const struct registry_system_interface *interface = system_find(endpoint);
    struct grove_message message = {.operation = GROVE_REQUEST_ENDPOINT_READ};
    if (interface != NULL)
        *version = interface->version;
    if (interface != NULL || system_is_known())
        return interface != NULL;
    name_set(&message.body.endpoint_read.name, endpoint);
    if (grove_kernel_request(registry->session, &message, NULL, 0, NULL, NULL, REGISTRY_KERNEL_TIMEOUT_NS) < 0)
        return false;
    *version = message.body.endpoint_record.version;
    return true;
}

/* ---- what init is told ---- */

static void tell_init(const struct init_users *users) {
    struct grove_channel *init;
    if (grove_connect(INIT_ENDPOINT, &init) < 0)
        return;
    (void)grove_send(
        init, &(struct grove_call){
                  .method = INIT_USERS, .data = users, .length_bytes = sizeof *users, .timeout_ns = INIT_PATIENCE_NS});
    grove_channel_close(init);
}

static void look_for_rest(struct grove_service *service, void *context) {
    const struct registry *registry = context;
    struct init_users users = {.version = INIT_PROTOCOL_VERSION};
    (void)service;
    told.is_rest_check_due = false;
    if (history_system()->is_at_rest || !history_system()->is_up)
        return;
    for (const struct record *record = registry->first; record != NULL; record = record->next) {
        if (record->state == REGISTRY_STATE_WAITING || record->state == REGISTRY_STATE_STARTING)
            return;
        users.ready += record_serves(record);
        users.missing += record->is_wanted && !record_serves(record);
    }
    history_system()->is_at_rest = true;
    tell_init(&users);
}

void system_look_for_rest(struct registry *registry) {
    uint32_t timer;
    if (told.is_rest_check_due || history_system()->is_at_rest || !history_system()->is_up)
        return;
    told.is_rest_check_due = grove_service_after(registry->service, 0, look_for_rest, registry, &timer) == 0;
}
