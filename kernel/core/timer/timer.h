/*
 * Deadlines: a binary heap of timers that are embedded in the objects that wait.
 *
 * A timer is in the heap at most once and the heap has a place for every timer that can exist, so setting one cannot
 * fail. What happens at the deadline is decided by the timer's kind (core.c has the table).
 */
#ifndef GROVE_CORE_TIMER_H
#define GROVE_CORE_TIMER_H

#include <stddef.h>
#include <stdint.h>

enum timer_kind { TIMER_STOP, TIMER_WAIT, TIMER_BOOT, TIMER_SHUT_DOWN, TIMER_KINDS };

struct timer {
    uint64_t deadline_ns;
    uint32_t position; /* in the heap, from 1; 0: not set */
    uint32_t kind; /* enum timer_kind */
};

struct timers {
    struct timer **heap;
    uint32_t count;
};

/* Set or move. */
void timer_set(struct timers *timers, struct timer *timer, enum timer_kind kind, uint64_t deadline_ns);
void timer_cancel(struct timers *timers, struct timer *timer);
/* Take out the earliest one if its deadline has come; NULL if none has. */
struct timer *timers_take_due(struct timers *timers, uint64_t now_ns);
/* UINT64_MAX if none is set. */
uint64_t timers_earliest_ns(const struct timers *timers);

#endif
