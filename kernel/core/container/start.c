/* Instances: starting one, saying INIT to it, asking it to stop, killing it. */
#include "kernel/core/state.h"

#include <string.h>

#define STOP_TIMEOUT_DEFAULT_NS UINT64_C(5000000000)
#define SIGNAL_TERMINATE 15u

/* ---- start ---- */

int container_make_page(struct core *core, struct container *container) {
    if (container->page != NULL)
        return GROVE_OK;
    int status = machine_kernel_page_create(&container->page_memory, &container->page);
    if (status < 0)
        return status;
    container->page->magic = GROVE_KERNEL_PAGE_MAGIC;
    container->page->version = GROVE_PORT_VERSION;
    container->page->container = pool_identity(container);
    container->page->boot_id = core->boot_id;
    container->page->tracing = core->trace.is_on;
    return GROVE_OK;
}

bool container_is_open_to_restart(const struct container *container) {
    return !container->has_instance && !container->is_ending && !container->is_dying;
}

static void begin_instance(struct core *core, struct container *container, enum grove_start_reason reason) {
    container->generation++;
    container->start_reason = reason;
    container->has_instance = true;
    core->instances++;
    container->is_running = false;
    container->kill_cause = GROVE_EXIT_NONE;
    container->layer = GROVE_LAYER_NONE;
    container->started_ns = machine_clock_ns();
    container->ready_ns = 0;
    if (container->page != NULL)
        container->page->generation = container->generation;
    life_happens(core, container, LIFE_START);
    container->is_prepared = !container->is_native;
    if (container->is_native)
        work_queue(core, &container->work, WORK_CONTAINER);
}

int container_start(struct core *core, struct container *container, enum grove_start_reason reason,
                    const machine_object streams[3]) {
    int status = container->is_native ? container_make_page(core, container) : GROVE_OK;
    if (status < 0) {
        for (uint32_t i = 0; i < 3; i++)
            machine_object_close(streams[i]);
        return status;
    }
    begin_instance(core, container, reason);
    struct machine_start start = {.container = pool_index(container),
                                  .project = container->project,
                                  .id = pool_identity(container),
                                  .generation = container->generation,
                                  .spec = container->spec,
                                  .streams = {streams[0], streams[1], streams[2]},
                                  .schedule = container->schedule};
    budget_effective(core, container, &start.budget);
    const struct container *owner = pool_find(&core->containers, container->owner);
    if (owner != NULL) {
        start.caller_user = owner->user;
        start.caller_group = owner->user;
    }
    status = machine_container_start(&start);
    if (status < 0) {
        core_container_started(core, pool_index(container), status, GROVE_LAYER_NONE, 0);
        return status;
    }
    audit_life(core, container, GROVE_AUDIT_START, reason, 0);
    return GROVE_OK;
}

/* ---- INIT ---- */

static uint32_t count_resumed(const struct container *container) {
    uint32_t count = 0;
    for (struct list *link = container->server_sides.next; link != &container->server_sides; link = link->next)
        count += list_item(link, struct channel_side, link)->epoch > 1;
    return count;
}

void container_say_init(struct core *core, struct container *container) {
    struct packet packet;
    packet_init(&packet, GROVE_NOTICE_INIT);
    struct grove_notice_init *init = &packet.message.body.init;
    init->reason = container->start_reason;
    init->ring = container->ring;
    init->id = pool_identity(container);
    container_name(core, container, &init->name);
    text_to_name(&core->texts, container->project_name, &init->project);
    init->generation = container->generation;
    init->exit_cause = container->exit_cause;
    init->exit_detail = container->exit_detail;
    init->channels = count_resumed(container);
    machine_random(init->random, sizeof(init->random));
    container->has_port = port_send_page(container, &packet) == GROVE_OK;
    if (!container->has_port)
        return;
    region_announce(core, container);
    port_pump(core, container);
}

/* ---- stop and kill ---- */

