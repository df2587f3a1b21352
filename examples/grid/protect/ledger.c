/* Trips in the intent log; see ledger.h. */
#include "examples/grid/protect/ledger.h"

#include "examples/grid/common/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATIENCE_NS (5 * GROVE_MILLISECOND) /* for looking up; a deadline of protection has more */
#define COMMIT_TIMEOUT_NS (10 * GROVE_SECOND)
#define RETRY_NS GROVE_SECOND
#define KEY_BYTES 32u
#define RECORD_VERSION 1u

enum { STEP_DECIDE, STEP_OPEN };
/* They are done by breakers.h as events come; the names are for messages. */
static const struct grove_intent_step steps[] = {{"decide", NULL, NULL}, {"open", NULL, NULL}, {NULL, NULL, NULL}};

static void complain(struct ledger *ledger) {
    if (!ledger->has_complained)
        fprintf(stderr, "protect: trips are not prepared in the store: %s; trying again\n", grove_last_error());
    ledger->has_complained = true;
    ledger->retry_ns = grove_now_ns() + RETRY_NS;
}

static unsigned index_of(const struct ledger_feeder *feeder) {
    return (unsigned)(feeder - feeder->ledger->feeder);
}

static size_t key_of(const struct ledger_feeder *feeder, char key[KEY_BYTES]) {
    uint64_t number = feeder->ledger->config->feeder[index_of(feeder)].number;
    return (size_t)snprintf(key, KEY_BYTES, "trip/%" PRIu64, number);
}

static void forget(struct ledger_feeder *feeder) {
    grove_intent_forget(feeder->intent);
    feeder->intent = NULL;
}

/* Nothing is known any more of what the store has. */
static void lose_sight(struct ledger_feeder *feeder) {
    forget(feeder);
    feeder->stand = LEDGER_UNKNOWN;
}

void ledger_init(struct ledger *ledger, const struct grid_config *config, struct breakers *breakers) {
    *ledger = (struct ledger){.config = config, .breakers = breakers};
    for (unsigned i = 0; i < config->feeder_count; i++) {
        struct ledger_feeder *feeder = &ledger->feeder[i];
        *feeder = (struct ledger_feeder){.ledger = ledger, .stand = LEDGER_UNKNOWN};
        snprintf(feeder->kind_name, sizeof feeder->kind_name, "trip-%u", (unsigned)config->feeder[i].number);
        feeder->kind =
            (struct grove_intent_kind){.name = feeder->kind_name, .policy = GROVE_INTENT_COMPLETE, .steps = steps};
    }
}

/* ---- following the breakers ---- */

static const struct breaker *breaker_of(const struct ledger_feeder *feeder) {
    return &feeder->ledger->breakers->state[index_of(feeder)];
}

/* How the store should stand, for the breaker as it is. */
static enum ledger_stand wanted(const struct ledger_feeder *feeder) {
    switch (breaker_of(feeder)->phase) {
    case BREAKER_NORMAL:
        return LEDGER_PREPARED;
    case BREAKER_OPENING:
        return LEDGER_DECIDED;
    default:
        return LEDGER_ABSENT;
    }
}

static int write_record(const struct ledger_feeder *feeder, struct grove_store_transaction *transaction) {
    const struct breaker *breaker = breaker_of(feeder);
    char key[KEY_BYTES];
    uint64_t age_ns = grove_now_ns() - breaker->decided_ns;
    const struct trip_record record = {.version = RECORD_VERSION,
                                       .cause = breaker->cause,
                                       .decided_wall_ns = clock_wall_ns() - age_ns,
                                       .value = breaker->value};
    return grove_store_transaction_set(transaction, NULL, key, key_of(feeder, key), &record, sizeof record, 0);
}

static int remove_record(const struct ledger_feeder *feeder, struct grove_store_transaction *transaction) {
    char key[KEY_BYTES];
    return grove_store_transaction_delete(transaction, NULL, key, key_of(feeder, key));
}

/* The breaker is normal: an intent is open, not decided, and no record is there. */
static int prepare(struct ledger_feeder *feeder, struct grove_store_transaction *transaction) {
    struct grove_store *store = feeder->ledger->store;
    const uint64_t number = feeder->ledger->config->feeder[index_of(feeder)].number;
    int status = 0;
    if (feeder->intent == NULL)
        status = grove_intent_begin_in(transaction, store, &feeder->kind, &number, sizeof number, &feeder->intent);
    else if (feeder->stand == LEDGER_DECIDED)
        status = grove_intent_mark_in(feeder->intent, transaction, STEP_DECIDE, false);
    return status < 0 ? status : remove_record(feeder, transaction);
}

/* It is opening: the intent is decided. One that was not prepared is begun now. */
static int decide(struct ledger_feeder *feeder, struct grove_store_transaction *transaction) {
    struct grove_store *store = feeder->ledger->store;
    const uint64_t number = feeder->ledger->config->feeder[index_of(feeder)].number;
    int status = feeder->intent == NULL
                     ? grove_intent_begin_in(transaction, store, &feeder->kind, &number, sizeof number, &feeder->intent)
                     : 0;
    if (status == 0 && feeder->stand != LEDGER_DECIDED)
        status = grove_intent_mark_in(feeder->intent, transaction, STEP_DECIDE, true);
    return status < 0 ? status : write_record(feeder, transaction);
}

/* It is open: what remains is the record. */
static int confirm(struct ledger_feeder *feeder, struct grove_store_transaction *transaction) {
    int status = feeder->intent != NULL ? grove_intent_end_in(feeder->intent, transaction) : 0;
    return status < 0 ? status : write_record(feeder, transaction);
}

