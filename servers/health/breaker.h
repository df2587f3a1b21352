/*
 * A circuit breaker: stops asking one who does not answer, and asks again now and then.
 *
 *     closed ---- failures in a row - ----> open ---- its span is over ----> half-open
 *       ^                                    ^  span doubles, up to a cap       |  |
 *       |                                    +------------ failure -------------+  |
 *       +---------------------------------- success -------------------------------+
 *
 * Pure, and plain memory: it lies in the state region and outlives its process.
 */
#ifndef SERVERS_HEALTH_BREAKER_H
#define SERVERS_HEALTH_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "grove/health.h"

#define BREAKER_SPAN_INTERVALS 4u /* the first span that it is open, in intervals of its check */

struct breaker_rules {
    uint64_t failures; /* in a row, which open it */
    uint64_t span_max_ns; /* the cap */
};

/* Zero is a closed one. */
struct breaker {
    uint32_t state; /* enum grove_health_breaker */
    uint32_t failures; /* in a row */
    uint64_t span_ns; /* how long it is open */
    uint64_t until_ns; /* monotonic: open until then */
};

/* May it be tried now? An open one whose span is over becomes half-open: one try. */
bool breaker_allows(struct breaker *breaker, uint64_t now_ns);
/* When the next try may be, for a check that would otherwise be due at `due_ns`. */
uint64_t breaker_due_ns(const struct breaker *breaker, uint64_t due_ns);
/* A try has ended. Returns whether this opened or closed it. */
bool breaker_result(struct breaker *breaker, const struct breaker_rules *rules, bool is_good, uint64_t interval_ns,
                    uint64_t now_ns);
/* There is reason to hope (a new instance): an open one is tried at once. */
void breaker_hope(struct breaker *breaker);

#endif
