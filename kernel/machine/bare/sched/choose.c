/*
 * What runs next on a processor, the switch to it, and when the processor's timer has to ring for that.
 *
 * The lock is taken in sched_reschedule and given in sched_arrived, by the thread that was switched to.
 */
#include "kernel/machine/bare/sched/internal.h"

#define CHOICES_MAX 8u

void choose_soon(struct scheduler *scheduler, uint32_t number) {
    struct sched_processor *processor = &scheduler->processors[number];
    processor->must_choose = true;
    if (processor == processor_here(scheduler) || processor->is_kicked)
        return;
    processor->is_kicked = true;
    scheduler->machine->kick(scheduler, number);
}

/* Whether a processor's timer must take into account what was just queued there, which does not go first. */
static bool needs_timer(const struct sched_processor *processor, const struct sched_thread *queued) {
    const struct sched_context *runs = processor->current->using;
    if (queued->using->class == GROVE_SCHEDULE_DEADLINE)
        return false;
    if (queued->queued_rank < RANK_FAIR) /* the end of a quantum, or of what is reserved for fair threads */
        return runs->class == GROVE_SCHEDULE_ROUND_ROBIN || runs->class == GROVE_SCHEDULE_FAIR;
    return processor->fair.count == 1 || processor->background.count == 1;
}

void make_ready(struct scheduler *scheduler, struct sched_thread *thread, bool is_first) {
    if (!context_may_run(thread->using))
        return;
    uint64_t now = now_ns(scheduler);
    thread->processor = place_choose(scheduler, thread);
    struct sched_processor *processor = &scheduler->processors[thread->processor];
    charge(scheduler, processor, now);
    context_activate(scheduler, thread->using, thread->processor, now);
    /* A deadline had its share of this period, or what runs there has just used up the time of a group. */
    if (!context_may_run(thread->using))
        return;
    queue_insert(scheduler, thread, is_first);
    const struct sched_thread *running = processor->handed != NULL ? processor->handed : processor->current;
    bool goes_on = running != &processor->idle && running->state == SCHED_READY && context_may_run(running->using);
    if (!goes_on || queue_beats(processor, thread, running) || needs_timer(processor, thread))
        choose_soon(scheduler, thread->processor);
}

/* Let a thread use a context that may run, if it has one. */
static bool settle(struct scheduler *scheduler, struct sched_thread *thread) {
    if (!context_may_run(thread->using))
        lend_refresh(scheduler, thread->using->owner);
    return context_may_run(thread->using);
}

/* A thread that ran or was to run here does not: back to the queues with it. */
static void put_back(struct scheduler *scheduler, struct sched_thread *thread) {
    struct sched_context *using = thread->using;
    bool is_fixed = using->class == GROVE_SCHEDULE_FIXED || using->class == GROVE_SCHEDULE_ROUND_ROBIN;
    bool is_first = is_fixed && using->left_ns > 0;
    thread->is_running = false;
    if (is_fixed && using->left_ns <= 0)
        using->left_ns = (int64_t)SCHED_QUANTUM_NS;
    thread->ready_since_ns = now_ns(scheduler);
    make_ready(scheduler, thread, is_first);
    /* As it came to compete its context may have lost its rank or its time: perhaps another one is better now. */
    if (!thread->is_queued || thread->holds.first != NULL)
        lend_refresh(scheduler, thread->using->owner);
}

/* The first of a processor's queues that may really run. */
static struct sched_thread *settled_first(struct scheduler *scheduler, struct sched_processor *processor) {
    struct sched_thread *first;
    while ((first = queue_first(processor)) != NULL && !context_may_run(first->using))
        lend_refresh(scheduler, first->using->owner);
    return first;
}

/* Whether the one that runs here, or was handed the processor, may go on here. */
static bool may_go_on(struct scheduler *scheduler, struct sched_processor *processor, struct sched_thread *thread) {
    if (thread == NULL || thread == &processor->idle || thread->state != SCHED_READY || !settle(scheduler, thread))
        return false;
    const struct sched_context *using = thread->using;
    uint32_t here = (uint32_t)(processor - scheduler->processors);
    bool is_away = using->class == GROVE_SCHEDULE_DEADLINE && using->home != here && place_allows(thread, using->home);
    return place_allows(thread, here) && !is_away;
}

static void leave(struct scheduler *scheduler, struct sched_thread *thread) {
    if (thread->state == SCHED_READY)
        put_back(scheduler, thread);
    else
        thread->is_running = false;
}

