/*
 * The groups of projects: what limits the containers of a project together.
 *
 * A project's group lies in that of the project above it, and the groups of its containers lie in it, so Linux adds up
 * what they use on every level. It holds no process itself. Its name is a number of its own and not the core's index,
 * because an index is used again at once and a group that is given up may be busy for a while.
 */
#include "kernel/machine/linux/cgroup/project.h"

#include "kernel/machine/linux/cgroup/crossing.h"
#include "kernel/machine/linux/cgroup/watch.h"

#include <stdlib.h>
#include <string.h>

struct project {
    struct cgroup *group; /* NULL: there is no such project */
    machine_project parent;
    struct grove_budget budget;
    struct cgroup_watch *watch;
    uint32_t lent; /* processes of groved's own in it and below */
};

static struct project *table; /* by the core's index */
static machine_project table_size;
static uint32_t made_count;

static struct project *find(machine_project project) {
    return project < table_size && table[project].group != NULL ? &table[project] : NULL;
}

struct cgroup *cgroup_of_project(machine_project index) {
    const struct project *project = find(index);
    return project == NULL ? NULL : project->group;
}

static int table_grow(machine_project project) {
    machine_project size = table_size == 0 ? 16 : table_size;
    while (size <= project)
        size *= 2;
    struct project *grown = realloc(table, size * sizeof *grown);
    if (grown == NULL)
        return GROVE_NO_MEMORY;
    (void)memset(grown + table_size, 0, (size - table_size) * sizeof *grown);
    table = grown;
    table_size = size;
    return GROVE_OK;
}

/* The context is the index: the table moves when it grows. */
static void warn(void *context, enum grove_resource resource, uint64_t used, uint64_t limit) {
    core_project_over_budget(linux_machine->core, (machine_project)(uintptr_t)context, resource, used, limit);
}

/* Without memory for it there are no warnings; the limits hold. */
static void watch(struct project *project, machine_project index) {
    if (project->watch == NULL)
        project->watch = cgroup_watch_create(warn, (void *)(uintptr_t)index);
    if (project->watch != NULL)
        cgroup_watch_set(project->watch, project->group, &project->budget);
}

static int apply(const struct project *project) {
    struct grove_budget budget = project->budget;
    int error;
    if (budget.processes != 0)
        budget.processes += project->lent;
    return cgroup_budget(project->group, &budget, &error);
}

int cgroup_project_set(machine_project index, machine_project parent, const struct grove_budget *budget) {
    int result = index < table_size ? GROVE_OK : table_grow(index);
    if (result < 0)
        return result;
    struct project *project = &table[index], before = *project;
    if (project->group == NULL)
        result = group_create(cgroup_of_project(parent), true, ++made_count, &project->group);
    if (result < 0)
        return result;
    project->parent = parent;
    project->budget = *budget;
    result = apply(project);
    if (result == GROVE_OK) {
        watch(project, index);
        return GROVE_OK;
    }
    if (before.group == NULL)
        cgroup_project_destroy(index);
    else
        *project = before;
    return result;
}

bool cgroup_project_shares(machine_project index, enum grove_resource resource, uint64_t limit) {
    for (const struct project *project = find(index); project != NULL && limit != 0; project = find(project->parent)) {
        const struct grove_budget *budget = &project->budget;
        if (limit == (resource == GROVE_RESOURCE_MEMORY ? budget->memory_bytes : budget->processor_ppm))
            return true;
    }
    return false;
}

bool cgroup_was_near(const struct cgroup *group, uint64_t memory_limit) {
    struct grove_usage usage = {0};
    /* Before Linux 5.19 version 2 keeps no peak; then it is believed. */
    return cgroup_usage(group, &usage) == GROVE_OK &&
           (usage.memory_peak_bytes == 0 || usage.memory_peak_bytes >= crossing_mark(memory_limit));
}

bool cgroup_project_killed(machine_project index) {
    bool were_near = false;
    for (struct project *project = find(index); project != NULL; project = find(project->parent)) {
        if (project->budget.memory_bytes == 0 || !cgroup_was_near(project->group, project->budget.memory_bytes))
            continue;
        were_near = true;
        if (project->watch != NULL)
            cgroup_watch_over(project->watch, GROVE_RESOURCE_MEMORY);
    }
    return were_near;
}

void cgroup_project_lend(machine_project index, int processes) {
    for (struct project *project = find(index); project != NULL; project = find(project->parent)) {
        project->lent += (uint32_t)processes;
        if (project->budget.processes != 0)
            (void)apply(project);
    }
}

void cgroup_project_destroy(machine_project index) {
    struct project *project = find(index);
    if (project == NULL)
        return;
    if (project->watch != NULL)
        cgroup_watch_destroy(project->watch);
    cgroup_destroy(project->group);
    *project = (struct project){0};
}

/* A project below another has the longer place, whichever of them has the larger index. */
void cgroup_project_destroy_all(void) {
    for (;;) {
        size_t longest = 0;
        machine_project deepest = 0;
        for (machine_project i = 0; i < table_size; i++) {
            size_t length = table[i].group == NULL ? 0 : strlen(table[i].group->place);
            if (length > longest) {
                longest = length;
                deepest = i;
            }
        }
        if (longest == 0)
            break;
        cgroup_project_destroy(deepest);
    }
    free(table);
    table = NULL;
    table_size = 0;
}
