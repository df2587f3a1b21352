/* What the files of this folder share. */
#ifndef GROVE_BARE_FUTEX_INTERNAL_H
#define GROVE_BARE_FUTEX_INTERNAL_H

#include "kernel/machine/bare/futex/futex.h"

static inline bool key_is(const struct futex_key *a, const struct futex_key *b) {
    return a->object == b->object && a->offset == b->offset;
}

static inline void futex_join(struct futex_bucket *bucket, struct futex_waiter *waiter, const struct futex_key *key) {
    waiter->key = *key;
    list_append(&bucket->waiters, &waiter->link);
    __atomic_store_n(&waiter->bucket, bucket,
                     __ATOMIC_RELAXED); /* read by who finishes, who looks again under the lock */
}

static inline void futex_leave(struct futex_waiter *waiter) {
    list_remove(&waiter->link);
    __atomic_store_n(&waiter->bucket, NULL, __ATOMIC_RELAXED);
}

/* In the order of their addresses; they may be the same. */
static inline void lock_both(struct futex_bucket *a, struct futex_bucket *b) {
    spinlock_lock(a < b ? &a->lock : &b->lock);
    if (a != b)
        spinlock_lock(a < b ? &b->lock : &a->lock);
}

static inline void unlock_both(struct futex_bucket *a, struct futex_bucket *b) {
    spinlock_unlock(&a->lock);
    if (a != b)
        spinlock_unlock(&b->lock);
}

/* The next one in a bucket that waits for a word and one of the bits, from `link` on, or NULL. The bucket's lock is held. */
struct futex_waiter *next_waiter(struct futex_bucket *bucket, struct list *link, const struct futex_key *key,
                                 uint32_t bits);
/* Take a waiter out of whatever bucket it is in; true if it was still in one. */
bool futex_take_out(struct futex_waiter *waiter);
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