/* Of those that had the processor or were handed it, the one that would go on; the other is queued. */
static struct sched_thread *candidate_of(struct scheduler *scheduler, struct sched_processor *processor) {
    struct sched_thread *previous = processor->current, *handed = processor->handed, *candidate = NULL;
    if (may_go_on(scheduler, processor, handed))
        candidate = handed;
    else if (may_go_on(scheduler, processor, previous))
        candidate = previous;
    processor->handed = NULL;
    if (handed != NULL && handed != candidate)
        leave(scheduler, handed);
    if (previous != candidate && previous != &processor->idle && previous != handed)
        leave(scheduler, previous);
    return candidate;
}

static struct sched_thread *choose(struct scheduler *scheduler, struct sched_processor *processor) {
    struct sched_thread *candidate = candidate_of(scheduler, processor);
    struct sched_thread *first = settled_first(scheduler, processor);
    if (first == NULL || (candidate != NULL && !queue_beats(processor, first, candidate)))
        first = candidate;
    bool waits_elsewhere = scheduler->waiting != processor->waiting;
    struct sched_thread *pulled = waits_elsewhere ? place_pull(scheduler, processor, first) : NULL;
    if (pulled != NULL)
        first = pulled;
    if (first == candidate)
        return candidate != NULL ? candidate : &processor->idle;
    queue_remove(scheduler, first);
    first->is_running = true;
    first->processor = (uint32_t)(processor - scheduler->processors);
    processor->current = first;
    if (candidate != NULL)
        put_back(scheduler, candidate);
    return first;
}

/*
 * A deadline that comes to the processor only after it has passed begins a period anew, or had its share of this one: then
 * it may no longer be the first. And to put others back may change what is lent to the
 * one that was chosen. Both settle at once; should they not, set_timer calls soon again.
 */
static struct sched_thread *choose_settled(struct scheduler *scheduler, struct sched_processor *processor,
                                           uint64_t now) {
    uint64_t rank, was;
    uint32_t tries = 0;
    do {
        processor->must_choose = false;
        processor->current = choose(scheduler, processor);
        struct sched_context *using = processor->current->using;
        was = rank = context_rank(using);
        if (processor->current != &processor->idle) {
            context_activate(scheduler, using, processor->current->processor, now);
            rank = context_rank(using);
        }
        if (rank != was)
            lend_refresh(scheduler, using->owner);
    } while ((rank != was || processor->must_choose) && ++tries < CHOICES_MAX);
    return processor->current;
}

/* ---- the timer ---- */

static uint64_t fair_limit_ns(const struct sched_context *using, const struct order *queue) {
    if (queue->first == NULL)
        return SCHED_NEVER;
    if (using->left_ns > 0)
        return (uint64_t) using->left_ns;
    if (queue->first->key < using->virtual_ns)
        return 0;
    return (queue->first->key - using->virtual_ns + 1) * using->weight / NICE_0_WEIGHT;
}

