/*
 * Waiting until services are ready, with a line for each.
 *
 * The registry is watched by long poll, so each step shows when it happens. It ends when every service of the target is in a
 * state that will not change by itself: ready, done, given up, or failed for good.
 */
#include "userspace/grove/commands/system_client.h"

#include <stdlib.h>
#include <string.h>

struct follow {
    const struct invocation *invocation;
    uint64_t begin_ns;
    unsigned open, bad;
    struct registry_query query; /* those that are waited for */
};

static bool is_bad(const struct registry_record *record) {
    return record->state == REGISTRY_STATE_GIVEN_UP ||
           (record->state == REGISTRY_STATE_FAILED && record->restart_due_ns == 0);
}

static bool is_open(const struct registry_record *record) {
    return record->state == REGISTRY_STATE_WAITING || record->state == REGISTRY_STATE_STARTING ||
           record->state == REGISTRY_STATE_STOPPING ||
           (record->state == REGISTRY_STATE_FAILED && record->restart_due_ns != 0);
}

static int count_one(const struct registry_record *record, void *context) {
    struct follow *follow = context;
    follow->open += is_open(record);
    follow->bad += is_bad(record);
    return 0;
}

static void show(struct follow *follow, const struct registry_record *record) {
    char took[32];
    if (record->state == REGISTRY_STATE_READY && record->ready_ns >= follow->begin_ns)
        progress_done(follow->invocation, OUTPUT_GOOD, "%-32s ready after %s", record->name.text,
                      output_duration(record->ready_ns - follow->begin_ns, took, sizeof took));
    else if (is_bad(record))
        progress_done(follow->invocation, OUTPUT_BAD, "%-32s %s: %s", record->name.text,
                      system_state_text(record->state), record->reason);
    else
        progress_show(follow->invocation, "%s %s", record->name.text, system_state_text(record->state));
}

/* One long poll. *sequence moves on. */
static int look(struct follow *follow, struct registry_watch *watch) {
    struct grove_channel *channel;
    struct grove_answer answer;
    struct registry_page page;
    int status = system_connect(follow->invocation, REGISTRY_ENDPOINT, &channel);
    if (status == 0)
        status =
            system_call(follow->invocation, channel, REGISTRY_WATCH, watch, sizeof *watch, SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    memset(&page, 0, sizeof page);
    if (answer.length_bytes >= sizeof page)
        memcpy(&page, answer.data, sizeof page);
    for (uint32_t index = 0; index < page.count; index++) {
        struct registry_record record;
        if (answer.length_bytes < sizeof page + (index + 1) * sizeof record)
            break;
        memcpy(&record, (const char *)answer.data + sizeof page + index * sizeof record, sizeof record);
        show(follow, &record);
    }
    grove_answer_release(&answer);
    if (page.sequence > watch->sequence)
        watch->sequence = page.sequence;
    return 0;
}

static int count_all(struct follow *follow) {
    follow->open = follow->bad = 0;
    return system_query(follow->invocation, &follow->query, count_one, follow);
}

static int wait_for_all(struct follow *follow, struct registry_watch *watch, uint64_t timeout_ns);

int system_wait_until_ready(const struct invocation *invocation, const struct grove_name *service,
                            const struct grove_name *project, uint64_t sequence, uint64_t begin_ns,
                            uint64_t timeout_ns) {
    struct follow follow = {.invocation = invocation, .begin_ns = begin_ns, .query.version = REGISTRY_PROTOCOL_VERSION};
    struct registry_watch watch = {.version = REGISTRY_PROTOCOL_VERSION, .wait_ms = 1000, .sequence = sequence};
    if (service != NULL)
        watch.service = *service;
    if (project != NULL)
        watch.project = *project;
    follow.query.name = watch.service;
    follow.query.project = watch.project;
    return wait_for_all(&follow, &watch, timeout_ns);
}

int system_wait_for_tree(const struct invocation *invocation, const struct grove_name *root, uint64_t begin_ns,
                         uint64_t timeout_ns) {
    struct follow follow = {.invocation = invocation,
                            .begin_ns = begin_ns,
                            .query = {.version = REGISTRY_PROTOCOL_VERSION, .name = *root, .flags = REGISTRY_TREE}};
    struct registry_watch watch = {.version = REGISTRY_PROTOCOL_VERSION, .wait_ms = 1000};
    return wait_for_all(&follow, &watch, timeout_ns);
}

static int wait_for_all(struct follow *follow, struct registry_watch *watch, uint64_t timeout_ns) {
    const struct invocation *invocation = follow->invocation;
    uint64_t sequence = watch->sequence, deadline_ns = grove_now_ns() + timeout_ns;
    int status = count_all(follow);
    while (status == 0 && follow->open > 0) {
        if (grove_now_ns() > deadline_ns) {
            progress_end(invocation);
            return command_fail(invocation,
                                "%u service%s not ready yet; \"grove ps\" shows which, \"grove why NAME\" "
                                "says why",
                                follow->open, follow->open == 1 ? " is" : "s are");
        }
        status = look(follow, watch);
        if (status == 0)
            status = count_all(follow);
    }
    if (status == 0 && sequence != 0)
        watch->wait_ms = 0, status = look(follow, watch); /* what became ready before the first look */
    progress_end(invocation);
    if (status == 0 && follow->bad > 0)
        return command_fail(invocation, "%u service%s failed; \"grove why NAME\" and \"grove logs NAME\" say more",
                            follow->bad, follow->bad == 1 ? " has" : "s have");
    return status;
}
