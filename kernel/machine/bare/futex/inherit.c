/*
 * Words that inherit. While somebody waits, a struct futex_lock in the word's bucket stands for it: the waiters lend to its
 * sched_lock, and it is on its owner's list. Everything about it happens under the bucket's lock; the owner's list has a
 * lock of its own, taken inside.
 *
 * It has waiters - 1 spare ones with it: each waiter brought one, the first of them being itself.
 */
#include "kernel/machine/bare/futex/internal.h"

#define EXCHANGES_MAX 64u /* a program that changes the word all the time gets GROVE_AGAIN, and the kernel goes on */

static struct futex_lock *find_lock(struct futex_bucket *bucket, const struct futex_key *key) {
    for (struct list *link = bucket->locks.next; link != &bucket->locks; link = link->next) {
        struct futex_lock *lock = list_item(link, struct futex_lock, link);
        if (key_is(&lock->key, key))
            return lock;
    }
    return NULL;
}

static void set_owner(struct futex_table *table, struct futex_lock *lock, struct futex_thread *owner) {
    lock->owner = owner;
    sched_lock_pass(table->scheduler, &lock->lock, owner != NULL ? owner->thread : NULL);
}

/* Make somebody (NULL: nobody) its owner. GROVE_AGAIN: that one is ending, and so it is nobody. */
static int give(struct futex_table *table, struct futex_lock *lock, struct futex_thread *owner) {
    if (lock->owner != NULL) {
        spinlock_lock(&lock->owner->guard);
        list_remove(&lock->owned);
        spinlock_unlock(&lock->owner->guard);
    }
    if (owner != NULL) {
        spinlock_lock(&owner->guard);
        bool is_exiting = owner->is_exiting;
        if (!is_exiting)
            list_append(&owner->owned, &lock->owned);
        spinlock_unlock(&owner->guard);
        if (is_exiting) {
            set_owner(table, lock, NULL);
            return GROVE_AGAIN;
        }
    }
    set_owner(table, lock, owner);
    return GROVE_OK;
}

/* `self` stops waiting: it takes a spare one along, or as the last waiter this one. */
static void drop_waiter(struct futex_table *table, struct futex_thread *self, struct futex_lock *lock) {
    self->waits_for = NULL;
    if (--lock->waiters > 0) {
        self->spare = lock->spares;
        lock->spares = self->spare->next;
        return;
    }
    (void)give(table, lock, NULL); /* nobody cannot be ending */
    list_remove(&lock->link);
    self->spare = lock;
}

/* ---- lock ---- */

struct attempt {
    struct futex_space *space;
    uint64_t address, timeout_ns;
    struct futex_key key;
    bool is_try, waits;
};

/* Nobody has the word, and `self` takes it, with the waiters that it may still have. */
static int take_free(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t address,
                     struct futex_lock *lock, uint32_t *value) {
    uint32_t was = *value;
    uint32_t wanted = self->number | (was & FUTEX_OWNER_DIED) | (lock != NULL ? FUTEX_WAITERS : 0);
    int status = space->memory->exchange(space, address, value, wanted);
    if (status < 0 || *value != was || lock == NULL)
        return status;
    return give(table, lock, self);
}

/*
 * The struct futex_lock of a word that its owner has: the one there is, or the one that `self` brought. One may be there
 * without an owner, while those who waited have yet to see that they do not any more.
 */
static int owned_lock(struct futex_table *table, struct futex_thread *self, const struct attempt *attempt,
                      uint32_t number, struct futex_lock **lock) {
    struct futex_lock *new = *lock != NULL ? *lock : self->spare;
    if (*lock != NULL && (*lock)->owner != NULL)
        return (*lock)->owner->number == number ? GROVE_OK : GROVE_CORRUPT;
    struct futex_thread *owner = attempt->space->memory->find(attempt->space, number);
    if (owner == NULL || new == NULL) /* each thread that does not wait has a spare one */
        return GROVE_NOT_FOUND;
    if (*lock == NULL)
        *new = (struct futex_lock){.key = attempt->key,
                                   .bucket = bucket_of(table, &attempt->key),
                                   .space = attempt->space,
                                   .address = attempt->address};
    int status = give(table, new, owner);
    if (status == GROVE_OK && *lock == NULL)
        list_append(&new->bucket->locks, &new->link);
    if (status == GROVE_OK)
        *lock = new;
    return status;
}

