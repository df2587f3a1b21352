/*
 * What the operator sees: the last answers of the grid's services, and how many restarts there were.
 *
 * snapshot_refresh asks all of them without waiting; the answers come in while the caller dispatches its session. A
 * service that is down at the moment costs nothing but an old answer: its next instance gives the next one.
 */
#ifndef GRID_OPERATOR_SNAPSHOT_H
#define GRID_OPERATOR_SNAPSHOT_H

#include "examples/grid/common/protocol.h"
#include "grove/bus_protocol.h"
#include "grove/health.h"

enum source {
    SOURCE_ACQUIRE,
    SOURCE_PROTECT,
    SOURCE_HISTORIAN,
    SOURCE_ALARM,
    SOURCE_HEALTH, /* the system's */
    SOURCE_BUS,
    SOURCE_COUNT,
};

struct snapshot;
struct source_state {
    struct snapshot *snapshot;
    enum source source;
    struct grove_channel *channel; /* NULL: not connected */
    bool is_asked; /* a call is under way */
    bool must_reopen; /* its channel is closed; not from inside the channel's own callback */
    uint64_t answered_ns; /* when it last answered; 0: never */
    uint64_t answers;
};
struct snapshot {
    struct grove_session *session;
    const char *project;
    struct source_state source[SOURCE_COUNT];
    struct acquire_status acquire;
    struct reading latest[GRID_FEEDERS_MAX];
    struct protect_status protect;
    struct protect_feeder protected_feeder[GRID_FEEDERS_MAX];
    struct historian_counts historian;
    struct historian_feeder stored_feeder[GRID_FEEDERS_MAX];
    unsigned alarm_count;
    struct alarm_record alarm[ALARM_REPLY_MAX];
    struct grove_health_page health; /* of all services */
    struct grove_health_record ill; /* the first of the project that is not well; its status is 0 if all are */
    struct grove_bus_metrics bus;
    uint64_t restarts; /* of all services, the system's own included */
    unsigned services, services_ready;
};

void snapshot_init(struct snapshot *snapshot, struct grove_session *session, const char *project);
/* "acquire", "system.health"; constant. */
const char *snapshot_source_name(enum source source);
void snapshot_refresh(struct snapshot *snapshot);
/* Call a method of a source and wait; for the operator's commands. The sentence of a failure is grove_last_error(). */
int snapshot_call(struct snapshot *snapshot, enum source source, uint32_t method, const void *data,
                  size_t length_bytes);

#endif
