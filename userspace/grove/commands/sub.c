/*
 * grove sub: print what is published under a pattern.
 */
#include <string.h>
#include <time.h>

#include "userspace/grove/commands/event_print.h"

static const struct command_option options[] = {
    {"count", 'n', "COUNT", "end after so many events"},
    {"wait", 'w', "TIME", "end, with status 1, when no event has come for this long"},
    {"reliable", 'r', NULL, "at least once: what is published is kept for this command until it was printed"},
    {"durable", 'D', NULL, "durable events only, from the log of the bus: from now on, or from where you say"},
    {"from", 'f', "NUMBER", "durable: from the event with this number in the log on; 1 is the oldest that is kept"},
    {"since", 's', "TIME", "durable: from so long ago on"},
    {"slow", 'o', "POLICY",
     "with --reliable: what happens to what this command does not keep up with: block, drop or spill"},
    {"spill-size", 'S', "SIZE", "with --slow spill: as much of it is kept on disk at most, 64M if not given"},
    {"group", 'g', "NAME", "share the events with the others of this group: each one gets to one of them"},
    {"data", 'd', NULL, "print the data alone"},
    {"list", 'l', NULL, "list who is subscribed to what, and how it keeps up, instead"},
    {"rings", 'R', NULL, "list which publishers have rings of their own, instead"},
    {0},
};

struct following {
    const struct invocation *invocation;
    enum event_form form;
    uint64_t seen, count; /* count 0: no end */
};

/* Several may come at once. What is more than was asked for stays unacknowledged, so it goes to another, or is not lost. */
static int on_event(const struct grove_event *event, void *context) {
    struct following *following = context;
    struct grove_event_ticket never;
    if (following->count != 0 && following->seen == following->count)
        return grove_event_defer(event, &never);
    event_print(following->invocation, event, following->form);
    following->seen++;
    return 0;
}

/* Until as many as wanted have come, or none for wait_ns. */
static int follow(struct grove_session *session, struct following *following, uint64_t wait_ns) {
    uint64_t seen = following->seen, last_ns = grove_now_ns();
    while (following->count == 0 || following->seen < following->count) {
        int status = grove_session_dispatch(session, wait_ns);
        if (status < 0 && status != GROVE_TIMED_OUT)
            return command_fail_library(following->invocation, "the bus can no longer be heard");
        uint64_t now_ns = grove_now_ns();
        if (following->seen == seen && now_ns - last_ns >= wait_ns)
            return command_fail(following->invocation, "no event has come in time");
        if (following->seen != seen)
            last_ns = now_ns;
        seen = following->seen;
    }
    return COMMAND_OK;
}

static const char *const policies[] = {"usual", "drop", "block", "spill"};

static json_t *row_of(const struct grove_subscription_record *record) {
    static const char *const qualities[] = {"at-most-once", "at-least-once", "durable"};
    const struct grove_subscription_metrics *metrics = &record->metrics;
    const char *quality = record->quality < 3 ? qualities[record->quality] : "";
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
                     "subscriber", record->subscriber.text, "pattern", record->pattern, "group", record->group, "name",
                     record->name, "quality", quality, "slow", policies[record->slow % 4], "matched",
                     (json_int_t)metrics->matched, "delivered", (json_int_t)metrics->delivered, "completed",
                     (json_int_t)metrics->completed, "failed", (json_int_t)metrics->failed, "retried",
                     (json_int_t)metrics->retried, "dead", (json_int_t)metrics->dead, "dropped",
                     (json_int_t)metrics->dropped, "spilled", (json_int_t)metrics->spilled, "on_disk",
                     (json_int_t)metrics->on_disk, "queued", (json_int_t)metrics->queued, "in_flight",
                     (json_int_t)metrics->in_flight, "paused", metrics->is_paused != 0);
}

