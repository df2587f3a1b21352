/* What can be seen from outside: counts, and who is subscribed to what. */
#include "servers/bus/dlq.h"
#include "servers/bus/durable.h"
#include "servers/bus/overflow.h"

#include <string.h>

static uint64_t queued_in(const struct queue *queue) {
    return queue->waiting.count + queue->asking.count + queue->delayed.count + queue->spilling.count +
           overflow_count(queue);
}

void looks_read(const struct bus *bus, struct grove_bus_metrics *now) {
    const struct state_head *head = bus->state.head;
    const struct state_counters *counters = &head->counters;
    const struct durable *durable = bus->durable;
    *now = (struct grove_bus_metrics){.published = counters->published,
                                      .delivered = counters->delivered,
                                      .unmatched = counters->unmatched,
                                      .dropped_by_publishers = counters->dropped_by_publishers,
                                      .dropped = counters->dropped,
                                      .refused = counters->refused,
                                      .retried = counters->retried,
                                      .dead = counters->dead,
                                      .bytes_published = counters->bytes_published,
                                      .sequence = head->sequence,
                                      .durable = durable->published,
                                      .damaged = durable->damaged,
                                      .dead_letters = dlq_count(bus),
                                      .started_ns = bus->started_ns,
                                      .subjects = bus->subject_count,
                                      .rings = bus->feed_count,
                                      .queued_bytes = bus->state.used_granules * STATE_GRANULE};
    for (unsigned at = 0; durable->is_open && at < durable->stream_count; at++) {
        now->log_bytes += grove_journal_facts(durable->streams[at]->log).bytes;
        if (durable->streams[at]->last > now->durable_sequence)
            now->durable_sequence = durable->streams[at]->last;
    }
    for (uint32_t i = 0; i < head->members_used; i++)
        now->subscriptions += bus->members[i] != NULL;
    for (uint32_t i = 0; i < head->queues_used; i++) {
        const struct queue *queue = bus->queues[i];
        if (queue == NULL)
            continue;
        now->queued += queued_in(queue);
        now->in_flight += queue->out.count;
    }
}

int on_metrics(struct grove_request *request, void *context) {
    struct grove_bus_metrics metrics;
    looks_read(context, &metrics);
    return grove_reply(request, &metrics, sizeof metrics);
}

static struct grove_subscription_metrics metrics_of(const struct member *member) {
    struct grove_subscription_metrics metrics = member->saved->metrics;
    const struct queue *queue = member->queue;
    metrics.is_paused = (member->saved->flags & MEMBER_PAUSED) != 0;
    metrics.in_flight = member->out;
    if (queue != NULL) {
        uint64_t on_disk = overflow_count(queue);
        metrics.queued = queued_in(queue);
        metrics.on_disk = on_disk < UINT32_MAX ? (uint32_t)on_disk : UINT32_MAX;
    }
    metrics.matched = metrics.queued + metrics.in_flight + metrics.completed + metrics.dead + metrics.dropped;
    if (member->feed != NULL)
        metrics.matched = member->feed->writer.count - member->first_count;
    return metrics;
}

int on_subscription_metrics(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct member *member = NULL;
    uint64_t value = 0;
    int status = member_of_request(bus, request, &member, &value);
    if (status < 0)
        return status;
    struct grove_subscription_metrics metrics = metrics_of(member);
    return grove_reply(request, &metrics, sizeof metrics);
}

static void fill(const struct member *member, struct grove_subscription_record *record) {
    *record =
        (struct grove_subscription_record){.metrics = metrics_of(member), .subscriber = member->saved->client_name};
    memcpy(record->pattern, member->saved->pattern, sizeof record->pattern);
    if (member->queue == NULL)
        return;
    memcpy(record->group, member->queue->saved->group, sizeof record->group);
    memcpy(record->name, member->queue->saved->name, sizeof record->name);
    record->quality = member->queue->saved->quality;
    record->slow = member->queue->saved->slow;
}

int on_subscription_next(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct grove_bus_member told;
    struct {
        uint64_t cursor;
        struct grove_subscription_record record;
    } answer;
    int status = request_take(request, &told, sizeof told);
    if (status < 0)
        return status;
    for (uint64_t at = told.value; at < bus->state.head->members_used; at++) {
        const struct member *member = bus->members[at];
        if (member == NULL || (!rights_see_all(request) && member->client->id != grove_request_client_id(request)))
            continue;
        answer.cursor = at + 1;
        fill(member, &answer.record);
        return grove_reply(request, &answer, sizeof answer);
    }
    return grove_fail(request, GROVE_NOT_FOUND, "there are no more subscriptions");
}
