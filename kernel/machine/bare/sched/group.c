/*
 * The processor time of containers: a quota in each period, charged to a group and those above it.
 *
 * Used up, no context of the group ranks until the period ends. Who runs with one is found when it is charged (its
 * processor's timer sees to that), who is queued with one when it would be next; both leave the competition unless another
 * context is lent to them, and the context waits in the group's list. What was used beyond the quota, as several processors
 * find out a little late, is taken from the next period.
 */
#include "kernel/machine/bare/sched/internal.h"

#define STEP 16u /* contexts that go on in one hold of the lock */

static void renew(struct sched_group *group, uint64_t now) {
    uint64_t periods = (now - group->renewed_ns) / group->period_ns;
    if (periods == 0)
        return;
    group->renewed_ns += periods * group->period_ns;
    /* A debt is paid by one period's quota after the other; nothing is saved up. */
    uint64_t debt_periods = group->left_ns > 0 ? 0 : (uint64_t)-group->left_ns / group->quota_ns + 1;
    if (periods > debt_periods || group->left_ns > 0)
        group->left_ns = (int64_t)group->quota_ns;
    else
        group->left_ns += (int64_t)(periods * group->quota_ns);
}

static bool is_below(const struct sched_group *group, const struct sched_group *above) {
    while (group != NULL && group != above)
        group = group->parent;
    return group != NULL;
}

static void spend(struct scheduler *scheduler, struct sched_group *group, uint64_t now) {
    group->is_spent = true;
    group->spent_ns = now;
    timer_arm(scheduler, &group->timer, group->renewed_ns + group->period_ns);
    for (uint32_t i = 0; i < scheduler->count; i++)
        if (is_below(scheduler->processors[i].current->using->group, group))
            choose_soon(scheduler, i);
}

void group_charge(struct scheduler *scheduler, struct sched_group *group, uint64_t ran_ns, uint64_t now) {
    for (; group != NULL; group = group->parent) {
        group->used_ns += ran_ns;
        if (group->quota_ns == 0)
            continue;
        if (!group->is_spent)
            renew(group, now);
        group->left_ns -= (int64_t)ran_ns;
        if (group->left_ns <= 0 && !group->is_spent)
            spend(scheduler, group, now);
    }
}

/* With all processors charged, none of them lets the time end unnoticed if each looks again after its share of the rest. */
static uint64_t share_ns(struct scheduler *scheduler, const struct sched_group *group, uint64_t now) {
    for (uint32_t i = 0; i < scheduler->count; i++)
        if (is_below(scheduler->processors[i].current->using->group, group))
            charge(scheduler, &scheduler->processors[i], now);
    if (group->left_ns <= 0 || scheduler->count == 0)
        return 0;
    return (uint64_t)group->left_ns / scheduler->count;
}

uint64_t group_limit_ns(struct scheduler *scheduler, const struct sched_group *group, uint64_t now) {
    uint64_t limit = SCHED_NEVER;
    for (; group != NULL; group = group->parent) {
        uint64_t share = group->quota_ns != 0 && !group->is_spent ? share_ns(scheduler, group, now) : SCHED_NEVER;
        limit = share < limit ? share : limit;
    }
    return limit > LEAST_TIMER_NS ? limit : LEAST_TIMER_NS;
}

/* Threads that are queued with the group's contexts, and were passed over while it had no time, are offered again. */
static void offer_again(struct scheduler *scheduler) {
    for (uint32_t i = 0; i < scheduler->count; i++)
        if (scheduler->processors[i].waiting > 0)
            choose_soon(scheduler, i);
}

/* Contexts that wait for this group compete again. Takes and gives the lock, so that nobody waits for it for long. */
static void go_on(struct scheduler *scheduler, struct sched_group *group) {
    for (bool is_done = false; !is_done;) {
        spinlock_lock(&scheduler->lock);
        for (uint32_t i = 0; i < STEP && !group->is_spent && !list_is_empty(&group->spent); i++) {
            struct sched_context *context = list_first_item(&group->spent, struct sched_context, link);
            list_remove(&context->link);
            lend_refresh(scheduler, context->owner);
        }
        is_done = group->is_spent || list_is_empty(&group->spent);
        spinlock_unlock(&scheduler->lock);
    }
}

