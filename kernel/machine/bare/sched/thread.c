/* Threads: how they begin, change, block, wake and end. */
#include "kernel/machine/bare/sched/internal.h"

#include <string.h>

#define STEP 16u /* waiters that are woken in one hold of the lock */

static void timed_out(struct scheduler *scheduler, struct sched_timer *timer);

static void init_thread(struct sched_thread *thread, const struct grove_schedule *schedule) {
    memset(thread, 0, sizeof(*thread));
    context_init(&thread->own, thread, schedule);
    thread->own.virtual_ns = VIRTUAL_START;
    thread->using = &thread->own;
    thread->timeout.fire = timed_out;
    thread->timeout_ns = SCHED_NEVER;
    thread->calls.owner = thread;
}

void sched_init(struct scheduler *scheduler, const struct sched_machine *machine, struct sched_processor *processors,
                uint32_t count) {
    const struct grove_schedule idle = {.class = GROVE_SCHEDULE_IDLE};
    *scheduler = (struct scheduler){.machine = machine, .processors = processors, .count = count};
    memset(processors, 0, count * sizeof(*processors));
    uint64_t now = machine->now_ns(scheduler);
    for (uint32_t i = 0; i < count; i++) {
        struct sched_processor *processor = &processors[i];
        init_thread(&processor->idle, &idle);
        processor->idle.state = SCHED_READY;
        processor->idle.is_running = true;
        processor->idle.processor = i;
        processor->idle.affinity = UINT64_C(1) << i;
        processor->current = &processor->idle;
        processor->virtual_ns = VIRTUAL_START;
        processor->since_ns = now;
        processor->window_ns = now;
        processor->timer_ns = SCHED_NEVER;
        for (uint32_t n = 0; n < SCHED_PRIORITIES; n++)
            list_init(&processor->fixed[n]);
        scheduler->online |= UINT64_C(1) << i;
    }
}

int sched_thread_init(struct scheduler *scheduler, struct sched_thread *thread, const struct grove_schedule *schedule,
                      uint64_t affinity, struct sched_group *group) {
    if (grove_schedule_fault(schedule) != NULL || (affinity & scheduler->online) == 0)
        return GROVE_INVALID;
    init_thread(thread, schedule);
    thread->affinity = affinity;
    thread->own.group = group;
    spinlock_lock(&scheduler->lock);
    int status = admit(scheduler, &thread->own, affinity);
    uint32_t here = scheduler->machine->here(scheduler);
    thread->processor = place_allows(thread, here) ? here : (uint32_t)__builtin_ctzll(affinity & scheduler->online);
    thread->own.clock = thread->processor;
    /* A new fair thread comes behind those that wait, so that many new ones do not keep them waiting. */
    thread->own.virtual_ns =
        scheduler->processors[thread->processor].virtual_ns + SCHED_SLICE_NS * NICE_0_WEIGHT / thread->own.weight;
    spinlock_unlock(&scheduler->lock);
    return status;
}

int sched_thread_set(struct scheduler *scheduler, struct sched_thread *thread, const struct grove_schedule *schedule,
                     uint64_t affinity) {
    if (grove_schedule_fault(schedule) != NULL || (affinity & scheduler->online) == 0)
        return GROVE_INVALID;
    struct sched_context wanted = {.class = GROVE_SCHEDULE_FAIR};
    context_init(&wanted, thread, schedule);
    spinlock_lock(&scheduler->lock);
    for (uint32_t i = 0; i < scheduler->count; i++) /* whoever uses the context, up to now it was the old one */
        charge(scheduler, &scheduler->processors[i], now_ns(scheduler));
    struct sched_context *own = &thread->own;
    admit_end(scheduler, own);
    int status = admit(scheduler, &wanted, affinity);
    if (status < 0) {
        (void)admit(scheduler, own, UINT64_C(1) << own->home); /* it was there a moment ago */
    } else {
        timer_disarm(scheduler, &own->timer);
        context_init(own, thread, schedule);
        own->home = wanted.home;
        thread->affinity = affinity;
        if (thread->is_queued) {
            queue_remove(scheduler, thread);
            make_ready(scheduler, thread, false);
        }
        struct sched_thread *user = lend_root(thread);
        if (user->is_running && user->state == SCHED_READY && user->using == own) {
            context_activate(scheduler, own, user->processor, now_ns(scheduler));
            choose_soon(scheduler, user->processor);
        }
        lend_refresh(scheduler, thread);
    }
    spinlock_unlock(&scheduler->lock);
    return status;
}

/* ---- blocking and waking ---- */

/*
 * Who waits in calls, one after the other, is nearly always woken long before its time: its timer is left where it is, and set
 * anew when it fires too early.
 */
static bool is_timed_already(const struct sched_thread *thread, uint64_t timeout_ns) {
    return thread->keeps_timer && order_holds(&thread->timeout.node) && thread->timeout.node.key <= timeout_ns;
}

void thread_block(struct scheduler *scheduler, struct sched_thread *thread, uint64_t timeout_ns) {
    thread->state = SCHED_BLOCKED;
    thread->timeout_ns = timeout_ns;
    if (thread->waits_for == NULL) {
        thread->using->is_active = false;
        thread->own.is_active = false;
    }
    if (timeout_ns != SCHED_NEVER && !is_timed_already(thread, timeout_ns))
        timer_arm(scheduler, &thread->timeout, timeout_ns);
}

