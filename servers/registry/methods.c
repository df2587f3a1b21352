/*
 * Methods that change something; those that register are in register.c.
 *
 * Each checks all it was told, then changes tables and kernel, then has the files written; commits.c answers when they
 * are. A request that was not answered when this process dies is delivered again to the next one, and each method leads
 * to the same end when it is done twice.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"

/* ---- requests ---- */

int method_read(struct grove_request *request, void *copy, size_t bytes) {
    uint32_t version;
    if (grove_request_bytes(request) < bytes) {
        (void)grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                         grove_request_bytes(request), bytes);
        return GROVE_INVALID; /* said here, so that a reader and an analyser see that `copy` is set or this is negative */
    }
    memcpy(copy, grove_request_data(request), bytes);
    memcpy(&version, copy, sizeof version);
    if (version != REGISTRY_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the registry speaks version %u of its protocol, not %u",
                          REGISTRY_PROTOCOL_VERSION, version);
    return 0;
}

static bool is_name_or_empty(const struct grove_name *name) {
    return name->text[0] == '\0' || service_name_is_valid(name);
}

int method_target(struct grove_request *request, struct registry_target *target) {
    int status = method_read(request, target, sizeof *target);
    if (status < 0)
        return status;
    if ((target->flags & ~(uint32_t)REGISTRY_TREE) != 0)
        return grove_fail(request, GROVE_INVALID, "the request has flags that this registry does not know");
    if (!is_name_or_empty(&target->service) || !is_name_or_empty(&target->project))
        return grove_fail(request, GROVE_INVALID, "a name is one or more tokens of A-Z a-z 0-9 _ - between dots");
    return 0;
}

/* ---- who may ---- */

static bool holds_control(struct registry *registry, grove_handle container, const char *name) {
    struct grove_argument wanted = {.kind = GROVE_ARGUMENT_PATTERN, .length_bytes = (uint16_t)strlen(name)};
    memcpy(wanted.value.text, name, wanted.length_bytes);
    uint32_t cursor = 0;
    do {
        struct grove_message message = {.operation = GROVE_REQUEST_CAPABILITY_READ};
        message.body.capability_read = (struct grove_capability_read){.cursor = cursor, .container = container};
        if (grove_kernel_request(registry->session, &message, NULL, 0, NULL, NULL, REGISTRY_KERNEL_TIMEOUT_NS) < 0)
            return false;
        const struct grove_capability_entry *entry = &message.body.capability_entry;
        if (entry->capability.kind == GROVE_CAP_PROC_CONTROL && (entry->capability.rights & GROVE_RIGHT_USE) != 0 &&
            grove_argument_covers(&entry->capability.argument, &wanted))
            return true;
        cursor = entry->cursor;
    } while (cursor != 0);
    return false;
}

/* Shells act for the person at the keyboard, system services are trusted; others need the capability (law 1). */
int method_check_right(struct grove_request *request, struct registry *registry, const struct registry_target *target) {
    if (grove_request_client_ring(request) != 2)
        return 0;
    const char *client = grove_request_client(request);
    const struct record *caller = record_find(registry, client);
    char wanted[GROVE_NAME_MAX + 3];
    (void)snprintf(wanted, sizeof wanted, "%s%s",
                   target->service.text[0] != '\0' ? target->service.text : target->project.text,
                   target->service.text[0] != '\0'   ? ""
                   : target->project.text[0] != '\0' ? ".>"
                                                     : ">");
    if (caller != NULL && holds_control(registry, caller->container, wanted))
        return 0;
    announce_denied(client, target->service.text, "PROC_CONTROL is missing");
    return grove_fail(request, GROVE_DENIED,
                      "%s may not start or stop %s: PROC_CONTROL:%s is missing; add '- PROC_CONTROL:%s' to "
                      "'capabilities:' of its manifest",
                      client, wanted, wanted, wanted);
}

/* The target of a method that changes something: well formed, allowed, and there. */
static int target_to_change(struct grove_request *request, struct registry *registry, struct registry_target *target) {
    int status = method_target(request, target);
    if (status == 0)
        status = method_check_right(request, registry, target);
    if (status < 0)
        return status;
    if (target->service.text[0] != '\0' && record_find(registry, target->service.text) == NULL)
        return grove_fail(request, GROVE_NOT_FOUND,
                          "no service named %s is registered; `grove ps` lists those that are, `grove up` registers "
                          "a project",
                          target->service.text);
    return 0;
}

/* ---- unregister ---- */

/* Whoever requires what it provides lacks it from now on. */
static void unregister_one(struct record *record) {
    struct registry *registry = record->registry;
    size_t bytes = record->node.spec->total_bytes;
    struct grove_spec *spec = malloc(bytes); /* without memory they are told with their next change */
    if (spec != NULL)
        memcpy(spec, record->node.spec, bytes);
    announce_unregistered(record->name);
    record_destroy(record);
    if (spec != NULL)
        judge_requirers(registry, spec);
    free(spec);
}

