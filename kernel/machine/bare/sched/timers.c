/* Moments: each processor has its own in an ordered set, and its hardware timer is set to the first of them. */
#include "kernel/machine/bare/sched/internal.h"

void timer_disarm(struct scheduler *scheduler, struct sched_timer *timer) {
    if (order_holds(&timer->node))
        order_remove(&scheduler->processors[timer->processor].timers, &timer->node);
}

void timer_arm(struct scheduler *scheduler, struct sched_timer *timer, uint64_t when_ns) {
    struct sched_processor *here = processor_here(scheduler);
    timer_disarm(scheduler, timer);
    timer->processor = scheduler->machine->here(scheduler);
    order_insert(&here->timers, &timer->node, when_ns);
    if (when_ns < here->timer_ns) {
        here->timer_ns = when_ns;
        scheduler->machine->set_timer(scheduler, when_ns);
    }
}

void sched_timer_set(struct scheduler *scheduler, struct sched_timer *timer, uint64_t when_ns) {
    spinlock_lock(&scheduler->lock);
    timer_arm(scheduler, timer, when_ns);
    spinlock_unlock(&scheduler->lock);
}

void sched_timer_cancel(struct scheduler *scheduler, struct sched_timer *timer) {
    spinlock_lock(&scheduler->lock);
    timer_disarm(scheduler, timer);
    spinlock_unlock(&scheduler->lock);
}

void sched_timer_drain(struct sched_timer *timer) {
    while (__atomic_load_n(&timer->firing, __ATOMIC_ACQUIRE) != 0) /* pairs with the subtraction in sched_interrupt */
        pause_processor();
}

/* While one fires it may be set anew and fire on another processor as well: `firing` counts both. */
void sched_interrupt(struct scheduler *scheduler) {
    spinlock_lock(&scheduler->lock);
    struct sched_processor *here = processor_here(scheduler);
    uint64_t now = now_ns(scheduler);
    here->must_choose = true;
    here->timer_ns = SCHED_NEVER;
    while (here->timers.first != NULL && here->timers.first->key <= now) {
        struct sched_timer *timer = list_item(here->timers.first, struct sched_timer, node);
        order_remove(&here->timers, &timer->node);
        __atomic_fetch_add(&timer->firing, 1, __ATOMIC_RELAXED);
        spinlock_unlock(&scheduler->lock);
        timer->fire(scheduler, timer);
        __atomic_fetch_sub(&timer->firing, 1, __ATOMIC_RELEASE);
        spinlock_lock(&scheduler->lock);
    }
    spinlock_unlock(&scheduler->lock);
}
