/*
 * Records: the services that are known, by name, by endpoint, in the order of registration and of change.
 *
 * Invariant: a record is in by_name under its own name, in by_endpoint under each endpoint it provides, and has a
 * container in the kernel, whether or not it runs; so anybody can connect to it and be the reason that it starts.
 */
#include "servers/registry/registry.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/health_plan.h"
#include "servers/common/names.h"

#define ENDPOINT_PATIENCE_NS GROVE_SECOND

static const char *provided_name(const struct record *record, uint32_t index) {
    return grove_spec_text(record->node.spec, grove_spec_provided(record->node.spec, index)->name);
}

struct record *record_find(struct registry *registry, const char *name) {
    return name_table_find(&registry->by_name, name);
}

bool record_serves(const struct record *record) {
    return record->state == REGISTRY_STATE_READY || record->state == REGISTRY_STATE_DEGRADED ||
           record->state == REGISTRY_STATE_QUIESCING;
}

bool record_is_running(const struct record *record) {
    return record->state == REGISTRY_STATE_STARTING || record->state == REGISTRY_STATE_STOPPING ||
           (record_serves(record) && !record->is_done);
}

bool project_name_is_inside(const char *name, const char *target) {
    size_t length = strlen(target);
    return length == 0 || (strncmp(name, target, length) == 0 && (name[length] == '\0' || name[length] == '.'));
}

bool record_is_meant(const struct record *record, const struct grove_name *service, const struct grove_name *project) {
    if (service->text[0] != '\0')
        return strcmp(record->name, service->text) == 0;
    return project_name_is_inside(record->project, project->text);
}

void record_say(struct record *record, const char *format, ...) {
    char text[REGISTRY_REASON_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    free(record->reason);
    record->reason = text[0] == '\0' ? NULL : strdup(text);
}

/* ---- the order of change ---- */

static void changed_remove(struct record *record) {
    struct registry *registry = record->registry;
    if (record->changed_previous != NULL)
        record->changed_previous->changed_next = record->changed_next;
    else if (registry->changed_first == record)
        registry->changed_first = record->changed_next;
    if (record->changed_next != NULL)
        record->changed_next->changed_previous = record->changed_previous;
    else if (registry->changed_last == record)
        registry->changed_last = record->changed_previous;
}

static void changed_append(struct record *record) {
    struct registry *registry = record->registry;
    record->changed_previous = registry->changed_last;
    record->changed_next = NULL;
    if (registry->changed_last != NULL)
        registry->changed_last->changed_next = record;
    else
        registry->changed_first = record;
    registry->changed_last = record;
}

/* What is known by its state elsewhere: the index, and whoever listens on the bus. */
static void tell_state(struct record *record) {
    enum registry_state before = record->told_state;
    if (record->state == before)
        return;
    record->told_state = record->state;
    index_state_changed(&record->registry->index, record, before);
    announce_state(record, before);
}

void record_changed(struct record *record) {
    record->sequence = ++record->registry->sequence;
    changed_remove(record);
    changed_append(record);
    tell_state(record);
    query_changed(record->registry);
    system_look_for_rest(record->registry);
}

/* ---- the kernel's side ---- */

static bool leads_here(const struct record *record, const char *endpoint) {
    struct grove_message message = {.operation = GROVE_REQUEST_ENDPOINT_READ};
    name_set(&message.body.endpoint_read.name, endpoint);
    return grove_kernel_request(record->registry->session, &message, NULL, 0, NULL, NULL, REGISTRY_KERNEL_TIMEOUT_NS) ==
               0 &&
           message.body.endpoint_record.container == record->container_id;
}

/*
 * An earlier instance may have made it (it leads here), or the container of an earlier version still holds it: the
 * kernel takes that apart in steps, which do not depend on us and are soon done.
 */
static int create_endpoint(struct record *record, uint32_t index, bool may_exist) {
    const struct grove_spec_interface *interface = grove_spec_provided(record->node.spec, index);
    const char *name = provided_name(record, index);
    grove_handle endpoint;
    uint64_t deadline_ns = grove_now_ns() + ENDPOINT_PATIENCE_NS;
    if (may_exist && leads_here(record, name))
        return 0;
    for (;;) {
        int status =
            grove_endpoint_create(record->registry->session, name, interface->version, record->container, &endpoint);
        if (status != GROVE_EXISTS)
            return status;
        if (leads_here(record, name))
            return 0;
        if (grove_now_ns() > deadline_ns)
            return status;
        (void)poll(NULL, 0, 1);
    }
}

static int create_endpoints(struct record *record, bool may_exist) {
    int status = 0;
    for (uint32_t index = 0; status == 0 && index < record->node.spec->provides.count; index++)
        status = create_endpoint(record, index, may_exist);
    return status;
}

int record_contain(struct record *record, char *problem, size_t problem_bytes) {
    struct grove_container_reply made;
    struct registry *registry = record->registry;
    /* In one request, unless a name is still there: then one after the other, and with patience. */
    int status = project_create_container(registry, record->node.spec, true, &made, problem, problem_bytes);
    bool has_endpoints = status == 0;
    if (status == GROVE_EXISTS)
        status = project_create_container(registry, record->node.spec, false, &made, problem, problem_bytes);
    if (status < 0)
        return status;
    record->container = made.container;
    record->container_id = made.id;
    record->generation = made.generation;
    status = has_endpoints ? 0 : create_endpoints(record, false);
    if (status == 0)
        return 0;
    (void)snprintf(problem, problem_bytes, "%s", grove_last_error());
    (void)grove_container_control(record->registry->session, record->container, GROVE_ACTION_DESTROY, 0,
                                  REGISTRY_KERNEL_TIMEOUT_NS);
    record->container = GROVE_HANDLE_NONE;
    return status;
}

/* With all its endpoints, the kernel need not be asked for any of them. */
static int take_up(struct record *record, const struct grove_container_entry *found, char *problem,
                   size_t problem_bytes) {
    record->container = found->container;
    record->container_id = found->id;
    if (found->endpoints == record->node.spec->provides.count)
        return 0;
    int status = create_endpoints(record, true);
    if (status < 0)
        (void)snprintf(problem, problem_bytes, "%s", grove_last_error());
    return status;
}

/* ---- tables ---- */

static void remove_names(struct record *record, uint32_t endpoints) {
    for (uint32_t index = 0; index < endpoints; index++)
        (void)name_table_remove(&record->registry->by_endpoint, provided_name(record, index));
    (void)name_table_remove(&record->registry->by_name, record->name);
}

static int add_names(struct record *record, char *problem, size_t problem_bytes) {
    int status = name_table_add(&record->registry->by_name, record->name, record);
    if (status < 0) {
        (void)snprintf(problem, problem_bytes, "a service named %s is registered already", record->name);
        return status;
    }
    for (uint32_t index = 0; index < record->node.spec->provides.count; index++) {
        const char *endpoint = provided_name(record, index);
        status = name_table_add(&record->registry->by_endpoint, endpoint, record);
        if (status == 0)
            continue;
        const struct record *other = name_table_find(&record->registry->by_endpoint, endpoint);
        (void)snprintf(problem, problem_bytes,
                       "%s provides the endpoint %s, which %s provides already; unregister that one first",
                       record->name, endpoint, other == NULL ? "another service" : other->name);
        remove_names(record, index);
        return status;
    }
    return 0;
}

static void link_in(struct record *record) {
    struct registry *registry = record->registry;
    record->number = ++registry->next_number;
    record->previous = registry->last;
    if (registry->last != NULL)
        registry->last->next = record;
    else
        registry->first = record;
    registry->last = record;
    registry->count++;
    changed_append(record);
}

static void link_out(struct record *record) {
    struct registry *registry = record->registry;
    if (record->previous != NULL)
        record->previous->next = record->next;
    else
        registry->first = record->next;
    if (record->next != NULL)
        record->next->previous = record->previous;
    else
        registry->last = record->previous;
    registry->count--;
    changed_remove(record);
}

/* Into the lists and sets. The number is the next one: sets are in its order. */
static int enrol(struct record *record) {
    record->number = record->registry->next_number + 1;
    int status = index_add(&record->registry->index, record);
    if (status < 0)
        return status;
    link_in(record);
    history_bind(record);
    return 0;
}

static void read_plans(struct record *record) {
    struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX];
    struct grove_recovery_section recovery;
    bool is_broken;
    record->is_checked = health_plans(record->node.spec, plans, &is_broken) > 0;
    record->is_recovered = health_recovery(record->node.spec, &recovery);
}