static int unregister(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_target target;
    uint32_t count = 0;
    int status = target_to_change(request, registry, &target);
    if (status < 0)
        return status;
    for (struct record *record = registry->first, *next; record != NULL; record = next) {
        next = record->next;
        if (!record_is_meant(record, &target.service, &target.project))
            continue;
        status = store_remove(registry, record->name);
        if (status < 0)
            return grove_fail(request, status, "the file of %s cannot be removed: %s", record->name,
                              grove_status_text(status));
        unregister_one(record);
        count++;
    }
    if (target.service.text[0] == '\0')
        project_remove(registry, &target.project);
    return commit_then_answer(registry, request, count);
}

/* ---- start and stop ---- */

static int select_target(struct grove_request *request, struct registry *registry, const struct registry_target *target,
                         struct selection *selection) {
    bool is_tree = (target->flags & REGISTRY_TREE) != 0;
    int status = select_records(registry, &target->service, &target->project, is_tree, selection);
    return status < 0 ? grove_fail(request, status, "the registry has no memory for another request") : 0;
}

static int start(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_target target;
    char problem[2 * REGISTRY_REASON_BYTES];
    uint32_t count = 0;
    if (points_hold_change(request, start))
        return 0;
    int status = target_to_change(request, registry, &target);
    if (status < 0)
        return status;
    struct selection selection;
    status = select_target(request, registry, &target, &selection);
    if (status < 0)
        return status;
    status = order_start(registry, &selection, &count, problem, sizeof problem);
    selection_deinit(&selection);
    if (status < 0)
        return grove_fail(request, status, "%s", problem);
    return commit_then_answer(registry, request, count);
}

static bool is_any_running(struct registry *registry, const struct later *later) {
    struct selection selection;
    bool is_running = false;
    if (select_records(registry, &later->service, &later->project, later->is_tree, &selection) < 0)
        return true; /* seen again with the next change */
    for (uint32_t index = 0; !is_running && index < selection.count; index++)
        is_running = record_is_running(selection.records[index]);
    selection_deinit(&selection);
    return is_running;
}

void method_stop_progressed(struct registry *registry) {
    struct later **link = &registry->stops;
    if (registry->dirty_first != NULL)
        return; /* commit calls again */
    while (*link != NULL) {
        struct later *later = *link;
        if (is_any_running(registry, later)) {
            link = &later->next;
        } else {
            (void)commit_answer(registry, later->request, later->count);
            later_done(link);
        }
    }
}

static int stop_target(struct grove_request *request, struct registry *registry, const struct registry_target *target,
                       bool is_final) {
    struct selection selection;
    int status = select_target(request, registry, target, &selection);
    if (status < 0)
        return status;
    uint32_t count = selection.count;
    stop_selected(&selection, is_final, false);
    selection_deinit(&selection);
    struct later *later = later_add(registry, &registry->stops, request);
    if (later == NULL)
        return GROVE_NO_MEMORY;
    later->service = target->service;
    later->project = target->project;
    later->is_tree = (target->flags & REGISTRY_TREE) != 0;
    later->count = count;
    commit_soon(registry);
    return 0;
}

static int stop(struct grove_request *request, void *context) {
    struct registry_target target;
    int status = target_to_change(request, context, &target);
    return status < 0 ? status : stop_target(request, context, &target, false);
}

static int restart(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_target target;
    int status = target_to_change(request, registry, &target);
    if (status < 0)
        return status;
    struct selection selection;
    status = select_target(request, registry, &target, &selection);
    if (status < 0)
        return status;
    uint32_t count = selection.count;
    stop_selected(&selection, false, true);
    selection_deinit(&selection);
    return commit_then_answer(registry, request, count);
}

static int shut_down(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_target everything = {.version = REGISTRY_PROTOCOL_VERSION};
    if (strcmp(grove_request_client(request), "system.init") != 0)
        return grove_fail(request, GROVE_DENIED, "only init shuts the system down; `grove down --all` asks it to");
    registry->is_shutting_down = true;
    return stop_target(request, registry, &everything, true);
}

const struct method registry_methods[] = {
    {REGISTRY_REGISTER, register_service},
    {REGISTRY_UNREGISTER, unregister},
    {REGISTRY_START, start},
    {REGISTRY_STOP, stop},
    {REGISTRY_RESTART, restart},
    {REGISTRY_QUERY, query_records},
    {REGISTRY_STATUS, query_status},
    {REGISTRY_WATCH, query_watch},
    {REGISTRY_SPEC, query_spec},
    {REGISTRY_PROJECT, register_project},
    {REGISTRY_SHUT_DOWN, shut_down},
    {REGISTRY_FIND, find_records},
    {REGISTRY_MARK, judge_mark},
    {REGISTRY_THROTTLE, admission_throttle},
    {REGISTRY_SYSTEM, system_changed},
    {REGISTRY_BESIDE, beside_run},
    {REGISTRY_FAILURES, recovery_failures},
    {REGISTRY_RECOVER, recovery_recover},
};
const unsigned registry_method_count = sizeof registry_methods / sizeof registry_methods[0];
