/*
 * Which processor a thread runs on. A deadline belongs to the one it is admitted to. Of the rest, a thread that becomes
 * ready goes to an idle processor, its last one if it can; else a fixed priority goes where what runs ranks worst, and a
 * fair thread where it finds the least weight, and so again at the end of each slice. A processor that would run something
 * lesser looks at what waits elsewhere.
 */
#include "kernel/machine/bare/sched/internal.h"

#define LOOK_AT 64u /* threads of one queue that a search for one to pull looks at, at most */
#define REAL_TIME_WEIGHT UINT64_C(1000000) /* what a fair thread finds on a processor that runs real time */

/* The thread that would go on there if nothing came; NULL if none would. */
static const struct sched_thread *runs_on(const struct sched_processor *processor) {
    const struct sched_thread *handed = processor->handed, *current = processor->current;
    if (handed != NULL)
        return handed;
    bool goes_on = current != &processor->idle && current->state == SCHED_READY && context_may_run(current->using);
    return goes_on ? current : NULL;
}

static bool is_free(const struct sched_processor *processor) {
    return runs_on(processor) == NULL && processor->waiting == 0;
}

static uint64_t load(const struct sched_processor *processor) {
    const struct sched_thread *running = runs_on(processor);
    uint64_t weight = processor->fair_weight;
    if (running == NULL || running->using->class == GROVE_SCHEDULE_IDLE)
        return weight;
    return weight + (running->using->class == GROVE_SCHEDULE_FAIR ? running->using->weight : REAL_TIME_WEIGHT);
}

/* How much a processor has to do, as a thread of this class sees it. */
static uint64_t burden(const struct sched_processor *processor, bool is_fixed) {
    if (is_free(processor))
        return 0;
    if (!is_fixed)
        return load(processor) + 1;
    const struct sched_thread *running = runs_on(processor);
    const struct sched_thread *waiting = queue_first(processor);
    uint64_t rank = running != NULL ? context_rank(running->using) : RANK_NONE;
    if (waiting != NULL && waiting->queued_rank < rank)
        rank = waiting->queued_rank;
    return RANK_NONE - rank + 1;
}

uint32_t place_choose(const struct scheduler *scheduler, const struct sched_thread *thread) {
    const struct sched_context *using = thread->using;
    uint64_t allowed = thread->affinity & scheduler->online;
    if (using->class == GROVE_SCHEDULE_DEADLINE && (allowed >> using->home & 1) != 0)
        return using->home;
    if ((allowed & (allowed - 1)) == 0)
        return (uint32_t)__builtin_ctzll(allowed);
    bool is_fixed = using->class == GROVE_SCHEDULE_FIXED || using->class == GROVE_SCHEDULE_ROUND_ROBIN;
    uint32_t best = (allowed >> thread->processor & 1) != 0 ? thread->processor : (uint32_t)__builtin_ctzll(allowed);
    uint64_t least = burden(&scheduler->processors[best], is_fixed);
    for (; allowed != 0 && least != 0; allowed &= allowed - 1) {
        uint32_t number = (uint32_t)__builtin_ctzll(allowed);
        uint64_t here = burden(&scheduler->processors[number], is_fixed);
        if (here < least) {
            best = number;
            least = here;
        }
    }
    return best;
}

static bool is_movable(const struct scheduler *scheduler, const struct sched_thread *thread, uint32_t to) {
    if (!place_allows(thread, to) || !context_may_run(thread->using))
        return false;
    const struct sched_context *using = thread->using;
    return using->class != GROVE_SCHEDULE_DEADLINE || !place_allows(thread, using->home) || using->home == to ||
           using->home >= scheduler->count;
}

static struct sched_thread *movable_in_order(const struct scheduler *scheduler, const struct order *order,
                                             uint32_t to) {
    uint32_t looked = 0;
    for (struct order_node *node = order->first; node != NULL && looked < LOOK_AT; node = order_next(order, node)) {
        struct sched_thread *thread = list_item(node, struct sched_thread, position);
        if (is_movable(scheduler, thread, to))
            return thread;
        looked++;
    }
    return NULL;
}

