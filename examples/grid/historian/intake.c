/* Events that wait for the disk; see intake.h. */
#include "examples/grid/historian/intake.h"

#include "examples/grid/common/subscriber.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_AT 100u /* events; the bus hands out 256 before the first must be finished */
#define READINGS_MAX 4096u /* of one event */
#define RETRY_NS (200 * GROVE_MILLISECOND)

static void on_due(struct grove_service *service, void *context);

static void intake_arm(struct intake *intake, uint64_t delay_ns) {
    uint32_t timer;
    if (intake->is_armed)
        return;
    intake->is_armed = grove_service_after(intake->service, delay_ns, on_due, intake, &timer) == 0;
    /* Without a timer nothing would ever be completed: begin anew, and all of it is delivered again. */
    if (!intake->is_armed)
        exit(grove_report("historian"));
}

/* Refusing would give the event up, ending does not: what is not finished goes to the next instance. */
_Noreturn static void begin_anew(void) {
    fputs("historian: memory is exhausted; starting anew\n", stderr);
    exit(1);
}

/* Put waiting readings into the batch while it takes them. */
static void intake_add(struct intake *intake) {
    for (; intake->added < intake->count; intake->added++) {
        int status = store_add(intake->store, &intake->entry[intake->added].reading);
        if (status == GROVE_AGAIN)
            return;
        if (status == GROVE_NO_MEMORY)
            begin_anew();
        if (status == GROVE_EXISTS || intake->entry[intake->added].is_redelivered)
            ++*intake->redelivered;
    }
}

/* The commit covers the first `added` entries, repetitions included: what they repeat may be in this very batch. */
static void intake_complete(struct intake *intake) {
    for (unsigned i = 0; i < intake->added; i++)
        if (intake->entry[i].ends_event)
            grove_event_finish(&intake->entry[i].ticket, 0);
    intake->count -= intake->added;
    memmove(intake->entry, intake->entry + intake->added, intake->count * sizeof intake->entry[0]);
    intake->added = 0;
    if (intake->count == 0)
        intake->events = 0;
}

static int intake_commit(struct intake *intake) {
    struct problem problem = {""};
    while (intake->count > 0) {
        intake_add(intake);
        int status = store_commit(intake->store, &problem);
        if (status < 0) {
            if (!intake->is_blocked)
                fprintf(stderr, "historian: %s\n", problem.sentence);
            intake->is_blocked = true;
            return status;
        }
        if (intake->is_blocked)
            fputs("historian: the disk takes readings again\n", stderr);
        intake->is_blocked = false;
        intake_complete(intake);
    }
    return 0;
}

static void on_due(struct grove_service *service, void *context) {
    struct intake *intake = context;
    (void)service;
    intake->is_armed = false;
    if (intake_commit(intake) < 0)
        intake_arm(intake, RETRY_NS);
}

void intake_flush(struct intake *intake) {
    (void)intake_commit(intake);
}

/* Room for `count` more entries. */
static struct intake_entry *intake_places(struct intake *intake, unsigned count) {
    while (intake->count + count > intake->capacity) {
        unsigned capacity = intake->capacity == 0 ? 512 : intake->capacity * 2;
        struct intake_entry *more = realloc(intake->entry, capacity * sizeof *more);
        if (more == NULL)
            begin_anew();
        intake->entry = more;
        intake->capacity = capacity;
    }
    return &intake->entry[intake->count];
}

/* The readings of an event. False: there is something among them that is none. */
static bool copy_readings(const struct grove_event *event, struct intake_entry *entries, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        entries[i] = (struct intake_entry){.is_redelivered = (event->flags & GROVE_EVENT_REDELIVERED) != 0,
                                           .ends_event = i + 1 == count};
        memcpy(&entries[i].reading, (const char *)event->data + i * sizeof(struct reading), sizeof(struct reading));
        if (entries[i].reading.feeder == 0 || entries[i].reading.sequence == 0)
            return false;
    }
    return true;
}

/* What is no reading fails, and becomes a dead letter. */
static int on_event(const struct grove_event *event, void *context) {
    struct intake *intake = context;
    unsigned count = (unsigned)(event->length_bytes / sizeof(struct reading));
    if (count == 0 || count > READINGS_MAX || event->length_bytes % sizeof(struct reading) != 0)
        return grove_event_fail(event, GROVE_INVALID, "an event of readings has a multiple of %zu bytes, not %zu",
                                sizeof(struct reading), event->length_bytes);
    struct intake_entry *entries = intake_places(intake, count);
    if (!copy_readings(event, entries, count))
        return grove_event_fail(event, GROVE_INVALID, "feeders and sequence numbers count from 1");
    int status = grove_event_defer(event, &entries[count - 1].ticket);
    if (status < 0)
        return status;
    intake->count += count;
    intake->events++;
    if (event->missed > 0)
        fprintf(stderr, "historian: %llu events are missing in the bus's log\n", (unsigned long long)event->missed);
    /* While the disk is blocked only the timer tries: a try for each event would be a busy loop. */
    if (intake->events >= COMMIT_AT && !intake->is_blocked && intake_commit(intake) == 0)
        return 0;
    intake_arm(intake, intake->is_blocked ? RETRY_NS : intake->commit_ns);
    return 0;
}

/*
 * What an earlier instance had not finished comes again. A disk that takes nothing may do so for long: an event is given up
 * for it after a day, and is a dead letter then, which can be replayed.
 */
int intake_start(struct intake *intake) {
    static struct subscriber subscriber = {.what = "readings",
                                           .subscribe = {.pattern = READING_SUBJECT "*",
                                                         .name = "historian",
                                                         .quality = GROVE_BUS_DURABLE,
                                                         .start = GROVE_BUS_START_FIRST,
                                                         .in_flight = 256,
                                                         .max_retries = 24,
                                                         .timeout_ns = 3600 * GROVE_SECOND,
                                                         .backoff_cap_ns = GROVE_SECOND},
                                           .handler = on_event};
    subscriber.context = intake;
    return subscriber_start(&subscriber, intake->service);
}