static int wait_for(struct futex_table *table, struct futex_thread *self, struct futex_lock *lock,
                    uint64_t timeout_ns) {
    if (self->spare != NULL && lock != self->spare) {
        self->spare->next = lock->spares;
        lock->spares = self->spare;
    }
    self->spare = NULL;
    self->waits_for = lock;
    lock->waiters++;
    int status = sched_block_on(table->scheduler, &lock->lock, timeout_ns);
    if (status < 0)
        drop_waiter(table, self, lock);
    return status;
}

/* One look at the word. *again: it changed under our hands. */
static int look(struct futex_table *table, struct futex_thread *self, struct attempt *attempt, bool *again) {
    struct futex_space *space = attempt->space;
    struct futex_lock *lock = find_lock(bucket_of(table, &attempt->key), &attempt->key);
    uint32_t value = 0;
    int status = space->memory->load(space, attempt->address, &value);
    uint32_t was = value, number = value & FUTEX_OWNER;
    *again = false;
    if (status < 0)
        return status;
    if (number == self->number)
        return GROVE_CYCLE;
    if (number == 0) {
        status = take_free(table, self, space, attempt->address, lock, &value);
        *again = status == GROVE_OK && value != was;
        return status;
    }
    if (attempt->is_try)
        return GROVE_AGAIN;
    status = space->memory->exchange(space, attempt->address, &value, value | FUTEX_WAITERS);
    *again = status == GROVE_OK && value != was;
    if (status < 0 || *again)
        return status;
    status = owned_lock(table, self, attempt, number, &lock);
    if (status == GROVE_OK)
        status = wait_for(table, self, lock, attempt->timeout_ns);
    attempt->waits = status == GROVE_OK;
    return status;
}

int futex_lock(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t address,
               uint64_t timeout_ns, bool is_try, bool *waits) {
    struct attempt attempt = {.space = space, .address = address, .timeout_ns = timeout_ns, .is_try = is_try};
    int status = space->memory->identify(space, address, &attempt.key);
    if (status < 0)
        return status;
    struct futex_bucket *bucket = bucket_of(table, &attempt.key);
    do {
        bool again = true;
        spinlock_lock(&bucket->lock);
        for (uint32_t i = 0; i < EXCHANGES_MAX && again; i++)
            status = look(table, self, &attempt, &again);
        spinlock_unlock(&bucket->lock);
        if (again)
            return GROVE_AGAIN;
    } while (is_touched(space, address, &status));
    *waits = attempt.waits;
    return status;
}

int lock_finish(struct futex_table *table, struct futex_thread *self) {
    struct futex_lock *lock = self->waits_for;
    struct futex_bucket *bucket = lock->bucket;
    spinlock_lock(&bucket->lock);
    int status = self->thread->result < 0 ? self->thread->result : GROVE_CANCELLED;
    if (lock->owner == self)
        status = GROVE_OK;
    drop_waiter(table, self, lock);
    spinlock_unlock(&bucket->lock);
    return status;
}

/* ---- unlock ---- */

static struct futex_thread *first_waiter(struct futex_table *table, struct futex_lock *lock) {
    struct sched_thread *first = lock != NULL ? sched_lock_first(table->scheduler, &lock->lock) : NULL;
    return first != NULL ? first->futex : NULL;
}

/* The word says already whose it is. */
static void hand_on(struct futex_table *table, struct futex_lock *lock, struct futex_thread *next) {
    if (lock == NULL)
        return;
    (void)give(table, lock, next); /* who waits is not ending */
    if (next != NULL)
        sched_wake(table->scheduler, next->thread, GROVE_OK);
}

