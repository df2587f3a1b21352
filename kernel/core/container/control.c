/*
 * CONTAINER_CONTROL: one small function per action.
 *
 * PING and QUIESCE are answered when the instance has answered, or with GROVE_TIMED_OUT at the deadline; all others are
 * answered at once, and the owner hears of the new state when it is there.
 */
#include "kernel/core/state.h"

#define WAIT_DEFAULT_NS UINT64_C(5000000000)
#define SIGNAL_LAST 64u

static int control_stop(struct request *request) {
    return container_stop(request->core, request->container, request->message->body.control.deadline_ns);
}

static int control_kill(struct request *request) {
    if (!request->container->has_instance)
        return GROVE_WRONG_STATE;
    container_kill(request->core, request->container, GROVE_EXIT_KILLED);
    return GROVE_OK;
}

static int control_freeze(struct request *request) {
    int status = life_check(request->container, LIFE_FROZEN);
    return status < 0 ? status : machine_container_freeze(pool_index(request->container));
}

static int control_thaw(struct request *request) {
    int status = life_check(request->container, LIFE_THAW);
    if (status == GROVE_OK)
        status = machine_container_thaw(pool_index(request->container));
    if (status == GROVE_OK)
        life_happens(request->core, request->container, LIFE_THAW);
    return status;
}

/* Send the notice and wait for the report. */
static int ask(struct request *request, enum pending_kind kind, enum grove_notice notice) {
    struct core *core = request->core;
    struct container *container = request->container;
    const struct grove_container_control *body = &request->message->body.control;
    if (!container->has_port || container->is_client)
        return GROVE_WRONG_STATE;
    if (!port_has_share(container))
        return GROVE_EXHAUSTED;
    struct pending *pending = NULL;
    int status = pending_create(request, kind, &pending);
    if (status < 0)
        return status;
    uint64_t deadline = body->deadline_ns != 0 ? body->deadline_ns : machine_clock_ns() + WAIT_DEFAULT_NS;
    machine_random(&pending->value, sizeof(pending->value));
    pending->handle = body->container;
    list_append(&container->waiters, &pending->link);
    timer_set(&core->timers, &pending->timer, TIMER_WAIT, deadline);
    struct packet packet;
    packet_init(&packet, notice);
    packet.message.body.request.deadline_ns = deadline;
    packet.message.body.request.value = pending->value;
    port_notice(core, container, &packet);
    return REQUEST_LATER;
}

static int control_ping(struct request *request) {
    return ask(request, PENDING_PING, GROVE_NOTICE_PING);
}

static int control_quiesce(struct request *request) {
    int status = life_check(request->container, LIFE_QUIESCED);
    return status < 0 ? status : ask(request, PENDING_QUIESCE, GROVE_NOTICE_QUIESCE);
}

static int control_resume(struct request *request) {
    struct container *container = request->container;
    int status = life_check(container, LIFE_RESUME);
    if (status == GROVE_OK && !port_has_share(container))
        status = GROVE_EXHAUSTED;
    if (status < 0)
        return status;
    struct packet packet;
    packet_init(&packet, GROVE_NOTICE_RESUME);
    port_notice(request->core, container, &packet);
    life_happens(request->core, container, LIFE_RESUME);
    return GROVE_OK;
}

/* The reply is filled in first: after this the container is as good as gone. */
static int control_destroy(struct request *request) {
    container_destroy(request->core, request->container);
    return GROVE_OK;
}

static int control_mark_ready(struct request *request) {
    if (life_check(request->container, LIFE_READY) < 0)
        return GROVE_WRONG_STATE;
    core_container_ready(request->core, pool_index(request->container));
    return GROVE_OK;
}

static int control_signal(struct request *request) {
    uint32_t signal = request->message->body.control.detail;
    if (signal == 0 || signal > SIGNAL_LAST)
        return GROVE_INVALID;
    if (!request->container->is_running)
        return GROVE_WRONG_STATE;
    return machine_container_signal(pool_index(request->container), signal);
}

static int control_checkpoint(struct request *request) {
    (void)request;
    return GROVE_UNSUPPORTED;
}

static int (*const actions[])(struct request *) = {
    [GROVE_ACTION_STOP] = control_stop,
    [GROVE_ACTION_KILL] = control_kill,
    [GROVE_ACTION_FREEZE] = control_freeze,
    [GROVE_ACTION_THAW] = control_thaw,
    [GROVE_ACTION_PING] = control_ping,
    [GROVE_ACTION_QUIESCE] = control_quiesce,
    [GROVE_ACTION_RESUME] = control_resume,
    [GROVE_ACTION_DESTROY] = control_destroy,
    [GROVE_ACTION_MARK_READY] = control_mark_ready,
    [GROVE_ACTION_SIGNAL] = control_signal,
    [GROVE_ACTION_CHECKPOINT] = control_checkpoint,
};

int container_control_check(struct request *request) {
    const struct grove_container_control *body = &request->message->body.control;
    if (body->action >= sizeof(actions) / sizeof(actions[0]) || actions[body->action] == NULL)
        return GROVE_INVALID;
    int status = request_find_container(request, body->container, &body->name);
    if (status < 0)
        return status;
    if (request->container->is_client && body->action != GROVE_ACTION_DESTROY)
        return GROVE_UNSUPPORTED;
    /* Init belongs to the kernel: it is stopped by shutting down, and comes back after everything else. */
    bool is_init = pool_identity(request->container) == request->core->init;
    return is_init && body->action == GROVE_ACTION_DESTROY ? GROVE_DENIED : GROVE_OK;
}

int container_control_invoke(struct request *request) {
    const struct grove_container_control *body = &request->message->body.control;
    struct container *container = request->container;
    text_id name = text_ref(&request->core->texts, container->name);
    int status = actions[body->action](request);
    if (status >= 0) {
        audit_request(request, GROVE_AUDIT_CONTROL, name, (int32_t)body->action, NULL);
        container_fill_reply(container, body->container, &request->reply.message.body.container);
    }
    text_unref(&request->core->texts, name);
    return status;
}