void container_kill(struct core *core, struct container *container, enum grove_exit_cause cause) {
    if (!container->has_instance)
        return;
    if (container->kill_cause == GROVE_EXIT_NONE)
        container->kill_cause = (uint8_t)cause;
    timer_cancel(&core->timers, &container->stop_timer);
    machine_container_kill(pool_index(container));
    if (container->state == GROVE_CONTAINER_FROZEN)
        machine_container_thaw(pool_index(container));
}

static void ask_to_stop(struct core *core, struct container *container, uint64_t deadline_ns) {
    if (!container->is_native || !container->has_port) {
        machine_container_signal(pool_index(container), SIGNAL_TERMINATE);
        return;
    }
    struct packet packet;
    packet_init(&packet, GROVE_NOTICE_STOP);
    packet.message.body.request.deadline_ns = deadline_ns;
    port_post(core, container, &packet);
}

int container_stop(struct core *core, struct container *container, uint64_t deadline_ns) {
    int status = life_check(container, LIFE_STOP);
    if (status < 0)
        return status;
    uint64_t own = container->spec->stop_timeout_ns != 0 ? container->spec->stop_timeout_ns : STOP_TIMEOUT_DEFAULT_NS;
    if (deadline_ns == 0)
        deadline_ns = machine_clock_ns() + own;
    bool was_frozen = container->state == GROVE_CONTAINER_FROZEN;
    life_happens(core, container, LIFE_STOP);
    timer_set(&core->timers, &container->stop_timer, TIMER_STOP, deadline_ns);
    if (was_frozen)
        machine_container_thaw(pool_index(container));
    if (container->is_running && (!container->is_native || container->has_port))
        ask_to_stop(core, container, deadline_ns);
    return GROVE_OK;
}

/*
 * INIT as soon as it is prepared, so that it lies in the port when the program begins; what a machine cannot take that
 * early is sent when it runs. A stop that was asked for before it could hear of it follows then.
 */
static void greet(struct core *core, struct container *container) {
    if (container->is_native && container->is_prepared && !container->has_port)
        container_say_init(core, container);
    if (container->is_running && container->state == GROVE_CONTAINER_STOPPING &&
        (!container->is_native || container->has_port))
        ask_to_stop(core, container, container->stop_timer.deadline_ns);
}

/* ---- what the machine reports ---- */

static void started(struct core *core, struct container *container) {
    container->is_running = true;
    life_happens(core, container, LIFE_STARTED);
    pending_reply_all(core, container, PENDING_START, 0, GROVE_OK);
    greet(core, container);
}

static void failed(struct core *core, struct container *container, int status, enum grove_layer layer, int32_t detail) {
    container->layer = layer;
    container->exit_detail = status;
    container->fail_detail = detail;
    audit_life(core, container, GROVE_AUDIT_START_FAILED, layer, status);
    core_container_exited(core, pool_index(container), GROVE_EXIT_START_FAILED, status);
}

void core_container_started(struct core *core, machine_container index, int status, enum grove_layer layer,
                            int32_t detail) {
    struct container *container = core_container(core, index);
    if (container == NULL || !container->has_instance || container->is_running)
        return;
    if (status < 0)
        failed(core, container, status, layer, detail);
    else
        started(core, container);
}

void core_container_ready(struct core *core, machine_container index) {
    struct container *container = core_container(core, index);
    if (container == NULL || !container->is_running || life_check(container, LIFE_READY) < 0 ||
        container->ready_ns != 0)
        return;
    container->ready_ns = machine_clock_ns();
    if (pool_identity(container) == core->init)
        core->boot_delay_ns = 0;
    life_happens(core, container, LIFE_READY);
    audit_life(core, container, GROVE_AUDIT_READY, 0, 0);
}

void core_container_frozen(struct core *core, machine_container index) {
    struct container *container = core_container(core, index);
    if (container != NULL && container->has_instance)
        life_happens(core, container, LIFE_FROZEN);
}

void container_prepared(struct core *core, struct container *container) {
    container->is_prepared = true;
    greet(core, container);
}
