/*
 * Starting a container: lay out a plan, clone, and let the child carry it out.
 *
 * Everything that can be known is looked up here, in order, each part by one function of the table below; the child
 * then only makes system calls. It is cloned sharing groved's memory, with a stack of its own: copying the page tables of
 * a kernel that holds thousands of containers would cost more than all layers together. Nothing of groved is exposed by
 * that, because until the execve the child runs groved's code only. groved does not wait for the child: what it says arrives in life.c. A failure on this
 * side closes what was opened so far and reports the layer at once; a failure in the child is reported by the child.
 */
#include "kernel/machine/linux/container/launch.h"
#include "kernel/machine/linux/container/schedule.h"
#include "kernel/machine/linux/loop/reaper.h"
#include "kernel/machine/linux/recovery/recovery.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The one being laid out, and the prepared child that goes with it. */
static struct launch *layout;
static struct spare prepared;

static bool is_left_out(enum grove_layer layer) {
    return (layout->plan.skip >> layer & 1) != 0;
}

/* ---- the parts ---- */

/* Layers that do not work here and that the installation lists as optional are not even tried. */
static int part_layers(struct container *container, const struct machine_start *start) {
    struct plan *plan = &layout->plan;
    uint32_t flags = start->spec->flags;
    plan->skip = (linux_machine->options.optional_layers & ~linux_machine->layers_enforced) | container_left_out();
    plan->is_open = (flags & GROVE_SPEC_LEARN) != 0 || is_left_out(GROVE_LAYER_FILE_VIEW);
    if (plan->is_open && linux_machine->options.open_with_privileges)
        plan->skip |= UINT64_C(1) << GROVE_LAYER_LINUX_CAPABILITIES;
    /* Only an embedded kernel is in the session of whoever passed the terminal; groved's is nobody's to share. */
    plan->has_person = (flags & GROVE_SPEC_TERMINAL) != 0;
    plan->shares_session = plan->has_person && linux_machine->options.embedded;
    plan->has_process_files = (flags & GROVE_SPEC_NATIVE) == 0 && !is_left_out(GROVE_LAYER_PROC);
    plan->project = container->project;
    container->has_own_processes = !is_left_out(GROVE_LAYER_PID_NAMESPACE);
    plan->drops_user = !linux_machine->rootless;
    plan->user = container->user;
    plan->group = container->group;
    return GROVE_OK;
}

static int part_namespaces(struct container *container, const struct machine_start *start) {
    struct plan *plan = &layout->plan;
    (void)container;
    plan->namespaces_network = container_shared.network_namespace;
    plan->namespaces_mount = container_shared.bare_namespace;
    if ((start->spec->flags & GROVE_SPEC_SYSTEM_FILES) != 0 && !plan->is_open) {
        plan->system_links = namespaces_system_links;
        plan->system_folders = namespaces_system_folders;
        return namespaces_system(&plan->namespaces_mount);
    }
    return GROVE_OK;
}

static int part_quota(struct container *container, const struct machine_start *start) {
    const struct quota_owner owner = {.container = container->index,
                                      .name = grove_spec_text(start->spec, start->spec->name),
                                      .user = container->user,
                                      .group = container->group};
    if (container->budget.disk_bytes == 0 || layout->plan.is_open || is_left_out(GROVE_LAYER_DISK_QUOTA))
        return GROVE_OK;
    return quota_create(&owner, container->budget.disk_bytes, &container->quota);
}

/* Sockets that are made before the start are not the relay's. */
static int part_traffic(struct container *container, const struct machine_start *start) {
    if (!limits_network(&container->budget) || layout->plan.is_open || is_left_out(GROVE_LAYER_NETWORK_LIMIT) ||
        !broker_spec_has_network(start->spec))
        return GROVE_OK;
    bool is_possible = (linux_machine->layers_enforced >> GROVE_LAYER_NETWORK_LIMIT & 1) != 0 &&
                       (start->spec->flags & GROVE_SPEC_LISTEN_FDS) == 0;
    layout->error = EOPNOTSUPP;
    if (!is_possible)
        return GROVE_LAYER_MISSING;
    return limits_begin_traffic(container, grove_spec_text(start->spec, start->spec->name));
}