static int list(const struct invocation *invocation, struct grove_session *session) {
    static const struct output_column columns[] = {
        {"SUBSCRIBER", "subscriber", OUTPUT_TEXT},
        {"PATTERN", "pattern", OUTPUT_TEXT},
        {"GROUP", "group", OUTPUT_TEXT},
        {"QUALITY", "quality", OUTPUT_TEXT},
        {"MATCHED", "matched", OUTPUT_TEXT},
        {"QUEUED", "queued", OUTPUT_TEXT},
        {"OUT", "in_flight", OUTPUT_TEXT},
        {"DONE", "completed", OUTPUT_TEXT},
        {"FAILED", "failed", OUTPUT_TEXT},
        {"DEAD", "dead", OUTPUT_TEXT},
        {"DROPPED", "dropped", OUTPUT_TEXT},
        {"ON DISK", "on_disk", OUTPUT_TEXT},
        {0},
    };
    json_t *rows = json_array();
    struct grove_subscription_record record;
    uint64_t cursor = 0;
    int status;
    while ((status = grove_bus_subscription_next(session, &cursor, &record)) == 0)
        json_array_append_new(rows, row_of(&record));
    if (status != GROVE_NOT_FOUND) {
        json_decref(rows);
        return command_fail_library(invocation, "the subscriptions cannot be listed");
    }
    output_table(invocation, rows, columns, "nobody is subscribed to anything");
    return COMMAND_OK;
}

static int list_rings(const struct invocation *invocation, struct grove_session *session) {
    static const struct output_column columns[] = {
        {"PUBLISHER", "publisher", OUTPUT_TEXT},
        {"PATTERN", "pattern", OUTPUT_TEXT},
        {"WRITTEN", "written", OUTPUT_TEXT},
        {"READERS", "readers", OUTPUT_TEXT},
        {"WAY", "way", OUTPUT_TEXT},
        {0},
    };
    json_t *rows = json_array();
    struct grove_direct_record record;
    uint64_t cursor = 0;
    int status;
    while ((status = grove_bus_direct_next(session, &cursor, &record)) == 0)
        json_array_append_new(rows, json_pack("{s:s, s:s, s:I, s:i, s:s}", "publisher", record.publisher.text,
                                              "pattern", record.pattern, "written", (json_int_t)record.written,
                                              "readers", (int)record.readers, "way",
                                              !record.is_used         ? "bus"
                                              : record.is_also_by_bus ? "both"
                                                                      : "ring"));
    if (status != GROVE_NOT_FOUND) {
        json_decref(rows);
        return command_fail_library(invocation, "the rings cannot be listed");
    }
    output_table(invocation, rows, columns, "no publisher has a ring of its own");
    return COMMAND_OK;
}

