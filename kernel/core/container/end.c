/* The end of instances and of containers, in bounded steps. */
#include "kernel/core/state.h"

/* ---- the end of an instance ---- */

static enum grove_exit_cause cause_of(const struct container *container, enum grove_exit_cause reported) {
    if (container->kill_cause != GROVE_EXIT_NONE)
        return container->kill_cause;
    bool ended_itself = reported == GROVE_EXIT_CODE || reported == GROVE_EXIT_SIGNAL;
    return container->state == GROVE_CONTAINER_STOPPING && ended_itself ? GROVE_EXIT_STOPPED : reported;
}

void core_container_exited(struct core *core, machine_container index, enum grove_exit_cause cause, int32_t detail) {
    struct container *container = core_container(core, index);
    if (container == NULL || !container->has_instance)
        return;
    bool has_failed = cause == GROVE_EXIT_START_FAILED || !container->is_running;
    container->exit_cause = cause_of(container, cause);
    if (container->kill_cause != GROVE_EXIT_START_FAILED)
        container->exit_detail = detail; /* else the kill already said why */
    container->has_instance = false;
    core->instances--;
    container->is_running = false;
    container->has_port = false;
    container->is_ending = true;
    timer_cancel(&core->timers, &container->stop_timer);
    port_drop_queue(core, container);
    trace_wish(core, container, false);
    audit_life(core, container, GROVE_AUDIT_EXIT, container->exit_cause, detail);
    if (has_failed)
        pending_reply_all(core, container, PENDING_START, 0, detail < 0 ? detail : GROVE_CANCELLED);
    pending_reply_all(core, container, PENDING_PACKET, 0, GROVE_CLOSED);
    /* Most have few channels: end them at once, so that the owner hears of it in this turn. */
    if (container_work(core, &container->work))
        work_queue(core, &container->work, WORK_CONTAINER);
}

/* Mark the channels of the dead instance closed. Returns true when all are. */
static bool end_channels(struct container *container, uint32_t *left) {
    while (*left > 0 && !list_is_empty(&container->client_sides)) {
        struct channel_side *side = list_item(container->client_sides.next, struct channel_side, link);
        list_remove(&side->link);
        list_append(&container->ended_sides, &side->link);
        channel_instance_ended(side);
        --*left;
    }
    while (*left > 0 && !list_is_empty(&container->server_sides)) {
        struct channel_side *side = list_item(container->server_sides.next, struct channel_side, link);
        list_remove(&side->link);
        list_append(&container->unprepared, &side->link);
        channel_instance_ended(side);
        --*left;
    }
    if (!list_is_empty(&container->client_sides) || !list_is_empty(&container->server_sides))
        return false;
    list_append_all(&container->client_sides, &container->ended_sides);
    return true;
}

static void instance_ended(struct core *core, struct container *container) {
    container->is_ending = false;
    life_happens(core, container, LIFE_EXIT);
    core_instance_ended(core, container);
}

/* ---- the beginning of the next one ---- */

/* Segments for the channels it takes over. Without them it could lose what was sent, so the start fails. */
static bool prepare(struct core *core, struct container *container) {
    for (uint32_t i = 0; i < PREPARE_STEP && !list_is_empty(&container->unprepared); i++) {
        struct channel_side *side = list_item(container->unprepared.next, struct channel_side, link);
        int status = channel_prepare_side(core, channel_of_side(side), side);
        if (status < 0) {
            container->exit_detail = status;
            container_kill(core, container, GROVE_EXIT_START_FAILED);
            return false;
        }
    }
    if (!list_is_empty(&container->unprepared))
        return true;
    container_prepared(core, container);
    return false;
}

/* ---- the end of a container ---- */

void container_destroy(struct core *core, struct container *container) {
    if (container->is_dying)
        return;
    audit_life(core, container, GROVE_AUDIT_DESTROY, 0, 0);
    container->is_dying = true;
    budget_promise(core, container->project, &container->budget, &budget_none);
    trace_wish(core, container, false);
    container->has_port = container->is_client ? false : container->has_port;
    capability_drop(core, &container->owner_handle);
    list_remove(&container->state_news.link);
    text_unbind(&core->texts, container->name, TEXT_CONTAINER, pool_index(container));
    if (container->has_instance)
        container_kill(core, container, GROVE_EXIT_KILLED);
    work_queue(core, &container->work, WORK_CONTAINER);
}

