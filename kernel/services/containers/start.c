/*
 * Starting a container: everything that can be known is laid out here, in order, each part by one function of the table
 * below; then the host begins a process, which loads the program in its own time. What fails here closes what was opened, and the
 * core hears of it after the call, with the layer, as it does of a program that cannot be loaded.
 *
 * Law 7: what a spec asks for and nobody here can hold fails the start. That is so far: limits on disk and on the network,
 * and learning what a program needs. Sockets that are made before the start (LISTEN_FDS) are the host's, in the program's own thread.
 */
#include "kernel/services/containers/inside.h"
#include "kernel/services/containers/kernel_port.h"
#include "kernel/services/vfs/errors.h"

#define USER_FIRST 1879048192u /* as on linux: outside of the numbers that people and services have */
#define DESCRIPTORS_DEFAULT 1024u
#define LINUX_CAP_NET_BIND_SERVICE 10u

/* What is laid out. */
struct layout {
    struct container_record *record;
    const struct machine_start *start;
    struct open_file *streams[3]; /* passed; NULL where there is none */
    struct descriptors descriptors;
    struct program_plan plan;
    bool has_caller;
    int error; /* Linux's number, positive */
};

/* ---- the parts: 0, or the negative of Linux's error ---- */

static int part_disk(struct layout *layout) {
    return layout->start->budget.disk_bytes != 0 ? -LINUX_EOPNOTSUPP : 0;
}

static int part_network(struct layout *layout) {
    const struct grove_budget *budget = &layout->start->budget;
    return budget->network_rate != 0 || budget->network_total != 0 ? -LINUX_EOPNOTSUPP : 0;
}

static int part_sockets(struct layout *layout) {
    uint32_t flags = layout->start->spec->flags;
    bool is_missing = (flags & GROVE_SPEC_LEARN) != 0;
    is_missing |= (flags & GROVE_SPEC_NOTIFY_SOCKET) != 0 && containers.sockets == NULL;
    return is_missing ? -LINUX_EOPNOTSUPP : 0;
}

static struct allowance *allowance_of_project(machine_project project) {
    const struct project_record *record = project < containers.project_max ? containers.projects[project] : NULL;
    return record != NULL ? record->allowance : NULL;
}

/* Made by the first start: counters go on from one instance to the next. */
static int part_allowance(struct layout *layout) {
    struct container_record *record = layout->record;
    if (record->allowance != NULL) {
        allowance_set(containers.host->scheduler, record->allowance, &record->budget);
        warnings_watch(record);
        return 0;
    }
    int status = allowance_create(containers_machine(), containers.host->scheduler,
                                  allowance_of_project(record->project), &record->budget, &record->allowance);
    if (status == GROVE_OK)
        warnings_watch(record);
    return status == GROVE_OK ? 0 : status == GROVE_NO_MEMORY ? -LINUX_ENOMEM : -LINUX_EINVAL;
}

/*
 * A container is nobody's user. What it was granted is often another's: there it may do what the owner may, as far as its
 * mounts allow (on linux an id-mapped mount says the same). With its caller's identity it may do what the caller may. Which ports
 * it may bind, low ones too, is a matter of NET_BIND alone (network.h).
 */
static uint64_t capabilities_for(const struct grove_spec *spec) {
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        if (capability.kind == GROVE_CAP_NET_BIND)
            return UINT64_C(1) << LINUX_CAP_NET_BIND_SERVICE;
    }
    return 0;
}

static void choose_identity(const struct machine_start *start, struct identity *identity) {
    if ((start->spec->flags & GROVE_SPEC_CALLER_IDENTITY) != 0) {
        *identity = (struct identity){
            .user = start->caller_user, .group = start->caller_group, .capabilities = capabilities_for(start->spec)};
        return;
    }
    *identity = (struct identity){.user = USER_FIRST + start->container,
                                  .group = USER_FIRST + start->container,
                                  .capabilities = UINT64_C(1) << LINUX_CAP_DAC_OVERRIDE |
                                                  UINT64_C(1) << LINUX_CAP_DAC_READ_SEARCH |
                                                  UINT64_C(1) << LINUX_CAP_FOWNER | capabilities_for(start->spec)};
}

static int part_view(struct layout *layout) {
    struct caller *caller = &layout->plan.caller;
    *caller = (struct caller){.vfs = containers.vfs, .mask = 022};
    choose_identity(layout->start, &caller->identity);
    layout->plan.user = caller->identity.user;
    layout->plan.group_id = caller->identity.group;
    int status = view_build(layout->record, caller);
    layout->has_caller = status == 0;
    return status;
}

static int part_streams(struct layout *layout) {
    return streams_open(layout->record, &layout->plan.caller, layout->streams, &layout->descriptors);
}

