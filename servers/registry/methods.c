/*
 * Methods that change something.
 *
 * Each checks all it was told, then changes tables and kernel, then has the files written. The answer waits for the
 * disk: requests of one turn of the loop are collected and committed together. A request that was not answered when this process
 * dies is delivered again to the next one, and each method leads to the same end when it is done twice.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"

/* Long enough for requests that come in a row to share a commit, short beside the commit itself. */
#define COMMIT_DELAY_NS (3 * GROVE_MILLISECOND)

/* ---- requests ---- */

int method_read(struct grove_request *request, void *copy, size_t bytes) {
    uint32_t version;
    if (grove_request_bytes(request) < bytes)
        return grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                          grove_request_bytes(request), bytes);
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
    if (!is_name_or_empty(&target->service) || !is_name_or_empty(&target->project))
        return grove_fail(request, GROVE_INVALID, "a name is one or more tokens of A-Z a-z 0-9 _ - between dots");
    return 0;
}

struct later *later_add(struct registry *registry, struct later **list, struct grove_request *request) {
    struct later *later = calloc(1, sizeof *later);
    if (later == NULL || grove_request_defer(request) < 0) {
        free(later);
        (void)grove_fail(request, GROVE_NO_MEMORY, "the registry has no memory for another request");
        return NULL;
    }
    later->request = request;
    later->registry = registry;
    while (*list != NULL)
        list = &(*list)->next;
    *list = later;
    return later;
}

void later_done(struct later **link) {
    struct later *later = *link;
    *link = later->next;
    if (later->timer != 0)
        grove_service_cancel(later->registry->service, later->timer);
    grove_request_finish(later->request);
    free(later);
}

static int answer_count(struct registry *registry, struct grove_request *request, uint32_t count) {
    struct registry_count reply = {
        .version = REGISTRY_PROTOCOL_VERSION, .count = count, .sequence = registry->sequence};
    return grove_reply(request, &reply, sizeof reply);
}

/* ---- commits ---- */

static void note_failure(const struct record *record, int status, int *worst, char *failed, size_t failed_bytes) {
    if (status == 0)
        return;
    *worst = status;
    (void)snprintf(failed, failed_bytes, "%s", record->name);
}

static int write_dirty(struct registry *registry, const char **name) {
    static char failed[GROVE_NAME_MAX + 1];
    int worst = 0;
    for (struct record *record = registry->dirty_first, *next; record != NULL; record = next) {
        next = record->dirty_next;
        int status = record->is_prepared ? 0 : store_prepare(registry, record->node.spec, record->is_wanted);
        note_failure(record, status, &worst, failed, sizeof failed);
        if (status < 0)
            store_forget(record);
    }
    while (registry->dirty_first != NULL) {
        struct record *record = registry->dirty_first;
        note_failure(record, store_commit(registry, record->name), &worst, failed, sizeof failed);
        store_forget(record);
    }
    int project_status = project_commit(registry, failed, sizeof failed);
    int status = store_synchronise(registry);
    *name = failed;
    worst = worst < 0 ? worst : project_status;
    return worst < 0 ? worst : status;
}

static void commit(struct grove_service *service, void *context) {
    (void)service;
    struct registry *registry = context;
    const char *name;
    registry->is_commit_due = false;
    int status = write_dirty(registry, &name);
    if (status < 0)
        (void)fprintf(stderr, "registry: cannot keep %s: %s\n", name, grove_status_text(status));
    while (registry->commits != NULL) {
        struct later *later = registry->commits;
        if (status < 0)
            (void)grove_fail(later->request, status,
                             "it took effect but cannot be kept in the state folder (%s: %s); make room or make it "
                             "writable, and say it again",
                             name, grove_status_text(status));
        else
            (void)answer_count(registry, later->request, later->count);
        later_done(&registry->commits);
    }
    method_stop_progressed(registry);
}

static void commit_soon(struct registry *registry) {
    uint32_t timer;
    if (registry->is_commit_due)
        return;
    registry->is_commit_due = grove_service_after(registry->service, COMMIT_DELAY_NS, commit, registry, &timer) == 0;
    if (!registry->is_commit_due)
        commit(registry->service, registry);
}

