/*
 * The run loop and the life cycle.
 *
 * One turn: notices of the kernel, timers, descriptors, then messages of the highest lane that has any, over all
 * clients. A turn handles a bounded number of messages, and looks at the kernel page after each, so that a flood of
 * messages delays a STOP by one handler and no more.
 *
 * The life cycle is answered here, so that authors write none of it:
 *
 *     state     | CHANNEL_NEW | QUIESCE           | RESUME            | STOP              | PING
 *     new       | attach      | -                 | -                 | on_stop, stopped  | pong
 *     running   | attach      | on_quiesce, quiet | -                 | on_stop, stopped  | pong
 *     quiesced  | attach      | say so again      | on_resume, running| on_stop, stopped  | pong
 *
 * Quiesced means: the handler under way has returned, and no new message is taken; timers and descriptors go on.
 */
#include "lib/service/service.h"

#include <stdio.h>

#define MESSAGES_A_TURN 64
#define TIMERS_A_TURN 64

static void report(struct grove_service *service, enum grove_report what, uint64_t value) {
    struct grove_message message = {
        .operation = GROVE_REQUEST_STATE_REPORT,
        .body.report = {.report = what, .value = value},
    };
    session_post(service->session, &message, true);
}

/* ---- life cycle ---- */

static void on_quiesce(struct grove_service *service, struct packet *packet) {
    (void)packet;
    int status = 0;
    if (service->state == SERVICE_RUNNING && service->options.on_quiesce != NULL)
        status = service->options.on_quiesce(service, service->options.context);
    if (status < 0) {
        fprintf(stderr, "grove: this service would not be quiesced: %s\n", grove_status_text(status));
        return; /* whoever asked finds out by its deadline */
    }
    if (service->state == SERVICE_RUNNING)
        service->state = SERVICE_QUIESCED;
    if (service->state == SERVICE_QUIESCED)
        report(service, GROVE_REPORT_QUIESCED, 0);
}

static void on_resume(struct grove_service *service, struct packet *packet) {
    (void)packet;
    if (service->state != SERVICE_QUIESCED)
        return;
    if (service->options.on_resume != NULL)
        service->options.on_resume(service, service->options.context);
    service->state = SERVICE_RUNNING;
    for (struct attachment *at = service->session->attachments; at != NULL; at = at->next)
        attachment_activate(at);
    report(service, GROVE_REPORT_READY, 0);
}

static void on_stop(struct grove_service *service, struct packet *packet) {
    (void)packet;
    if (service->state == SERVICE_STOPPED)
        return;
    report(service, GROVE_REPORT_STOPPING, 0);
    grove_service_stop(service);
}

static void on_ping(struct grove_service *service, struct packet *packet) {
    report(service, GROVE_REPORT_PONG, packet->message.body.request.value);
}

static void on_channel_new(struct grove_service *service, struct packet *packet) {
    client_channel_open(service, packet); /* a failure costs this client only, and has been said */
}

static const struct {
    uint16_t operation;
    void (*handle)(struct grove_service *service, struct packet *packet);
} life_cycle[] = {
    {GROVE_NOTICE_CHANNEL_NEW, on_channel_new},
    {GROVE_NOTICE_QUIESCE, on_quiesce},
    {GROVE_NOTICE_RESUME, on_resume},
    {GROVE_NOTICE_STOP, on_stop},
    {GROVE_NOTICE_PING, on_ping},
};

bool service_life_cycle(void *context, struct packet *packet) {
    for (size_t i = 0; i < sizeof life_cycle / sizeof life_cycle[0]; i++) {
        if (life_cycle[i].operation != packet->message.operation)
            continue;
        life_cycle[i].handle(context, packet);
        packet_close_objects(packet);
        return true;
    }
    return false;
}

int grove_service_ready(struct grove_service *service) {
    if (service->is_ready)
        return 0;
    service->is_ready = true;
    report(service, GROVE_REPORT_READY, 0);
    return 0;
}

void grove_service_stop(struct grove_service *service) {
    if (service->state == SERVICE_STOPPED)
        return;
    service->state = SERVICE_STOPPED;
    if (service->options.on_stop != NULL)
        service->options.on_stop(service, service->options.context);
}

