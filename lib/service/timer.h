/*
 * Timers in a binary heap, ordered by when they are due. A timer's number holds its slot and how often the slot was
 * used, so that cancelling one that is over never hits another.
 */
#ifndef GROVE_SERVICE_TIMER_H
#define GROVE_SERVICE_TIMER_H

#include "grove/grove.h"

struct timer {
    uint64_t due_ns, period_ns; /* period 0: once */
    grove_timer_handler *handler;
    void *context;
    uint32_t place; /* in the heap; TIMER_FREE when not in use */
    uint32_t uses;
};

#define TIMER_FREE UINT32_MAX
#define TIMERS_MAX 65535u

struct timer_heap {
    struct timer *timers; /* by slot */
    uint32_t *heap; /* slots, the earliest first; from `count` on the free ones */
    uint32_t count, capacity;
};

int timer_add(struct timer_heap *heap, const struct timer *timer, uint32_t *number);
void timer_cancel(struct timer_heap *heap, uint32_t number);
/* When the earliest is due; GROVE_FOREVER without one. */
uint64_t timer_next_ns(const struct timer_heap *heap);
/* Take the earliest if it is due: a copy, so that the handler may cancel it. A periodic one stays, set to its next turn. */
bool timer_take_due(struct timer_heap *heap, uint64_t now_ns, struct timer *due);
void timer_deinit(struct timer_heap *heap);

#endif
