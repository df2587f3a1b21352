/*
 * The core as a whole: its layout in memory, the roots of authority, and the work that is due.
 *
 * core_create touches only the head of each part of the memory it is given; the pools are touched as they are used.
 */
#include "kernel/core/state.h"

#include <string.h>

#define ALIGN 64u
#define SPEC_GRANULE_BYTES 256u
#define TEXT_GRANULE_BYTES 32u
#define TIMERS_DUE_STEP 32u
#define BOOT_DELAY_FIRST_NS UINT64_C(100000000)
#define BOOT_DELAY_LAST_NS UINT64_C(5000000000)
#define POOL_MIN 8u

/* ---- layout ---- */

static void use_default(uint32_t *limit, uint32_t value) {
    if (*limit == 0)
        *limit = value;
}

static uint32_t at_least(uint32_t value, uint32_t minimum) {
    return value < minimum ? minimum : value;
}

static struct core_limits complete(const struct core_limits *limits) {
    struct core_limits all = *limits;
    use_default(&all.containers, 16384);
    use_default(&all.endpoints, 32768);
    use_default(&all.channels, 32768);
    use_default(&all.regions, 16384);
    use_default(&all.projects, 1024);
    use_default(&all.capabilities, 524288);
    use_default(&all.text_bytes, 16u << 20);
    use_default(&all.spec_bytes, 64u << 20);
    use_default(&all.pending, 8192);
    use_default(&all.audit, 8192);
    all.projects = at_least(all.projects, POOL_MIN);
    all.containers = at_least(all.containers, POOL_MIN);
    return all;
}

/* Hands out consecutive aligned parts of one block; with base NULL it only adds up. */
struct layout {
    uint8_t *base;
    size_t used;
};

static void *take_part(struct layout *layout, size_t size_bytes) {
    void *part = layout->base != NULL ? layout->base + layout->used : NULL;
    layout->used += (size_bytes + ALIGN - 1) / ALIGN * ALIGN;
    return part;
}

static void lay_out_pool(struct layout *layout, struct pool *pool, size_t item_bytes, uint32_t capacity) {
    void *base = take_part(layout, pool_bytes(item_bytes, capacity));
    if (base != NULL)
        pool_init(pool, base, item_bytes, capacity);
}

static void lay_out_pools(struct layout *layout, struct core *core, const struct core_limits *limits) {
    lay_out_pool(layout, &core->containers, sizeof(struct container), limits->containers);
    lay_out_pool(layout, &core->endpoints, sizeof(struct endpoint), limits->endpoints);
    lay_out_pool(layout, &core->channels, sizeof(struct channel), limits->channels);
    lay_out_pool(layout, &core->regions, sizeof(struct region), limits->regions);
    lay_out_pool(layout, &core->projects, sizeof(struct project), limits->projects);
    lay_out_pool(layout, &core->capabilities, sizeof(struct capability), limits->capabilities);
    lay_out_pool(layout, &core->pending, sizeof(struct pending), limits->pending);
}

static void lay_out_heaps(struct layout *layout, struct core *core, const struct core_limits *limits) {
    void *texts = take_part(layout, limits->text_bytes);
    uint8_t *text_marks = take_part(layout, heap_mark_bytes(limits->text_bytes, TEXT_GRANULE_BYTES));
    uint32_t *buckets = take_part(layout, texts_bucket_count(limits->text_bytes) * sizeof(uint32_t));
    void *specs = take_part(layout, limits->spec_bytes);
    uint8_t *spec_marks = take_part(layout, heap_mark_bytes(limits->spec_bytes, SPEC_GRANULE_BYTES));
    if (layout->base == NULL)
        return;
    texts_init(&core->texts, texts, limits->text_bytes, text_marks, buckets, core->key);
    heap_init(&core->specs, specs, limits->spec_bytes, spec_marks, SPEC_GRANULE_BYTES);
}

