/*
 * HEARTBEAT: the kernel pings, libgrove's run loop answers between two handlers. And if there is none: why?
 *
 *     it used the processor, up to its own limit      throttled   perhaps it would answer if it got more
 *     it used the processor                           looping     hung: an endless loop, or a handler that takes too long
 *     it used none, and there was some to be had      blocked     hung: a deadlock, a wait without end, SIGSTOP
 *     it used none, and there was none to be had      starved     not its fault: others take it all
 *     it is frozen                                    frozen      somebody wants it so
 *
 * Whether there was some to be had is what canary.c finds out.
 */
#include "servers/health/monitor.h"

/* Less than this share of the time is no more than noise. */
#define USES_PROCESSOR_PART 20u
#define LIMIT_REACHED_PERCENT 90u
/* The processor is given out for periods of this length: a span may have missed what one of them gives. */
#define QUOTA_PERIOD_NS (100 * GROVE_MILLISECOND)

static bool is_at_limit(const struct watched *watched, uint64_t used_ns, uint64_t elapsed_ns) {
    uint64_t limit_ns = elapsed_ns / 1000000 * watched->processor_limit_ppm;
    used_ns += QUOTA_PERIOD_NS / 1000000 * watched->processor_limit_ppm;
    return watched->processor_limit_ppm != 0 && used_ns >= limit_ns / 100 * LIMIT_REACHED_PERCENT;
}

static void no_answer(struct try *try) {
    struct watched *watched = try->check->watched;
    uint64_t elapsed_ns = grove_now_ns() - try->started_ns;
    if (!services_look(watched)) {
        try_end(try, GROVE_CAUSE_NONE, "%s", ""); /* it is gone, and the check with it */
        return;
    }
    uint64_t used_ns = watched->processor_ns > try->processor_ns ? watched->processor_ns - try->processor_ns : 0;
    double seconds = (double)elapsed_ns / (double)GROVE_SECOND;
    if (watched->is_frozen)
        try_end(try, GROVE_CAUSE_FROZEN, "it is frozen");
    else if (is_at_limit(watched, used_ns, elapsed_ns))
        try_end(try, GROVE_CAUSE_THROTTLED, "no heartbeat for %.3g s, at the limit of its processor budget", seconds);
    else if (used_ns > elapsed_ns / USES_PROCESSOR_PART)
        try_end(try, GROVE_CAUSE_LOOPING, "no heartbeat for %.3g s, though it used the processor for %.3g s of them",
                seconds, (double)used_ns / (double)GROVE_SECOND);
    else
        canary_ask(try);
}

static void on_pong(int status, const struct grove_message *reply, void *context) {
    struct try *try = context;
    if (status == 0 && reply->time_ns >= try->started_ns)
        try->answered_ns = reply->time_ns;
    if (try->check == NULL || status == 0) {
        try_end(try, GROVE_CAUSE_NONE, "%s", "");
    } else if (status == GROVE_TIMED_OUT || status == GROVE_EXHAUSTED) {
        no_answer(try);
    } else {
        /* Its instance has ended, or a next one has not come so far: that is for the registry, and no result. */
        try->generation = UINT32_MAX;
        try_end(try, GROVE_CAUSE_NONE, "%s", "");
    }
}

void heartbeat_start(struct try *try) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_CONTROL};
    struct grove_container_control *control = &message.body.control;
    control->name = try->check->watched->name;
    control->action = GROVE_ACTION_PING;
    control->deadline_ns = try->started_ns + try->check->plan.timeout_ns;
    if (grove_kernel_request_start(try->monitor->session, &message, on_pong, try) == 0)
        return;
    try->generation = UINT32_MAX;
    try_end(try, GROVE_CAUSE_NONE, "%s", "");
}
