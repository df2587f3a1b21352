/*
 * Starting in the order of requirements, where required means ready. stop.c stops in the reverse order.
 *
 * Starting: everything in the order found by graph.c is wanted at once. Each goes to the waiting list and from there on
 * by itself when what it requires is ready, so what is independent starts in parallel. What waits for something that
 * failed for good says so (failed), stays on the list and goes on when that is mended.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <string.h>

/* ---- the waiting list ---- */

void order_wait(struct record *record) {
    struct registry *registry = record->registry;
    if (record->is_waiting)
        return;
    record->is_waiting = true;
    record->waiting_previous = NULL;
    record->waiting_next = registry->waiting_first;
    if (registry->waiting_first != NULL)
        registry->waiting_first->waiting_previous = record;
    registry->waiting_first = record;
}

void order_wait_no_more(struct record *record) {
    if (!record->is_waiting)
        return;
    record->is_waiting = false;
    if (record->waiting_previous != NULL)
        record->waiting_previous->waiting_next = record->waiting_next;
    else
        record->registry->waiting_first = record->waiting_next;
    if (record->waiting_next != NULL)
        record->waiting_next->waiting_previous = record->waiting_previous;
}

/* ---- requirements ---- */

struct graph_node *order_provider(const char *endpoint, struct grove_version *version, void *context) {
    struct registry *registry = context;
    struct record *record = name_table_find(&registry->by_endpoint, endpoint);
    if (record == NULL)
        return NULL;
    for (uint32_t index = 0; index < record->node.spec->provides.count; index++) {
        const struct grove_spec_interface *interface = grove_spec_provided(record->node.spec, index);
        if (strcmp(grove_spec_text(record->node.spec, interface->name), endpoint) == 0)
            *version = interface->version;
    }
    return &record->node;
}

/* System services are not in this table: init sees to them, and says how they are (system.c). */
static bool is_system(const char *endpoint) {
    return strncmp(endpoint, "system.", 7) == 0;
}

static struct {
    struct grove_spec spec;
    char name[16];
} system_services = {.spec = {.text_offset_bytes = sizeof(struct grove_spec)}, .name = "the system"};
static struct graph_node system_node = {.spec = &system_services.spec, .colour = UINT32_MAX};

/* For graph.c, which needs some node for each endpoint that exists. The colour says: nothing to walk into. */
static struct graph_node *provider_or_system(const char *endpoint, struct grove_version *version, void *context) {
    if (!is_system(endpoint))
        return order_provider(endpoint, version, context);
    return system_provides(context, endpoint, version) ? &system_node : NULL;
}

/* An optional one is not waited for: it may be a system service that this machine does not have, or that fails. */
static enum order_need need_of_system(const struct grove_spec_interface *requirement, const char *endpoint) {
    const struct registry_system_interface *interface = system_find(endpoint);
    if (!system_is_known() || (requirement->flags & GROVE_INTERFACE_OPTIONAL) != 0)
        return ORDER_MET;
    if (interface == NULL || !graph_version_fits(interface->version, requirement))
        return ORDER_LACKING;
    return interface->state == REGISTRY_STATE_READY ? ORDER_MET : ORDER_OPEN;
}

enum order_need order_need(struct record *record, uint32_t index, struct record **provider) {
    struct grove_version version = {0};
    const struct grove_spec_interface *requirement = grove_spec_required(record->node.spec, index);
    const char *endpoint = grove_spec_text(record->node.spec, requirement->name);
    bool is_optional = (requirement->flags & GROVE_INTERFACE_OPTIONAL) != 0;
    *provider = NULL;
    if (is_system(endpoint))
        return need_of_system(requirement, endpoint);
    struct graph_node *node = order_provider(endpoint, &version, record->registry);
    if (node == NULL || !graph_version_fits(version, requirement))
        return is_optional ? ORDER_MET : ORDER_LACKING;
    *provider = record_of(node);
    bool is_to_be_restarted = (*provider)->is_stop_due && (*provider)->is_start_due;
    if (*provider == record || (record_serves(*provider) && !is_to_be_restarted))
        return ORDER_MET;
    /* An optional one is waited for only while it starts: two that wish for each other must not wait for ever. */
    if (is_optional)
        return (*provider)->state == REGISTRY_STATE_STARTING ? ORDER_OPEN : ORDER_MET;
    bool is_hopeless = (*provider)->state == REGISTRY_STATE_GIVEN_UP ||
                       ((*provider)->state == REGISTRY_STATE_FAILED && (*provider)->restart_due_ns == 0);
    return is_hopeless ? ORDER_LACKING : ORDER_OPEN;
}

static void say_lacking(struct record *record, uint32_t index, const struct record *provider) {
    const struct grove_spec_interface *requirement = grove_spec_required(record->node.spec, index);
    const char *endpoint = grove_spec_text(record->node.spec, requirement->name);
    if (provider == NULL)
        record_say(record, "requires %s, which no registered service provides in a fitting version", endpoint);
    else
        record_say(record, "requires %s, and %s %s", endpoint, provider->name,
                   provider->reason == NULL ? "has failed" : provider->reason);
}

/* A provider that rests is asked to run; one on its way, or waiting out its delay, is left to it. */
static void demand(struct record *provider) {
    if (provider->state == REGISTRY_STATE_REGISTERED || provider->state == REGISTRY_STATE_STOPPED)
        life_event(provider, LIFE_WANT);
}