/* The highest fixed priority, above `least`, that waits on `from` and may go to `to`. */
static struct sched_thread *movable_fixed(const struct scheduler *scheduler, const struct sched_processor *from,
                                          uint32_t to, int32_t least) {
    uint32_t looked = 0;
    for (int32_t priority = SCHED_PRIORITIES - 1; priority > least; priority--) {
        const struct list *head = &from->fixed[priority];
        if ((from->fixed_mask[priority / 64] >> priority % 64 & 1) == 0)
            continue;
        for (struct list *link = head->next; link != head && looked < LOOK_AT; link = link->next, looked++) {
            struct sched_thread *thread = list_item(link, struct sched_thread, place);
            if (is_movable(scheduler, thread, to))
                return thread;
        }
    }
    return NULL;
}

static struct sched_thread *pull_fixed(struct scheduler *scheduler, const struct sched_processor *to, int32_t least) {
    struct sched_thread *best = NULL;
    uint32_t number = (uint32_t)(to - scheduler->processors);
    for (uint32_t i = 0; i < scheduler->count; i++) {
        const struct sched_processor *from = &scheduler->processors[i];
        const struct sched_thread *highest = from != to ? queue_highest_fixed(from) : NULL;
        if (highest == NULL || highest->using->priority <= least)
            continue;
        struct sched_thread *found = movable_fixed(scheduler, from, number, least);
        if (found != NULL) {
            best = found;
            least = found->using->priority;
        }
    }
    return best;
}

/* Something from the processor with the most of it. */
static struct sched_thread *pull_fair(struct scheduler *scheduler, const struct sched_processor *to) {
    struct sched_thread *best = NULL;
    uint64_t most = 0;
    for (uint32_t i = 0; i < scheduler->count; i++) {
        const struct sched_processor *from = &scheduler->processors[i];
        if (from == to || load(from) < most)
            continue;
        struct sched_thread *found = movable_in_order(scheduler, &from->fair, (uint32_t)(to - scheduler->processors));
        if (found != NULL) {
            best = found;
            most = load(from);
        }
    }
    return best;
}

/* Background threads, and those who use the deadline of somebody else's home, which they may not run on. */
static struct sched_thread *pull_rest(struct scheduler *scheduler, const struct sched_processor *to) {
    uint32_t number = (uint32_t)(to - scheduler->processors);
    struct sched_thread *found = NULL;
    for (uint32_t i = 0; i < scheduler->count && found == NULL; i++) {
        const struct sched_processor *from = &scheduler->processors[i];
        if (from == to)
            continue;
        found = movable_in_order(scheduler, &from->deadlines, number);
        if (found == NULL)
            found = movable_in_order(scheduler, &from->background, number);
    }
    return found;
}

struct sched_thread *place_pull(struct scheduler *scheduler, const struct sched_processor *processor,
                                const struct sched_thread *candidate) {
    struct sched_thread *found = NULL;
    enum grove_schedule_class class = candidate != NULL ? candidate->using->class : GROVE_SCHEDULE_IDLE;
    bool is_fixed = class == GROVE_SCHEDULE_FIXED || class == GROVE_SCHEDULE_ROUND_ROBIN;
    if (class == GROVE_SCHEDULE_DEADLINE)
        return NULL;
    if (is_fixed || !queue_is_reserved(processor))
        found = pull_fixed(scheduler, processor, is_fixed ? candidate->using->priority : 0);
    if (found == NULL && class == GROVE_SCHEDULE_IDLE)
        found = pull_fair(scheduler, processor);
    if (found == NULL && candidate == NULL)
        found = pull_rest(scheduler, processor);
    return found;
}

/* Whether a processor should rather run something that waits on `from`. */
static bool wants(const struct scheduler *scheduler, const struct sched_processor *from, uint32_t number) {
    const struct sched_processor *to = &scheduler->processors[number];
    const struct sched_thread *running = runs_on(to);
    if (is_free(to) && (movable_in_order(scheduler, &from->fair, number) != NULL ||
                        movable_in_order(scheduler, &from->deadlines, number) != NULL ||
                        movable_in_order(scheduler, &from->background, number) != NULL))
        return true;
    if (running != NULL && (running->using->class == GROVE_SCHEDULE_DEADLINE || queue_is_reserved(to)))
        return false;
    bool is_fixed = running != NULL && context_rank(running->using) < RANK_FAIR;
    return movable_fixed(scheduler, from, number, is_fixed ? running->using->priority : 0) != NULL;
}

void place_offer(struct scheduler *scheduler, const struct sched_processor *processor) {
    for (uint32_t i = 0; i < scheduler->count && processor->waiting > 0; i++)
        if (processor != &scheduler->processors[i] && wants(scheduler, processor, i))
            choose_soon(scheduler, i);
}
