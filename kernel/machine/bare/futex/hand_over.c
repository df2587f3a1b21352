/*
 * Waiting for several words, and handing the processor over to whom one wakes: see futex.h.
 *
 * Who waits for several words is blocked before it can be found at the first of them, so that no wake-up is lost, and
 * interrupts are off until it has looked at all, so that nothing replaces it meanwhile. One that is another, or not in
 * memory, makes it ready again.
 */
#include "kernel/machine/bare/futex/internal.h"

static void prepare(struct futex_thread *self, struct futex_waiter *waiters, uint32_t count) {
    self->waiters = waiters;
    self->waiter_count = count;
    for (uint32_t i = 0; i < count; i++) {
        waiters[i].thread = self;
        waiters[i].bits = FUTEX_ALL_BITS;
        waiters[i].bucket = NULL;
        waiters[i].link = (struct list){0};
    }
}

static int identify_all(struct futex_space *space, const struct futex_word *words, uint32_t count,
                        struct futex_waiter *waiters) {
    int status = count > 0 && count <= FUTEX_WORDS_MAX ? GROVE_OK : GROVE_INVALID;
    for (uint32_t i = 0; i < count && status == GROVE_OK; i++)
        status = space->memory->identify(space, words[i].address, &waiters[i].key);
    return status;
}

/* Join one word's bucket if the word is as expected. */
static int join_word(struct futex_table *table, struct futex_space *space, const struct futex_word *word,
                     struct futex_waiter *waiter) {
    struct futex_bucket *bucket = bucket_of(table, &waiter->key);
    uint32_t value = 0;
    spinlock_lock(&bucket->lock);
    int status = space->memory->load(space, word->address, &value);
    if (status == GROVE_OK && value != word->expected)
        status = GROVE_AGAIN;
    if (status == GROVE_OK) {
        const struct futex_key key = waiter->key;
        futex_join(bucket, waiter, &key);
    }
    spinlock_unlock(&bucket->lock);
    return status;
}

/* Whether none of the first `count` was taken out. */
static bool take_all_out(const struct futex_thread *self, uint32_t count, uint32_t *woken) {
    bool all = true;
    for (uint32_t i = count; i-- > 0;)
        if (!futex_take_out(&self->waiters[i])) {
            *woken = i;
            all = false;
        }
    return all;
}

/*
 * The thread is blocked, and in all buckets; or it is ready and in none, and *failed the word for which. Interrupts are
 * off. GROVE_OK with a thread that was woken already is one that will not sleep.
 */
static int join_all(struct futex_table *table, struct futex_thread *self, struct futex_space *space,
                    const struct futex_word *words, uint64_t timeout_ns, uint32_t *failed) {
    uint32_t joined = 0, woken;
    int status = GROVE_OK;
    sched_block(table->scheduler, timeout_ns);
    while (joined < self->waiter_count && status == GROVE_OK) {
        status = join_word(table, space, &words[joined], &self->waiters[joined]);
        joined += status == GROVE_OK;
    }
    if (status == GROVE_OK)
        return status;
    *failed = joined;
    if (!take_all_out(self, joined, &woken))
        return GROVE_OK; /* one of those before it has been woken, and so was the thread */
    (void)sched_wake(table->scheduler, self->thread, GROVE_OK);
    return status;
}

/* Take the first waiter of a word out. The caller holds on until it has woken it. */
static struct sched_thread *take_first(struct futex_table *table, const struct futex_key *key) {
    struct futex_bucket *bucket = bucket_of(table, key);
    spinlock_lock(&bucket->lock);
    struct futex_waiter *waiter = next_waiter(bucket, bucket->waiters.next, key, FUTEX_ALL_BITS);
    struct sched_thread *thread = waiter != NULL ? waiter->thread->thread : NULL;
    if (waiter != NULL)
        futex_leave(waiter);
    spinlock_unlock(&bucket->lock);
    return thread;
}

