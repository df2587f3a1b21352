/*
 * One way to tell eight others of an event, measured the same for all.
 *
 * The harness forks eight readers. A reader says how many events it has got in a count of its own, in memory that all share;
 * the publisher stays at most WINDOW events ahead of the slowest, so that nothing is lost anywhere and no system is
 * credited with what nobody got. Figures: events delivered in a second, all readers together.
 */
#ifndef GROVE_BENCH_FANOUT_H
#define GROVE_BENCH_FANOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READERS 8u
#define EVENT_BYTES 64u
#define WINDOW 2048u
#define BATCH 64u /* events that a publisher may hand over at once, where its system has such a thing */

struct fanout {
    const char *name;
    bool dials_first; /* the publisher makes what readers look for */
    /* A reader: subscribe, add what came to *count, and set *is_ready when subscribed. Never returns. */
    void (*read)(const char *address, unsigned reader, _Atomic uint64_t *count, _Atomic bool *is_ready);
    void *(*dial)(const char *address);
    void (*publish)(void *publisher, unsigned events); /* so many events of EVENT_BYTES */
};

extern const struct fanout fanout_raw, fanout_grove, fanout_direct, fanout_zeromq, fanout_redis, fanout_nats,
    fanout_mosquitto;
_Noreturn void fanout_fail(const char *what);

#endif
