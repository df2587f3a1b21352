/*
 * Who waits lends its context to whom it waits for.
 *
 * Thread -> lock it waits for -> owner of that lock, and so on: chains, which together are trees whose roots run, are
 * queued or sleep. A lock orders its waiters by the rank of what they would run with, an owner orders its locks by the
 * first waiter of each, and so knows the best context below it. When one changes, what lies above it is worked out anew,
 * link by link. There is no circle, and no chain has more than SCHED_DEPTH_MAX links: both are refused when a thread would
 * begin to wait. For that each thread and lock counts what ends there by the length of the chain.
 */
#include "kernel/machine/bare/sched/internal.h"

/* ---- lengths of chains ---- */

/* Something counted under `was` is counted under `is` from now on; 0 is for what is not there. */
static void recount(uint32_t counts[SCHED_DEPTH_MAX + 1], uint32_t *lengths, uint32_t was, uint32_t is,
                    uint32_t *below) {
    if (was > 0 && was <= SCHED_DEPTH_MAX && --counts[was] == 0)
        *lengths &= ~(UINT32_C(1) << was);
    if (is > 0 && is <= SCHED_DEPTH_MAX) {
        counts[is]++;
        *lengths |= UINT32_C(1) << is;
    }
    *below = *lengths != 0 ? 31 - (uint32_t)__builtin_clz(*lengths) : 0;
}

static void recount_waiter(struct sched_lock *lock, uint32_t was, uint32_t is);

/* The recursion is as deep as the chain. */
static void recount_held(struct sched_thread *owner, uint32_t was, uint32_t is) {
    uint32_t old = owner->below;
    recount(owner->held_at, &owner->held_lengths, was, is, &owner->below);
    if (owner->below != old && owner->waits_for != NULL)
        recount_waiter(owner->waits_for, old + 1, owner->below + 1);
}

static void recount_waiter(struct sched_lock *lock, uint32_t was, uint32_t is) {
    uint32_t old = lock->below;
    recount(lock->waiting_at, &lock->waiting_lengths, was, is, &lock->below);
    if (lock->below != old && lock->owner != NULL)
        recount_held(lock->owner, old, lock->below);
}

/* ---- contexts ---- */

/* A context whose group has no time left stands in the group's list, so that it is found when there is some again. */
static void note_spent_group(struct sched_context *context) {
    struct sched_group *group = group_spent(context->group);
    list_remove(&context->link);
    if (group != NULL)
        list_append(&group->spent, &context->link);
}

/* The best of a thread's own context and of those that are lent to it; of equals the lent one, so that it is used up. */
static struct sched_context *best_context(struct sched_thread *thread) {
    uint64_t own = context_rank(&thread->own);
    if (thread->holds.first == NULL || thread->holds.first->key > own || thread->holds.first->key == RANK_NONE)
        return &thread->own;
    const struct sched_lock *lock = list_item(thread->holds.first, struct sched_lock, held);
    return list_item(lock->waiters.first, struct sched_thread, waiting)->using;
}

static void use(struct scheduler *scheduler, struct sched_thread *thread, struct sched_context *context) {
    bool is_same = thread->using == context;
    if (thread->is_running) {
        charge(scheduler, &scheduler->processors[thread->processor], now_ns(scheduler));
        thread->using = context;
        if (is_same && context_may_run(context))
            return;
        if (thread->state == SCHED_READY)
            context_activate(scheduler, context, thread->processor, now_ns(scheduler));
        choose_soon(scheduler, thread->processor);
        return;
    }
    if (thread->is_queued) {
        if (is_same && thread->queued_rank == context_rank(context) && context_may_run(context))
            return;
        queue_remove(scheduler, thread);
    }
    thread->using = context;
    if (thread->state == SCHED_READY)
        make_ready(scheduler, thread, false);
}