static int part_view(struct container *container, const struct machine_start *start) {
    struct plan *plan = &layout->plan;
    const struct grove_budget *budget = &container->budget;
    uint64_t bytes = budget->scratch_bytes != 0 ? budget->scratch_bytes : UINT64_C(16) << 20;
    uint64_t files = budget->scratch_files != 0 ? budget->scratch_files : 4096;
    plan->root_tree = -1;
    plan->directory =
        start->spec->directory.length_bytes != 0 ? grove_spec_text(start->spec, start->spec->directory) : NULL;
    if (plan->is_open)
        return GROVE_OK;
    int result = view_open(container, plan, &layout->failed_layer, &layout->error);
    if (result == GROVE_OK && container->quota != NULL)
        quota_begin(container->quota);
    /* Where the root is the host's, the scratch space is /tmp itself. */
    (void)snprintf(plan->scratch_options, sizeof plan->scratch_options, "mode=%s,size=%llu,nr_inodes=%llu",
                   plan->root_tree >= 0 ? "1777" : "755", (unsigned long long)bytes, (unsigned long long)files);
    if (result == GROVE_OK && plan->root_tree >= 0) {
        /* The whole host was granted: it brings its own system files. */
        plan->namespaces_mount = container_shared.bare_namespace;
        plan->system_links = plan->system_folders = NULL;
    }
    return result;
}

/* The outer form of the view and the filter are known now: is there a child that has made them already? */
static int part_prepared(struct container *container, const struct machine_start *start) {
    (void)container;
    (void)start;
    if (spare_take(&layout->plan, &prepared))
        layout->plan.is_staged = prepared.launch->plan.is_staged;
    return GROVE_OK;
}

/* The listener of a prepared child is fetched before it goes on; that of another one when it has it (life.c). */
static int part_listener(struct container *container, const struct machine_start *start) {
    (void)start;
    if (prepared.launch == NULL || !layout->plan.is_staged || !layout->plan.filter.has_listener)
        return GROVE_OK;
    int result = life_listen(container, prepared.process_descriptor, prepared.listener, &layout->error);
    return result < 0 ? GROVE_LAYER_MISSING : GROVE_OK;
}

static bool has_limits(const struct grove_budget *budget) {
    return budget->memory_bytes != 0 || budget->processes != 0 || budget->processor_ppm != 0;
}

static int cgroup_limit(struct container *container) {
    int result =
        container->has_new_budget ? cgroup_budget(container->cgroup, &container->budget, &layout->error) : GROVE_OK;
    container->has_new_budget = result < 0;
    return result;
}

/* The group of a prepared child takes the place of that of earlier instances, whose counters are carried on later. */
static int cgroup_replace(struct container *container) {
    if (container->cgroup != NULL)
        spare_retire(container);
    container->cgroup = prepared.cgroup;
    container->memory_kills = 0;
    prepared.cgroup = NULL;
    container->has_new_budget = has_limits(&container->budget);
    return cgroup_limit(container);
}

static int cgroup_join(struct container *container) {
    int result = GROVE_OK;
    if (container->cgroup == NULL) {
        result = cgroup_create(container->index, container->project, &container->cgroup);
        container->has_new_budget = has_limits(&container->budget);
    }
    if (result == GROVE_OK)
        result = cgroup_limit(container);
    if (result == GROVE_OK) {
        cgroup_join_descriptors(container->cgroup, layout->plan.cgroups);
        for (unsigned i = 0; i < PLAN_CGROUPS_MAX && layout->plan.cgroups[i] >= 0; i++)
            streams_keep(&layout->child, layout->plan.cgroups[i]);
        container->memory_kills = cgroup_memory_kills(container->cgroup);
    }
    return result;
}

static int part_cgroup(struct container *container, const struct machine_start *start) {
    (void)start;
    for (unsigned i = 0; i < PLAN_CGROUPS_MAX; i++)
        layout->plan.cgroups[i] = -1;
    if (is_left_out(GROVE_LAYER_CGROUP))
        return GROVE_OK;
    return prepared.launch != NULL ? cgroup_replace(container) : cgroup_join(container);
}

static int part_landlock(struct container *container, const struct machine_start *start) {
    struct plan *plan = &layout->plan;
    (void)container;
    if ((start->spec->flags & GROVE_SPEC_LEARN) != 0 || is_left_out(GROVE_LAYER_LANDLOCK))
        return GROVE_OK;
    plan->landlock_rights = container_shared.landlock_rights;
    plan->landlock_scopes = container_shared.landlock_scopes;
    plan->landlock_attribute_bytes = container_shared.landlock_attribute_bytes;
    layout->error = ENOSYS;
    return plan->landlock_rights == 0 ? GROVE_LAYER_MISSING : GROVE_OK;
}