/* Locked, before anybody goes on: true if somebody waited. */
static bool count_wait(struct sched_group *group, uint64_t now) {
    if (list_is_empty(&group->spent))
        return false;
    __atomic_add_fetch(&group->waited_ns, now - group->spent_ns, __ATOMIC_RELAXED);
    group->spent_ns = now;
    return true;
}

static void period_ended(struct scheduler *scheduler, struct sched_timer *timer) {
    struct sched_group *group = list_item(timer, struct sched_group, timer);
    spinlock_lock(&scheduler->lock);
    uint64_t now = now_ns(scheduler);
    bool has_waited = group->is_spent && count_wait(group, now);
    if (group->is_spent && now >= group->renewed_ns + group->period_ns) {
        renew(group, now);
        group->is_spent = group->left_ns <= 0;
        if (group->is_spent)
            timer_arm(scheduler, timer, group->renewed_ns + group->period_ns);
        else
            offer_again(scheduler);
    }
    spinlock_unlock(&scheduler->lock);
    go_on(scheduler, group);
    if (has_waited && __atomic_exchange_n(&group->is_armed, false, __ATOMIC_ACQ_REL))
        group->waited(group);
}

static bool is_valid(uint64_t quota_ns, uint64_t period_ns) {
    return quota_ns == 0 ||
           (period_ns > 0 && period_ns <= GROVE_SCHEDULE_PERIOD_NS_MAX && quota_ns / SCHED_PROCESSORS_MAX <= period_ns);
}

int sched_group_init(struct scheduler *scheduler, struct sched_group *group, struct sched_group *parent,
                     uint64_t quota_ns, uint64_t period_ns) {
    uint32_t depth = parent != NULL ? parent->depth + 1 : 1;
    if (!is_valid(quota_ns, period_ns))
        return GROVE_INVALID;
    if (depth > SCHED_GROUPS_DEEP)
        return GROVE_TOO_LARGE;
    *group = (struct sched_group){.parent = parent, .depth = depth, .timer.fire = period_ended};
    list_init(&group->spent);
    return sched_group_set(scheduler, group, quota_ns, period_ns);
}

int sched_group_set(struct scheduler *scheduler, struct sched_group *group, uint64_t quota_ns, uint64_t period_ns) {
    if (!is_valid(quota_ns, period_ns))
        return GROVE_INVALID;
    sched_account(scheduler); /* what ran so far belongs to the old period */
    spinlock_lock(&scheduler->lock);
    timer_disarm(scheduler, &group->timer);
    group->quota_ns = quota_ns;
    group->period_ns = period_ns;
    group->left_ns = (int64_t)quota_ns;
    group->renewed_ns = now_ns(scheduler);
    group->is_spent = false;
    for (uint32_t i = 0; i < scheduler->count; i++) /* each sets its timer anew */
        if (is_below(scheduler->processors[i].current->using->group, group))
            choose_soon(scheduler, i);
    offer_again(scheduler);
    spinlock_unlock(&scheduler->lock);
    go_on(scheduler, group);
    return GROVE_OK;
}

void sched_group_deinit(struct scheduler *scheduler, struct sched_group *group) {
    sched_timer_cancel(scheduler, &group->timer);
    sched_timer_drain(&group->timer);
}

void sched_thread_move(struct scheduler *scheduler, struct sched_thread *thread, struct sched_group *group) {
    spinlock_lock(&scheduler->lock);
    for (uint32_t i = 0; i < scheduler->count; i++) /* whoever uses its context, up to now it was the other group's */
        charge(scheduler, &scheduler->processors[i], now_ns(scheduler));
    list_remove(&thread->own.link);
    thread->own.group = group;
    lend_refresh(scheduler, thread);
    struct sched_thread *user = lend_root(thread);
    if (user->is_running)
        choose_soon(scheduler, user->processor); /* its processor's timer is another one's now */
    spinlock_unlock(&scheduler->lock);
}

void sched_account(struct scheduler *scheduler) {
    spinlock_lock(&scheduler->lock);
    uint64_t now = now_ns(scheduler);
    for (uint32_t i = 0; i < scheduler->count; i++) {
        charge(scheduler, &scheduler->processors[i], now);
        if (!context_may_run(scheduler->processors[i].current->using))
            choose_soon(scheduler, i);
    }
    spinlock_unlock(&scheduler->lock);
}