static bool table_is_gone(struct core *core, struct container *container, uint32_t *left) {
    for (; *left > 0 && !list_is_empty(&container->table); --*left)
        capability_remove_leaf(core, list_item(container->table.next, struct capability, table));
    return list_is_empty(&container->table);
}

static bool sides_are_gone(struct core *core, struct list *sides, uint32_t *left) {
    for (; *left > 0 && !list_is_empty(sides); --*left) {
        struct channel_side *side = list_item(sides->next, struct channel_side, link);
        channel_close_side(core, channel_of_side(side), side, GROVE_CLOSED);
    }
    return list_is_empty(sides);
}

static bool endpoints_are_gone(struct core *core, struct container *container, uint32_t *left) {
    for (; *left > 0 && !list_is_empty(&container->endpoints); --*left)
        endpoint_destroy(core, list_item(container->endpoints.next, struct endpoint, container_link));
    return list_is_empty(&container->endpoints);
}

static bool regions_are_gone(struct core *core, struct container *container, uint32_t *left) {
    for (; *left > 0 && !list_is_empty(&container->regions); --*left)
        region_destroy(core, list_item(container->regions.next, struct region, link));
    return list_is_empty(&container->regions);
}

static bool news_is_gone(struct container *container, uint32_t *left) {
    for (; *left > 0 && !list_is_empty(&container->attention); --*left)
        list_remove(container->attention.next);
    return list_is_empty(&container->attention);
}

static void free_container(struct core *core, struct container *container) {
    pending_reply_all(core, container, PENDING_PACKET, 0, GROVE_CLOSED);
    port_drop_queue(core, container);
    list_remove(&container->work.link);
    list_remove(&container->port_work.link);
    list_remove(&container->state_news.link);
    machine_container_destroy(pool_index(container));
    container_stops_checking(core, container);
    if (container->page != NULL)
        machine_kernel_page_destroy(container->page_memory, container->page);
    project_member_left(core, container->project);
    container_give_back(core, container);
}

/* One step; returns true while there is more to do now. It waits for the machine to report the end of the instance. */
static bool take_apart(struct core *core, struct container *container) {
    uint32_t left = WORK_STEP;
    if (table_is_gone(core, container, &left) && endpoints_are_gone(core, container, &left) &&
        sides_are_gone(core, &container->client_sides, &left) &&
        sides_are_gone(core, &container->server_sides, &left) && sides_are_gone(core, &container->unprepared, &left) &&
        regions_are_gone(core, container, &left) && news_is_gone(container, &left)) {
        free_container(core, container);
        return false;
    }
    return true;
}

bool container_work(struct core *core, struct work *work) {
    struct container *container = list_item(work, struct container, work);
    if (container->is_ending) {
        uint32_t left = WORK_STEP;
        if (!end_channels(container, &left))
            return true;
        instance_ended(core, container);
    }
    if (container->is_dying && !container->has_instance)
        return take_apart(core, container);
    if (container->has_instance && !container->is_prepared && !container->is_dying)
        return prepare(core, container);
    if (container->is_client && !container->has_port && !container->is_dying)
        container_say_init(core, container);
    return false;
}

/* ---- files ---- */

/* An optional path is shown too if it exists, so losing it narrows the view as well. */
bool container_lacks(const struct core *core, const struct container *container, struct grove_capability *missing) {
    const struct grove_spec *spec = container->spec;
    for (uint32_t i = 0; spec != NULL && i < spec->capabilities.count; i++) {
        uint16_t flags = 0;
        grove_spec_capability(spec, i, missing, &flags);
        bool is_shown = capability_is_of_files(missing->kind) && (flags & GROVE_SPEC_CAPABILITY_HELD) == 0;
        if (is_shown && capability_find(core, container, missing, missing->rights) == NULL)
            return true;
    }
    return false;
}

void container_view_narrowed(struct core *core, struct container *container) {
    struct grove_capability missing;
    if (!container->has_instance || container->is_dying || !container_lacks(core, container, &missing))
        return;
    audit_write(core, &(struct audit_event){.event = GROVE_AUDIT_CONTROL,
                                            .object = container->name,
                                            .detail = GROVE_DENIED,
                                            .generation = container->generation,
                                            .cause = GROVE_EXIT_KILLED,
                                            .capability = &missing});
    container_kill(core, container, GROVE_EXIT_KILLED);
}