static bool is_admitted(struct record *record, bool *is_lacking) {
    enum admission admission = admission_of(record);
    if (admission == ADMISSION_ASKED)
        record_say(record, "waits for the resource service to admit it");
    *is_lacking = admission == ADMISSION_REFUSED;
    return admission == ADMISSION_GRANTED;
}

/* False when something is open or lacking, which the record's reason then says. */
static bool is_provided_for(struct record *record, bool *is_lacking) {
    struct record *provider;
    if (!system_is_up()) {
        record_say(record, "waits for %s, and starts when the system is up", system_holder());
        return false;
    }
    for (uint32_t index = 0; index < record->node.spec->requires.count; index++) {
        enum order_need need = order_need(record, index, &provider);
        if (need == ORDER_OPEN && provider != NULL) {
            demand(provider);
            need = order_need(record, index, &provider);
        }
        if (need == ORDER_LACKING)
            say_lacking(record, index, provider);
        if (need == ORDER_OPEN)
            record_say(record, "waits for %s",
                       grove_spec_text(record->node.spec, grove_spec_required(record->node.spec, index)->name));
        *is_lacking = need == ORDER_LACKING;
        if (need != ORDER_MET)
            return false;
    }
    return is_admitted(record, is_lacking);
}

void order_check(struct record *record) {
    bool is_lacking = false;
    bool is_provided = is_provided_for(record, &is_lacking);
    if (!record->is_waiting)
        return; /* starting what it requires has already sent it on its way */
    if (is_provided)
        life_event(record, LIFE_PROVIDED);
    else if (is_lacking)
        life_event(record, LIFE_LACKING);
    else if (record->state == REGISTRY_STATE_FAILED)
        life_event(record, LIFE_WANT); /* what it lacked is on its way again: wait for it */
}

/* ---- start ---- */

static int visit(struct graph_order *order, struct record *record, char *problem, size_t problem_bytes) {
    return graph_visit(order, &record->node, provider_or_system, record->registry, problem, problem_bytes);
}

static bool is_on_demand(const struct record *record) {
    return (record->node.spec->flags & GROVE_SPEC_ON_DEMAND) != 0;
}

/* A project's start leaves those alone that start when they are connected to. */
static bool is_started(const struct record *record, const struct selection *selection) {
    return record == selection->named || !is_on_demand(record);
}

/* Those meant get another try even if they failed or wait out a delay; what they require only if it rests. */
static void want_all(struct graph_order *order, uint32_t selected) {
    for (struct graph_node *node = order->first; node != NULL; node = node->next) {
        struct record *record = record_of(node);
        bool is_meant = selected != 0 && record->selected == selected;
        if (is_meant || record->state == REGISTRY_STATE_REGISTERED || record->state == REGISTRY_STATE_STOPPED ||
            record->state == REGISTRY_STATE_STOPPING)
            life_event(record, LIFE_WANT);
    }
}

int order_start(struct registry *registry, const struct selection *selection, uint32_t *count, char *problem,
                size_t problem_bytes) {
    struct graph_order order = {0};
    uint32_t meant = 0, selected = ++registry->selections;
    for (uint32_t index = 0; index < selection->count; index++) {
        struct record *record = selection->records[index];
        record->selected = selected;
        if (!is_started(record, selection))
            continue;
        int status = visit(&order, record, problem, problem_bytes);
        if (status < 0) {
            graph_release(&order);
            return status;
        }
        meant++;
    }
    for (uint32_t index = 0; index < selection->count; index++) {
        struct record *record = selection->records[index];
        if (!is_started(record, selection) || record->is_wanted)
            continue;
        record->is_wanted = true;
        store_later(record);
    }
    want_all(&order, selected);
    graph_release(&order);
    *count = meant;
    return 0;
}

void order_activate(struct record *record, const char *client) {
    char problem[REGISTRY_REASON_BYTES];
    struct graph_order order = {0};
    if (record->registry->is_shutting_down || !(record->state == REGISTRY_STATE_REGISTERED ||
                                                (is_on_demand(record) && record->state == REGISTRY_STATE_STOPPED)))
        return;
    if (visit(&order, record, problem, sizeof problem) < 0) {
        (void)fprintf(stderr, "registry: %s connected to %s, which cannot start: %s\n", client, record->name, problem);
        record_say(record, "%s", problem);
        record_changed(record);
        return;
    }
    want_all(&order, 0);
    graph_release(&order);
}

/* ---- what others wait for ---- */

/* True when the whole list was walked; false when a check took the next one off it. */
static bool check_list(struct registry *registry) {
    struct record *record = registry->waiting_first;
    while (record != NULL) {
        struct record *next = record->waiting_next;
        order_check(record);
        if (next != NULL && !next->is_waiting)
            return false;
        record = next;
    }
    return true;
}

/* A check may change states, which asks for another check: that is remembered and not nested. */
void order_recheck_all(struct registry *registry) {
    registry->is_check_due = true;
    if (registry->is_checking)
        return;
    registry->is_checking = true;
    while (registry->is_check_due) {
        registry->is_check_due = false;
        if (!check_list(registry))
            registry->is_check_due = true;
    }
    registry->is_checking = false;
}

void order_settled(struct record *record) {
    stop_progressed(record);
    judge_requirers(record->registry, record->node.spec);
    if (record->state == REGISTRY_STATE_READY || record->state == REGISTRY_STATE_GIVEN_UP ||
        record->state == REGISTRY_STATE_FAILED)
        order_recheck_all(record->registry);
}
