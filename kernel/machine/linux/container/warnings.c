/*
 * Warnings before a limit: what control groups tell of a running container goes to the core, which tells the container,
 * its owner and the audit log.
 *
 * Watching begins a moment after the program runs, because it is not worth a part of the start. A limit that a container
 * only has from its project is watched where it is counted, in the project's group; but refused forks are, because some
 * versions of Linux count them where they were tried.
 */
#include "kernel/machine/linux/cgroup/watch.h"
#include "kernel/machine/linux/container/container.h"

#define BEGIN_DELAY_NS UINT64_C(2000000)

static void warn(void *context, enum grove_resource resource, uint64_t used, uint64_t limit) {
    const struct container *container = context;
    core_container_over_budget(linux_machine->core, container->index, resource, used, limit);
}

static void watch(struct container *container) {
    struct grove_budget watched = container->budget;
    if (cgroup_project_shares(container->project, GROVE_RESOURCE_MEMORY, watched.memory_bytes))
        watched.memory_bytes = 0;
    if (cgroup_project_shares(container->project, GROVE_RESOURCE_PROCESSOR, watched.processor_ppm))
        watched.processor_ppm = 0;
    cgroup_watch_set(container->watch, container->cgroup, &watched);
}

static void begin_now(struct loop *loop, void *context) {
    struct container *container = context;
    (void)loop;
    container->watch_timer = 0;
    if (container->watch == NULL)
        container->watch = cgroup_watch_create(warn, container);
    if (container->watch != NULL)
        watch(container);
}

static bool has_limits(const struct grove_budget *budget) {
    return budget->memory_bytes != 0 || budget->processes != 0 || budget->processor_ppm != 0;
}

void warnings_begin(struct container *container) {
    if (container->watch_timer == 0 && container->cgroup != NULL && has_limits(&container->budget))
        (void)loop_at(linux_machine->loop, machine_clock_ns() + BEGIN_DELAY_NS, begin_now, container,
                      &container->watch_timer);
}

void warnings_renew(struct container *container) {
    if (container->was_announced && container->watch_timer == 0 && container->watch != NULL)
        watch(container);
    else
        warnings_begin(container);
}

void warnings_look(struct container *container) {
    if (container->watch != NULL)
        cgroup_watch_look(container->watch);
}

enum grove_memory_limit warnings_killed_for_memory(struct container *container) {
    uint64_t own_bytes = container->budget.memory_bytes;
    bool was_near = own_bytes != 0 && cgroup_was_near(container->cgroup, own_bytes);
    if (container->watch_timer != 0) {
        loop_cancel(linux_machine->loop, container->watch_timer);
        begin_now(linux_machine->loop, container);
    }
    if (container->watch != NULL && was_near)
        cgroup_watch_over(container->watch, GROVE_RESOURCE_MEMORY);
    bool were_near = cgroup_project_killed(container->project);
    if (was_near)
        return GROVE_MEMORY_OF_CONTAINER;
    return were_near ? GROVE_MEMORY_OF_PROJECT : GROVE_MEMORY_OF_MACHINE;
}

void warnings_end(struct container *container) {
    if (container->watch_timer != 0)
        loop_cancel(linux_machine->loop, container->watch_timer);
    container->watch_timer = 0;
    if (container->watch != NULL)
        cgroup_watch_set(container->watch, NULL, &(struct grove_budget){0});
}

void warnings_close(struct container *container) {
    if (container->watch != NULL)
        cgroup_watch_destroy(container->watch);
    container->watch = NULL;
}
