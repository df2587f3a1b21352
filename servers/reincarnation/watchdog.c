/*
 * Is health itself alive? It cannot ask itself, so it is asked from here, by a heartbeat now and then; and it asks this
 * service in turn. One that does not answer twice is ended, and init starts the next.
 */
#include "servers/reincarnation/reincarnation.h"

#include <string.h>

/* On the grid of a whole half minute, at which health tries the system services as well: one wake-up for all. */
#define PERIOD_NS (30 * GROVE_SECOND)
#define PATIENCE_NS (5 * GROVE_SECOND)
#define FAILURES 2u

static unsigned failures;

static void set_timer(struct reincarnation *reincarnation);

static void on_pong(int status, const struct grove_message *reply, void *context) {
    struct reincarnation *reincarnation = context;
    (void)reply;
    failures = status == GROVE_TIMED_OUT || status == GROVE_EXHAUSTED ? failures + 1 : 0;
    if (failures >= FAILURES) {
        failures = 0;
        (void)illness_end_system(reincarnation, GROVE_HEALTH_ENDPOINT, 0, "hung: no heartbeat");
    }
}

static void ask(struct grove_service *service, void *context) {
    struct reincarnation *reincarnation = context;
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_CONTROL};
    struct grove_container_control *control = &message.body.control;
    (void)service;
    memcpy(control->name.text, GROVE_HEALTH_ENDPOINT, sizeof GROVE_HEALTH_ENDPOINT);
    control->action = GROVE_ACTION_PING;
    control->deadline_ns = grove_now_ns() + PATIENCE_NS;
    (void)grove_kernel_request_start(reincarnation->session, &message, on_pong, reincarnation);
    set_timer(reincarnation);
}

static void set_timer(struct reincarnation *reincarnation) {
    uint32_t timer;
    uint64_t now_ns = grove_now_ns();
    (void)grove_service_after(reincarnation->service, PERIOD_NS - now_ns % PERIOD_NS, ask, reincarnation, &timer);
}

void watchdog_begin(struct reincarnation *reincarnation) {
    set_timer(reincarnation);
}
