/* Waiting on words and waking: see futex.h. */
#include "kernel/machine/bare/futex/internal.h"

#include <string.h>

#define STEP 16u /* threads that are woken or moved in one hold of a bucket's lock */

void futex_init(struct futex_table *table, struct scheduler *scheduler) {
    memset(table, 0, sizeof(*table));
    table->scheduler = scheduler;
    for (uint32_t i = 0; i < FUTEX_BUCKETS; i++) {
        list_init(&table->buckets[i].waiters);
        list_init(&table->buckets[i].locks);
    }
}

void futex_thread_init(struct futex_thread *self, struct sched_thread *thread, uint32_t number) {
    memset(self, 0, sizeof(*self));
    self->thread = thread;
    thread->futex = self;
    self->own.thread = self;
    self->waiters = &self->own;
    self->waiter_count = 1;
    self->number = number;
    self->spare = &self->first;
    list_init(&self->owned);
}

struct futex_bucket *bucket_of(struct futex_table *table, const struct futex_key *key) {
    uint64_t hash = (key->object ^ (key->offset >> 2)) * UINT64_C(0x9e3779b97f4a7c15);
    return &table->buckets[hash >> 56];
}

bool is_touched(struct futex_space *space, uint64_t address, int *status) {
    if (*status != GROVE_WRONG_STATE)
        return false;
    *status = space->memory->touch(space, address);
    return *status == GROVE_OK;
}

/* ---- wait ---- */

static int try_wait(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t address,
                    const struct futex_key *key, uint32_t expected, uint64_t timeout_ns) {
    struct futex_bucket *bucket = bucket_of(table, key);
    uint32_t value = 0;
    spinlock_lock(&bucket->lock);
    int status = space->memory->load(space, address, &value);
    if (status == GROVE_OK && value != expected)
        status = GROVE_AGAIN;
    if (status == GROVE_OK) {
        futex_join(bucket, &self->own, key);
        sched_block(table->scheduler, timeout_ns);
    }
    spinlock_unlock(&bucket->lock);
    return status;
}

int futex_wait(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t address,
               uint32_t expected, uint32_t bits, uint64_t timeout_ns) {
    struct futex_key key = {0};
    if (bits == 0)
        return GROVE_INVALID;
    int status = space->memory->identify(space, address, &key);
    if (status < 0)
        return status;
    self->own.bits = bits;
    do {
        status = try_wait(table, self, space, address, &key, expected, timeout_ns);
    } while (is_touched(space, address, &status));
    return status;
}

bool futex_take_out(struct futex_waiter *waiter) {
    bool was_in = false;
    struct futex_bucket *bucket;
    while (!was_in && (bucket = __atomic_load_n(&waiter->bucket, __ATOMIC_RELAXED)) != NULL) {
        spinlock_lock(&bucket->lock);
        if (waiter->bucket == bucket) { /* else it was moved or taken out meanwhile */
            futex_leave(waiter);
            was_in = true;
        }
        spinlock_unlock(&bucket->lock);
    }
    return was_in;
}

int futex_finish(struct futex_table *table, struct futex_thread *self) {
    if (self->waits_for != NULL)
        return lock_finish(table, self);
    if (futex_take_out(&self->own))
        return self->thread->result < 0 ? self->thread->result : GROVE_CANCELLED;
    if (self->thread->result < 0) { /* whoever took it out is still about to wake it */
        struct futex_bucket *bucket = bucket_of(table, &self->own.key);
        spinlock_lock(&bucket->lock);
        spinlock_unlock(&bucket->lock);
    }
    return GROVE_OK;
}

/* ---- wake ---- */

struct futex_waiter *next_waiter(struct futex_bucket *bucket, struct list *link, const struct futex_key *key,
                                 uint32_t bits) {
    for (; link != &bucket->waiters; link = link->next) {
        struct futex_waiter *waiter = list_item(link, struct futex_waiter, link);
        if (key_is(&waiter->key, key) && (waiter->bits & bits) != 0)
            return waiter;
    }
    return NULL;
}

