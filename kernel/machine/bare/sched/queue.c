/*
 * The queues of a processor: deadlines by deadline, a list for each fixed priority, fair and background threads by virtual
 * time. What runs is in none of them.
 */
#include "kernel/machine/bare/sched/internal.h"

static enum grove_schedule_class class_of_rank(uint64_t rank) {
    if (rank < RANK_FIXED)
        return GROVE_SCHEDULE_DEADLINE;
    if (rank < RANK_FAIR)
        return GROVE_SCHEDULE_FIXED;
    return rank < RANK_BACKGROUND ? GROVE_SCHEDULE_FAIR : GROVE_SCHEDULE_IDLE;
}

/* The list of a fixed rank: list n holds priority n. */
static uint32_t list_of_rank(uint64_t rank) {
    return SCHED_PRIORITIES - (uint32_t)(rank - RANK_FIXED);
}

static struct order *order_of_rank(struct sched_processor *processor, uint64_t rank) {
    switch (class_of_rank(rank)) {
    case GROVE_SCHEDULE_DEADLINE:
        return &processor->deadlines;
    case GROVE_SCHEDULE_FAIR:
        return &processor->fair;
    default:
        return &processor->background;
    }
}

static void insert_fixed(struct sched_processor *processor, struct sched_thread *thread, bool is_first) {
    uint32_t number = list_of_rank(thread->queued_rank);
    if (is_first)
        list_prepend(&processor->fixed[number], &thread->place);
    else
        list_append(&processor->fixed[number], &thread->place);
    processor->fixed_mask[number / 64] |= UINT64_C(1) << number % 64;
}

void queue_insert(struct scheduler *scheduler, struct sched_thread *thread, bool is_first) {
    struct sched_processor *processor = &scheduler->processors[thread->processor];
    const struct sched_context *using = thread->using;
    uint64_t rank = context_rank(using);
    thread->queued_rank = rank;
    thread->queued_weight = 0;
    switch (class_of_rank(rank)) {
    case GROVE_SCHEDULE_DEADLINE:
        order_insert(&processor->deadlines, &thread->position, rank);
        break;
    case GROVE_SCHEDULE_FIXED:
        insert_fixed(processor, thread, is_first);
        break;
    case GROVE_SCHEDULE_FAIR:
        thread->queued_weight = using->weight;
        order_insert(&processor->fair, &thread->position, using->virtual_ns);
        break;
    default:
        order_insert(&processor->background, &thread->position, using->virtual_ns);
        break;
    }
    thread->is_queued = true;
    processor->waiting++;
    scheduler->waiting++;
    processor->fair_weight += thread->queued_weight;
}

void queue_remove(struct scheduler *scheduler, struct sched_thread *thread) {
    struct sched_processor *processor = &scheduler->processors[thread->processor];
    if (class_of_rank(thread->queued_rank) == GROVE_SCHEDULE_FIXED) {
        uint32_t number = list_of_rank(thread->queued_rank);
        list_remove(&thread->place);
        if (list_is_empty(&processor->fixed[number]))
            processor->fixed_mask[number / 64] &= ~(UINT64_C(1) << number % 64);
    } else {
        order_remove(order_of_rank(processor, thread->queued_rank), &thread->position);
    }
    thread->is_queued = false;
    processor->waiting--;
    scheduler->waiting--;
    processor->fair_weight -= thread->queued_weight;
}

struct sched_thread *queue_highest_fixed(const struct sched_processor *processor) {
    for (uint32_t word = 2; word-- > 0;) {
        if (processor->fixed_mask[word] == 0)
            continue;
        uint32_t number = word * 64 + 63 - (uint32_t)__builtin_clzll(processor->fixed_mask[word]);
        return list_item(processor->fixed[number].next, struct sched_thread, place);
    }
    return NULL;
}

bool queue_is_reserved(const struct sched_processor *processor) {
    const struct sched_thread *current = processor->current;
    bool is_fair_there =
        processor->fair.first != NULL ||
        (current->state == SCHED_READY && current->using->class == GROVE_SCHEDULE_FAIR && current != &processor->idle);
    return is_fair_there && processor->real_time_ns >= SCHED_REAL_TIME_NS;
}

static struct sched_thread *first_of(const struct order *order) {
    return order->first != NULL ? list_item(order->first, struct sched_thread, position) : NULL;
}

struct sched_thread *queue_first(const struct sched_processor *processor) {
    if (processor->deadlines.first != NULL)
        return first_of(&processor->deadlines);
    struct sched_thread *fixed = queue_highest_fixed(processor);
    if (fixed != NULL && !(processor->fair.first != NULL && queue_is_reserved(processor)))
        return fixed;
    if (processor->fair.first != NULL)
        return first_of(&processor->fair);
    return fixed != NULL ? fixed : first_of(&processor->background);
}

/* The order of classes on a processor at this moment. */
static uint32_t level(const struct sched_processor *processor, enum grove_schedule_class class) {
    switch (class) {
    case GROVE_SCHEDULE_DEADLINE:
        return 0;
    case GROVE_SCHEDULE_FIXED:
    case GROVE_SCHEDULE_ROUND_ROBIN:
        return queue_is_reserved(processor) ? 3 : 1;
    case GROVE_SCHEDULE_FAIR:
        return 2;
    default:
        return 4;
    }
}

bool queue_beats(const struct sched_processor *processor, const struct sched_thread *thread,
                 const struct sched_thread *running) {
    const struct sched_context *new = thread->using, *old = running->using;
    uint32_t new_level = level(processor, new->class), old_level = level(processor, old->class);
    if (new_level != old_level)
        return new_level < old_level;
    switch (new->class) {
    case GROVE_SCHEDULE_DEADLINE:
        return new->deadline_ns < old->deadline_ns;
    case GROVE_SCHEDULE_FIXED:
    case GROVE_SCHEDULE_ROUND_ROBIN:
        return new->priority > old->priority || (new->priority == old->priority && old->left_ns <= 0);
    default:
        return new->virtual_ns + (old->left_ns > 0 ? SCHED_GRAIN_NS : 0) < old->virtual_ns;
    }
}
