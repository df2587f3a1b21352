/*
 * Contexts: how they rank, what using them costs, and when a deadline has time again.
 *
 * Deadlines are constant-bandwidth servers. In a period that began at release_ns a context may be used for runtime_ns, and
 * is ranked by deadline_ns = release_ns + relative_ns. Used up, it waits for release_ns + period_ns. When it competes
 * again after a pause it may go on with what is left only if that is no more than its share of the time to the deadline;
 * else a period begins now, or, where the deadline comes before the end of the period, the rest is cut to that share. So it
 * never asks more of a processor than runtime_ns / relative_ns in any interval, which is what admission counts on.
 */
#include "kernel/machine/bare/sched/internal.h"

#include <string.h>

#define SHARE_BITS 20u

/* 1024 / 1.25^nice, from nice -20 on: one step is a tenth of the processor between two threads. */
static const uint32_t nice_weights[] = {WEIGHT_MOST, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
                                        9537,        7629,  6104,  4883,  3906,  3125,  2500,  2000,  1600,  1280,
                                        1024,        819,   655,   524,   419,   336,   268,   215,   172,   137,
                                        110,         88,    70,    56,    45,    36,    29,    23,    18,    15};

static bool is_fixed(const struct sched_context *context) {
    return context->class == GROVE_SCHEDULE_FIXED || context->class == GROVE_SCHEDULE_ROUND_ROBIN;
}

/* ---- deadlines ---- */

static void begin_period(struct sched_context *context, uint64_t release_ns) {
    context->release_ns = release_ns;
    context->deadline_ns = release_ns + context->relative_ns;
    context->left_ns = (int64_t)context->runtime_ns;
}

static void refill(struct scheduler *scheduler, struct sched_timer *timer) {
    struct sched_context *context = list_item(timer, struct sched_context, timer);
    spinlock_lock(&scheduler->lock);
    uint64_t now = now_ns(scheduler), next = context->release_ns + context->period_ns;
    if (context->is_spent && now >= next) {
        context->is_spent = false;
        /* One that fires late by more than a period owes nothing for the time in between. */
        begin_period(context, now < next + context->period_ns ? next : now);
        lend_refresh(scheduler, context->owner);
    }
    spinlock_unlock(&scheduler->lock);
}

void context_spend(struct scheduler *scheduler, struct sched_context *context) {
    context->is_spent = true;
    timer_arm(scheduler, &context->timer, context->release_ns + context->period_ns);
}

static void activate_deadline(struct scheduler *scheduler, struct sched_context *context, uint64_t now) {
    if (context->is_spent || (context->is_active && context->deadline_ns > now))
        return;
    uint64_t share = (context->runtime_ns << SHARE_BITS) / context->relative_ns;
    bool is_over = now >= context->release_ns + context->period_ns;
    if (is_over || context->relative_ns == context->period_ns) {
        if (is_over || context->deadline_ns <= now ||
            (uint64_t)context->left_ns << SHARE_BITS > (context->deadline_ns - now) * share)
            begin_period(context, now);
        return;
    }
    uint64_t most = context->deadline_ns > now ? ((context->deadline_ns - now) * share) >> SHARE_BITS : 0;
    if ((uint64_t)context->left_ns > most)
        context->left_ns = (int64_t)most;
    if (context->left_ns <= 0)
        context_spend(scheduler, context);
}

/* ---- fair ---- */

static uint64_t virtual_of(const struct sched_context *context, uint64_t real_ns) {
    return real_ns * NICE_0_WEIGHT / context->weight;
}

