/* What the files of this folder share. */
#ifndef GROVE_BARE_FUTEX_INTERNAL_H
#define GROVE_BARE_FUTEX_INTERNAL_H

#include "kernel/machine/bare/futex/futex.h"

static inline bool key_is(const struct futex_key *a, const struct futex_key *b) {
    return a->object == b->object && a->offset == b->offset;
}

struct futex_bucket *bucket_of(struct futex_table *table, const struct futex_key *key);
/* Whether an attempt that ended with `status` should be made again, as what it needed is in memory now; else sets it. */
bool is_touched(struct futex_space *space, uint64_t address, int *status);
/* futex_finish for a word that inherits. */
int lock_finish(struct futex_table *table, struct futex_thread *self);
/* What a thread that ends owns, with waiters: to the first of them. */
void lock_exit(struct futex_table *table, struct futex_thread *self);
/* The robust list: see futex_exit. */
void robust_exit(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t head);

#endif