static void lay_out_logs(struct layout *layout, struct core *core, const struct core_limits *limits, uint64_t audit) {
    struct grove_audit_record *records = take_part(layout, limits->audit * sizeof(*records));
    struct grove_trace_record *trace = take_part(layout, TRACE_RECORDS * sizeof(*trace));
    /* One place for each timer there is, position 0 unused: containers, waiting requests, boot and shut-down. */
    struct timer **heap = take_part(layout, ((size_t)limits->containers + limits->pending + 3) * sizeof(*heap));
    uint64_t *learned = take_part(layout, LEARNED_SLOTS * sizeof(*learned));
    uint64_t *spec_buffer = take_part(layout, GROVE_SPEC_BYTES_MAX);
    if (layout->base == NULL)
        return;
    audit_init(&core->audit, records, limits->audit, audit);
    core->trace = (struct trace_log){.records = trace, .next = 1};
    core->timers.heap = heap;
    core->learned = learned;
    core->spec_buffer = spec_buffer;
}

/* With `base` NULL the parts of `core` are not set: it only serves to add up. */
static size_t lay_out(struct core *core, void *base, const struct core_limits *given, uint64_t next_audit) {
    struct core_limits limits = complete(given);
    struct layout layout = {.base = base};
    take_part(&layout, sizeof(*core));
    lay_out_pools(&layout, core, &limits);
    lay_out_heaps(&layout, core, &limits);
    lay_out_logs(&layout, core, &limits, next_audit);
    return layout.used;
}

size_t core_bytes(const struct core_limits *limits) {
    struct core measured;
    return lay_out(&measured, NULL, limits, 0);
}

static int make_root_project(struct core *core) {
    static const struct grove_name name = {"system"};
    static const struct grove_budget no_limit;
    struct project *root = NULL;
    int status = project_create(core, &name, 0, &no_limit, &root);
    if (status == GROVE_OK)
        core->root_project = pool_index(root);
    return status;
}

int core_create(void *memory, const struct core_limits *limits, uint64_t boot_id, uint64_t next_audit,
                struct core **out) {
    struct core *core = memory;
    core->boot_id = boot_id;
    core->boot_ns = machine_clock_ns();
    machine_random(core->key, sizeof(core->key));
    lay_out(core, core, limits, next_audit);
    list_init(&core->work);
    list_init(&core->condemned);
    list_init(&core->checkers);
    core->rights_epoch = 1;
    core->table_max = at_least(core->capabilities.capacity / 8, 64);
    int status = make_root_project(core);
    if (status < 0)
        return status;
    audit_write(core, &(struct audit_event){.event = GROVE_AUDIT_BOOT});
    *out = core;
    return GROVE_OK;
}

/* ---- the roots of authority ---- */

/* A permission that comes from nowhere, into a container in which authority begins. */
static int give(struct core *core, struct container *container, const struct grove_capability *given) {
    struct grove_capability external = *given;
    external.rights |= GROVE_RIGHT_EXTERNAL;
    struct capability_new new = {.container = container, .capability = &external};
    struct capability *entry = NULL;
    return capability_is_valid(&external) ? capability_create(core, &new, &entry) : GROVE_INVALID;
}

static int give_everything(struct core *core, struct container *container) {
    int status = GROVE_OK;
    for (uint16_t kind = 1; status == GROVE_OK && kind < (uint16_t)GROVE_CAP_KIND_COUNT; kind++)
        status = give(core, container, &(struct grove_capability){.kind = kind, .rights = GROVE_RIGHTS_ALL});
    return status;
}

static void boot_init(struct core *core) {
    static const machine_object no_streams[3] = {MACHINE_OBJECT_NONE, MACHINE_OBJECT_NONE, MACHINE_OBJECT_NONE};
    struct container *init = pool_find(&core->containers, core->init);
    if (init == NULL || core->is_shutting_down || !container_is_open_to_restart(init))
        return;
    /* A start that fails comes back through core_instance_ended, like any other end of init. */
    container_start(core, init, init->generation == 0 ? GROVE_START_FRESH : GROVE_START_RESTARTED, no_streams);
}

static void restart_init(struct core *core) {
    uint64_t delay = core->boot_delay_ns;
    uint64_t next = delay == 0 ? BOOT_DELAY_FIRST_NS : delay * 2;
    core->boot_delay_ns = next < BOOT_DELAY_LAST_NS ? next : BOOT_DELAY_LAST_NS;
    timer_set(&core->timers, &core->boot_timer, TIMER_BOOT, machine_clock_ns() + delay);
}

