/*
 * The breakers: what protection has decided about each, and its way to the device.
 *
 *     normal --trip--> opening --confirmed--> tripped --reset--> closing --confirmed--> normal
 *                         |                      ^                  |
 *                         +--- kept until the device confirms ------+   a trip while closing opens again
 *
 * A decision is written into the state region before anything is sent. So a kill forgets none; and the next instance
 * that finds one unconfirmed asks the device first and writes only what is not yet so, so it repeats none either.
 */
#ifndef GRID_PROTECT_BREAKERS_H
#define GRID_PROTECT_BREAKERS_H

#include "examples/grid/common/client_watch.h"
#include "examples/grid/common/protocol.h"
#include "examples/grid/common/statistics.h"
#include "grove/metrics.h"

/* What is known of a breaker after the state region was lost (ledger.h). */
enum breaker_settled {
    BREAKER_UNSETTLED = 0, /* the store has not been asked yet */
    BREAKER_DOUBTFUL = 1, /* a trip may have been written: the next good reading tells */
    BREAKER_SETTLED = 2,
};

/* In the state region. */
struct breaker {
    uint32_t phase; /* enum breaker_phase */
    uint32_t cause; /* enum trip_cause; of the last trip */
    uint64_t decided_ns; /* time stamp of the reading that decided */
    uint64_t confirmed_ns; /* when the device confirmed the present phase */
    uint64_t trips;
    double value; /* what tripped it: ampere or hertz */
    uint32_t settled; /* enum breaker_settled */
    uint32_t is_restored; /* 1: decided before a crash of the machine, so how long it took is not known */
};

struct breakers;
struct breaker_line { /* the connection to one device, for writing */
    struct breakers *breakers;
    unsigned device;
    int feeder; /* the one a request is under way for; -1: none */
    uint32_t phase; /* the decision that the request is for */
    bool is_reading; /* asking how the breaker stands, before writing */
    bool is_paused; /* the last request failed: no other before the next tick */
    struct client_watch watch;
};
struct breakers {
    const struct grid_config *config;
    struct breaker *state; /* config->feeder_count of them */
    struct statistics *reactions; /* in the state region too */
    struct grove_histogram *reaction_seconds; /* for who watches from outside; NULL: nobody can */
    bool must_ask[GRID_FEEDERS_MAX]; /* whether the write was done is not known */
    struct breaker_line line[GRID_DEVICES_MAX];
};

void breakers_init(struct breakers *breakers, struct grove_service *service, const struct grid_config *config,
                   struct breaker *state, struct statistics *reactions);
/* Open a feeder's breaker, unless it is open or opening already. `time_ns`: of the reading that decided. */
void breakers_trip(struct breakers *breakers, unsigned feeder, enum trip_cause cause, double value, uint64_t time_ns);
/* Close it again, if it is tripped. */
void breakers_reset(struct breakers *breakers, unsigned feeder);
/* A good reading shows how the breaker stands: one that somebody closed on the spot is tripped no longer. */
void breakers_observe(struct breakers *breakers, unsigned feeder, bool is_closed, uint64_t time_ns);
/*
 * What the store says of a breaker that is unsettled, unless a decision was made meanwhile. Restore: it was opening, and the
 * device is asked whether it is open, or it was tripped. Doubt: only a reading can tell. Settle: nothing was under way.
 */
void breakers_restore(struct breakers *breakers, unsigned feeder, enum breaker_phase phase, enum trip_cause cause,
                      double value);
void breakers_doubt(struct breakers *breakers, unsigned feeder);
void breakers_settle(struct breakers *breakers, unsigned feeder);
/* Is a device about to answer? Then what can wait should. */
bool breakers_are_under_way(const struct breakers *breakers);
/* Reconnect, give up on late answers, try again: every 20 ms. */
void breakers_tick(struct breakers *breakers);

#endif