static int begin(struct grove_service *service) {
    if (service->state != SERVICE_NEW)
        return 0;
    int status = 0;
    if (service->options.on_init != NULL)
        status = service->options.on_init(service, (enum grove_start_reason)service->session->identity.reason,
                                          service->options.context);
    if (status < 0)
        return status;
    if (service->state == SERVICE_NEW)
        service->state = SERVICE_RUNNING;
    return service->options.not_ready_yet ? 0 : grove_service_ready(service);
}

/* ---- one turn ---- */

static int run_timers(struct grove_service *service) {
    int count = 0;
    uint64_t now_ns = service->timers.count > 0 ? grove_now_ns() : 0;
    struct timer due;
    while (count < TIMERS_A_TURN && service->state != SERVICE_STOPPED &&
           timer_take_due(&service->timers, now_ns, &due)) {
        session_settle(service->session);
        due.handler(service, due.context);
        count++;
    }
    return count;
}

/* All that waited is handled, or so much of it that others have waited long enough. */
static int run_rest(struct grove_service *service, int messages) {
    service->messages_since_rest += (unsigned)messages;
    bool is_due = messages == 0 || service->messages_since_rest >= MESSAGES_A_TURN;
    if (service->on_rest == NULL || !is_due || service->state == SERVICE_STOPPED)
        return 0;
    service->messages_since_rest = 0;
    session_settle(service->session);
    return service->on_rest(service, service->on_rest_context) ? 1 : 0;
}

static int run_messages(struct grove_service *service) {
    int limit = service->timers.count > 0 || service->session->watch_count > 0 ? 1 : MESSAGES_A_TURN, count = 0;
    while (count < limit && service->state != SERVICE_STOPPED && !session_has_news(service->session) &&
           session_work(service->session) > 0)
        count++;
    return count;
}

/* Returns how much was done, 0 for nothing, or a negative status. */
static int turn(struct grove_service *service) {
    struct grove_session *session = service->session;
    int status = session->is_closed ? GROVE_CLOSED : session_has_news(session) ? session_read(session) : 0;
    if (status < 0)
        return status;
    int count = session_handle_queue(session);
    session_expire(session);
    count += run_timers(service);
    count += watch_run(service);
    int messages = run_messages(service);
    return count + messages + run_rest(service, messages);
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns) {
    return a_ns < b_ns ? a_ns : b_ns;
}

/* Turns until something was done or the deadline passed. */
static int turns_until(struct grove_service *service, uint64_t deadline_ns) {
    int count = turn(service);
    while (count == 0 && service->state != SERVICE_STOPPED) {
        if (session_spin(service->session))
            return 1;
        uint64_t timer_ns = timer_next_ns(&service->timers);
        int status = session_wait(service->session, earlier(deadline_ns, timer_ns));
        if (status < 0 && status != GROVE_TIMED_OUT)
            return status;
        count = turn(service);
        if (count == 0 && status == GROVE_TIMED_OUT && deadline_ns <= timer_ns)
            return GROVE_TIMED_OUT;
    }
    return count;
}

int grove_service_run(struct grove_service *service) {
    int status = begin(service);
    while (status >= 0 && service->state != SERVICE_STOPPED)
        status = turns_until(service, GROVE_FOREVER);
    session_settle(service->session);
    return status < 0 && service->state != SERVICE_STOPPED ? status : 0;
}

int grove_service_descriptor(struct grove_service *service) {
    return session_embed(service->session);
}

int grove_service_dispatch(struct grove_service *service, uint64_t timeout_ns) {
    int status = begin(service);
    if (status >= 0 && service->state != SERVICE_STOPPED)
        status = turns_until(service, timeout_ns == 0 ? 0 : deadline_after(timeout_ns));
    session_settle(service->session);
    if (service->state == SERVICE_STOPPED)
        return error_set(GROVE_CLOSED, "this service has stopped");
    if (status < 0 && status != GROVE_TIMED_OUT)
        return status;
    bool has_more = status > 0;
    if (service->session->is_embedded) {
        int armed = session_arm(service->session, earlier(timer_next_ns(&service->timers), service->session->expiry_ns),
                                has_more);
        if (armed < 0)
            return armed;
    }
    return status == GROVE_TIMED_OUT ? error_set(GROVE_TIMED_OUT, "nothing happened in time") : 0;
}
