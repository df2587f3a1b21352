/* Projects and the requests about them: see project.h. */
#include "kernel/core/state.h"

#include <string.h>

#define PROJECT_DEPTH_MAX 16u

int project_create(struct core *core, const struct grove_name *name, uint32_t parent, const struct grove_budget *budget,
                   struct project **out) {
    struct project *project = pool_take(&core->projects);
    if (project == NULL)
        return GROVE_EXHAUSTED;
    int status = text_from_name(&core->texts, name, &project->name);
    if (status < 0) {
        pool_give_back(&core->projects, project);
        return status;
    }
    project->parent = parent;
    project->budget = *budget;
    struct project *above = pool_at(&core->projects, parent);
    if (above != NULL)
        above->members++;
    budget_promise(core, parent, &budget_none, budget);
    text_bind(&core->texts, project->name, TEXT_PROJECT, pool_index(project));
    *out = project;
    return GROVE_OK;
}

static void free_project(struct core *core, struct project *project) {
    uint32_t parent = project->parent;
    machine_project_destroy(pool_index(project));
    text_unbind(&core->texts, project->name, TEXT_PROJECT, pool_index(project));
    budget_promise(core, parent, &project->budget, &budget_none);
    text_unref(&core->texts, project->name);
    pool_give_back(&core->projects, project);
    if (parent != 0)
        project_member_left(core, parent);
}

/* The tree is at most PROJECT_DEPTH_MAX deep, and so is this recursion. */
void project_member_left(struct core *core, uint32_t index) {
    struct project *project = pool_at(&core->projects, index);
    project->members--;
    if (project->members == 0 && project->is_doomed)
        free_project(core, project);
}

void project_handle_lost(struct core *core, struct project *project) {
    project->is_doomed = true;
    text_unbind(&core->texts, project->name, TEXT_PROJECT, pool_index(project));
    if (project->members == 0)
        free_project(core, project);
}

/* ---- PROJECT_CREATE ---- */

/* Whoever may spawn every service of a project may make the project: PROC_SPAWN:name.> */
static int check_may_spawn(struct request *request, const struct grove_name *name) {
    struct grove_capability wanted;
    capability_for_name(GROVE_CAP_PROC_SPAWN, name, &wanted);
    memcpy(wanted.argument.value.text + wanted.argument.length_bytes, ".>", 2);
    wanted.argument.length_bytes = (uint16_t)(wanted.argument.length_bytes + 2);
    return request_permit(request, &wanted);
}

static uint32_t depth_of(const struct core *core, const struct project *project) {
    uint32_t depth = 0;
    for (; project != NULL; project = pool_at(&core->projects, project->parent))
        depth++;
    return depth;
}

/* Whoever made it is told the handle again. */
static int exists(struct request *request, const struct project *project) {
    if (project->owner == pool_identity(request->caller))
        request->reply.message.body.handle_reply =
            (struct grove_handle_reply){.handle = project->owner_handle, .id = pool_identity(project)};
    return GROVE_EXISTS;
}

int project_create_check(struct request *request) {
    const struct grove_project_create *body = &request->message->body.project_create;
    struct core *core = request->core;
    if (!name_is_valid(&body->name))
        return GROVE_INVALID;
    int status = check_may_spawn(request, &body->name);
    if (status == GROVE_OK)
        status = request_find_project(request, body->parent, GROVE_RIGHT_CONTROL);
    if (status < 0)
        return status;
    if (depth_of(core, request->project) >= PROJECT_DEPTH_MAX)
        return GROVE_EXHAUSTED;
    const struct project *other = pool_at(&core->projects, text_bound(&core->texts, &body->name, TEXT_PROJECT));
    if (other != NULL)
        return exists(request, other);
    return budget_check(core, pool_index(request->project), &budget_none, &body->budget,
                        &request->reply.message.body.overcommitted);
}

int project_create_invoke(struct request *request) {
    const struct grove_project_create *body = &request->message->body.project_create;
    struct core *core = request->core;
    struct project *project = NULL;
    struct capability *handle = NULL;
    int status = project_create(core, &body->name, pool_index(request->project), &body->budget, &project);
    if (status < 0)
        return status;
    status = machine_project_set(pool_index(project), project->parent, &project->budget);
    if (status == GROVE_OK)
        status = capability_create_object(core, request->caller, NULL, GROVE_CAP_PROJECT, GROVE_RIGHTS_ALL,
                                          pool_identity(project), &handle);
    if (status < 0) {
        free_project(core, project);
        return status;
    }
    project->owner = pool_identity(request->caller);
    project->owner_handle = capability_handle(handle);
    request->reply.message.body.handle_reply.handle = project->owner_handle;
    request->reply.message.body.handle_reply.id = pool_identity(project);
    return GROVE_OK;
}

/* ---- PROJECT_DESTROY ---- */

int project_destroy_check(struct request *request) {
    int status = request_find(request, request->message->body.handle.handle, GROVE_CAP_PROJECT, GROVE_RIGHT_CONTROL);
    request->project = request->object;
    return status == GROVE_OK && request->project->members > 0 ? GROVE_WRONG_STATE : status;
}

int project_destroy_invoke(struct request *request) {
    capability_condemn(request->core, request->capability);
    project_handle_lost(request->core, request->project);
    return GROVE_OK;
}