static int part_port(struct layout *layout) {
    struct open_file *port;
    uint32_t number;
    if ((layout->start->spec->flags & GROVE_SPEC_NATIVE) == 0)
        return 0;
    if (kernel_port_open(layout->record->index, false, &port) < 0)
        return -LINUX_ENOMEM;
    int status = descriptors_add(&layout->descriptors, port, GROVE_PORT_DESCRIPTOR, false, &number);
    if (status != 0)
        file_unref(port);
    return status;
}

static int part_program(struct layout *layout) {
    struct container_record *record = layout->record;
    struct program_plan *plan = &layout->plan;
    plan->instance = &record->instance;
    plan->spec = record->spec;
    plan->descriptors = &layout->descriptors;
    plan->memory = &record->allowance->memory;
    plan->processes = &record->allowance->processes;
    plan->group = &record->allowance->group;
    plan->schedule = record->schedule;
    plan->file_bytes = record->budget.file_bytes;
    return containers.host->programs.begin(containers.host->context, plan, &record->program);
}

static const struct {
    int (*run)(struct layout *layout);
    enum grove_layer layer;
} parts[] = {
    {part_disk, GROVE_LAYER_DISK_QUOTA}, {part_network, GROVE_LAYER_NETWORK_LIMIT},
    {part_sockets, GROVE_LAYER_STREAMS}, {part_allowance, GROVE_LAYER_CGROUP},
    {part_view, GROVE_LAYER_FILE_VIEW},  {part_streams, GROVE_LAYER_STREAMS},
    {part_port, GROVE_LAYER_STREAMS},    {part_program, GROVE_LAYER_SCHEDULE},
};

/* ---- the whole ---- */

static void give_up_caller(const struct caller *caller) {
    vfs_lock(containers.vfs);
    path_unref(&caller->root);
    path_unref(&caller->folder);
    vfs_unlock(containers.vfs);
}

static int status_of(enum grove_layer layer, int error) {
    if (error == -LINUX_ENOMEM || (layer == GROVE_LAYER_SCHEDULE && error == -LINUX_EAGAIN))
        return GROVE_NO_MEMORY;
    if (layer == GROVE_LAYER_STREAMS && (error == -LINUX_EMFILE || error == -LINUX_ENFILE))
        return GROVE_NO_DESCRIPTORS;
    return GROVE_LAYER_MISSING;
}

static void fail(struct layout *layout, enum grove_layer layer, int error) {
    struct container_record *record = layout->record;
    descriptors_deinit(&layout->descriptors);
    if (layout->has_caller)
        give_up_caller(&layout->plan.caller);
    for (unsigned i = 0; i < 3; i++)
        if (layout->streams[i] != NULL)
            file_unref(layout->streams[i]);
    life_close(record);
    record->phase = RECORD_STARTING;
    life_fail_later(record, layer, status_of(layer, error), -error);
}

static void lay_out(struct layout *layout) {
    const struct grove_budget *budget = &layout->start->budget;
    uint32_t limit = budget->descriptors != 0 && budget->descriptors < UINT32_MAX ? (uint32_t)budget->descriptors
                                                                                  : DESCRIPTORS_DEFAULT;
    int status = 0;
    unsigned i = 0;
    descriptors_init(&layout->descriptors, containers.vfs, limit);
    for (; i < sizeof(parts) / sizeof(*parts) && status == 0; i++)
        status = parts[i].run(layout);
    if (status != 0)
        fail(layout, parts[i - 1].layer, status);
}

static void adopt(struct container_record *record, const struct machine_start *start) {
    record->instance.name_space = start->id + 1;
    record->spec = start->spec;
    record->project = start->project;
    record->budget = start->budget;
    record->schedule = start->schedule;
    record->phase = RECORD_STARTING;
    record->is_killed = false;
}

int machine_container_start(const struct machine_start *start) {
    struct container_record *record;
    struct layout *layout = containers_take(sizeof(*layout));
    int status = layout != NULL ? record_make(start->container, &record) : GROVE_NO_MEMORY;
    if (status == GROVE_OK && record->phase != RECORD_IDLE)
        status = GROVE_WRONG_STATE;
    for (unsigned i = 0; i < 3; i++) {
        if (status == GROVE_OK && start->streams[i] != MACHINE_OBJECT_NONE)
            layout->streams[i] = objects_take(&containers.objects, start->streams[i]);
        else
            machine_object_close(start->streams[i]);
    }
    if (status == GROVE_OK) {
        layout->record = record;
        layout->start = start;
        adopt(record, start);
        lay_out(layout);
    }
    if (layout != NULL)
        containers_give_back(layout, sizeof(*layout));
    return status;
}