static int release(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t address,
                   struct futex_lock *lock, bool *again) {
    uint32_t value = 0;
    int status = space->memory->load(space, address, &value);
    *again = false;
    if (status < 0)
        return status;
    if ((value & FUTEX_OWNER) != self->number)
        return GROVE_DENIED;
    if (lock != NULL && lock->owner != self)
        return GROVE_CORRUPT;
    struct futex_thread *next = first_waiter(table, lock);
    uint32_t was = value;
    status = space->memory->exchange(space, address, &value, next != NULL ? next->number | FUTEX_WAITERS : 0);
    *again = status == GROVE_OK && value != was;
    if (status == GROVE_OK && !*again)
        hand_on(table, lock, next);
    return status;
}

int futex_unlock(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t address) {
    struct futex_key key = {0};
    int status = space->memory->identify(space, address, &key);
    if (status < 0)
        return status;
    struct futex_bucket *bucket = bucket_of(table, &key);
    do {
        bool again = true;
        spinlock_lock(&bucket->lock);
        for (uint32_t i = 0; i < EXCHANGES_MAX && again; i++)
            status = release(table, self, space, address, find_lock(bucket, &key), &again);
        spinlock_unlock(&bucket->lock);
        if (again)
            return GROVE_AGAIN;
    } while (is_touched(space, address, &status));
    return status;
}

/* ---- the end of an owner ---- */

static struct futex_bucket *bucket_of_owned(struct futex_thread *self) {
    spinlock_lock(&self->guard);
    self->is_exiting = true; /* from now on nobody gives it more */
    struct futex_bucket *bucket =
        list_is_empty(&self->owned) ? NULL : list_item(self->owned.next, struct futex_lock, owned)->bucket;
    spinlock_unlock(&self->guard);
    return bucket;
}

static struct futex_lock *find_owned(struct futex_bucket *bucket, const struct futex_thread *self) {
    for (struct list *link = bucket->locks.next; link != &bucket->locks; link = link->next) {
        struct futex_lock *lock = list_item(link, struct futex_lock, link);
        if (lock->owner == self)
            return lock;
    }
    return NULL;
}

/* Say in the word that its owner died, unless it is somebody else's by now. GROVE_WRONG_STATE: it is not in memory. */
static int mark_died(const struct futex_thread *self, const struct futex_lock *lock, const struct futex_thread *next) {
    uint32_t wanted = FUTEX_OWNER_DIED | (next != NULL ? next->number | FUTEX_WAITERS : 0), value = 0, was = 0;
    int status = lock->space->memory->load(lock->space, lock->address, &value);
    for (uint32_t i = 0; status == GROVE_OK && i < EXCHANGES_MAX; i++) {
        was = value;
        if ((value & FUTEX_OWNER) != self->number && (value & FUTEX_OWNER) != 0)
            break;
        status = lock->space->memory->exchange(lock->space, lock->address, &value, wanted);
        if (value == was)
            break;
    }
    return status;
}

void lock_exit(struct futex_table *table, struct futex_thread *self) {
    struct futex_bucket *bucket;
    bool is_lost = false; /* the word of the next one cannot be brought into memory */
    while ((bucket = bucket_of_owned(self)) != NULL) {
        struct futex_space *space = NULL;
        uint64_t address = 0;
        int status = GROVE_OK;
        spinlock_lock(&bucket->lock);
        struct futex_lock *lock = find_owned(bucket, self);
        if (lock != NULL) {
            struct futex_thread *next = first_waiter(table, lock);
            space = lock->space;
            address = lock->address;
            status = mark_died(self, lock, next);
            if (status != GROVE_WRONG_STATE || is_lost)
                hand_on(table, lock, next);
        }
        spinlock_unlock(&bucket->lock);
        is_lost = status == GROVE_WRONG_STATE && !is_lost && !is_touched(space, address, &status);
    }
}
