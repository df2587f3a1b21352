/*
 * The intent log: critical operations of several steps that are completed or undone, and never left half done.
 *
 *     static const struct grove_intent_step steps[] = {{"open breaker", open_breaker, close_breaker},
 *                                                      {"tell neighbours", tell, untell}, {0}};
 *     static const struct grove_intent_kind trip = {"trip", GROVE_INTENT_COMPLETE, steps};
 *
 *     grove_intent_recover(store, &trip, context, NULL);            first of all, after a start
 *     grove_intent_run(store, &trip, "feeder 7", 8, context);       from then on
 *
 * What will be done is written to the store before the first step, and each step that was done is marked. If the program
 * dies in between, recover finds it: with GROVE_INTENT_COMPLETE the steps that were not marked are done, with GROVE_INTENT_UNDO
 * the others are undone, the last first. If a step fails, those before it are undone in the same way, whatever the kind says.
 *
 * A step can be done or undone again after it was done or undone (the program may have died before the mark), so each must
 * be written such that twice is as good as once: "close", not "toggle".
 *
 * Intents lie in the store's namespace under "intent/KIND/NUMBER". One instance of a program at a time works on a kind.
 *
 * Errors: those of the store, beside what is named. What a step returned below 0 is passed on.
 */
#ifndef GROVE_INTENT_H
#define GROVE_INTENT_H

#include "grove/store.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GROVE_INTENT_STEPS_MAX 64u
#define GROVE_INTENT_DATA_MAX 65536u
#define GROVE_INTENT_NAME_MAX 63u

/* What an intent is about: what the program gave when it began. */
struct grove_intent_data {
    const void *data;
    size_t length_bytes;
};
typedef int grove_intent_function(const struct grove_intent_data *data, void *context);

struct grove_intent_step {
    const char *name; /* for messages; NULL ends the list */
    grove_intent_function *perform;
    grove_intent_function *undo; /* NULL: nothing has to be undone */
};
/* What recover does with an intent that was left open. */
enum grove_intent_policy { GROVE_INTENT_COMPLETE, GROVE_INTENT_UNDO };
struct grove_intent_kind {
    const char *name; /* 1 to 63 of [A-Za-z0-9_-] */
    enum grove_intent_policy policy;
    const struct grove_intent_step *steps;
};

/*
 * Write the intent, do the steps, remove the intent. 0: all steps are done. Negative, the failure of a step: those before
 * it have been undone. If undoing fails too, or the store cannot be written any more, the intent stays open for recover,
 * and the failure is GROVE_WRONG_STATE.
 */
GROVE_PUBLIC int grove_intent_run(struct grove_store *store, const struct grove_intent_kind *kind, const void *data,
                                  size_t length_bytes, void *context);
/*
 * Complete or undo what was left open of this kind, the oldest first; what cannot be completed is undone. `count` (may be
 * NULL): how many. GROVE_WRONG_STATE: one can be neither completed nor undone, and stays open. An intent whose
 * number of steps is not that of the kind (another version of the program wrote it) is GROVE_VERSION, and stays.
 */
GROVE_PUBLIC int grove_intent_recover(struct grove_store *store, const struct grove_intent_kind *kind, void *context,
                                      unsigned *count);

/*
 * The parts, for a program whose steps wait for events. begin: the intent is on the disk. mark: step `step` (from 0) is
 * done, or with `is_done` false undone again; the marks run from the first without a gap. end: removes it. The structure is
 * freed by end, also when it fails, and by forget, which leaves the intent open.
 */
struct grove_intent;
GROVE_PUBLIC int grove_intent_begin(struct grove_store *store, const struct grove_intent_kind *kind, const void *data,
                                    size_t length_bytes, struct grove_intent **intent);
GROVE_PUBLIC int grove_intent_mark(struct grove_intent *intent, unsigned step, bool is_done);
/* The same as part of a transaction of the program's own, so that what a step did and its mark are one change. */
GROVE_PUBLIC int grove_intent_mark_in(struct grove_intent *intent, struct grove_store_transaction *transaction,
                                      unsigned step, bool is_done);
/*
 * Beginning and ending as parts of a transaction of the program's own, which grove_store_commit_start commits without waiting.
 * begin_in: the intent is on the disk, and may be marked, when the transaction is committed; if it is not, forget it. end_in:
 * the transaction removes it; forget it when that is committed.
 */
GROVE_PUBLIC int grove_intent_begin_in(struct grove_store_transaction *transaction, struct grove_store *store,
                                       const struct grove_intent_kind *kind, const void *data, size_t length_bytes,
                                       struct grove_intent **intent);
GROVE_PUBLIC int grove_intent_end_in(struct grove_intent *intent, struct grove_store_transaction *transaction);
GROVE_PUBLIC int grove_intent_end(struct grove_intent *intent);
GROVE_PUBLIC void grove_intent_forget(struct grove_intent *intent);
/* The oldest one that is open, with the number of steps that are marked. GROVE_NOT_FOUND: none is. */
GROVE_PUBLIC int grove_intent_next(struct grove_store *store, const struct grove_intent_kind *kind,
                                   struct grove_intent **intent, unsigned *done);
GROVE_PUBLIC struct grove_intent_data grove_intent_data(const struct grove_intent *intent);

#ifdef __cplusplus
}
#endif

#endif