int core_boot(struct core *core, const void *spec, size_t spec_bytes, machine_container *machine) {
    int status = grove_spec_check(spec, spec_bytes, NULL);
    if (status < 0 || core->init != 0)
        return status < 0 ? status : GROVE_EXISTS;
    struct container_new new = {.spec = spec, .project = core->root_project};
    struct container *init = NULL;
    status = container_create(core, &new, &init);
    if (status < 0)
        return status;
    core->init = pool_identity(init);
    *machine = pool_index(init);
    status = give_everything(core, init);
    if (status < 0)
        return status;
    boot_init(core);
    return GROVE_OK;
}

int core_client_create(struct core *core, const char *name, uint32_t user, uint32_t process,
                       const struct grove_capability *capabilities, uint32_t count, machine_container *machine) {
    struct container_new new = {.project = core->root_project};
    struct container *client = NULL;
    for (size_t i = 0; i < GROVE_NAME_MAX && name[i] != '\0'; i++)
        new.name.text[i] = name[i];
    if (!name_is_valid(&new.name) || core->is_shutting_down)
        return core->is_shutting_down ? GROVE_WRONG_STATE : GROVE_INVALID;
    int status = container_create(core, &new, &client);
    if (status < 0)
        return status;
    client->user = user;
    client->process = process;
    for (uint32_t i = 0; status == GROVE_OK && i < count; i++)
        status = give(core, client, &capabilities[i]);
    if (status == GROVE_OK)
        status = container_make_page(core, client);
    if (status < 0) {
        container_destroy(core, client);
        return status;
    }
    audit_life(core, client, GROVE_AUDIT_CREATE, 0, (int32_t)process);
    /* INIT goes out in the next turn: only then does the machine know which port belongs to this container. */
    work_queue(core, &client->work, WORK_CONTAINER);
    *machine = pool_index(client);
    return GROVE_OK;
}

/* ---- events that belong to no object ---- */

void core_port_writable(struct core *core, machine_container index) {
    struct container *container = core_container(core, index);
    if (container == NULL)
        return;
    container->is_blocked = false;
    port_pump(core, container);
}

void core_port_closed(struct core *core, machine_container index) {
    struct container *container = core_container(core, index);
    if (container != NULL && container->is_client)
        container_destroy(core, container);
}

int core_check(struct core *core, machine_container index, const struct grove_capability *wanted, uint16_t operation) {
    struct container *container = core_container(core, index);
    if (container == NULL || !capability_is_valid(wanted))
        return GROVE_DENIED;
    if (capability_find(core, container, wanted, GROVE_RIGHT_USE) != NULL)
        return GROVE_OK;
    container->refusals++;
    audit_write(core, &(struct audit_event){.event = GROVE_AUDIT_SYSCALL_REFUSED,
                                            .who = container,
                                            .object = container->name,
                                            .operation = operation,
                                            .detail = GROVE_DENIED,
                                            .generation = container->generation,
                                            .capability = wanted});
    return GROVE_DENIED;
}

/* True the first time. When the table is full it is forgotten, so a need may be told again, never too seldom. */
static bool remember(struct core *core, uint64_t hash) {
    uint64_t wanted = hash | 1; /* 0 is a free slot */
    for (uint32_t i = 0; i < LEARNED_SLOTS / 8; i++) {
        uint64_t *slot = &core->learned[(hash + i) % LEARNED_SLOTS];
        if (*slot == wanted)
            return false;
        if (*slot == 0) {
            *slot = wanted;
            return true;
        }
    }
    memset(core->learned, 0, LEARNED_SLOTS * sizeof(*core->learned));
    core->learned[hash % LEARNED_SLOTS] = wanted;
    return true;
}