/* Wake up to `count`. Returns how many. The bucket's lock is held. */
static uint32_t wake_some(struct futex_table *table, struct futex_bucket *bucket, const struct futex_key *key,
                          uint32_t count, uint32_t bits) {
    uint32_t woken = 0;
    struct futex_waiter *waiter = next_waiter(bucket, bucket->waiters.next, key, bits);
    while (waiter != NULL && woken < count) {
        struct list *next = waiter->link.next;
        struct sched_thread *thread = waiter->thread->thread; /* taken out, the waiter may be gone */
        futex_leave(waiter);
        sched_wake(table->scheduler, thread, GROVE_OK);
        woken++;
        waiter = next_waiter(bucket, next, key, bits);
    }
    return woken;
}

/* The same in steps, without locks. */
static uint32_t wake_all(struct futex_table *table, const struct futex_key *key, uint32_t count, uint32_t bits) {
    struct futex_bucket *bucket = bucket_of(table, key);
    uint32_t all = 0, step, now;
    do {
        step = count - all < STEP ? count - all : STEP;
        spinlock_lock(&bucket->lock);
        now = wake_some(table, bucket, key, step, bits);
        spinlock_unlock(&bucket->lock);
        all += now;
    } while (now == STEP && all < count);
    return all;
}

int futex_wake(struct futex_table *table, struct futex_space *space, uint64_t address, uint32_t count, uint32_t bits,
               uint32_t *woken) {
    struct futex_key key = {0};
    if (bits == 0)
        return GROVE_INVALID;
    int status = space->memory->identify(space, address, &key);
    if (status < 0)
        return status;
    *woken = wake_all(table, &key, count, bits);
    return GROVE_OK;
}

void futex_wake_key(struct futex_table *table, const struct futex_key *key) {
    (void)wake_all(table, key, UINT32_MAX, FUTEX_ALL_BITS);
}

/* ---- requeue ---- */

/* In one hold of both locks: after the word was compared none may slip in between. */
static uint32_t move_some(struct futex_bucket *from, struct futex_bucket *to, const struct futex_key *key,
                          const struct futex_key *new_key, uint32_t count) {
    uint32_t moved = 0;
    struct futex_waiter *waiter = next_waiter(from, from->waiters.next, key, FUTEX_ALL_BITS);
    while (waiter != NULL && moved < count) {
        struct list *next = waiter->link.next;
        list_remove(&waiter->link);
        futex_join(to, waiter, new_key);
        moved++;
        waiter = next_waiter(from, next, key, FUTEX_ALL_BITS);
    }
    return moved;
}

int futex_requeue(struct futex_table *table, struct futex_space *space, uint64_t from, uint64_t to, uint32_t wake_count,
                  uint32_t move_count, const uint32_t *expected, uint32_t *woken, uint32_t *moved) {
    struct futex_key key = {0}, new_key = {0};
    int status = space->memory->identify(space, from, &key);
    if (status == GROVE_OK)
        status = space->memory->identify(space, to, &new_key);
    if (status < 0)
        return status;
    struct futex_bucket *bucket = bucket_of(table, &key), *new_bucket = bucket_of(table, &new_key);
    do {
        uint32_t value = 0;
        lock_both(bucket, new_bucket);
        status = expected != NULL ? space->memory->load(space, from, &value) : GROVE_OK;
        if (status == GROVE_OK && expected != NULL && value != *expected)
            status = GROVE_AGAIN;
        if (status == GROVE_OK) {
            *woken = wake_some(table, bucket, &key, wake_count, FUTEX_ALL_BITS);
            *moved = key_is(&key, &new_key) ? 0 : move_some(bucket, new_bucket, &key, &new_key, move_count);
        }
        unlock_both(bucket, new_bucket);
    } while (is_touched(space, from, &status));
    return status;
}

void futex_exit(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t robust) {
    if (robust != 0)
        robust_exit(table, self, space, robust);
    lock_exit(table, self);
}
