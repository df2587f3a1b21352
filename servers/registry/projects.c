/*
 * Projects: their budgets, kept in files, and their objects in the kernel.
 *
 *     NAME.project: struct file_header | struct project_body
 *
 * A project is known here from the first `grove up` that gives it a budget until it is unregistered. Its object in the
 * kernel belongs to this program's container and not to one instance of it, so it outlives this process: the next
 * instance asks for it by name and is told the same handle. Containers of its services are made in it; those that were
 * made before it had a budget are made again.
 *
 * A project named a.b is one of its own: the budget of a does not hold for it.
 */
#include "servers/registry/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "servers/common/names.h"
#include "servers/registry/files.h"

#define PROJECT_MAGIC 0x4a525047u /* "GPRJ" */
#define PROJECT_SUFFIX ".project"

struct project_body {
    struct grove_name name;
    struct grove_budget budget;
};

struct project {
    struct project *next;
    struct project_body body;
    grove_handle handle;
    bool is_dirty; /* prepared, not yet in its place */
};

static const struct grove_budget no_limit;

static const char *place_of(char path[FILE_PATH_BYTES], const char *name) {
    (void)snprintf(path, FILE_PATH_BYTES, "%s%s", name, PROJECT_SUFFIX);
    return path;
}

static struct project *find(const struct registry *registry, const char *name) {
    struct project *project = registry->projects;
    while (project != NULL && strcmp(project->body.name.text, name) != 0)
        project = project->next;
    return project;
}

/* ---- why something does not fit ---- */

struct resource_text {
    const char *name, *field;
    double unit;
    const char *unit_text;
};

static const struct resource_text resource_texts[] = {
    [1] = {"memory", "memory", 1 << 20, " MiB"},        [2] = {"processes", "processes", 1, ""},
    [3] = {"shared memory", "shared", 1 << 20, " MiB"}, [4] = {"channels", "channels", 1, ""},
    [5] = {"processor time", "processor", 10000, "%"},  [6] = {"descriptors", "descriptors", 1, ""},
    [7] = {"file size", "file-size", 1 << 20, " MiB"},  [8] = {"scratch space", "scratch", 1 << 20, " MiB"},
    [9] = {"scratch files", "scratch-files", 1, ""},    [10] = {"disk", "disk", 1 << 20, " MiB"},
    [11] = {"network", "network", 1 << 10, " KiB/s"},
};

void project_explain(const struct grove_message *reply, char *text, size_t text_bytes) {
    const struct grove_overcommitted *excess = &reply->body.overcommitted;
    text[0] = '\0';
    if (reply->status != GROVE_EXHAUSTED || excess->resource == 0 ||
        excess->resource >= sizeof resource_texts / sizeof resource_texts[0])
        return;
    const struct resource_text *resource = &resource_texts[excess->resource];
    double unit = resource->unit;
    const char *suffix = resource->unit_text;
    if (excess->asked == 0)
        (void)snprintf(
            text, text_bytes,
            "the budget of project %s would be %g%s of %s, and its services are promised %g%s already; lower "
            "their 'resources: %s' first or keep more in 'budget:' of grove.yaml",
            excess->project.text, (double)excess->limit / unit, suffix, resource->name, (double)excess->promised / unit,
            suffix, resource->field);
    else
        (void)snprintf(text, text_bytes,
                       "project %s has a budget of %g%s of %s: %g%s are promised to its other services, and %g%s were "
                       "asked for; lower 'resources: %s' of a service or raise 'budget: %s' in grove.yaml",
                       excess->project.text, (double)excess->limit / unit, suffix, resource->name,
                       (double)excess->promised / unit, suffix, (double)excess->asked / unit, suffix, resource->field,
                       resource->field);
}

/* ---- the kernel's side ---- */