void thread_unblock(struct scheduler *scheduler, struct sched_thread *thread, int result) {
    thread_unblock_at(scheduler, thread, result, now_ns(scheduler));
}

void thread_unblock_at(struct scheduler *scheduler, struct sched_thread *thread, int result, uint64_t now) {
    if (!thread->keeps_timer)
        timer_disarm(scheduler, &thread->timeout);
    thread->state = SCHED_READY;
    thread->result = result;
    thread->is_receiving = false;
    thread->ready_since_ns = now;
    if (thread->waits_for != NULL)
        lend_end(scheduler, thread);
}

/* Nobody lends to it, it lends to nobody, and its processor has gone on to others: all it needs is a queue. */
static bool is_on_its_own(const struct sched_thread *thread) {
    return !thread->is_running && !thread->is_queued && thread->holds.first == NULL && thread->using == &thread->own &&
           thread->own.group == NULL;
}

static bool wake(struct scheduler *scheduler, struct sched_thread *thread, int result) {
    if (thread->state != SCHED_BLOCKED)
        return false;
    thread_unblock(scheduler, thread, result);
    if (is_on_its_own(thread))
        make_ready(scheduler, thread, false);
    else
        lend_refresh(scheduler, thread);
    return true;
}

static void timed_out(struct scheduler *scheduler, struct sched_timer *timer) {
    struct sched_thread *thread = list_item(timer, struct sched_thread, timeout);
    spinlock_lock(&scheduler->lock);
    if (thread->state == SCHED_BLOCKED && thread->timeout_ns <= now_ns(scheduler))
        (void)wake(scheduler, thread, GROVE_TIMED_OUT);
    else if (thread->state == SCHED_BLOCKED && thread->timeout_ns != SCHED_NEVER && !order_holds(&timer->node))
        timer_arm(scheduler, timer, thread->timeout_ns);
    spinlock_unlock(&scheduler->lock);
}

void sched_block(struct scheduler *scheduler, uint64_t timeout_ns) {
    spinlock_lock(&scheduler->lock);
    struct sched_processor *processor = processor_here(scheduler);
    charge(scheduler, processor, now_ns(scheduler));
    processor->current->keeps_timer = false;
    thread_block(scheduler, processor->current, timeout_ns);
    thread_look_interrupted(scheduler, processor->current);
    spinlock_unlock(&scheduler->lock);
}

bool sched_wake(struct scheduler *scheduler, struct sched_thread *thread, int result) {
    spinlock_lock(&scheduler->lock);
    bool is_woken = wake(scheduler, thread, result);
    spinlock_unlock(&scheduler->lock);
    return is_woken;
}

/*
 * The lock makes sure that it neither begins to wait nor moves meanwhile: it is woken, or sees for itself that it is not to
 * wait; it is found where it runs, or looks for itself after it has moved.
 */
void sched_interrupt_thread(struct scheduler *scheduler, struct sched_thread *thread) {
    spinlock_lock(&scheduler->lock);
    if (thread->state == SCHED_BLOCKED && thread->interrupted != NULL)
        (void)wake(scheduler, thread, GROVE_CANCELLED);
    else if (thread->is_running && thread->processor != scheduler->machine->here(scheduler))
        choose_soon(scheduler, thread->processor);
    spinlock_unlock(&scheduler->lock);
}

void thread_look_interrupted(struct scheduler *scheduler, struct sched_thread *thread) {
    if (thread->interrupted != NULL && __atomic_load_n(thread->interrupted, __ATOMIC_RELAXED))
        (void)wake(scheduler, thread, GROVE_CANCELLED);
}

/* ---- the end ---- */

/* Wake up to STEP of those who wait for a lock or a call. */
static void release_waiters(struct scheduler *scheduler, struct sched_lock *lock) {
    for (uint32_t i = 0; i < STEP && lock->waiters.first != NULL; i++)
        (void)wake(scheduler, list_item(lock->waiters.first, struct sched_thread, waiting), GROVE_CLOSED);
}

/* The processor that a thread has, or was handed and has not taken yet, goes to somebody else. */
static void give_up_processor(struct scheduler *scheduler, struct sched_thread *thread) {
    struct sched_processor *processor = &scheduler->processors[thread->processor];
    if (processor->handed == thread) {
        processor->handed = NULL;
        thread->is_running = processor->current == thread;
    }
    choose_soon(scheduler, thread->processor);
}

void sched_thread_end(struct scheduler *scheduler, struct sched_thread *thread) {
    spinlock_lock(&scheduler->lock);
    charge(scheduler, &scheduler->processors[thread->processor], now_ns(scheduler));
    timer_disarm(scheduler, &thread->timeout);
    if (thread->waits_for != NULL)
        lend_end(scheduler, thread);
    while (thread->holds.first != NULL) {
        release_waiters(scheduler, list_item(thread->holds.first, struct sched_lock, held));
        spinlock_unlock(&scheduler->lock);
        spinlock_lock(&scheduler->lock);
    }
    if (thread->is_queued)
        queue_remove(scheduler, thread);
    thread->state = SCHED_ENDED;
    if (thread->is_running)
        give_up_processor(scheduler, thread);
    list_remove(&thread->own.link);
    timer_disarm(scheduler, &thread->own.timer);
    admit_end(scheduler, &thread->own);
    spinlock_unlock(&scheduler->lock);
}

void sched_drain(struct sched_thread *thread) {
    sched_timer_drain(&thread->timeout);
    sched_timer_drain(&thread->own.timer);
}