static int answer_when_durable(struct registry *registry, struct grove_request *request, uint32_t count) {
    struct later *later = later_add(registry, &registry->commits, request);
    if (later == NULL)
        return GROVE_NO_MEMORY;
    later->count = count;
    commit_soon(registry);
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
static int check_right(struct grove_request *request, struct registry *registry, const struct registry_target *target) {
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
    return grove_fail(request, GROVE_DENIED,
                      "%s may not start or stop %s: PROC_CONTROL:%s is missing; add '- PROC_CONTROL:%s' to "
                      "'capabilities:' of its manifest",
                      client, wanted, wanted, wanted);
}

/* The target of a method that changes something: well formed, allowed, and there. */
static int target_to_change(struct grove_request *request, struct registry *registry, struct registry_target *target) {
    int status = method_target(request, target);
    if (status == 0)
        status = check_right(request, registry, target);
    if (status < 0)
        return status;
    if (target->service.text[0] != '\0' && record_find(registry, target->service.text) == NULL)
        return grove_fail(request, GROVE_NOT_FOUND,
                          "no service named %s is registered; `grove ps` lists those that are, `grove up` registers "
                          "a project",
                          target->service.text);
    return 0;
}

/* ---- register ---- */

static int copy_spec(struct grove_request *request, struct grove_spec **spec) {
    struct registry_register head;
    const char *problem = "";
    int status = method_read(request, &head, sizeof head);
    if (status < 0)
        return status;
    size_t slice_bytes = 0;
    const void *from = grove_request_slice(request, &slice_bytes);
    if (from == NULL) {
        from = (const char *)grove_request_data(request) + sizeof head;
        slice_bytes = grove_request_bytes(request) - sizeof head;
    }
    if (head.spec_bytes > GROVE_SPEC_BYTES_MAX || head.spec_bytes > slice_bytes || head.spec_bytes < sizeof **spec)
        return grove_fail(request, GROVE_INVALID, "a spec of %u bytes was announced and %zu bytes came",
                          head.spec_bytes, slice_bytes);
    struct grove_spec *copy = malloc(head.spec_bytes);
    if (copy == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "the registry has no memory for another service");
    memcpy(copy, from, head.spec_bytes);
    status = grove_spec_check(copy, head.spec_bytes, &problem);
    if (status < 0) {
        free(copy);
        return grove_fail(request, status, "the spec is not valid: %s", problem);
    }
    *spec = copy;
    return 0;
}

static int check_place(struct grove_request *request, const struct grove_spec *spec) {
    struct grove_name name;
    const char *text = grove_spec_text(spec, spec->name);
    name_set(&name, text);
    if (!service_name_is_valid(&name) || strcmp(name.text, text) != 0 || strchr(text, '.') == NULL)
        return grove_fail(request, GROVE_INVALID, "'%s' is no full name of a service: write project.service", text);
    if (strncmp(text, "system.", 7) == 0)
        return grove_fail(request, GROVE_DENIED,
                          "%s is in the project of the system services, which init starts; "
                          "choose another project",
                          text);
    if (spec->ring != 2 && grove_request_client_ring(request) != 1)
        return grove_fail(request, GROVE_DENIED, "%s asks for ring %u; services registered here run in ring 2", text,
                          spec->ring);
    if (grove_request_client_ring(request) == 2)
        return grove_fail(request, GROVE_DENIED,
                          "%s may not register services: registering hands out capabilities, which shells and system "
                          "services may",
                          grove_request_client(request));
    return 0;
}

static bool is_same(const struct record *record, const struct grove_spec *spec) {
    return record->node.spec->total_bytes == spec->total_bytes &&
           memcmp(record->node.spec, spec, spec->total_bytes) == 0;
}

/* What the old version leaves to the new one. */
struct inheritance {
    struct grove_spec *spec; /* a copy, to go back to */
    bool is_wanted, is_active;
    bool is_prepared; /* what register_service wrote, to see whether there is room, is what is put in */
};

static int take_out(struct record *record, struct inheritance *inheritance) {
    inheritance->spec = malloc(record->node.spec->total_bytes);
    if (inheritance->spec == NULL)
        return GROVE_NO_MEMORY;
    memcpy(inheritance->spec, record->node.spec, record->node.spec->total_bytes);
    inheritance->is_wanted = record->is_wanted;
    inheritance->is_active = *history_is_active(record);
    record_destroy(record);
    return 0;
}

static int put_in(struct registry *registry, struct grove_spec *spec, const struct inheritance *inheritance,
                  char *problem, size_t problem_bytes) {
    struct record *record;
    int status = record_create(registry, spec, NULL, &record, problem, problem_bytes);
    if (status < 0)
        return status;
    record->is_wanted = inheritance->is_wanted;
    store_later(record);
    record->is_prepared = inheritance->is_prepared;
    if (inheritance->is_active)
        life_event(record, LIFE_WANT);
    order_recheck_all(registry);
    return 0;
}

/*
 * Takes the spec over. A new version that the kernel refuses leaves the old one as it was, but restarted. `is_prepared`:
 * the file is written beside its place already.
 */
static int replace(struct registry *registry, struct record *old, struct grove_spec *spec, bool is_prepared,
                   char *problem, size_t problem_bytes) {
    struct inheritance inheritance = {.is_prepared = is_prepared};
    char ignored[8];
    int status = old == NULL ? 0 : take_out(old, &inheritance);
    if (status == 0)
        status = put_in(registry, spec, &inheritance, problem, problem_bytes);
    if (status < 0)
        free(spec);
    inheritance.is_prepared = false;
    if (status == 0 || inheritance.spec == NULL ||
        put_in(registry, inheritance.spec, &inheritance, ignored, sizeof ignored) < 0)
        free(inheritance.spec);
    return status;
}

static int register_service(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct grove_spec *spec = NULL;
    char problem[2 * REGISTRY_REASON_BYTES] = "memory is exhausted";
    int status = copy_spec(request, &spec);
    if (status < 0)
        return status;
    status = check_place(request, spec);
    struct record *old = status < 0 ? NULL : record_find(registry, grove_spec_text(spec, spec->name));
    if (status < 0 || (old != NULL && is_same(old, spec))) {
        free(spec);
        return status < 0 ? status : answer_when_durable(registry, request, 1);
    }
    status = store_prepare(registry, spec, old != NULL && old->is_wanted);
    if (status < 0) {
        status = grove_fail(request, status, "the state folder cannot take %s: %s; nothing has changed",
                            grove_spec_text(spec, spec->name), grove_status_text(status));
        free(spec);
        return status;
    }
    char name[GROVE_NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%s", grove_spec_text(spec, spec->name));
    status = replace(registry, old, spec, true, problem, sizeof problem);
    if (status < 0) {
        store_discard(registry, name);
        return grove_fail(request, status, "%s", problem);
    }
    return answer_when_durable(registry, request, 1);
}

/* ---- projects ---- */

/* Containers that were made before their project was known are made again, in it. */
static void move_into(struct registry *registry, const struct grove_name *project) {
    char problem[2 * REGISTRY_REASON_BYTES];
    uint64_t end = registry->next_number;
    for (struct record *record = registry->first, *next; record != NULL && record->number <= end; record = next) {
        next = record->next;
        if (strcmp(record->project, project->text) != 0)
            continue;
        struct grove_spec *copy = malloc(record->node.spec->total_bytes);
        if (copy == NULL)
            return;
        memcpy(copy, record->node.spec, record->node.spec->total_bytes);
        if (replace(registry, record, copy, false, problem, sizeof problem) < 0)
            (void)fprintf(stderr, "registry: %s\n", problem);
    }
}

static int set_project(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_project wanted;
    char problem[2 * REGISTRY_REASON_BYTES] = "memory is exhausted";
    bool is_new = false;
    int status = method_read(request, &wanted, sizeof wanted);
    if (status < 0)
        return status;
    if (!service_name_is_valid(&wanted.name) || strcmp(wanted.name.text, "system") == 0)
        return grove_fail(request, GROVE_INVALID,
                          "a project has a name of tokens of A-Z a-z 0-9 _ - between dots, and not the name system");
    if (grove_request_client_ring(request) == 2)
        return grove_fail(request, GROVE_DENIED,
                          "%s may not set the budget of a project; shells and system services may",
                          grove_request_client(request));
    status = project_put(registry, &wanted.name, &wanted.budget, &is_new, problem, sizeof problem);
    if (is_new)
        move_into(registry, &wanted.name);
    return status < 0 ? grove_fail(request, status, "%s", problem) : answer_when_durable(registry, request, 1);
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
        record_destroy(record);
        count++;
    }
    if (target.service.text[0] == '\0')
        project_remove(registry, &target.project);
    return answer_when_durable(registry, request, count);
}

/* ---- start and stop ---- */

static int start(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_target target;
    char problem[2 * REGISTRY_REASON_BYTES];
    uint32_t count = 0;
    int status = target_to_change(request, registry, &target);
    if (status < 0)
        return status;
    status = order_start(registry, &target.service, &target.project, &count, problem, sizeof problem);
    if (status < 0)
        return grove_fail(request, status, "%s", problem);
    return answer_when_durable(registry, request, count);
}

static bool is_any_running(struct registry *registry, const struct later *later) {
    if (later->service.text[0] != '\0') {
        const struct record *record = record_find(registry, later->service.text);
        return record != NULL && record_is_running(record);
    }
    for (const struct record *record = registry->first; record != NULL; record = record->next)
        if (record_is_running(record) && record_is_meant(record, &later->service, &later->project))
            return true;
    return false;
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
            (void)answer_count(registry, later->request, later->count);
            later_done(link);
        }
    }
}

static int stop_target(struct grove_request *request, struct registry *registry, const struct registry_target *target,
                       bool is_final) {
    uint32_t count = order_stop(registry, &target->service, &target->project, is_final, false);
    struct later *later = later_add(registry, &registry->stops, request);
    if (later == NULL)
        return GROVE_NO_MEMORY;
    later->service = target->service;
    later->project = target->project;
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
    uint32_t count = order_stop(registry, &target.service, &target.project, false, true);
    return answer_when_durable(registry, request, count);
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
    {REGISTRY_PROJECT, set_project},
    {REGISTRY_SHUT_DOWN, shut_down},
};
const unsigned registry_method_count = sizeof registry_methods / sizeof registry_methods[0];