/* `wake` may be NULL: nobody is to be woken. */
static int wait_many(struct futex_table *table, struct futex_thread *self, struct futex_space *space,
                     const struct futex_hand_over *what, const struct futex_key *wake) {
    uint32_t failed = 0;
    int status = GROVE_OK;
    prepare(self, what->waiters, what->count);
    status = identify_all(space, what->words, what->count, what->waiters);
    if (status < 0)
        return status;
    do {
        hold_begin();
        status = join_all(table, self, space, what->words, what->timeout_ns, &failed);
        if (wake != NULL && (status == GROVE_OK || status == GROVE_AGAIN)) {
            struct sched_thread *other = take_first(table, wake);
            if (other != NULL)
                sched_hand_over(table->scheduler, other, what->lends);
        }
        hold_end();
    } while (is_touched(space, what->words[failed].address, &status));
    return status;
}

int futex_wait_many(struct futex_table *table, struct futex_thread *self, struct futex_space *space,
                    const struct futex_word *words, uint32_t count, struct futex_waiter *waiters, uint64_t timeout_ns) {
    const struct futex_hand_over what = {.words = words, .waiters = waiters, .count = count, .timeout_ns = timeout_ns};
    return wait_many(table, self, space, &what, NULL);
}

int futex_finish_many(struct futex_table *table, struct futex_thread *self, uint32_t *woken) {
    if (self->waiters == &self->own) {
        *woken = 0;
        bool is_plain =
            __atomic_load_n(&self->own.bucket, __ATOMIC_RELAXED) == NULL && self->thread->result == GROVE_OK;
        return is_plain ? GROVE_OK : futex_finish(table, self);
    }
    int status = GROVE_OK;
    if (take_all_out(self, self->waiter_count, woken))
        status = self->thread->result < 0 ? self->thread->result : GROVE_CANCELLED;
    for (uint32_t i = 0; i < self->waiter_count; i++) { /* who took one out may still be about to wake the thread */
        struct futex_bucket *bucket = bucket_of(table, &self->waiters[i].key);
        spinlock_lock(&bucket->lock);
        spinlock_unlock(&bucket->lock);
    }
    return status;
}

/* ---- one word: both buckets are held at once ---- */

static int try_hand_over(struct futex_table *table, struct futex_thread *self, struct futex_space *space,
                         const struct futex_hand_over *what, const struct futex_key *wake,
                         const struct futex_key *key) {
    struct futex_bucket *from = bucket_of(table, wake), *to = bucket_of(table, key);
    uint32_t value = 0;
    lock_both(from, to);
    int status = space->memory->load(space, what->words->address, &value);
    if (status == GROVE_OK && value != what->words->expected)
        status = GROVE_AGAIN;
    if (status == GROVE_OK || status == GROVE_AGAIN) {
        struct futex_waiter *waiter = next_waiter(from, from->waiters.next, wake, FUTEX_ALL_BITS);
        struct sched_thread *other = waiter != NULL ? waiter->thread->thread : NULL;
        if (waiter != NULL)
            futex_leave(waiter);
        if (status == GROVE_OK) {
            futex_join(to, &self->own, key);
            sched_wait_and_hand_over(table->scheduler, other, what->timeout_ns, what->lends);
        } else if (other != NULL) {
            (void)sched_wake(table->scheduler, other, GROVE_OK);
        }
    }
    unlock_both(from, to);
    return status;
}

int futex_hand_over(struct futex_table *table, struct futex_thread *self, struct futex_space *space,
                    const struct futex_hand_over *what) {
    struct futex_key wake = {0}, key = {0};
    int status = space->memory->identify(space, what->wake_at, &wake);
    if (status < 0)
        return status;
    if (what->count != 1)
        return wait_many(table, self, space, what, &wake);
    status = space->memory->identify(space, what->words->address, &key);
    if (status < 0)
        return status;
    self->own.bits = FUTEX_ALL_BITS;
    self->waiters = &self->own;
    self->waiter_count = 1;
    do {
        status = try_hand_over(table, self, space, what, &wake, &key);
    } while (is_touched(space, what->words->address, &status));
    return status;
}