int record_create(struct registry *registry, struct grove_spec *spec, const struct grove_name *owner,
                  const struct grove_container_entry *found, struct record **record, char *problem,
                  size_t problem_bytes) {
    if (registry->count == REGISTRY_SERVICES_MAX) {
        (void)snprintf(problem, problem_bytes, "%u services are registered, which is the limit", registry->count);
        return GROVE_EXHAUSTED;
    }
    struct record *made = calloc(1, sizeof *made);
    if (made == NULL)
        return GROVE_NO_MEMORY;
    made->registry = registry;
    made->node.spec = spec;
    made->owner = *owner;
    made->name = grove_spec_text(spec, spec->name);
    made->project = grove_spec_text(spec, spec->project);
    made->since_ns = grove_now_ns();
    read_plans(made);
    made->probe.descriptor = -1;
    int status = add_names(made, problem, problem_bytes);
    if (status < 0) {
        free(made);
        return status;
    }
    char why[2 * REGISTRY_REASON_BYTES];
    status = found == NULL ? record_contain(made, why, sizeof why) : take_up(made, found, why, sizeof why);
    if (status < 0) {
        (void)snprintf(problem, problem_bytes, "the kernel does not take %s: %s", made->name, why);
        remove_names(made, spec->provides.count);
        free(made);
        return status;
    }
    status = enrol(made);
    if (status < 0) {
        (void)snprintf(problem, problem_bytes, "memory is exhausted");
        if (found == NULL)
            (void)grove_container_control(registry->session, made->container, GROVE_ACTION_DESTROY, 0,
                                          REGISTRY_KERNEL_TIMEOUT_NS);
        remove_names(made, spec->provides.count);
        free(made);
        return status;
    }
    record_changed(made);
    *record = made;
    return 0;
}

void record_destroy(struct record *record) {
    struct registry *registry = record->registry;
    readiness_end(record);
    admission_release(record);
    if (record->timer != 0)
        grove_service_cancel(registry->service, record->timer);
    order_wait_no_more(record);
    store_forget(record);
    history_release(record);
    if (record->container != GROVE_HANDLE_NONE)
        (void)grove_container_control(registry->session, record->container, GROVE_ACTION_DESTROY, 0,
                                      REGISTRY_KERNEL_TIMEOUT_NS);
    remove_names(record, record->node.spec->provides.count);
    index_remove(&registry->index, record);
    link_out(record);
    beside_end(registry, record->name);
    free((void *)(uintptr_t)record->node.spec);
    free(record->reason);
    free(record->decision);
    free(record);
    registry->sequence++;
    query_changed(registry);
}
