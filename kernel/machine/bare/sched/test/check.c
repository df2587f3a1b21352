/* What must be so in a scheduler: see check.h. */
#include "kernel/machine/bare/sched/test/check.h"

#include "kernel/machine/bare/sched/internal.h"

static const struct sched_thread *root_of(const struct sched_thread *thread) {
    while (thread->waits_for != NULL && thread->waits_for->owner != NULL)
        thread = thread->waits_for->owner;
    return thread;
}

/* What a thread should run with, found by looking at everybody whose chain ends there. */
static uint64_t best_rank(const struct sched_thread *root, struct sched_thread *const *threads, uint32_t count) {
    uint64_t best = context_rank(&root->own);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t rank = context_rank(&threads[i]->own);
        if (threads[i]->state == SCHED_BLOCKED && threads[i]->waits_for != NULL && root_of(threads[i]) == root &&
            rank < best)
            best = rank;
    }
    return best;
}

static const char *check_thread(struct scheduler *scheduler, const struct sched_thread *thread) {
    const struct sched_processor *processor = &scheduler->processors[thread->processor];
    const struct sched_thread *owner = thread->using->owner;
    if (thread->is_queued && thread->state != SCHED_READY)
        return "a thread is queued and not ready";
    if (thread->is_queued && thread->is_running)
        return "a thread is queued and runs";
    if (thread->is_running && processor->current != thread && processor->handed != thread)
        return "a thread is said to run and does not";
    if (thread->state == SCHED_READY && !thread->is_running && !thread->is_queued && context_may_run(thread->using))
        return "a ready thread with time left is forgotten";
    if (thread->state != SCHED_BLOCKED && thread->waits_for != NULL)
        return "a thread that does not block waits for a lock";
    if (thread->state != SCHED_ENDED && root_of(owner) != root_of(thread))
        return "a thread uses a context that is not lent to it";
    if (thread->state != SCHED_ENDED && owner != thread && owner->state != SCHED_BLOCKED)
        return "a context is used by two";
    if (thread->state == SCHED_READY && !thread->is_running && !thread->is_queued && !thread->using->is_spent &&
        group_spent(thread->using->group) != NULL && !list_is_linked(&thread->using->link))
        return "a context whose group has no time left would not be found again";
    return NULL;
}

/* The links of the longest chain that ends at a thread. */
static uint32_t longest_chain(const struct sched_thread *end, struct sched_thread *const *threads, uint32_t count) {
    uint32_t longest = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t links = 0;
        const struct sched_thread *at = threads[i];
        for (; at != end && at->waits_for != NULL && at->waits_for->owner != NULL; at = at->waits_for->owner)
            links++;
        if (at == end && links > longest)
            longest = links;
    }
    return longest;
}

static const char *check_tree(const struct sched_thread *thread) {
    uint32_t links = 0;
    for (const struct sched_thread *at = thread; at->waits_for != NULL && at->waits_for->owner != NULL;
         at = at->waits_for->owner)
        if (++links > SCHED_DEPTH_MAX)
            return "a chain is too long";
    if (thread->waits_for != NULL && thread->waits_for->owner != NULL && !order_holds(&thread->waits_for->held))
        return "a lock with waiters is not among those of its owner";
    return NULL;
}

static const char *check_processor(struct scheduler *scheduler, uint32_t number, struct sched_thread *const *threads,
                                   uint32_t count) {
    const struct sched_processor *processor = &scheduler->processors[number];
    uint64_t waiting = 0, weight = 0, admitted = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct sched_thread *thread = threads[i];
        if (thread->is_queued && thread->processor == number) {
            waiting++;
            weight += thread->queued_weight;
        }
        if (thread->own.class == GROVE_SCHEDULE_DEADLINE && thread->state != SCHED_ENDED && thread->own.home == number)
            admitted += (thread->own.runtime_ns * 1000000 + thread->own.relative_ns - 1) / thread->own.relative_ns;
    }
    if (waiting != processor->waiting)
        return "a processor's count of waiting threads is wrong";
    if (weight != processor->fair_weight)
        return "a processor's fair weight is wrong";
    if (admitted != processor->admitted_ppm || admitted > SCHED_ADMIT_PPM)
        return "a processor's admitted share is wrong";
    if (!processor->current->is_running || processor->current->processor != number)
        return "a processor's current thread does not say so";
    return NULL;
}

static const char *check_accounts(struct scheduler *scheduler, struct sched_thread *const *threads, uint32_t count) {
    uint64_t ran = 0, used = 0, busy = 0;
    for (uint32_t i = 0; i < count; i++) {
        ran += threads[i]->run_ns;
        used += threads[i]->own.used_ns;
    }
    for (uint32_t i = 0; i < scheduler->count; i++)
        busy += scheduler->processors[i].busy_ns;
    if (ran != busy)
        return "what threads ran and processors were busy differs";
    return used == busy ? NULL : "what was charged and what processors were busy differs";
}

const char *check_structure(struct scheduler *scheduler, struct sched_thread *const *threads, uint32_t count) {
    const char *fault = check_accounts(scheduler, threads, count);
    for (uint32_t i = 0; i < scheduler->count && fault == NULL; i++)
        fault = check_processor(scheduler, i, threads, count);
    for (uint32_t i = 0; i < count && fault == NULL; i++) {
        fault = check_tree(threads[i]);
        if (fault == NULL && longest_chain(threads[i], threads, count) != threads[i]->below)
            fault = "the length of the chains that end at a thread is wrong";
        if (fault == NULL)
            fault = check_thread(scheduler, threads[i]);
    }
    return fault;
}

static const char *check_waiting(const struct scheduler *scheduler, const struct sched_thread *thread,
                                 uint32_t number) {
    const struct sched_processor *processor = &scheduler->processors[number];
    const struct sched_context *runs = processor->current->using, *waits = thread->using;
    bool is_home =
        waits->class != GROVE_SCHEDULE_DEADLINE || waits->home == number || !place_allows(thread, waits->home);
    if (!place_allows(thread, number) || !context_may_run(waits) || !is_home)
        return NULL;
    if (processor->current == &processor->idle)
        return "a processor is idle while a thread waits that may run there";
    bool is_fixed = waits->class == GROVE_SCHEDULE_FIXED || waits->class == GROVE_SCHEDULE_ROUND_ROBIN;
    if (is_fixed && !queue_is_reserved(processor) && context_rank(waits) < context_rank(runs))
        return "a fixed priority waits while a lower one runs where it may run";
    if (waits->class == GROVE_SCHEDULE_DEADLINE && waits->home == number && context_rank(waits) < context_rank(runs))
        return "a deadline waits while a later one or a lesser class runs";
    return NULL;
}

const char *check_choice(struct scheduler *scheduler, struct sched_thread *const *threads, uint32_t count) {
    const char *fault = NULL;
    for (uint32_t i = 0; i < count && fault == NULL; i++) {
        struct sched_thread *thread = threads[i];
        /* One that cannot be used any more is found when it would be used. */
        if (thread->state == SCHED_READY && context_may_run(thread->using) &&
            context_rank(thread->using) != best_rank(thread, threads, count))
            fault = "a thread does not run with the best context that is lent to it";
        for (uint32_t n = 0; n < scheduler->count && thread->is_queued && fault == NULL; n++)
            fault = check_waiting(scheduler, thread, n);
    }
    return fault;
}
