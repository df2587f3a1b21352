/*
 * The loop's timers: a binary heap ordered by due time, then by order of creation, with cancellation in O(log n).
 *
 * A timer's number is its slot in the low half and the slot's generation in the high half, so a number that has fired or
 * was cancelled names nothing, even when its slot is used again.
 */
#ifndef GROVE_LINUX_LOOP_TIMERS_H
#define GROVE_LINUX_LOOP_TIMERS_H

#include "kernel/machine/linux/loop/loop.h"

struct timer_entry {
    uint64_t when_ns;
    uint64_t order; /* of creation: equal times fire in this order */
    uint64_t number;
    loop_timer *handler;
    void *context;
};

struct timer_slot {
    uint32_t generation;
    uint32_t position; /* in entries; meaningless while free */
    uint32_t next_free;
    bool is_used;
};

struct loop_timers {
    struct timer_entry *entries;
    struct timer_slot *slots;
    uint32_t count, capacity, slots_made, first_free;
    uint64_t next_order;
};

void loop_timers_init(struct loop_timers *timers);
void loop_timers_deinit(struct loop_timers *timers);
/* GROVE_NO_MEMORY. */
int loop_timers_add(struct loop_timers *timers, uint64_t when_ns, loop_timer *handler, void *context, uint64_t *number);
/* Harmless for a number that names nothing. */
void loop_timers_cancel(struct loop_timers *timers, uint64_t number);
/* When the first one is due; UINT64_MAX if there is none. */
uint64_t loop_timers_next(const struct loop_timers *timers);
/* Take the first timer if it is due and was created before `order_limit`. */
bool loop_timers_take_due(struct loop_timers *timers, uint64_t now_ns, uint64_t order_limit, struct timer_entry *timer);

#endif