/* Bring a lock's place among those of its owner up to date. */
static void place_lock(struct sched_lock *lock) {
    struct sched_thread *owner = lock->owner;
    if (owner == NULL)
        return;
    if (order_holds(&lock->held)) {
        if (lock->waiters.first != NULL && lock->held.key == lock->waiters.first->key)
            return;
        order_remove(&owner->holds, &lock->held);
    }
    if (lock->waiters.first != NULL)
        order_insert(&owner->holds, &lock->held, lock->waiters.first->key);
}

static void place_waiter(struct sched_lock *lock, struct sched_thread *thread) {
    uint64_t rank = context_rank(thread->using);
    if (thread->waiting.key != rank) {
        order_remove(&lock->waiters, &thread->waiting);
        order_insert(&lock->waiters, &thread->waiting, rank);
    }
    place_lock(lock);
}

/*
 * Where to look again: the context that a thread uses ranks otherwise than is noted on the way to it. That happens where a
 * group's time ended unnoticed, and where a deadline began a period as it was put to use. Neither happens twice to one
 * context at one moment. NULL if all is noted.
 */
static struct sched_thread *look_again_at(struct sched_thread *thread) {
    uint64_t rank = context_rank(thread->using);
    if (thread->using != &thread->own)
        return thread->using->owner->waiting.key != rank ? thread->using->owner : NULL;
    if (group_spent(thread->own.group) != NULL && !list_is_linked(&thread->own.link))
        return thread;
    bool has_better =
        thread->holds.first != NULL && thread->holds.first->key != RANK_NONE && thread->holds.first->key <= rank;
    return has_better ? thread : NULL;
}

void lend_refresh(struct scheduler *scheduler, struct sched_thread *thread) {
    while (thread != NULL) {
        struct sched_lock *lock = thread->waits_for;
        note_spent_group(&thread->own);
        use(scheduler, thread, best_context(thread));
        struct sched_thread *again = look_again_at(thread);
        if (again == NULL && lock != NULL) {
            place_waiter(lock, thread);
            thread = lock->owner;
        } else {
            thread = again;
        }
    }
}

/* The links from a lock up to the root. GROVE_CYCLE: `thread` is on that way. */
static int count_links(const struct sched_lock *lock, const struct sched_thread *thread, uint32_t *links) {
    for (*links = 1; lock != NULL && lock->owner != NULL; lock = lock->owner->waits_for) {
        if (lock->owner == thread)
            return GROVE_CYCLE;
        if (lock->owner->waits_for != NULL)
            ++*links;
    }
    return GROVE_OK;
}

struct sched_thread *lend_root(struct sched_thread *thread) {
    while (thread->waits_for != NULL && thread->waits_for->owner != NULL)
        thread = thread->waits_for->owner;
    return thread;
}

int lend_begin(struct scheduler *scheduler, struct sched_thread *thread, struct sched_lock *lock) {
    uint32_t links;
    int status = count_links(lock, thread, &links);
    if (status < 0)
        return status;
    if (thread->below + links > SCHED_DEPTH_MAX)
        return GROVE_TOO_LARGE;
    thread->waits_for = lock;
    order_insert(&lock->waiters, &thread->waiting, context_rank(thread->using));
    place_lock(lock);
    recount_waiter(lock, 0, thread->below + 1);
    if (lend_root(thread)->state != SCHED_READY)
        thread->using->is_active = false;
    lend_refresh(scheduler, thread);
    return GROVE_OK;
}

void lend_end(struct scheduler *scheduler, struct sched_thread *thread) {
    struct sched_lock *lock = thread->waits_for;
    order_remove(&lock->waiters, &thread->waiting);
    thread->waits_for = NULL;
    recount_waiter(lock, thread->below + 1, 0);
    place_lock(lock);
    lend_refresh(scheduler, lock->owner);
}

/* ---- between two who have nobody else ---- */

static bool is_alone(const struct sched_thread *thread) {
    return thread->own.group == NULL && !thread->own.is_spent && thread->own.class != GROVE_SCHEDULE_DEADLINE;
}