static int part_filter(struct container *container, const struct machine_start *start) {
    (void)container;
    if (is_left_out(GROVE_LAYER_SECCOMP))
        return GROVE_OK;
    return filter_get(start->spec, &layout->plan.filter);
}

static int part_limits(struct container *container, const struct machine_start *start) {
    (void)start;
    limits_plan(container, &layout->plan);
    return GROVE_OK;
}

static int part_schedule(struct container *container, const struct machine_start *start) {
    layout->plan.has_schedule =
        schedule_plan(&container->schedule, (start->spec->flags & GROVE_SPEC_NATIVE) != 0, &layout->plan.schedule);
    return GROVE_OK;
}

static int part_streams(struct container *container, const struct machine_start *start) {
    return streams_open(container, start, &layout->plan);
}

static int part_sockets(struct container *container, const struct machine_start *start) {
    int result = notify_open(container);
    if (result < 0)
        return result;
    if ((start->spec->flags & GROVE_SPEC_NATIVE) != 0) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, layout->port_ends) < 0)
            return GROVE_NO_DESCRIPTORS;
        layout->plan.descriptors[layout->plan.descriptor_count++] = layout->port_ends[1];
        streams_keep(&layout->child, layout->port_ends[1]);
    }
    layout->error = -listen_open(start->spec, &layout->plan, &layout->child);
    return layout->error != 0 ? GROVE_LAYER_MISSING : GROVE_OK;
}

/* The set-up socket. A prepared child has its end already, under the number it was cloned with. */
static int part_report(struct container *container, const struct machine_start *start) {
    (void)container;
    (void)start;
    if (prepared.launch != NULL) {
        layout->plan.report = prepared.launch->plan.report;
        return GROVE_OK;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, layout->report_ends) < 0)
        return GROVE_NO_DESCRIPTORS;
    layout->plan.report = layout->report_ends[1];
    streams_keep(&layout->child, layout->report_ends[1]);
    return GROVE_OK;
}

static unsigned program_environment(const struct container *container, const struct grove_spec *spec) {
    unsigned count = 0;
    for (uint32_t i = 0; i < spec->environment.count; i++)
        layout->environment[count++] = grove_spec_environment(spec, i);
    if (container->notify >= 0)
        layout->environment[count++] = "NOTIFY_SOCKET=/run/notify";
    if ((spec->flags & GROVE_SPEC_LISTEN_FDS) != 0) {
        (void)snprintf(layout->listen_text, sizeof layout->listen_text, "LISTEN_FDS=%u", layout->plan.descriptor_count);
        layout->environment[count++] = layout->listen_text;
        /* In a new process namespace the small init is 1 and its first child 2. */
        layout->environment[count++] = "LISTEN_PID=2";
    }
    layout->environment[count] = NULL;
    return count;
}

static void program_name(const struct grove_spec *spec) {
    (void)snprintf(layout->host_name, sizeof layout->host_name, "%s", grove_spec_text(spec, spec->name));
    layout->plan.host_name = layout->host_name;
}

static int part_program(struct container *container, const struct machine_start *start) {
    struct plan *plan = &layout->plan;
    unsigned count = 0;
    plan->executable = grove_spec_text(start->spec, start->spec->executable);
    plan->init = -1;
    if ((start->spec->flags & GROVE_SPEC_NATIVE) == 0) {
        plan->init = container_shared.init;
        (void)snprintf(layout->report_text, sizeof layout->report_text, "%d%s", plan->report,
                       plan->has_person ? "t" : "");
        layout->arguments[count++] = "grove-init";
        layout->arguments[count++] = layout->report_text;
        layout->arguments[count++] = plan->executable;
    }
    for (uint32_t i = 0; i < start->spec->arguments.count; i++)
        layout->arguments[count++] = grove_spec_argument(start->spec, i);
    if (start->spec->arguments.count == 0)
        layout->arguments[count++] = plan->executable;
    layout->arguments[count] = NULL;
    (void)program_environment(container, start->spec);
    program_name(start->spec);
    plan->arguments = layout->arguments;
    plan->environment = layout->environment;
    return GROVE_OK;
}

/* ---- the clone ---- */

