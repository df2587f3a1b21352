/* Queries; see queries.h. They see what is committed and nothing else. */
#include "examples/grid/historian/queries.h"

#include <string.h>

int query_counts(struct grove_request *request, void *context) {
    const struct intake *intake = context;
    struct store_counts counts = store_counts(intake->store);
    struct {
        struct historian_counts head;
        struct historian_feeder feeder[GRID_FEEDERS_MAX];
    } reply;
    reply.head = (struct historian_counts){.stored = counts.stored,
                                           .redelivered = *intake->redelivered,
                                           .missing = counts.missing,
                                           .commits = counts.commits,
                                           .segments = counts.segments,
                                           .bytes = counts.bytes,
                                           .damaged = counts.damaged,
                                           .is_blocked = intake->is_blocked};
    struct snapshot_feeder feeder;
    while (store_feeder(intake->store, reply.head.feeders, &feeder) == 0)
        reply.feeder[reply.head.feeders++] = (struct historian_feeder){.feeder = feeder.feeder,
                                                                       .epoch = feeder.numbering.epoch,
                                                                       .sequence = feeder.numbering.sequence,
                                                                       .stored = feeder.numbering.taken,
                                                                       .missing = feeder.numbering.missing};
    return grove_reply(request, &reply, sizeof reply.head + reply.head.feeders * sizeof reply.feeder[0]);
}

int query_latest(struct grove_request *request, void *context) {
    const struct intake *intake = context;
    struct feeder_request wanted;
    struct reading reading;
    if (grove_request_bytes(request) != sizeof wanted)
        return grove_fail(request, GROVE_INVALID, "send the number of a feeder, as feeder:u32");
    memcpy(&wanted, grove_request_data(request), sizeof wanted);
    if (store_latest(intake->store, wanted.feeder, &reading) < 0)
        return grove_fail(request, GROVE_NOT_FOUND, "no reading of feeder %u since the last start", wanted.feeder);
    return grove_reply(request, &reading, sizeof reading);
}

int query_range(struct grove_request *request, void *context) {
    const struct intake *intake = context;
    struct historian_range wanted;
    struct {
        struct historian_range_reply head;
        struct reading reading[HISTORIAN_RANGE_MAX];
    } reply = {.head = {0}};
    if (grove_request_bytes(request) != sizeof wanted)
        return grove_fail(request, GROVE_INVALID, "send from:u64 to:u64 feeder:u32 limit:u32");
    memcpy(&wanted, grove_request_data(request), sizeof wanted);
    unsigned count = wanted.limit == 0 || wanted.limit > HISTORIAN_RANGE_MAX ? HISTORIAN_RANGE_MAX : wanted.limit;
    int status = store_range(intake->store, wanted.feeder, wanted.from_wall_ns, wanted.to_wall_ns, reply.reading,
                             &count, &reply.head.next_wall_ns);
    if (status < 0)
        return grove_fail(request, status,
                          status == GROVE_INVALID ? "the range must not end before it begins"
                                                  : "the readings cannot be read: %s",
                          grove_status_text(status));
    reply.head.count = count;
    return grove_reply(request, &reply, sizeof reply.head + count * sizeof reply.reading[0]);
}
