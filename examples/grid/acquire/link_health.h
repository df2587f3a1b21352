/*
 * What system.health hears of the links: a check of kind report for each feeder, registered by acquire itself.
 *
 * A link is well while good readings come, and is said not to be when none came for half a second, with the reason in words;
 * every change is told at once, and how it is every two seconds.
 *
 * Nothing here waits: registering is a call that is not waited for, a report that finds no room is left out. When health is
 * dead or the kernel says no, it is tried again once a second.
 */
#ifndef GRID_ACQUIRE_LINK_HEALTH_H
#define GRID_ACQUIRE_LINK_HEALTH_H

#include "examples/grid/common/protocol.h"
#include "grove/health.h"

struct link_health;
struct link_check {
    struct link_health *health;
    char name[GROVE_HEALTH_CHECK_NAME_BYTES];
    bool is_registered;
    bool was_told_well, was_told; /* what was reported last */
    uint64_t told_ns;
};
struct link_health {
    const struct grid_config *config;
    const struct reading *latest; /* of each feeder; the poller's */
    struct grove_channel *channel; /* NULL: not connected */
    uint64_t began_ns, good_ns[GRID_FEEDERS_MAX]; /* 0: no good reading yet */
    uint64_t retry_ns;
    bool is_registering;
    bool has_complained; /* on standard error */
    struct link_check check[GRID_FEEDERS_MAX]; /* of each feeder */
};

/* `config` and `latest` must outlive it. */
void link_health_init(struct link_health *health, const struct grid_config *config, const struct reading *latest,
                      uint64_t now_ns);
/* A reading came. `feeder` is its index. */
void link_health_note(struct link_health *health, unsigned feeder, const struct reading *reading);
/* Register what is not yet, report what has changed: in each cycle. */
void link_health_tick(struct link_health *health, uint64_t now_ns);

#endif
