/*
 * What the core asks of a running container: kill, signal, freeze, budget, schedule, usage.
 */
#include "kernel/machine/linux/container/launch.h"
#include "kernel/machine/linux/container/schedule.h"
#include "kernel/machine/linux/container/tree.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FREEZE_LOOK_NS UINT64_C(1000000)

static struct container *find_running(machine_container index) {
    struct container *container = container_find(index);
    return container != NULL && container->process != 0 ? container : NULL;
}

void machine_container_kill(machine_container index) {
    struct container *container = find_running(index);
    if (container == NULL)
        return;
    container->is_killed = true;
    /* The end of the namespace's first process is the end of all the others; what is frozen has to be thawed for it. */
    (void)syscall(SYS_pidfd_send_signal, container->process_descriptor, SIGKILL, NULL, 0);
    if (container->cgroup != NULL && (!container->has_own_processes || container->is_frozen))
        cgroup_kill(container->cgroup);
}

int machine_container_signal(machine_container index, uint32_t number) {
    const struct container *container = find_running(index);
    if (container == NULL)
        return GROVE_WRONG_STATE;
    if (number == 0 || number > 64)
        return GROVE_INVALID;
    if (syscall(SYS_pidfd_send_signal, container->process_descriptor, number, NULL, 0) < 0)
        return errno == ESRCH ? GROVE_WRONG_STATE : GROVE_IO;
    return GROVE_OK;
}

/*
 * ---- freezing takes the kernel a moment; it is looked at until it is done or called off ----
 *
 * Where there is no control group the processes are stopped by signals: the program's parents of other programs notice,
 * and what had stopped itself goes on with the others. But it is as still as with one.
 */

static bool is_still(struct container *container) {
    return container->cgroup != NULL ? cgroup_is_frozen(container->cgroup) : tree_stop(container->process);
}

static void freeze_look(struct loop *loop, void *context) {
    struct container *container = context;
    container->freeze_timer = 0;
    if (is_still(container))
        core_container_frozen(linux_machine->core, container->index);
    else
        (void)loop_at(loop, machine_clock_ns() + FREEZE_LOOK_NS, freeze_look, container, &container->freeze_timer);
}

int machine_container_freeze(machine_container index) {
    struct container *container = find_running(index);
    if (container == NULL)
        return GROVE_WRONG_STATE;
    int result = container->cgroup == NULL ? GROVE_OK : cgroup_freeze(container->cgroup, true);
    container->is_frozen |= result == GROVE_OK;
    if (result == GROVE_OK && container->freeze_timer == 0)
        result = loop_at(linux_machine->loop, machine_clock_ns(), freeze_look, container, &container->freeze_timer);
    return result;
}

int machine_container_thaw(machine_container index) {
    struct container *container = find_running(index);
    if (container == NULL)
        return GROVE_WRONG_STATE;
    if (container->freeze_timer != 0)
        loop_cancel(linux_machine->loop, container->freeze_timer);
    container->freeze_timer = 0;
    int result = container->cgroup == NULL ? GROVE_OK : cgroup_freeze(container->cgroup, false);
    if (container->cgroup == NULL)
        tree_continue(container->process);
    container->is_frozen &= result != GROVE_OK;
    return result;
}

/* ---- projects ---- */

/* A project whose limits cannot be held is as good as one without, where the installation says so. */
int machine_project_set(machine_project project, machine_project parent, const struct grove_budget *budget) {
    int result = cgroup_project_set(project, parent, budget);
    return result == GROVE_LAYER_MISSING && container_is_optional(GROVE_LAYER_CGROUP) ? GROVE_OK : result;
}

void machine_project_destroy(machine_project project) {
    spare_end_project(project);
    cgroup_project_destroy(project);
}

/* ---- budget and schedule of a running instance; one that has just ended needs neither ---- */

int machine_container_budget(machine_container index, const struct grove_budget *budget) {
    struct container *container = find_running(index);
    int result = GROVE_OK, error;
    if (container == NULL)
        return GROVE_OK;
    if (!limits_can_change(container, budget))
        return GROVE_UNSUPPORTED;
    if (container->cgroup != NULL)
        result = cgroup_budget(container->cgroup, budget, &error);
    if (result == GROVE_OK) {
        container->budget = *budget;
        limits_change(container, budget);
        warnings_renew(container);
    }
    return result;
}

static int schedule_running(const struct container *container, const struct grove_schedule *schedule) {
    pid_t processes[256];
    bool is_native = (container->spec->flags & GROVE_SPEC_NATIVE) != 0;
    unsigned count = container->cgroup == NULL ? tree_processes(container->process, processes, 256)
                                               : cgroup_processes(container->cgroup, processes, 256);
    int result = count == 0 ? schedule_apply(container->process, schedule, is_native) : GROVE_OK;
    for (unsigned i = 0; i < count && result == GROVE_OK; i++)
        result = schedule_apply(processes[i], schedule, is_native);
    return result;
}

int machine_container_schedule(machine_container index, const struct grove_schedule *schedule) {
    struct container *container = find_running(index);
    if (container == NULL)
        return GROVE_OK;
    int result = schedule_running(container, schedule);
    if (result == GROVE_OK)
        container->schedule = *schedule;
    return result;
}

/*
 * Without a control group nobody counts for us: its processes are added up when somebody asks. What is never asked about an
 * instance is not in the sum for the next one.
 */
static int usage_of_tree(struct container *container, struct grove_usage *usage) {
    *usage = (struct grove_usage){0};
    if (container->process > 0)
        tree_usage(container->process, usage);
    if (usage->processor_ns < container->tree_processor_ns)
        usage->processor_ns = container->tree_processor_ns; /* a process ended that was not waited for */
    container->tree_processor_ns = usage->processor_ns;
    if (usage->memory_bytes > container->memory_peak_before_bytes)
        container->memory_peak_before_bytes = usage->memory_bytes;
    return GROVE_OK;
}

int machine_container_usage(machine_container index, struct grove_usage *usage) {
    struct container *container = container_find(index);
    if (container == NULL)
        return GROVE_UNSUPPORTED;
    warnings_look(container);
    spare_account(container);
    int result = container->cgroup != NULL ? cgroup_usage(container->cgroup, usage) : usage_of_tree(container, usage);
    if (result == GROVE_OK) {
        limits_usage(container, usage);
        usage->processor_ns += container->processor_before_ns;
        if (usage->memory_peak_bytes < container->memory_peak_before_bytes)
            usage->memory_peak_bytes = container->memory_peak_before_bytes;
        if (usage->memory_peak_bytes < usage->memory_bytes)
            usage->memory_peak_bytes = usage->memory_bytes;
    }
    return result;
}

uint64_t machine_container_disk(machine_container index) {
    const struct container *container = container_find(index);
    return container == NULL || container->quota == NULL ? 0 : quota_used(container->quota);
}

uint64_t machine_container_network(machine_container index) {
    const struct container *container = container_find(index);
    return container == NULL ? 0 : traffic_bytes(container->traffic_account);
}

int32_t machine_container_process(machine_container index) {
    const struct container *container = find_running(index);
    return container == NULL ? 0 : container->process;
}

void machine_container_streams(machine_container index, machine_object streams[2]) {
    const struct container *container = container_find(index);
    for (unsigned i = 0; i < 2; i++)
        streams[i] = container == NULL ? MACHINE_OBJECT_NONE : container->stream_read[i];
}