/* How long the current thread may go on before something must be decided, if nothing else happens. */
static uint64_t limit_ns(const struct sched_processor *processor, uint64_t now) {
    const struct sched_context *using = processor->current->using;
    bool has_fair = processor->fair.first != NULL;
    uint64_t window_end = processor->window_ns + SCHED_WINDOW_NS;
    uint64_t window_left = window_end > now ? window_end - now : 0;
    uint64_t limit = SCHED_NEVER;
    switch (using->class) {
    case GROVE_SCHEDULE_DEADLINE:
        return using->left_ns > 0 ? (uint64_t) using->left_ns : 0;
    case GROVE_SCHEDULE_ROUND_ROBIN:
        if (!list_is_empty(&processor->fixed[using->priority]))
            limit = using->left_ns > 0 ? (uint64_t) using->left_ns : 0;
        __attribute__((fallthrough));
    case GROVE_SCHEDULE_FIXED:
        if (has_fair && processor->real_time_ns < SCHED_REAL_TIME_NS &&
            SCHED_REAL_TIME_NS - processor->real_time_ns < limit)
            limit = SCHED_REAL_TIME_NS - processor->real_time_ns;
        return limit;
    case GROVE_SCHEDULE_FAIR:
        limit = fair_limit_ns(using, &processor->fair);
        if (queue_highest_fixed(processor) != NULL && window_left < limit)
            limit = window_left;
        return limit;
    default:
        return fair_limit_ns(using, &processor->background);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static void set_timer(struct scheduler *scheduler, struct sched_processor *processor, uint64_t now) {
    uint64_t when = processor->timers.first != NULL ? processor->timers.first->key : SCHED_NEVER;
    if (processor->current != &processor->idle) {
        const struct sched_context *using = processor->current->using;
        uint64_t limit = limit_ns(processor, now);
        if (using->class != GROVE_SCHEDULE_DEADLINE && limit < LEAST_TIMER_NS)
            limit = LEAST_TIMER_NS;
        limit = earlier(limit, group_limit_ns(scheduler, using->group, now));
        if (limit != SCHED_NEVER)
            when = earlier(when, now + limit);
    }
    if (processor->must_choose)
        when = now;
    if (when != processor->timer_ns) {
        processor->timer_ns = when;
        scheduler->machine->set_timer(scheduler, when);
    }
}

/* ---- for each processor ---- */

/*
 * The usual end of a call or a reply: the one that had the processor sleeps, the one that was handed it may have it, and
 * nothing else waits anywhere. What was used up to the hand-over is charged. NULL: there is more to decide.
 */
static struct sched_thread *take_over(struct scheduler *scheduler, struct sched_processor *processor) {
    struct sched_thread *next = processor->handed, *previous = processor->current;
    if (next == NULL || scheduler->waiting != 0 || previous->state != SCHED_BLOCKED || next->state != SCHED_READY)
        return NULL;
    struct sched_context *using = next->using;
    bool is_plain = (using->class == GROVE_SCHEDULE_FAIR || using->class == GROVE_SCHEDULE_FIXED) &&
                    using->group == NULL && !using->is_spent;
    uint32_t here = scheduler->machine->here(scheduler);
    uint64_t when = processor->timers.first != NULL ? processor->timers.first->key : SCHED_NEVER;
    if (!is_plain || !place_allows(next, here) || processor->timer_ns != when)
        return NULL;
    if (!using->is_active || (using->class == GROVE_SCHEDULE_FAIR && using->clock != here))
        context_activate(scheduler, using, here, processor->since_ns);
    if (using->class == GROVE_SCHEDULE_FAIR && using->left_ns <= 0)
        using->left_ns = (int64_t)SCHED_SLICE_NS;
    processor->must_choose = false;
    processor->is_kicked = false;
    processor->handed = NULL;
    processor->current = next;
    previous->is_running = false;
    return next;
}

void sched_reschedule(struct scheduler *scheduler) {
    spinlock_lock(&scheduler->lock);
    struct sched_processor *processor = processor_here(scheduler);
    struct sched_thread *previous = processor->current, *taken = take_over(scheduler, processor);
    if (taken != NULL) {
        scheduler->machine->switch_to(scheduler, previous, taken);
        sched_arrived(scheduler);
        return;
    }
    uint64_t now = now_ns(scheduler);
    charge(scheduler, processor, now);
    processor->is_kicked = false;
    struct sched_thread *next = choose_settled(scheduler, processor, now);
    if (next != previous && next->using->class == GROVE_SCHEDULE_FAIR && next->using->left_ns <= 0)
        next->using->left_ns = (int64_t)SCHED_SLICE_NS;
    place_offer(scheduler, processor);
    set_timer(scheduler, processor, now);
    if (next != previous)
        scheduler->machine->switch_to(scheduler, previous, next);
    sched_arrived(scheduler);
}

void sched_arrived(struct scheduler *scheduler) {
    spinlock_unlock(&scheduler->lock);
}

struct sched_thread *sched_current(struct scheduler *scheduler) {
    return processor_here(scheduler)->current; /* changed by this processor only, which is not interrupted here */
}

bool sched_must_reschedule(struct scheduler *scheduler) {
    return __atomic_load_n(&processor_here(scheduler)->must_choose, __ATOMIC_RELAXED);
}

void sched_give_way(struct scheduler *scheduler) {
    spinlock_lock(&scheduler->lock);
    struct sched_processor *processor = processor_here(scheduler);
    struct sched_context *using = processor->current->using;
    charge(scheduler, processor, now_ns(scheduler));
    if (using->class == GROVE_SCHEDULE_DEADLINE && !using->is_spent && using == &processor->current->own)
        context_spend(scheduler, using);
    else if (using->class != GROVE_SCHEDULE_DEADLINE)
        using->left_ns = 0;
    if (using->class == GROVE_SCHEDULE_FAIR && processor->fair.first != NULL &&
        using->virtual_ns <= processor->fair.first->key)
        using->virtual_ns = processor->fair.first->key + 1;
    processor->must_choose = true;
    spinlock_unlock(&scheduler->lock);
}
