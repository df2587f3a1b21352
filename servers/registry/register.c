/*
 * Registering: services, and the budgets of the projects they are in.
 *
 * A spec is copied before it is checked, since the sender may still write to it. A new version takes the place of the old
 * one; where the kernel refuses it, the old one comes back, restarted. Whether there is room for the file is seen before
 * anything changes.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/common/spec_limits.h"
#include "servers/common/spec_tags.h"

/* ---- services ---- */

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
    if (head.spec_bytes > GROVE_SPEC_BYTES_MAX || head.spec_bytes > slice_bytes || head.spec_bytes < sizeof **spec) {
        (void)grove_fail(request, GROVE_INVALID, "a spec of %u bytes was announced and %zu bytes came", head.spec_bytes,
                         slice_bytes);
        return GROVE_INVALID;
    }
    struct grove_spec *copy = malloc(head.spec_bytes);
    if (copy == NULL) {
        (void)grove_fail(request, GROVE_NO_MEMORY, "the registry has no memory for another service");
        return GROVE_NO_MEMORY;
    }
    memcpy(copy, from, head.spec_bytes);
    status = grove_spec_check(copy, head.spec_bytes, &problem);
    const char *fault = status < 0 ? NULL : spec_tags_fault(copy);
    if (status == 0 && fault == NULL)
        fault = spec_limits_fault(copy);
    if (fault != NULL) {
        problem = fault;
        status = GROVE_INVALID;
    }
    if (status < 0) {
        free(copy);
        (void)grove_fail(request, status, "the spec is not valid: %s", problem);
        return status;
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
    struct grove_name owner;
    struct grove_spec *spec; /* a copy, to go back to */
    bool is_wanted, is_active;
    bool is_prepared; /* what register_service wrote, to see whether there is room, is what is put in */
};

static int take_out(struct record *record, struct inheritance *inheritance) {
    inheritance->spec = malloc(record->node.spec->total_bytes);
    if (inheritance->spec == NULL)
        return GROVE_NO_MEMORY;
    memcpy(inheritance->spec, record->node.spec, record->node.spec->total_bytes);
    inheritance->owner = record->owner;
    inheritance->is_wanted = record->is_wanted;
    inheritance->is_active = *history_is_active(record);
    record_destroy(record);
    return 0;
}

static int put_in(struct registry *registry, struct grove_spec *spec, const struct inheritance *inheritance,
                  char *problem, size_t problem_bytes) {
    struct record *record;
    int status = record_create(registry, spec, &inheritance->owner, NULL, &record, problem, problem_bytes);
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
static int replace(struct registry *registry, struct record *old, struct grove_spec *spec,
                   const struct grove_name *owner, bool is_prepared, char *problem, size_t problem_bytes) {
    struct inheritance inheritance = {.is_prepared = is_prepared};
    char ignored[8];
    int status = old == NULL ? 0 : take_out(old, &inheritance);
    struct inheritance passed_on = inheritance;
    passed_on.owner = *owner;
    if (status == 0)
        status = put_in(registry, spec, &passed_on, problem, problem_bytes);
    if (status < 0)
        free(spec);
    inheritance.is_prepared = false;
    if (status == 0 || inheritance.spec == NULL ||
        put_in(registry, inheritance.spec, &inheritance, ignored, sizeof ignored) < 0)
        free(inheritance.spec);
    return status;
}

/* Shells come and go with a number of their own; what they do, a person does. */
static void owner_of(const struct grove_request *request, struct grove_name *owner) {
    const char *client = grove_request_client(request);
    name_set(owner, strncmp(client, "shell.", 6) == 0 ? "shell" : client);
}

/* A record that was kept by an earlier version has no owner yet. */
static void adopt(struct record *record, const struct grove_name *owner) {
    if (record->owner.text[0] != '\0')
        return;
    index_remove(&record->registry->index, record);
    record->owner = *owner;
    if (index_add(&record->registry->index, record) < 0)
        abort(); /* there was room a moment ago; init starts the next instance, which reads the file */
    store_later(record);
}

static const struct record *put(struct registry *registry, struct record *old, struct grove_spec *spec,
                                const struct grove_name *owner, char *problem, size_t problem_bytes, int *status) {
    char name[GROVE_NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%s", grove_spec_text(spec, spec->name));
    *status = replace(registry, old, spec, owner, true, problem, problem_bytes);
    if (*status < 0)
        store_discard(registry, name);
    return *status < 0 ? NULL : record_find(registry, name);
}

int register_checked(struct registry *registry, struct grove_request *request, struct grove_spec *spec,
                     const struct grove_name *owner) {
    char problem[2 * REGISTRY_REASON_BYTES] = "memory is exhausted", name[GROVE_NAME_MAX + 1];
    (void)snprintf(name, sizeof name, "%s", grove_spec_text(spec, spec->name));
    struct record *old = record_find(registry, name);
    int status = store_prepare(registry, spec, owner, old != NULL && old->is_wanted);
    if (status < 0) {
        status = grove_fail(request, status, "the state folder cannot take %s: %s; nothing has changed", name,
                            grove_status_text(status));
        free(spec);
        return status;
    }
    const struct record *record = put(registry, old, spec, owner, problem, sizeof problem, &status);
    if (status < 0)
        return grove_fail(request, status, "%s", problem);
    if (record != NULL)
        announce_registered(record, old == NULL);
    points_loaded(name);
    return commit_then_answer(registry, request, 1);
}

int register_service(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct grove_spec *spec = NULL;
    struct grove_name owner;
    owner_of(request, &owner);
    int status = copy_spec(request, &spec);
    if (status < 0)
        return status;
    status = check_place(request, spec);
    if (status == GROVE_DENIED)
        announce_denied(grove_request_client(request), grove_spec_text(spec, spec->name),
                        "it may not be registered by this client");
    struct record *old = status < 0 ? NULL : record_find(registry, grove_spec_text(spec, spec->name));
    if (status < 0 || (old != NULL && is_same(old, spec))) {
        free(spec);
        if (status == 0)
            adopt(old, &owner);
        return status < 0 ? status : commit_then_answer(registry, request, 1);
    }
    return points_hold_load(registry, request, spec, &owner) ? 0 : register_checked(registry, request, spec, &owner);
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
        const struct grove_name owner = record->owner;
        if (replace(registry, record, copy, &owner, false, problem, sizeof problem) < 0)
            (void)fprintf(stderr, "registry: %s\n", problem);
    }
}

int register_project(struct grove_request *request, void *context) {
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
    return status < 0 ? grove_fail(request, status, "%s", problem) : commit_then_answer(registry, request, 1);
}
