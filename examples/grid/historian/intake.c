/* Messages that wait for the disk; see intake.h. */
#include "examples/grid/historian/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMIT_AT 100u /* the library hands out 256 messages of a lane before the first must be completed */
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

/* Put waiting readings into the batch while it takes them. */
static void intake_add(struct intake *intake) {
    for (; intake->added < intake->count; intake->added++) {
        int status = store_add(intake->store, &intake->entry[intake->added].reading);
        if (status == GROVE_AGAIN)
            return;
        if (status == GROVE_EXISTS)
            ++*intake->redelivered;
    }
}

/* The commit covers the first `added` entries, repetitions included: what they repeat may be in this very batch. */
static void intake_complete(struct intake *intake) {
    for (unsigned i = 0; i < intake->added; i++)
        grove_request_finish(intake->entry[i].request);
    intake->count -= intake->added;
    memmove(intake->entry, intake->entry + intake->added, intake->count * sizeof intake->entry[0]);
    intake->added = 0;
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

static struct intake_entry *intake_place(struct intake *intake) {
    if (intake->count == intake->capacity) {
        unsigned capacity = intake->capacity == 0 ? 512 : intake->capacity * 2;
        struct intake_entry *more = realloc(intake->entry, capacity * sizeof *more);
        if (more == NULL) {
            /* Refusing would lose the message, ending does not: uncompleted messages go to the next instance. */
            fputs("historian: memory is exhausted; starting anew\n", stderr);
            exit(1);
        }
        intake->entry = more;
        intake->capacity = capacity;
    }
    return &intake->entry[intake->count];
}

int intake_take(struct grove_request *request, void *context) {
    struct intake *intake = context;
    struct intake_entry *entry = intake_place(intake);
    if (grove_request_bytes(request) != sizeof entry->reading)
        return grove_fail(request, GROVE_INVALID, "a reading has %zu bytes", sizeof entry->reading);
    memcpy(&entry->reading, grove_request_data(request), sizeof entry->reading);
    if (entry->reading.feeder == 0 || entry->reading.sequence == 0)
        return grove_fail(request, GROVE_INVALID, "feeders and sequence numbers count from 1");
    int status = grove_request_defer(request);
    if (status < 0)
        return status;
    entry->request = request;
    intake->count++;
    if (grove_request_is_redelivered(request))
        ++*intake->redelivered;
    /* While the disk is blocked only the timer tries: a try for each message would be a busy loop. */
    if (intake->count >= COMMIT_AT && !intake->is_blocked && intake_commit(intake) == 0)
        return 0;
    intake_arm(intake, intake->is_blocked ? RETRY_NS : intake->commit_ns);
    return 0;
}
