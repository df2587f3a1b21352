/*
 * The ledger: tripping a breaker as a transaction, by the intent log of the store.
 *
 *     absent --prepare--> prepared --decide--> decided --confirm--> absent, with the record of the trip
 *        ^                    ^                    |                              |
 *        +--------------------+--- the breaker is normal again; the record is removed ---+
 *
 * Before anything happens each feeder has an open intent in the store, "trip-N": from now on protection may write to this
 * breaker. So a decision does not wait for the disk: it is stored in the state region (breakers.h) and written to the device
 * at once, and the ledger follows: it marks the intent as decided together with the record "trip/N", and ends it when the
 * device has confirmed. The record stays until the feeder is reset.
 *
 * Crash argument. When only this process dies, the state region says what was decided, and breakers.h completes it. When
 * the kernel or the machine dies, the store says it: an intent that is decided is completed, the device being asked first;
 * a record without an intent means tripped; and of an intent that is only prepared it is not known whether the device was
 * written to, so the next good reading of the breaker decides: open means tripped, closed means that nothing happened. In
 * no case is a trip half done: the breaker is open, or it is written to until it is, and its feeder counts as tripped.
 *
 * Nothing here waits for the store, but for PATIENCE_NS when an intent is looked for after a start. A store that is dead
 * leaves feeders unprepared: they are tripped all the same, and that is counted.
 */
#ifndef GRID_PROTECT_LEDGER_H
#define GRID_PROTECT_LEDGER_H

#include "examples/grid/protect/breakers.h"
#include "grove/intent.h"

enum ledger_stand {
    LEDGER_UNKNOWN, /* to be looked up */
    LEDGER_ABSENT,
    LEDGER_PREPARED,
    LEDGER_DECIDED,
};

/* What the store keeps as "trip/N" (docs/formats.md). */
struct trip_record {
    uint32_t version;
    uint32_t cause; /* enum trip_cause */
    uint64_t decided_wall_ns;
    double value;
};

struct ledger;
struct ledger_feeder {
    struct ledger *ledger;
    char kind_name[16];
    struct grove_intent_kind kind;
    struct grove_intent *intent; /* NULL: none is open, as far as is known */
    enum ledger_stand stand; /* on the disk */
    enum ledger_stand next; /* what the commit under way makes of it */
    bool is_busy; /* a commit is under way */
    bool has_record;
};
struct ledger {
    const struct grid_config *config;
    struct breakers *breakers;
    struct grove_store *store; /* NULL: not open */
    uint64_t retry_ns; /* no attempt before */
    bool has_complained; /* about the store, on standard error */
    struct ledger_feeder feeder[GRID_FEEDERS_MAX];
};

void ledger_init(struct ledger *ledger, const struct grid_config *config, struct breakers *breakers);
/* Let the store follow the breakers; never waits. Call it after everything that may have changed one. */
void ledger_update(struct ledger *ledger);
/* Look up one feeder that is not known yet; every now and then. */
void ledger_tick(struct ledger *ledger);
/* If the machine crashed now, would the store know that this breaker may be, or is, open? */
bool ledger_covers(const struct ledger *ledger, unsigned feeder);
/* Feeders of which the store has what it should. */
unsigned ledger_followed(const struct ledger *ledger);

#endif