static int ask(struct registry *registry, struct grove_message *message, const int *object, char *problem,
               size_t problem_bytes) {
    int status = grove_kernel_request(registry->session, message, object, object == NULL ? 0 : 1, NULL, NULL,
                                      REGISTRY_KERNEL_TIMEOUT_NS);
    project_explain(message, problem, problem_bytes);
    if (status < 0 && problem[0] == '\0')
        (void)snprintf(problem, problem_bytes, "%s", grove_last_error());
    return status;
}

static int sealed_copy(const struct grove_spec *spec) {
    int memory = memfd_create("grove-spec", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0)
        return file_status(errno);
    if (write(memory, spec, spec->total_bytes) == (ssize_t)spec->total_bytes &&
        fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
        return memory;
    (void)close(memory);
    return GROVE_NO_MEMORY;
}

int project_create_container(struct registry *registry, const struct grove_spec *spec, bool with_endpoints,
                             struct grove_container_reply *made, char *problem, size_t problem_bytes) {
    const struct project *project = find(registry, grove_spec_text(spec, spec->project));
    struct grove_message message = {.operation = with_endpoints ? GROVE_REQUEST_CONTAINER_LAUNCH
                                                                : GROVE_REQUEST_CONTAINER_CREATE};
    /* Both begin with the same, and a launch without flags starts nothing. */
    message.body.container_launch.create.spec_bytes = spec->total_bytes;
    message.body.container_launch.create.project = project == NULL ? GROVE_HANDLE_NONE : project->handle;
    int memory = sealed_copy(spec);
    if (memory < 0) {
        (void)snprintf(problem, problem_bytes, "no memory could be made for its spec: %s", grove_status_text(memory));
        return memory;
    }
    int status = ask(registry, &message, &memory, problem, problem_bytes);
    (void)close(memory);
    if (status == 0)
        *made = message.body.container;
    return status;
}

/* An earlier instance may have made it: then it is told again, with the budget it had. */
static int make(struct registry *registry, const char *name, grove_handle *handle, char *problem,
                size_t problem_bytes) {
    struct grove_message message = {.operation = GROVE_REQUEST_PROJECT_CREATE};
    name_set(&message.body.project_create.name, name);
    int status = ask(registry, &message, NULL, problem, problem_bytes);
    if (status < 0 && (status != GROVE_EXISTS || message.body.handle_reply.handle == GROVE_HANDLE_NONE))
        return status;
    *handle = message.body.handle_reply.handle;
    return 0;
}

static int set_budget(struct registry *registry, const struct project *project, const struct grove_budget *budget,
                      char *problem, size_t problem_bytes) {
    struct grove_message message = {.operation = GROVE_REQUEST_BUDGET_SET};
    message.body.budget_set.container = project->handle;
    message.body.budget_set.budget = *budget;
    return ask(registry, &message, NULL, problem, problem_bytes);
}

/* Its name is free at once; the object ends with its last member. */
static void unmake(struct registry *registry, grove_handle handle) {
    struct grove_message message = {.operation = GROVE_REQUEST_CAPABILITY_REVOKE};
    message.body.revoke = (struct grove_capability_revoke){.handle = handle, .itself = 1};
    (void)grove_kernel_request(registry->session, &message, NULL, 0, NULL, NULL, REGISTRY_KERNEL_TIMEOUT_NS);
}

static int add(struct registry *registry, const char *name, struct project **out, char *problem, size_t problem_bytes) {
    struct project *project = calloc(1, sizeof *project);
    if (project == NULL)
        return GROVE_NO_MEMORY;
    name_set(&project->body.name, name);
    int status = make(registry, name, &project->handle, problem, problem_bytes);
    if (status < 0) {
        free(project);
        return status;
    }
    project->next = registry->projects;
    registry->projects = project;
    *out = project;
    return 0;
}

/* ---- what is asked for ---- */

static int prepare(struct registry *registry, const char *name, const struct grove_budget *budget, char *problem,
                   size_t problem_bytes) {
    char path[FILE_PATH_BYTES];
    struct project_body body = {.budget = *budget};
    name_set(&body.name, name);
    int status = file_prepare(registry->folder, place_of(path, name), PROJECT_MAGIC, 0, &body, sizeof body);
    if (status < 0)
        (void)snprintf(problem, problem_bytes, "the state folder cannot take project %s: %s; nothing has changed", name,
                       grove_status_text(status));
    return status;
}

static bool is_same(const struct grove_budget *a, const struct grove_budget *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

static int change(struct registry *registry, struct project *project, const struct grove_budget *budget, char *problem,
                  size_t problem_bytes) {
    int status = set_budget(registry, project, budget, problem, problem_bytes);
    if (status < 0)
        return status;
    project->body.budget = *budget;
    project->is_dirty = true;
    return 0;
}

int project_put(struct registry *registry, const struct grove_name *name, const struct grove_budget *budget,
                bool *is_new, char *problem, size_t problem_bytes) {
    struct project *project = find(registry, name->text);
    char path[FILE_PATH_BYTES];
    *is_new = false;
    if (is_same(budget, project == NULL ? &no_limit : &project->body.budget))
        return 0;
    int status = prepare(registry, name->text, budget, problem, problem_bytes);
    if (status < 0)
        return status;
    if (project == NULL) {
        status = add(registry, name->text, &project, problem, problem_bytes);
        *is_new = status == 0;
    }
    if (status == 0)
        status = change(registry, project, budget, problem, problem_bytes);
    if (status < 0)
        file_discard(registry->folder, place_of(path, name->text));
    return status;
}

int project_commit(struct registry *registry, char *failed, size_t failed_bytes) {
    char path[FILE_PATH_BYTES];
    int worst = 0;
    for (struct project *project = registry->projects; project != NULL; project = project->next) {
        if (!project->is_dirty)
            continue;
        int status = file_commit(registry->folder, place_of(path, project->body.name.text));
        registry->is_folder_dirty = true;
        project->is_dirty = status < 0;
        if (status < 0) {
            (void)snprintf(failed, failed_bytes, "project %s", project->body.name.text);
            worst = status;
        }
    }
    return worst;
}

void project_remove(struct registry *registry, const struct grove_name *target) {
    char path[FILE_PATH_BYTES];
    for (struct project **link = &registry->projects; *link != NULL;) {
        struct project *project = *link;
        if (!project_name_is_inside(project->body.name.text, target->text)) {
            link = &project->next;
            continue;
        }
        (void)unlinkat(registry->folder, place_of(path, project->body.name.text), 0);
        file_discard(registry->folder, path);
        registry->is_folder_dirty = true;
        unmake(registry, project->handle);
        *link = project->next;
        free(project);
    }
}

/* ---- coming back ---- */

static const char *fault_of(const struct file_header *header, const void *bytes) {
    const struct project_body *body = bytes;
    return header->body_bytes == sizeof *body && service_name_is_valid(&body->name) ? NULL : "it names no project";
}

static int take(void *context, const struct file_header *header, const void *bytes) {
    struct registry *registry = context;
    struct project_body body = *(const struct project_body *)bytes;
    struct project *project;
    char problem[2 * REGISTRY_REASON_BYTES] = "memory is exhausted";
    (void)header;
    int status = add(registry, body.name.text, &project, problem, sizeof problem);
    if (status == 0)
        status = set_budget(registry, project, &body.budget, problem, sizeof problem);
    if (status == 0)
        project->body.budget = body.budget;
    else
        (void)fprintf(stderr, "registry: cannot take project %s up again: %s\n", body.name.text, problem);
    return file_is_scarcity(status) ? status : 0;
}

static const struct file_kind project_kind = {.suffix = PROJECT_SUFFIX,
                                              .magic = PROJECT_MAGIC,
                                              .body_min = sizeof(struct project_body),
                                              .fault_of = fault_of,
                                              .take = take};

int project_load(struct registry *registry) {
    return file_each(registry->folder, &project_kind, registry);
}
