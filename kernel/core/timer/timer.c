/* A binary heap of timers, from position 1 on: see timer.h. */
#include "kernel/core/timer/timer.h"

static void place(struct timers *timers, struct timer *timer, uint32_t position) {
    timers->heap[position] = timer;
    timer->position = position;
}

static void sift_up(struct timers *timers, struct timer *timer, uint32_t position) {
    while (position > 1 && timers->heap[position / 2]->deadline_ns > timer->deadline_ns) {
        place(timers, timers->heap[position / 2], position);
        position /= 2;
    }
    place(timers, timer, position);
}

static void sift_down(struct timers *timers, struct timer *timer, uint32_t position) {
    for (;;) {
        uint32_t child = position * 2;
        if (child > timers->count)
            break;
        if (child < timers->count && timers->heap[child + 1]->deadline_ns < timers->heap[child]->deadline_ns)
            child++;
        if (timers->heap[child]->deadline_ns >= timer->deadline_ns)
            break;
        place(timers, timers->heap[child], position);
        position = child;
    }
    place(timers, timer, position);
}

void timer_set(struct timers *timers, struct timer *timer, enum timer_kind kind, uint64_t deadline_ns) {
    timer_cancel(timers, timer);
    timer->deadline_ns = deadline_ns;
    timer->kind = kind;
    sift_up(timers, timer, ++timers->count);
}

void timer_cancel(struct timers *timers, struct timer *timer) {
    if (timer->position == 0)
        return;
    uint32_t position = timer->position;
    struct timer *last = timers->heap[timers->count--];
    timer->position = 0;
    if (last == timer)
        return;
    sift_up(timers, last, position);
    sift_down(timers, last, last->position);
}

struct timer *timers_take_due(struct timers *timers, uint64_t now_ns) {
    if (timers->count == 0 || timers->heap[1]->deadline_ns > now_ns)
        return NULL;
    struct timer *timer = timers->heap[1];
    timer_cancel(timers, timer);
    return timer;
}

uint64_t timers_earliest_ns(const struct timers *timers) {
    return timers->count > 0 ? timers->heap[1]->deadline_ns : UINT64_MAX;
}
