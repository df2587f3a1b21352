/*
 * A link: an outbox and the channel that empties it.
 *
 * link_flush sends what waits, never sleeps for more than a microsecond, and leaves the rest for the next flush: when the
 * receiver is down the channel holds what fits into its lane and the outbox the rest. A channel that was closed is opened
 * again, at most every 200 ms.
 */
#ifndef GRID_COMMON_LINK_H
#define GRID_COMMON_LINK_H

#include "examples/grid/common/outbox.h"
#include "grove/grove.h"

struct link {
    const char *endpoint;
    uint32_t method;
    enum grove_priority priority;
    uint64_t lane_bytes; /* of that priority; 0: default */
    struct outbox outbox;
    struct grove_channel *channel; /* NULL: not connected */
    uint64_t retry_ns;
    bool has_complained; /* about the present failure, on standard error */
};

void link_flush(struct link *link);

#endif