static uint64_t clone_flags(uint64_t skip) {
    static const struct {
        enum grove_layer layer;
        uint64_t flag;
    } table[] = {{GROVE_LAYER_PID_NAMESPACE, CLONE_NEWPID},
                 {GROVE_LAYER_IPC_NAMESPACE, CLONE_NEWIPC},
                 {GROVE_LAYER_UTS_NAMESPACE, CLONE_NEWUTS}};
    uint64_t flags = CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
        if ((skip >> table[i].layer & 1) == 0)
            flags |= table[i].flag;
    return flags;
}

/* See raw/PROCESSOR/clone.S. */
extern long raw_clone3(struct clone_args *arguments, size_t size, void (*run)(const struct plan *plan),
                       const struct plan *plan);

/* exit_signal stays 0: the descriptor tells of the end, and nobody's wait for other children takes it away. */
int launch_clone(struct launch *launch, void (*run)(const struct plan *plan), const struct cgroup *group,
                 pid_t *process, int *process_descriptor, int *error) {
    int descriptor = -1, folder = group == NULL ? -1 : cgroup_clone_descriptor(group);
    struct clone_args arguments = {.flags = clone_flags(launch->plan.skip), .pidfd = (uintptr_t)&descriptor};
    arguments.stack = (uintptr_t)launch->stack;
    arguments.stack_size = sizeof launch->stack;
    if (folder >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (__u64)folder;
    }
    long result = raw_clone3(&arguments, sizeof arguments, run, &launch->plan);
    if (result < 0) {
        *error = (int)-result;
        return result == -EAGAIN || result == -ENOMEM ? GROVE_NO_MEMORY : GROVE_LAYER_MISSING;
    }
    *process = (pid_t)result;
    *process_descriptor = descriptor;
    return GROVE_OK;
}

/* Ends with the instance's own: the process is the container's from here on, whatever comes of it. */
static int clone_prepared(struct container *container) {
    if (!spare_send(&prepared, layout)) {
        layout->error = errno;
        return GROVE_IO;
    }
    layout->stack_of = prepared.launch;
    layout->report_ends[0] = prepared.report;
    container->process = prepared.process;
    container->process_descriptor = prepared.process_descriptor;
    prepared = (struct spare){0};
    return GROVE_OK;
}

static int part_clone(struct container *container, const struct machine_start *start) {
    const struct cgroup *group = is_left_out(GROVE_LAYER_CGROUP) ? NULL : container->cgroup;
    int result;
    (void)start;
    if (prepared.launch != NULL)
        result = clone_prepared(container);
    else
        result =
            launch_clone(layout, child_run, group, &container->process, &container->process_descriptor, &layout->error);
    if (result < 0)
        return result;
    container->launch = layout;
    recovery_note(container->index, container->process);
    return GROVE_OK;
}

static const struct {
    int (*run)(struct container *container, const struct machine_start *start);
    enum grove_layer layer;
} parts[] = {
    {part_layers, GROVE_LAYER_NONE},         {part_sockets, GROVE_LAYER_STREAMS},
    {part_streams, GROVE_LAYER_STREAMS},     {part_namespaces, GROVE_LAYER_MOUNT_NAMESPACE},
    {part_quota, GROVE_LAYER_DISK_QUOTA},    {part_traffic, GROVE_LAYER_NETWORK_LIMIT},
    {part_view, GROVE_LAYER_FILE_VIEW},      {part_landlock, GROVE_LAYER_LANDLOCK},
    {part_filter, GROVE_LAYER_SECCOMP},      {part_prepared, GROVE_LAYER_NONE},
    {part_listener, GROVE_LAYER_SECCOMP},    {part_cgroup, GROVE_LAYER_CGROUP},
    {part_report, GROVE_LAYER_STREAMS},      {part_limits, GROVE_LAYER_RESOURCE_LIMITS},
    {part_schedule, GROVE_LAYER_SCHEDULE},   {part_program, GROVE_LAYER_EXECUTE},
    {part_clone, GROVE_LAYER_PID_NAMESPACE},
};

static void layout_clear(void) {
    (void)memset(&layout->plan, 0, offsetof(struct plan, mounts));
    layout->plan.mount_count = layout->plan.limit_count = layout->plan.descriptor_count = 0;
    layout->plan.landlock_rights = layout->plan.landlock_scopes = 0;
    layout->plan.landlock_ruleset = -1;
    layout->plan.filter = (struct filter){0};
    layout->plan.is_staged = layout->plan.has_schedule = false;
    layout->child.own_count = 0;
    layout->error = 0;
    layout->failed_layer = GROVE_LAYER_NONE;
    layout->report_ends[0] = layout->report_ends[1] = layout->port_ends[0] = layout->port_ends[1] = -1;
}

