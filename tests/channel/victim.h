/*
 * An honest end that uses everything it can against a peer's segment full of anything, and checks that nothing but
 * the documented errors comes back and that no pointer it is given leaves the two segments.
 */
#ifndef GROVE_TESTS_CHANNEL_VICTIM_H
#define GROVE_TESTS_CHANNEL_VICTIM_H

#include "lib/channel/end.h"
#include "tests/channel/small_layout.h"

/* The next choice of what to do: from a random generator or from a fuzzer's input. */
typedef uint64_t victim_choose(void *context);

struct victim {
    struct grove_channel_layout layout;
    uint8_t *own; /* its segment */
    const uint8_t *peer; /* hostile */
    struct channel_end *end;
    victim_choose *choose;
    void *context;
    uint64_t corrupted; /* how often the channel was found corrupt */
};

void victim_create(struct victim *victim, const uint8_t *peer, victim_choose *choose, void *context);
void victim_destroy(struct victim *victim);
/* Up to `steps` operations, from a fresh start or as a next instance over what the one before left. */
void victim_run(struct victim *victim, unsigned steps, bool resumed);

#endif
