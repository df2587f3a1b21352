/*
 * grove events: what happens in the system, as it says itself.
 */
#include "userspace/grove/commands/event_print.h"

static const struct command_option options[] = {
    {"count", 'n', "COUNT", "end after so many events"},
    {0},
};

static const char *const patterns[] = {"kernel.>", "capability.>",    "resource.>", "storage.>", "config.>",
                                       "health.>", "reincarnation.>", "hook.>",     "bus.>",     "log.>"};

struct following {
    const struct invocation *invocation;
    uint64_t seen, count; /* count 0: no end */
};

static int on_event(const struct grove_event *event, void *context) {
    struct following *following = context;
    if (following->count != 0 && following->seen == following->count)
        return 0;
    event_print(following->invocation, event, EVENT_STORY);
    following->seen++;
    return 0;
}

static int subscribe(struct following *following, struct grove_session *session, const char *pattern) {
    const struct grove_subscribe wanted = {.pattern = pattern, .session = session};
    if (grove_bus_subscribe(NULL, &wanted, on_event, following, NULL) == 0)
        return COMMAND_OK;
    return command_fail_library(following->invocation, "%s cannot be subscribed to", pattern);
}

static int run(struct invocation *invocation) {
    struct following following = {.invocation = invocation};
    struct grove_session *session = NULL;
    int status = command_number(invocation, "count", 1, UINT32_MAX, 0, &following.count);
    if (status == 0)
        status = command_connect(invocation, &session);
    for (unsigned i = 0; status == 0 && invocation->argument_count == 0 && i < sizeof patterns / sizeof patterns[0];
         i++)
        status = subscribe(&following, session, patterns[i]);
    for (unsigned i = 0; status == 0 && i < invocation->argument_count; i++)
        status = subscribe(&following, session, invocation->arguments[i]);
    while (status == 0 && (following.count == 0 || following.seen < following.count)) {
        int turn = grove_session_dispatch(session, 3600 * GROVE_SECOND);
        if (turn < 0 && turn != GROVE_TIMED_OUT)
            status = command_fail_library(invocation, "the bus can no longer be heard");
    }
    return status;
}

const struct command command_events = {
    .name = "events",
    .summary = "follow what happens in the system",
    .usage = "[PATTERN...]",
    .description = "Prints the events that the system's own services publish, from now on: services that start, stop "
                   "and fail, limits "
                   "that are exceeded, changes of configuration and health. With patterns only those; with --json each "
                   "line is one "
                   "object.",
    .examples = "  grove events                       everything\n"
                "  grove events 'capability.failed.>' what fails",
    .minimum = 0,
    .maximum = 16,
    .options = options,
    .run = run,
};