/* Durable events, and where among them to begin. */
static int choose_start(const struct invocation *invocation, struct grove_subscribe *wanted) {
    uint64_t since_ns = 0;
    bool has_from = command_has(invocation, "from"), has_since = command_has(invocation, "since");
    int status = command_number(invocation, "from", 1, UINT64_MAX, 0, &wanted->start_sequence);
    if (status == 0)
        status = command_duration(invocation, "since", 0, &since_ns);
    if (status != 0)
        return status;
    if ((has_from && has_since) || (command_has(invocation, "durable") && command_has(invocation, "reliable")))
        return command_misused(invocation, "--from and --since, and --durable and --reliable, exclude each other");
    if (has_from || has_since || command_has(invocation, "durable"))
        wanted->quality = GROVE_BUS_DURABLE;
    if (has_from)
        wanted->start = GROVE_BUS_START_SEQUENCE;
    if (has_since) {
        struct timespec now;
        (void)clock_gettime(CLOCK_REALTIME, &now);
        uint64_t now_ns = (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
        wanted->start = GROVE_BUS_START_TIME;
        wanted->start_time_ns = now_ns > since_ns ? now_ns - since_ns : 1;
    }
    return 0;
}

/* What becomes of events that come faster than they are printed. */
static int choose_slow(const struct invocation *invocation, struct grove_subscribe *wanted) {
    const char *policy = command_value(invocation, "slow");
    int status = command_size(invocation, "spill-size", 0, &wanted->spill_bytes);
    if (status != 0 || (policy == NULL && wanted->spill_bytes == 0))
        return status;
    for (unsigned at = GROVE_BUS_DROP_OLDEST; policy != NULL && at <= GROVE_BUS_SPILL; at++)
        if (strcmp(policy, policies[at]) == 0)
            wanted->slow = (enum grove_bus_slow)at;
    if (policy != NULL && wanted->slow == GROVE_BUS_SLOW_USUAL)
        return command_misused(invocation, "\"%s\" is no policy: block, drop or spill", policy);
    if (wanted->quality != GROVE_BUS_AT_LEAST_ONCE)
        return command_misused(invocation, "--slow goes with --reliable");
    if (wanted->spill_bytes != 0 && wanted->slow != GROVE_BUS_SPILL)
        return command_misused(invocation, "--spill-size goes with --slow spill");
    return 0;
}

static int run(struct invocation *invocation) {
    struct following following = {.invocation = invocation,
                                  .form = command_has(invocation, "data") ? EVENT_DATA : EVENT_FULL};
    struct grove_session *session = NULL;
    struct grove_subscription *subscription = NULL;
    uint64_t wait_ns = 0;
    int status = command_number(invocation, "count", 1, UINT32_MAX, 0, &following.count);
    if (status == 0)
        status = command_duration(invocation, "wait", 365 * UINT64_C(86400) * GROVE_SECOND, &wait_ns);
    unsigned ways =
        command_has(invocation, "list") + command_has(invocation, "rings") + (unsigned)(invocation->argument_count > 0);
    if (status == 0 && ways != 1)
        status = command_misused(invocation, "give a pattern, --list or --rings");
    if (status == 0)
        status = command_connect(invocation, &session);
    if (status != 0)
        return status;
    if (command_has(invocation, "list"))
        return list(invocation, session);
    if (command_has(invocation, "rings"))
        return list_rings(invocation, session);
    struct grove_subscribe wanted = {.pattern = invocation->arguments[0],
                                     .group = command_value(invocation, "group"),
                                     .quality = command_has(invocation, "reliable") ? GROVE_BUS_AT_LEAST_ONCE
                                                                                    : GROVE_BUS_AT_MOST_ONCE,
                                     .session = session};
    status = choose_start(invocation, &wanted);
    if (status == 0)
        status = choose_slow(invocation, &wanted);
    if (status != 0)
        return status;
    if (grove_bus_subscribe(NULL, &wanted, on_event, &following, &subscription) < 0)
        return command_fail_library(invocation, "%s cannot be subscribed to", wanted.pattern);
    command_remark(invocation, "listening for %s", wanted.pattern);
    status = follow(session, &following, wait_ns);
    grove_bus_unsubscribe(subscription);
    return status;
}

const struct command command_sub = {
    .name = "sub",
    .summary = "print the events of the bus that match a pattern",
    .usage = "PATTERN | --list | --rings",
    .description = "Subscribes to a pattern and prints each event as it comes: when, subject, number, publisher and "
                   "data. In a pattern "
                   "\"*\" is any one token between dots, and a last \">\" is one or more tokens; quote both for the "
                   "shell. With --json "
                   "each line is one object.",
    .examples = "  grove sub 'grid.>'                  everything of the grid\n"
                "  grove sub -n 1 -w 5s grid.alarm     the next alarm, or status 1\n"
                "  grove sub --json 'kernel.>' | jq .  for a program\n"
                "  grove sub --since 1h 'grid.>'       what was kept of the last hour, and what comes\n"
                "  grove sub -r --slow spill 'grid.>' | slow-program\n"
                "                                      what the program has no time for waits on disk\n"
                "  grove sub --list                    who listens\n"
                "  grove sub --rings                   who publishes without the bus in between",
    .minimum = 0,
    .maximum = 1,
    .options = options,
    .run = run,
};