/* The parent's side of what was opened, when nothing came of it. */
static void layout_abandon(struct container *container) {
    notify_close(container);
    life_listen_no_more(container);
    limits_end(container);
    if (layout->report_ends[0] >= 0)
        (void)close(layout->report_ends[0]);
    if (layout->port_ends[0] >= 0)
        (void)close(layout->port_ends[0]);
    if (prepared.launch != NULL)
        spare_end(&prepared);
    container->phase = CONTAINER_IDLE;
}

static void instance_begin(struct container *container) {
    container->phase = CONTAINER_STARTING;
    container->is_executing = container->was_announced = container->is_ready_early = container->is_killed =
        container->is_frozen = false;
    container->has_failed = container->has_ended = false;
    container->failed_layer = GROVE_LAYER_NONE;
    container->failed_error = 0;
    container->report = container->process_descriptor = -1;
}

/* The failure of this side travels like the child's, but the core hears of it after this call has returned 0. */
static void fail_later(struct loop *loop, void *context) {
    struct container *container = context;
    (void)loop;
    container->failure_timer = 0;
    container->phase = CONTAINER_IDLE;
    core_container_started(linux_machine->core, container->index, container->failed_status, container->failed_layer,
                           container->failed_error);
}

static int start_failed(struct container *container, enum grove_layer layer, int status) {
    layout_abandon(container);
    container->failed_layer = layout->failed_layer != GROVE_LAYER_NONE ? layout->failed_layer : layer;
    container->failed_status = status;
    container->failed_error = layout->error;
    container->launch = layout;
    launch_release(container);
    container->phase = CONTAINER_STARTING;
    return loop_at(linux_machine->loop, machine_clock_ns(), fail_later, container, &container->failure_timer);
}

static void give_back_later(void *launch) {
    if (launch != NULL)
        launch_give_back(launch);
}

static int start_follow(struct container *container, const struct machine_start *start) {
    int result = GROVE_OK;
    container->report = layout->report_ends[0];
    layout->report_ends[0] = -1;
    if ((start->spec->flags & GROVE_SPEC_NATIVE) != 0) {
        result = port_open(container->index, layout->port_ends[0]);
        layout->port_ends[0] = -1;
    }
    if (result == GROVE_OK)
        result = life_watch(container);
    if (result < 0) {
        /* What it runs on is its own until it has ended. */
        struct launch *launch = container->launch;
        int descriptor = container->process_descriptor;
        loop_forget(linux_machine->loop, descriptor);
        container->launch = NULL;
        container->process_descriptor = -1;
        reaper_kill(linux_machine->loop, container->process, descriptor, give_back_later, launch);
        life_close(container);
    }
    return result;
}

int machine_container_start(const struct machine_start *start) {
    struct container *container;
    int result = container_make(start->container, &container);
    enum grove_layer layer = GROVE_LAYER_NONE;
    if (result == GROVE_OK && container->phase != CONTAINER_IDLE)
        result = GROVE_WRONG_STATE;
    if (result == GROVE_OK && !reaper_has_room())
        result = GROVE_EXHAUSTED;
    if (result == GROVE_OK)
        result = (layout = launch_take()) == NULL ? GROVE_NO_MEMORY : GROVE_OK;
    if (result < 0) {
        for (unsigned i = 0; i < 3; i++)
            if (start->streams[i] != MACHINE_OBJECT_NONE)
                (void)close(start->streams[i]);
        return result;
    }
    container_adopt(container, start);
    instance_begin(container);
    layout_clear();
    for (unsigned i = 0; i < 3; i++)
        if (start->streams[i] != MACHINE_OBJECT_NONE)
            streams_keep(&layout->child, start->streams[i]);
    for (unsigned i = 0; i < sizeof parts / sizeof *parts && result == GROVE_OK; i++) {
        layer = parts[i].layer;
        result = parts[i].run(container, start);
    }
    /* A prepared child has its own copies and has begun to note their numbers in the plan (spare_send closed ours). */
    if (layout->stack_of == NULL)
        view_close(&layout->plan);
    streams_close_child(&layout->child);
    if (result == GROVE_OK)
        return start_follow(container, start);
    return start_failed(container, layer, result);
}