bool lend_begin_alone(struct sched_thread *thread, struct sched_thread *owner) {
    struct sched_lock *lock = &owner->calls;
    if (!is_alone(thread) || !is_alone(owner) || thread->waits_for != NULL || owner->waits_for != NULL ||
        thread->holds.first != NULL || owner->holds.first != NULL || thread == owner)
        return false;
    uint64_t rank = context_rank(&thread->own);
    thread->waits_for = lock;
    order_insert(&lock->waiters, &thread->waiting, rank);
    order_insert(&owner->holds, &lock->held, rank);
    recount(lock->waiting_at, &lock->waiting_lengths, 0, 1, &lock->below);
    recount(owner->held_at, &owner->held_lengths, 0, 1, &owner->below);
    if (rank <= context_rank(&owner->own))
        owner->using = &thread->own;
    return true;
}

bool lend_end_alone(struct sched_thread *thread, struct sched_thread *owner) {
    struct sched_lock *lock = &owner->calls;
    if (thread->waits_for != lock || lock->waiters.count != 1 || owner->holds.count != 1 || owner->waits_for != NULL ||
        thread->holds.first != NULL || !is_alone(thread) || !is_alone(owner))
        return false;
    order_remove(&lock->waiters, &thread->waiting);
    order_remove(&owner->holds, &lock->held);
    thread->waits_for = NULL;
    recount(lock->waiting_at, &lock->waiting_lengths, 1, 0, &lock->below);
    recount(owner->held_at, &owner->held_lengths, 1, 0, &owner->below);
    owner->using = &owner->own;
    return true;
}

/* ---- for whoever keeps locks ---- */

int sched_block_on(struct scheduler *scheduler, struct sched_lock *lock, uint64_t timeout_ns) {
    spinlock_lock(&scheduler->lock);
    struct sched_thread *thread = processor_here(scheduler)->current;
    charge(scheduler, processor_here(scheduler), now_ns(scheduler));
    thread->state = SCHED_BLOCKED;
    int status = lend_begin(scheduler, thread, lock);
    if (status < 0)
        thread->state = SCHED_READY;
    else
        thread_block(scheduler, thread, timeout_ns);
    if (status == GROVE_OK)
        thread_look_interrupted(scheduler, thread);
    spinlock_unlock(&scheduler->lock);
    return status;
}

int sched_lend(struct scheduler *scheduler, struct sched_thread *thread, struct sched_lock *lock) {
    spinlock_lock(&scheduler->lock);
    int status = thread->state == SCHED_BLOCKED && thread->waits_for == NULL ? lend_begin(scheduler, thread, lock)
                                                                             : GROVE_WRONG_STATE;
    spinlock_unlock(&scheduler->lock);
    return status;
}

struct sched_thread *sched_lock_first(struct scheduler *scheduler, struct sched_lock *lock) {
    spinlock_lock(&scheduler->lock);
    struct sched_thread *first =
        lock->waiters.first != NULL ? list_item(lock->waiters.first, struct sched_thread, waiting) : NULL;
    spinlock_unlock(&scheduler->lock);
    return first;
}

void sched_lock_pass(struct scheduler *scheduler, struct sched_lock *lock, struct sched_thread *owner) {
    spinlock_lock(&scheduler->lock);
    struct sched_thread *old = lock->owner;
    if (owner != NULL && owner->waits_for == lock) {
        order_remove(&lock->waiters, &owner->waiting);
        owner->waits_for = NULL;
        recount_waiter(lock, owner->below + 1, 0);
    }
    if (order_holds(&lock->held))
        order_remove(&old->holds, &lock->held);
    if (old != NULL)
        recount_held(old, lock->below, 0);
    lock->owner = owner;
    if (owner != NULL)
        recount_held(owner, 0, lock->below);
    place_lock(lock);
    lend_refresh(scheduler, old);
    lend_refresh(scheduler, owner);
    spinlock_unlock(&scheduler->lock);
}