/* Keep how far ahead of others it is when it changes processors, within bounds; what it slept through is mostly lost. */
static void activate_fair(struct scheduler *scheduler, struct sched_context *context, uint32_t number) {
    uint64_t time = scheduler->processors[number].virtual_ns;
    if (context->is_active && context->clock == number)
        return;
    uint64_t most = 2 * virtual_of(context, SCHED_SLICE_NS);
    if (context->clock != number) {
        int64_t lead = (int64_t)(context->virtual_ns - scheduler->processors[context->clock].virtual_ns);
        context->virtual_ns = time + (uint64_t)(lead > (int64_t)most ? (int64_t)most : lead);
        context->clock = number;
    }
    if (context->virtual_ns < time - SCHED_BONUS_NS)
        context->virtual_ns = time - SCHED_BONUS_NS;
}

void context_activate(struct scheduler *scheduler, struct sched_context *context, uint32_t number, uint64_t now) {
    if (context->class == GROVE_SCHEDULE_DEADLINE)
        activate_deadline(scheduler, context, now);
    else if (!is_fixed(context))
        activate_fair(scheduler, context, number);
    context->is_active = true;
}

/* ---- all classes ---- */

void context_init(struct sched_context *context, struct sched_thread *owner, const struct grove_schedule *schedule) {
    context->owner = owner;
    context->class = schedule->class;
    context->priority = schedule->priority;
    context->weight = schedule->class == GROVE_SCHEDULE_FAIR ? nice_weights[schedule->priority + 20] : NICE_0_WEIGHT;
    context->is_active = false;
    context->is_spent = false;
    context->runtime_ns = schedule->runtime_ns;
    context->relative_ns = schedule->deadline_ns;
    context->period_ns = schedule->period_ns;
    context->release_ns = 0;
    context->deadline_ns = 0;
    context->left_ns = is_fixed(context) ? (int64_t)SCHED_QUANTUM_NS : (int64_t)SCHED_SLICE_NS;
    context->timer.fire = refill;
    if (context->class == GROVE_SCHEDULE_DEADLINE)
        begin_period(context, 0);
}

static void charge_context(struct scheduler *scheduler, struct sched_processor *processor,
                           struct sched_context *context, uint64_t ran_ns) {
    if (context->class == GROVE_SCHEDULE_DEADLINE || is_fixed(context))
        processor->real_time_ns += ran_ns;
    if (context->class != GROVE_SCHEDULE_FIXED)
        context->left_ns -= (int64_t)ran_ns;
    if (context->class == GROVE_SCHEDULE_DEADLINE && context->left_ns <= 0 && !context->is_spent)
        context_spend(scheduler, context);
    if (context->class == GROVE_SCHEDULE_FAIR || context->class == GROVE_SCHEDULE_IDLE)
        context->virtual_ns += virtual_of(context, ran_ns);
}

/* The least virtual time of those that compete for a processor is its own: new ones begin there. */
static void advance_virtual_time(struct sched_processor *processor) {
    const struct sched_context *using = processor->current->using;
    uint64_t least = UINT64_MAX;
    if (using->class == GROVE_SCHEDULE_FAIR && processor->current->state == SCHED_READY)
        least = using->virtual_ns;
    if (processor->fair.first != NULL && processor->fair.first->key < least)
        least = processor->fair.first->key;
    if (least != UINT64_MAX && least > processor->virtual_ns)
        processor->virtual_ns = least;
}

void charge(struct scheduler *scheduler, struct sched_processor *processor, uint64_t now) {
    struct sched_thread *thread = processor->current;
    uint64_t ran_ns = now - processor->since_ns;
    if (ran_ns == 0)
        return;
    processor->since_ns = now;
    if (now - processor->window_ns >= SCHED_WINDOW_NS) {
        processor->window_ns = now;
        processor->real_time_ns = 0;
    }
    if (thread != &processor->idle) {
        thread->run_ns += ran_ns;
        thread->using->used_ns += ran_ns;
        processor->busy_ns += ran_ns;
        charge_context(scheduler, processor, thread->using, ran_ns);
        group_charge(scheduler, thread->using->group, ran_ns, now);
    }
    if (thread != &processor->idle)
        advance_virtual_time(processor);
}