static void on_committed(int status, uint64_t version, void *context) {
    struct ledger_feeder *feeder = context;
    (void)version;
    feeder->is_busy = false;
    if (status < 0) {
        complain(feeder->ledger);
        lose_sight(feeder);
        return;
    }
    feeder->ledger->has_complained = false;
    feeder->stand = feeder->next;
    feeder->has_record = feeder->stand != LEDGER_PREPARED;
    if (feeder->stand == LEDGER_ABSENT)
        forget(feeder);
    ledger_update(feeder->ledger);
}

static int commit(struct ledger_feeder *feeder, enum ledger_stand next) {
    static int (*const change[])(struct ledger_feeder * feeder, struct grove_store_transaction * transaction) = {
        [LEDGER_ABSENT] = confirm, [LEDGER_PREPARED] = prepare, [LEDGER_DECIDED] = decide};
    struct grove_store_transaction *transaction;
    int status = grove_store_begin(feeder->ledger->store, &transaction);
    if (status < 0)
        return status;
    status = change[next](feeder, transaction);
    if (status < 0) {
        grove_store_rollback(transaction);
        return status;
    }
    feeder->next = next;
    status = grove_store_commit_start(transaction, on_committed, feeder);
    feeder->is_busy = status == 0;
    return status;
}

/* Does the store have what the breaker wants? Tripped without a record is not: the record must be there. */
static bool is_followed(const struct ledger_feeder *feeder) {
    enum ledger_stand want = wanted(feeder);
    return feeder->stand == want && feeder->has_record == (want != LEDGER_PREPARED);
}

void ledger_update(struct ledger *ledger) {
    if (ledger->store == NULL || grove_now_ns() < ledger->retry_ns)
        return;
    grove_store_set_timeout(ledger->store, COMMIT_TIMEOUT_NS);
    for (unsigned i = 0; i < ledger->config->feeder_count; i++) {
        struct ledger_feeder *feeder = &ledger->feeder[i];
        if (feeder->is_busy || feeder->stand == LEDGER_UNKNOWN || is_followed(feeder))
            continue;
        if (commit(feeder, wanted(feeder)) < 0) {
            complain(ledger);
            lose_sight(feeder);
        }
    }
}

/* ---- looking up ---- */

/* GROVE_NOT_FOUND: none. A record of another version is none either: its breaker is asked. */
static int read_record(const struct ledger_feeder *feeder, struct trip_record *record) {
    char key[KEY_BYTES];
    struct grove_store_value value;
    int status = grove_store_get(feeder->ledger->store, key, key_of(feeder, key), &value);
    if (status < 0)
        return status;
    bool is_one = value.length_bytes == sizeof *record;
    if (is_one)
        memcpy(record, value.data, sizeof *record);
    grove_store_value_release(&value);
    return is_one && record->version == RECORD_VERSION && record->cause < CAUSE_COUNT ? 0 : GROVE_NOT_FOUND;
}

/* The state region is fresh and this feeder has not been dealt with: what the store says counts. */
static void restore(const struct ledger_feeder *feeder, const struct trip_record *record) {
    struct breakers *breakers = feeder->ledger->breakers;
    unsigned index = index_of(feeder);
    if (feeder->stand == LEDGER_PREPARED)
        breakers_doubt(breakers, index);
    else if (record != NULL)
        breakers_restore(breakers, index, feeder->stand == LEDGER_DECIDED ? BREAKER_OPENING : BREAKER_TRIPPED,
                         (enum trip_cause)record->cause, record->value);
    else
        breakers_settle(breakers, index);
}

static int look_up(struct ledger_feeder *feeder) {
    struct trip_record record;
    unsigned done = 0;
    int found = read_record(feeder, &record);
    if (found < 0 && found != GROVE_NOT_FOUND)
        return found;
    int status = grove_intent_next(feeder->ledger->store, &feeder->kind, &feeder->intent, &done);
    if (status < 0 && status != GROVE_NOT_FOUND)
        return status;
    feeder->has_record = found == 0;
    feeder->stand = status < 0 ? LEDGER_ABSENT : done > STEP_DECIDE ? LEDGER_DECIDED : LEDGER_PREPARED;
    if (breaker_of(feeder)->settled == BREAKER_UNSETTLED)
        restore(feeder, found == 0 ? &record : NULL);
    return 0;
}

static struct ledger_feeder *first_unknown(struct ledger *ledger) {
    for (unsigned i = 0; i < ledger->config->feeder_count; i++)
        if (ledger->feeder[i].stand == LEDGER_UNKNOWN && !ledger->feeder[i].is_busy)
            return &ledger->feeder[i];
    return NULL;
}

void ledger_tick(struct ledger *ledger) {
    struct ledger_feeder *feeder = first_unknown(ledger);
    if (feeder == NULL || grove_now_ns() < ledger->retry_ns)
        return;
    if (ledger->store == NULL && grove_store_open(NULL, &ledger->store) < 0) {
        ledger->store = NULL;
        complain(ledger);
        return;
    }
    grove_store_set_timeout(ledger->store, PATIENCE_NS);
    if (look_up(feeder) < 0)
        complain(ledger);
    ledger_update(ledger);
}

/* ---- looking at it ---- */

bool ledger_covers(const struct ledger *ledger, unsigned feeder) {
    const struct ledger_feeder *at = &ledger->feeder[feeder];
    return at->stand != LEDGER_UNKNOWN && (at->stand != LEDGER_ABSENT || at->has_record);
}

unsigned ledger_followed(const struct ledger *ledger) {
    unsigned count = 0;
    for (unsigned i = 0; i < ledger->config->feeder_count; i++)
        count += ledger->feeder[i].stand != LEDGER_UNKNOWN && is_followed(&ledger->feeder[i]);
    return count;
}