void core_learned(struct core *core, machine_container index, const struct grove_capability *used) {
    struct container *container = core_container(core, index);
    struct container *owner = container != NULL ? pool_find(&core->containers, container->owner) : NULL;
    if (owner == NULL || !capability_is_valid(used) || !port_has_share(owner))
        return;
    struct packet packet;
    packet_init(&packet, GROVE_NOTICE_LEARNED);
    struct grove_notice_learned *notice = &packet.message.body.learned;
    notice->container = pool_identity(container);
    notice->capability = *used;
    /* Only what counts of an argument takes part in the hash. */
    memset(notice->capability.argument.value.text, 0, sizeof(notice->capability.argument.value.text));
    size_t bytes = used->argument.kind == GROVE_ARGUMENT_ADDRESS    ? sizeof(used->argument.value.address)
                   : used->argument.kind == GROVE_ARGUMENT_QUANTITY ? sizeof(used->argument.value.quantity)
                                                                    : used->argument.length_bytes;
    memcpy(notice->capability.argument.value.text, used->argument.value.text, bytes);
    if (remember(core, text_hash(core->key, notice, sizeof(*notice))))
        port_notice(core, owner, &packet);
}

/* ---- work ---- */

static void kill_all(struct core *core) {
    for (uint32_t index = 1; index < core->containers.touched; index++) {
        struct container *container = core_container(core, index);
        if (container != NULL)
            container_kill(core, container, GROVE_EXIT_KILLED);
    }
}

static void timer_fires(struct core *core, struct timer *timer) {
    switch (timer->kind) {
    case TIMER_STOP:
        container_kill(core, list_item(timer, struct container, stop_timer), GROVE_EXIT_KILLED);
        break;
    case TIMER_WAIT:
        pending_reply(core, list_item(timer, struct pending, timer), GROVE_TIMED_OUT, NULL);
        break;
    case TIMER_BOOT:
        boot_init(core);
        break;
    default:
        kill_all(core);
        break;
    }
}

static void fire_due(struct core *core) {
    uint64_t now = machine_clock_ns();
    for (uint32_t i = 0; i < TIMERS_DUE_STEP; i++) {
        struct timer *timer = timers_take_due(&core->timers, now);
        if (timer == NULL)
            return;
        timer_fires(core, timer);
    }
}

bool core_work(struct core *core) {
    fire_due(core);
    work_step(core);
    return !list_is_empty(&core->work) || timers_earliest_ns(&core->timers) <= machine_clock_ns();
}

uint64_t core_next_deadline(const struct core *core) {
    return list_is_empty(&core->work) ? timers_earliest_ns(&core->timers) : 0;
}

/* ---- the end ---- */

void core_shut_down(struct core *core, uint64_t deadline_ns) {
    if (core->is_shutting_down)
        return;
    core->is_shutting_down = true;
    timer_cancel(&core->timers, &core->boot_timer);
    timer_set(&core->timers, &core->shut_down_timer, TIMER_SHUT_DOWN, deadline_ns);
    struct container *init = pool_find(&core->containers, core->init);
    if (init != NULL && init->has_instance)
        container_stop(core, init, deadline_ns);
    else
        kill_all(core);
}

/* When init has ended, nobody is left to stop the others. */
void core_instance_ended(struct core *core, const struct container *container) {
    if (pool_identity(container) != core->init)
        return;
    if (core->is_shutting_down)
        kill_all(core);
    else
        restart_init(core);
}

bool core_is_down(const struct core *core) {
    return core->is_shutting_down && core->instances == 0;
}

/* ---- KERNEL_READ ---- */

static struct grove_pool_account account(const struct pool *pool) {
    return (struct grove_pool_account){.used = pool->used, .capacity = pool->capacity - 1};
}

int kernel_read_invoke(struct request *request) {
    const struct core *core = request->core;
    struct grove_kernel_record *record = &request->reply.message.body.kernel;
    machine_describe(record);
    record->version = (struct grove_version){.minor = 1};
    record->boot_ns = core->boot_ns;
    record->boot_id = core->boot_id;
    record->audit_sequence = core->audit.next;
    record->containers = account(&core->containers);
    record->endpoints = account(&core->endpoints);
    record->channels = account(&core->channels);
    record->regions = account(&core->regions);
    record->projects = account(&core->projects);
    record->capabilities = account(&core->capabilities);
    record->pending = account(&core->pending);
    record->text.used = core->texts.heap.used * core->texts.heap.granule_bytes;
    record->text.capacity = core->texts.heap.granules * core->texts.heap.granule_bytes;
    return GROVE_OK;
}
